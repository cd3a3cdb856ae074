"""The negative binomial distribution: counts that vary more than Poisson's."""

from typing import ClassVar

import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar

from skloss.losses import _ops as ops
from skloss.losses._base import RegressionLoss


class NegativeBinomial(RegressionLoss):
    """Negative binomial negative log-likelihood, for counts.

    ``log Gamma(k) + log y! - log Gamma(y + k) + (k + y) log(1 + mu / k) -
    y log(mu / k)`` with mean mu = exp(f), dispersion a = 1 / k = softplus(s) and
    variance mu + a mu^2 (Hilbe 2011, "NB2"; ``scipy.stats``' ``nbinom`` with n = k
    and p = 1 / (1 + a mu)). a going to 0 gives Poisson; s is clipped to [-10, 10]. Raw
    outputs are f of all targets, then s of all targets.

    Parameters
    ----------
    dispersion : {"common", "row"}, default="common"
        One trained dispersion a target, as in a regression table, or one a row.
    """

    name = "negative_binomial"
    aliases = ("nb", "nb2", "neg_binomial", "negative_binomial_nll")
    formula = (
        "log Gamma(k) + log y! - log Gamma(y + k) + (k + y) log(1 + mu / k) "
        "- y log(mu / k)"
    )
    source = "Hilbe 2011"
    elicits = "mean and dispersion"
    proper = "strict"
    gradient_growth = "exponential"
    target_scaling = "none"
    domain = "count"
    inverse = "exp"
    n_outputs = 2
    search_space: ClassVar = {}

    def __init__(self, dispersion="common"):
        self.dispersion = dispersion

    def check(self):
        """Raise ValueError unless dispersion is "common" or "row"."""
        if self.dispersion not in ("common", "row"):
            raise ValueError(
                f"NegativeBinomial: dispersion={self.dispersion!r} must be 'common' or "
                f"'row'."
            )

    @property
    def head(self):
        """Return what the raw outputs are."""
        return f"log mean and dispersion ({self.dispersion})"

    def n_global(self, task):
        """Return one dispersion a target, unless each row has its own."""
        return task.size if self.dispersion == "common" else 0

    def split(self, task, raw):
        """Return log mean and s of each target on a last axis."""
        return ops.stack([raw[..., : task.size], raw[..., task.size :]], axis=-1)

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        f, (s, outside) = raw[..., 0], ops.held(raw[..., 1])
        a = ops.softplus(s)
        k = 1 / a
        value = (k + y_true) * ops.softplus(f + ops.log(a)) - y_true * f
        return value - log_rising(y_true, k) + ops.lgamma(y_true + 1) + outside

    def point(self, raw):
        """Return the mean."""
        return ops.exp(ops.minimum(raw[..., 0], 30.0))

    def trained(self, task, last):
        """Return the dispersion of each target."""
        return {"dispersion": dispersion_of(last)} if len(last) else {}

    def monitor_name(self):
        """Return "negative_log_likelihood"."""
        return "negative_log_likelihood"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return log mean, and the s of greatest likelihood, per target."""
        mean = np.average(y_true, axis=0, weights=sample_weight)
        mean = np.maximum(mean, 1e-6)
        s = [
            best_dispersion(y, mu, sample_weight)
            for y, mu in zip(np.transpose(y_true), mean, strict=True)
        ]
        return np.concatenate([np.log(mean), s])

    def distribution(self, raw, loc, scale):
        """Return negative binomial distributions."""
        a = dispersion_of(raw[..., 1])
        return stats.nbinom(1 / a, 1 / (1 + a * np.asarray(self.point(raw))))


def dispersion_of(s):
    """Return the dispersion that a raw output stands for."""
    return np.logaddexp(0, np.clip(s, -10, 10))


def best_dispersion(y, mean, sample_weight):
    """Return the s of greatest likelihood for counts of a known mean."""
    counts, where = np.unique(y, return_inverse=True)
    weight = np.bincount(where, sample_weight)

    def nll(s):
        a = dispersion_of(s)
        log_p = stats.nbinom.logpmf(counts, 1 / a, 1 / (1 + a * mean))
        return -np.average(log_p, weights=weight)

    options = {"xatol": 1e-9}
    return minimize_scalar(nll, bounds=(-10, 10), options=options).x


def log_rising(y, k):
    """Return log Gamma(y + k) - log Gamma(k) - y log k.

    By Stirling's series where k >= 8, since the two terms are huge and nearly equal
    for the large k of a small dispersion.
    """
    large = k >= 8
    near, far = ops.minimum(k, 8.0), ops.maximum(k, 8.0)
    direct = ops.lgamma(y + near) - ops.lgamma(near) - y * ops.log(near)
    series = (far + y - 0.5) * ops.log1p(y / far) - y
    series = series + stirling_rest(far + y) - stirling_rest(far)
    return ops.where(large, series, direct)


def stirling_rest(x):
    """Return log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x >= 8."""
    u = 1 / (x * x)
    return (1 / 12 - u * (1 / 360 - u * (1 / 1260 - u * (1 / 1680 - u / 1188)))) / x
