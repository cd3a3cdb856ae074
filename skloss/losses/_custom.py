"""Losses that come from elsewhere: plain functions and Keras losses."""

import numpy as np

from skloss.exceptions import LossTargetError
from skloss.losses import _ops as ops
from skloss.losses._base import ClassificationLoss, RegressionLoss


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


def by_column(values):
    """Split an array of shape (..., columns) into arrays of shape (..., 1)."""
    return [values[..., i : i + 1] for i in range(values.shape[-1])]


def per_row(function, y_true, y_pred, like):
    """Call a loss function and return one value per row, or refuse its shape."""
    call = getattr(function, "call", function)
    value = ops.convert_to_tensor(call(y_true, y_pred))
    if len(value.shape) == len(like.shape) + 1:
        value = ops.mean(value, axis=-1)
    if len(value.shape) != len(like.shape):
        raise LossTargetError(
            f"The loss function {function!r} returned shape {tuple(value.shape)} for "
            f"{tuple(y_pred.shape)} predictions; it must return one value per row. "
            f"Reduce the last axis only, not the rows."
        )
    return value
