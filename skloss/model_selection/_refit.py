"""The refit of a search's winner on all rows."""

import numpy as np

from skloss import schedules
from skloss.model_selection._cells import net_of


def refitted(estimator, X, y, fit_params, curves):
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
    net = net_of(estimator)
    watches = schedules.get(net.lr_schedule).monitors
    if not net.early_stopping or watches or not all(curves):
        return estimator.fit(X, y, **fit_params)
    own = {"early_stopping": True, "validation_scoring": net.validation_scoring}

    def fit(X, y, sample_weight=None, groups=None, **validation):
        if any(value is not None for value in validation.values()):
            return type(net).fit(net, X, y, sample_weight, groups=groups, **validation)
        net.set_params(**dict.fromkeys(own, None) | {"early_stopping": False})
        epochs = best_epoch(curves)  # groups have no rows to be kept out of
        return net._train(net._plan_fit(X, y, sample_weight, epochs=epochs))

    net.fit = fit
    try:
        estimator.fit(X, y, **fit_params)
    finally:
        del net.fit
        net.set_params(**own)
    return estimator


def best_epoch(curves):
    """Return the epoch (from 1) at which the mean of the curves is lowest.

    A fold that stopped keeps its last score. Epochs without a score do not count.
    """
    longest = max(map(len, curves))
    full = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
    means = np.mean(full, axis=0)
    return int(np.argmin(np.where(np.isnan(means), np.inf, means))) + 1
