"""The refit of a search's winner on all rows."""

import numpy as np
from sklearn.base import clone

from skloss import schedules
from skloss.estimators._fit_network import fit_network
from skloss.model_selection._candidates import find_net, predicts
from skloss.model_selection._fit_arguments import capture_fit_arguments

VALIDATION = ("X_val", "y_val", "sample_weight_val")


def refit_best(estimator, X, y, fit_params, curves):
    """Fit the estimator; with early stopping for the epochs that the folds chose.

    Then no rows are set aside, and schedules reckon with the original ``epochs``. A
    schedule that watches the validation score still needs one: it is fitted as usual,
    and so is a net that was given validation data.

    Parameters
    ----------
    estimator : estimator
        Not fitted; of the best candidate.
    X, y : array-like
    fit_params : dict
    curves : list of list of float
        The folds' validation scores, epoch by epoch; lower is better.

    Returns
    -------
    estimator
    """
    net = find_net(estimator)
    if not predicts(estimator):  # what stands behind a transformer is fitted, too
        return estimator.fit(X, y, **fit_params)
    watches = schedules.get(net.lr_schedule).monitors
    if not net.early_stopping or watches or not all(curves):
        return estimator.fit(X, y, **fit_params)
    estimator, (data, params) = capture_fit_arguments(estimator, net, X, y, fit_params)
    if any(params.get(name) is not None for name in VALIDATION):
        net.fit(*data, **params)
        return estimator
    # groups have no rows to be kept out of
    params = {n: v for n, v in params.items() if n not in (*VALIDATION, "groups")}
    without = clone(net).set_params(early_stopping=False, validation_scoring=None)
    net._fitted = fit_network(without, *data, **params, epochs=choose_epochs(curves))
    return estimator


def choose_epochs(curves):
    """Return the epoch (from 1) at which the mean of the curves is lowest.

    A fold that stopped keeps its last score. Epochs without a score do not count.
    """
    longest = max(map(len, curves))
    full = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
    means = np.mean(full, axis=0)
    return int(np.argmin(np.where(np.isnan(means), np.inf, means))) + 1
