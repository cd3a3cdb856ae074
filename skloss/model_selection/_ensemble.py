"""Averages of what a search has trained."""

from sklearn.base import is_classifier, is_regressor

from skloss.estimators._transition_regressor import TransitionRegressor
from skloss.model_selection._candidates import predicts
from skloss.model_selection._classifier_ensemble import FoldEnsembleClassifier
from skloss.model_selection._last_step import get_last_step
from skloss.model_selection._regressor_ensemble import FoldEnsembleRegressor


def average_folds(estimator, folds):
    """Return the average of a candidate's networks, or in words what it needs.

    Parameters
    ----------
    estimator : estimator
        The search's.
    folds : list of Scored
        Of the candidate.

    Returns
    -------
    FoldEnsembleClassifier, FoldEnsembleRegressor or str
    """
    missing = [
        f"fold {i}: {fold.outcome}"
        for i, fold in enumerate(folds)
        if fold.estimator is None
    ]
    if missing:
        return (
            f"a network of every fold of the best candidate, trained here "
            f"({', '.join(missing)})"
        )
    if not predicts(estimator):
        return "a network that predicts; here others do, behind a transformer"
    kind = find_ensemble(estimator)
    if kind is None:
        return "one task; several have no one mean, nor have policies"
    return kind([fold.estimator for fold in folds])


def is_of_values(estimator):
    """Tell whether an estimator is one of values, or ends in one."""
    return isinstance(get_last_step(estimator), TransitionRegressor)


def find_ensemble(estimator):
    """Return the class that averages such estimators.

    None for several tasks, for values of actions and states, and where no network
    predicts.
    """
    if not predicts(estimator) or is_of_values(estimator):
        return None
    if is_classifier(estimator):
        return FoldEnsembleClassifier
    return FoldEnsembleRegressor if is_regressor(estimator) else None
