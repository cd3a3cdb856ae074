"""Which candidate of a search is the best so far."""

import numpy as np

from skloss.model_selection._scored import mean_score


class BestSoFar:
    """Compares candidates as they are finished, so that only the best are kept.

    Parameters
    ----------
    metric : str or None
        Which of several scores decides.
    """

    def __init__(self, metric):
        self.metric = metric
        self.best = None

    def find_loser(self, candidate, folds):
        """Compare a candidate with the best before; return the number of the worse.

        None where there was none before. The best is scikit-learn's, in whichever
        order candidates are finished: of equal ones the lower number, of those without
        a score too.
        """
        score = mean_score(folds, self.metric)
        rank = -np.inf if np.isnan(score) else score, -candidate
        if self.best is not None and rank < self.best:
            return candidate
        before, self.best = self.best, rank
        return None if before is None else -before[1]
