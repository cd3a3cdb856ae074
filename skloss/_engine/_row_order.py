"""In which order rows come into the batches of an epoch."""

from __future__ import annotations

import numpy as np

from skloss._engine._inputs import Inputs
from skloss._engine._template import Template
from skloss._tensorflow import tf


def order_rows(
    template: Template, inputs: Inputs, epoch: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return row numbers, weights and shares of an epoch's batches, step first.

    Networks of one fold share the permutation of an epoch, at whatever moment each
    comes to it. Positions past the end of a fold wrap round with weight zero: real
    rows, so that batch statistics stay sane.
    """
    size, longest = template.batch_size, tf.shape(inputs.rows)[1]
    count_of_streams = tf.shape(inputs.rows)[0]
    epochs, at = tf.unique(epoch)
    pairs, whose = tf.unique(at * count_of_streams + inputs.stream)
    stream = pairs % count_of_streams
    draws = draw_orders(template, inputs.seed, epochs, longest)
    draws = tf.gather(draws, pairs // count_of_streams)
    rows, n_rows, weight = (
        tf.gather(values, stream)
        for values in (inputs.rows, inputs.n_rows, inputs.weight)
    )
    # one draw serves all streams: a shorter one orders its rows by its prefix, and
    # what pads it, at 2, comes after every number below 1
    padding = tf.range(longest)[None] >= n_rows[:, None]
    draws = tf.where(padding, 2.0, draws)
    if template.loss.pairs_rows:
        draws = pair_draws(draws, tf.gather(inputs.Y[:, 0], rows))
    order = tf.argsort(draws, axis=1, stable=True)
    position = tf.range(inputs.steps * size)
    index = tf.gather(order, position[None] % n_rows[:, None], batch_dims=1)
    real = tf.cast(position[None] < n_rows[:, None], template.dtype)
    weight = tf.gather(weight, index, batch_dims=1) * real
    weight = tf.reshape(weight, [-1, inputs.steps, size])
    # the rows of a step, not of the batch, divide: the last batch may be short
    count = tf.reduce_sum(tf.reshape(real, tf.shape(weight)), axis=2)
    index = tf.gather(rows, index, batch_dims=1)
    index = tf.reshape(index, tf.shape(weight))
    share = tf.gather(count / tf.cast(n_rows, template.dtype)[:, None], whose)
    return (
        tf.transpose(tf.gather(index, whose), [1, 0, 2]),
        tf.transpose(tf.gather(weight / count[:, :, None], whose), [1, 0, 2]),
        tf.transpose(share),
    )


def pair_draws(draws: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Return draws of which every two rows of a class have one in common.

    The first and second of a class in the order of the draws, the third and fourth,
    and so on: so they come one after the other, and into a batch. Of an odd number the
    last row is alone.

    Parameters
    ----------
    draws : tensor of shape (streams, longest)
        Padding at 2.
    classes : tensor of shape (streams, longest)
    """
    by_draw = tf.argsort(draws, axis=1, stable=True)
    classes = tf.gather(classes, by_draw, batch_dims=1)
    classes = tf.where(tf.gather(draws, by_draw, batch_dims=1) < 2, classes, np.inf)
    by_class = tf.argsort(classes, axis=1, stable=True)
    place = tf.gather(by_draw, by_class, batch_dims=1)
    drawn = tf.gather(draws, place, batch_dims=1)
    classes = tf.gather(classes, by_class, batch_dims=1)
    number = tf.range(tf.shape(draws)[1])[None]
    begins = tf.searchsorted(classes, classes)  # where the class of each row does
    leader = number - (number - begins) % 2
    drawn = tf.gather(drawn, leader, batch_dims=1)
    return tf.gather(drawn, tf.argsort(place, axis=1), batch_dims=1)


def draw_orders(
    template: Template, seed: tf.Tensor, epochs: tf.Tensor, length: tf.Tensor
) -> tf.Tensor:
    """Return uniform numbers that order the rows of each epoch, (epochs, length)."""

    def draw(epoch):
        return tf.random.stateless_uniform([length], seed=tf.stack([seed, epoch]))

    if template.size == 1:  # a map costs as much as the rest of this
        return draw(epochs[0])[None]
    spec = tf.TensorSpec([None], tf.float32)
    return tf.map_fn(draw, epochs, fn_output_signature=spec)
