"""Learning-rate schedules.

A schedule is a value object that multiplies the learning rate, step by step. The same
formula serves one network and a population: its numbers may be tensors with one entry
per network, so nothing here branches on a number.

Names: ``"constant"``, ``"cosine"``, ``"exponential"``, ``"step"``, ``"polynomial"``,
``"warm_up"``, ``"one_cycle"``, ``"reduce_on_plateau"``; with numbers, as in
``"cosine:final=0.01"``.
"""

import importlib
import math
from typing import ClassVar

import numpy as np

from skloss._params import Params, is_number, nearest, parse_spec

_RULES = {
    "in [0, 1]": lambda v: 0 <= v <= 1,
    "in [0, 1)": lambda v: 0 <= v < 1,
    "in (0, 1]": lambda v: 0 < v <= 1,
    "in (0, 1)": lambda v: 0 < v < 1,
    "above 0": lambda v: 0 < v < math.inf,
    "at least 0": lambda v: 0 <= v < math.inf,
    "a whole number from 0": lambda v: 0 <= v < math.inf and v == int(v),
    "a whole number from 1": lambda v: 1 <= v < math.inf and v == int(v),
}


class _LazyOps:
    """``keras.ops``, loaded on first use."""

    def __getattr__(self, name):
        return getattr(importlib.import_module("keras").ops, name)


ops = _LazyOps()


