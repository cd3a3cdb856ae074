"""``train_population``: the one verb. A single fit is a population of one."""

import time

import numpy as np

from skloss._engine._loop import HISTORY
from skloss._engine._optimizers import state_variables
from skloss._engine._plan import Outcome, Result, partition, structure_of
from skloss._engine._program import lent

SECONDS_IN_GRAPH = 1.0


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
    for chunk in partition(plan, data):
        members = [plan.members[i] for i in chunk]
        structure = structure_of(plan, data, members)
        with lent(structure, plan, members) as program:
            for i, result in zip(
                chunk, train(program, plan, data, members), strict=True
            ):
                results[i] = result
    return results


def train(program, plan, data, members):
    """Run one program over all epochs and return its members' results."""
    program.load(plan, members)
    inputs = program.inputs(plan, data, members)
    state = program.initial_state(members)
    first = int(state["epoch"])
    pieces, done, last, per_call = [], first, first + plan.epochs, 10
    while done < last and np.any(state["active"]):
        until = min(last, done + per_call)
        begin = time.perf_counter()
        state, piece = program.run(dict(inputs, until=np.int32(until)), state)
        pieces.append(np.asarray(piece)[: int(state["epoch"]) - done])
        spent = time.perf_counter() - begin
        # the graph cannot be interrupted: come up for air about once a second
        per_call = max(1, int((until - done) * SECONDS_IN_GRAPH / max(spent, 1e-3)))
        done = int(state["epoch"])
        if plan.report is not None:
            plan.report(done, pieces[-1])
    state = {name: np.asarray(value) for name, value in state.items()}
    return collect(program, members, state, np.concatenate(pieces), first)


def collect(program, members, state, history, first):
    """Cut the program's arrays into one result per member."""
    kept, stored = program.kept.numpy(), program.kept_stored.numpy()
    latest, latest_stored = np.asarray(program.weights.value), program.stored.numpy()
    moments = [np.asarray(v.value) for v in state_variables(program.optimizer)]
    results = []
    for k, member in enumerate(members):
        own = history[: state["n_epochs"][k] - first, :, k]
        ended = outcome(state, k, member)
        to_the_end = ended is Outcome.FINISHED and not np.isfinite(member.patience)
        best = "n_epochs" if to_the_end else "best_epoch"
        results.append(
            Result(
                weights=latest[k] if to_the_end else kept[k],
                stored=latest_stored[k] if to_the_end else stored[k],
                history=named(own, member, program.structure.validation),
                n_epochs=int(state["n_epochs"][k]),
                best_epoch=int(state[best][k]),
                outcome=ended,
                state={
                    "weights": latest[k],
                    "stored": latest_stored[k],
                    "slots": [moments[0], *(m[k] for m in moments[1:])],
                    "epoch": int(state["epoch"]),
                },
            )
        )
    return results


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
