"""The general inverse link: probabilities that follow from a loss itself.

At the population optimum of a smooth loss the conditional expectation of its gradient
is zero, sum_y eta_y dL(y, z)/dz = 0, so that the class probabilities eta are read off
the raw scores: a ratio of two derivatives for two classes, the null vector of the
classes x classes gradient matrix otherwise. It holds for any weighted sum of losses.

Predictions, which are of arrays, ask a function that TensorFlow traced once for a loss,
for any number of rows.
"""

import threading
from collections import OrderedDict

import numpy as np

from skloss.losses._core import _ops as ops

# why networks of other losses cannot share a program with such a link
SOLVED_LINK = "its probabilities are the solution of equations for each row"
MAX_COMPILED = 64
_lock = threading.Lock()
_compiled = OrderedDict()


def binary_link(loss, raw):
    """Return eta(f) = l0'(f) / (l0'(f) - l1'(f)), elementwise."""
    if ops.are_on_arrays(raw):
        link = compile_link(derive_binary_link, loss, [None])
        return link(raw.ravel()).reshape(raw.shape)
    return derive_binary_link(loss, raw)


def multiclass_link(loss, scores):
    """Return the null vector of the gradient matrix, rows summing to one.

    The softmax where all gradients vanish, for there the loss tells nothing.
    """
    if ops.are_on_arrays(scores):
        n_classes = scores.shape[-1]
        link = compile_link(derive_multiclass_link, loss, [None, n_classes])
        return link(scores.reshape(-1, n_classes)).reshape(scores.shape)
    return derive_multiclass_link(loss, scores)


def compile_link(derive, loss, shape):
    """Return a link of a loss as a function of float64 arrays, made once.

    Parameters
    ----------
    derive : callable
        From a loss and scores to probabilities.
    loss : ClassificationLoss
    shape : list of int or None
        Of the scores.
    """
    knobs = tuple((k, np.asarray(v).tobytes()) for k, v in loss.knobs().items())
    key = derive, loss.structure(), knobs, tuple(shape)
    with _lock:
        if key not in _compiled:
            _compiled[key] = ops.compile_on_tensors(lambda z: derive(loss, z), shape)
            if len(_compiled) > MAX_COMPILED:
                _compiled.popitem(last=False)
        _compiled.move_to_end(key)
        return _compiled[key]


def derive_binary_link(loss, raw):
    """Return the probability of class 1 from a loss's two slopes, by TensorFlow."""
    f = ops.cast(ops.convert_to_tensor(raw), "float64")
    slope0 = ops.gradient(lambda x: loss.binary(ops.zeros_like(x), x), f)
    slope1 = ops.gradient(lambda x: loss.binary(ops.ones_like(x), x), f)
    total = slope0 - slope1
    # far out both slopes may vanish: there the sigmoid keeps at least the order
    flat = ops.abs(total) < 1e-30
    eta = ops.where(flat, ops.sigmoid(f), slope0 / ops.where(flat, 1.0, total))
    return ops.cast(ops.clip(eta, 1e-6, 1 - 1e-6), raw.dtype)


def derive_multiclass_link(loss, scores):
    """Return the null vector of a loss's gradient matrix, by TensorFlow."""
    z = ops.cast(ops.convert_to_tensor(scores), "float64")
    n_classes = z.shape[-1]
    columns = [gradient_for_class(loss, k, z) for k in range(n_classes)]
    matrix = ops.stack(columns, axis=-1)  # (..., raw, class)
    # Gradients far out are tiny: without a scale of its own the matrix would look
    # singular to the solver, and the row of ones below would outweigh it.
    size = ops.sqrt(ops.mean(ops.square(matrix), axis=(-2, -1), keepdims=True))
    flat = size < 1e-30
    matrix = matrix / ops.where(flat, 1.0, size)
    # the null vector is known up to a factor: one more equation, sum eta = 1, fixes it
    ones = ops.ones_like(matrix[..., :1, :])
    target = ops.concatenate(
        [ops.zeros_like(matrix[..., :1]), ops.ones_like(ones[..., :1])], axis=-2
    )
    equations = ops.concatenate([matrix, ones], axis=-2)
    eta = ops.solve_least_squares(equations, target)[..., 0]
    eta = ops.where(flat[..., 0], ops.softmax(z), eta)
    return ops.cast(ops.floor_and_normalise(eta), scores.dtype)


def gradient_for_class(loss, k, z):
    """Return the gradient in the scores of the loss of true class ``k``."""
    one_hot = ops.zeros_like(z) + ops.one_hot(k, z.shape[-1], dtype=z.dtype)
    return ops.gradient(lambda s: loss.pointwise(one_hot, s), z)


def order_by(p, scores):
    """Return p with each row's values in the order of its scores.

    For losses that keep the order: where they are flat, far out, rounding loses it.
    """
    place = ops.argsort(ops.argsort(-scores, axis=-1), axis=-1)
    return ops.take_along_axis(-ops.sort(-p, axis=-1), place, axis=-1)


def decision_scores(loss, task, raw):
    """Return scores that decide as the probabilities do.

    The raw outputs of two classes or of labels, where even odds are at 0, otherwise
    log-odds: of class or label 1, or of each class to the best, which alone has 0,
    however near others come.
    """
    p = ops.cast(loss.inverse_link(task, raw), "float64")
    if task.kind == "multiclass":
        return ops.log1p(p / ops.max(p, axis=-1, keepdims=True) - 1)
    p = p[..., 1:] if task.kind == "binary" else p
    at_zero = loss.binary_link(ops.zeros_like(raw[:1]))
    even = ops.abs(at_zero - 0.5) < 1e-6
    return ops.where(even, ops.cast(raw, p.dtype), ops.log(p) - ops.log1p(-p))


def with_order(p, scores):
    """Return p with a trace of the softmax, so that saturated ties keep the order."""
    return (1 - 1e-5) * p + 1e-5 * ops.softmax(scores)


def with_binary_order(p, raw):
    """Return p with a trace of the sigmoid, floored."""
    return ops.clip((1 - 1e-5) * p + 1e-5 * ops.sigmoid(raw), 1e-6, 1 - 1e-6)
