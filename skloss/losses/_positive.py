"""Losses for positive amounts, percentages and shares."""

from typing import ClassVar

import numpy as np
from scipy import stats
from scipy.special import digamma, expit, logit

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import minimise_constant
from skloss.losses._core._families import RegressionLoss
from skloss.losses._count import stirling_rest
from skloss.losses._quantile import weighted_quantile
from skloss.losses._regression import LogLinkLoss


class Gamma(LogLinkLoss):
    """Gamma deviance with a log link; elicits the mean of positive amounts.

    ``f + y exp(-f)`` (McCullagh and Nelder 1989, Chapter 8), half the deviance up to
    a constant and scikit-learn's ``HalfGammaLoss``: errors count in relation to the
    mean. Below f = -30 it continues linearly.
    """

    name = "gamma"
    aliases = ("gamma_deviance", "half_gamma_loss")
    formula = "f + y exp(-f)"
    source = "McCullagh and Nelder 1989, Chapter 8"
    elicits = "mean"
    proper = "strict"
    convex = True
    gradient_growth = "exponential"
    domain = "positive"

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        base = ops.maximum(raw, -30.0)
        return raw + y_true * ops.exp(-base) * (1 + base - raw)


class Tweedie(LogLinkLoss):
    """Tweedie deviance with a log link, for amounts of which many are zero.

    ``y exp((1 - p) f) / (p - 1) + exp((2 - p) f) / (2 - p)`` with p = ``power``
    (Jorgensen 1987), half the deviance up to a constant and scikit-learn's
    ``HalfTweedieLoss``. Values at different powers are not comparable: choose the
    power by a score. Beyond |f| = 30 it continues linearly.

    Parameters
    ----------
    power : float in (1, 2), default=1.5
        The variance is proportional to mean^power; 1 is Poisson, 2 is gamma.
    """

    name = "tweedie"
    aliases = ("tweedie_deviance", "half_tweedie_loss")
    formula = "y exp((1 - power) f) / (power - 1) + exp((2 - power) f) / (2 - power)"
    source = "Jorgensen 1987"
    elicits = "mean"
    proper = "strict"
    convex = True
    gradient_growth = "exponential"
    search_space: ClassVar = {"power": (1.05, 1.95, "linear")}

    def __init__(self, power=1.5):
        self.power = power

    def check(self):
        """Raise ValueError unless 1 < power < 2."""
        check_range(self, "power", 1, 2, "()")

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        base = ops.clip(raw, -30.0, 30.0)
        beyond = raw - base

        def exponential(rate):  # a line beyond the bounds, of the slope there
            return ops.exp(rate * base) * (1 + rate * beyond)

        a, b = 1 - self.power, 2 - self.power
        return exponential(b) / b - y_true * exponential(a) / a

    def saturated(self, task, y_true, constant):
        """Return log y, and where y is 0 what has the value 0 of a mean of 0."""
        raw = super().saturated(task, y_true, constant)
        return np.where(y_true > 0, raw, -30.0 - 1 / (2 - self.power))


