"""``train_population``: the one verb. A single fit is a population of one."""

import time
from itertools import pairwise

import numpy as np

from skloss import networks
from skloss._engine import _paths
from skloss._engine._between import judge, left, tell
from skloss._engine._loop import HISTORY
from skloss._engine._plan import (
    Outcome,
    Result,
    kind_of,
    partition,
    steps_of,
    structure_of,
)
from skloss._engine._program import program_for
from skloss._engine._record import RECORDED
from skloss._engine._sizes import chunk_size, kernel_numbers, spare_places
from skloss._tensorflow import tf

SECONDS_IN_GRAPH = 1.0
# Where XLA's compilation pays: it costs about as much as it saves in so many steps of
# a narrow network. A step of so many multiplications more saves as much again.
MIN_COMPILED, WIDE_STEP = 12_000, 2_000_000


def train_population(plan, data):
    """Train all members of ``plan`` on ``data``.

    Parameters
    ----------
    plan : Plan
    data : Data

    Returns
    -------
    list of Result
        In the order of ``plan.members``.

    Raises
    ------
    Exception
        What a member's callback raised.
    """
    results = [None] * len(plan.members)
    for chunk in chunks(plan, data):
        chunk.advance(plan.epochs, plan.report)
        for i, result in chunk.results():
            if result.error is not None:
                raise result.error
            results[i] = result
    return results


def chunks(plan, data):
    """Return the chunks of networks that train in one program each.

    Parameters
    ----------
    plan : Plan
    data : Data

    Returns
    -------
    list of Chunk
    """
    found = []
    for kind in partition(plan, data):
        found += filled(plan, data, kind, worth_compiling(plan, data, kind))
    return found


def worth_compiling(plan, data, numbers):
    """Tell whether networks train so long that XLA should compile their steps.

    It depends on the plan alone: the same training is always compiled, or never.
    """
    if not isinstance(plan.network, networks.MLP):
        return False
    first = plan.members[numbers[0]]
    steps = len(numbers) * plan.epochs * steps_of(plan, data.streams[first.stream])
    width = kernel_numbers(plan, data, first) * plan.batch_size / WIDE_STEP
    return steps * (1 + width) >= MIN_COMPILED


def filled(plan, data, numbers, compiled, rows=None):
    """Return as few chunks as can be for networks of one kind, equally large."""
    members = len(numbers)
    size = chunk_size(plan, data, plan.members[numbers[0]], members, compiled)
    made = cut(plan, data, numbers, compiled, rows, size)
    reason = _paths.obstacle(made[0]) if len(made[0].members) > 1 else None
    if reason is None:
        return made
    return cut(plan, data, numbers, compiled, rows, 1, reason)


