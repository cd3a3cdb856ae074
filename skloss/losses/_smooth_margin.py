"""Smooth losses of the margin: their probabilities follow from the slopes."""

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._margin import ClippedLinearLoss, MarginLoss


class SmoothHinge(MarginLoss):
    """Hinge loss with a parabola in place of its corner.

    ``1/2 - m`` for m <= 0, ``(1 - m)^2 / 2`` up to m = 1, then 0, with the margin
    m = (2 y - 1) f (Rennie and Srebro 2005, Section 3); one-vs-rest for more classes.
    Unlike the hinge loss it has probabilities: 1 / (2 - f) for f in [0, 1] and
    (1 + f) / (2 + f) for f in [-1, 0].
    """

    name = "smooth_hinge"
    formula = "1/2 - m for m <= 0, max(0, 1 - m)^2 / 2 above; m = (2 y - 1) f"
    source = "Rennie and Srebro 2005"
    proper = "link"
    convex = True

    def __init__(self):
        pass

    def margin(self, m):
        """Return the value of a margin."""
        return ops.square(1 - ops.clip(m, 0.0, 1.0)) / 2 + ops.relu(-m)

    def eta(self, raw):
        """Return 1 / (2 - |f|) on the side of f."""
        high = 1 / (2 - ops.minimum(ops.abs(raw), 1.0))
        return ops.where(raw >= 0, high, 1 - high)

    def constant_for(self, task, prior):
        """Return 2 - 1 / p for the more probable side."""
        size = 2 - 1 / np.maximum(prior, 1 - prior)
        return np.where(prior >= 0.5, size, -size)


class ModifiedHuber(ClippedLinearLoss):
    """Squared hinge loss that is linear for margins below -1.

    ``max(0, 1 - m)^2`` for m >= -1, else ``-4 m``, with the margin m = (2 y - 1) f
    (Zhang 2004, ICML); one-vs-rest for more classes. Value and probability
    (clip(f, -1, 1) + 1) / 2 are those of scikit-learn's ``SGDClassifier``, except that
    scores beyond the clip keep their order by a trace of the softmax.
    """

    name = "modified_huber"
    formula = "max(0, 1 - m)^2 for m >= -1, -4 m below; m = (2 y - 1) f"
    source = "Zhang 2004 (ICML)"

    def margin(self, m):
        """Return the value of a margin."""
        return ops.square(1 - ops.clip(m, -1.0, 1.0)) + 4 * ops.relu(-1 - m)


class HalfLogOddsLoss(MarginLoss):
    """A loss of the margin whose score is half the log-odds."""

    proper = "link"

    def __init__(self):
        pass

    def eta(self, raw):
        """Return sigmoid(2 f)."""
        return ops.sigmoid(2 * raw)

    def constant_for(self, task, prior):
        """Return half the log-odds, per class."""
        return (np.log(prior) - np.log1p(-prior)) / 2


class Exponential(HalfLogOddsLoss):
    """Exponential loss of boosting.

    ``exp(-m)`` with the margin m = (2 y - 1) f (Friedman, Hastie and Tibshirani 2000,
    Lemma 1), as scikit-learn's ``ExponentialLoss``: f is half the log-odds, so the
    probability is sigmoid(2 f). One-vs-rest for more classes. Beyond m = -30 it
    continues linearly. A wrong label far out outweighs everything else.
    """

    name = "exponential"
    aliases = ("exponential_loss",)
    formula = "exp(-(2 y - 1) f)"
    source = "Friedman, Hastie and Tibshirani 2000, Lemma 1"
    convex = True
    gradient_growth = "exponential"

    def margin(self, m):
        """Return exp(-m)."""
        base = ops.minimum(-m, 30.0)
        return ops.exp(base) * (1 - m - base)


class Savage(HalfLogOddsLoss):
    """Savage loss: bounded, it gives up rows far on the wrong side.

    ``(1 + exp(2 m))^-2`` with the margin m = (2 y - 1) f (Masnadi-Shirazi and
    Vasconcelos 2008), which is the squared error of the probability sigmoid(2 f):
    scikit-learn's ``brier_score_loss``, half of ``brier`` at twice the score. Some
    texts drop the 2 and have sigmoid(f). One-vs-rest for more classes.
    """

    name = "savage"
    aliases = ("savage_loss",)
    formula = "(1 + exp(2 m))^-2; m = (2 y - 1) f"
    source = "Masnadi-Shirazi and Vasconcelos 2008"
    robust = True
    head_scale = 0.1  # a row that starts far on the wrong side has lost its slope

    def margin(self, m):
        """Return sigmoid(-2 m)^2."""
        return ops.square(ops.sigmoid(-2 * m))


class Tangent(MarginLoss):
    """Tangent loss: bounded on both sides.

    ``(2 arctan(m) - 1)^2`` with the margin m = (2 y - 1) f (Masnadi-Shirazi, Mahadevan
    and Vasconcelos 2010), with probability arctan(f) + 1/2, clipped. It is smallest at
    m = tan(1/2) = 0.546 and also grows beyond, to 4.6 on the right side and 17.2 on the
    wrong one. One-vs-rest for more classes.
    """

    name = "tangent"
    aliases = ("tangent_loss",)
    formula = "(2 arctan(m) - 1)^2; m = (2 y - 1) f"
    source = "Masnadi-Shirazi, Mahadevan and Vasconcelos 2010"
    proper = "link"
    robust = True
    head_scale = 0.1  # a row that starts far on the wrong side has lost its slope

    def __init__(self):
        pass

    def margin(self, m):
        """Return (2 arctan(m) - 1)^2."""
        return ops.square(2 * ops.arctan(m) - 1)

    def eta(self, raw):
        """Return arctan(f) + 1/2, clipped."""
        return ops.clip(ops.arctan(raw) + 0.5, 0.0, 1.0)

    def constant_for(self, task, prior):
        """Return tan(p - 1/2)."""
        return np.tan(prior - 0.5)
