"""``keras.ops`` loaded on first use, and the stable primitives built on it."""

import importlib
import re


def __getattr__(name):
    return getattr(_ops(), name)


def _ops():
    return _start_keras().keras.ops


def _start_keras():
    """Return the module that holds Keras and TensorFlow, ready to compute."""
    home = importlib.import_module("skloss._tensorflow")
    home.start()
    return home


def log_expm1_neg(x):
    """Return ``log(1 - exp(x))`` for x < 0, without a NaN gradient at either end."""
    ops = _ops()
    small = x > -0.6931472
    near = ops.where(small, ops.minimum(x, -1e-30), -1.0)
    far = ops.where(small, -1.0, x)
    return ops.where(small, ops.log(-ops.expm1(near)), ops.log1p(-ops.exp(far)))


def floor_and_normalise(p, floor=1e-6):
    """Raise each probability to ``floor`` and divide rows by their sum."""
    ops = _ops()
    p = ops.maximum(p, floor)
    return p / ops.sum(p, axis=-1, keepdims=True)


def gradient(function, x):
    """Return the gradient of ``sum(function(x))`` at x, by TensorFlow."""
    return value_and_gradient(function, x)[1]


def value_and_gradient(function, x):
    """Return ``sum(function(x))`` and its gradient at x, by TensorFlow."""
    tf = _start_keras().tf
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x))
    return total, tape.gradient(total, x, unconnected_gradients="zero")


def find_compile_error(function, *tensors):
    """Return why a function cannot be stacked over tensors and compiled, or None."""
    home = _start_keras()
    tf = home.tf
    home.start_compiler()

    @tf.function(jit_compile=True, autograph=False)
    def rows(*tensors):
        return tf.vectorized_map(
            lambda row: function(*row), tensors, fallback_to_while_loop=False
        )

    try:
        rows(*tf.nest.map_structure(tf.convert_to_tensor, tensors))
    except Exception as error:  # of whatever kind: it comes from the code of others
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        named = [line for line in lines if re.match(r"\w+(Error|Exception): ", line)]
        return (named or lines or [type(error).__name__])[0]
    return None


def solve_least_squares(a, b):
    """Solve ``min |a x - b|`` for a stack of matrices in float64."""
    tf = _start_keras().tf
    return tf.linalg.lstsq(a, b, fast=False)


def bound(x, limit=10.0):
    """Return x clipped to +-limit, and how far outside it was.

    Added to a loss, the latter pulls x back at slope one, where clipping alone would
    leave it without a gradient.
    """
    ops = _ops()
    inside = ops.clip(x, -limit, limit)
    return inside, ops.abs(x - inside)


def lgamma(x):
    """Return the logarithm of the gamma function, by TensorFlow."""
    return _start_keras().tf.math.lgamma(x)


def argmax(x):
    """Return the place of the largest value on the last axis, by TensorFlow.

    Keras' looks at the bits of single-precision numbers, which ``vectorized_map``
    cannot.
    """
    return _start_keras().tf.math.argmax(x, axis=-1)
