"""Losses of location that one sample cannot dominate, and Vapnik's tube."""

from typing import ClassVar

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import RegressionLoss
from skloss.losses._quantile import weighted_quantile


def deepest_constant(loss, y_true, sample_weight):
    """Return the constant of the deepest of several minima, per target.

    The best of 65 quantiles of y and its two neighbours bracket the minimum.
    """
    y_true = np.asarray(y_true, dtype=np.float64)
    weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    levels = np.linspace(0, 1, 65)
    grid = np.stack([weighted_quantile(y_true, q, weight) for q in levels], axis=-1)
    return np.array(
        [
            find_deepest_minimum(loss, y, c, weight)
            for y, c in zip(y_true.T, grid, strict=True)
        ]
    )


def find_deepest_minimum(loss, y, grid, weight):
    """Return the lowest of the minima of one column, sought from a grid of places."""

    def value(c):
        return float(ops.sum(weight * loss.pointwise(y, c)))

    grid = np.unique([grid[0] - 1, *grid, grid[-1] + 1])
    values = np.array([value(c) for c in grid])
    best = 1 + np.argmin(values[1:-1])
    low, middle, high = values[best - 1 : best + 2]
    if middle == min(low, high):  # a plateau
        return grid[best]
    place = minimize_scalar(value, bracket=grid[best - 1 : best + 2]).x

    def slope(c):
        constant = ops.convert_to_tensor(np.float64(c))
        return float(ops.gradient(lambda z: weight * loss.pointwise(y, z), constant))

    # values tell a minimum to 1e-8 only, so that weights would not equal repeated rows
    low, high = place - 1e-4, place + 1e-4
    if slope(low) < 0 < slope(high):
        return brentq(slope, low, high, xtol=1e-15)
    return place


class RobustLoss(RegressionLoss):
    """A loss of the residual r = y - f in units of a scale ``c``.

    With ``target_transform="auto"`` c is in robust standard deviations of y. A
    subclass writes ``rho(x)`` of x = r / c.
    """

    robust = True
    target_scaling = "robust"

    def check(self):
        """Raise ValueError unless c > 0."""
        check_range(self, "c", 0, float("inf"), "()")

    def rho(self, x):
        """Return the value per element for scaled residuals."""
        raise NotImplementedError

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        return self.rho((y_true - raw) / self.c)

    def best_constant(self, task, y_true, sample_weight):
        """Return the deepest minimum over constants, per target."""
        return deepest_constant(self, y_true, sample_weight)


class Barron(RobustLoss):
    """General robust loss, from the square to losses that forget outliers.

    ``(b / alpha) ((x^2 / b + 1)^(alpha / 2) - 1)`` with x = r / c and
    b = |alpha - 2|, and its limits at alpha 0 and 2 (Barron 2019, Eq. 8): half the
    square at 2, Charbonnier's at 1, Cauchy's at 0, Geman and McClure's at -2, Welsch's
    towards minus infinity. The influence of a sample is bounded for alpha <= 1 and
    fades for alpha < 1. alpha and c are numbers to search over; they are not trained.

    Parameters
    ----------
    alpha : float <= 2, default=1.0
        Shape.
    c : float > 0, default=0.5
        Scale: where the square ends.
    """

    name = "barron"
    aliases = ("general_robust", "adaptive_robust")
    formula = "(b / alpha) ((r^2 / (b c^2) + 1)^(alpha / 2) - 1), b = |alpha - 2|"
    source = "Barron 2019, Eq. 8"
    elicits = "Barron location"
    gradient_growth = "linear"
    search_space: ClassVar = {
        "alpha": (-4.0, 1.5, "linear"),
        "c": (0.1, 2.0, "log"),
    }

    def __init__(self, alpha=1.0, c=0.5):
        self.alpha = alpha
        self.c = c

    def check(self):
        """Raise ValueError unless alpha <= 2 and c > 0."""
        check_range(self, "alpha", -float("inf"), 2, "(]")
        super().check()

    def rho(self, x):
        """Return (b / 2) u phi(alpha u / 2), u = log1p(x^2 / b), phi = expm1(t) / t."""
        alpha = ops.convert_to_tensor(self.alpha, dtype=x.dtype)
        b = ops.maximum(2 - alpha, 1e-6)  # at alpha = 2 any b > 0 gives the square
        u = ops.log1p(ops.square(x) / b)
        t = 0.5 * alpha * u
        zero = ops.abs(t) < 1e-30
        phi = ops.where(zero, 1.0, ops.expm1(t) / ops.where(zero, 1.0, t))
        return 0.5 * b * u * phi


