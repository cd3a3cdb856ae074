"""Between two epochs: what a network's callback sees and may change."""

from typing import TYPE_CHECKING

import numpy as np

from skloss._engine._inputs import Inputs
from skloss._engine._loop import judge_epoch
from skloss._engine._plan import Member
from skloss._engine._predict import stacked_predictions
from skloss._engine._state import HistoryRow, Slots, State, Weights, as_tensors
from skloss._engine._template import Template
from skloss._tensorflow import tf

if TYPE_CHECKING:
    from skloss._engine._chunk import Chunk


class Network:
    """One network of a chunk between two epochs.

    Parameters
    ----------
    state : State
        Of arrays that may be written to.
    k : int
        The network's row.
    member : Member
    last : int
    history : dict

    Attributes
    ----------
    epoch : int
        Epochs trained so far.
    last : int
        Epochs after which the training ends.
    history : dict of str to float
        Of the epoch just trained, by the names of ``Result.history``; empty before.
    member : Member
    """

    def __init__(self, state: State, k: int, member: Member, last: int, history: dict):
        self._state, self._k = state, k
        self.member, self.last, self.history = member, last, history
        self.epoch = int(state.epoch)

    @property
    def weights(self) -> np.ndarray:
        """The trainable weights that predict, flat; may be set."""
        return self._state.variables.predicting.weights[self._k]

    @weights.setter
    def weights(self, value: np.ndarray):
        variables = self._state.variables
        variables.weights[self._k] = value
        if variables.averages:
            variables.average[self._k] = value

    @property
    def stored(self) -> np.ndarray:
        """The moving statistics, flat; may be set."""
        return self._state.variables.stored[self._k]

    @stored.setter
    def stored(self, value: np.ndarray):
        self._state.variables.stored[self._k] = value

    @property
    def slots(self) -> Slots:
        """What the optimiser remembers of this network, moments flat."""
        count, moments = self._state.variables.slots
        return Slots(count, tuple(moment[self._k] for moment in moments))

    @property
    def learning_rate(self) -> float:
        """The rate that the schedule multiplies; may be set."""
        return float(self.member.learning_rate * self._state.plateau.scale[self._k])

    @learning_rate.setter
    def learning_rate(self, value: float):
        self._state.plateau.scale[self._k] = value / self.member.learning_rate

    def stop(self):
        """End the training of this network, with its present weights."""
        self._state.active[self._k] = False

    @property
    def ended(self) -> bool:
        """Whether the training of this network is over."""
        return self.epoch >= self.last or not self._state.active[self._k]

    @property
    def final_weights(self) -> Weights:
        """The weights and moving statistics that training leaves; may be set."""
        weights, stored = choose_final(self._state, self._k, self.member)
        return Weights(weights[self._k], stored[self._k])

    @final_weights.setter
    def final_weights(self, values: tuple):
        matrices = choose_final(self._state, self._k, self.member)
        for matrix, value in zip(matrices, values, strict=True):
            matrix[self._k] = value


def choose_final(state: State, k: int, member: Member) -> Weights:
    """Return the matrices whose row ``k`` is what training leaves of the network.

    They are those of the best epoch, with early stopping or after a divergence, else
    the latest.
    """
    if state.diverged[k] or np.isfinite(member.patience):
        return state.kept
    return state.variables.predicting


def tell_callbacks(
    when: str, chunk: "Chunk", state: State, histories: list[dict], going: np.ndarray
) -> State:
    """Tell the callbacks of a chunk's networks that an epoch begins or ends.

    What one raises is kept in ``chunk.errors``, and its network is stopped.

    Parameters
    ----------
    when : {"epoch_begin", "epoch_end"}
    chunk : Chunk
    state : State
    histories : list of dict
        Of each network's epoch.
    going : tensor of bool
        Which networks train, or trained, in this epoch.

    Returns
    -------
    State
        Of arrays, as the callbacks leave them.
    """
    state = tf.nest.map_structure(np.array, state)  # copies, which may be written to
    last = chunk.first + chunk.plan.epochs
    for k, history in enumerate(histories):
        member = chunk.members[k]
        if member.callback is None or not going[k]:
            continue
        try:
            getattr(member.callback, when)(Network(state, k, member, last, history))
        except Exception as error:
            # one network's callback ends one training; ``Result.error`` holds it
            chunk.errors[k] = error
            state.active[k] = False
    return state


def judge_outside(
    chunk: "Chunk", template: Template, inputs: Inputs, state: State, row: HistoryRow
) -> tuple[State, HistoryRow]:
    """Judge an epoch by the scores that Python gives.

    Returns
    -------
    state : State
    row : HistoryRow
        The epoch's record, with the scores.
    """
    scores = score_networks(chunk, state).astype(template.structure.plan.dtype)
    row = as_tensors(row._replace(val_monitor=scores))
    return judge_epoch(template, inputs, state, row), row


def score_networks(chunk: "Chunk", state: State) -> np.ndarray:
    """Return each network's score, lower is better.

    NaN for the copies that fill up a chunk: nobody asks for their score. Predictions
    are made for the networks of a stream together.
    """
    weights, stored = map(np.asarray, state.variables.predicting)
    streams = {}
    for k in range(len(chunk.numbers)):
        streams.setdefault(chunk.members[k].stream, []).append(k)
    scores = np.full(len(chunk.members), np.nan)
    n_raw = chunk.members[0].loss.n_raw(chunk.plan.task)
    for number, networks in streams.items():
        X = chunk.data.X[chunk.data.streams[number].val_rows]
        rows = weights[networks], stored[networks]
        raw = stacked_predictions(chunk.plan.network, X, *rows, n_raw)
        for k, outputs in zip(networks, raw.astype(np.float64), strict=True):
            scores[k] = -chunk.members[k].scorer(outputs)
    return scores
