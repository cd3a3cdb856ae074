"""Losses that come from elsewhere: plain functions and Keras losses."""

import numpy as np

from skloss.exceptions import LossTargetError
from skloss.losses import _ops as ops
from skloss.losses._base import ClassificationLoss, RegressionLoss
from skloss.losses._constant import minimise_rows


class CustomLoss(ClassificationLoss):
    """A function ``f(y_true, y_pred)`` as a classification loss.

    Parameters
    ----------
    function : callable or keras.losses.Loss
        ``f(y_true, y_pred)`` returning one value per row, in ``keras.ops`` or
        TensorFlow. It sees what a Keras user expects: 0/1 and the sigmoid of shape
        (n, 1), or one-hot and softmax of shape (n, classes).
    proper : {"none", "order", "link", "strict"}, default="none"
        What you know of it. "link" gives probabilities that follow from the function
        itself; right for smooth losses, wrong where it has a kink at its optimum.
    """

    def __init__(self, function, proper="none"):
        self.function = function
        self.proper = proper

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        return per_row(self.function, y_true, ops.softmax(raw), y_true[..., 0])

    def binary(self, y_true, raw):
        """Return the value per element, called column by column."""
        columns = [
            per_row(self.function, y, ops.sigmoid(f), y[..., 0])[..., None]
            for y, f in zip(by_column(y_true), by_column(raw), strict=True)
        ]
        return ops.concatenate(columns, axis=-1)

    def constant_for(self, task, prior):
        """Return the log-odds of the frequencies."""
        return np.log(prior) - (0 if task.kind == "multiclass" else np.log1p(-prior))

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError unless the function gives a value for each row."""
        y = some_rows(y if task.kind == "multiclass" else y[:, :1])
        if task.kind == "multiclass":
            p = 0.5 * np.roll(y, 1, axis=0) + 0.5 / task.size
        else:
            p = np.linspace(0.1, 0.9, len(y))[:, None]
        rehearsed(self.function, y, p, dtype)


class CustomRegressionLoss(RegressionLoss):
    """A function ``f(y_true, y_pred)`` as a regression loss, in the user's units.

    Parameters
    ----------
    function : callable or keras.losses.Loss
        ``f(y_true, y_pred)`` for arrays of shape (n, targets), returning one value
        per row or per element, in ``keras.ops`` or TensorFlow.
    """

    in_user_units = True

    def __init__(self, function):
        self.function = function

    def rowwise(self, task, y_true, raw):
        """Return the value per row."""
        return per_row(self.function, y_true, raw, y_true[..., 0])

    def best_constant(self, task, y_true, sample_weight):
        """Return the mean: a start, not the function's own minimiser."""
        return np.average(y_true, axis=0, weights=sample_weight)

    def saturated(self, task, y_true, constant):
        """Return the predictions at which the function is least, sought from y."""
        return minimise_rows(self, task, y_true, np.array(y_true))

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError unless the function gives a value for each row.

        It is tried on predictions among the values of y.
        """
        y = some_rows(y)
        p = 0.5 * (np.roll(y, 1, axis=0) + y.mean(axis=0))
        constant = np.ptp(y, axis=0) == 0
        p = np.where(constant, np.where(y == 0, 0.1, 1.1 * y), p)
        rehearsed(self.function, y, p, dtype)


def by_column(values):
    """Split an array of shape (..., columns) into arrays of shape (..., 1)."""
    return [values[..., i : i + 1] for i in range(values.shape[-1])]


def per_row(function, y_true, y_pred, like):
    """Call a loss function and return one value per row, or refuse its shape."""
    call = getattr(function, "call", function)
    value = ops.cast(call(y_true, y_pred), like.dtype)
    if len(value.shape) == len(like.shape) + 1:
        value = ops.mean(value, axis=-1)
    if len(value.shape) != len(like.shape):
        raise LossTargetError(
            f"The loss function {function!r} returned shape {tuple(value.shape)} for "
            f"{tuple(y_pred.shape)} predictions; it must return one value per row. "
            f"Reduce the last axis only, not the rows."
        )
    return value


def some_rows(y):
    """Return at most 500 rows, never as many as columns: a test of axes."""
    n = min(len(y), 500)
    n = n + (n == y.shape[1])
    return y[np.linspace(0, len(y) - 1, n).astype(int)]


def rehearsed(function, y_true, y_pred, dtype):
    """Raise LossTargetError unless the function gives a trainable value for each row.

    Parameters
    ----------
    function : callable or keras.losses.Loss
    y_true, y_pred : ndarray of shape (n, columns)
        Ordinary targets and predictions.
    dtype : {"auto", "float32", "float64"}
        "auto": in either.
    """
    for name in ("float32", "float64") if dtype == "auto" else (dtype,):
        y = ops.convert_to_tensor(y_true, dtype=name)
        p = ops.convert_to_tensor(y_pred, dtype=name)
        wrong = complaint(function, y, p, name)
        if wrong:
            label = getattr(function, "__name__", type(function).__name__)
            raise LossTargetError(f"The loss function {label!r} {wrong}")


def complaint(function, y, p, dtype):
    """Return what is wrong with the value of a function, and the remedy, or None."""
    call = getattr(function, "call", function)
    shape, rows = tuple(p.shape), len(p)
    try:
        value = call(y, p)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        return (
            f"failed on y_true and y_pred of shape {shape} and dtype {dtype}: "
            f"{type(error).__name__}: {first} It must take tensors of this shape; cast "
            f"what is of another dtype with ops.cast(x, y_pred.dtype), or set "
            f"dtype='float32' or 'float64'."
        )
    if not hasattr(value, "dtype") or isinstance(value, np.ndarray | np.generic):
        return (
            f"returned {type(value).__name__}, which TensorFlow cannot differentiate. "
            f"Return a tensor: use keras.ops in place of NumPy and Python numbers."
        )
    kind = value.dtype.name
    if "float" not in kind:
        return (
            f"returned values of dtype {kind}, which have no gradient. Return floats, "
            f"for example a difference of y_true and y_pred instead of a comparison."
        )
    if tuple(value.shape) not in ((rows,), (rows, 1), shape):
        return wrong_shape(tuple(value.shape), shape)
    numbers = np.asarray(value, dtype=np.float64)
    if not np.isfinite(numbers).all():
        at = int(np.argwhere(~np.isfinite(numbers))[0][0])
        return (
            f"returned {numbers[at].ravel()[0]:g} for y_true={np.asarray(y[at])} and "
            f"y_pred={np.asarray(p[at])}. Keep logarithms, roots and divisions away "
            f"from zero, for example ops.log(ops.maximum(x, 1e-7))."
        )
    slope = ops.gradient(lambda p: per_row(function, y, p, y[..., 0]), p)
    if not np.any(np.asarray(slope)):
        return (
            "does not change with y_pred: its gradient is zero, so that nothing can be "
            "trained. Avoid rounding, comparing and argmax."
        )
    return None


def wrong_shape(got, shape):
    """Return the complaint about the shape of a function's value."""
    if got == ():
        return (
            f"returned a single number for y_pred of shape {shape}; it must return one "
            f"value per row. Reduce the last axis only, as in ops.mean(..., axis=-1); "
            f"for a loss of a whole batch write a subclass of ClassificationLoss or "
            f"RegressionLoss with decomposable = False."
        )
    return (
        f"returned shape {got} for y_pred of shape {shape}; it must return one value "
        f"per row, of shape {shape[:1]}, or one per element, of shape {shape}. Reduce "
        f"the last axis (axis=-1), not the rows, and keep y_true and y_pred of one "
        f"shape."
    )
