"""Distributions that ``scipy.stats`` lacks, made in its manner."""

import numpy as np
from scipy import special, stats

BISECTIONS = 64  # of a bracket: the quantile is exact to rounding


class NormalMixture(stats.rv_continuous):
    """A mixture of normal distributions.

    Its shape parameters are all weights, then all means, then all deviations.
    """

    def _parts(self, shapes):
        """Return weights, means and deviations, the components on the first axis."""
        stacked = np.stack(np.broadcast_arrays(*shapes))
        return stacked.reshape(3, -1, *stacked.shape[1:])

    def _argcheck(self, *shapes):
        w, _, s = self._parts(shapes)
        return (w >= 0).all(axis=0) & (s > 0).all(axis=0)

    def _logpdf(self, x, *shapes):
        w, m, s = self._parts(shapes)
        return special.logsumexp(stats.norm.logpdf(x, m, s), axis=0, b=w)

    def _pdf(self, x, *shapes):
        return np.exp(self._logpdf(x, *shapes))

    def _cdf(self, x, *shapes):
        w, m, s = self._parts(shapes)
        return np.sum(w * special.ndtr((x - m) / s), axis=0)

    def _sf(self, x, *shapes):
        w, m, s = self._parts(shapes)
        return np.sum(w * special.ndtr((m - x) / s), axis=0)

    def _ppf(self, q, *shapes):
        # between the least and the greatest of the components' quantiles
        _, m, s = self._parts(shapes)
        quantiles = m + s * special.ndtri(q)
        low, high = quantiles.min(axis=0), quantiles.max(axis=0)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            below = self._cdf(middle, *shapes) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return 0.5 * (low + high)

    def _stats(self, *shapes):
        w, m, s = self._parts(shapes)
        mean = np.sum(w * m, axis=0)
        d = m - mean
        var = np.sum(w * (d**2 + s**2), axis=0)
        third = np.sum(w * (d**3 + 3 * d * s**2), axis=0)
        fourth = np.sum(w * (d**4 + 6 * d**2 * s**2 + 3 * s**4), axis=0)
        return mean, var, third / var**1.5, fourth / var**2 - 3

    def _rvs(self, *shapes, size=None, random_state=None):
        w, m, s = self._parts(shapes)
        which, normal = random_state.uniform(size=size), random_state.normal(size=size)
        start, value = 0.0, 0.0
        for weight, mean, deviation in zip(w, m, s, strict=True):
            value = np.where(which >= start, mean + deviation * normal, value)
            start = start + weight
        return value


def normal_mixture(weights, means, deviations):
    """Return a frozen mixture of normals; the components are on the last axis."""
    n = np.shape(weights)[-1]
    names = [f"{part}{k}" for part in ("w", "m", "s") for k in range(n)]
    law = NormalMixture(name="normal_mixture", shapes=", ".join(names))
    parts = (weights, means, deviations)
    return law(*(column for part in parts for column in np.moveaxis(part, -1, 0)))


class ZeroInflated(stats.rv_discrete):
    """A Poisson variable that is replaced by 0 with probability ``zero``."""

    def _argcheck(self, mu, zero):
        return (mu >= 0) & (zero >= 0) & (zero < 1)

    def _logpmf(self, k, mu, zero):
        at_zero = np.log(zero + (1 - zero) * np.exp(-mu))
        return np.where(k == 0, at_zero, np.log1p(-zero) + stats.poisson.logpmf(k, mu))

    def _pmf(self, k, mu, zero):
        return np.exp(self._logpmf(k, mu, zero))

    def _cdf(self, k, mu, zero):
        return zero + (1 - zero) * stats.poisson.cdf(k, mu)

    def _sf(self, k, mu, zero):
        return (1 - zero) * stats.poisson.sf(k, mu)

    def _ppf(self, q, mu, zero):
        rest = np.clip((q - zero) / (1 - zero), 0, 1)
        k = np.maximum(stats.poisson.ppf(rest, mu), 0)
        return np.where((k > 0) & (self._cdf(k - 1, mu, zero) >= q), k - 1, k)

    def _stats(self, mu, zero):
        mean = (1 - zero) * mu
        return mean, mean * (1 + zero * mu), None, None

    def _rvs(self, mu, zero, size=None, random_state=None):
        some = random_state.uniform(size=size) >= zero
        return some * random_state.poisson(mu, size)


zero_inflated_poisson = ZeroInflated(name="zero_inflated_poisson")
