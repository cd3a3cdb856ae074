"""Which candidate of a search is the best so far, and its fitted estimators."""

import numpy as np

from skloss.model_selection._scored import mean_score


class BestSoFar:
    """Keeps the estimators of the best candidate; those of the others are let go.

    Parameters
    ----------
    metric : str or None
        Which of several scores decides.
    keep_all : bool
        Whether a function chooses in the end, which alone knows the best.
    """

    def __init__(self, metric, keep_all):
        self.metric, self.keep_all = metric, keep_all
        self.best = None  # score, number and folds

    def add(self, candidate, folds):
        """Compare a candidate that is finished; return its mean score.

        Ties go to the lower number, as with scikit-learn, in whichever order
        candidates are finished.
        """
        score = mean_score(folds, self.metric)
        if self.keep_all:
            return score
        beaten = self.best is None or np.isnan(self.best[0]) or score > self.best[0]
        tied = not beaten and score == self.best[0] and candidate < self.best[1]
        loser = folds
        if beaten or tied:
            loser = self.best[2] if self.best else []
            self.best = score, candidate, folds
        for fold in loser:
            fold.estimator = None
        return score
