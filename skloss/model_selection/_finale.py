"""What follows the training of a search, and how many seconds it may take."""

import numpy as np

from skloss.model_selection._search_ensemble import SEEDS, EnsembleBuilder

# Several seeds may take so large a part of a timeout, after which it ends with fewer.
SEEDS_SHARE = 1 / 3


class Finale:
    """Reckons what the winner's refit and the ensemble of a search will take.

    Parameters
    ----------
    search : FusedSearch
    scoring : Scoring
    timeout : float
    """

    def __init__(self, search, scoring, timeout):
        self.refits, self.timeout = search.refit is not False, timeout
        self.seeds, self.keep = search._ensemble_kind == "seeds", search.keep
        self.builder = self.seconds_of_a_score = None
        if search._ensemble_kind == "greedy" and np.isfinite(timeout):
            self.builder = EnsembleBuilder(scoring, search._metric, search.estimator)

    def hear(self, folds):
        """Measure the ensemble on the first candidate that is finished."""
        if self.builder is not None and self.seconds_of_a_score is None:
            self.seconds_of_a_score = self.builder.time_score(folds)

    def estimate(self, seconds, making, told):
        """Return the seconds that all of it takes.

        Parameters
        ----------
        seconds, making : float
            Of fitting the winner once, and of making its program.
        told : int
            How many candidates are finished.
        """
        refit = seconds + making if self.refits else 0.0
        if self.seeds:
            others = (SEEDS - 1) * seconds
            refit += min(others, max(0.0, SEEDS_SHARE * self.timeout - refit))
        if not self.seconds_of_a_score:
            return refit
        calls = self.builder.count_scores(min(self.keep, told))
        return refit + calls * self.seconds_of_a_score