def cut(plan, data, numbers, compiled, rows, size, *alone):
    """Cut networks into chunks of at most ``size``."""
    members = len(numbers)
    count = -(-members // size)
    ends = [members * k // count for k in range(count + 1)]
    return [
        Chunk(plan, data, numbers[a:b], compiled, rows and rows[a:b], *alone)
        for a, b in pairwise(ends)
    ]


def repacked(given, dropped):
    """Return chunks without the networks that stopped, failed or are dropped.

    Parameters
    ----------
    given : list of Chunk
        Of one plan, all as far as each other.
    dropped : set of int
        Numbers among ``plan.members``.

    Returns
    -------
    list of Chunk
    """
    found, torn = [], {}
    for chunk in given:
        kept = [
            k
            for k, number in enumerate(chunk.numbers)
            if chunk.state["active"][k] and number not in dropped
        ]
        if len(kept) == len(chunk.numbers):
            found.append(chunk)
        elif kept:
            torn.setdefault(chunk.kind, []).extend((chunk, k) for k in kept)
    for pieces in torn.values():
        first = pieces[0][0]
        numbers = [chunk.numbers[k] for chunk, k in pieces]
        rows = [chunk.row(k) for chunk, k in pieces]
        found += filled(first.plan, first.data, numbers, first.compiled, rows)
    return found


class Chunk:
    """Networks of one kind that train together, as far as they have come.

    It can be pickled: another process makes the program again.

    Parameters
    ----------
    plan : Plan
    data : Data
    numbers : list of int
        Among ``plan.members``.
    compiled : bool
        Whether XLA compiles the steps.
    rows : list, optional
        States and histories to go on from, as ``row`` gives them.
    alone : str, optional
        Why a network is not stacked with others.
    """

    def __init__(self, plan, data, numbers, compiled, rows=None, alone=None):
        self.plan, self.data, self.numbers = plan, data, numbers
        self.compiled, self.alone = compiled, alone
        self.members = [plan.members[i] for i in numbers]
        start = self.members[0].start
        self.done = start["epoch"] if start else 0
        self.first, self.history = self.done, []
        self.state = self.tensors = None  # made when training begins
        self.errors = {}  # by network: what callbacks raised
        if rows is not None:
            self.done = int(rows[0][0]["epoch"])
        left_to_do = self.first + plan.epochs - self.done
        spare = spare_places(plan, data, self.members, left_to_do)
        self.members += self.members[-1:] * spare
        if rows is not None:
            states, histories = zip(*rows, *rows[-1:] * spare, strict=True)
            self.state = joined_states(states)
            self.history = [np.stack(histories, axis=2)]

    @property
    def kind(self):
        """Return what chunks have in common whose networks can be put together."""
        return kind_of(self.plan, self.data, self.members[0])

    def program(self):
        """Return the compiled program."""
        structure = structure_of(self.plan, self.data, self.members, self.compiled)
        return program_for(structure, self.plan.network, self.members[0])

    def inputs(self):
        """Return the tensors that do not change, made once."""
        if self.tensors is None:
            program = self.program()
            self.tensors = program.inputs(self.plan, self.data, self.members)
        return self.tensors

    def first_state(self):
        """Return the state to begin with, or to go on from."""
        program = self.program()
        state = self.state or program.initial_state(self.plan, self.members)
        return tf.nest.map_structure(tf.convert_to_tensor, state)

    @property
    def trained_by(self):
        """Say which way the networks train, and why."""
        if len(self.members) > 1:
            return _paths.SEVERAL
        return f"{_paths.ONE}: {self.alone}" if self.alone else _paths.ONE

    def trace(self):
        """Trace the program without training.

        Raises
        ------
        NotFusibleError
            If TensorFlow cannot make a graph of a user's own network.
        """
        inputs = dict(self.inputs(), until=np.int32(0))
        self.program().trace(inputs, self.first_state())

    def __getstate__(self):
        return {**self.__dict__, "tensors": None}

    def row(self, k):
        """Return state and history of network ``k``."""
        # arrays of one row; what all networks share has no rows
        state = tf.nest.map_structure(
            lambda a: a[k : k + 1] if np.ndim(a) else a, self.state
        )
        return state, np.concatenate(self.history)[:, :, k]

    def advance(self, epochs, report=None):
        """Train for so many more epochs, or until all networks stopped.

        Returns
        -------
        self
        """
        program, inputs = self.program(), self.inputs()
        state = self.first_state()
        last, per_call = self.done + epochs, 10
        watched = any(member.callback is not None for member in self.members)
        stepwise = watched or program.structure.judged_outside
        while self.done < last and np.any(state["active"][: len(self.numbers)]):
            until = min(last, self.done + (1 if stepwise else per_call))
            begin = time.perf_counter()
            if watched:
                histories = [{}] * len(self.numbers)
                state = tell("epoch_begin", self, state, histories, state["active"])
                if not np.any(state["active"][: len(self.numbers)]):  # all raised
                    self.history.append(np.zeros((0, program.n_rows, program.size)))
                    break
            going = state["active"]
            state, piece = program.run(dict(inputs, until=np.int32(until)), state)
            if program.structure.judged_outside:
                state, row = judge(self, program, inputs, state, piece[0])
                piece = row[None]
            reached = int(state["epoch"])
            self.history.append(np.asarray(piece)[: reached - self.done])
            if watched:
                state = tell("epoch_end", self, state, self.latest(), going)
            spent = time.perf_counter() - begin
            # the graph cannot be interrupted: come up for air about once a second
            count = (until - self.done) * SECONDS_IN_GRAPH
            per_call = max(1, int(count / max(spent, 1e-3)))
            self.done = reached
            if report is not None:
                report(self.done, self.history[-1])
        self.state = as_arrays(state)
        return self

    def latest(self):
        """Return the history of each network's last epoch."""
        return [
            {
                name: values[0]
                for name, values in self.named(self.history[-1][:, :, k], k).items()
            }
            for k in range(len(self.numbers))
        ]

    def named(self, history, k):
        """Return network ``k``'s history as a dict of lists, by name."""
        member = self.members[k]
        own = history[:, : len(HISTORY)]
        columns = dict(zip(HISTORY, own.T.tolist(), strict=True))
        score = columns.pop("val_monitor")
        if not len(self.data.streams[member.stream].val_rows):
            del columns["val_loss"]
            return columns
        if member.judge is not None:
            return {**columns, f"val_{member.judge.name}": [-value for value in score]}
        return {**columns, f"val_{member.loss.monitor_name()}": score}

    def release(self):
        """Let go of all that training made."""
        self.state, self.tensors, self.history = None, None, []

    def results(self):
        """Return numbers and results of the networks, as if training ended now."""
        history = np.concatenate(self.history)
        return [
            (number, self.result(history[:, :, k], k))
            for k, number in enumerate(self.numbers)
        ]

    def result(self, history, k):
        """Return the result of network ``k``."""
        member, state = self.members[k], self.state
        ended = outcome(state, k)
        weights, stored, count, *moments = state["variables"]
        kept = left(state, k, member)
        to_the_end = kept is not state["kept"]
        epochs = int(state["n_epochs"][k])
        history = history[: epochs - self.first]
        validated = len(self.data.streams[member.stream].val_rows) > 0
        return Result(
            weights=kept[0][k].copy(),
            stored=kept[1][k].copy(),
            history=self.named(history, k),
            curve=history[:, HISTORY.index("val_monitor")].tolist() * validated,
            layers=recorded_layers(history[:, len(HISTORY) :]),
            n_epochs=epochs,
            best_epoch=epochs if to_the_end else int(state["best_epoch"][k]),
            outcome=ended,
            state={
                "weights": weights[k],
                "stored": stored[k],
                "slots": [count, *(moment[k] for moment in moments)],
                "epoch": int(state["epoch"]),
            },
            trained_by=self.trained_by,
            error=self.errors.get(k),
        )


def recorded_layers(rows):
    """Return the record of (epochs, 4 x layers) numbers by name; empty without."""
    if not rows.shape[1]:
        return {}
    parts = np.split(rows, len(RECORDED), axis=1)
    return dict(zip(RECORDED, parts, strict=True))


def as_arrays(state):
    """Return a nest of tensors as arrays."""
    return tf.nest.map_structure(np.asarray, state)


def joined_states(states):
    """Stack the states of single networks; what all share stays as it is."""
    return tf.nest.map_structure(
        lambda *own: np.concatenate(own) if np.ndim(own[0]) else own[0], *states
    )


def outcome(state, k):
    """Tell how the training of network ``k`` ended."""
    if state["diverged"][k]:
        return Outcome.DIVERGED
    return Outcome.FINISHED if state["active"][k] else Outcome.STOPPED_EARLY
