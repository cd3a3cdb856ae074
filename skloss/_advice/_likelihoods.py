"""Which distribution fits a target best, around what a quick model predicts of it.

Each has one or two numbers that are the same for all rows, which are fitted; where it
stands is out-of-fold. Two are compared by the mean of differences of log-densities,
row by row (Vuong 1989, Section 5).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar

MOST_DEGREES = 50.0  # of freedom; more are a normal distribution


# Of a gain that counts: errors of the baseline alone look like .02 to .05.
LEAST_NATS, LEAST_Z = 0.06, 2.0


@dataclass(frozen=True)
class Gain:
    """How much better one distribution fits than another.

    Attributes
    ----------
    nats : float
        Mean difference of log-densities, a row.
    z : float
        That over its standard error.
    """

    nats: float
    z: float

    @property
    def counts(self):
        """Whether it is neither small nor luck."""
        return self.nats >= LEAST_NATS and self.z >= LEAST_Z


def compare_likelihoods(first, second):
    """Return the Gain of log-densities over others of the same rows."""
    difference = np.subtract(first, second)
    error = difference.std() / np.sqrt(len(difference))
    nats = float(difference.mean())
    if error == 0:
        return Gain(nats, np.copysign(np.inf, nats) if nats else 0.0)
    return Gain(nats, float(nats / error))


def fit_likelihoods(y, baseline):
    """Return the log-densities of the rows by each distribution that y can have.

    Parameters
    ----------
    y : ndarray of shape (n,)
    baseline : Baseline

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Of integers probabilities, of all distributions, so that they can be compared.
    """
    counts = y.min() >= 0 and np.array_equal(y, np.floor(y))
    found = fit_around(y, baseline, width=1.0 if counts else None)
    if counts:
        found |= fit_counts(y, baseline.positive_mean)
    elif y.min() > 0:
        found |= fit_positive(y, baseline)
        if y.max() < 1:
            found["beta"] = fit_beta(y, baseline.mean)
    return found


def fit_around(y, baseline, width):
    """Return log-densities of distributions of all numbers.

    Parameters
    ----------
    y : ndarray of shape (n,)
    baseline : Baseline
    width : float or None
        Of the interval around each y whose probability it is; None for a density.
    """
    mean, median, spread = baseline.mean, baseline.median, baseline.spread
    scales = np.abs(y - mean).mean() * np.array([1e-3, 1e2])

    def log(family, centre, scale, *shape):
        if width is None:
            return family.logpdf(y, *shape, centre, scale)
        ends = [
            family.cdf(y + side * width / 2, *shape, centre, scale) for side in (-1, 1)
        ]
        return np.log(np.maximum(ends[1] - ends[0], np.finfo(float).tiny))

    def fit_t(centre, scale):
        degrees = (1.0, MOST_DEGREES)
        return fit_number(lambda own: log(stats.t, centre, scale, own), degrees)

    return {
        "normal": fit_number(lambda s: log(stats.norm, mean, s), scales),
        "laplace": fit_number(lambda s: log(stats.laplace, median, s), scales),
        "student_t": fit_number(lambda s: fit_t(median, s), scales),
        "normal, spread by row": fit_number(
            lambda c: log(stats.norm, mean, c * spread), (1e-2, 1e2)
        ),
        "student_t, spread by row": fit_number(
            lambda c: fit_t(mean, c * spread), (1e-2, 1e2)
        ),
    }


def fit_counts(y, mean):
    """Return the logarithms of the probabilities of counts."""

    def inflate(odds):
        share = odds / (1 + odds)
        own = mean / (1 - share)  # so that the mean stays what it is
        some = np.log1p(-share) + stats.poisson.logpmf(y, own)
        return np.where(y == 0, np.log(share + (1 - share) * np.exp(-own)), some)

    def spread(dispersion):
        size = 1 / dispersion
        return stats.nbinom.logpmf(y, size, size / (size + mean))

    return {
        "poisson": stats.poisson.logpmf(y, mean),
        "negative_binomial": fit_number(spread, (1e-4, 1e2)),
        "zero_inflated_poisson": fit_number(inflate, (1e-4, 1e2)),
    }


def fit_positive(y, baseline):
    """Return log-densities of distributions of positive numbers."""
    mean, log_mean = baseline.positive_mean, baseline.log_mean
    return {
        "gamma": fit_number(
            lambda k: stats.gamma.logpdf(y, k, scale=mean / k), (1e-2, 1e4)
        ),
        "log_normal": fit_number(
            lambda s: stats.norm.logpdf(np.log(y), log_mean, s) - np.log(y), (1e-4, 1e2)
        ),
    }


def fit_beta(y, mean):
    """Return log-densities of beta distributions."""
    mean = np.clip(mean, 1e-3, 1 - 1e-3)
    return fit_number(
        lambda k: stats.beta.logpdf(y, mean * k, (1 - mean) * k), (1e-1, 1e5)
    )


def fit_number(log_density, bounds):
    """Return log-densities at the positive number that makes their mean largest."""

    def deviance(log_number):
        return -np.mean(log_density(np.exp(log_number)))

    found = minimize_scalar(deviance, bounds=np.log(bounds), method="bounded")
    return log_density(np.exp(found.x))
