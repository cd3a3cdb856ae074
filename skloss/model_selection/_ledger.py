"""The books of a search: what is known of each cell, and who hears of a candidate."""

from dataclasses import replace

from skloss.model_selection._scored import Scored, mean_score


class Ledger:
    """Keeps the scores of all cells, and tells when a candidate is finished.

    Cells are named by candidate and fold.

    Parameters
    ----------
    n_splits : int
    listeners : list of callable
        Each is called as ``listener(candidate, folds)`` when the last fold of a
        candidate is closed, with the Scored of its folds.

    Attributes
    ----------
    scored : dict of (candidate, fold) to Scored
    open_folds : dict of int to int
        How many folds of each candidate are not closed yet.
    """

    def __init__(self, n_splits, listeners=()):
        self.n_splits, self.listeners = n_splits, list(listeners)
        self.scored, self.open_folds = {}, {}

    def open(self, candidate):
        """Begin the page of a candidate."""
        self.open_folds[candidate] = self.n_splits
        for fold in range(self.n_splits):
            self.scored[candidate, fold] = Scored()

    def note(self, key, **facts):
        """Put new facts in place of those known of a cell."""
        self.scored[key] = replace(self.scored[key], **facts)

    def close(self, key):
        """Note that nothing more comes of a cell; tell who listens of the last."""
        candidate, _ = key
        self.open_folds[candidate] -= 1
        if self.is_finished(candidate):
            for listener in self.listeners:
                listener(candidate, self.get_folds(candidate))

    def is_finished(self, candidate):
        """Tell whether all folds of a candidate are closed."""
        return self.open_folds.get(candidate) == 0

    def count_open(self):
        """Return how many candidates are not finished."""
        return sum(count > 0 for count in self.open_folds.values())

    def get_folds(self, candidate):
        """Return the Scored of a candidate's folds, in their order."""
        return [self.scored[candidate, fold] for fold in range(self.n_splits)]

    def mean_scores(self, candidates, metric):
        """Return each candidate's mean test score; NaN where a fold has none."""
        return {
            candidate: mean_score(self.get_folds(candidate), metric)
            for candidate in sorted(candidates)
        }

    def drop_estimators(self, candidate):
        """Let go of the fitted estimators of a candidate, and of their predictions."""
        for fold in range(self.n_splits):
            self.note((candidate, fold), estimator=None, predictions=None)
