"""Views: the rows of a batch as a loss wants to see them, made inside the graph.

Views by the network's own weights pass it together, one below the other, so that one
matrix product serves all. Those by the averaged weights pass after them, without a
gradient.
"""

from __future__ import annotations

import numpy as np

from skloss._engine._hash import draw_uniform
from skloss._engine._template import Template
from skloss._tensorflow import tf
from skloss.losses._core._view import PLAIN, View, count_parts, place_views

FIRST_SOURCE = 1000  # of random numbers: dropout layers have the sources below it
SOURCES = 8  # that a view may use


def make_views(
    template: Template, x: tf.Tensor, seed: tf.Tensor, number: tf.Tensor, knobs: dict
) -> tf.Tensor:
    """Return the rows as the views of the loss have them, in the order of ``place``.

    Parameters
    ----------
    template : Template
    x : tensor of shape (networks, batch, features)
        Whole rows of the table.
    seed : int tensor
    number : int tensor of shape (networks,)
        Of the step: its random numbers are shared by all networks that take it.
    knobs : dict of str to tensor of shape (networks,)
        The loss's.

    Returns
    -------
    tensor of shape (networks, views * batch, inputs)
    """
    views = template.loss.views
    if views == PLAIN:
        return x
    made = [None] * len(views)
    for i, (view, place) in enumerate(zip(views, place_views(views), strict=True)):
        source = FIRST_SOURCE + SOURCES * i
        made[place] = make_view(template, view, x, seed, number, knobs, source)
    return made[0] if len(made) == 1 else tf.concat(made, axis=1)


def make_view(
    template: Template,
    view: View,
    x: tf.Tensor,
    seed: tf.Tensor,
    number: tf.Tensor,
    knobs: dict,
    source: int,
) -> tf.Tensor:
    """Return the rows as one view has them, (networks, batch, inputs)."""
    width = x.shape[2] // count_parts(template.loss.views)
    x = x[:, :, view.part * width : (view.part + 1) * width]

    def draw(shift, width=width):
        shape = [x.shape[1], width]
        return draw_uniform(seed, number, shape, source + shift, x.dtype)

    if view.corruption is not None:
        share = knobs[view.corruption][:, None, None]
        x = tf.where(draw(0) < share, take_from_others(x, draw(1)), x)
    if view.noise is not None:
        deviation = knobs[view.noise][:, None, None]
        x = x + deviation * make_normal(draw(2), draw(3))
    if view.draws:
        width = template.structure.plan.task.n_components
        draws = make_normal(draw(4, width), draw(5, width))
        x = tf.concat([x, tf.cast(draws, x.dtype)], axis=2)
    return x


def take_from_others(x: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Return for each feature of each row that of a row of the batch by chance."""
    count = x.shape[1]
    which = tf.minimum(tf.cast(uniform * count, tf.int32), count - 1)
    columns = tf.transpose(x, [0, 2, 1])
    taken = tf.gather(columns, tf.transpose(which, [0, 2, 1]), axis=2, batch_dims=2)
    return tf.transpose(taken, [0, 2, 1])


def make_normal(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Return standard normal numbers of two uniform ones each (Box and Muller 1958)."""
    return tf.sqrt(-2 * tf.math.log1p(-first)) * tf.cos(2 * np.pi * second)
