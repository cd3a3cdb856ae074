"""What training records of each layer, epoch by epoch."""

import numpy as np

from skloss._tensorflow import tf

RECORDED = ("gradient_norm", "weight_norm", "change", "idle")


def layers_of(model):
    """Return which layer, from 0, each trainable variable belongs to.

    A layer begins with a kernel; biases and what normalises it follow.
    """
    numbers, current = [], -1
    for variable in model.trainable_variables:
        current += len(variable.shape) > 1 or current < 0
        numbers.append(current)
    return numbers


def indicators(layout):
    """Return two matrices of shape (weights, layers) that sum by layer.

    The first marks all weights of a layer. The second marks one number for each of its
    units, divided by how many there are: the last vector, whose gradient is that of
    the unit's input.
    """
    numbers = layers_of(layout.model)
    count = numbers[-1] + 1
    weights, units = [], []
    for i, (number, shape, size) in enumerate(
        zip(numbers, layout.shapes, layout.sizes, strict=True)
    ):
        own = np.eye(count)[number]
        weights.append(np.tile(own, (size, 1)))
        last = i + 1 == len(numbers) or numbers[i + 1] != number
        share = 1 / size if last and len(shape) == 1 else 0.0
        units.append(np.tile(own * share, (size, 1)))
    return np.concatenate(weights), np.concatenate(units)


def layer_rows(program, before, after, squares, steps):
    """Return an epoch's record, (4 x layers, networks), ordered as ``RECORDED``.

    Parameters
    ----------
    program : Program
    before, after : tensor of shape (networks, weights)
        The weights at the beginning and at the end of the epoch.
    squares : tensor of shape (networks, weights)
        Squared gradients of the loss, without penalties, summed over steps.
    steps : int tensor

    Returns
    -------
    tensor
        Root mean square of a layer's gradient norm; norm of its weights; norm of their
        change, as a share of that; share of units whose gradient was zero throughout.
    """
    own, units = (tf.constant(m, program.dtype) for m in program.indicators)
    sums = tf.concat([squares, tf.square(before), tf.square(after - before)], axis=0)
    gradient, weight, change = tf.split(tf.sqrt(sums @ own), 3)
    gradient = gradient / tf.sqrt(tf.cast(steps, program.dtype))
    idle = tf.cast(squares == 0, program.dtype) @ units
    change = change / tf.maximum(weight, 1e-12)
    return tf.transpose(tf.concat([gradient, weight, change, idle], axis=1))
