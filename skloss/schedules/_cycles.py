"""Schedules that go up and down several times."""

from typing import ClassVar

from skloss.schedules import _keras_ops as ops
from skloss.schedules._decay import half_cosine, progress, whole
from skloss.schedules._schedule import Schedule


class CosineRestarts(Schedule):
    """Half a cosine from 1 down to ``final``, again and again, each time longer.

    ``final + (1 - final) (1 + cos(pi T_cur / T_i)) / 2`` with ``T_cur`` the epochs
    since the last restart and ``T_i = epochs * t_mul ** i`` the length of cycle i
    (Loshchilov and Hutter 2017, eq. 5, "SGDR"). It moves every step; at the first step
    of each epoch it equals PyTorch's ``CosineAnnealingWarmRestarts(T_0=epochs,
    T_mult=t_mul)``.

    Parameters
    ----------
    epochs : int, default=10
        Length of the first cycle.
    t_mul : int, default=1
        How many times longer each cycle is than the one before. The last cycle is
        complete if the training has ``epochs``, ``epochs * (1 + t_mul)``,
        ``epochs * (1 + t_mul + t_mul ** 2)``, ... epochs.
    final : float, default=0.0
        The end value of each cycle, as a multiple of the learning rate.
    """

    name = "cosine_restarts"
    bounded = True
    limits: ClassVar[dict] = {
        "epochs": ("a whole number from 1", "the length of the first cycle"),
        "t_mul": ("a whole number from 1", "the growth of the cycles' length"),
        "final": ("in [0, 1]", "the share of the rate left at the end of a cycle"),
    }

    def __init__(self, epochs=10, t_mul=1, final=0.0):
        self.epochs = epochs
        self.t_mul = t_mul
        self.final = final

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        first = self.epochs * steps_per_epoch
        grow = ops.maximum(self.t_mul, 2.0)
        # logarithms miss whole numbers by a little: the cycle's neighbours are tried
        guess = ops.floor(ops.log1p(step / first * (grow - 1.0)) / ops.log(grow))
        guess = ops.where(
            step >= first * length_of_cycles(grow, guess + 1.0), guess + 1.0, guess
        )
        guess = ops.where(
            step < first * length_of_cycles(grow, guess), guess - 1.0, guess
        )
        grows = self.t_mul > 1.0
        before = ops.where(grows, length_of_cycles(grow, guess), whole(step, first))
        length = ops.where(grows, ops.round(grow**guess), 1.0) * first
        return half_cosine(1.0, self.final, progress(step - before * first, length))


def length_of_cycles(grow, cycles):
    """Return how long so many growing cycles last together, in units of the first."""
    # XLA's powers of whole numbers are not always whole
    return ops.round((ops.round(grow**cycles) - 1.0) / (grow - 1.0))


class Cyclic(Schedule):
    """A triangle from ``low`` up to 1 and back, again and again.

    ``low + (1 - low) max(0, 1 - |2 t / period - 2 i - 1|)`` in the cycle i at t epochs
    (Smith 2017, "Cyclical learning rates", section 3.1, policy "triangular"). Step for
    step PyTorch's ``CyclicLR(base_lr=low * learning_rate, max_lr=learning_rate)`` with
    ``step_size_up`` half a period.

    Parameters
    ----------
    low : float, default=0.25
        The lowest value, as a multiple of the learning rate, which is the highest.
    period : float, default=10
        Epochs from one low to the next; Smith's ``stepsize`` is half of it.
    """

    name = "cyclic"
    bounded = True
    limits: ClassVar[dict] = {
        "low": ("in (0, 1]", "the lowest rate as a share of the highest"),
        "period": ("above 0", "the epochs from one low to the next"),
    }

    def __init__(self, low=0.25, period=10):
        self.low = low
        self.period = period

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        cycles = step / (self.period * steps_per_epoch)
        share = cycles - ops.floor(cycles)
        return self.low + (1.0 - self.low) * (1.0 - ops.abs(2.0 * share - 1.0))
