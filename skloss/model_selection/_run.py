"""A fused run: candidates are made ready, fused, trained and scored."""

from skloss import networks
from skloss.model_selection._cell_scorer import CellScorer
from skloss.model_selection._cells import CellMaker, join_twins
from skloss.model_selection._ledger import Ledger
from skloss.model_selection._training import Trainer


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
    check : callable
        Called with the candidates of each batch; what it raises ends the run.

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
        check=lambda estimators: None,
    ):
        self.scoring, folds = scoring, scoring.folds
        self.ledger = Ledger(len(folds.splits), listeners)
        self.maker = CellMaker(folds, self.ledger, scoring.error_score, record)
        scorer = CellScorer(scoring, self.ledger)
        self.trainer = Trainer(scorer, self.ledger, parallel, report)
        self.check = check
        self.interrupted = False

    def train_candidates(self, estimators, params, first=0, *, watch=None):
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
        self.check(estimators)
        try:
            with networks.python_random_untouched():
                cells = self.maker.make_cells(estimators, params, first)
                if watch is None:
                    self.trainer.train_to_end(join_twins(cells))
                else:
                    self.trainer.train_by_rungs(cells, watch)
        except KeyboardInterrupt:
            self.interrupted = True

    def list_programs(self):
        """Return what each program was for, in the order in which they were needed."""
        return list(self.trainer.programs.values())

    def train_stream(self, ask, examples, *, at_once, times):
        """Train and score candidates that are asked for while others train.

        Parameters
        ----------
        ask : callable
            ``ask(count)`` returns at most ``count`` more candidates: estimators, params
            and the number of the first, as ``train_candidates`` takes them.
        examples : list of estimator
            Candidates whose losses may be asked for: programs have room for them from
            the beginning, and are made once.
        at_once : int
            How many candidates are under way.
        times : float
            How many times as many there will be.
        """

        def more_cells():
            while True:
                estimators, params, first = ask(at_once - self.ledger.count_open())
                if not estimators:
                    return []
                self.check(estimators)
                cells = self.maker.make_cells(estimators, params, first)
                if cells:  # else all have failed, and others may be asked for
                    return cells

        try:
            with networks.python_random_untouched():
                self.trainer.expected = self.maker.find_losses(examples)
                self.trainer.train_stream(more_cells, times)
        except KeyboardInterrupt:
            self.interrupted = True
