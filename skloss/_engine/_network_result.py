"""What training leaves of one network, by the names that users know."""

import numpy as np

from skloss._engine._between import choose_final
from skloss._engine._plan import Data, Member, Outcome, Result, TrainingState
from skloss._engine._state import HistoryRow, Slots, State, join_epochs

SEVERAL, ONE = "vectorised graph", "compiled loop, one network at a time"
NO_EPOCHS = HistoryRow(*[np.zeros(0)] * 5)


def make_result(
    member: Member,
    data: Data,
    state: State,
    history: list[HistoryRow],
    *,
    trained_by: str,
    error: Exception | None,
    seconds: float,
) -> Result:
    """Return the result of a network, as if training ended now.

    Parameters
    ----------
    member : Member
    data : Data
    state : State
        Of arrays with one row.
    history : list of HistoryRow
        Of the network alone, one for each stretch of epochs.
    trained_by : str
    error : Exception or None
    seconds : float
    """
    final = choose_final(state, 0, member)
    epochs = int(state.epoch[0])
    row = join_epochs(history) if history else NO_EPOCHS
    return Result(
        weights=final.weights[0],
        stored=final.stored[0],
        history=name_history(row, member, data),
        curve=row.val_monitor.tolist() if validates(member, data) else [],
        layers=row.layers._asdict() if row.layers else {},
        n_epochs=epochs,
        best_epoch=int(state.best_epoch[0]) if final is state.kept else epochs,
        outcome=tell_outcome(state),
        state=training_state(state),
        trained_by=trained_by,
        error=error,
        seconds=seconds,
    )


def describe_way(size: int, alone: str | None) -> str:
    """Return which way networks train in so many places, and why one is alone."""
    one = f"{ONE}: {alone}" if alone else ONE
    return SEVERAL if size > 1 else one


def validates(member: Member, data: Data) -> bool:
    """Tell whether a network has validation rows."""
    return len(data.streams[member.stream].val_rows) > 0


def name_history(history: HistoryRow, member: Member, data: Data) -> dict[str, list]:
    """Return a network's history as a dict of lists, by the user's names."""
    columns = history._asdict()
    del columns["layers"]
    columns = {name: column.tolist() for name, column in columns.items()}
    score = columns.pop("val_monitor")
    if not validates(member, data):
        del columns["val_loss"]
        return columns
    # a scorer's own sign: greater is better
    score = score if member.scorer is None else [-value for value in score]
    return {**columns, f"val_{member.monitor_name}": score}


def name_last_epoch(history: HistoryRow, member: Member, data: Data) -> dict:
    """Return the numbers of a network's last epoch, by the user's names."""
    named = name_history(history, member, data)
    return {name: values[-1] for name, values in named.items()}


def training_state(state: State) -> TrainingState:
    """Return what a network goes on from, whatever it predicts with."""
    variables = state.variables
    count, moments = variables.slots
    return TrainingState(
        weights=variables.weights[0],
        stored=variables.stored[0],
        epoch=int(state.epoch[0]),
        slots=Slots(count[0], tuple(moment[0] for moment in moments)),
        average=variables.average[0] if variables.averages else None,
    )


def tell_outcome(state: State) -> Outcome:
    """Tell how the training of a network ended."""
    if state.diverged[0]:
        return Outcome.DIVERGED
    return Outcome.FINISHED if state.active[0] else Outcome.STOPPED_EARLY
