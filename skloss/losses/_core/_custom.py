"""Losses that come from elsewhere: plain functions and Keras losses."""

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import minimise_rows
from skloss.losses._core._families import ClassificationLoss, RegressionLoss
from skloss.losses._core._rehearsal import call_per_row, rehearse_function, select_rows

# What a function sees as y_pred, for one that asks for more columns.
ONE_PROBABILITY = (
    "It is the probability of class 1 (of one label at a time); that of class 0 is "
    "1 - y_pred"
)
COLUMNS_OF = {
    "binary": ONE_PROBABILITY,
    "multilabel": ONE_PROBABILITY,
    "multiclass": "They are the probabilities of the classes",
    "regression": (
        "They are the predictions, one a target. For more outputs write a subclass of "
        "RegressionLoss with n_outputs = 2, a pointwise(y_true, raw) that finds them "
        "in raw[..., 0] and raw[..., 1], and a point(raw) that returns the "
        "prediction; or take one by name, such as 'gaussian_nll' (mean and variance)"
    ),
}


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
        return call_per_row(self.function, y_true, ops.softmax(raw), y_true[..., 0])

    def binary(self, y_true, raw):
        """Return the value per element, called column by column."""
        columns = [
            call_per_row(self.function, y, ops.sigmoid(f), y[..., 0])[..., None]
            for y, f in zip(by_column(y_true), by_column(raw), strict=True)
        ]
        return ops.concatenate(columns, axis=-1)

    def constant_for(self, task, prior):
        """Return the log-odds of the frequencies."""
        return np.log(prior) - (0 if task.kind == "multiclass" else np.log1p(-prior))

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError unless the function gives a value for each row."""
        y = select_rows(y if task.kind == "multiclass" else y[:, :1])
        if task.kind == "multiclass":
            p = 0.5 * np.roll(y, 1, axis=0) + 0.5 / task.size
        else:
            p = np.linspace(0.1, 0.9, len(y))[:, None]
        rehearse_function(self.function, y, p, dtype, COLUMNS_OF[task.kind])


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
        return call_per_row(self.function, y_true, raw, y_true[..., 0])

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
        y = select_rows(y)
        p = 0.5 * (np.roll(y, 1, axis=0) + y.mean(axis=0))
        constant = np.ptp(y, axis=0) == 0
        p = np.where(constant, np.where(y == 0, 0.1, 1.1 * y), p)
        rehearse_function(self.function, y, p, dtype, COLUMNS_OF[task.kind])


def by_column(values):
    """Split an array of shape (..., columns) into arrays of shape (..., 1)."""
    return [values[..., i : i + 1] for i in range(values.shape[-1])]
