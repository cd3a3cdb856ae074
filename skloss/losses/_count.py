"""Counts that vary more than Poisson's: negative binomial and zero-inflated."""

from typing import ClassVar

import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from skloss.losses._core import _ops as ops
from skloss.losses._core._families import RAW_OF, RegressionLoss
from skloss.losses._core._laws import zero_inflated_poisson


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
        f, (s, outside) = raw[..., 0], ops.bound(raw[..., 1])
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

    def saturated(self, task, y_true, constant):
        """Return the mean y, with no dispersion where each row has its own."""
        f = RAW_OF["exp"](np.asarray(y_true, np.float64))
        s = np.asarray(constant)[task.size :] if self.n_global(task) else -10.0
        return np.concatenate([f, np.broadcast_to(s, f.shape)], axis=1)

    def distribution(self, raw, loc, scale):
        """Return negative binomial distributions."""
        a = dispersion_of(raw[..., 1])
        return stats.nbinom(1 / a, 1 / (1 + a * np.asarray(self.point(raw))))


class ZeroInflatedPoisson(RegressionLoss):
    """Zero-inflated Poisson negative log-likelihood, for counts with many zeros.

    ``-log(z + (1 - z) exp(-mu))`` for y = 0 and ``-log(1 - z) + mu - y log mu +
    log y!`` for y > 0, with mu = exp(f) and z = sigmoid(g) the share of rows that are 0
    whatever mu is (Lambert 1992, Section 2). ``predict`` gives the mean (1 - z) mu. g
    is clipped to [-10, 10]; beyond f = 30 mu continues linearly.
    """

    name = "zero_inflated_poisson"
    aliases = ("zip", "zip_nll")
    formula = (
        "-log(z + (1 - z) exp(-mu)) if y = 0, "
        "-log(1 - z) + mu - y log mu + log y! if not"
    )
    source = "Lambert 1992, Section 2"
    elicits = "mean and share of excess zeros"
    proper = "strict"
    gradient_growth = "exponential"
    target_scaling = "none"
    domain = "count"
    inverse = "exp"
    n_outputs = 2
    head = "log mean and logit of excess zeros"

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        f, (g, outside) = raw[..., 0], ops.bound(raw[..., 1])
        base = ops.minimum(f, 30.0)
        mu = ops.exp(base) * (1 + f - base)
        some = mu - y_true * f + ops.lgamma(y_true + 1)
        value = ops.where(y_true > 0, some, -ops.logaddexp(g, -mu))
        return ops.softplus(g) + value + outside

    def point(self, raw):
        """Return the mean."""
        some = ops.sigmoid(-ops.bound(raw[..., 1])[0])
        return some * ops.exp(ops.minimum(raw[..., 0], 30.0))

    def monitor_name(self):
        """Return "negative_log_likelihood"."""
        return "negative_log_likelihood"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return f and g of greatest likelihood, per target.

        The mean of the counts above 0 is mu / (1 - exp(-mu)), solved by Lambert's W;
        without an excess of zeros it is Poisson.
        """
        mean = np.average(y_true, axis=0, weights=sample_weight)
        mean = np.maximum(mean, 1e-6)
        some = np.average(y_true > 0, axis=0, weights=sample_weight)
        above = np.maximum(mean / np.maximum(some, 1e-6), 1 + 1e-7)
        mu = above + lambertw(-above * np.exp(-above)).real
        excess = 1 - mean / np.maximum(mu, mean)
        g = np.log(np.maximum(excess, 1e-10)) - np.log1p(-excess)
        best = [np.log(np.maximum(mu, mean)), np.clip(g, -10, 10)]
        return np.stack(best, axis=-1).ravel()

    def saturated(self, task, y_true, constant):
        """Return certain zeros, and Poisson's mean y for other counts."""
        raw = super().saturated(task, y_true, constant)
        raw[:, 1::2] = np.where(y_true > 0, -10.0, 10.0)
        return raw

    def distribution(self, raw, loc, scale):
        """Return zero-inflated Poisson distributions."""
        g = np.clip(np.asarray(raw[..., 1], dtype=np.float64), -10, 10)
        mu = np.exp(np.minimum(raw[..., 0], 30.0))
        return zero_inflated_poisson(mu, 1 / (1 + np.exp(-g)))


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
