"""Between two epochs: what a network's callback sees and may change."""

import numpy as np

from skloss._engine._loop import HISTORY, judged, predicting
from skloss._engine._predict import stacked_predictions
from skloss._tensorflow import tf


class Network:
    """One network of a chunk between two epochs.

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

    def __init__(self, state, k, member, last, history):
        self._state, self._k = state, k
        self.member, self.last, self.history = member, last, history
        self.epoch = int(state["epoch"])

    @property
    def weights(self):
        """The trainable weights that predict, flat; may be set."""
        averaged = self.member.weight_averaging > 0
        return predicting(self._state["variables"], averaged)[0][self._k]

    @weights.setter
    def weights(self, value):
        self._state["variables"][0][self._k] = value
        if self.member.weight_averaging > 0:
            self._state["variables"][-1][self._k] = value

    @property
    def stored(self):
        """The moving statistics, flat; may be set."""
        return self._state["variables"][1][self._k]

    @stored.setter
    def stored(self, value):
        self._state["variables"][1][self._k] = value

    @property
    def slots(self):
        """The optimiser's step counter, and its moments, flat."""
        averages = self.member.weight_averaging > 0
        count, *moments = self._state["variables"][2 : -1 if averages else None]
        return [count, *(moment[self._k] for moment in moments)]

    @property
    def learning_rate(self):
        """The rate that the schedule multiplies; may be set."""
        return float(self.member.learning_rate * self._state["scale"][self._k])

    @learning_rate.setter
    def learning_rate(self, value):
        self._state["scale"][self._k] = value / self.member.learning_rate

    def stop(self):
        """End the training of this network, with its present weights."""
        self._state["active"][self._k] = False

    @property
    def ended(self):
        """Whether the training of this network is over."""
        return self.epoch >= self.last or not self._state["active"][self._k]

    @property
    def left(self):
        """Weights and moving statistics that training leaves; may be set."""
        return [rows[self._k] for rows in left(self._state, self._k, self.member)]

    @left.setter
    def left(self, values):
        rows = left(self._state, self._k, self.member)
        for matrix, value in zip(rows, values, strict=True):
            matrix[self._k] = value


def left(state, k, member):
    """Return the matrices that hold what training leaves of network ``k``.

    The weights of the best epoch, with early stopping or after a divergence, else the
    latest.
    """
    if state["diverged"][k] or np.isfinite(member.patience):
        return state["kept"]
    return predicting(state["variables"], member.weight_averaging > 0)


def tell(when, chunk, state, histories, going):
    """Tell the callbacks of a chunk's networks that an epoch begins or ends.

    What one raises is kept in ``chunk.errors``, and its network is stopped.

    Parameters
    ----------
    when : {"epoch_begin", "epoch_end"}
    chunk : Chunk
    state : dict of tensors
    histories : list of dict
        Of each network's epoch.
    going : tensor of bool
        Which networks train, or trained, in this epoch.

    Returns
    -------
    dict of arrays
        The state as the callbacks leave it.
    """
    state = tf.nest.map_structure(np.array, state)
    last = chunk.first + chunk.plan.epochs
    for k, history in enumerate(histories):
        member = chunk.members[k]
        if member.callback is None or not going[k]:
            continue
        try:
            getattr(member.callback, when)(Network(state, k, member, last, history))
        except Exception as error:
            chunk.errors[k] = error
            state["active"][k] = False
    return state


def judge(chunk, program, inputs, state, row):
    """Judge an epoch by the scores that Python gives.

    Returns
    -------
    state : dict of tensors
    row : ndarray
        The epoch's history, with the scores.
    """
    row = np.array(row)
    row[HISTORY.index("val_monitor")] = scores(chunk, state)
    return judged(program, inputs, state, tf.constant(row)), row


def scores(chunk, state):
    """Return each network's score, lower is better; predictions are batched."""
    averaged = chunk.members[0].weight_averaging > 0
    seen = predicting(state["variables"], averaged)
    weights, stored = (np.asarray(v) for v in seen)
    streams = {}
    for k in range(len(chunk.numbers)):
        streams.setdefault(chunk.members[k].stream, []).append(k)
    found = np.full(len(chunk.members), np.nan)  # copies that fill up have none
    n_raw = chunk.members[0].loss.n_raw(chunk.plan.task)
    for number, own in streams.items():
        X = chunk.data.X[chunk.data.streams[number].val_rows]
        rows = weights[own], stored[own]
        raw = stacked_predictions(chunk.plan.network, X, *rows, n_raw)
        for k, its in zip(own, raw.astype(np.float64), strict=True):
            found[k] = -chunk.members[k].judge(its)
    return found
