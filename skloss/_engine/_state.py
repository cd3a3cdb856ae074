"""What a training carries from step to step, and what it records from epoch to epoch.

Named tuples, which TensorFlow's nests take through graphs and loops as they are. A
field that a program does not have is an empty tuple, which holds no tensor.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from skloss._tensorflow import tf


class Slots(NamedTuple):
    """What an optimiser remembers.

    Attributes
    ----------
    count : int tensor of shape (networks,)
        Steps taken.
    moments : tuple of tensors of shape (networks, weights)
        In the order of Keras' variables.
    """

    count: Any
    moments: tuple


class Weights(NamedTuple):
    """The numbers with which networks predict.

    Attributes
    ----------
    weights : tensor of shape (networks, weights)
    stored : tensor of shape (networks, stored)
        Moving statistics, and weights that are not trained.
    """

    weights: Any
    stored: Any


class Variables(NamedTuple):
    """What steps change.

    Attributes
    ----------
    weights, stored : tensor
        See ``Weights``.
    slots : Slots
    average : tensor of shape (networks, weights)
        The averaged weights; empty where no network averages them.
    """

    weights: Any
    stored: Any
    slots: Slots
    average: Any

    @property
    def averages(self) -> bool:
        """Whether the networks average their weights: in a pool, all or none do."""
        return not isinstance(self.average, tuple)

    @property
    def predicting(self) -> Weights:
        """The weights that predict, averaged or the last, and the statistics."""
        return Weights(self.average if self.averages else self.weights, self.stored)


class Plateau(NamedTuple):
    """What a schedule that watches the score remembers of each network.

    The names are those of ``ReduceLROnPlateau.initial_state``. ``scale`` multiplies the
    learning rate, whatever the schedule.
    """

    scale: Any
    best: Any
    wait: Any
    cooldown: Any


class State(NamedTuple):
    """How far the networks of a program have come.

    Attributes
    ----------
    variables : Variables
    kept : Weights
        Of the best epoch so far.
    epoch : int tensor of shape (networks,)
        Epochs trained.
    active, alive, diverged : bool tensor of shape (networks,)
        Who has not stopped; whose numbers are finite; who trained on until they were
        not.
    best, wait : tensor of shape (networks,)
        The best epoch's score, or loss; epochs since then.
    best_epoch : int tensor of shape (networks,)
        The best epoch's number, from 1.
    plateau : Plateau
    """

    variables: Variables
    kept: Weights
    epoch: Any
    active: Any
    alive: Any
    diverged: Any
    best: Any
    wait: Any
    best_epoch: Any
    plateau: Plateau


class LayerRow(NamedTuple):
    """What is recorded of the layers in an epoch, each of shape (networks, layers).

    Attributes
    ----------
    gradient_norm : tensor
        Root mean square over the steps.
    weight_norm : tensor
        At the beginning of the epoch.
    change : tensor
        Norm of what the epoch changed, as a share of ``weight_norm``.
    idle : tensor
        Share of units whose gradient was zero in all steps.
    """

    gradient_norm: Any
    weight_norm: Any
    change: Any
    idle: Any


class HistoryRow(NamedTuple):
    """What is recorded of an epoch, each of shape (networks,).

    A history has the same fields, with the epochs on the first axis.

    Attributes
    ----------
    loss, learning_rate, gradient_norm : tensor
        Mean over the rows; of the first step; mean over the steps.
    val_loss, val_monitor : tensor
        NaN without validation; of the monitored score, lower is better.
    layers : LayerRow
        Empty where layers are not recorded.
    """

    loss: Any
    learning_rate: Any
    gradient_norm: Any
    val_loss: Any
    val_monitor: Any
    layers: Any = ()


RECORDED = LayerRow._fields


def map_leaves(function: Callable, nest: Any, *others: Any) -> Any:
    """Return a nest of what ``function`` returns of each leaf of nests of one shape.

    Between calls of a program, where TensorFlow's own map takes longer than its work.
    """
    if isinstance(nest, dict):
        keys = nest.items()
        return {k: map_leaves(function, v, *(o[k] for o in others)) for k, v in keys}
    if isinstance(nest, tuple):
        pairs = zip(nest, *others, strict=True)
        parts = [map_leaves(function, *leaves) for leaves in pairs]
        return type(nest)(*parts) if hasattr(nest, "_fields") else tuple(parts)
    return function(nest, *others)


def as_tensors(nest: Any) -> Any:
    """Return a nest of arrays as tensors."""
    return map_leaves(tf.convert_to_tensor, nest)


def as_arrays(nest: Any) -> Any:
    """Return a nest of tensors as arrays."""
    return map_leaves(np.asarray, nest)


def copy_arrays(nest: Any) -> Any:
    """Return a nest of arrays that may be written to."""
    return map_leaves(np.array, nest)


def select_network(state: State, k: int) -> State:
    """Return a copy of the state of network ``k``, of arrays with one row."""
    return map_leaves(lambda a: a[k : k + 1].copy(), state)


def join_states(states: Sequence[State]) -> State:
    """Return the state of several networks together, from one of each."""
    return map_leaves(lambda *rows: np.concatenate(rows), *states)


def put_network(state: State, k: int, row: State) -> None:
    """Write the state of one network into row ``k`` of arrays."""

    def put(array, value):
        array[k] = value[0]

    map_leaves(put, state, row)


def join_epochs(histories: Sequence[HistoryRow]) -> HistoryRow:
    """Return the history of several stretches of epochs, one after the other."""
    return map_leaves(lambda *parts: np.concatenate(parts), *histories)


def select_epochs(history: HistoryRow, k: int, count: int) -> HistoryRow:
    """Return the first ``count`` epochs of network ``k``."""
    *columns, layers = history
    if layers:
        layers = LayerRow(*(column[:count, k] for column in layers))
    return HistoryRow(*(column[:count, k] for column in columns), layers)
