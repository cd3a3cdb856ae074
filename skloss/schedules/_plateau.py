"""The schedule that watches the validation score."""

from typing import ClassVar

import numpy as np

from skloss.schedules import _keras_ops as ops
from skloss.schedules._schedule import Schedule, tensor_of


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
    bounded = True
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
        score, base = tensor_of(score, dtype), tensor_of(learning_rate, dtype)
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

    def idle(self, learning_rate, patience=None, epochs=None):
        """Return messages if ``min_lr`` or early stopping forestalls it."""
        name, messages = type(self).__name__, []
        if self.min_lr >= learning_rate:
            messages.append(
                f"{name} can never act: min_lr={self.min_lr!r} is not below "
                f"learning_rate={learning_rate!r}; set min_lr to, say, "
                f"{learning_rate / 100:g}, or raise learning_rate."
            )
        wait = max(self.patience, 1)
        if patience is not None and wait >= patience:
            half = patience // 2
            lower = f"lower the former to, say, {half}, or " if patience > 1 else ""
            messages.append(
                f"{name} will hardly ever act: early stopping ends the fit first, "
                f"since the schedule's patience={self.patience!r} is not below early "
                f"stopping's patience={patience!r}; {lower}raise the latter above "
                f"{wait!r}."
            )
        return messages
