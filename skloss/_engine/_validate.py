"""Validation inside the graph: loss and monitored score of the rows held back."""

from __future__ import annotations

from skloss._engine._inputs import Inputs
from skloss._engine._rows import take_rows
from skloss._engine._state import Weights
from skloss._engine._step import (
    average_loss,
    predict_networks,
    scale_targets,
    score_networks,
)
from skloss._engine._template import Template
from skloss._tensorflow import tf


def validate(
    template: Template, inputs: Inputs, predicting: Weights
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return validation loss and monitored score per network; NaN without data."""
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
    parts = template.layout.cut(predicting.weights)
    stored = template.layout.cut_stored(predicting.stored)
    zero = tf.zeros([size], template.dtype)

    def body(i, loss, score):
        index = tf.ensure_shape(rows[i], [size, batch])
        x = take_rows(inputs.table, index, structure.data.n_features)
        y = tf.gather(inputs.Y, index)
        y = scale_targets(task, y, inputs.loc, inputs.scale, template.dtype)
        y = tf.ensure_shape(y, [size, batch, task.size])
        raw = predict_networks(template.layout, parts, stored, x)
        common = (
            template.loss,
            task,
            y,
            raw,
            tf.ensure_shape(weight[i], [size, batch]),
            inputs.step_numbers.loss_knobs,
        )
        value = average_loss(*common)
        monitored = score_networks(*common, inputs.class_weight)
        return i + 1, loss + value, score + monitored

    _, loss, score = tf.while_loop(
        lambda i, *_: i < steps, body, (tf.constant(0), zero, zero)
    )
    return loss, score
