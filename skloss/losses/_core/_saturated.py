"""The saturated model: one whose raw outputs are free for every row.

Its loss is the least that any network could reach, and the zero from which training
losses are measured: likelihoods and deviances have additive constants, or cannot reach
zero, so that a share of their value says nothing.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import lowest_rows, objective, remember
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._frequencies import log_odds

NEARLY_ONE = 1 - 1e-6
NEGLIGIBLE = 1e-3  # of the loss of scores of zero


def saturated_outputs(loss, task, y_true, constant):
    """Return the raw outputs of the saturated model.

    For numbers they predict y itself, and what else a raw output says, such as a
    scale, is that of the best constant wherever the loss would fall without end: the
    convention of the deviance (McCullagh and Nelder 1989, Section 2.3).

    Parameters
    ----------
    loss : Loss
    task : Task
    y_true : ndarray of shape (n, task.size)
    constant : ndarray of shape (n_raw,)
        The best constant.

    Returns
    -------
    ndarray of shape (n, n_raw)
    """
    if task.kind == "regression":
        return loss.saturated(task, y_true, constant)
    scores = certain_scores(loss, task)
    if task.kind == "multiclass":
        return y_true @ scores
    return np.where(y_true > 0.5, scores[1], scores[0])


def certain_scores(loss, task):
    """Return the raw outputs of rows whose class is certain, remembered.

    Returns
    -------
    ndarray of shape (classes, n_raw), or (2, n_raw) for labels that are 0, or 1
    """
    return remember("certain", loss, task, (), lambda: find_certain(loss, task))


def find_certain(loss, task):
    """Return the raw outputs of rows whose class is certain.

    Most losses are next to their least where all but a millionth of the probability is
    the class's. Others have a minimum, in closed form or, for those that treat all
    classes alike, on the way there; else it is searched for.
    """
    size, several = task.size, task.kind == "multiclass"
    y, value = objective(loss, task, np.full(size, 1 / size if several else 0.5), None)
    if several and loss.head != "scores":  # thresholds between ordered classes
        return find_best_constants(loss, task, y)
    certain = np.array([log_odds(task, clip_frequencies(row)) for row in y])
    if is_flat(value, certain, loss.nonnegative):
        return certain
    if loss.constant_for.__func__ is not ClassificationLoss.constant_for:
        return find_best_constants(loss, task, y)
    # A minimum at finite scores, as of squared margins, lies on the way from zero to
    # certainty for losses that treat all classes alike: a search along one line.
    log_share = minimize_scalar(
        lambda x: float(value(np.exp(x) * certain)), bounds=(-6.0, 0.0)
    ).x
    nearer = np.exp(log_share) * certain
    return nearer if is_flat(value, nearer) else lowest_rows(value, nearer)


def is_flat(value, scores, nonnegative=False):
    """Tell whether a loss is next to its least at ``scores``: there is no way down."""
    at_zero = float(value(np.zeros_like(scores)))
    if nonnegative and float(value(scores)) <= NEGLIGIBLE * at_zero:
        return True
    slope = ops.gradient(value, ops.convert_to_tensor(scores))
    way = np.abs(slope).max() * max(np.abs(scores).max(), 1.0)
    return way <= NEGLIGIBLE * np.abs(at_zero)


def find_best_constants(loss, task, y):
    """Return the best constant of a table of each row of ``y`` alone."""
    one = np.ones(1)
    return np.array([loss.best_constant(task, row[None], one) for row in y], float)


def clip_frequencies(prior):
    """Return frequencies that are neither 0 nor 1."""
    return np.clip(prior, 1 - NEARLY_ONE, NEARLY_ONE)
