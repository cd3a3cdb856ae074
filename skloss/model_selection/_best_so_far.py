"""Which candidates of a search are the best so far."""

import bisect

import numpy as np

from skloss.model_selection._scored import mean_score


class BestSoFar:
    """Compares candidates as they are finished, so that only the best are kept.

    Parameters
    ----------
    metric : str or None
        Which of several scores decides.
    count : int, default=1
        How many are kept.
    """

    def __init__(self, metric, count=1):
        self.metric, self.count = metric, count
        self.ranks = []

    def find_loser(self, candidate, folds):
        """Compare a candidate with those before; return the number of the worst.

        None as long as there are no more than are kept. The best is scikit-learn's, in
        whichever order candidates are finished: of equal ones the lower number, of
        those without a score too.
        """
        score = mean_score(folds, self.metric)
        bisect.insort(self.ranks, (-np.inf if np.isnan(score) else score, -candidate))
        if len(self.ranks) <= self.count:
            return None
        return -self.ranks.pop(0)[1]
