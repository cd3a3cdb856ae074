"""The general inverse link: probabilities that follow from a loss itself.

At the population optimum of a smooth loss the conditional expectation of its gradient
is zero, sum_y eta_y dL(y, z)/dz = 0, so that the class probabilities eta are read off
the raw scores: a ratio of two derivatives for two classes, the null vector of the
classes x classes gradient matrix otherwise. It holds for any weighted sum of losses.
"""

from skloss.losses import _ops as ops


def binary_link(loss, raw):
    """Return eta(f) = l0'(f) / (l0'(f) - l1'(f)), elementwise."""
    shape_of = ops.cast(ops.convert_to_tensor(raw), "float64")
    slope0 = ops.gradient(lambda f: loss.binary(ops.zeros_like(f), f), shape_of)
    slope1 = ops.gradient(lambda f: loss.binary(ops.ones_like(f), f), shape_of)
    total = slope0 - slope1
    flat = ops.abs(total) < 1e-30
    eta = ops.where(flat, ops.sigmoid(shape_of), slope0 / ops.where(flat, 1.0, total))
    return ops.cast(ops.clip(eta, 1e-6, 1 - 1e-6), raw.dtype)


def multiclass_link(loss, scores):
    """Return the null vector of the gradient matrix, rows summing to one."""
    z = ops.cast(ops.convert_to_tensor(scores), "float64")
    n_classes = z.shape[-1]
    columns = [gradient_for_class(loss, k, z) for k in range(n_classes)]
    matrix = ops.stack(columns, axis=-1)  # (..., raw, class)
    size = ops.sqrt(ops.mean(ops.square(matrix), axis=(-2, -1), keepdims=True))
    matrix = matrix / ops.maximum(size, 1e-30)
    ones = ops.ones_like(matrix[..., :1, :])
    target = ops.concatenate(
        [ops.zeros_like(matrix[..., :1]), ops.ones_like(ones[..., :1])], axis=-2
    )
    stacked = ops.concatenate([matrix, ones], axis=-2)
    eta = ops.solve_least_squares(stacked, target)[..., 0]
    return ops.cast(ops.floor_and_normalise(eta), scores.dtype)


def gradient_for_class(loss, k, z):
    """Return the gradient in the scores of the loss of true class ``k``."""
    one_hot = ops.one_hot(ops.full(z.shape[:-1], k), z.shape[-1], dtype=z.dtype)
    return ops.gradient(lambda s: loss.pointwise(one_hot, s), z)
