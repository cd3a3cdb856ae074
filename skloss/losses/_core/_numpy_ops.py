"""What links and point predictions need of ``keras.ops``, in NumPy.

Names, arguments and results are those of ``keras.ops``.
"""

import numpy as np
from scipy import special

SAME_IN_NUMPY = (
    *("abs", "arange", "arctan", "clip", "concatenate", "cumsum", "exp", "expm1"),
    *("eye", "flip", "log", "log1p", "matmul", "max", "maximum", "mean", "min"),
    *("minimum", "ones_like", "reshape", "sort", "sqrt", "square", "stack", "sum"),
    *("take_along_axis", "transpose", "where", "zeros_like"),
)


def argsort(x, axis=-1):
    """Return the places in rising order, among equals the first one first."""
    return np.argsort(x, axis=axis, kind="stable")


def cast(x, dtype):
    """Return the numbers in a dtype."""
    return np.asarray(x).astype(dtype)


def convert_to_tensor(x, dtype=None):
    """Return the numbers as an array."""
    return np.asarray(x, dtype)


def stop_gradient(x):
    """Return x: an array has no gradient."""
    return x


def relu(x):
    """Return x where it is positive, else 0."""
    return np.maximum(x, 0)


def softplus(x):
    """Return log(1 + exp(x)), which does not overflow."""
    return np.logaddexp(0, x)


def log_sigmoid(x):
    """Return the logarithm of the sigmoid."""
    return -np.logaddexp(0, -x)


def logsumexp(x, axis=None, keepdims=False):
    """Return the logarithm of the sum of exponentials, that also of -inf alone."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    value = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return value if keepdims else np.squeeze(value, axis=axis)


def log_softmax(x, axis=-1):
    """Return the logarithm of the softmax."""
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def softmax(x, axis=-1):
    """Return exponentials divided by their sum."""
    p = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return p / np.sum(p, axis=axis, keepdims=True)


OPS = {name: getattr(np, name) for name in SAME_IN_NUMPY} | {
    "argsort": argsort,
    "cast": cast,
    "convert_to_tensor": convert_to_tensor,
    "inv": np.linalg.inv,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "relu": relu,
    "sigmoid": special.expit,
    "softmax": softmax,
    "softplus": softplus,
    "stop_gradient": stop_gradient,
}
