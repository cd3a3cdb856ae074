"""One page of mathematics: from a batch to new weights, for all networks at once.

A population is a matrix, one row of weights per network. Optimisers, penalties,
clipping and norms are then single operations on that matrix; only the forward pass
looks at the shapes inside a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skloss import networks
from skloss._tensorflow import keras, tf
from skloss.losses import Loss, Task
from skloss.losses._core._view import count_own, place_views


class Layout:
    """How a row of weights is cut into the variables of the template model."""

    def __init__(self, model: keras.Model):
        self.model = model
        trainable, others = model.trainable_variables, model.non_trainable_variables
        self.shapes = [tuple(v.shape) for v in trainable]
        self.sizes = [int(tf.TensorShape(s).num_elements()) for s in self.shapes]
        self.kernels = [networks.is_kernel(v) for v in trainable]
        self.stored = [v for v in others if networks.is_stored(v)]
        self.stored_shapes = [tuple(v.shape) for v in self.stored]
        self.stored_sizes = [
            int(tf.TensorShape(s).num_elements()) for s in self.stored_shapes
        ]
        self.masks = [v for v in others if networks.is_mask(v)]

    def mark_globals(self, n_global: int, part: str) -> np.ndarray:
        """Return which weights are the ``part`` of the head of the last outputs.

        The "kernel" must stay 0: it would let a row change a global. The "bias" is the
        globals themselves.
        """
        masks, of_head = [], getattr(networks.head_of(self.model), part)
        for variable, shape in zip(
            self.model.trainable_variables, self.shapes, strict=True
        ):
            mask = np.zeros(shape, dtype=bool)
            if variable is of_head:
                mask[..., shape[-1] - n_global :] = True
            masks.append(mask.ravel())
        return np.concatenate(masks)

    def cut(self, rows: tf.Tensor) -> list[tf.Tensor]:
        """Cut (networks, weights) into one stacked tensor per variable."""
        return split_columns(rows, self.sizes, self.shapes)

    def cut_stored(self, rows: tf.Tensor) -> list[tf.Tensor]:
        """Cut (networks, stored) into one stacked tensor per stored variable."""
        if not self.stored:
            return []
        return split_columns(rows, self.stored_sizes, self.stored_shapes)


def split_columns(rows: tf.Tensor, sizes: list, shapes: list) -> list[tf.Tensor]:
    """Split the columns of a matrix and give each part its shape."""
    parts = tf.split(rows, sizes, axis=1)
    return [
        tf.reshape(part, [rows.shape[0] or -1, *shape])
        for part, shape in zip(parts, shapes, strict=True)
    ]


def join_columns(parts: list[tf.Tensor], n_rows: int) -> tf.Tensor:
    """Flatten stacked tensors into the columns of a matrix."""
    return tf.concat([tf.reshape(part, [n_rows, -1]) for part in parts], axis=1)


def run_network(
    layout: Layout,
    parts: list,
    stored: list,
    x: tf.Tensor,
    masks: Sequence = (),
    key: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list, list]:
    """Return raw outputs, new moving statistics and the body's own penalties.

    ``masks`` are the dropout layers'; ``key``, the seed of a user's own Dropout layers,
    is None for inference.
    """
    training = key is not None
    kept, dropped, state, i = iter(stored), iter(masks), [], 0
    for variable in layout.model.non_trainable_variables:
        if networks.is_mask(variable):
            state.append(next(dropped) if training else variable.value)
            continue
        if networks.is_stored(variable):
            state.append(next(kept))
        elif training:
            state.append(key + tf.constant([i, 0], key.dtype))
        else:
            state.append(variable.value)
        i += 1  # masks do not count: a program has none where no network drops anything
    raw, new, penalties = layout.model.stateless_call(
        parts, state, x, training=training, return_losses=True
    )
    both = zip(layout.model.non_trainable_variables, new, strict=True)
    new = [tf.cast(v, x.dtype) for variable, v in both if networks.is_stored(variable)]
    return tf.cast(raw, x.dtype), new, penalties


def predict_networks(
    layout: Layout, parts: list, stored: list, x: tf.Tensor
) -> tf.Tensor:
    """Return raw outputs of all networks, (networks, batch, raw), for inference."""
    return map_networks(
        lambda *tensors: run_network(layout, *tensors)[0], (parts, stored, x)
    )


def differentiate(
    layout: Layout, loss: Loss, task: Task, tensors: tuple, key: tf.Tensor
) -> tuple[tf.Tensor, list, list]:
    """Return each network's weighted mean loss, its gradient, its moving statistics.

    The gradient is that of the loss and the body's own penalties. Statistics that no
    layer changes, such as frozen weights, are left out.

    The tape is inside the map: outside, it would differentiate the map's own indexing
    of the weights, at several times the cost. Nor could the networks' gradients mix:
    each is that of its own loss.

    Parameters
    ----------
    layout : Layout
    loss : Loss
    task : Task
    tensors : tuple
        What the networks do not share, stacked: loss knobs, weights, moving
        statistics, x with the rows of all views, dropout masks, the target as seen,
        sample weight, and the averaged weights where the loss has a teacher.
    key : tensor of shape (2,)
        Seed of Keras' own Dropout layers.
    """
    views = loss.views

    def one(knobs, parts, stored, x, masks, y, weight, teacher):
        bound = loss.bind(knobs)
        x, taught = split_rows(views, x)
        with tf.GradientTape() as tape:
            tape.watch(parts)
            raw, new, penalties = run_network(layout, parts, stored, x, masks, key)
            if teacher:
                output = run_network(layout, teacher, stored, taught)[0]
                raw = tf.concat([raw, output], axis=0)  # whose weights nobody watches
            elif len(views) == 1 and y.shape[0] > raw.shape[0]:
                raw = tf.concat([raw, raw], axis=0)  # mixed rows have two targets each
            raw = order_outputs(views, raw)
            value = bound.batch_value(task, y, raw, weight)
            total = [value, *(tf.cast(p, value.dtype) for p in penalties)]
        slope = tape.gradient(total, parts, unconnected_gradients="zero")
        moved = any(a is not b for a, b in zip(new, stored, strict=True))
        return value, list(map(tf.convert_to_tensor, slope)), new if moved else []

    return map_networks(one, tensors)


def split_rows(views: tuple, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the rows that pass by a network's own weights, and by the averaged."""
    own = x.shape[0] // len(views) * count_own(views)
    return x[:own], x[own:]


