"""What a schedule is: a value object that multiplies the learning rate."""

import inspect
import math
import textwrap
from typing import ClassVar

import numpy as np

from skloss._params import Varying, is_number
from skloss.schedules import _keras_ops as ops
from skloss.schedules import _plot

RULES = {
    "in [0, 1]": lambda v: 0 <= v <= 1,
    "in [0, 1)": lambda v: 0 <= v < 1,
    "in (0, 1]": lambda v: 0 < v <= 1,
    "in (0, 1)": lambda v: 0 < v < 1,
    "above 0": lambda v: 0 < v < math.inf,
    "at least 0": lambda v: 0 <= v < math.inf,
    "a whole number from 0": lambda v: 0 <= v < math.inf and v == int(v),
    "a whole number from 1": lambda v: 1 <= v < math.inf and v == int(v),
}


class Schedule(Varying):
    """Base class of the learning-rate schedules.

    One may also stand for another number of an estimator or a loss, which then has the
    value ``values(1.0, epochs)`` of each epoch: ``0.5 * Cosine()`` begins at 0.5.

    A subclass with a ``name`` registers itself. It gives ``curve`` and, in ``limits``,
    the rule and the meaning of each number, for ``check``.

    Schedules are added, subtracted and multiplied, with each other and with numbers,
    and put one after the other.

    Examples
    --------
    >>> from skloss.schedules import Cosine, Step, WarmUp
    >>> 0.5 * Cosine() + 0.1
    (0.5 * Cosine()) + 0.1
    >>> 1 - Cosine()
    1.0 + (-1.0 * Cosine())
    >>> WarmUp(epochs=3) * Step(every=10)
    WarmUp(epochs=3) * Step(every=10)
    >>> Cosine().followed_by("step", epochs=20)
    Sequential(first=Cosine(), then=Step(), epochs=20)
    """

    registry: ClassVar[dict] = {}
    #: The classes that expressions make, by name. They register themselves, because
    #: their modules import this one.
    composites: ClassVar[dict] = {}

    name = None
    #: Whether it watches the validation score.
    monitors = False
    #: Whether it gives rates, and not multiples of the learning rate.
    absolute = False
    #: Whether its limits keep it finite and above zero: others are looked at before
    #: training.
    bounded = False
    limits: ClassVar[dict] = {}
    __array_ufunc__ = None  # NumPy's numbers leave the multiplication to us

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
        steps_per_epoch = tensor_of(steps_per_epoch, step.dtype)
        n_steps = tensor_of(n_steps, step.dtype)
        bound = self.resolve()._in_dtype(step.dtype)
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
        >>> from skloss.schedules import Step
        >>> Step(factor=0.5, every=2).values(0.1, epochs=5)
        array([0.1  , 0.1  , 0.05 , 0.05 , 0.025])
        """
        self.check()
        n_steps = epochs * steps_per_epoch
        step = np.arange(n_steps, dtype="float64")[:, None]
        known = self.resolve().settle(learning_rate, steps_per_epoch, n_steps)
        curve = ops.convert_to_numpy(known.multiplier(step, steps_per_epoch, n_steps))
        return learning_rate * np.broadcast_to(curve, step.shape)[:, 0]

    def plot(self, learning_rate, epochs, steps_per_epoch=100, ax=None):
        """Draw the learning rate over the epochs.

        Parameters
        ----------
        learning_rate : float
            The rate that the schedule multiplies.
        epochs : int
            The horizon in epochs.
        steps_per_epoch : int, default=100
            Optimiser steps per epoch.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the rates depend on the validation score.
        """
        rates = self.values(learning_rate, epochs, steps_per_epoch)
        ax = _plot.axes(ax)
        label = textwrap.fill(repr(self), 50)
        ax.plot(np.arange(len(rates)) / steps_per_epoch, rates, label=label)
        ax.set(xlabel="Epoch", ylabel="Learning rate", xlim=(0, epochs))
        ax.set_ylim(bottom=0)
        _plot.legend_above(ax)
        return ax

    def resolve(self):
        """Return the schedule with contained names turned into schedules."""
        return self

    def settle(self, learning_rate, steps_per_epoch, n_steps):
        """Return the schedule of one training, in which nothing is left to Python.

        Parameters
        ----------
        learning_rate : float
        steps_per_epoch, n_steps : int
            As in ``multiplier``.

        Returns
        -------
        Schedule
        """
        return self

    def idle(self, learning_rate, patience=None, epochs=None):
        """Return messages about what cannot act; see ``warnings_for``."""
        return []

    def followed_by(self, then, epochs):
        """Return this schedule for so many epochs, and another one after it.

        Parameters
        ----------
        then : Schedule, str, function or Keras schedule
            It runs over the epochs that are left.
        epochs : float
            Length of this schedule, which sees it as its horizon.

        Returns
        -------
        Sequential
        """
        return self.composites["Sequential"](self, then, epochs).resolve()

    def __mul__(self, other):
        return self.composites["Product"].combine(self, other)

    def __rmul__(self, other):
        return self.composites["Product"].combine(other, self)

    def __add__(self, other):
        return self.composites["Sum"].combine(self, other)

    def __radd__(self, other):
        return self.composites["Sum"].combine(other, self)

    def __sub__(self, other):
        if is_number(other):
            return self + -other
        negative = self.composites["Product"].combine(-1.0, other)
        if negative is NotImplemented:
            return negative
        return self + negative

    def __rsub__(self, other):
        return self.composites["Sum"].combine(other, -1.0 * self)

    def check(self):
        """Raise ``ValueError`` if a number makes no sense."""
        for name, (rule, meaning) in self.limits.items():
            value = getattr(self, name)
            if not is_number(value) or not RULES[rule](value):
                default = self._defaults()[name]
                known = default is not inspect.Parameter.empty
                raise ValueError(
                    f"{type(self).__name__}: {name}={value!r} must be {rule}, since it "
                    f"is {meaning}."
                    + (f" The default is {name}={default!r}." if known else "")
                )

    def _in_dtype(self, dtype):
        """Return a copy whose plain numbers and arrays are tensors of ``dtype``."""
        knobs = self.knobs().items()
        return self.bind({name: tensor_of(value, dtype) for name, value in knobs})


def tensor_of(value, dtype):
    """Return ``value`` in ``dtype``; ``ops.cast`` rounds Python's numbers to single."""
    value = value if ops.is_tensor(value) else np.asarray(value, "float64")
    return ops.cast(value, dtype)
