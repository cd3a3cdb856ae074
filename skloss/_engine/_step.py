"""One page of mathematics: from a batch to new weights, for all networks at once.

A population is a matrix, one row of weights per network. Optimisers, penalties,
clipping and norms are then single operations on that matrix; only the forward pass
looks at the shapes inside a row.
"""

import numpy as np
import tensorflow as tf

from skloss import networks


class Layout:
    """How a row of weights is cut into the variables of the template model."""

    def __init__(self, model):
        self.model = model
        trainable = model.trainable_variables
        self.shapes = [tuple(v.shape) for v in trainable]
        self.sizes = [int(tf.TensorShape(s).num_elements()) for s in self.shapes]
        self.names = [v.name for v in trainable]
        self.stored = [v for v in model.non_trainable_variables if is_stored(v)]
        self.stored_shapes = [tuple(v.shape) for v in self.stored]
        self.stored_sizes = [
            int(tf.TensorShape(s).num_elements()) for s in self.stored_shapes
        ]
        self.masks = [v for v in model.non_trainable_variables if v.name == "mask"]

    def of_globals(self, n_global, part):
        """Return which weights are the ``part`` of the head of the last outputs.

        The "kernel" must stay 0: it would let a row change a global. The "bias" is the
        globals themselves.
        """
        masks = []
        for variable, shape in zip(
            self.model.trainable_variables, self.shapes, strict=True
        ):
            mask = np.zeros(shape, dtype=bool)
            if variable.path.endswith(f"head/{part}"):
                mask[..., shape[-1] - n_global :] = True
            masks.append(mask.ravel())
        return np.concatenate(masks)

    def cut(self, rows):
        """Cut (networks, weights) into one stacked tensor per variable."""
        return cut(rows, self.sizes, self.shapes)

    def cut_stored(self, rows):
        """Cut (networks, stored) likewise."""
        return cut(rows, self.stored_sizes, self.stored_shapes) if self.stored else []


def cut(rows, sizes, shapes):
    """Split the columns of a matrix and give each part its shape."""
    parts = tf.split(rows, sizes, axis=1)
    return [
        tf.reshape(part, [rows.shape[0] or -1, *shape])
        for part, shape in zip(parts, shapes, strict=True)
    ]


def join(parts, n_rows):
    """Flatten stacked tensors into the columns of a matrix."""
    return tf.concat([tf.reshape(part, [n_rows, -1]) for part in parts], axis=1)


def is_stored(variable):
    """Tell a moving statistic from a dropout's mask or seed."""
    return variable.name != "mask" and "seed" not in variable.path


def network(layout, parts, stored, x, masks=(), key=None):
    """Return raw outputs and new moving statistics of one network.

    ``masks`` are the dropout layers'; ``key``, the seed of a user's own Dropout layers,
    is None for inference.
    """
    training = key is not None
    kept, dropped, state = iter(stored), iter(masks), []
    for i, variable in enumerate(layout.model.non_trainable_variables):
        if is_stored(variable):
            state.append(next(kept))
        elif not training:
            state.append(variable.value)
        elif variable.name == "mask":
            state.append(next(dropped))
        else:
            state.append(key + tf.constant([i, 0], key.dtype))
    raw, new = layout.model.stateless_call(parts, state, x, training=training)
    both = zip(layout.model.non_trainable_variables, new, strict=True)
    return raw, [value for variable, value in both if is_stored(variable)]


def forward(layout, parts, stored, x):
    """Return raw outputs of all networks, (networks, batch, raw), for inference."""
    return tf.vectorized_map(
        lambda args: network(layout, *args)[0],
        (parts, stored, x),
        fallback_to_while_loop=False,
    )


def gradients(layout, groups, task, knobs, networks_own, key):
    """Return each network's weighted mean loss, its gradient, its moving statistics.

    The tape is inside the map: outside, it would differentiate the map's own indexing
    of the weights, at several times the cost.

    Parameters
    ----------
    knobs : list of dict
        Each group's loss knobs.
    networks_own : tuple
        What the networks do not share, stacked: weights, moving statistics, x, dropout
        masks, y, sample weight, location and scale of the target.
    key : tensor of shape (2,)
        Seed of Keras' own Dropout layers.
    """

    def one(loss, own, parts, stored, x, masks, y, weight, loc, scale):
        bound = loss.bind(own)
        with tf.GradientTape() as tape:
            tape.watch(parts)
            raw, new = network(layout, parts, stored, x, masks, key)
            y, raw = seen_by(bound, task, y, raw, loc, scale)
            value = bound.batch_value(task, y, raw, weight)
        slope = tape.gradient(value, parts, unconnected_gradients="zero")
        return value, slope, new

    return by_group(one, groups, knobs, networks_own)


def losses(groups, task, y, raw, weight, knobs, loc, scale):
    """Return each network's weighted mean loss, each loss on its slice of networks."""

    def one(loss, own, y, raw, weight, loc, scale):
        bound = loss.bind(own)
        y, raw = seen_by(bound, task, y, raw, loc, scale)
        return bound.batch_value(task, y, raw, weight)

    return by_group(one, groups, knobs, (y, raw, weight, loc, scale))


def by_group(function, groups, knobs, stacked):
    """Map ``function(loss, knobs, *rows)`` over networks, one graph per loss."""
    values, start = [], 0
    for group, own in zip(groups, knobs, strict=True):
        piece = slice(start, start + group.count)
        start += group.count
        rows = stacked
        if len(groups) > 1:
            rows = tf.nest.map_structure(lambda a, own=piece: a[own], stacked)
        values.append(
            tf.vectorized_map(
                lambda args, loss=group.loss: function(loss, *args),
                (own, *rows),
                fallback_to_while_loop=False,
            )
        )
    if len(values) == 1:
        return values[0]
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *values)


def seen_by(loss, task, y, raw, loc, scale):
    """Return target and raw outputs in the units that the loss works in."""
    if task.kind != "regression":
        return y, raw
    if loss.in_user_units:
        return y, raw * scale + loc
    return (y - loc) / scale, raw


def monitors(groups, task, y, raw, weight, knobs, loc, scale, class_weight):
    """Return each network's loss-neutral validation score; lower is better."""

    def one(loss, own, y, raw, weight, loc, scale, undo):
        y = (y - loc) / scale if task.kind == "regression" else y
        return tf.reduce_sum(weight * loss.bind(own).monitor(task, y, raw, undo))

    return by_group(one, groups, knobs, (y, raw, weight, loc, scale, class_weight))


def penalised(gradient, weights, kernels, l1, l2):
    """Add the gradient of l1 sum|w| + l2 sum w^2 over kernels."""
    penalty = l1[:, None] * tf.sign(weights) + 2 * l2[:, None] * weights
    return gradient + kernels * penalty


def clipped(gradient, clip_norm):
    """Return each network's gradient clipped to its own norm, and that norm.

    A gradient that is not finite becomes zero: ``where``, not a product, since zero
    times NaN is NaN.
    """
    norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=1))
    factor = tf.minimum(tf.ones_like(norm), clip_norm / tf.maximum(norm, 1e-30))
    finite = tf.math.is_finite(norm)
    gradient = tf.where(
        finite[:, None], gradient * factor[:, None], tf.zeros_like(gradient)
    )
    return gradient, norm, finite


def stacked_dropout(batch_size, dtype):
    """Return the maker of the template's dropout layers."""
    return lambda: networks.StackedDropout(batch_size, dtype=dtype)
