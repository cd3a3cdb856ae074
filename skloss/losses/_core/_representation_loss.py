"""The family of losses on representations: what rows are to each other, or themselves.

A raw output is no prediction of y here but a coordinate: what a step before another
estimator hands on.
"""

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._core._combined import Combined, agreed
from skloss.losses._core._loss import Loss
from skloss.losses._core._loss_sum import LossSum


class RepresentationLoss(Loss):
    """A loss on representations: ``task.n_components`` coordinates for each row.

    Subclasses define ``batch_value``: what rows are to each other is no sum over rows.
    The rows' weights add up to the share of all rows that the batch is, so that a value
    is a mean of the batch times the sum of its weights.

    Attributes
    ----------
    target : {"classes", "numbers", "features", None}
        What ``y_true`` is: the number of each row's class, -1 where there is no label;
        the numbers of y, scaled; X itself; a column of zeros.
    has_density : bool
        Rows have a log-density, which ``score_samples`` gives.
    normalizes : bool
        Representations are unit vectors: raw outputs divided by their length.
    """

    family = "representation"
    kinds = ("representation",)
    elicits = "a representation"
    decomposable = False
    monitors_itself = True
    nonnegative = True
    target = None
    has_density = False
    target_scaling = "standard"
    domain = "real"
    normalizes = False

    def n_raw(self, task):
        """Return the number of raw outputs: the coordinates."""
        return task.n_components

    def inverse_link(self, task, raw):
        """Return the representation, (n, n_components)."""
        return normalize(raw) if self.normalizes else raw

    def monitor_name(self):
        """Return the name of the score that early stopping watches: the loss's own."""
        return "loss"

    def best_constant(self, task, y_true, sample_weight):
        """Return zeros: no constant is better than another, since rows are compared."""
        return np.zeros(self.n_raw(task))

    def outputs(self, task, columns):
        """Return no raw output: none of them belongs to a column of y."""
        return np.zeros(0, dtype=int)


class RepresentationSum(LossSum, RepresentationLoss):
    """A sum of losses on representations; made by :class:`LossSum`.

    Terms may need different views, and one of them y: the others do not look at it.
    """

    family = "representation"
    normalizes = Combined(agreed)
    inverse_link = Combined(agreed)

    @property
    def target(self):
        """Return what y must be for the terms that need it."""
        needed = {loss.target for loss in self.losses} - {None}
        return needed.pop() if needed else None


def normalize(x):
    """Return vectors divided by their length, those of zeros as they are.

    By the largest coordinate first, whose square may have no room.
    """
    top = ops.max(ops.abs(x), axis=-1, keepdims=True)
    x = x / ops.stop_gradient(ops.where(top > 0, top, 1.0))
    length = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x / ops.sqrt(ops.where(length > 0, length, 1.0))
