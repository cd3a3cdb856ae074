"""From what training left of some cells to their scores, which the ledger keeps."""

import time
from functools import cache, partial
from traceback import format_exception

from optuna import TrialPruned

from skloss._diagnosis._rate_findings import find_divergence
from skloss._engine import Outcome
from skloss.estimators._base import with_fitted
from skloss.estimators._finish import finish, make_fitted
from skloss.model_selection._out_of_fold import predict_fold
from skloss.model_selection._scoring import predict_cells

OUTCOMES = {
    Outcome.FINISHED: "finished",
    Outcome.STOPPED_EARLY: "stopped early",
    Outcome.DIVERGED: "diverged",
}


class CellScorer:
    """Finishes the fits of cells, scores them, and notes it in the ledger.

    Parameters
    ----------
    scoring : Scoring
    ledger : Ledger
    """

    def __init__(self, scoring, ledger):
        self.scoring, self.ledger = scoring, ledger

    def score_cells(self, cells, results):
        """Finish and score cells that trained together."""
        trained = []
        for first, result in zip(cells, results, strict=True):
            finish_once = cache(partial(finish_net, first, result))
            for cell in first.all_twins:
                if self.note_training(cell, result) is None:
                    trained += self.try_finish(cell, result.curve, finish_once)
        if not trained:
            return
        for which in self.scoring.folds.scored_parts:
            begin = time.perf_counter()
            outputs = predict_cells(trained, which)
            predicting = (time.perf_counter() - begin) / len(trained)
            for cell, raw in zip(trained, outputs, strict=True):
                self.score_cell(cell, raw, which, predicting)

    def note_training(self, cell, result):
        """Note how a training ended; return what it failed by, or raise that."""
        outcome, text = OUTCOMES[result.outcome], None
        error = result.error
        if error is not None:
            outcome = f"failed: {error!r}"
        elif result.outcome is Outcome.DIVERGED:
            finding = find_divergence(make_fitted(cell.job, result))
            error = ValueError(str(finding))
            outcome = f"{outcome} in epoch {result.n_epochs}"
            # one text for all cells, which scikit-learn counts in one warning
            text = f"{finding.headline}\n"
        before = self.ledger.scored[cell.key].fit_time  # of its rungs
        self.ledger.note(
            cell.key,
            fit_time=before + result.seconds,
            epochs=result.n_epochs,
            outcome=outcome,
        )
        if error is None:
            return None
        self.note_failure(cell, error, text)
        return error

    def note_failure(self, cell, error, text=None):
        """Note what a fit failed by, or raise that."""
        # a pruned trial asks for the end of its search, and is no failure
        if self.scoring.error_score == "raise" or isinstance(error, TrialPruned):
            raise error
        self.ledger.note(
            cell.key,
            error=text or "".join(format_exception(error)),
            test_scores=None,  # nor those of the rungs before count
            train_scores=None,
            estimator=None,
            predictions=None,
        )

    def try_finish(self, cell, curve, finish_once):
        """Return the cell, finished, in a list; none if that fails.

        Parameters
        ----------
        cell : Cell
        curve : list of float
            Of its training.
        finish_once : callable
            Returns the fitted net, which is that of all twins.
        """
        try:
            trained = cell.after_training(finish_once()).fit_later()
        except Exception as error:  # a calibration predicts rows that it set aside
            self.note_failure(cell, error)
            self.ledger.note(cell.key, outcome=f"failed: {error!r}")
            return []
        self.ledger.note(cell.key, curve=curve, estimator=trained.estimator)
        return [trained]

    def score_cell(self, cell, raw, which, predicting):
        """Score one trained cell whose raw outputs are known, and note it."""
        begin = time.perf_counter()
        facts = {f"{which}_scores": self.scoring.score_cell(cell, raw, which)}
        if which == "test" and self.scoring.keeps_predictions:
            X, _ = self.scoring.folds.take_part(cell.fold, "test")
            facts["predictions"] = predict_fold(cell, raw, X)
        if which == "test":
            facts["score_time"] = predicting + time.perf_counter() - begin
        self.ledger.note(cell.key, **facts)


def finish_net(cell, result):
    """Return the net of a cell, fitted."""
    # thousands of states would be several times as large as the weights
    fitted = finish(cell.job, result, keep_state=False)
    (X, *_), params = cell.given
    fitted = cell.net._finish_fit(fitted, X, params.get("sample_weight"))
    return with_fitted(cell.net, fitted)
