"""Losses that predict a whole distribution."""

from typing import ClassVar

import numpy as np
from scipy import stats

from skloss.losses import _ops as ops
from skloss.losses._base import RegressionLoss


class GaussianNLL(RegressionLoss):
    """Gaussian negative log-likelihood with a variance for each row.

    ``(r^2 exp(-s) + s + log 2 pi) / 2`` with s the log-variance (Nix and Weigend 1994,
    Eq. 3); two raw outputs a target: mean and s, s clipped to [-10, 10] of the scaled
    target (linearly continued in the loss's gradient through the mean). PyTorch's
    ``GaussianNLLLoss`` takes the variance and drops the constant.
    """

    name = "gaussian_nll"
    aliases = ("gaussian_nll_loss", "normal", "rmse_with_uncertainty")
    formula = "(r^2 exp(-s) + s + log 2 pi) / 2"
    source = "Nix and Weigend 1994, Eq. 3"
    elicits = "mean and variance"
    proper = "strict"
    gradient_growth = "exponential"
    n_outputs = 2
    search_space: ClassVar = {}

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        s = ops.clip(raw[..., 1], -10.0, 10.0)
        # outside the clip the log-variance is drawn back, at slope one
        outside = ops.abs(raw[..., 1] - s)
        r = y_true - raw[..., 0]
        return 0.5 * (r * r * ops.exp(-s) + s + 1.8378770664093453) + outside

    def point(self, raw):
        """Return the mean."""
        return raw[..., 0]

    def deviation(self, raw):
        """Return the standard deviation."""
        return ops.exp(0.5 * ops.clip(raw[..., 1], -10.0, 10.0))

    def monitor_name(self):
        """Return "negative_log_likelihood"."""
        return "negative_log_likelihood"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return mean and log-variance, per target."""
        mean = np.average(y_true, axis=0, weights=sample_weight)
        var = np.average((y_true - mean) ** 2, axis=0, weights=sample_weight)
        return np.stack([mean, np.log(np.maximum(var, 1e-4))], axis=-1).ravel()

    def distribution(self, raw, loc, scale):
        """Return normal distributions."""
        deviation = np.asarray(self.deviation(raw))
        return stats.norm(raw[..., 0] * scale + loc, deviation * scale)
