"""Epochs inside the graph: rates, validation, stopping, snapshots.

All functions are pure: weights and optimiser state come and go in ``State``, so that
one traced program serves several trainings at the same time.
"""

from __future__ import annotations

from collections.abc import Callable

from skloss._engine._blocks import train_epoch
from skloss._engine._inputs import Inputs
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


def run_epochs(
    template: Template, take_steps: Callable, inputs: Inputs, state: State
) -> tuple[State, HistoryRow]:
    """Train from ``state.epoch`` until ``inputs.until`` or until all stopped.

    Parameters
    ----------
    template : Template
    take_steps : callable
        See ``train_epoch``.
    inputs : Inputs
    state : State

    Returns
    -------
    state : State
    history : HistoryRow
        With the epochs on the first axis; zero for those that were not needed.
    """
    if template.structure.member.scored_outside:
        state, row = run_epoch(template, take_steps, inputs, state)
        return state, tf.nest.map_structure(lambda value: value[None], row)
    first = state.epoch

    def going(state, history):
        return (state.epoch < inputs.until) & tf.reduce_any(state.active)

    def epoch(state, history):
        new, row = run_epoch(template, take_steps, inputs, state)
        new = judge_epoch(template, inputs, new, row)
        place = state.epoch - first
        return new, tf.nest.map_structure(
            lambda array, value: array.write(place, value), history, row
        )

    history = empty_history(template, inputs.until - first)
    state, history = tf.while_loop(
        going, epoch, (state, history), parallel_iterations=1
    )
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
    template: Template, take_steps: Callable, inputs: Inputs, state: State
) -> tuple[State, HistoryRow]:
    """Train one epoch and validate; return the state and the epoch's record."""
    rates = learning_rates(template, inputs, state)
    variables, alive, sums = train_epoch(template, take_steps, inputs, state, rates)
    val_loss, score = validate(template, inputs, variables.predicting)
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


def judge_epoch(
    template: Template, inputs: Inputs, state: State, row: HistoryRow
) -> State:
    """Return the state after an epoch: who goes on, and at what rate.

    It is the graph that judges, or Python where a score comes from there.
    """
    state = stop_and_snapshot(inputs, state, row.loss, row.val_monitor)
    plateau = update_plateau(template, inputs, state.plateau, row.val_monitor)
    return state._replace(plateau=plateau, epoch=state.epoch + 1)


def learning_rates(template: Template, inputs: Inputs, state: State) -> tf.Tensor:
    """Return the learning rates of this epoch's steps, (steps, networks)."""
    steps = tf.cast(inputs.steps, template.dtype)
    first = tf.cast(state.epoch, template.dtype) * steps
    index = (first + tf.range(steps, dtype=template.dtype))[:, None]
    horizon = tf.cast(inputs.horizon, template.dtype) * steps
    schedule = template.schedule.bind(inputs.schedule_knobs)
    curve = tf.cast(schedule.multiplier(index, steps, horizon), template.dtype)
    curve = tf.broadcast_to(curve, [inputs.steps, template.size])
    return curve * inputs.learning_rate * state.plateau.scale


def stop_and_snapshot(
    inputs: Inputs, state: State, loss: tf.Tensor, score: tf.Tensor
) -> State:
    """Keep the best weights; stop who ran out of patience.

    Without early stopping the training loss tells which are best: a network that
    diverges has usually trained some epochs in vain before its loss overflows.
    """
    stopping = tf.math.is_finite(inputs.patience)
    healthy = state.alive & tf.math.is_finite(loss)
    merit = tf.where(stopping, score, loss)
    better = (merit < state.best) & healthy & state.active
    wait = tf.where(better, 0.0, state.wait + 1.0)
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
        n_epochs=tf.where(state.active, number, state.n_epochs),
        diverged=state.diverged | (state.active & ~healthy),
        active=state.active & healthy & ~out_of_patience,
    )


def update_plateau(
    template: Template, inputs: Inputs, plateau: Plateau, score: tf.Tensor
) -> Plateau:
    """Let a schedule that watches the score change its scale."""
    if not template.schedule.monitors:
        return plateau
    schedule = template.schedule.bind(inputs.schedule_knobs)
    new = schedule.plateau(plateau._asdict(), score, inputs.learning_rate)
    return Plateau(**{k: tf.cast(v, template.dtype) for k, v in new.items()})
