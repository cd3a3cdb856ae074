"""Networks of one kind that train in the places of one program."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from skloss._engine._between import judge_outside, score_networks, tell_callbacks
from skloss._engine._feed import Feed
from skloss._engine._inputs import Inputs
from skloss._engine._network_result import describe_way, make_result, name_last_epoch
from skloss._engine._places import Places, Progress
from skloss._engine._plan import Data, Member, Plan, Result
from skloss._engine._program import Program, note_steps, program_for
from skloss._engine._state import (
    HistoryRow,
    State,
    as_arrays,
    as_tensors,
    select_epochs,
)
from skloss._engine._structure import PoolKind, Structure
from skloss._tensorflow import tf

SECONDS_IN_GRAPH = 1.0
# Places are refilled every so many epochs: more often costs more than it saves.
STRETCH = 10


class Pool:
    """Networks of one kind that train in the places of one program.

    Each is at its own epoch. Who has stopped, or come to its end, leaves its place to
    the next who waits. What becomes of a network depends neither on its place and its
    neighbours nor on when it came.

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
    places : Places
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
        self.members, self.progress = {}, {}
        self.errors, self.seconds = {}, {}
        self.waiting, self.resting = [], []
        self.structure, self.feeding = None, None
        self.places, self.until = Places(size), plan.epochs
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
            Those of networks that are here stand for them from now on.
        progress : dict of int to Progress, optional
            Of those who have trained before.
        """
        before = self.data, self.structure
        self.data = data
        self.waiting += [number for number in members if number not in self.members]
        self.members |= members
        self.progress |= progress or {}
        own = list(self.members.values())
        if not own:
            return
        self.kind = PoolKind.of(self.plan, data, own[0])
        structure = Structure.of(self.plan, data, own, self.size, self.compiled)
        # what was needed once stays in the program: those who used it may train on
        self.structure = structure.join(self.structure)
        self.example = own[0]
        if before != (self.data, self.structure):
            self.feeding = None

    def __getstate__(self):
        return {**self.__dict__, "feeding": None}  # made again where it is needed

    def program(self) -> Program:
        """Return the compiled program."""
        return program_for(self.structure, self.plan.network, self.example)

    def feed(self) -> Feed:
        """Return what makes the inputs of the program's calls."""
        if self.feeding is None:
            self.feeding = Feed(self.program(), self.plan, self.data)
        return self.feeding

    def trace(self) -> None:
        """Trace the program without training.

        Raises
        ------
        NotFusibleError
            If TensorFlow cannot make a graph of a user's own network.
        """
        self.fill()
        inputs = self.feed().of_members(self.places.look_up(self.members))
        self.program().trace(inputs, as_tensors(self.places.state))

    # -- who trains ----------------------------------------------------------------

    def last_epoch(self, number: int) -> int:
        """Return the epoch up to which a network trains by now."""
        return self.members[number].first_epoch + self.until

    def list_training(self) -> dict[int, int]:
        """Return the places of those who have neither stopped nor come to ``until``."""
        state = self.places.state
        return {
            number: k
            for number, k in self.places.list_taken().items()
            if state.active[k] and state.epoch[k] < self.last_epoch(number)
        }

    @property
    def busy(self) -> bool:
        """Whether any network has not come to ``until``."""
        return bool(self.waiting or self.list_training())

    def fill(self) -> None:
        """Let those who do not train leave their places to those who wait."""
        training = self.list_training()
        if not training and not self.waiting:
            return
        for number in self.places.list_taken():
            # an optimiser would go on remembering what a place computes
            if number not in training:
                self.take_from_place(number)
                if not self.has_ended(number):
                    self.resting.append(number)
        if training and self.program().template.draws_for_all:
            return
        free = self.size - len(training)
        comers, self.waiting = self.waiting[:free], self.waiting[free:]
        if comers:
            fresh = [number for number in comers if number not in self.progress]
            self.progress |= {n: Progress(self.first_state(n), []) for n in fresh}
            self.places.enter({n: self.progress[n].state for n in comers})

    def first_state(self, number: int) -> State:
        """Return the state before a network's first epoch, of arrays with one row."""
        return self.feed().first_state(self.members[number])

    def take_from_place(self, number: int) -> None:
        """Empty the place of a network, and keep how far it has come."""
        state = self.places.leave(number)
        self.progress[number] = self.progress[number]._replace(state=state)

    def has_ended(self, number: int) -> bool:
        """Tell whether a network without a place has stopped, or trained to the end."""
        state = self.progress[number].state
        end = self.members[number].first_epoch + self.plan.epochs
        return not state.active[0] or state.epoch[0] >= end

    def take_out(self, number: int) -> tuple[Member, Progress | None]:
        """Return a network and how far it has come, and know it no more."""
        if number in self.places.numbers:
            self.take_from_place(number)
        for others in (self.waiting, self.resting):
            if number in others:
                others.remove(number)
        return self.members.pop(number), self.progress.pop(number, None)

    # -- training ------------------------------------------------------------------

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
            After which it ends in any case, seconds only while networks wait. They
            decide when it is, and never what becomes of a network.

        Returns
        -------
        self
        """
        self.until = min(until or self.plan.epochs, self.plan.epochs)
        self.waiting, self.resting = [*self.resting, *self.waiting], []
        begin, per_call = time.perf_counter(), 10
        self.fill()
        while self.list_training() and epochs > 0:
            before = time.perf_counter()
            if self.waiting and before - begin >= seconds:
                break
            stretch = self.count_stretch() if self.waiting else self.plan.epochs
            most = min(per_call, stretch, epochs, self.count_to_first_rest())
            count = self.train_epochs(int(most), report)
            epochs -= count
            # the graph cannot be interrupted: come up for air about once a second
            spent = max(time.perf_counter() - before, 1e-3)
            per_call = max(1, int(count * SECONDS_IN_GRAPH / spent))
            self.fill()
        return self

    def count_stretch(self) -> int:
        """Return after how many epochs places are refilled: when one may be free."""
        training, wait = self.list_training(), self.places.state.wait
        left = [
            self.members[number].patience - wait[k] for number, k in training.items()
        ]
        return int(max(STRETCH, min(*left, self.count_to_first_rest())))

    def count_to_first_rest(self) -> int:
        """Return after how many epochs a network comes to ``until``, if none stops."""
        epochs = self.places.state.epoch
        training = self.list_training().items()
        return min(self.last_epoch(number) - epochs[k] for number, k in training)

    def train_epochs(self, count: int, report: Callable | None) -> int:
        """Train those who have places for some epochs; return how many.

        It is one where Python has a say after each epoch.
        """
        watched = any(m.callback is not None for m in self.members.values())
        outside = self.structure.member.scored_outside
        count = 1 if watched or outside else count
        if watched:
            self.tell("epoch_begin", dict.fromkeys(self.list_training()))
        training, before = self.list_training(), self.places.state.epoch
        if not training:  # all have raised
            return count
        begin = time.perf_counter()
        try:
            state, history = self.run(count)
        except tf.errors.OpError as error:
            # of one network, perhaps: then the others go on
            self.find_failing(list(training), count, error)
            return count
        self.places.state, history = as_arrays(state), as_arrays(history)
        trained = self.places.state.epoch - before
        self.note_time(training, trained, time.perf_counter() - begin)
        for number, k in training.items():
            piece = select_epochs(history, k, trained[k])
            self.progress[number].history.append(piece)
            if report is not None:
                report(number, int(self.places.state.epoch[k]), piece)
        if watched:
            latest = {n: self.progress[n].history[-1] for n in training}
            self.tell("epoch_end", latest)
        return count

    def run(self, count: int) -> tuple[State, HistoryRow]:
        """Run the program for ``count`` epochs; return what it returns."""
        places, members = self.places, self.places.look_up(self.members)
        last = [0 if n is None else self.last_epoch(n) for n in places.numbers]
        inputs = self.feed().of_call(members, places.state.epoch, last, count)
        state, history = self.program().run(inputs, as_tensors(places.state))
        outside = self.structure.member.scored_outside
        return self.judge(inputs, state, history) if outside else (state, history)

    def find_failing(self, numbers: list[int], count: int, error: Exception) -> None:
        """End the training of those networks with which the program raises."""
        failed = {}
        for number in numbers:
            of_network = self.members[number], self.places.read(number)
            own = self.feed().explain_error(*of_network, self.last_epoch(number), count)
            if own is not None:
                failed[number] = own
        if not failed:  # none alone: it is not a network that fails
            raise error
        self.errors |= failed
        self.places.stop([self.places.find(number) for number in failed])

    def note_time(self, training: dict, trained: np.ndarray, seconds: float) -> None:
        """Count steps, and share the time that was spent."""
        steps = int(self.feed().inputs.steps)
        note_steps(self.size * int(trained.max()) * steps, int(trained.sum()) * steps)
        for number, k in training.items():
            share = seconds * trained[k] / max(trained.sum(), 1)
            self.seconds[number] = self.seconds.get(number, 0.0) + share

    # -- Python between epochs -----------------------------------------------------

    def tell(self, when: str, latest: dict[int, HistoryRow | None]) -> None:
        """Tell the callbacks of networks of an epoch, and take what they change.

        What they raise is kept in ``errors``.
        """
        networks = {}
        for number, history in latest.items():
            member, last = self.members[number], self.last_epoch(number)
            named = (
                {} if history is None else name_last_epoch(history, member, self.data)
            )
            networks[self.places.find(number)] = member, last, named
        self.places.state, errors = tell_callbacks(when, self.places.state, networks)
        self.errors |= {self.places.numbers[k]: error for k, error in errors.items()}

    def judge(
        self, inputs: Inputs, state: State, history: HistoryRow
    ) -> tuple[State, HistoryRow]:
        """Judge an epoch by the networks' scorers; add their scores to its history."""
        own = {k: self.members[n] for n, k in self.places.list_taken().items()}
        scores = np.full(self.size, np.nan, self.plan.dtype)
        scores[list(own)] = score_networks(self.plan, self.data, own, state)
        return judge_outside(inputs, state, history, scores)

    # -- what it leaves ------------------------------------------------------------

    def take_results(self, *, states: bool = True) -> dict[int, Result]:
        """Return the results of those who have ended, or come to ``until``, by number.

        Those who have ended are not known here any more.

        Parameters
        ----------
        states : bool, default=True
            Whether the networks can go on from their results.
        """
        training, results = self.list_training(), {}
        for number in [n for n in self.progress if n not in training]:
            if number in self.waiting:
                continue
            if number in self.places.numbers:
                state = self.places.read(number)
                self.progress[number] = self.progress[number]._replace(state=state)
            result = make_result(
                self.members[number],
                self.data,
                *self.progress[number],
                trained_by=describe_way(self.size, self.alone),
                error=self.errors.get(number),
                seconds=self.seconds.pop(number, 0.0),
            )
            results[number] = result if states else replace(result, state=None)
            if self.has_ended(number):
                self.take_out(number)
        if not self.members:
            self.places, self.feeding = Places(self.size), None
        return results
