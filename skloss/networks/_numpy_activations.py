"""Keras' activations by name, in NumPy: what a fitted network needs to predict."""

import math
from collections.abc import Callable

import numpy as np
from scipy import special

# of Klambauer et al. 2017, Self-normalizing neural networks, Eq. 14
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
# TensorFlow has these two in single precision, also where it computes in double
SQRT_HALF, LEAK = float(np.float32(math.sqrt(0.5))), float(np.float32(0.2))


def elu(x, alpha=1.0):
    """Return x where it is positive, else the exponential less one."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(x):
    """Return x times the normal distribution function, by the error function."""
    return 0.5 * x * special.erfc(-x * SQRT_HALF)


def hard_sigmoid(x):
    """Return the straight line through 1/2 that is cut off at 0 and 1."""
    return np.clip(x + 3, 0, 6) / 6


def softplus(x):
    """Return log(1 + exp(x)), which does not overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softmax(x):
    """Return the softmax over the units."""
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def log_softmax(x):
    """Return the logarithm of the softmax over the units."""
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def soft_shrink(x):
    """Return x, nearer to zero by a half."""
    return x - np.clip(x, -0.5, 0.5)


def sparse_plus(x):
    """Return a parabola between -1 and 1, 0 before and x after it."""
    return np.where(x < 1, 0.25 * np.square(np.maximum(x + 1, 0)), x)


#: Of Keras' names all but "sparsemax", and "glu" and "threshold", which no ``MLP`` has.
ACTIVATIONS = {
    "celu": elu,
    "elu": elu,
    "exponential": np.exp,
    "gelu": gelu,
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": lambda x: x * hard_sigmoid(x),
    "hard_swish": lambda x: x * hard_sigmoid(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.maximum(x, LEAK * x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -softplus(-x),
    "log_softmax": log_softmax,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "soft_shrink": soft_shrink,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": lambda x: x / (np.abs(x) + 1),
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": lambda x: 0.5 * (np.clip(x, -1, 1) + 1),
    "squareplus": lambda x: 0.5 * (x + np.sqrt(np.square(x) + 4)),
    "swish": lambda x: x * special.expit(x),
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}

#: What one value costs, in multiplications of a product of matrices: where NumPy has
#: vector instructions for all of it, and where the error function or a logarithm is
#: computed number by number.
FAST, SLOW = 16, 400
FAST_ONES = {
    *("hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh"),
    *("leaky_relu", "linear", "relu", "relu6", "soft_shrink", "softsign"),
    *("sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink"),
}


def find_activation(activation) -> Callable | None:
    """Return the NumPy function of an activation of Keras', None for any other.

    Parameters
    ----------
    activation : str, callable or None
        As a Keras layer takes it; None is the linear one.
    """
    if activation is None:
        return ACTIVATIONS["linear"]
    return ACTIVATIONS.get(activation) if isinstance(activation, str) else None


def count_cost(activation) -> int:
    """Return what a value of an activation of Keras' costs, in multiplications."""
    return FAST if activation is None or activation in FAST_ONES else SLOW
