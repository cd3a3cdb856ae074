"""Regression as classification into bins of the target."""

from numbers import Integral
from typing import ClassVar

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._core._families import RegressionLoss


class HLGauss(RegressionLoss):
    """Histogram loss with Gaussian targets; the prediction is the histogram's mean.

    ``-sum_k t_k log v_k`` with v the softmax of ``bins`` raw outputs and t_k the mass
    that a normal distribution around y, with a standard deviation of ``sigma`` bins,
    has in bin k (Imani and White 2018; sigma as in Farebrother et al. 2024).
    Equal bins cover the training target and three of these standard deviations on
    either side. A target beyond the range counts as its end; one outlier in training
    makes all bins wide.

    The mean of the masses is y to 0.3 % of a bin's width, and to 0.5 % of a standard
    deviation more near the ends, where a tail is cut. A narrower distribution would lie
    in one bin and have its centre predicted, which at sigma = 0.1 misses y by up to
    29 % of a width: hence the bound on ``sigma``.

    Parameters
    ----------
    bins : int, default=32
        Number of raw outputs a target; fixed within a compiled network.
    sigma : float >= 0.5, default=0.75
        Standard deviation in widths of a bin, at most a sixth of ``bins - 1``.
    """

    name = "hl_gauss"
    aliases = ("histogram", "histogram_loss")
    formula = "-sum_k t_k log v_k, t_k the mass of N(y, sigma bins) in bin k"
    source = "Imani and White 2018"
    elicits = "mean"
    proper = "strict"
    convex = True
    inverse = "histogram"
    search_space: ClassVar = {"sigma": (0.5, 1.0, "log")}
    measured = ("low_", "high_")
    low_ = None
    high_ = None

    def __init__(self, bins=32, sigma=0.75):
        self.bins = bins
        self.sigma = sigma

    def check(self):
        """Raise ValueError unless sigma >= 0.5 and the bins are enough for it."""
        if not self.sigma >= 0.5:
            raise ValueError(
                f"HLGauss: sigma={self.sigma!r} must be at least 0.5 widths of a bin: "
                f"with less, the mean of the histogram misses y. More bins make them "
                f"narrower."
            )
        if not isinstance(self.bins, Integral) or self.bins < 6 * self.sigma + 1:
            raise ValueError(
                f"HLGauss: bins={self.bins!r} must be an integer of at least "
                f"6 sigma + 1 = {6 * self.sigma + 1:g}."
            )

    def knobs(self):
        """Return the numbers but ``bins``, which shapes the network."""
        return {k: v for k, v in super().knobs().items() if k != "bins"}

    def structure(self):
        """Return what is left, ``bins`` included."""
        return (*super().structure(), self.bins)

    @property
    def n_outputs(self):
        """Return the number of bins."""
        return self.bins

    def measure(self, task, y_true, sample_weight):
        """Return the range of each target."""
        low, high = y_true.min(axis=0), y_true.max(axis=0)
        half = np.where(high > low, 0.0, 0.5)
        return {"low_": low - half, "high_": high + half}

    def range_of(self, dtype):
        """Return the ends of the target, -4 and 4 where they are not known."""
        low = -4.0 if self.low_ is None else self.low_
        high = 4.0 if self.high_ is None else self.high_
        return [ops.convert_to_tensor(end, dtype=dtype) for end in (low, high)]

    def edges(self, dtype):
        """Return the bins + 1 edges, on the last axis, and their distance."""
        low, high = self.range_of(dtype)
        width = ((high - low) / (self.bins - 6 * self.sigma))[..., None]
        steps = ops.arange(self.bins + 1, dtype=dtype)
        return low[..., None] + width * (steps - 3 * self.sigma), width

    def masses(self, y_true, dtype):
        """Return the targets' masses in the bins, on a last axis."""
        edges, width = self.edges(dtype)
        y = ops.clip(y_true, *self.range_of(dtype))[..., None]
        below = ops.erf((edges - y) / (1.4142135623730951 * self.sigma * width))
        total = below[..., -1:] - below[..., :1]
        return (below[..., 1:] - below[..., :-1]) / total

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        t = self.masses(y_true, raw.dtype)
        return ops.logsumexp(raw, axis=-1) - ops.sum(t * raw, axis=-1)

    def point(self, raw):
        """Return the mean of the predicted histogram."""
        edges, width = self.edges(raw.dtype)
        centres = edges[..., 1:] - 0.5 * width
        return ops.sum(ops.softmax(raw) * centres, axis=-1)

    def best_constant(self, task, y_true, sample_weight):
        """Return the logs of the mean masses."""
        mass = self._masses_of(y_true)
        mean = np.average(mass, axis=0, weights=sample_weight)
        return np.log(np.maximum(mean, 1e-10)).ravel()

    def saturated(self, task, y_true, constant):
        """Return the logs of each row's masses: the value is their entropy."""
        log_mass = np.log(np.maximum(self._masses_of(y_true), 1e-10))
        return log_mass.reshape(len(y_true), -1)

    def _masses_of(self, y_true):
        """Return the masses of the bins as NumPy numbers of double precision."""
        return np.asarray(self.masses(np.asarray(y_true, np.float64), "float64"))