class MeanSquaredLogarithmic(RegressionLoss):
    """Squared error of log(1 + y), for amounts of different orders of magnitude.

    ``(log(1 + y) - f)^2``; scikit-learn's ``mean_squared_log_error``. The network
    models log(1 + y), and ``predict`` gives exp(f) - 1, at least 0. Keras' loss takes
    the prediction itself, and has no gradient where it is negative. What is elicited
    lies below the mean.
    """

    name = "msle"
    aliases = (
        "log1p",
        "mean_squared_log_error",
        "mean_squared_logarithmic_error",
        "rmsle",
    )
    from_keras: ClassVar = {"MeanSquaredLogarithmicError": {}}
    formula = "(log(1 + y) - f)^2"
    source = "scikit-learn, mean_squared_log_error"
    elicits = "exp(mean of log(1 + y)) - 1"
    proper = "strict"
    convex = True
    gradient_growth = "linear"
    target_scaling = "none"
    domain = "nonnegative"
    inverse = "expm1"

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        return ops.square(ops.log1p(y_true) - raw)

    def point(self, raw):
        """Return expm1(raw), raw between 0 and 80."""
        return ops.expm1(ops.clip(raw, 0.0, 80.0))

    def monitor_name(self):
        """Return "mean_squared_log_error"."""
        return "mean_squared_log_error"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the weighted mean of log(1 + y)."""
        return np.average(np.log1p(y_true), axis=0, weights=sample_weight)


class MeanAbsolutePercentage(RegressionLoss):
    """Mean absolute percentage error; elicits a median that favours small y.

    ``|y - f| / max(|y|, floor)``: the median of the distribution weighted by 1 / |y|
    (Gneiting 2011), far below the median of skewed amounts. The floor is
    a hundredth of the median |y| of the training rows, so that a y of zero counts for
    much but not for all; Keras has 1e-7 (and times 100), scikit-learn the machine
    precision, LightGBM 1.
    """

    name = "mape"
    aliases = (
        "mean_absolute_percentage_error",
        "mean_absolute_percentage",
    )
    from_keras: ClassVar = {"MeanAbsolutePercentageError": {}}
    formula = "|y - f| / max(|y|, floor)"
    source = "Gneiting 2011"
    elicits = "median, weighted by 1 / y"
    proper = "strict"
    robust = True
    convex = True
    target_scaling = "scale"
    measured = ("floor_",)
    floor_ = None

    def __init__(self):
        pass

    def measure(self, task, y_true, sample_weight):
        """Return 1 % of the median |y|, of the mean where more than half are zero."""
        size = np.abs(y_true)
        middle = weighted_quantile(size, 0.5, sample_weight)
        mean = np.average(size, axis=0, weights=sample_weight)
        middle = np.where(middle > 0, middle, mean)
        return {"floor_": 0.01 * np.where(middle > 0, middle, 1.0)}

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        size = ops.abs(y_true)
        if self.floor_ is not None:
            floor = ops.convert_to_tensor(self.floor_, dtype=size.dtype)
            size = ops.maximum(size, floor)
        return ops.abs(y_true - raw) / size

    def monitor_name(self):
        """Return "mean_absolute_percentage_error"."""
        return "mean_absolute_percentage_error"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the weighted median, per target."""
        weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
        share = np.asarray(self.pointwise(y_true, y_true + 1))
        return np.concatenate(
            [
                weighted_quantile(y[:, None], 0.5, weight * s)
                for y, s in zip(y_true.T, share.T, strict=True)
            ]
        )


