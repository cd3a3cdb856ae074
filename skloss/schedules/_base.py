"""What a schedule is: a value object that multiplies the learning rate."""

import math
from typing import ClassVar

import numpy as np

from skloss._params import Params, is_number
from skloss.schedules import _ops as ops

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
        steps_per_epoch = tensor_of(steps_per_epoch, step.dtype)
        n_steps = tensor_of(n_steps, step.dtype)
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
        >>> from skloss.schedules import Step
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
            if not is_number(value) or not RULES[rule](value):
                raise ValueError(
                    f"{type(self).__name__}: {name}={value!r} must be {rule}, since it "
                    f"is {meaning}. The default is {name}={self._defaults()[name]!r}."
                )

    def _in_dtype(self, dtype):
        """Return a copy whose plain numbers and arrays are tensors of ``dtype``."""
        knobs = self.knobs().items()
        return self.bind({name: tensor_of(value, dtype) for name, value in knobs})


def tensor_of(value, dtype):
    """Return ``value`` in ``dtype``; ``ops.cast`` rounds Python's numbers to single."""
    value = value if ops.is_tensor(value) else np.asarray(value, "float64")
    return ops.cast(value, dtype)
