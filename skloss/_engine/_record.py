"""What training records of each layer, epoch by epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skloss import networks
from skloss._engine._state import LayerRow
from skloss._engine._step import Layout
from skloss._tensorflow import keras, tf


class LayerMarks(NamedTuple):
    """Two matrices of shape (weights, layers) that sum numbers of weights by layer.

    Attributes
    ----------
    weights : ndarray
        Marks all weights of a layer.
    units : ndarray
        Marks one number for each unit of a layer, divided by how many there are: the
        last vector, whose gradient is that of the unit's input.
    """

    weights: np.ndarray
    units: np.ndarray


def number_layers(model: keras.Model) -> list[int]:
    """Return which layer, from 0, each trainable variable belongs to.

    A layer begins with a kernel; biases and what normalises it follow. An embedding's
    begins with its frequencies.
    """
    numbers, current, begun = [], -1, False
    for variable in model.trainable_variables:
        current += (len(variable.shape) > 1 and not begun) or current < 0
        numbers.append(current)
        begun = networks.are_frequencies(variable)
    return numbers


def mark_layers(layout: Layout) -> LayerMarks:
    """Return the matrices that sum by layer."""
    numbers = number_layers(layout.model)
    count = numbers[-1] + 1
    weights, units = [], []
    for i, (number, shape, size) in enumerate(
        zip(numbers, layout.shapes, layout.sizes, strict=True)
    ):
        layer = np.eye(count)[number]
        weights.append(np.tile(layer, (size, 1)))
        last = i + 1 == len(numbers) or numbers[i + 1] != number
        share = 1 / size if last and len(shape) == 1 else 0.0
        units.append(np.tile(layer * share, (size, 1)))
    return LayerMarks(np.concatenate(weights), np.concatenate(units))


def measure_layers(
    marks: LayerMarks,
    before: tf.Tensor,
    after: tf.Tensor,
    squares: tf.Tensor,
    steps: tf.Tensor,
) -> LayerRow:
    """Return an epoch's record.

    Parameters
    ----------
    marks : LayerMarks
    before, after : tensor of shape (networks, weights)
        The weights at the beginning and at the end of the epoch.
    squares : tensor of shape (networks, weights)
        Squared gradients of the loss, without penalties, summed over steps.
    steps : int tensor
    """
    dtype = before.dtype
    of_layer, of_unit = (tf.constant(matrix, dtype) for matrix in marks)
    sums = tf.concat([squares, tf.square(before), tf.square(after - before)], axis=0)
    gradient, weight, change = tf.split(tf.sqrt(sums @ of_layer), 3)
    return LayerRow(
        gradient_norm=gradient / tf.sqrt(tf.cast(steps, dtype)),
        weight_norm=weight,
        change=change / tf.maximum(weight, 1e-12),
        idle=tf.cast(squares == 0, dtype) @ of_unit,
    )
