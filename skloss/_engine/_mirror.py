"""One network shown to code written for Keras: a plain model and its optimiser."""

import numpy as np

from skloss._engine._optimizers import state_variables
from skloss._engine._plan import TrainingState
from skloss._engine._predict import assign_weights, read_weights
from skloss._engine._state import Slots, Weights
from skloss._engine._step import Layout
from skloss._tensorflow import keras


class Mirror:
    """A compiled ``keras.Model`` that shows a network and takes its changes back.

    Parameters
    ----------
    model : keras.Model
    optimizer : keras.optimizers.Optimizer
    """

    def __init__(self, model, optimizer):
        model.compile(optimizer=optimizer)
        optimizer.build(model.trainable_variables)
        model.stop_training = False
        self.model, self.layout = model, Layout(model)

    def show(self, network):
        """Give the model a ``Network``'s weights, optimiser's state and rate."""
        self.show_weights(network.weights, network.stored)
        self.shown = self.weights()
        count, moments = network.slots
        optimizer = self.model.optimizer
        optimizer.iterations.assign(count)
        for variables, row in zip(self.moments(), moments, strict=True):
            pieces = np.split(row, np.cumsum(self.layout.sizes)[:-1])
            for variable, piece in zip(variables, pieces, strict=True):
                variable.assign(piece.reshape(variable.shape))
        optimizer.learning_rate = network.learning_rate
        self.rate = float(optimizer.learning_rate)  # as Keras rounds it

    def show_weights(self, weights, stored):
        """Give the model weights and moving statistics."""
        assign_weights(self.layout, weights, stored)

    def take_back(self, network):
        """Give the network the weights and the rate that the model now has."""
        weights, stored = self.weights()
        # What a callback only looked at is not written back: it was shown the averaged
        # weights, and others train on.
        if not np.array_equal(weights, self.shown.weights, equal_nan=True):
            network.weights = weights
        if not np.array_equal(stored, self.shown.stored, equal_nan=True):
            network.stored = stored
        rate = float(self.model.optimizer.learning_rate)
        if rate != self.rate:
            network.learning_rate = rate

    def weights(self) -> Weights:
        """Return the model's weights and moving statistics, flat."""
        return read_weights(self.layout)

    def state(self) -> TrainingState:
        """Return what a ``Member`` starts from that goes on as the model is."""
        weights, stored = self.weights()
        moments = [
            np.concatenate([np.ravel(variable.numpy()) for variable in variables])
            for variables in self.moments()
        ]
        count = np.asarray(self.model.optimizer.iterations.value)
        epoch = self.model._initial_epoch
        slots = Slots(count, tuple(moments))
        return TrainingState(weights, stored, int(epoch), slots)

    def moments(self):
        """Return the optimiser's moments: for each, its variables, as Keras has them.

        Whether Keras' list of all variables goes by moment or by weight depends on its
        version.
        """
        optimizer = self.model.optimizer
        order = {id(v): i for i, v in enumerate(state_variables(optimizer))}
        found = [
            value
            for value in vars(optimizer).values()
            if isinstance(value, list)
            and len(value) == len(self.layout.shapes)
            and all(isinstance(v, keras.Variable) and id(v) in order for v in value)
        ]
        return sorted(found, key=lambda variables: order[id(variables[0])])
