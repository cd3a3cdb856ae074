"""Schedules that raise the learning rate first."""

from typing import ClassVar

from skloss.schedules import _keras_ops as ops
from skloss.schedules._decay import half_cosine
from skloss.schedules._schedule import Schedule
from skloss.schedules._sequential import Sequential


class Ramp(Schedule):
    """A line to 1: ``(step + 1) / n_steps``, 1 at the last step."""

    bounded = True

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        return (step + 1.0) / n_steps


class WarmUp(Sequential):
    """A linear ramp to the full learning rate, then another schedule.

    With ``w = round(epochs * steps_per_epoch)`` steps of warm-up (at least one), the
    multiplier is ``(step + 1) / w`` while ``step < w``, as in the gradual warm-up of
    Goyal et al. 2017, section 2.2; from step ``w`` on, ``then`` runs over the remaining
    ``n_steps - w`` steps.

    Parameters
    ----------
    epochs : float, default=5
        Length of the ramp; a part of an epoch is allowed.
    then : Schedule, str or None, default=None
        What follows; None keeps the full learning rate.
    """

    name = "warm_up"
    first = Ramp()
    parts: ClassVar[tuple] = ("then",)
    limits: ClassVar[dict] = {"epochs": ("above 0", "the length of the ramp")}
    why_not_monitored = (
        "the schedule after a warm-up must not depend on the validation score: scores "
        "of the ramp would count as a plateau."
    )

    def __init__(self, epochs=5, then=None):
        self.epochs = epochs
        self.then = then


class OneCycle(Schedule):
    """Up to the learning rate and down to almost nothing, both by half a cosine.

    Step for step PyTorch's ``OneCycleLR(anneal_strategy="cos")`` with ``max_lr`` our
    learning rate, ``pct_start=warm_up_fraction``, ``div_factor=1 / start`` and
    ``final_div_factor=1 / final``: from ``start`` at step 0 to 1 at step
    ``warm_up_fraction * n_steps - 1``, then to ``start * final`` at step
    ``n_steps - 1`` (Smith and Topin 2019, "Super-convergence", as simplified by
    fastai). Momentum is left alone.

    Parameters
    ----------
    warm_up_fraction : float, default=0.3
        Share of the training in which the rate rises.
    start : float, default=0.04
        First value, as a multiple of the learning rate.
    final : float, default=1e-4
        Last value, as a multiple of the *first* one, as in PyTorch.
    """

    name = "one_cycle"
    bounded = True
    limits: ClassVar[dict] = {
        "warm_up_fraction": ("in [0, 1)", "the share of training with a rising rate"),
        "start": ("in (0, 1]", "the first rate as a share of the highest"),
        "final": ("in [0, 1]", "the last rate as a share of the first"),
    }

    def __init__(self, warm_up_fraction=0.3, start=0.04, final=1e-4):
        self.warm_up_fraction = warm_up_fraction
        self.start = start
        self.final = final

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        peak = self.warm_up_fraction * n_steps - 1.0
        # A ramp of one step (peak 0, where PyTorch divides by zero) is at its top.
        rising = ops.where(peak > 1e-3, step / ops.maximum(peak, 1e-3), 1.0)
        falling = ops.minimum((step - peak) / (n_steps - 1.0 - peak), 1.0)
        up = half_cosine(self.start, 1.0, rising)
        down = half_cosine(1.0, self.start * self.final, falling)
        return ops.where(step <= peak, up, down)
