"""Losses that locate one number per target: means, medians, in between, counts."""

from typing import ClassVar

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import RegressionLoss
from skloss.losses._quantile import weighted_quantile


class SquaredError(RegressionLoss):
    """Squared error; elicits the mean.

    ``(y - f)^2`` (Gauss 1809). scikit-learn's ``HalfSquaredError`` is half of it.
    """

    name = "squared_error"
    aliases = ("mse", "mean_squared_error", "mse_loss", "l2", "rmse")
    from_keras: ClassVar = {"MeanSquaredError": {}}
    formula = "(y - f)^2"
    source = "Gauss 1809"
    elicits = "mean"
    proper = "strict"
    convex = True
    gradient_growth = "linear"

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        return ops.square(y_true - raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the weighted mean."""
        return np.average(y_true, axis=0, weights=sample_weight)


class AbsoluteError(RegressionLoss):
    """Absolute error; elicits the median.

    ``|y - f|`` (Laplace 1774; scikit-learn's ``AbsoluteError``).
    """

    name = "absolute_error"
    aliases = ("mae", "mean_absolute_error", "l1", "l1_loss")
    from_keras: ClassVar = {"MeanAbsoluteError": {}}
    formula = "|y - f|"
    source = "Laplace 1774"
    elicits = "median"
    proper = "strict"
    robust = True
    convex = True
    target_scaling = "robust"

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        return ops.abs(y_true - raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the weighted median."""
        return weighted_quantile(y_true, 0.5, sample_weight)


class Huber(RegressionLoss):
    """Huber loss: squared near zero, absolute far away.

    ``r^2 / 2`` for ``|r| <= delta``, else ``delta (|r| - delta / 2)`` (Huber 1964).
    Descending on it is descending on the square with the residual clipped. With
    ``target_transform="auto"`` delta is in robust standard deviations of y.

    Parameters
    ----------
    delta : float > 0, default=1.345
        95 % efficiency under normality.
    """

    name = "huber"
    aliases = ("huber_loss", "smooth_l1_loss")
    from_keras: ClassVar = {"Huber": {"delta": "delta"}}
    formula = "r^2 / 2 if |r| <= delta else delta (|r| - delta / 2)"
    source = "Huber 1964"
    elicits = "Huber location"
    robust = True
    convex = True
    target_scaling = "robust"
    search_space: ClassVar = {"delta": (0.1, 3.0, "log")}

    def __init__(self, delta=1.345):
        self.delta = delta

    def check(self):
        """Raise ValueError unless delta > 0."""
        check_range(self, "delta", 0, float("inf"), "()")

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        r = ops.abs(y_true - raw)
        q = ops.minimum(r, self.delta)
        return 0.5 * q * q + self.delta * (r - q)


class LogCosh(RegressionLoss):
    """Log-cosh loss, a smooth relative of Huber's.

    ``log cosh r`` (Saleh and Saleh 2022), computed as
    ``|r| + log1p(exp(-2 |r|)) - log 2``.
    """

    name = "log_cosh"
    aliases = ("logcosh", "log_cosh_loss")
    from_keras: ClassVar = {"LogCosh": {}}
    formula = "log cosh(y - f)"
    source = "Saleh and Saleh 2022"
    elicits = "log-cosh location"
    robust = True
    convex = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        r = ops.abs(y_true - raw)
        return r + ops.log1p(ops.exp(-2 * r)) - 0.6931471805599453

    def best_constant(self, task, y_true, sample_weight):
        """Return the root of the weighted mean of tanh(y - c), per target."""

        def slope(c, y):
            return np.average(np.tanh(y - c), weights=sample_weight)

        return np.array(
            [
                brentq(slope, y.min() - 1, y.max() + 1, args=(y,), xtol=1e-14)
                for y in np.asarray(y_true, dtype=np.float64).T
            ]
        )


class Expectile(RegressionLoss):
    """Asymmetric squared error; elicits an expectile.

    ``|expectile - 1[y < f]| (y - f)^2`` (Newey and Powell 1987, Eq. 2.6).

    Parameters
    ----------
    expectile : float in (0, 1), default=0.5
        0.5 gives half the squared error.
    """

    name = "expectile"
    aliases = ("expectile_loss",)
    formula = "|expectile - 1[y < f]| (y - f)^2"
    source = "Newey and Powell 1987, Eq. 2.6"
    elicits = "expectile"
    proper = "strict"
    convex = True
    gradient_growth = "linear"
    search_space: ClassVar = {"expectile": (0.05, 0.95, "linear")}

    def __init__(self, expectile=0.5):
        self.expectile = expectile

    def check(self):
        """Raise ValueError unless 0 < expectile < 1."""
        check_range(self, "expectile", 0, 1, "()")

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        r = y_true - raw
        below = ops.cast(r < 0, r.dtype)
        return ops.abs(self.expectile - below) * ops.square(r)

    def monitor_name(self):
        """Return "expectile_loss": the score that belongs to an expectile."""
        return "expectile_loss"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss itself."""
        return self.rowwise(task, y_true, raw)


class LogLinkLoss(RegressionLoss):
    """A loss whose minimiser is the mean, exp(f) of the raw output f."""

    target_scaling = "scale"
    domain = "nonnegative"
    inverse = "exp"
    nonnegative = False

    def point(self, raw):
        """Return exp(raw), raw at most 30."""
        return ops.exp(ops.minimum(raw, 30.0))

    def monitor_name(self):
        """Return the name of the deviance."""
        return f"{self.name}_deviance"

    def monitor(self, task, y_true, raw, class_weight):
        """Return half the deviance up to a constant: the loss itself."""
        return self.rowwise(task, y_true, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the log of the weighted mean."""
        mean = np.average(y_true, axis=0, weights=sample_weight)
        return np.log(np.maximum(mean, 1e-6))


class Poisson(LogLinkLoss):
    """Poisson deviance with a log link; elicits the mean of counts.

    ``exp(f) - y f`` (Nelder and Wedderburn 1972), the negative log-likelihood up to a
    constant and scikit-learn's ``HalfPoissonLoss``; y >= 0 need not be integer. Keras
    and PyTorch (with ``log_input=False``) take exp(f) itself. Beyond f = 30 it
    continues linearly.
    """

    name = "poisson"
    aliases = ("poisson_nll_loss", "poisson_deviance", "half_poisson_loss")
    from_keras: ClassVar = {"Poisson": {}}
    formula = "exp(f) - y f"
    source = "Nelder and Wedderburn 1972"
    elicits = "mean"
    proper = "strict"
    convex = True
    gradient_growth = "exponential"

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        base = ops.minimum(raw, 30.0)
        return ops.exp(base) * (1 + raw - base) - y_true * raw

    def distribution(self, raw, loc, scale):
        """Return Poisson distributions: right for counts alone."""
        return stats.poisson(np.asarray(self.point(raw)) * scale)
