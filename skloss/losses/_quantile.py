"""Quantiles: one, or several that cannot cross."""

from typing import ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import RegressionLoss


def weighted_quantile(y, level, sample_weight=None):
    """Return the column-wise quantile of the weighted empirical distribution.

    The mean of the two ends where the quantile is an interval, so that integer weights
    equal repeated rows.
    """
    y = np.asarray(y, dtype=np.float64)
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
    return np.array([quantile_of_column(column, level, weight) for column in y.T])


def quantile_of_column(y, level, weight):
    """Return the middle of all values that are the quantile of one column."""
    order = np.argsort(y, kind="stable")
    y, share = y[order], np.cumsum(weight[order])
    target = level * share[-1]
    slack = 1e-12 * share[-1]
    low = np.searchsorted(share, target - slack)
    high = np.searchsorted(share, target + slack, side="right")
    last = len(y) - 1
    return 0.5 * (y[min(low, last)] + y[min(high, last)])


class Quantile(RegressionLoss):
    """Pinball loss; elicits quantiles.

    ``max(q r, (q - 1) r)`` with r = y - f (Koenker and Bassett 1978, Eq. 3.1);
    scikit-learn's ``PinballLoss``. With several levels, the middle one is free and
    the others are it plus or minus sums of softplus gaps, so that they cannot cross;
    the value is the mean over levels and ``predict`` gives the middle one. The loss is
    convex in the levels, so in the raw output of one, but not in the gaps of several.

    Parameters
    ----------
    quantile : float or increasing tuple of floats in (0, 1), default=0.5
    """

    name = "quantile"
    aliases = ("pinball", "pinball_loss", "quantile_loss", "multi_quantile")
    formula = "max(q (y - f), (q - 1) (y - f))"
    source = "Koenker and Bassett 1978, Eq. 3.1"
    elicits = "quantile"
    proper = "strict"
    robust = True
    target_scaling = "robust"
    has_quantiles = True
    search_space: ClassVar = {"quantile": (0.05, 0.95, "linear")}

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    def check(self):
        """Raise ValueError unless the levels increase inside (0, 1)."""
        check_range(self, "quantile", 0, 1, "()")
        if np.any(np.diff(np.atleast_1d(self.quantile)) <= 0):
            raise ValueError(
                f"{type(self).__name__}: quantile={self.quantile!r} must increase; "
                f"sort the levels and remove duplicates."
            )

    @property
    def convex(self):
        """Tell whether there is one level: gaps bend what is behind them."""
        return self.n_outputs == 1

    @property
    def n_outputs(self):
        """Return the number of levels."""
        shape = getattr(self.quantile, "shape", None)  # a tensor, once bound
        return (tuple(np.shape(self.quantile) if shape is None else shape) or (1,))[0]

    def levels(self, raw):
        """Return the levels' values from raw outputs on the last axis, increasing."""
        middle = self.n_outputs // 2
        centre = raw[..., middle : middle + 1]
        up = ops.cumsum(ops.softplus(raw[..., middle + 1 :]), axis=-1)
        down = ops.cumsum(ops.flip(ops.softplus(raw[..., :middle]), axis=-1), axis=-1)
        below = centre - ops.flip(down, axis=-1)
        return ops.concatenate([below, centre, centre + up], axis=-1)

    def pinball(self, r, q):
        """Return the value per element for residuals ``r`` and levels ``q``."""
        return ops.maximum(q * r, (q - 1) * r)

    def pointwise(self, y_true, raw):
        """Return the value per element, the mean over levels."""
        if self.n_outputs == 1:
            return self.pinball(y_true - raw, self.quantile)
        r = y_true[..., None] - self.levels(raw)
        q = ops.convert_to_tensor(self.quantile, dtype=raw.dtype)
        return ops.mean(self.pinball(r, q), axis=-1)

    def point(self, raw):
        """Return the middle level."""
        return raw if self.n_outputs == 1 else raw[..., self.n_outputs // 2]

    def monitor_name(self):
        """Return "pinball_loss"."""
        return "pinball_loss"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_level(self, y_true, q, sample_weight):
        """Return the best constant for the level ``q``, per target."""
        return weighted_quantile(y_true, q, sample_weight)

    def best_constant(self, task, y_true, sample_weight):
        """Return the best levels, as raw outputs."""
        levels = np.atleast_1d(self.quantile)
        values = np.stack(
            [self.best_level(y_true, q, sample_weight) for q in levels], axis=-1
        )
        return raw_of_levels(values).ravel()

    def saturated(self, task, y_true, constant):
        """Return each y as all of its levels, as near as raw outputs can be."""
        values = y_true[..., None] + self.best_residual(np.atleast_1d(self.quantile))
        return raw_of_levels(values).reshape(len(y_true), -1)

    def best_residual(self, q):
        """Return how far above a y that is certain its level ``q`` lies: nowhere."""
        return np.zeros_like(q)

    @property
    def quantile_levels(self):
        """Return the trained levels."""
        return np.atleast_1d(self.quantile)

    def predict_quantiles(self, raw, levels, loc=0.0, scale=1.0):
        """Return trained levels' values of shape (n, targets, levels)."""
        trained, asked = self.quantile_levels, np.atleast_1d(levels)
        same = np.isclose(asked[:, None], trained, rtol=0, atol=1e-9)
        if not same.any(axis=1).all():
            needed = tuple(sorted({*trained.tolist(), *asked.tolist()}))
            raise ValueError(
                f"{self!r} was trained for the quantiles {tuple(trained.tolist())}, "
                f"got {tuple(asked.tolist())}. Refit with "
                f"loss={type(self).__name__}({needed})."
            )
        values = raw[..., None] if len(trained) == 1 else np.asarray(self.levels(raw))
        values = values[..., same.argmax(axis=1)]
        return values * np.asarray(scale)[..., None] + np.asarray(loc)[..., None]


class SmoothQuantile(Quantile):
    """Pinball loss with a rounded corner.

    ``q r + h log(1 + exp(-r / h))`` with h = ``smoothing`` (Zheng 2011):
    :class:`Quantile` as h goes to 0. It elicits the quantile of y plus a logistic
    noise of scale h. With ``target_transform="auto"`` h is in robust standard
    deviations of y.

    Parameters
    ----------
    quantile : float or increasing tuple of floats in (0, 1), default=0.5
    smoothing : float > 0, default=0.05
    """

    name = "smooth_quantile"
    aliases = ("smooth_pinball",)
    formula = "quantile r + smoothing log(1 + exp(-r / smoothing))"
    source = "Zheng 2011"
    elicits = "quantile, smoothed"
    proper = "none"
    search_space: ClassVar = {
        "quantile": (0.05, 0.95, "linear"),
        "smoothing": (0.01, 0.5, "log"),
    }

    def __init__(self, quantile=0.5, smoothing=0.05):
        self.quantile = quantile
        self.smoothing = smoothing

    def check(self):
        """Raise ValueError unless the levels increase and smoothing > 0."""
        super().check()
        check_range(self, "smoothing", 0, float("inf"), "()")

    def pinball(self, r, q):
        """Return the value per element for residuals ``r`` and levels ``q``."""
        return q * r + self.smoothing * ops.softplus(-r / self.smoothing)

    def best_residual(self, q):
        """Return the quantile of the logistic noise."""
        return self.smoothing * logit(q)

    def best_level(self, y_true, q, sample_weight):
        """Return the root of the mean of sigmoid((c - y) / h) - q, per target."""
        h = self.smoothing
        margin = h * (1 + abs(np.log(q) - np.log1p(-q)))

        def slope(c, y):
            return np.average(expit((c - y) / h), weights=sample_weight) - q

        return np.array(
            [
                brentq(slope, y.min() - margin, y.max() + margin, args=(y,), xtol=1e-14)
                for y in np.asarray(y_true, dtype=np.float64).T
            ]
        )


def raw_of_levels(values):
    """Return levels on the last axis as raw outputs: a centre and positive gaps."""
    middle = values.shape[-1] // 2
    raw = np.log(np.expm1(np.maximum(np.diff(values, axis=-1), 1e-3)))
    centre = values[..., middle : middle + 1]
    return np.concatenate([raw[..., :middle], centre, raw[..., middle:]], axis=-1)
