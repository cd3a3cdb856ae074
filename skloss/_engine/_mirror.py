"""One network shown to code written for Keras: a plain model and its optimiser."""

from __future__ import annotations

import numpy as np

from skloss._engine._between import Network
from skloss._engine._optimizers import state_variables
from skloss._engine._plan import TrainingState
from skloss._engine._predict import assign_weights, read_weights
from skloss._engine._state import Slots, Weights
from skloss._engine._step import Layout
from skloss._keras import get_initial_epoch
from skloss._tensorflow import keras


class Mirror:
    """A compiled ``keras.Model`` that shows a network and takes its changes back.

    Parameters
    ----------
    model : keras.Model
    optimizer : keras.optimizers.Optimizer

    Attributes
    ----------
    layout : Layout
    moments : list of list of keras.Variable
        See ``find_moments``.
    shown : Weights
        What the model was given last.
    rate : float
        The rate it was given last, as Keras rounds it.

    Raises
    ------
    RuntimeError
        If the optimiser keeps its moments in a way that is not known.
    """

    def __init__(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> None:
        model.compile(optimizer=optimizer)
        optimizer.build(model.trainable_variables)
        model.stop_training = False
        self.model, self.layout = model, Layout(model)
        self.moments = find_moments(optimizer, model.trainable_variables)
        self.shown, self.rate = None, None

    def show(self, network: Network) -> None:
        """Give the model a network's weights, its optimiser's state and its rate."""
        self.show_weights(network.weights, network.stored)
        self.shown = self.weights()
        count, moments = network.slots
        optimizer = self.model.optimizer
        optimizer.iterations.assign(count)
        for variables, row in zip(self.moments, moments, strict=True):
            pieces = np.split(row, np.cumsum(self.layout.sizes)[:-1])
            for variable, piece in zip(variables, pieces, strict=True):
                variable.assign(piece.reshape(variable.shape))
        optimizer.learning_rate = network.learning_rate
        self.rate = float(optimizer.learning_rate)

    def show_weights(self, weights: np.ndarray, stored: np.ndarray) -> None:
        """Give the model weights and moving statistics."""
        assign_weights(self.layout, weights, stored)

    def take_back(self, network: Network) -> None:
        """Give the network the weights and the rate that the model now has.

        What callbacks did not change is not written: a network that averages its
        weights shows the average, and would lose the weights that it trains on.
        """
        weights, stored = self.weights()
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
            for variables in self.moments
        ]
        count = np.asarray(self.model.optimizer.iterations.value)
        epoch = int(get_initial_epoch(self.model))
        return TrainingState(weights, stored, epoch, Slots(count, tuple(moments)))


def find_moments(
    optimizer: keras.optimizers.Optimizer, weights: list
) -> list[list[keras.Variable]]:
    """Return the optimiser's moments: for each, a variable per weight.

    Keras has no name for them that all optimisers share, and whether its list of all
    variables goes by moment or by weight depends on its version. But each optimiser
    keeps a list for each moment, by whatever name.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Built for ``weights``.
    weights : list of keras.Variable

    Raises
    ------
    RuntimeError
        Unless these lists hold each of the optimiser's variables once, besides its
        step counter, and have the weights' shapes: a moment that was missed or taken
        for another would be restored to the wrong weights without a word.
    """
    _, *variables = state_variables(optimizer)
    order = {id(variable): i for i, variable in enumerate(variables)}
    moments = [
        value
        for value in vars(optimizer).values()
        if isinstance(value, list)
        and len(value) == len(weights)
        and all(id(variable) in order for variable in value)
    ]
    moments.sort(key=lambda moment: order[id(moment[0])])
    held = sorted(order[id(variable)] for moment in moments for variable in moment)
    shapes = [tuple(weight.shape) for weight in weights]
    found = [[tuple(variable.shape) for variable in moment] for moment in moments]
    if held != list(range(len(variables))) or any(one != shapes for one in found):
        raise RuntimeError(
            f"keras.optimizers.{type(optimizer).__name__} of Keras {keras.__version__} "
            f"keeps {len(variables)} variables besides its step counter, of which "
            f"{len(found)} lists were found that match the {len(weights)} weights: "
            f"its moments cannot be shown to callbacks. Use another optimizer, or "
            f"leave out the callbacks."
        )
    return moments
