"""Losses that predict a whole distribution: a location and a scale for each row."""

from typing import ClassVar

import numpy as np
from scipy import stats

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import minimise_constant
from skloss.losses._core._families import RegressionLoss
from skloss.losses._quantile import weighted_quantile


class LocationScale(RegressionLoss):
    """A distribution with two raw outputs a target: a location and a log-scale s.

    A subclass gives ``value(r, s)`` of the residual, and ``law(loc, scale)``, the
    distribution of ``scipy.stats``. s is clipped to [-10, 10], outside of which the
    loss rises with slope one.
    """

    proper = "strict"
    gradient_growth = "exponential"
    nonnegative = False
    target_scaling = "robust"
    n_outputs = 2
    head = "location and log-scale"
    exponential = (1,)

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        s, outside = ops.bound(raw[..., 1])
        return self.value(y_true - raw[..., 0], s) + outside

    def point(self, raw):
        """Return the location."""
        return raw[..., 0]

    def deviation(self, raw):
        """Return the scale."""
        return ops.exp(ops.bound(raw[..., 1])[0])

    def monitor_name(self):
        """Return "negative_log_likelihood"."""
        return "negative_log_likelihood"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return location and log-scale, found from median and mean deviation."""
        start = np.stack(median_and_log_deviation(y_true, sample_weight), axis=-1)
        return minimise_constant(self, task, y_true, start.ravel(), sample_weight)

    def distribution(self, raw, loc, scale):
        """Return the predicted distributions."""
        spread = np.asarray(self.deviation(raw))
        return self.law(raw[..., 0] * scale + loc, spread * scale)


class GaussianNLL(LocationScale):
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
    target_scaling = "standard"
    head = "mean and log-variance"

    def __init__(self):
        pass

    def value(self, r, s):
        """Return the value per element."""
        return 0.5 * (r * r * ops.exp(-s) + s + 1.8378770664093453)

    def deviation(self, raw):
        """Return the standard deviation."""
        return ops.exp(0.5 * ops.bound(raw[..., 1])[0])

    def best_constant(self, task, y_true, sample_weight):
        """Return mean and log-variance, per target."""
        mean = np.average(y_true, axis=0, weights=sample_weight)
        var = np.average((y_true - mean) ** 2, axis=0, weights=sample_weight)
        return np.stack([mean, np.log(np.maximum(var, 1e-4))], axis=-1).ravel()

    def law(self, loc, scale):
        """Return normal distributions."""
        return stats.norm(loc, scale)


class BetaNLL(GaussianNLL):
    """Gaussian likelihood whose gradient is weighted by a power of the variance.

    The gradient of :class:`GaussianNLL` for a row, times ``exp(beta s)`` with s its
    log-variance, held constant (Seitzer et al. 2022, Eq. 5). 0 is the likelihood; with
    1 the mean is trained as by the squared error. It is a device for training, not a
    score: the value reported, in ``history_`` too, is the likelihood itself.

    Parameters
    ----------
    beta : float in [0, 1], default=0.5
    """

    name = "beta_nll"
    aliases = ("beta_nll_loss",)
    formula = "(r^2 exp(-s) + s + log 2 pi) / 2, its gradient times exp(beta s)"
    source = "Seitzer et al. 2022, Eq. 5"
    search_space: ClassVar = {"beta": (0.05, 1.0, "linear")}

    def __init__(self, beta=0.5):
        self.beta = beta

    def check(self):
        """Raise ValueError unless 0 <= beta <= 1."""
        check_range(self, "beta", 0, 1, "[]")

    def value(self, r, s):
        """Return the likelihood per element; its gradient is weighted."""
        nll = super().value(r, s)
        weight = ops.stop_gradient(ops.exp(self.beta * s))
        return ops.stop_gradient(nll) + weight * (nll - ops.stop_gradient(nll))


class LaplaceNLL(LocationScale):
    """Laplace negative log-likelihood: the absolute error with a scale for each row.

    ``|r| exp(-s) + s + log 2`` with s the log-scale (Laplace 1774; ``scipy.stats``'
    ``laplace``). The location is the median, the scale the mean absolute deviation
    from it, which is the standard deviation over sqrt(2) for a Laplace distribution.
    """

    name = "laplace_nll"
    aliases = ("laplace", "laplace_nll_loss")
    formula = "|r| exp(-s) + s + log 2"
    source = "Laplace 1774"
    elicits = "median and mean absolute deviation"

    def __init__(self):
        pass

    def value(self, r, s):
        """Return the value per element."""
        return ops.abs(r) * ops.exp(-s) + s + 0.6931471805599453

    def best_constant(self, task, y_true, sample_weight):
        """Return median and log mean absolute deviation, per target."""
        best = median_and_log_deviation(y_true, sample_weight)
        return np.stack(best, axis=-1).ravel()

    def law(self, loc, scale):
        """Return Laplace distributions."""
        return stats.laplace(loc, scale)


class StudentTNLL(LocationScale):
    """Student-t negative log-likelihood: a scale for each row, and heavy tails.

    ``(df + 1) / 2 log(1 + r^2 exp(-2 s) / df) + s + c`` with s the log-scale (not the
    log standard deviation) and c the constant that makes it ``scipy.stats``' ``t``
    (Lange et al. 1989). The degrees of freedom are given, not trained.

    Parameters
    ----------
    df : float > 0, default=4.0
        Degrees of freedom; infinitely many are :class:`GaussianNLL`.
    """

    name = "student_t_nll"
    aliases = ("student_t", "student_nll", "t_nll")
    formula = "(df + 1) / 2 log(1 + r^2 exp(-2 s) / df) + s + c"
    source = "Lange et al. 1989"
    elicits = "location and scale of Student's t"
    robust = True
    search_space: ClassVar = {"df": (2.0, 30.0, "log")}

    def __init__(self, df=4.0):
        self.df = df

    def check(self):
        """Raise ValueError unless df is positive and finite."""
        check_range(self, "df", 0, float("inf"), "()")

    def value(self, r, s):
        """Return the value per element."""
        df = ops.convert_to_tensor(self.df, dtype=r.dtype)
        z = r * ops.exp(-s)
        constant = ops.lgamma(df / 2) - ops.lgamma((df + 1) / 2)
        constant = constant + 0.5 * (ops.log(df) + 1.1447298858494002)
        return (df + 1) / 2 * ops.log1p(z * z / df) + s + constant

    def law(self, loc, scale):
        """Return t distributions."""
        return stats.t(self.df, loc, scale)


class CRPS(LocationScale):
    """A continuous ranked probability score: the integral of (F - 1[y <= x])^2."""

    robust = True
    gradient_growth = "bounded"
    nonnegative = True

    def monitor_name(self):
        """Return "crps"."""
        return "crps"

    def saturated(self, task, y_true, constant):
        """Return the location y with the smallest scale: the score is next to zero."""
        raw = super().saturated(task, y_true, constant)
        raw[:, 1::2] = -10.0
        return raw


class CRPSGaussian(CRPS):
    """Continuous ranked probability score of a normal distribution.

    ``sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))`` with z = r / sd and raw outputs
    as in :class:`GaussianNLL` (Gneiting et al. 2005, Eq. 5). In the units of y; an
    outlier moves it by no more than its distance.
    """

    name = "crps"
    aliases = ("crps_gaussian", "crps_normal", "gaussian_crps")
    formula = "sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))"
    source = "Gneiting et al. 2005, Eq. 5"
    elicits = "mean and standard deviation of a normal distribution"
    head = GaussianNLL.head
    deviation = GaussianNLL.deviation
    law = GaussianNLL.law

    def __init__(self):
        pass

    def value(self, r, s):
        """Return the value per element."""
        sd = ops.exp(0.5 * s)
        z = r / sd
        density = 0.3989422804014327 * ops.exp(-0.5 * z * z)
        wide = r * ops.erf(0.7071067811865476 * z)
        return wide + sd * (2 * density - 0.5641895835477563)


class CRPSLaplace(CRPS):
    """Continuous ranked probability score of a Laplace distribution.

    ``|r| + b exp(-|r| / b) - 3 b / 4`` with b = exp(s) (Jordan et al. 2019, appendix
    A).
    """

    name = "crps_laplace"
    aliases = ("laplace_crps",)
    formula = "|r| + b exp(-|r| / b) - 3 b / 4"
    source = "Jordan et al. 2019, appendix A"
    elicits = "location and scale of a Laplace distribution"
    law = LaplaceNLL.law

    def __init__(self):
        pass

    def value(self, r, s):
        """Return the value per element."""
        r, b = ops.abs(r), ops.exp(s)
        return r + b * (ops.exp(-r / b) - 0.75)


class CRPSLogistic(CRPS):
    """Continuous ranked probability score of a logistic distribution.

    ``b (z - 2 log F(z) - 1)`` with z = r / b, b = exp(s) and F the logistic function
    (Jordan et al. 2019, appendix A), computed as ``|r| + 2 b log1p(exp(-|z|)) - b``.
    """

    name = "crps_logistic"
    aliases = ("logistic_crps",)
    formula = "b (z - 2 log F(z) - 1)"
    source = "Jordan et al. 2019, appendix A"
    elicits = "location and scale of a logistic distribution"

    def __init__(self):
        pass

    def value(self, r, s):
        """Return the value per element."""
        r, b = ops.abs(r), ops.exp(s)
        return r + b * (2 * ops.log1p(ops.exp(-r / b)) - 1)

    def law(self, loc, scale):
        """Return logistic distributions."""
        return stats.logistic(loc, scale)


class LogNormalNLL(GaussianNLL):
    """Log-normal negative log-likelihood, for y > 0.

    :class:`GaussianNLL` of log y, plus log y (Crow and Shimizu 1988;
    ``scipy.stats``' ``lognorm``). Raw outputs are mean m and log-variance of log y;
    ``predict`` gives the mean exp(m + variance / 2), which leans on the log-normal
    shape.
    """

    name = "log_normal_nll"
    aliases = ("log_normal", "lognormal", "lognormal_nll")
    formula = "(r^2 exp(-s) + s + log 2 pi) / 2 + log y, r = log y - m"
    source = "Crow and Shimizu 1988"
    elicits = "mean and variance of log y"
    target_scaling = "scale"
    domain = "positive"
    inverse = "exp"
    head = "mean and log-variance of log y"
    exponential = (0, 1)

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        log_y = ops.log(y_true)
        return super().pointwise(log_y, raw) + log_y

    def point(self, raw):
        """Return the mean of y."""
        variance = ops.square(self.deviation(raw))
        return ops.exp(ops.minimum(raw[..., 0] + 0.5 * variance, 30.0))

    def best_constant(self, task, y_true, sample_weight):
        """Return mean and log-variance of log y, per target."""
        return super().best_constant(task, np.log(y_true), sample_weight)

    def distribution(self, raw, loc, scale):
        """Return log-normal distributions."""
        deviation = np.asarray(self.deviation(raw))
        return stats.lognorm(deviation, scale=np.exp(raw[..., 0]) * scale)


def median_and_log_deviation(y, sample_weight):
    """Return weighted median and log mean absolute deviation, per target."""
    median = weighted_quantile(y, 0.5, sample_weight)
    deviation = np.average(abs(y - median), axis=0, weights=sample_weight)
    return median, np.log(np.maximum(deviation, 1e-4))
