"""``train_population``: the one verb. A single fit is a population of one."""

import time

import numpy as np

from skloss import networks
from skloss._engine._loop import HISTORY
from skloss._engine._plan import Outcome, Result, partition, steps_of, structure_of
from skloss._engine._program import program_for

SECONDS_IN_GRAPH = 1.0
# Where XLA's compilation pays: it costs about as much as it saves in so many steps.
MIN_COMPILED = 20_000
CHUNK, COMPILED_CHUNK = 64, 16
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


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
    """
    results = [None] * len(plan.members)
    for chunk in chunks(plan, data):
        chunk.advance(plan.epochs, plan.report)
        for i, result in zip(chunk.numbers, chunk.results(), strict=True):
            results[i] = result
    return results


def chunks(plan, data):
    """Yield the chunks of networks that train in one program each."""
    for kind in partition(plan, data):
        stream = data.streams[plan.members[kind[0]].stream]
        steps = len(kind) * plan.epochs * steps_of(plan, stream)
        compiled = steps >= MIN_COMPILED and isinstance(plan.network, networks.MLP)
        size = COMPILED_CHUNK if compiled else CHUNK
        for begin in range(0, len(kind), size):
            yield Chunk(plan, data, kind[begin : begin + size], compiled)


class Chunk:
    """Networks of one kind that train together, as far as they have come.

    Parameters
    ----------
    plan : Plan
    data : Data
    numbers : list of int
        Among ``plan.members``.
    compiled : bool
        Whether XLA compiles the steps.
    """

    def __init__(self, plan, data, numbers, compiled):
        self.numbers = numbers
        self.members = [plan.members[i] for i in numbers]
        size = next(size for size in SIZES if size >= len(numbers))
        # few sizes mean few programs: copies of the last network fill up
        filled = self.members + self.members[-1:] * (size - len(numbers))
        structure = structure_of(plan, data, filled, size, compiled)
        self.program = program_for(structure, plan.network, filled[0])
        self.inputs = self.program.inputs(plan, data, filled)
        self.state = self.program.initial_state(plan, filled)
        self.first = self.done = int(self.state["epoch"])
        self.history = []

    def advance(self, epochs, report=None):
        """Train for so many more epochs, or until all networks stopped."""
        last, per_call = self.done + epochs, 10
        while self.done < last and np.any(self.state["active"]):
            until = min(last, self.done + per_call)
            begin = time.perf_counter()
            inputs = dict(self.inputs, until=np.int32(until))
            self.state, piece = self.program.run(inputs, self.state)
            reached = int(self.state["epoch"])
            self.history.append(np.asarray(piece)[: reached - self.done])
            spent = time.perf_counter() - begin
            # the graph cannot be interrupted: come up for air about once a second
            count = (until - self.done) * SECONDS_IN_GRAPH
            per_call = max(1, int(count / max(spent, 1e-3)))
            self.done = reached
            if report is not None:
                report(self.done, self.history[-1])

    def results(self):
        """Return one result per network."""
        state = {
            name: [np.asarray(v) for v in value]
            if isinstance(value, list)
            else np.asarray(value)
            for name, value in self.state.items()
        }
        history = np.concatenate(self.history)
        return [
            self.result(state, history[:, :, k], k) for k in range(len(self.members))
        ]

    def result(self, state, history, k):
        """Return the result of network ``k``."""
        member = self.members[k]
        ended = outcome(state, k, member)
        to_the_end = ended is Outcome.FINISHED and not np.isfinite(member.patience)
        weights, stored, count, *moments = state["variables"]
        kept = (weights, stored) if to_the_end else state["kept"]
        epochs = int(state["n_epochs"][k])
        return Result(
            weights=kept[0][k],
            stored=kept[1][k],
            history=named(
                history[: epochs - self.first],
                member,
                self.program.structure.validation,
            ),
            n_epochs=epochs,
            best_epoch=epochs if to_the_end else int(state["best_epoch"][k]),
            outcome=ended,
            state={
                "weights": weights[k],
                "stored": stored[k],
                "slots": [count, *(moment[k] for moment in moments)],
                "epoch": int(state["epoch"]),
            },
        )


def named(history, member, validated):
    """Return the history as a dict of lists; the monitored score by its own name."""
    columns = dict(zip(HISTORY, history.T.tolist(), strict=True))
    score = columns.pop("val_monitor")
    if not validated:
        del columns["val_loss"]
        return columns
    return {**columns, f"val_{member.loss.monitor_name()}": score}


def outcome(state, k, member):
    """Tell how the training of network ``k`` ended."""
    if state["diverged"][k]:
        return Outcome.DIVERGED
    if np.isfinite(member.patience) and not state["active"][k]:
        return Outcome.STOPPED_EARLY
    return Outcome.FINISHED