class Fractional(RegressionLoss):
    """Cross-entropy for shares between 0 and 1, both ends included.

    ``log(1 + exp(f)) - y f`` (Papke and Wooldridge 1996), scikit-learn's
    ``HalfBinomialLoss``: the Bernoulli log-likelihood, which elicits the mean whatever
    the distribution. Divide a y with other bounds first.
    """

    name = "fractional"
    aliases = ("fractional_logit", "soft_binary_crossentropy", "half_binomial_loss")
    formula = "log(1 + exp(f)) - y f"
    source = "Papke and Wooldridge 1996"
    elicits = "mean"
    proper = "strict"
    convex = True
    target_scaling = "none"
    domain = "unit"
    inverse = "sigmoid"

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        return ops.softplus(raw) - y_true * raw

    def point(self, raw):
        """Return the sigmoid."""
        return ops.sigmoid(raw)

    def monitor_name(self):
        """Return "log_loss"."""
        return "log_loss"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the log-odds of the weighted mean."""
        mean = np.average(y_true, axis=0, weights=sample_weight)
        mean = np.clip(mean, 1e-6, 1 - 1e-6)
        return np.log(mean) - np.log1p(-mean)


class BetaLikelihood(RegressionLoss):
    """Beta negative log-likelihood with a mean and a precision a row, for 0 < y < 1.

    ``-log Gamma(k) + log Gamma(m k) + log Gamma((1 - m) k) - (m k - 1) log y -
    ((1 - m) k - 1) log(1 - y)`` with mean m = sigmoid(f), precision k = exp(s) and
    variance m (1 - m) / (1 + k) (Ferrari and Cribari-Neto 2004, Eq. 4; ``scipy.stats``'
    ``beta`` with a = m k and b = (1 - m) k). f is clipped to [-15, 15] and s to
    [-10, 10]. Targets closer to 0 or 1 than 1e-7 count as that far; where 0 and 1
    occur, ``fractional`` is the choice. ``beta_nll`` is something else.
    """

    name = "beta_likelihood"
    aliases = ("beta_regression",)
    formula = (
        "-log Gamma(k) + log Gamma(m k) + log Gamma((1 - m) k) - (m k - 1) log y "
        "- ((1 - m) k - 1) log(1 - y)"
    )
    source = "Ferrari and Cribari-Neto 2004, Eq. 4"
    elicits = "mean and precision of a beta distribution"
    proper = "strict"
    gradient_growth = "exponential"
    nonnegative = False
    target_scaling = "none"
    domain = "open_unit"
    inverse = "sigmoid"
    n_outputs = 2
    head = "logit of the mean and log-precision"
    exponential = (1,)

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element.

        Stirling's series turns the huge terms of a high precision into k times the
        divergence of y from m.
        """
        (f, out_f), (s, out_s) = (
            ops.bound(raw[..., 0], 15.0),
            ops.bound(raw[..., 1]),
        )
        y = ops.clip(y_true, 1e-7, 1 - 1e-7)
        log_y, log_rest = ops.log(y), ops.log1p(-y)
        log_m, log_n = ops.log_sigmoid(f), ops.log_sigmoid(-f)
        k, m, n = ops.exp(s), ops.exp(log_m), ops.exp(log_n)
        divergence = m * (log_m - log_y) + n * (log_n - log_rest)
        value = k * divergence + log_y + log_rest - 0.5 * (log_m + log_n + s)
        value = value + lgamma_rest(m * k) + lgamma_rest(n * k) - lgamma_rest(k)
        return value + 0.9189385332046727 + out_f + out_s

    def point(self, raw):
        """Return the mean."""
        return ops.sigmoid(ops.bound(raw[..., 0], 15.0)[0])

    def monitor_name(self):
        """Return "negative_log_likelihood"."""
        return "negative_log_likelihood"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return logit and log-precision, found from mean and variance."""
        mean = np.average(y_true, axis=0, weights=sample_weight)
        var = np.average((y_true - mean) ** 2, axis=0, weights=sample_weight)
        k = mean * (1 - mean) / np.maximum(var, 1e-12) - 1
        s = np.log(np.clip(k, np.exp(-9.0), np.exp(9.0)))
        start = np.stack([np.log(mean) - np.log1p(-mean), s], axis=-1)
        return minimise_constant(self, task, y_true, start.ravel(), sample_weight)

    def saturated(self, task, y_true, constant):
        """Return the likeliest mean of each y at the best constant's precision.

        It solves digamma(m k) - digamma((1 - m) k) = logit(y), read off a table of m.
        """
        raw = np.tile(np.asarray(constant, np.float64), (len(y_true), 1))
        raw = raw.reshape(len(y_true), task.size, 2)
        y = logit(np.clip(y_true, 1e-7, 1 - 1e-7))
        f = np.linspace(-15, 15, 3001)
        for j, s in enumerate(np.clip(raw[0, :, 1], -10, 10)):
            m, n = expit(f) * np.exp(s), expit(-f) * np.exp(s)
            raw[:, j, 0] = np.interp(y[:, j], digamma(m) - digamma(n), f)
        return raw.reshape(len(y_true), -1)

    def distribution(self, raw, loc, scale):
        """Return beta distributions."""
        f, k = np.clip(raw[..., 0], -15, 15), np.exp(np.clip(raw[..., 1], -10, 10))
        return stats.beta(k / (1 + np.exp(-f)), k / (1 + np.exp(f)))


def lgamma_rest(x):
    """Return log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2, for large x too."""
    near, far = ops.minimum(x, 8.0), ops.maximum(x, 8.0)
    direct = ops.lgamma(near) - (near - 0.5) * ops.log(near) + near
    return ops.where(x >= 8, stirling_rest(far), direct - 0.9189385332046727)
