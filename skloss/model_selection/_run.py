"""A fused run: candidates are made ready, fused, trained and scored."""

from traceback import format_exc

from skloss import networks
from skloss.exceptions import NotFusibleError
from skloss.model_selection._cell_scorer import CellScorer
from skloss.model_selection._cells import CellMaker
from skloss.model_selection._fusing import fuse_jobs
from skloss.model_selection._ledger import Ledger
from skloss.model_selection._training import Group, Trainer


class FusedRun:
    """Trains and scores batches of candidates on folds.

    Parameters
    ----------
    scoring : Scoring
        Holds the folds too.
    parallel : dict
        Arguments of ``joblib.Parallel``.
    listeners : list of callable
        Called when a candidate is finished, see ``Ledger``.
    report : callable
        What hears of the epochs, see ``Trainer``.
    record : bool, default=False
        Whether networks may record their training, see ``CellMaker``.

    Attributes
    ----------
    ledger : Ledger
    interrupted : bool
        Whether somebody pressed Ctrl-C: what is finished stays in the ledger.
    """

    def __init__(
        self,
        scoring,
        parallel,
        listeners=(),
        *,
        report=lambda candidates: None,
        record=False,
    ):
        self.scoring, folds = scoring, scoring.folds
        self.ledger = Ledger(len(folds.splits), listeners)
        self.maker = CellMaker(folds, self.ledger, scoring.error_score, record)
        scorer = CellScorer(scoring, self.ledger)
        self.trainer = Trainer(scorer, self.ledger, parallel, report)
        self.interrupted = False

    def train_candidates(self, estimators, params, *, first=0, watch=None):
        """Train and score a batch of candidates; the ledger has what became of them.

        Parameters
        ----------
        estimators : list of estimator or Refused
            Clones with their parameters.
        params : list of dict
            What these are.
        first : int
            The number of the first candidate.
        watch : Watch, optional
            Who says at some epochs which candidates leave.
        """
        if self.interrupted:
            return
        try:
            with networks.python_random_untouched():
                cells = self.maker.make_cells(estimators, params, first)
                groups = self.make_groups(cells)
                if watch is None:
                    self.trainer.train_to_end(groups)
                else:
                    self.trainer.train_by_rungs(groups, watch)
        except KeyboardInterrupt:
            self.interrupted = True

    def make_groups(self, cells):
        """Return groups of networks that train together; close those that cannot be."""
        groups = []
        for plan, data, members in fuse_jobs(cells):
            try:
                groups.append(Group.of(plan, data, members))
            except NotFusibleError:
                raise
            except Exception as error:  # of the structure that all of them have
                if self.scoring.error_score == "raise":
                    raise
                for cell in members:
                    self.maker.close_untrained(cell.key, error, format_exc())
        return groups
