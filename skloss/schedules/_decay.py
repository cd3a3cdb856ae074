"""Schedules that start at the full learning rate and only lower it."""

import math
from typing import ClassVar

from skloss.schedules import _keras_ops as ops
from skloss.schedules._schedule import Schedule


class Constant(Schedule):
    """The learning rate as given: multiplier 1."""

    name = "constant"
    bounded = True


class Cosine(Schedule):
    """Half a cosine from 1 down to ``final``, without restarts.

    ``final + (1 - final) (1 + cos(pi p)) / 2`` with progress ``p = step / n_steps``
    (Loshchilov and Hutter 2017, eq. 5, "SGDR"). It moves every step; at the first step
    of each epoch it equals PyTorch's ``CosineAnnealingLR(T_max=epochs)``.

    Parameters
    ----------
    final : float, default=0.0
        The end value, as a multiple of the learning rate.
    """

    name = "cosine"
    bounded = True
    limits: ClassVar[dict] = {
        "final": ("in [0, 1]", "the share of the rate left at the end")
    }

    def __init__(self, final=0.0):
        self.final = final

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        return half_cosine(1.0, self.final, progress(step, n_steps))


class Exponential(Schedule):
    """A constant factor per epoch, as PyTorch's ``ExponentialLR``.

    ``rate ** floor(step / steps_per_epoch)``: a staircase, constant within an epoch.

    Parameters
    ----------
    rate : float, default=0.95
        The factor per epoch.
    """

    name = "exponential"
    bounded = True
    limits: ClassVar[dict] = {"rate": ("in (0, 1]", "the factor per epoch")}

    def __init__(self, rate=0.95):
        self.rate = rate

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        return self.rate ** whole(step, steps_per_epoch)


class Step(Schedule):
    """A drop by ``factor`` after every ``every`` epochs, as PyTorch's ``StepLR``.

    ``factor ** floor(epoch / every)`` with ``epoch = floor(step / steps_per_epoch)``
    (the schedule of He et al. 2016, with equal intervals).

    Parameters
    ----------
    factor : float, default=0.1
        The factor at each drop.
    every : int, default=30
        Epochs between drops.
    """

    name = "step"
    bounded = True
    limits: ClassVar[dict] = {
        "factor": ("in (0, 1)", "the factor at each drop"),
        "every": ("a whole number from 1", "the number of epochs between drops"),
    }

    def __init__(self, factor=0.1, every=30):
        self.factor = factor
        self.every = every

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        return self.factor ** whole(whole(step, steps_per_epoch), self.every)


class Polynomial(Schedule):
    """A power of the remaining share of the training, from 1 down to ``final``.

    ``final + (1 - final) (1 - p) ** power`` with progress ``p = step / n_steps`` (the
    "poly" policy of Chen et al. 2018, DeepLab; ``power=1`` is linear decay). At the
    first step of each epoch and with ``final=0`` it equals PyTorch's
    ``PolynomialLR(total_iters=epochs)``.

    Parameters
    ----------
    power : float, default=1.0
        Above 1 it falls fast first, below 1 late.
    final : float, default=0.0
        The end value, as a multiple of the learning rate.
    """

    name = "polynomial"
    bounded = True
    limits: ClassVar[dict] = {
        "power": ("above 0", "the exponent of the share of training that is left"),
        "final": ("in [0, 1]", "the share of the rate left at the end"),
    }

    def __init__(self, power=1.0, final=0.0):
        self.power = power
        self.final = final

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        left = (1.0 - progress(step, n_steps)) ** self.power
        return self.final + (1.0 - self.final) * left


def progress(step, n_steps):
    """Return the share of the training that is done, at most 1."""
    return ops.minimum(step / n_steps, 1.0)


def whole(count, size):
    """Return ``floor(count / size)`` of whole numbers.

    The half keeps the quotient off the edges of the floor, where a division done as a
    product with the rounded reciprocal would miss a whole number.
    """
    return ops.floor((count + 0.5) / size)


def half_cosine(start, end, share):
    """Return half a cosine from ``start`` to ``end`` as ``share`` goes from 0 to 1."""
    return end + (start - end) * (1.0 + ops.cos(math.pi * share)) / 2.0
