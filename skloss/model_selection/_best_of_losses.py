"""The best candidate of each loss of a search, its networks kept."""

import numpy as np

from skloss.model_selection._candidates import find_net
from skloss.model_selection._ensemble import find_ensemble
from skloss.model_selection._scored import mean_score


class BestOfLosses:
    """Keeps, as candidates are finished, the networks of the best one of each loss.

    Parameters
    ----------
    metric : str or None
        Which of several scores decides.
    """

    def __init__(self, metric):
        self.metric, self.best = metric, {}

    def complete(self, candidate, folds):
        """Compare a finished candidate with those before that have its loss.

        One without a score, or without a network of every fold here, is none.
        """
        score = mean_score(folds, self.metric)
        if np.isnan(score) or any(fold.estimator is None for fold in folds):
            return
        estimators = [fold.estimator for fold in folds]
        rank = score, -candidate  # of equal ones the lower number, as scikit-learn
        name = name_loss(estimators)
        if name not in self.best or rank > self.best[name][0]:
            self.best[name] = rank, estimators

    def average_folds(self, estimator):
        """Return the average of each loss's networks, the best loss first.

        Parameters
        ----------
        estimator : estimator
            The search's.

        Returns
        -------
        dict of str to FoldEnsembleClassifier or FoldEnsembleRegressor
            Empty for several tasks, which have no one mean.
        """
        kind = find_ensemble(estimator)
        if kind is None:
            return {}
        ranked = sorted(self.best, key=lambda name: self.best[name][0], reverse=True)
        return {name: kind(self.best[name][1]) for name in ranked}


def name_loss(estimators):
    """Return the name of the loss of networks; of "auto" folds may have several."""
    losses = [find_net(own).loss_ for own in estimators]
    return " or ".join(dict.fromkeys(loss.name or repr(loss) for loss in losses))
