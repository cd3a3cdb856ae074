"""Networks of one kind that train together, as far as they have come."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from skloss._engine._between import (
    choose_final,
    judge_outside,
    score_networks,
    tell_callbacks,
)
from skloss._engine._inputs import Inputs, make_first_state, make_inputs
from skloss._engine._plan import Data, Outcome, Plan, Result, TrainingState
from skloss._engine._program import Program, program_for
from skloss._engine._sizes import count_spare_places
from skloss._engine._state import (
    RECORDED,
    HistoryRow,
    LayerRow,
    Slots,
    State,
    as_arrays,
    as_tensors,
    history_of,
    join_epochs,
    join_networks,
    join_states,
    select_network,
)
from skloss._engine._structure import ChunkKind, Structure
from skloss._engine._template import Template
from skloss._tensorflow import tf

SECONDS_IN_GRAPH = 1.0
SEVERAL, ONE = "vectorised graph", "compiled loop, one network at a time"


class Progress(NamedTuple):
    """How far one network has come.

    Attributes
    ----------
    state : State
        Of arrays with one row.
    history : HistoryRow
        Of arrays with the epochs on the first axis.
    """

    state: State
    history: HistoryRow


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
    progress : list of Progress, optional
        Of each network, to go on from.
    alone : str, optional
        Why a network is not stacked with others.

    Attributes
    ----------
    members : list of Member
        Those of ``numbers``, and copies of the last that fill up the program.
    first, done : int
        Epochs before this training; epochs by now.
    state : State of arrays, or None
        None until training begins.
    history : list of HistoryRow of arrays
        One for each stretch of epochs, which are on the first axis.
    tensors : Inputs, or None
    errors : dict of int to Exception
        What callbacks raised, by network.
    """

    def __init__(
        self,
        plan: Plan,
        data: Data,
        numbers: list[int],
        compiled: bool,
        progress: list[Progress] | None = None,
        alone: str | None = None,
    ):
        self.plan, self.data, self.numbers = plan, data, numbers
        self.compiled, self.alone = compiled, alone
        self.members = [plan.members[i] for i in numbers]
        start = self.members[0].start
        self.first = self.done = start.epoch if start else 0
        self.state, self.tensors, self.history, self.errors = None, None, [], {}
        if progress is not None:
            self.done = int(progress[0].state.epoch)
        epochs = self.first + plan.epochs - self.done
        spare = count_spare_places(plan, data, self.members, epochs)
        self.members += self.members[-1:] * spare
        if progress is not None:
            progress = [*progress, *progress[-1:] * spare]
            self.state = join_states([one.state for one in progress])
            self.history = [join_networks([one.history for one in progress])]

    @property
    def kind(self) -> ChunkKind:
        """What chunks have in common whose networks can be put together."""
        return ChunkKind.of(self.plan, self.data, self.members[0])

    @property
    def structure(self) -> Structure:
        """What chunks have in common that share a program."""
        return Structure.of(self.plan, self.data, self.members, self.compiled)

    def program(self) -> Program:
        """Return the compiled program."""
        return program_for(self.structure, self.plan.network, self.members[0])

    def inputs(self) -> Inputs:
        """Return the tensors that do not change, made once."""
        if self.tensors is None:
            template = self.program().template
            self.tensors = make_inputs(template, self.plan, self.data, self.members)
        return self.tensors

    def first_state(self) -> State:
        """Return the state to begin with, or to go on from."""
        if self.state is not None:
            return as_tensors(self.state)
        return make_first_state(self.program().template, self.plan, self.members)

    @property
    def trained_by(self) -> str:
        """Which way the networks train, and why."""
        if len(self.members) > 1:
            return SEVERAL
        return f"{ONE}: {self.alone}" if self.alone else ONE

    def trace(self) -> None:
        """Trace the program without training.

        Raises
        ------
        NotFusibleError
            If TensorFlow cannot make a graph of a user's own network.
        """
        self.program().trace(self.inputs(), self.first_state())

    def __getstate__(self):
        return {**self.__dict__, "tensors": None}

    def take_out(self, k: int) -> Progress:
        """Return how far network ``k`` has come, for another chunk to go on from."""
        history = history_of(join_epochs(self.history), k)
        return Progress(select_network(self.state, k), history)

    def any_active(self, state: State) -> bool:
        """Tell whether any network trains on; copies that fill up do not count."""
        return bool(np.any(state.active[: len(self.numbers)]))

    def advance(self, epochs: int, report: Callable | None = None) -> "Chunk":
        """Train for so many more epochs, or until all networks stopped.

        Parameters
        ----------
        epochs : int
        report : callable, optional
            Called as ``report(epoch, history)`` about once a second with the number of
            the last epoch, and with the ``HistoryRow`` of those since the last call.

        Returns
        -------
        self
        """
        program, inputs = self.program(), self.inputs()
        state = self.first_state()
        last, per_call = self.done + epochs, 10
        watched = any(member.callback is not None for member in self.members)
        outside = program.template.structure.member.scored_outside
        while self.done < last and self.any_active(state):
            count = 1 if watched or outside else per_call
            until = min(last, self.done + count)
            begin = time.perf_counter()
            if watched:
                histories = [{}] * len(self.numbers)
                state = self.tell("epoch_begin", state, histories, state.active)
                if not self.any_active(state):  # all raised
                    self.history.append(self.no_history())
                    break
            going = state.active
            inputs = inputs._replace(until=np.int32(until))
            state, history = program.run(inputs, state)
            if outside:
                state, history = self.judge(program.template, state, history)
            reached = int(state.epoch)
            self.history.append(first_epochs(as_arrays(history), reached - self.done))
            if watched:
                state = self.tell("epoch_end", state, self.latest_epoch(), going)
            spent = time.perf_counter() - begin
            # the graph cannot be interrupted: come up for air about once a second
            allowed = (until - self.done) * SECONDS_IN_GRAPH
            per_call = max(1, int(allowed / max(spent, 1e-3)))
            self.done = reached
            if report is not None:
                report(self.done, self.history[-1])
        self.state = as_arrays(state)
        return self

    def tell(
        self, when: str, state: State, histories: list[dict], going: np.ndarray
    ) -> State:
        """Tell the networks' callbacks of an epoch; return the state as they leave it.

        What they raise is kept in ``errors``.
        """
        members = self.members[: len(self.numbers)]
        last = self.first + self.plan.epochs
        state, errors = tell_callbacks(when, state, members, last, histories, going)
        self.errors |= errors
        return state

    def judge(
        self, template: Template, state: State, history: HistoryRow
    ) -> tuple[State, HistoryRow]:
        """Judge an epoch by the networks' scorers; add their scores to its history."""
        members = self.members[: len(self.numbers)]
        scores = score_networks(self.plan, self.data, members, state)
        row = tf.nest.map_structure(lambda a: a[0], history)
        state, row = judge_outside(template, self.inputs(), state, row, scores)
        return state, tf.nest.map_structure(lambda a: a[None], row)

    def no_history(self) -> HistoryRow:
        """Return the history of no epochs."""
        size, layers = len(self.members), ()
        n_layers = self.program().template.n_layers
        if n_layers:
            layers = LayerRow(*[np.zeros((0, size, n_layers))] * len(RECORDED))
        return HistoryRow(*[np.zeros((0, size))] * 5, layers)

    def latest_epoch(self) -> list[dict]:
        """Return the history of each network's last epoch, by name."""
        histories = [
            self.name_history(history_of(self.history[-1], k), k)
            for k in range(len(self.numbers))
        ]
        return [{name: v[0] for name, v in named.items()} for named in histories]

    def validates(self, k: int) -> bool:
        """Tell whether network ``k`` has validation rows."""
        return len(self.data.streams[self.members[k].stream].val_rows) > 0

    def name_history(self, history: HistoryRow, k: int) -> dict[str, list]:
        """Return network ``k``'s history as a dict of lists, by the user's names."""
        member, columns = self.members[k], history._asdict()
        del columns["layers"]
        columns = {name: column.tolist() for name, column in columns.items()}
        score = columns.pop("val_monitor")
        if not self.validates(k):
            del columns["val_loss"]
            return columns
        # a scorer's own sign: greater is better
        score = score if member.scorer is None else [-value for value in score]
        return {**columns, f"val_{member.monitor_name}": score}

    def release(self) -> None:
        """Let go of all that training made."""
        self.state, self.tensors, self.history = None, None, []

    def results(self) -> list[tuple[int, Result]]:
        """Return numbers and results of the networks, as if training ended now."""
        history = join_epochs(self.history)
        return [
            (number, self.result(history_of(history, k), k))
            for k, number in enumerate(self.numbers)
        ]

    def result(self, history: HistoryRow, k: int) -> Result:
        """Return the result of network ``k``."""
        member, state = self.members[k], self.state
        final = choose_final(state, k, member)
        to_the_end = final is not state.kept
        epochs = int(state.n_epochs[k])
        history = first_epochs(history, epochs - self.first)
        return Result(
            weights=final.weights[k].copy(),
            stored=final.stored[k].copy(),
            history=self.name_history(history, k),
            curve=history.val_monitor.tolist() if self.validates(k) else [],
            layers=history.layers._asdict() if history.layers else {},
            n_epochs=epochs,
            best_epoch=epochs if to_the_end else int(state.best_epoch[k]),
            outcome=tell_outcome(state, k),
            state=training_state(state, k),
            trained_by=self.trained_by,
            error=self.errors.get(k),
        )


def first_epochs(history: HistoryRow, count: int) -> HistoryRow:
    """Return the first epochs of a history."""
    return tf.nest.map_structure(lambda a: a[:count], history)


def training_state(state: State, k: int) -> TrainingState:
    """Return what network ``k`` goes on from, whatever it predicts with."""
    variables = state.variables
    count, moments = variables.slots
    return TrainingState(
        weights=variables.weights[k],
        stored=variables.stored[k],
        epoch=int(state.epoch),
        slots=Slots(count, tuple(moment[k] for moment in moments)),
        average=variables.average[k] if variables.averages else None,
    )


def tell_outcome(state: State, k: int) -> Outcome:
    """Tell how the training of network ``k`` ended."""
    if state.diverged[k]:
        return Outcome.DIVERGED
    return Outcome.FINISHED if state.active[k] else Outcome.STOPPED_EARLY
