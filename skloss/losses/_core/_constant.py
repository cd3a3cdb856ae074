"""The constant raw output that minimises a loss, found numerically in float64."""

import hashlib
import threading
from collections import OrderedDict

import numpy as np
from scipy.optimize import minimize

from skloss.losses._core import _ops as ops
from skloss.losses._core._task import Task

MAX_REMEMBERED = 256
_lock = threading.Lock()
_remembered = OrderedDict()


def best_constant(loss, task, y_true, sample_weight):
    """Return ``loss.best_constant``, found once: in a search many networks share it."""
    data = y_true, sample_weight
    return remember(
        "constant", loss, task, data, lambda: loss.best_constant(task, *data)
    )


def remember(name, loss, task, data, compute):
    """Return what ``compute()`` returns for a loss, a task and arrays, computed once.

    The result is kept under the name. Of the arrays only a digest is kept.
    """
    digest = hashlib.blake2b()
    for array in data:
        digest.update(np.ascontiguousarray(array).tobytes())
    knobs = tuple((k, np.asarray(v).tobytes()) for k, v in loss.knobs().items())
    shapes = tuple(np.shape(array) for array in data)
    key = name, loss.structure(), knobs, task, shapes, digest.digest()
    with _lock:
        if key in _remembered:
            _remembered.move_to_end(key)
            return _remembered[key].copy()
    # outside the lock, which would make all threads wait for one search: two that ask
    # for the same at a time find the same
    result = np.array(compute(), np.float64)
    with _lock:
        _remembered[key] = result
        if len(_remembered) > MAX_REMEMBERED:
            _remembered.popitem(last=False)
    return result.copy()


def minimise_constant(loss, task, target, start, sample_weight=None):
    """Minimise the loss over constant raw outputs with BFGS.

    Parameters
    ----------
    loss : Loss
    task : Task
    target : ndarray
        Class frequencies (classification) or the encoded y (regression).
    start : ndarray
        Where the search begins.
    sample_weight : ndarray of shape (n,), optional

    Returns
    -------
    ndarray of shape (n_raw,)
    """
    target = np.asarray(target, dtype=np.float64)
    y, value = objective(loss, task, target, sample_weight)

    def value_and_gradient(raw):
        rows = ops.broadcast_to(ops.convert_to_tensor(raw[None]), (len(y), len(raw)))
        total, slope = ops.value_and_gradient(value, rows)
        return float(total), np.asarray(slope).sum(axis=0)

    start = np.asarray(start, dtype=np.float64)
    # a step this small is the last: after it, rounding leads line searches nowhere
    options = {"gtol": 1e-10, "xrtol": 1e-7}
    return minimize(
        value_and_gradient, start, jac=True, method="BFGS", options=options
    ).x


def minimise_rows(loss, task, y_true, start):
    """Minimise the loss over raw outputs that are free for every row, with L-BFGS.

    Parameters
    ----------
    loss : RegressionLoss
    task : Task
    y_true : ndarray of shape (n, targets)
    start : ndarray of shape (n, n_raw)
        Where the search begins, and, if the loss is not finite there, ends.

    Returns
    -------
    ndarray of shape (n, n_raw)
    """
    return lowest_rows(objective(loss, task, y_true, None)[1], start)


def lowest_rows(value, start):
    """Return the raw outputs near ``start``, row by row, where ``value`` is least."""

    def value_and_gradient(flat):
        rows = ops.convert_to_tensor(flat.reshape(start.shape).astype(start.dtype))
        total, slope = ops.value_and_gradient(value, rows)
        return float(total), np.asarray(slope).ravel()

    # a start that is not finite, or flat, gives a line search nothing to go by
    at_start = np.hstack(value_and_gradient(start.ravel()))
    if not np.isfinite(at_start).all() or not at_start[1:].any():
        return start
    options = {"ftol": 1e-12, "gtol": 1e-8}
    return minimize(
        value_and_gradient, start.ravel(), jac=True, method="L-BFGS-B", options=options
    ).x.reshape(start.shape)


def objective(loss, task, target, sample_weight):
    """Return the encoded rows and the total value as a function of raw outputs."""
    if task.kind == "regression":
        weight = np.ones(len(target)) if sample_weight is None else sample_weight
        weight = weight / weight.sum()
        return target, lambda z: loss.batch_value(task, target, z, weight)
    # rows of one class have one constant: classes and frequencies replace the rows
    if task.kind == "multiclass":  # one row per class, weighing its frequency
        y, weight = np.eye(task.size), target / target.sum()
        return y, lambda z: loss.batch_value(task, y, z, weight)
    # a 0 and a 1 for each label, each label with frequencies of its own
    y = np.stack([np.zeros(task.size), np.ones(task.size)])
    weight = np.stack([1 - target, target])
    if not loss.decomposable:
        one = Task("binary", 1)
        return y, lambda z: sum(
            loss.batch_value(one, y[:, j : j + 1], z[:, j : j + 1], weight[:, j])
            for j in range(task.size)
        )
    return y, lambda z: ops.sum(weight * loss.binary(y, z))
