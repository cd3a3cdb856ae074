"""Evidential regression: a distribution over the parameters of a normal one."""

from typing import ClassVar

import numpy as np
from scipy import stats

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import RegressionLoss
from skloss.losses._count import log_rising


class EvidentialNIG(RegressionLoss):
    """Deep evidential regression: a normal-inverse-gamma distribution for each row.

    ``-log t(y; 2 a, m, b (1 + v) / (v a)) + penalty |y - m| (2 v + a)`` (Amini et al.
    2020, Eqs. 8 and 9): y is normal, and its mean and variance follow a
    normal-inverse-gamma distribution with location m, v = softplus(r_2),
    a = 1 + softplus(r_3) and b = softplus(r_4), so that y follows Student's t with 2 a
    degrees of freedom; the last argument is its squared scale. r_2 to r_4 are held
    above -10.

    ``predict_dist`` gives the t distribution. Its variance b (1 + v) / (v (a - 1)) is
    the sum of what the paper calls aleatoric, b / (a - 1), and epistemic, that divided
    by v. The likelihood knows only b (1 + v) / v, not v: the penalty alone decides, and
    pulls v to 0 (Meinert et al. 2023), so the split is not offered. With a penalty of 0
    the loss is proper.

    Parameters
    ----------
    penalty : float >= 0, default=0.01
        Weight of the evidence, 2 v + a, at wrong predictions.
    """

    name = "evidential_nig"
    aliases = ("evidential", "evidential_regression", "deep_evidential_regression")
    formula = "-log t(y; 2 a, m, b (1 + v) / (v a)) + penalty |y - m| (2 v + a)"
    source = "Amini et al. 2020, Eqs. 8 and 9"
    elicits = "location, scale and degrees of freedom of Student's t"
    gradient_growth = "exponential"
    nonnegative = False
    n_outputs = 4
    head = "normal-inverse-gamma"
    exponential = (1, 2, 3)  # softplus is one below zero, where the variance explodes
    search_space: ClassVar = {"penalty": (1e-3, 1.0, "log")}

    def __init__(self, penalty=0.01):
        self.penalty = penalty

    def check(self):
        """Raise ValueError unless penalty >= 0."""
        check_range(self, "penalty", 0, float("inf"), "[)")

    def parts(self, raw):
        """Return v, a, b, and how far the raw outputs are below -10."""
        r = ops.maximum(raw[..., 1:], -10.0)
        outside = ops.sum(r - raw[..., 1:], axis=-1)
        v, a, b = (ops.softplus(r[..., k]) for k in range(3))
        return v, 1 + a, b, outside

    def likelihood(self, y_true, raw):
        """Return minus the log-density of the t distribution per element."""
        v, a, b, outside = self.parts(raw)
        width = b * (1 + v) / v
        z = ops.square(y_true - raw[..., 0]) / (2 * width)
        value = (a + 0.5) * ops.log1p(z) + 0.5 * ops.log(width / a)
        return value - log_rising(0.5, a) + 0.9189385332046727 + outside

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        v, a, _, _ = self.parts(raw)
        evidence = ops.abs(y_true - raw[..., 0]) * (2 * v + a)
        return self.likelihood(y_true, raw) + self.penalty * evidence

    def point(self, raw):
        """Return the location."""
        return raw[..., 0]

    def monitor_name(self):
        """Return "negative_log_likelihood"."""
        return "negative_log_likelihood"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the likelihood part, without the penalty."""
        return ops.mean(self.likelihood(y_true, self.split(task, raw)), axis=-1)

    def best_constant(self, task, y_true, sample_weight):
        """Return v = 1, a = 2 and the t distribution with mean and variance of y.

        It is where training can start: the infimum is not attained, since the penalty
        pulls v and b to 0.
        """
        m = np.average(y_true, axis=0, weights=sample_weight)
        var = np.average((y_true - m) ** 2, axis=0, weights=sample_weight)
        b = 0.5 * np.maximum(var, 1e-4)
        one = np.full_like(m, np.log(np.expm1(1.0)))
        return np.stack([m, one, one, b + np.log(-np.expm1(-b))], axis=-1).ravel()

    def distribution(self, raw, loc, scale):
        """Return t distributions."""
        raw = np.asarray(raw, dtype=np.float64)
        v, a, b = np.moveaxis(np.logaddexp(0, np.maximum(raw[..., 1:], -10.0)), -1, 0)
        deviation = np.sqrt(b * (1 + v) / (v * (1 + a)))
        return stats.t(2 * (1 + a), raw[..., 0] * scale + loc, deviation * scale)
