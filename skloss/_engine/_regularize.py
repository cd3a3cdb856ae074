"""Regularisation: what a step does to its rows before, and to its weights after.

Each is in the graph only if a network of the program uses it. Each network has its own
number, and at the number's default nothing happens to it.
"""

from __future__ import annotations

import numpy as np

from skloss import networks
from skloss._engine._inputs import StepNumbers
from skloss._engine._noise import Noise
from skloss._engine._step import Layout
from skloss._tensorflow import tf


def regularize_rows(
    used: tuple,
    x: tf.Tensor,
    y: tf.Tensor,
    weight: tf.Tensor,
    noise: Noise,
    numbers: StepNumbers,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return x, y and weights of a step as the networks see them.

    Parameters
    ----------
    used : tuple of str
        ``Structure.regularizers``.
    x : tensor of shape (networks, batch, features)
    y : tensor of shape (networks, batch, columns)
    weight : tensor of shape (networks, batch)
    noise : Noise
        This step's.
    numbers : StepNumbers

    Returns
    -------
    x : tensor of shape (networks, batch, features)
    y : tensor of shape (networks, batch or 2 * batch, columns)
    weight : tensor of shape (networks, batch or 2 * batch)
    """
    if "mixup" in used:
        share = draw_symmetric_beta(numbers.mixup, noise.mixup)
        x, y, weight = mix_rows(x, y, weight, share)
    if "input_noise" in used:
        x = x + numbers.input_noise[:, None, None] * noise.input_noise
    return x, y, weight


def draw_symmetric_beta(alpha: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Return a draw from Beta(alpha, alpha) per network; 1 where alpha is 0.

    A function of Student's t with 2 alpha degrees of freedom (Devroye 1996), drawn by
    the polar method (Bailey 1994) of two uniform numbers.
    """
    power = uniform[:, 0] ** (1 / tf.where(alpha > 0, alpha, 1.0))
    cosine = tf.cos(2 * np.pi * uniform[:, 1])
    draw = 0.5 + 0.5 * cosine / tf.sqrt(power / (1 - power) + tf.square(cosine))
    return tf.where(alpha > 0, draw, 1.0)


def mix_rows(
    x: tf.Tensor, y: tf.Tensor, weight: tf.Tensor, share: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mix each row with the next one (Zhang et al. 2018, Eq. 1): the order is random.

    The target of a mixed row is the first one's with the weight ``share``, the other
    one's with the rest, which for a loss linear in the target is the loss of the mixed
    target. So no loss ever sees a target that is not one. Padding, at the end of a
    batch and of weight zero, is passed over.
    """
    last = tf.roll(weight, -1, axis=1) == 0

    def other(rows):
        at_end = tf.reshape(last, [*last.shape, *[1] * (rows.shape.rank - 2)])
        return tf.where(at_end, rows[:, :1], tf.roll(rows, -1, axis=1))

    of_row, of_column = share[:, None], share[:, None, None]
    rest = tf.where(weight > 0, other(weight), 0.0)
    return (
        of_column * x + (1 - of_column) * other(x),
        tf.concat([y, other(y)], axis=1),
        tf.concat([of_row * weight, (1 - of_row) * rest], axis=1),
    )


def clip_by_value(gradient: tf.Tensor, clip_value: tf.Tensor) -> tf.Tensor:
    """Return gradients whose elements are at most ``clip_value`` in size."""
    return tf.clip_by_value(gradient, -clip_value[:, None], clip_value[:, None])


def bound_norms(
    layout: Layout, weights: tf.Tensor, max_norm: tf.Tensor, going: tf.Tensor
) -> tf.Tensor:
    """Return weights with which no hidden unit's incoming ones exceed ``max_norm``.

    Srivastava et al. 2014, Section 5.1: projected onto the ball after each step.
    """
    bound = tf.where(going, max_norm, np.inf)
    parts, head = layout.cut(weights), networks.head_of(layout.model)
    for i, variable in enumerate(layout.model.trainable_variables):
        part, axes = parts[i], list(range(1, parts[i].shape.rank - 1))
        if variable.name != "kernel" or variable is head.kernel:
            continue
        if networks.are_frequencies(variable):
            continue
        norm = tf.sqrt(tf.reduce_sum(tf.square(part), axes, keepdims=True))
        radius = tf.reshape(bound, [-1, *[1] * (part.shape.rank - 1)])
        parts[i] = part * tf.where(norm > radius, radius / norm, 1.0)
    return tf.concat([tf.reshape(p, [weights.shape[0], -1]) for p in parts], axis=1)


def update_average(
    used: tuple,
    rows: tuple[tf.Tensor, tf.Tensor],
    numbers: StepNumbers,
    number: tf.Tensor,
    going: tf.Tensor,
) -> tf.Tensor:
    """Return the averaged, or copied, weights after one more step.

    Parameters
    ----------
    used : tuple of str
        ``Structure.regularizers``.
    rows : tuple of tensor of shape (networks, weights)
        The average so far, and the weights.
    numbers : StepNumbers
    number : int tensor of shape (networks,)
        Of the step.
    going : bool tensor of shape (networks,)
    """
    average, weights = rows
    new = average_weights(average, weights, numbers.weight_averaging, number)
    if "copy_period" in used:
        copied = copy_weights(average, weights, numbers.copy_period, number)
        new = tf.where(numbers.copy_period[:, None] > 0, copied, new)
    return tf.where(going[:, None], new, average)


def average_weights(
    average: tf.Tensor, weights: tf.Tensor, momentum: tf.Tensor, number: tf.Tensor
) -> tf.Tensor:
    """Return the exponential moving average of the weights after one more step.

    Kingma and Ba 2015, Section 7.2, with their correction for the beginning: weights w
    of step s of t have the share ``m^(t - s)`` of ``sum_s m^(t - s)``, so that a
    momentum m near 1 gives the plain average of Polyak and Juditsky 1992.
    """
    before = tf.cast(number, weights.dtype)  # steps
    log = tf.math.log(momentum)
    keep = momentum * tf.math.expm1(before * log) / tf.math.expm1((before + 1) * log)
    return keep[:, None] * average + (1 - keep)[:, None] * weights


def copy_weights(
    before: tf.Tensor, weights: tf.Tensor, period: tf.Tensor, number: tf.Tensor
) -> tf.Tensor:
    """Return the weights as they were after each ``period`` steps, copied."""
    steps = tf.cast(number + 1, period.dtype)
    due = tf.math.floormod(steps, tf.maximum(period, 1.0)) == 0
    return tf.where(due[:, None], weights, before)
