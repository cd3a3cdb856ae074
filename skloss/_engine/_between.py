"""Between two epochs: what a network's callback sees and may change."""

import numpy as np

from skloss._engine._inputs import Inputs
from skloss._engine._loop import judge_epoch
from skloss._engine._plan import Data, Member, Plan
from skloss._engine._predict import predict_raw_stacked
from skloss._engine._state import (
    HistoryRow,
    Slots,
    State,
    Weights,
    as_tensors,
    copy_arrays,
    map_leaves,
)


class Network:
    """One network of a pool between two epochs.

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
        self.epoch = int(state.epoch[k])

    @property
    def weights(self) -> np.ndarray:
        """The trainable weights that predict, flat; may be set."""
        return self._state.variables.predicting.weights[self._k]

    @weights.setter
    def weights(self, value: np.ndarray) -> None:
        variables = self._state.variables
        variables.weights[self._k] = value
        if variables.averages:
            variables.average[self._k] = value

    @property
    def stored(self) -> np.ndarray:
        """The moving statistics, flat; may be set."""
        return self._state.variables.stored[self._k]

    @stored.setter
    def stored(self, value: np.ndarray) -> None:
        self._state.variables.stored[self._k] = value

    @property
    def slots(self) -> Slots:
        """What the optimiser remembers of this network, moments flat."""
        count, moments = self._state.variables.slots
        return Slots(count[self._k], tuple(moment[self._k] for moment in moments))

    @property
    def learning_rate(self) -> float:
        """The rate that the schedule multiplies; may be set."""
        return float(self.member.learning_rate * self._state.plateau.scale[self._k])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._state.plateau.scale[self._k] = value / self.member.learning_rate

    def stop(self) -> None:
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
    def final_weights(self, values: tuple) -> None:
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
    when: str,
    state: State,
    networks: dict[int, tuple[Member, int, dict]],
) -> tuple[State, dict[int, Exception]]:
    """Tell the callbacks of networks that an epoch begins or ends.

    Where one raises, its network is stopped, and the others are told all the same.

    Parameters
    ----------
    when : {"epoch_begin", "epoch_end"}
    state : State
    networks : dict of int to (Member, int, dict)
        By row, those who train or trained in this epoch; the epoch after which the
        training of each ends; and its history of this epoch.

    Returns
    -------
    state : State
        Of arrays, as the callbacks leave them.
    errors : dict of int to Exception
        What was raised, by row.
    """
    state = copy_arrays(state)
    errors = {}
    for k, (member, last, history) in networks.items():
        if member.callback is None:
            continue
        network = Network(state, k, member, last, history)
        try:
            getattr(member.callback, when)(network)
        except Exception as error:
            # in a search it is the end of one candidate, and not of its neighbours
            errors[k] = error
            state.active[k] = False
    return state, errors


def judge_outside(
    inputs: Inputs, state: State, history: HistoryRow, scores: np.ndarray
) -> tuple[State, HistoryRow]:
    """Judge an epoch by the scores that Python gives.

    Parameters
    ----------
    inputs : Inputs
    state : State
    history : HistoryRow
        Of one epoch, that the graph trained without judging it.
    scores : ndarray of shape (networks,)

    Returns
    -------
    state : State
    history : HistoryRow
        With the scores.
    """
    history = as_tensors(history._replace(val_monitor=scores[None]))
    row = map_leaves(lambda values: values[0], history)
    return judge_epoch(inputs, state, row), history


def score_networks(
    plan: Plan, data: Data, members: dict[int, Member], state: State
) -> np.ndarray:
    """Return the score that each member's scorer gives it, lower is better.

    Members are those of the rows of the state, in order.

    Predictions are made for the networks of a stream together.
    """
    weights, stored = map(np.asarray, state.variables.predicting)
    streams = {}
    for k, member in members.items():
        streams.setdefault(member.stream, []).append(k)
    scores = dict.fromkeys(members)
    n_raw = next(iter(members.values())).loss.n_raw(plan.task)
    for number, networks in streams.items():
        X = data.X[data.streams[number].val_rows]
        rows = weights[networks], stored[networks]
        raw = predict_raw_stacked(plan.network, X, *rows, n_raw)
        for k, outputs in zip(networks, raw.astype(np.float64), strict=True):
            scores[k] = -members[k].scorer(outputs)
    return np.array(list(scores.values()))
