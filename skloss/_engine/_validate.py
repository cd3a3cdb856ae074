"""Validation inside the graph: loss and monitored score of the rows held back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from skloss._engine._inputs import Inputs, specify
from skloss._engine._rows import take_rows
from skloss._engine._state import State, Weights
from skloss._engine._step import (
    average_loss,
    order_outputs,
    predict_networks,
    scale_targets,
    score_networks,
)
from skloss._engine._template import Template
from skloss._engine._views import make_views
from skloss._tensorflow import tf


class HeldBack(NamedTuple):
    """Some rows that validate, each of shape (networks, batch, ...).

    Attributes
    ----------
    x, y : tensor
        Features, and targets as the networks see them.
    weight : tensor
        Of all rows it sums to one.
    seed : int tensor
    number : int tensor of shape (networks,)
        Of the batch, below zero: the same random numbers in every epoch, which no step
        has.
    """

    x: Any
    y: Any
    weight: Any
    seed: Any
    number: Any


def validate(
    template: Template, score_rows: Callable, inputs: Inputs, predicting: Weights
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return validation loss and monitored score per network; NaN without data.

    Parameters
    ----------
    template : Template
    score_rows : callable
        The function of this module, without its first argument; compiled, perhaps.
    inputs : Inputs
    predicting : Weights
    """
    structure = template.structure
    if not structure.member.validation:
        missing = tf.fill([template.size], tf.constant(float("nan"), template.dtype))
        return missing, missing
    size, batch, task = template.size, template.batch_size, structure.plan.task
    n_rows = tf.shape(inputs.val_rows)[1]
    steps = (n_rows + batch - 1) // batch
    # the padding repeats row 0 with weight zero
    padding = [[0, 0], [0, steps * batch - n_rows]]
    rows = tf.reshape(tf.pad(inputs.val_rows, padding), [-1, steps, batch])
    weight = tf.reshape(tf.pad(inputs.val_weight, padding), [-1, steps, batch])
    rows = tf.transpose(tf.gather(rows, inputs.stream), [1, 0, 2])
    weight = tf.transpose(tf.gather(weight, inputs.stream), [1, 0, 2])
    zero = tf.zeros([size], template.dtype)

    def body(i, loss, score):
        index = tf.ensure_shape(rows[i], [size, batch])
        y = tf.gather(inputs.Y, index)
        y = scale_targets(task, y, inputs.loc, inputs.scale, template.dtype)
        held = HeldBack(
            x=take_rows(inputs.table, index, structure.data.n_features),
            y=tf.ensure_shape(y, [size, batch, template.n_columns]),
            weight=tf.ensure_shape(weight[i], [size, batch]),
            seed=inputs.seed,
            number=tf.fill([size], -1 - i),
        )
        knobs = inputs.step_numbers.loss_knobs
        value, monitored = score_rows(predicting, held, knobs, inputs.class_weight)
        return i + 1, loss + value, score + monitored

    _, loss, score = tf.while_loop(
        lambda i, *_: i < steps, body, (tf.constant(0), zero, zero)
    )
    return loss, score


def score_rows(
    template: Template,
    predicting: Weights,
    held: HeldBack,
    loss_knobs: dict,
    class_weight: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what rows add to validation loss and score; all shapes are static."""
    parts = template.layout.cut(predicting.weights)
    stored = template.layout.cut_stored(predicting.stored)
    x = make_views(template, held.x, held.seed, held.number, loss_knobs)
    raw = predict_networks(template.layout, parts, stored, x)
    raw = order_outputs(template.loss.views, raw)
    task = template.structure.plan.task
    common = template.loss, task, held.y, raw, held.weight, loss_knobs
    return average_loss(*common), score_networks(*common, class_weight)


def specify_rows(template: Template, inputs: Inputs, state: State) -> tuple:
    """Return the specifications of what ``score_rows`` is called with."""
    structure, lead = template.structure, (template.size, template.batch_size)
    held = HeldBack(
        x=tf.TensorSpec([*lead, structure.data.n_features], template.dtype),
        y=tf.TensorSpec([*lead, template.n_columns], template.dtype),
        weight=tf.TensorSpec(lead, template.dtype),
        seed=tf.TensorSpec([], tf.int32),
        number=tf.TensorSpec([template.size], tf.int32),
    )
    numbers = inputs.step_numbers.loss_knobs, inputs.class_weight
    numbers = tf.nest.map_structure(specify, numbers)
    predicting = tf.nest.map_structure(specify, state.variables.predicting)
    return predicting, held, *numbers
