"""Losses made from another by a different mean over the batch."""

import math
from typing import ClassVar

from skloss._params import is_number
from skloss._params._checks import check_range
from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._scores import zero_one_loss
from skloss.losses._core._wrapper import Wrapper, without


class Reduction(Wrapper):
    """Another mean over the rows of a batch.

    What a loss elicits, its probabilities and its distribution hold under the ordinary
    mean over rows, so none is claimed here. A subclass says whether it is robust and
    convex.
    """

    elicits = "nothing known"
    proper = "none"
    decomposable = False
    has_probabilities = False
    has_distribution = False
    has_quantiles = False
    distribution = without("distribution")
    predict_quantiles = without("predict_quantiles")
    quantile_levels = without("quantile_levels")

    def check(self):
        """Raise unless the wrapped loss has a value for each row."""
        super().check()
        if not self.loss.decomposable:
            raise LossTargetError(
                f"{type(self).__name__}: loss={self.loss!r} has no value for each row, "
                f"so there is nothing to reduce; wrap a loss of single rows."
            )

    def batch_value(self, task, y_true, raw, weight):
        """Return sum(weight) times the mean over rows."""
        value = self.loss.rowwise(task, y_true, raw)
        return ops.sum(weight) * self.mean(value, weight)

    def choose_by_probabilities(self, there, none):
        """Return ``none()``, for there are no probabilities."""
        return none()

    def monitor_name(self):
        """Return the wrapped loss's, the zero-one loss for classes."""
        if self.family == "classification":
            return "zero_one_loss"
        return self.loss.monitor_name()

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss-neutral score per row; lower is better."""
        if self.family == "classification":
            return zero_one_loss(task, y_true, self.loss.scores(task, raw))
        return self.loss.monitor(task, y_true, raw, class_weight)


class CVaR(Reduction):
    """Conditional value at risk: the mean over the worst rows.

    The weighted mean of the largest values that hold the share ``alpha`` of a batch's
    weight (Rockafellar and Uryasev 2000; "average top-k", Fan et al. 2017). For rare
    groups and risk-averse use; with mislabelled rows it trains on the mistakes. In
    small batches the worst share is a rough guess: use batches of 64 and more.

    Parameters
    ----------
    loss : Loss
        With a value for each row.
    alpha : float in (0, 1], default=0.1
        1 is the mean.
    """

    own_space: ClassVar = {"alpha": (0.05, 1.0, "log")}
    robust = False

    def __init__(self, loss, alpha=0.1):
        self.loss = loss
        self.alpha = alpha

    def check(self):
        """Raise ValueError unless 0 < alpha <= 1."""
        super().check()
        check_range(self, "alpha", 0, 1, "(]")

    def mean(self, value, weight):
        """Return the weighted mean of the worst share."""
        return -mean_of_lowest(-value, weight, self.alpha)


class Trimmed(Reduction):
    """The mean without the worst rows.

    The weighted mean of the smallest values that hold the share ``1 - fraction`` of a
    batch's weight (least trimmed squares, Rousseeuw 1984; "small-loss trick", Han et
    al. 2018). Outliers and mislabelled rows drop out, and so do rare rows that are
    right.

    Parameters
    ----------
    loss : Loss
        With a value for each row.
    fraction : float in [0, 1), default=0.1
        0 is the mean.
    """

    own_space: ClassVar = {"fraction": (0.01, 0.5, "log")}
    convex = False

    def __init__(self, loss, fraction=0.1):
        self.loss = loss
        self.fraction = fraction

    @property
    def robust(self):
        """Tell whether rows are left out, or the wrapped loss bears them."""
        return self.loss.robust or self.fraction != 0

    def check(self):
        """Raise ValueError unless 0 <= fraction < 1."""
        super().check()
        check_range(self, "fraction", 0, 1, "[)")

    def mean(self, value, weight):
        """Return the weighted mean of the best share."""
        return mean_of_lowest(value, weight, 1 - self.fraction)


class Tilted(Reduction):
    """Tilted mean: between the mean, the worst row and the best one.

    ``log(mean(exp(t value))) / t`` (Li et al. 2021, Eq. 2). t > 0 turns to the worst
    rows, t < 0 away from them, 0 is the mean.

    Parameters
    ----------
    loss : Loss
        With a value for each row.
    t : float, default=1.0
    """

    own_space: ClassVar = {"t": (-2.0, 2.0, "linear")}
    robust = False

    def __init__(self, loss, t=1.0):
        self.loss = loss
        self.t = t

    def check(self):
        """Raise ValueError unless t is finite."""
        super().check()
        if not is_number(self.t) or not math.isfinite(self.t):
            raise ValueError(f"Tilted: t={self.t!r} must be a finite number.")

    @property
    def convex(self):
        """Tell whether the wrapped loss is, and rows are not tilted away from."""
        return self.loss.convex and is_number(self.t) and self.t >= 0

    def mean(self, value, weight):
        """Return the tilted weighted mean, accurate for small t too."""
        t = ops.convert_to_tensor(self.t, dtype=value.dtype)
        t = ops.where(ops.abs(t) < 1e-6, 1e-6 * ops.ones_like(t), t)
        share = weight / total_of(weight)
        centre = ops.sum(share * value)
        z = ops.where(share > 0, t * (value - centre), ops.zeros_like(value))
        top = ops.stop_gradient(ops.max(z))
        return centre + (top + ops.log1p(ops.sum(share * ops.expm1(z - top)))) / t


def mean_of_lowest(value, weight, share):
    """Return the weighted mean of the lowest values that hold ``share`` of the weight.

    The row at the edge counts in part, so that a weight equals repeated rows.
    """
    order = ops.argsort(ops.stop_gradient(value))
    value, weight = ops.take(value, order), ops.take(weight, order)
    budget = share * total_of(weight)
    before = ops.cumsum(weight) - weight
    part = ops.clip(budget - before, 0, weight)
    return ops.sum(part * value) / budget


def total_of(weight):
    """Return the sum of the weights, kept from zero: a batch may hold none."""
    return ops.maximum(ops.sum(weight), 1e-12)
