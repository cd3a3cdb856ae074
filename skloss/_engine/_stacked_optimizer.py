"""A Keras optimiser's update of a matrix of weights, as a pure function."""

from __future__ import annotations

import numpy as np

from skloss._engine._optimizers import Optimizer, Positive, state_variables
from skloss._engine._state import Slots
from skloss._tensorflow import keras, tf


class StackedOptimizer:
    """The update of a matrix of weights, one row per network.

    Parameters
    ----------
    optimizer : Optimizer
        Of any network: its numbers come with each update.
    shape : tuple of int
        (networks, weights).
    dtype : str

    Attributes
    ----------
    fresh : Slots
        What it remembers before the first step, as arrays.
    """

    def __init__(self, optimizer: Optimizer, shape: tuple, dtype: str):
        self.weights = keras.Variable(np.zeros(shape), dtype=dtype)
        self.optimizer = optimizer.pure()
        self.optimizer.build([self.weights])
        count, *moments = (np.asarray(v.value) for v in self.slot_variables)
        self.fresh = Slots(np.full(shape[0], count), tuple(moments))

    @property
    def slot_variables(self) -> list:
        """Keras' variables for the step counter and the moments."""
        return state_variables(self.optimizer)

    def update(
        self,
        weights: tf.Tensor,
        slots: Slots,
        gradient: tf.Tensor,
        rate: tf.Tensor,
        knobs: dict,
    ) -> tuple[tf.Tensor, Slots]:
        """Return the weights, and what the optimiser remembers, after a step.

        Parameters
        ----------
        weights, gradient : tensor of shape (networks, weights)
        slots : Slots
        rate : tensor of shape (networks, 1) or (networks, weights)
        knobs : dict of str to tensor of shape (networks,)
            The optimiser's own numbers.
        """
        # Keras' code assigns to variables; the scope lends them our tensors, and
        # records what would be assigned. So a program has no state of its own.
        variables = [self.weights, *self.slot_variables[1:]]
        values = [weights, *slots.moments]
        with keras.StatelessScope(zip(variables, values, strict=True)) as scope:
            for name, value in knobs.items():
                value = value[:, None]
                value = Positive(value) if name == "momentum" else value
                setattr(self.optimizer, name, value)
            self.optimizer.counts = slots.count[:, None]
            self.optimizer.update_step(gradient, self.weights, rate)
            for name in (*knobs, "counts"):  # no graph tensor stays behind
                setattr(self.optimizer, name, None)
        weights, *moments = map(scope.get_current_value, variables)
        return weights, Slots(slots.count + 1, tuple(moments))
