"""Epochs inside the graph: rates, validation, stopping, snapshots.

All functions are pure: weights and optimiser state come and go in ``State``, so that
one traced program serves several trainings at the same time.
"""

from __future__ import annotations

from skloss._engine._blocks import train_epoch
from skloss._engine._inputs import Inputs
from skloss._engine._kernels import Kernels
from skloss._engine._record import measure_layers
from skloss._engine._state import (
    RECORDED,
    HistoryRow,
    LayerRow,
    Plateau,
    State,
    Weights,
)
from skloss._engine._template import Template
from skloss._engine._validate import validate
from skloss._tensorflow import tf
from skloss.schedules import ReduceLROnPlateau


def run_epochs(
    template: Template, kernels: Kernels, inputs: Inputs, state: State
) -> tuple[State, HistoryRow]:
    """Train for ``inputs.count`` epochs, or until no network trains any more.

    Parameters
    ----------
    template : Template
    kernels : Kernels
    inputs : Inputs
    state : State

    Returns
    -------
    state : State
    history : HistoryRow
        With the epochs of this call on the first axis; a network's own end where it
        stops training.
    """
    if template.structure.member.scored_outside:
        state, row = run_epoch(template, kernels, inputs, state, tf.constant(0))
        return state, tf.nest.map_structure(lambda value: value[None], row)

    def going(i, state, history):
        return (i < inputs.count) & tf.reduce_any(inputs.trains(state))

    def epoch(i, state, history):
        new, row = run_epoch(template, kernels, inputs, state, i)
        new = judge_epoch(inputs, new, row)
        history = tf.nest.map_structure(
            lambda array, value: array.write(i, value), history, row
        )
        return i + 1, new, history

    start = tf.constant(0), state, empty_history(template, inputs.count)
    _, state, history = tf.while_loop(going, epoch, start, parallel_iterations=1)
    return state, tf.nest.map_structure(lambda array: array.stack(), history)


def empty_history(template: Template, count: tf.Tensor) -> HistoryRow:
    """Return arrays that take the history of ``count`` epochs."""

    def array(*shape):
        shape = [template.size, *shape]
        return tf.TensorArray(template.dtype, size=count, element_shape=shape)

    layers = ()
    if template.n_layers:
        layers = LayerRow(*(array(template.n_layers) for _ in RECORDED))
    return HistoryRow(array(), array(), array(), array(), array(), layers)


def run_epoch(
    template: Template,
    kernels: Kernels,
    inputs: Inputs,
    state: State,
    number: tf.Tensor,
) -> tuple[State, HistoryRow]:
    """Train one epoch and validate; return the state and the epoch's record.

    ``number`` is the epoch's in this call.
    """
    rates = learning_rates(inputs, state, number)
    variables, alive, sums = train_epoch(
        template, kernels.take_steps, inputs, state, rates
    )
    val_loss, score = validate(
        template, kernels.score_rows, inputs, variables.predicting
    )
    layers = ()
    if template.structure.plan.recorded:
        ends = state.variables.weights, variables.weights
        marks = template.columns.layers
        layers = measure_layers(marks, *ends, sums.squares, inputs.steps)
    row = HistoryRow(
        loss=sums.loss,
        learning_rate=rates[0],
        gradient_norm=sums.norm / tf.cast(inputs.steps, template.dtype),
        val_loss=val_loss,
        val_monitor=score,
        layers=layers,
    )
    return state._replace(variables=variables, alive=alive), row


def judge_epoch(inputs: Inputs, state: State, row: HistoryRow) -> State:
    """Return the state after an epoch: who goes on, and at what rate.

    It is the graph that judges, or Python where a score comes from there.
    """
    trains = inputs.trains(state)
    state = stop_and_snapshot(inputs, state, row.loss, row.val_monitor)
    plateau = update_plateau(inputs, state.plateau, row.val_monitor)
    epoch = tf.where(trains, state.epoch + 1, state.epoch)
    return state._replace(plateau=plateau, epoch=epoch)


def learning_rates(inputs: Inputs, state: State, number: tf.Tensor) -> tf.Tensor:
    """Return the rates of the steps of the call's epoch ``number``, (steps, networks).

    The multipliers of a schedule are data, whatever the schedule.
    """
    first = number * inputs.steps
    curve = inputs.curve[first : first + inputs.steps]
    return curve * inputs.learning_rate * state.plateau.scale


def stop_and_snapshot(
    inputs: Inputs, state: State, loss: tf.Tensor, score: tf.Tensor
) -> State:
    """Keep the best weights; stop who ran out of patience.

    Without early stopping the training loss tells which are best: a network that
    diverges has usually trained some epochs in vain before its loss overflows.
    """
    stopping, trains = tf.math.is_finite(inputs.patience), inputs.trains(state)
    healthy = state.alive & tf.math.is_finite(loss)
    merit = tf.where(stopping, score, loss)
    better = (merit < state.best) & healthy & trains
    wait = tf.where(better, 0.0, state.wait + tf.cast(trains, state.wait.dtype))
    out_of_patience = stopping & (wait >= tf.cast(inputs.patience, tf.float32))
    number = state.epoch + 1
    # who stopped goes on computing with the others: masks keep what is told of it
    new, old = state.variables.predicting, state.kept
    return state._replace(
        kept=Weights(
            tf.where(better[:, None], new.weights, old.weights),
            tf.where(better[:, None], new.stored, old.stored),
        ),
        best=tf.where(better, merit, state.best),
        wait=wait,
        best_epoch=tf.where(better, number, state.best_epoch),
        diverged=state.diverged | (trains & ~healthy),
        active=state.active & ~(trains & (~healthy | out_of_patience)),
    )


def update_plateau(inputs: Inputs, plateau: Plateau, score: tf.Tensor) -> Plateau:
    """Let schedules that watch the score change their scale.

    Others are plateaus whose patience never ends: they do not act.
    """
    schedule = ReduceLROnPlateau().bind(inputs.plateau_knobs)
    new = schedule.plateau(plateau._asdict(), score, inputs.learning_rate)
    return Plateau(**new)
