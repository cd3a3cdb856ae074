"""Losses on raw scores without a softmax: margins and squares."""

from typing import ClassVar

import numpy as np

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._link import with_binary_order, with_order


class OneVsRestLoss(ClassificationLoss):
    """A loss on each score by itself, summed over the classes.

    A subclass writes ``binary(y_true, f)``, and ``eta(f)``, the probability of class
    1, if the loss has one: over several classes it is normalised.
    """

    keeps_order = True

    def eta(self, raw):
        """Return the probability of class 1, which may saturate at 0 and 1."""
        raise NotImplementedError

    def pointwise(self, y_true, raw):
        """Return the sum of the one-vs-rest values."""
        return ops.sum(self.binary(y_true, raw), axis=-1)

    def binary_link(self, raw):
        """Return the probability of class 1."""
        return with_binary_order(self.eta(raw), raw)

    def link(self, scores):
        """Return the one-vs-rest probabilities, normalised."""
        return with_order(ops.floor_and_normalise(self.eta(scores)), scores)


class MarginLoss(OneVsRestLoss):
    """A loss ``margin(m)`` of the margin m = (2 y - 1) f."""

    def margin(self, m):
        """Return the value per element for margins ``m``."""
        raise NotImplementedError

    def binary(self, y_true, raw):
        """Return the value per element."""
        return self.margin((2 * y_true - 1) * raw)


class Hinge(MarginLoss):
    """Hinge loss of support vector machines.

    ``max(0, 1 - (2 y - 1) f)`` (Cortes and Vapnik 1995, Eq. 16), one-vs-rest for more
    classes. It has no probabilities: calibrate with ``CalibratedClassifierCV``.

    Each class's score goes to 1 where its probability exceeds 1/2 and to -1 where it
    does not, so that among three classes and more, none of which is that probable, all
    scores tie (Lin 2002); ``lee_lin_wahba`` finds the most probable class there too.
    """

    name = "hinge"
    aliases = ("hinge_loss",)
    from_keras: ClassVar = {"Hinge": {}}
    formula = "max(0, 1 - (2 y - 1) f)"
    source = "Cortes and Vapnik 1995, Eq. 16"
    elicits = "most probable class, if above 1/2"
    proper = "order"
    convex = True

    def __init__(self):
        pass

    def margin(self, m):
        """Return max(0, 1 - m)."""
        return ops.relu(1 - m)

    def constant_for(self, task, prior):
        """Return the sign of the majority, per class."""
        return np.where(prior > 0.5, 1.0, -1.0)


class ClippedLinearLoss(MarginLoss):
    """A convex loss of the margin whose score is 2 p - 1."""

    proper = "link"
    convex = True

    def __init__(self):
        pass

    def eta(self, raw):
        """Return the clipped linear probability."""
        return (ops.clip(raw, -1.0, 1.0) + 1) / 2

    def constant_for(self, task, prior):
        """Return 2 p - 1."""
        return 2 * prior - 1


class SquaredHinge(ClippedLinearLoss):
    """Squared hinge loss.

    ``max(0, 1 - (2 y - 1) f)^2``, with probability (clip(f, -1, 1) + 1) / 2 (Zhang
    2004, Table 1).
    """

    name = "squared_hinge"
    aliases = ("squared_hinge_loss",)
    from_keras: ClassVar = {"SquaredHinge": {}}
    formula = "max(0, 1 - (2 y - 1) f)^2"
    source = "Zhang 2004, Table 1"
    gradient_growth = "linear"

    def margin(self, m):
        """Return max(0, 1 - m)^2."""
        return ops.square(ops.relu(1 - m))


class CrammerSinger(ClassificationLoss):
    """Multiclass hinge loss of Crammer and Singer (2001, Eq. 3).

    ``max_k (z_k + 1 - t_k) - z_y``. Keras' ``categorical_hinge`` lets the masked true
    class enter its maximum as 0, and so differs where all scores are negative.
    """

    name = "crammer_singer"
    aliases = ("categorical_hinge", "multiclass_hinge")
    from_keras: ClassVar = {"CategoricalHinge": {}}
    formula = "max_k (z_k + 1 - t_k) - z_y"
    source = "Crammer and Singer 2001, Eq. 3"
    elicits = "most probable class, if above 1/2"
    proper = "order"
    convex = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        rival = ops.max(raw + 1 - y_true, axis=-1)
        return rival - ops.sum(y_true * raw, axis=-1)

    def constant_for(self, task, prior):
        """Return 1 for a class above one half, 0 otherwise."""
        if task.kind != "multiclass":
            return np.where(prior > 0.5, 1.0, -1.0)
        return np.where(prior / prior.sum() > 0.5, 1.0, 0.0)


class Square(ClassificationLoss):
    """Squared error on raw scores, no softmax (Hui and Belkin 2021, Section 2).

    ``sum_k kappa_k (z_k - M t_k)^2`` with kappa on the true class and 1 elsewhere;
    for two classes ``(f - M (2 y - 1))^2``, kappa does not enter. The scores estimate
    probabilities directly.

    Parameters
    ----------
    kappa : float > 0, default=1.0
        Weight of the true class; 15 for a thousand classes and more.
    scale : float > 0, default=1.0
        M, the target of the true class; 15 from about 40 classes.
    """

    name = "square"
    aliases = ("square_loss", "least_squares")
    formula = "sum_k kappa_k (z_k - M t_k)^2"
    source = "Hui and Belkin 2021, Section 2"
    proper = "link"
    keeps_order = True
    convex = True
    gradient_growth = "linear"
    # Glorot's start spreads the scores as wide as the targets themselves, which every
    # epoch then has to undo: measured 1 to 2 % of accuracy on MNIST and digits
    head_scale = 0.1

    def __init__(self, kappa=1.0, scale=1.0):
        self.kappa = kappa
        self.scale = scale

    def check(self):
        """Raise ValueError unless both are positive."""
        check_range(self, "kappa", 0, float("inf"), "()")
        check_range(self, "scale", 0, float("inf"), "()")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        kappa = 1 + (self.kappa - 1) * y_true
        return ops.sum(kappa * ops.square(raw - self.scale * y_true), axis=-1)

    def binary(self, y_true, raw):
        """Return the value per element."""
        return ops.square(raw - self.scale * (2 * y_true - 1))

    def link(self, scores):
        """Return max(eta, 0), normalised; the softmax where no score is positive."""
        s = scores / self.scale
        eta = ops.maximum(
            s / (self.kappa - (self.kappa - 1) * ops.minimum(s, 1.0)), 0.0
        )
        none = ops.max(s, axis=-1, keepdims=True) <= 0
        p = ops.where(none, ops.softmax(scores), eta)
        return with_order(ops.floor_and_normalise(p), scores)

    def binary_link(self, raw):
        """Return (f / M + 1) / 2, clipped."""
        p = (ops.clip(raw / self.scale, -1.0, 1.0) + 1) / 2
        return with_binary_order(p, raw)

    def constant_for(self, task, prior):
        """Return the minimiser in closed form."""
        if task.kind != "multiclass":
            return self.scale * (2 * prior - 1)
        prior = prior / prior.sum()
        return self.scale * self.kappa * prior / (self.kappa * prior + 1 - prior)