class Schedule(Params):
    """Base class of the learning-rate schedules.

    A subclass with a ``name`` registers itself. It gives ``curve`` and, in ``limits``,
    the rule and the meaning of each number, for ``check``.
    """

    registry: ClassVar[dict] = {}

    name = None
    monitors = False
    limits: ClassVar[dict] = {}

    def __init__(self):
        pass

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            Schedule.registry[cls.name] = cls

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``0 <= step <= n_steps``.

        All arguments and numbers are tensors of one dtype. Subclasses define this, and
        callers use ``multiplier``.
        """
        return ops.ones_like(step)

    def multiplier(self, step, steps_per_epoch, n_steps):
        """Return what multiplies the learning rate at each step.

        Parameters
        ----------
        step : float tensor or array of shape (s, 1)
            Global step indices 0, 1, 2, ...
        steps_per_epoch : float
            Optimiser steps per epoch.
        n_steps : float
            The horizon, epochs times ``steps_per_epoch``; after it the multiplier stays
            at its end value.

        Returns
        -------
        tensor of shape (s, k) or (s, 1)
            With k networks, that is with numbers of shape (k,), one column each.
        """
        step = ops.convert_to_tensor(step)
        steps_per_epoch = _tensor(steps_per_epoch, step.dtype)
        n_steps = _tensor(n_steps, step.dtype)
        bound = self._in_dtype(step.dtype)
        return bound.curve(ops.minimum(step, n_steps), steps_per_epoch, n_steps)

    def values(self, learning_rate, epochs, steps_per_epoch=1):
        """Return the learning rate of every step, for plots and tests.

        Parameters
        ----------
        learning_rate : float
            The rate that the schedule multiplies.
        epochs : int
            The horizon in epochs.
        steps_per_epoch : int, default=1
            Optimiser steps per epoch.

        Returns
        -------
        ndarray of shape (epochs * steps_per_epoch,)

        Examples
        --------
        >>> Step(factor=0.5, every=2).values(0.1, epochs=5)
        array([0.1  , 0.1  , 0.05 , 0.05 , 0.025])
        """
        self.check()
        n_steps = epochs * steps_per_epoch
        step = np.arange(n_steps, dtype="float64")[:, None]
        curve = ops.convert_to_numpy(self.multiplier(step, steps_per_epoch, n_steps))
        return learning_rate * curve[:, 0]

    def resolve(self):
        """Return the schedule with contained names turned into schedules."""
        return self

    def check(self):
        """Raise ``ValueError`` if a number makes no sense."""
        for name, (rule, meaning) in self.limits.items():
            value = getattr(self, name)
            if not is_number(value) or not _RULES[rule](value):
                raise ValueError(
                    f"{type(self).__name__}: {name}={value!r} must be {rule}, since it "
                    f"is {meaning}. The default is {name}={self._defaults()[name]!r}."
                )

    def _in_dtype(self, dtype):
        """Return a copy whose plain numbers and arrays are tensors of ``dtype``."""
        knobs = self.knobs().items()
        return self.bind({name: _tensor(value, dtype) for name, value in knobs})


class Constant(Schedule):
    """The learning rate as given: multiplier 1."""

    name = "constant"


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
    limits: ClassVar[dict] = {
        "final": ("in [0, 1]", "the share of the rate left at the end")
    }

    def __init__(self, final=0.0):
        self.final = final

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        return _half_cosine(1.0, self.final, _progress(step, n_steps))


class Exponential(Schedule):
    """A constant factor per epoch, as PyTorch's ``ExponentialLR``.

    ``rate ** floor(step / steps_per_epoch)``: a staircase, constant within an epoch.

    Parameters
    ----------
    rate : float, default=0.95
        The factor per epoch.
    """

    name = "exponential"
    limits: ClassVar[dict] = {"rate": ("in (0, 1]", "the factor per epoch")}

    def __init__(self, rate=0.95):
        self.rate = rate

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        return self.rate ** _whole(step, steps_per_epoch)


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
    limits: ClassVar[dict] = {
        "factor": ("in (0, 1)", "the factor at each drop"),
        "every": ("a whole number from 1", "the number of epochs between drops"),
    }

    def __init__(self, factor=0.1, every=30):
        self.factor = factor
        self.every = every

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        return self.factor ** _whole(_whole(step, steps_per_epoch), self.every)


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
    limits: ClassVar[dict] = {
        "power": ("above 0", "the exponent of the share of training that is left"),
        "final": ("in [0, 1]", "the share of the rate left at the end"),
    }

    def __init__(self, power=1.0, final=0.0):
        self.power = power
        self.final = final

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        left = (1.0 - _progress(step, n_steps)) ** self.power
        return self.final + (1.0 - self.final) * left


class WarmUp(Schedule):
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
    limits: ClassVar[dict] = {"epochs": ("above 0", "the length of the ramp")}

    def __init__(self, epochs=5, then=None):
        self.epochs = epochs
        self.then = then

    def set_params(self, **params):
        """Set parameters; a nested one turns a name in ``then`` into its schedule.

        Returns
        -------
        self
        """
        if "then" in params:
            self.then = params.pop("then")
        if isinstance(self.then, str) and any(k.startswith("then__") for k in params):
            self.then = get(self.then)
        return super().set_params(**params)

    def resolve(self):
        """Return the schedule with a name in ``then`` turned into its schedule."""
        if self.then is None:
            return self
        then = get(self.then)
        return self if then is self.then else self.bind({"then": then})

    def check(self):
        """Raise ``ValueError`` if a number or what follows makes no sense."""
        super().check()
        then = get(self.then)
        if then.monitors:
            raise ValueError(
                f"WarmUp: then={self.then!r}, but the schedule after a warm-up must "
                "not depend on the validation score: scores of the ramp would count "
                "as a plateau. Use then='cosine', or the plateau schedule alone."
            )
        then.check()

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        length = ops.maximum(ops.round(self.epochs * steps_per_epoch), 1.0)
        rest = get(self.then).multiplier(
            ops.maximum(step - length, 0.0),
            steps_per_epoch,
            ops.maximum(n_steps - length, 1.0),
        )
        return ops.where(step < length, (step + 1.0) / length, rest)


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
        up = _half_cosine(self.start, 1.0, rising)
        down = _half_cosine(1.0, self.start * self.final, falling)
        return ops.where(step <= peak, up, down)


class ReduceLROnPlateau(Schedule):
    """Lower the learning rate when the validation score stops improving.

    Names and behaviour are those of ``keras.callbacks.ReduceLROnPlateau``, for a score
    of which lower is better: an epoch improves if ``score + min_delta < best``; after
    ``patience`` epochs without, ``lr = max(lr * factor, min_lr)`` if ``lr > min_lr``,
    and the next ``cooldown`` epochs do not count. Each network has its own state.

    Parameters
    ----------
    factor : float, default=0.1
        The factor at each reduction.
    patience : int, default=10
        Epochs without improvement before a reduction; 0 acts like 1, as in Keras.
    min_delta : float, default=1e-4
        What counts as an improvement.
    cooldown : int, default=0
        Epochs after a reduction that do not count.
    min_lr : float, default=0.0
        The learning rate is not reduced below it (a rate, not a multiple).
    """

    name = "reduce_on_plateau"
    monitors = True
    limits: ClassVar[dict] = {
        "factor": ("in (0, 1)", "the factor at each reduction"),
        "patience": ("a whole number from 0", "a number of epochs"),
        "min_delta": ("at least 0", "the least change of the score that counts"),
        "cooldown": ("a whole number from 0", "a number of epochs"),
        "min_lr": ("at least 0", "the lowest learning rate"),
    }

    def __init__(self, factor=0.1, patience=10, min_delta=1e-4, cooldown=0, min_lr=0.0):
        self.factor = factor
        self.patience = patience
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr

    def values(self, learning_rate, epochs, steps_per_epoch=1):
        """Raise ``ValueError``: the values depend on the validation score."""
        raise ValueError(
            f"The learning rates of {self!r} depend on the validation score, so they "
            "are not known before the fit. Choose a schedule such as 'cosine' to plot "
            "one in advance."
        )

    def initial_state(self, k, dtype="float64"):
        """Return the state of ``k`` networks before the first epoch.

        Returns
        -------
        dict of str to ndarray of shape (k,)
            ``scale`` (multiplies the learning rate), ``best``, ``wait``, ``cooldown``.
        """
        starts = {"scale": 1.0, "best": np.inf, "wait": 0.0, "cooldown": 0.0}
        return {name: np.full(k, start, dtype) for name, start in starts.items()}

    def plateau(self, state, score, learning_rate):
        """Return the state after an epoch.

        Parameters
        ----------
        state : dict of str to tensor of shape (k,)
            As returned by ``initial_state`` or by this method.
        score : tensor of shape (k,)
            The monitored score of the epoch, lower is better. NaN does not improve.
        learning_rate : float or tensor of shape (k,)
            The learning rate before any reduction.

        Returns
        -------
        dict of str to tensor of shape (k,)
        """
        state = {name: ops.convert_to_tensor(v) for name, v in state.items()}
        dtype = state["scale"].dtype
        score, base = _tensor(score, dtype), _tensor(learning_rate, dtype)
        knob, zero = self._in_dtype(dtype), ops.zeros_like(state["wait"])

        cooldown = ops.maximum(state["cooldown"] - 1.0, 0.0)
        improved = score + knob.min_delta < state["best"]
        wait = ops.where(improved, zero, state["wait"])
        counts = ops.logical_not(ops.logical_or(improved, cooldown > 0.0))
        wait = ops.where(counts, wait + 1.0, wait)

        rate = base * state["scale"]
        due = ops.logical_and(counts, wait >= knob.patience)
        reduce = ops.logical_and(due, rate > knob.min_lr)
        lower = ops.maximum(rate * knob.factor, knob.min_lr) / base
        return {
            "scale": ops.where(reduce, lower, state["scale"]),
            "best": ops.where(improved, score, state["best"]),
            "wait": ops.where(reduce, zero, wait),
            "cooldown": ops.where(reduce, knob.cooldown, cooldown),
        }


def get(spec):
    """Return the schedule that ``spec`` describes.

    Parameters
    ----------
    spec : None, str or Schedule
        None is the constant schedule; a string is a name, with numbers if wanted.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If there is no such schedule, or it has no such parameter.

    Examples
    --------
    >>> get("cosine:final=0.01")
    Cosine(final=0.01)
    >>> get("warm_up:epochs=3,then=cosine")
    WarmUp(epochs=3, then=Cosine())
    """
    if spec is None:
        return Constant()
    if isinstance(spec, Schedule):
        return spec.resolve()
    if not isinstance(spec, str):
        raise ValueError(
            f"{spec!r} is not a learning-rate schedule. Give None, a name such as "
            "'cosine' or 'cosine:final=0.01', or an instance such as Cosine()."
        )
    name, params = parse_spec(spec)
    known = Schedule.registry
    if name not in known:
        raise ValueError(
            f"Unknown learning-rate schedule {name!r}. {nearest(name, known)}"
        )
    return known[name]().set_params(**params).resolve()


def warnings_for(schedule, learning_rate, patience=None):
    """Return what the user should be warned of: settings without any effect.

    Parameters
    ----------
    schedule : None, str or Schedule
        The schedule.
    learning_rate : float
        The learning rate it starts from.
    patience : int or None, default=None
        Patience of early stopping, None without it.

    Returns
    -------
    list of str
    """
    schedule = get(schedule)
    if not schedule.monitors:
        return []
    name, messages = type(schedule).__name__, []
    if schedule.min_lr >= learning_rate:
        messages.append(
            f"{name} can never act: min_lr={schedule.min_lr!r} is not below "
            f"learning_rate={learning_rate!r}; set min_lr to, say, "
            f"{learning_rate / 100:g}, or raise learning_rate."
        )
    own = max(schedule.patience, 1)
    if patience is not None and own >= patience:
        lower = (
            f"lower the former to, say, {patience // 2}, or " if patience > 1 else ""
        )
        messages.append(
            f"{name} will hardly ever act: early stopping ends the fit first, since "
            f"the schedule's patience={schedule.patience!r} is not below early "
            f"stopping's patience={patience!r}; {lower}raise the latter above {own!r}."
        )
    return messages


def _tensor(value, dtype):
    """Return ``value`` in ``dtype``; ``ops.cast`` rounds Python's numbers to single."""
    value = value if ops.is_tensor(value) else np.asarray(value, "float64")
    return ops.cast(value, dtype)


def _progress(step, n_steps):
    """Return the share of the training that is done, at most 1."""
    return ops.minimum(step / n_steps, 1.0)


def _whole(count, size):
    """Return ``floor(count / size)`` of whole numbers.

    The half keeps the quotient off the edges of the floor, where a division done as a
    product with the rounded reciprocal would miss a whole number.
    """
    return ops.floor((count + 0.5) / size)


def _half_cosine(start, end, share):
    """Return half a cosine from ``start`` to ``end`` as ``share`` goes from 0 to 1."""
    return end + (start - end) * (1.0 + ops.cos(math.pi * share)) / 2.0
