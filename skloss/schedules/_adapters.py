"""Schedules that come from elsewhere: plain functions and Keras' objects.

Both are asked for their rates in Python, before training. The rates become a table of
numbers, so that the graph is the same for all of them.
"""

import inspect

import numpy as np

from skloss.schedules import _keras_ops as ops
from skloss.schedules._decay import whole
from skloss.schedules._schedule import Schedule


class FunctionSchedule(Schedule):
    """A function that gives the rate of each epoch, as Keras' callback takes it.

    Parameters
    ----------
    function : callable
        As for ``keras.callbacks.LearningRateScheduler``: ``function(epoch, lr)``, or
        ``function(epoch)``, returns the learning rate of an epoch. Epochs count from
        0; ``lr`` is the rate of the epoch before, at first ``learning_rate``. It is
        called once for each epoch before training begins.

    Examples
    --------
    >>> from skloss.schedules import get
    >>> get(lambda epoch, lr: lr if epoch < 2 else lr / 10).values(0.1, epochs=4)
    array([0.1  , 0.1  , 0.01 , 0.001])
    """

    bounded = True

    def __init__(self, function):
        self.function = function

    def check(self):
        """Raise ``ValueError`` unless the function can be called."""
        self.count_arguments()

    def count_arguments(self):
        """Return how many arguments the function takes: two, or one."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return 2  # written in C: it has no signature to look at
        for arguments in ((0, 0.1), (0,)):
            try:
                signature.bind(*arguments)
                return len(arguments)
            except TypeError:
                continue
        raise ValueError(
            f"{self.function!r} cannot be a learning-rate schedule, since it takes "
            f"{signature}; it must take (epoch, lr), or (epoch), and return the "
            f"learning rate of that epoch."
        )

    def settle(self, learning_rate, steps_per_epoch, n_steps):
        """Return the function's rates as multiples, epoch by epoch.

        Raises
        ------
        ValueError
            If a rate is not a finite number above 0.
        """
        count, rate, rates = self.count_arguments(), float(learning_rate), []
        for epoch in range(-(-n_steps // steps_per_epoch)):
            value = self.function(*(epoch, rate)[:count])
            rate = as_rate(value)
            if not 0 < rate < np.inf:
                raise ValueError(
                    f"lr_schedule={self.function!r} gave {value!r} for epoch {epoch} "
                    f"(the first is 0). It must return a finite number above 0, the "
                    f"learning rate of that epoch."
                )
            rates.append(rate)
        return Table(np.array(rates) / learning_rate, "epoch")

    def curve(self, step, steps_per_epoch, n_steps):
        """Raise ``ValueError``: the multipliers are those of a training."""
        raise error_outside_training(self)


class KerasSchedule(Schedule):
    """A ``keras.optimizers.schedules.LearningRateSchedule``, whose rates are its own.

    An estimator's ``learning_rate`` has no effect with it and stays at its default.

    Parameters
    ----------
    schedule : keras.optimizers.schedules.LearningRateSchedule
        Called with the number of the optimiser step, from 0, as Keras does.
    """

    absolute = True
    bounded = True

    def __init__(self, schedule):
        self.schedule = schedule

    def settle(self, learning_rate, steps_per_epoch, n_steps):
        """Return the schedule's rates as multiples, step by step.

        Raises
        ------
        ValueError
            If a rate is not a finite number above 0.
        """
        from skloss._tensorflow import tf

        def rates():
            return ops.vectorized_map(self.schedule, tf.range(n_steps, dtype="int64"))

        # one concrete function: it does not count as a retracing to be warned of
        rates = tf.function(rates, autograph=False).get_concrete_function()()
        rates = np.asarray(rates, "float64")
        wrong = np.flatnonzero(~((rates > 0) & (rates < np.inf)))
        if len(wrong):
            step = int(wrong[0])
            raise ValueError(
                f"lr_schedule={type(self.schedule).__name__}(...) gives the learning "
                f"rate {rates[step]:g} at step {step} of {n_steps}, in epoch "
                f"{step // steps_per_epoch} (the first is 0). Rates must be finite and "
                f"above 0 to the end of the training: raise the end value, or let the "
                f"decay last for all {n_steps} steps ({steps_per_epoch} an epoch)."
            )
        return Table(rates / learning_rate, "step")

    def curve(self, step, steps_per_epoch, n_steps):
        """Raise ``ValueError``: the multipliers are those of a training."""
        raise error_outside_training(self)


class Table(Schedule):
    """Multipliers, one by one.

    Parameters
    ----------
    numbers : ndarray of shape (n,)
    by : {"epoch", "step"}
        What they belong to; the last one stays.
    """

    bounded = True

    def __init__(self, numbers, by):
        self.numbers = numbers
        self.by = by

    def knobs(self):
        """Return the numbers."""
        return {"numbers": self.numbers} if isinstance(self.numbers, np.ndarray) else {}

    def structure(self):
        """Return how many there are, and of what."""
        return Table, len(self.numbers), self.by

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        rows = ops.reshape(self.numbers, (-1, self.numbers.shape[-1]))
        index = step if self.by == "step" else whole(step, steps_per_epoch)
        index = ops.minimum(ops.cast(index[:, 0], "int32"), rows.shape[1] - 1)
        return ops.transpose(ops.take(rows, index, axis=1))


def adapt(spec):
    """Return the schedule for a function or a Keras schedule."""
    from skloss._tensorflow import keras

    if isinstance(spec, keras.optimizers.schedules.LearningRateSchedule):
        return KerasSchedule(spec)
    return FunctionSchedule(spec)


def as_rate(value):
    """Return a function's value as a float, NaN where it is not one."""
    try:
        return np.nan if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError):
        return np.nan


def error_outside_training(schedule):
    """Return the error for multipliers asked for outside a training."""
    return ValueError(
        f"{schedule!r} gives rates, which are multiples of a learning rate over given "
        f"epochs only: use values(learning_rate, epochs, steps_per_epoch)."
    )