def order_outputs(views: tuple, raw: tf.Tensor) -> tf.Tensor:
    """Return the raw outputs of all views as the loss sees them.

    Parameters
    ----------
    views : tuple of View
    raw : tensor of shape (..., views * batch, n_raw)
        In the order of ``place_views``.

    Returns
    -------
    tensor of shape (..., views, batch, n_raw), or as it is for a single view
    """
    if len(views) == 1:
        return raw
    *lead, rows, n_raw = raw.shape
    parts = tf.reshape(raw, [*lead, len(views), rows // len(views), n_raw])
    places = place_views(views)
    if places == sorted(places):
        return parts
    return tf.gather(parts, places, axis=len(lead))


def map_networks(function: Callable, tensors: tuple) -> Any:
    """Map ``function`` over the first axis of a tuple of nests of tensors.

    One network needs no map, which not every operation knows.
    """
    if {part.shape[0] for part in tf.nest.flatten(tensors)} == {1}:
        first = tf.nest.map_structure(lambda part: tf.squeeze(part, 0), tensors)
        alone = function(*first)
        return tf.nest.map_structure(lambda part: tf.expand_dims(part, 0), alone)
    return tf.vectorized_map(
        lambda args: function(*args), tensors, fallback_to_while_loop=False
    )


def average_loss(
    loss: Loss,
    task: Task,
    y: tf.Tensor,
    raw: tf.Tensor,
    weight: tf.Tensor,
    knobs: dict,
) -> tf.Tensor:
    """Return each network's weighted mean loss."""

    def one(knobs, y, raw, weight):
        return loss.bind(knobs).batch_value(task, y, raw, weight)

    return map_networks(one, (knobs, y, raw, weight))


def scale_targets(
    task: Task, y: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """Return the target as the networks see it, (..., networks, batch, columns).

    This is ``Member.scaled_target`` inside the graph, for rows that were gathered.
    Facts, behind the target's columns, stay as they are. A target of numbers comes in
    double precision: single precision would round away what is small beside the
    location.
    """
    if task.has_numbers:
        scaled = (y[..., : task.size] - loc[:, None]) / scale[:, None]
        y = tf.concat([scaled, y[..., task.size :]], axis=-1)
    return tf.cast(y, dtype)


def score_networks(
    loss: Loss,
    task: Task,
    y: tf.Tensor,
    raw: tf.Tensor,
    weight: tf.Tensor,
    knobs: dict,
    class_weight: tf.Tensor,
) -> tf.Tensor:
    """Return each network's loss-neutral validation score; lower is better.

    In double precision, as links that follow from a loss's gradients are computed.
    """

    def one(knobs, y, raw, weight, undo):
        bound = loss.bind(knobs)
        if loss.monitors_itself:
            return bound.batch_value(task, y, raw, weight)
        return tf.reduce_sum(weight * bound.monitor(task, y, raw, undo))

    tensors = knobs, y, raw, weight, class_weight
    wide = tf.nest.map_structure(lambda part: tf.cast(part, tf.float64), tensors)
    try:
        scores = map_networks(one, wide)
    except ValueError:
        # equations, solved for each row, cannot be stacked: one network at a time
        spec = tf.TensorSpec([], tf.float64)
        scores = tf.map_fn(lambda own: one(*own), wide, fn_output_signature=spec)
    return tf.cast(scores, raw.dtype)


def add_penalties(
    gradient: tf.Tensor,
    weights: tf.Tensor,
    kernels: np.ndarray,
    l1: tf.Tensor,
    l2: tf.Tensor,
) -> tf.Tensor:
    """Add the gradient of l1 sum|w| + l2 sum w^2 over kernels."""
    penalty = l1[:, None] * tf.sign(weights) + 2 * l2[:, None] * weights
    return gradient + kernels * penalty


def clip_by_norm(
    gradient: tf.Tensor, clip_norm: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return each network's gradient clipped to its own norm, that norm, who is finite.

    A gradient that is not finite becomes zero: ``where``, not a product, since zero
    times NaN is NaN.
    """
    norm = tf.sqrt(sum_rows(tf.square(gradient)))
    factor = tf.minimum(tf.ones_like(norm), clip_norm / tf.maximum(norm, 1e-30))
    finite = tf.math.is_finite(norm)
    gradient = tf.where(
        finite[:, None], gradient * factor[:, None], tf.zeros_like(gradient)
    )
    return gradient, norm, finite


def sum_rows(rows: tf.Tensor, lanes: int = 128) -> tf.Tensor:
    """Return the sum of each row.

    XLA adds one number at a time where it reduces the last axis, but a whole lane
    where it reduces another.
    """
    size, length = rows.shape
    rows = tf.pad(rows, [[0, 0], [0, -length % lanes]])
    return tf.reduce_sum(tf.reduce_sum(tf.reshape(rows, [size, -1, lanes]), 1), 1)


def make_stacked_dropout(batch_size: int, dtype: str) -> Callable:
    """Return the maker of dropout layers whose masks are given to the model."""
    return lambda: networks.StackedDropout(batch_size, dtype=dtype)


def no_dropout() -> keras.layers.Layer:
    """Return the layer in a dropout layer's place where no network drops anything."""
    return keras.layers.Identity()
