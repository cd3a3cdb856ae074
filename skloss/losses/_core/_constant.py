"""The constant raw output that minimises a loss, found numerically in float64."""

import hashlib
import threading
from collections import OrderedDict

import numpy as np
from scipy.optimize import minimize

from skloss.losses._core import _ops as ops
from skloss.losses._core._loss import Loss
from skloss.losses._core._task import Task

MAX_REMEMBERED = 256
# Central differences of fourth order (Abramowitz and Stegun 1964, 25.3.6), whose steps
# are so small that a kink beside hardly matters, and whose rounding is about 1e-12.
STEP, BESIDE, SHARES = 1e-4, np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1]) / 12
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
    start = np.asarray(start, dtype=np.float64)
    value_and_gradient = differentiate_on_arrays(loss, task, target, start)
    if value_and_gradient is None:
        y, value = objective(loss, task, target, sample_weight)

        def value_and_gradient(raw):
            rows = ops.convert_to_tensor(np.tile(raw, (len(y), 1)))
            total, slope = ops.value_and_gradient(value, rows)
            return float(total), np.asarray(slope).sum(axis=0)

    # a step this small is the last: after it, rounding leads line searches nowhere
    options = {"gtol": 1e-10, "xrtol": 1e-7}
    return minimize(
        value_and_gradient, start, jac=True, method="BFGS", options=options
    ).x


def differentiate_on_arrays(loss, task, frequencies, start):
    """Return the value and slope of constant raw outputs as a function, in NumPy.

    None where the loss of a row does not stand for itself, or NumPy lacks an operation
    of it. Classes have few rows, for which TensorFlow's gradient takes thirty times
    as long as values beside each other.

    Parameters
    ----------
    loss : Loss
    task : Task
    frequencies : ndarray
        Of classes, or of ones for each label.
    start : ndarray of shape (n_raw,)
        Where it is tried.
    """
    if task.kind == "regression" or not loss.decomposable:
        return None
    y, weight = weigh_classes(task, frequencies)
    by_label = task.kind != "multiclass"
    if not by_label and type(loss).batch_value is not Loss.batch_value:
        return None

    def values_of(points):
        z, rows = np.repeat(points, len(y), axis=0), np.tile(y, (len(points), 1))
        if by_label:
            values = ops.call_on_arrays(loss.binary, rows, z)
        else:
            values = ops.call_on_arrays(loss.rowwise, task, rows, z)
        if not isinstance(values, np.ndarray) or values.dtype != np.float64:
            return None
        values = values.reshape(len(points), *weight.shape) * weight
        return values.reshape(len(points), -1).sum(axis=1)

    def value_and_gradient(raw):
        beside = np.kron(np.eye(len(raw)), BESIDE[:, None])
        values = values_of(np.vstack([raw, raw + STEP * beside]))
        return values[0], values[1:].reshape(len(raw), -1) @ SHARES / STEP

    return None if values_of(start[None]) is None else value_and_gradient


def weigh_classes(task, frequencies):
    """Return a row for each class, encoded, or a 0 and a 1 for each label; and weights.

    Rows of one class have one constant: classes and frequencies replace the rows.
    """
    if task.kind == "multiclass":
        return np.eye(task.size), frequencies / frequencies.sum()
    y = np.stack([np.zeros(task.size), np.ones(task.size)])
    return y, np.stack([1 - frequencies, frequencies])


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
    y, weight = weigh_classes(task, target)
    if task.kind == "multiclass":
        return y, lambda z: loss.batch_value(task, y, z, weight)
    if not loss.decomposable:
        one = Task("binary", 1)
        return y, lambda z: sum(
            loss.batch_value(one, y[:, j : j + 1], z[:, j : j + 1], weight[:, j])
            for j in range(task.size)
        )
    return y, lambda z: ops.sum(weight * loss.binary(y, z))