class Cauchy(RobustLoss):
    """Cauchy (Lorentzian) loss, whose influence fades with the residual.

    ``log(1 + (r / c)^2 / 2)``: ``Barron(alpha=0)`` (Barron 2019, Eq. 8). SciPy's
    ``least_squares`` has ``log(1 + z)`` without the half.

    Parameters
    ----------
    c : float > 0, default=0.5
        Scale; the influence is largest at ``sqrt(2) c``.
    """

    name = "cauchy"
    aliases = ("cauchy_loss", "lorentzian")
    formula = "log(1 + (r / c)^2 / 2)"
    source = "Barron 2019, Eq. 8"
    elicits = "Cauchy location"
    search_space: ClassVar = {"c": (0.1, 2.0, "log")}

    def __init__(self, c=0.5):
        self.c = c

    def rho(self, x):
        """Return log1p(x^2 / 2)."""
        return ops.log1p(0.5 * ops.square(x))


class GemanMcClure(RobustLoss):
    """Geman-McClure loss, bounded: outliers cost at most 2.

    ``2 (r / c)^2 / ((r / c)^2 + 4)``: ``Barron(alpha=-2)`` (Barron 2019, Eq. 8).

    Parameters
    ----------
    c : float > 0, default=0.5
        Scale.
    """

    name = "geman_mcclure"
    formula = "2 (r / c)^2 / ((r / c)^2 + 4)"
    source = "Geman and McClure 1985; Barron 2019, Eq. 8"
    elicits = "Geman-McClure location"
    search_space: ClassVar = {"c": (0.1, 2.0, "log")}

    def __init__(self, c=0.5):
        self.c = c

    def rho(self, x):
        """Return 2 x^2 / (x^2 + 4)."""
        square = ops.square(x)
        return 2 * square / (square + 4)


class Tukey(RobustLoss):
    """Tukey's biweight: residuals beyond c have no influence at all.

    ``(c^2 / 6) (1 - (1 - (r / c)^2)^3)`` for ``|r| <= c``, else ``c^2 / 6`` (Beaton
    and Tukey 1974).

    Parameters
    ----------
    c : float > 0, default=4.685
        95 % efficiency under normality, in standard deviations of the residuals.
    """

    name = "tukey"
    aliases = ("biweight", "bisquare", "tukey_biweight")
    formula = "(c^2 / 6) (1 - max(0, 1 - (r / c)^2)^3)"
    source = "Beaton and Tukey 1974"
    elicits = "biweight location"
    search_space: ClassVar = {"c": (1.0, 6.0, "log")}

    def __init__(self, c=4.685):
        self.c = c

    def rho(self, x):
        """Return (c^2 / 6) u (3 - 3 u + u^2) with u = min(x^2, 1)."""
        u = ops.minimum(ops.square(x), 1.0)
        return self.c * self.c / 6 * u * (3 - 3 * u + u * u)


class Fair(RobustLoss):
    """Fair's loss, between the square and the absolute value, smoothly.

    ``c^2 (|r| / c - log(1 + |r| / c))`` (Fair 1974; LightGBM's ``fair``).

    Parameters
    ----------
    c : float > 0, default=1.0
        LightGBM's ``fair_c``.
    """

    name = "fair"
    aliases = ("fair_loss",)
    formula = "c^2 (|r| / c - log(1 + |r| / c))"
    source = "Fair 1974"
    elicits = "Fair location"
    convex = True
    search_space: ClassVar = {"c": (0.1, 3.0, "log")}

    def __init__(self, c=1.0):
        self.c = c

    def rho(self, x):
        """Return c^2 (|x| - log1p(|x|))."""
        x = ops.abs(x)
        return self.c * self.c * (x - ops.log1p(x))


