"""Places of one program, in which networks of one kind train, each at its own epoch."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skloss._engine._between import judge_outside, score_networks, tell_callbacks
from skloss._engine._inputs import (
    Inputs,
    draw_fresh_values,
    make_first_state,
    make_inputs,
)
from skloss._engine._plan import Data, Member, Plan, Result
from skloss._engine._program import Program, note_steps, program_for
from skloss._engine._rates import Curves
from skloss._engine._results import make_result, name_history
from skloss._engine._state import (
    HistoryRow,
    State,
    as_arrays,
    as_tensors,
    join_states,
    put_network,
    select_epochs,
    select_network,
)
from skloss._engine._structure import PoolKind, Structure
from skloss._tensorflow import tf

SECONDS_IN_GRAPH = 1.0
# Places are refilled every so many epochs: more often costs more than it saves.
STRETCH = 5
SEVERAL, ONE = "vectorised graph", "compiled loop, one network at a time"


class Progress(NamedTuple):
    """How far one network has come.

    Attributes
    ----------
    state : State
        Of arrays with one row; while the network has a place, that of when it came.
    history : list of HistoryRow
        Of arrays with epochs on the first axis, one for each stretch of epochs.
    """

    state: State
    history: list


class Pool:
    """Places of one program, in which networks of one kind train.

    Who has stopped, or come to its end, leaves its place to the next who waits. What
    becomes of a network depends neither on its place and its neighbours nor on when it
    came.

    A pool can be pickled: another process makes the program again.

    Parameters
    ----------
    plan : Plan
        What the networks have in common; its members may be others.
    data : Data
    members : dict of int to Member
        The networks' own, by numbers that their results have.
    size : int
        Places.
    compiled : bool
        Whether XLA compiles the steps.
    alone : str, optional
        Why a network is not stacked with others.
    progress : dict of int to Progress, optional
        Of those who have trained before.

    Attributes
    ----------
    members : dict of int to Member
        Of those who have not ended.
    waiting, resting : list of int
        Who waits for a place; who waits for the others at the epoch ``until``.
    places : list of int or None
        Who has each place, training or not.
    state : State of arrays, or None
        Of the places; None until training begins.
    until : int
        Epochs of this training after which a network rests.
    errors : dict of int to Exception
        What callbacks raised, or training a network.
    seconds : dict of int to float
        Each network's share of the time since its last result.
    """

    def __init__(
        self,
        plan: Plan,
        data: Data,
        members: dict[int, Member],
        size: int,
        compiled: bool,
        alone: str | None = None,
        progress: dict[int, Progress] | None = None,
    ):
        self.plan, self.data, self.size = plan, data, size
        self.compiled, self.alone = compiled, alone
        self.kind = PoolKind.of(plan, data, next(iter(members.values())))
        self.members, self.progress = {}, {}
        self.errors, self.seconds = {}, {}
        self.waiting, self.resting, self.structure = [], [], None
        self.places, self.state, self.until = [None] * size, None, plan.epochs
        self.admit(data, members, progress)

    def admit(
        self,
        data: Data,
        members: dict[int, Member],
        progress: dict[int, Progress] | None = None,
    ) -> None:
        """Let more networks wait.

        Parameters
        ----------
        data : Data
            With the streams so far under the same numbers.
        members : dict of int to Member
        progress : dict of int to Progress, optional
            Of those who have trained before.
        """
        self.data = data
        self.waiting += [number for number in members if number not in self.members]
        self.members |= members
        self.progress |= progress or {}
        own = list(self.members.values())
        structure = Structure.of(self.plan, data, own, self.size, self.compiled)
        # what was needed once stays in the program: those who used it may train on
        self.structure = structure.join(self.structure)
        self.template_of = own[0]
        self.forget()

    def forget(self) -> None:
        """Let go of what can be made again."""
        self.tensors, self.fresh, self.curves = None, None, None

    def __getstate__(self):
        return {**self.__dict__, **dict.fromkeys(("tensors", "fresh", "curves"))}

    # -- what it is made of --------------------------------------------------------

    def program(self) -> Program:
        """Return the compiled program."""
        return program_for(self.structure, self.plan.network, self.template_of)

    @property
    def trained_by(self) -> str:
        """Which way the networks train, and why."""
        if self.size > 1:
            return SEVERAL
        return f"{ONE}: {self.alone}" if self.alone else ONE

    def trace(self) -> None:
        """Trace the program without training.

        Raises
        ------
        NotFusibleError
            If TensorFlow cannot make a graph of a user's own network.
        """
        self.fill()
        self.program().trace(self.inputs(), as_tensors(self.state))

    # -- who has a place -----------------------------------------------------------

    def members_in_places(self) -> list[Member]:
        """Return who is in each place, and for an empty one somebody else."""
        someone = next(number for number in self.places if number is not None)
        return [
            self.members[someone if number is None else number]
            for number in self.places
        ]

    def last_epoch(self, number: int) -> int:
        """Return the epoch up to which a network trains by now."""
        start = self.members[number].start
        return (start.epoch if start else 0) + self.until

    def training(self) -> list[int]:
        """Return the places whose networks train on."""
        return [
            k
            for k, number in enumerate(self.places)
            if number is not None
            and self.state.active[k]
            and self.state.epoch[k] < self.last_epoch(number)
        ]

    @property
    def busy(self) -> bool:
        """Whether any network has not come to ``until``."""
        return bool(self.waiting or self.training())

    def fill(self) -> None:
        """Give the places of those who do not train to those who wait."""
        going = self.training()
        in_step = self.program().template.draws_for_all
        if not self.waiting or len(going) == self.size or (in_step and going):
            return
        free = [k for k in range(self.size) if k not in going]
        free = dict(zip(free, self.waiting, strict=False))
        self.waiting = self.waiting[len(free) :]
        for k in free:
            self.leave(k)
        states = {k: self.enter(k, number) for k, number in free.items()}
        if self.state is None:
            # an empty place computes with the others, and is told to be inactive
            nobody = states[0]._replace(active=np.zeros(1, dtype=bool))
            self.state = join_states([states.get(k, nobody) for k in range(self.size)])
        else:
            self.state = tf.nest.map_structure(np.array, self.state)
            for k, state in states.items():
                put_network(self.state, k, state)
        self.tensors = None

    def enter(self, k: int, number: int) -> State:
        """Give a network place ``k``; return the state that it begins with."""
        self.places[k] = number
        if number not in self.progress:
            self.progress[number] = Progress(self.first_state(number), [])
        return self.progress[number].state

    def first_state(self, number: int) -> State:
        """Return the state before a network's first epoch, of arrays with one row."""
        template = self.program().template
        if self.fresh is None:
            self.fresh = draw_fresh_values(template, self.plan)
        return make_first_state(template, self.fresh, self.members[number])

    def leave(self, k: int) -> None:
        """Take the network out of place ``k``, and keep how far it has come."""
        number = self.places[k]
        if number in self.progress:
            self.save(k)
            if not self.has_ended(number):
                self.resting.append(number)
        self.places[k] = None

    def save(self, k: int) -> None:
        """Keep how far the network in place ``k`` has come."""
        number = self.places[k]
        state = select_network(self.state, k)
        self.progress[number] = self.progress[number]._replace(state=state)

    def has_ended(self, number: int) -> bool:
        """Tell whether a network has stopped, or come to the end of the plan."""
        state = self.progress[number].state
        end = self.last_epoch(number) - self.until + self.plan.epochs
        return not state.active[0] or state.epoch[0] >= end

    def take_out(self, number: int) -> tuple[Member, Progress | None]:
        """Return a network and how far it has come, and know it no more."""
        if number in self.places:
            k = self.places.index(number)
            self.save(k)
            self.places[k] = None
        for others in (self.waiting, self.resting):
            if number in others:
                others.remove(number)
        return self.members.pop(number), self.progress.pop(number, None)

    # -- training ------------------------------------------------------------------

    def inputs(self) -> Inputs:
        """Return the tensors that do not change while the places do not."""
        if self.tensors is None:
            template = self.program().template
            members = self.members_in_places()
            self.tensors = make_inputs(template, self.plan, self.data, members)
        return self.tensors

    def advance(
        self,
        until: int | None = None,
        report: Callable | None = None,
        *,
        epochs: float = np.inf,
        seconds: float = np.inf,
    ) -> "Pool":
        """Train all networks up to ``until``, or for some time.

        Parameters
        ----------
        until : int, optional
            Epochs of this training; by default all of the plan's.
        report : callable, optional
            Called as ``report(number, epoch, history)`` about once a second for each
            network, with its last epoch and with the ``HistoryRow`` of those since.
        epochs, seconds : float
            After which it ends in any case, at the next moment when places are
            refilled. Seconds decide when, and never what becomes of a network.

        Returns
        -------
        self
        """
        self.until = min(until or self.plan.epochs, self.plan.epochs)
        self.waiting, self.resting = [*self.resting, *self.waiting], []
        begin, per_call = time.perf_counter(), 10
        self.fill()
        while self.training() and epochs > 0:
            before = time.perf_counter()
            if before - begin >= seconds:
                break
            stretch = self.count_stretch() if self.waiting else self.plan.epochs
            count = self.train_epochs(int(min(per_call, stretch, epochs)), report)
            epochs -= count
            # the graph cannot be interrupted: come up for air about once a second
            spent = max(time.perf_counter() - before, 1e-3)
            per_call = max(1, int(count * SECONDS_IN_GRAPH / spent))
            self.fill()
        return self

    def count_stretch(self) -> int:
        """Return after how many epochs places are refilled: when one may be free."""
        left = []
        for k in self.training():
            member = self.members[self.places[k]]
            remaining = self.last_epoch(self.places[k]) - self.state.epoch[k]
            left.append(min(remaining, member.patience - self.state.wait[k]))
        return int(max(STRETCH, min(left, default=STRETCH)))

    def train_epochs(self, count: int, report: Callable | None) -> int:
        """Train those who have places for some epochs; return how many.

        It is one where Python has a say after each epoch.
        """
        members, outside = (
            self.members_in_places(),
            self.structure.member.scored_outside,
        )
        watched = any(member.callback is not None for member in members)
        count = 1 if watched or outside else count
        if watched:
            self.tell("epoch_begin", {k: {} for k in self.training()})
        going, before = self.training(), np.array(self.state.epoch)
        if not going:  # all have raised
            return count
        begin = time.perf_counter()
        inputs = self.inputs_of_call(members, before, count)
        program, state = self.program(), as_tensors(self.state)
        program.trace(inputs, state)
        try:
            state, history = program.run(inputs, state)
        except Exception as error:  # of one network, perhaps: the others go on
            self.find_failing(going, count, error)
            return count
        if outside:
            state, history = self.judge(inputs, state, history)
        self.state, history = as_arrays(state), as_arrays(history)
        trained = self.state.epoch - before
        steps = self.size * trained.max(), trained.sum()
        note_steps(*(int(epochs) * int(inputs.steps) for epochs in steps))
        spent = (time.perf_counter() - begin) / trained.sum()
        for k in going:
            number = self.places[k]
            self.seconds[number] = self.seconds.get(number, 0.0) + spent * trained[k]
            piece = select_epochs(history, k, trained[k])
            self.progress[number].history.append(piece)
            if report is not None:
                report(number, int(self.state.epoch[k]), piece)
        if watched:
            self.tell("epoch_end", {k: self.name_latest(k) for k in going})
        return count

    def find_failing(self, going: list[int], count: int, error: Exception) -> None:
        """End the training of those networks with which the program raises.

        Each is tried in all places of the program: state and inputs are as before.
        """
        program, plan = self.program(), self.plan
        for k in going:
            number = self.places[k]
            members = [self.members[number]] * self.size
            states = [select_network(self.state, k)] * self.size
            inputs = make_inputs(program.template, plan, self.data, members)._replace(
                curve=tf.convert_to_tensor(
                    self.curves.cut(members, states[0].epoch.repeat(self.size), count)
                ),
                count=tf.constant(count, tf.int32),
                last=tf.fill([self.size], self.last_epoch(number)),
            )
            try:
                program.run(inputs, as_tensors(join_states(states)))
            except Exception as own:
                self.errors[number] = own
        failed = [k for k in going if self.places[k] in self.errors]
        if not failed:  # none alone: it is not a network that fails
            raise error
        self.state = tf.nest.map_structure(np.array, self.state)
        self.state.active[failed] = False

    def inputs_of_call(
        self, members: list[Member], epoch: np.ndarray, count: int
    ) -> Inputs:
        """Return the inputs of ``count`` more epochs."""
        inputs = self.inputs()
        if self.curves is None:
            self.curves = Curves(self.plan, int(inputs.steps))
        last = [0 if n is None else self.last_epoch(n) for n in self.places]
        return inputs._replace(
            curve=tf.convert_to_tensor(self.curves.cut(members, epoch, count)),
            count=tf.constant(count, tf.int32),
            last=tf.constant(last, tf.int32),
        )

    def name_latest(self, k: int) -> dict[str, float]:
        """Return the history of the last epoch of the network in place ``k``."""
        number = self.places[k]
        latest = self.progress[number].history[-1]
        named = name_history(latest, self.members[number], self.data)
        return {name: values[-1] for name, values in named.items()}

    def tell(self, when: str, histories: dict[int, dict]) -> None:
        """Tell the callbacks of networks of an epoch, and take what they change.

        What they raise is kept in ``errors``.
        """
        networks = {
            k: (self.members[self.places[k]], self.last_epoch(self.places[k]))
            for k in histories
        }
        self.state, errors = tell_callbacks(when, self.state, networks, histories)
        self.errors |= {self.places[k]: error for k, error in errors.items()}

    def judge(
        self, inputs: Inputs, state: State, history: HistoryRow
    ) -> tuple[State, HistoryRow]:
        """Judge an epoch by the networks' scorers; add their scores to its history."""
        own = {
            k: self.members[number]
            for k, number in enumerate(self.places)
            if number is not None
        }
        scores = np.full(self.size, np.nan, self.plan.dtype)
        scores[list(own)] = score_networks(self.plan, self.data, own, state)
        row = tf.nest.map_structure(lambda a: a[0], history)
        state, row = judge_outside(inputs, state, row, scores)
        return state, tf.nest.map_structure(lambda a: a[None], row)

    # -- what it leaves ------------------------------------------------------------

    def take_results(self, *, states: bool = True) -> dict[int, Result]:
        """Return the results of those who have ended, or come to ``until``, by number.

        Those who have ended are not known here any more.

        Parameters
        ----------
        states : bool, default=True
            Whether the networks can go on from their results.
        """
        going = {self.places[k] for k in self.training()}
        for k, number in enumerate(self.places):
            if number is not None and number not in going:
                self.save(k)
        results = {}
        for number in [n for n in self.progress if n not in going]:
            if number in self.waiting:
                continue
            progress = self.progress[number]
            result = make_result(
                self.members[number],
                self.data,
                *progress,
                trained_by=self.trained_by,
                error=self.errors.get(number),
                seconds=self.seconds.pop(number, 0.0),
            )
            results[number] = result if states else replace(result, state=None)
            if self.has_ended(number):
                self.take_out(number)
        return results
