"""A density of several peaks: mixtures of normal distributions."""

from numbers import Integral

import numpy as np
from scipy.special import softmax

from skloss.losses._core import _ops as ops
from skloss.losses._core._families import RegressionLoss
from skloss.losses._core._laws import normal_mixture
from skloss.losses._quantile import weighted_quantile


class MixtureDensity(RegressionLoss):
    """Mixture density network: the likelihood of a mixture of normals.

    ``-log sum_k w_k N(y; m_k, exp(s_k)^2)`` with w the softmax of the logits l (Bishop
    1994, Eqs. 22 to 27); raw outputs a target are all l, then all m, then all s.
    ``predict`` gives the mean, ``predict_dist`` the mixture. For one component it is
    :class:`GaussianNLL`, whose s is the log-variance.

    The likelihood has no maximum: a component on a single row gains without end as its
    deviation goes to 0. So s is clipped to [-5, 5], deviations below 0.0067 of that of
    y do not occur; and training starts not from a best constant but from components
    spread over the quantiles of y, that together have its variance.

    Parameters
    ----------
    components : int, default=3
        Number of normals; fixed within a compiled network.
    """

    name = "mixture_density"
    aliases = ("mdn", "gaussian_mixture", "mixture_density_network")
    formula = "-log sum_k w_k N(y; m_k, exp(s_k)^2)"
    source = "Bishop 1994, Eqs. 22 to 27"
    elicits = "density, as a mixture of normals"
    proper = "strict"
    gradient_growth = "exponential"
    nonnegative = False
    inverse = "mixture"
    head = "logits, means and log-deviations"

    def __init__(self, components=3):
        self.components = components

    def check(self):
        """Raise ValueError unless components is an integer of at least 1."""
        if not isinstance(self.components, Integral) or self.components < 1:
            raise ValueError(
                f"MixtureDensity: components={self.components!r} must be an integer of "
                f"at least 1."
            )

    def knobs(self):
        """Return no numbers: ``components`` shapes the network."""
        return {}

    def structure(self):
        """Return what is left, ``components`` included."""
        return (*super().structure(), self.components)

    @property
    def n_outputs(self):
        """Return three for each component."""
        return 3 * self.components

    @property
    def exponential(self):
        """Return the log-deviations."""
        return tuple(range(2 * self.components, 3 * self.components))

    def parts(self, raw):
        """Return the logits, means and log-deviations."""
        k = self.components
        return raw[..., :k], raw[..., k : 2 * k], raw[..., 2 * k :]

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        logits, m, s = self.parts(raw)
        s, outside = ops.bound(s, 5.0)
        z = (y_true[..., None] - m) * ops.exp(-s)
        log_p = ops.log_softmax(logits) - s - 0.5 * z * z - 0.9189385332046727
        return ops.sum(outside, axis=-1) - ops.logsumexp(log_p, axis=-1)

    def point(self, raw):
        """Return the mean."""
        logits, m, _ = self.parts(raw)
        return ops.sum(ops.softmax(logits) * m, axis=-1)

    def monitor_name(self):
        """Return "negative_log_likelihood"."""
        return "negative_log_likelihood"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return equal components at quantiles of y: where training can start."""
        k = self.components
        levels = (np.arange(k) + 0.5) / k
        m = np.stack([weighted_quantile(y_true, q, sample_weight) for q in levels], -1)
        mean = np.average(y_true, axis=0, weights=sample_weight)
        var = np.average((y_true - mean) ** 2, axis=0, weights=sample_weight)
        within = np.maximum(var - m.var(axis=-1), np.maximum(var / k**2, 1e-4))
        s = np.repeat(0.5 * np.log(within)[:, None], k, axis=1)
        return np.concatenate([np.zeros_like(m), m, s], axis=-1).ravel()

    def saturated(self, task, y_true, constant):
        """Return the best constant with all means at y."""
        k = self.components
        raw = np.tile(constant, (len(y_true), 1)).reshape(len(y_true), task.size, 3 * k)
        raw[..., k : 2 * k] = np.asarray(y_true)[..., None]
        return raw.reshape(len(y_true), -1)

    def distribution(self, raw, loc, scale):
        """Return mixtures of normals."""
        logits, m, s = self.parts(np.asarray(raw, dtype=np.float64))
        loc, scale = np.asarray(loc)[..., None], np.asarray(scale)[..., None]
        deviation = np.exp(np.clip(s, -5, 5)) * scale
        return normal_mixture(softmax(logits, axis=-1), m * scale + loc, deviation)