class PseudoHuber(RegressionLoss):
    """Pseudo-Huber loss: Huber's without the corner in its slope.

    ``delta^2 (sqrt(1 + (r / delta)^2) - 1)`` (Charbonnier et al. 1994;
    ``scipy.special.pseudo_huber``), ``delta^2 Barron(alpha=1, c=delta)``. With
    ``target_transform="auto"`` delta is in robust standard deviations of y.

    Parameters
    ----------
    delta : float > 0, default=1.0
        XGBoost's ``huber_slope``.
    """

    name = "pseudo_huber"
    aliases = ("charbonnier", "pseudohuber")
    formula = "delta^2 (sqrt(1 + (r / delta)^2) - 1)"
    source = "Charbonnier et al. 1994"
    elicits = "pseudo-Huber location"
    robust = True
    convex = True
    target_scaling = "robust"
    search_space: ClassVar = {"delta": (0.1, 3.0, "log")}

    def __init__(self, delta=1.0):
        self.delta = delta

    def check(self):
        """Raise ValueError unless delta > 0."""
        check_range(self, "delta", 0, float("inf"), "()")

    def pointwise(self, y_true, raw):
        """Return r^2 / (1 + sqrt(1 + (r / delta)^2)), which does not cancel."""
        r = y_true - raw
        return ops.square(r) / (1 + ops.sqrt(1 + ops.square(r / self.delta)))


class Tube(RegressionLoss):
    """A loss of which residuals up to ``epsilon`` cost nothing."""

    convex = True
    search_space: ClassVar = {"epsilon": (0.01, 1.0, "log")}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def check(self):
        """Raise ValueError unless epsilon >= 0."""
        check_range(self, "epsilon", 0, float("inf"), "[)")

    def excess(self, r):
        """Return how far residuals lie outside the tube."""
        return ops.relu(ops.abs(r) - self.epsilon)


class EpsilonInsensitive(Tube):
    """Epsilon-insensitive loss of support vector regression.

    ``max(0, |r| - epsilon)`` (Vapnik 1995; scikit-learn's ``SGDRegressor``). With
    ``target_transform="auto"`` epsilon is in robust standard deviations of y.

    Parameters
    ----------
    epsilon : float >= 0, default=0.1
        Half the width of the tube in which residuals cost nothing.
    """

    name = "epsilon_insensitive"
    formula = "max(0, |r| - epsilon)"
    source = "Vapnik 1995"
    elicits = "median, if the distribution is symmetric"
    robust = True
    target_scaling = "robust"

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        return self.excess(y_true - raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the median of all y - epsilon and y + epsilon together.

        For ``max(0, |r| - e) = (|r - e| + |r + e|) / 2 - e``.
        """
        ends = np.concatenate([y_true - self.epsilon, y_true + self.epsilon])
        weight = None if sample_weight is None else np.tile(sample_weight, 2)
        return weighted_quantile(ends, 0.5, weight)


class SquaredEpsilonInsensitive(Tube):
    """Squared epsilon-insensitive loss.

    ``max(0, |r| - epsilon)^2`` (Ho and Lin 2012; scikit-learn's
    ``SGDRegressor``). With ``target_transform="auto"`` epsilon is in standard
    deviations of y.

    Parameters
    ----------
    epsilon : float >= 0, default=0.1
        Half the width of the tube in which residuals cost nothing.
    """

    name = "squared_epsilon_insensitive"
    formula = "max(0, |r| - epsilon)^2"
    source = "Ho and Lin 2012"
    elicits = "mean, if the distribution is symmetric"
    gradient_growth = "linear"

    def pointwise(self, y_true, raw):
        """Return the value per element."""
        return ops.square(self.excess(y_true - raw))
