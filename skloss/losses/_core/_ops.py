"""``keras.ops`` loaded on first use, and the stable primitives built on it.

Within ``call_on_arrays`` the same names are NumPy's, as far as links and point
predictions need them: a prediction is of a few numbers, for which calling TensorFlow
would take longer than computing, and loading it seconds.
"""

import importlib
import re
import sys
import threading
from contextlib import contextmanager

import numpy as np
from scipy import special

from skloss.losses._core._numpy_ops import OPS

PLAIN = (np.ndarray, np.generic, np.dtype, int, float, str, type(None))
_ops = sys.modules[__name__]  # whose names are looked up by ``__getattr__``
_calls = threading.local()


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in OPS:
        return getattr(_start_keras().keras.ops, name)
    globals()[name] = call = choose_by_arguments(name)
    return call


def choose_by_arguments(name):
    """Return the operation of a name: NumPy's on arrays, where that is asked for."""
    on_arrays = OPS[name]

    def call(*args, **kwargs):
        # a user's loss may have made tensors of the arrays
        if are_on_arrays(*args):
            return on_arrays(*args, **kwargs)
        return getattr(_start_keras().keras.ops, name)(*args, **kwargs)

    call.__name__ = name
    call.__doc__ = f"Return ``keras.ops.{name}``, or what it is in NumPy."
    return call


def is_plain(value):
    """Tell whether a value is no tensor, nor holds any."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, PLAIN)


def are_on_arrays(*args):
    """Tell whether operations on some arguments are NumPy's now, in this thread."""
    return getattr(_calls, "on_arrays", False) and all(map(is_plain, args))


def call_on_arrays(function, *args):
    """Return what a link or point prediction gives for arrays.

    Parameters
    ----------
    function : callable
        A method of a loss, whose operations are NumPy's meanwhile.
    *args : Task, ndarray and numbers
    """
    # column by column, so that sums over a few classes go along many rows
    args = [np.asfortranarray(x) if isinstance(x, np.ndarray) else x for x in args]
    # as TensorFlow says nothing of what overflows and is then chosen away
    with choose_arrays(True), np.errstate(all="ignore"):
        return function(*args)


@contextmanager
def choose_arrays(on_arrays):
    """Have operations be NumPy's on arrays meanwhile, or Keras' always."""
    outer = are_on_arrays()
    _calls.on_arrays = on_arrays
    try:
        yield
    finally:
        _calls.on_arrays = outer


def compile_on_tensors(function, shape):
    """Return a function of float64 tensors as a function of arrays, traced once.

    Parameters
    ----------
    function : callable
    shape : list of int or None
        Of the argument; None is any length.
    """
    home = _start_keras()
    specification = home.tf.TensorSpec(shape, "float64")
    traced = home.tf.function(
        function, autograph=False, input_signature=[specification]
    )
    with choose_arrays(False):
        compiled = home.QuietAtFirst(traced.get_concrete_function())
    return lambda array: compiled(home.tf.constant(array, "float64")).numpy()


def _start_keras():
    """Return the module that holds Keras and TensorFlow, ready to compute."""
    home = importlib.import_module("skloss._tensorflow")
    home.start()
    return home


def log_expm1_neg(x):
    """Return ``log(1 - exp(x))`` for x < 0, without a NaN gradient at either end."""
    small = x > -0.6931472
    near = _ops.where(small, _ops.minimum(x, -1e-30), -1.0)
    far = _ops.where(small, -1.0, x)
    return _ops.where(small, _ops.log(-_ops.expm1(near)), _ops.log1p(-_ops.exp(far)))


def floor_and_normalise(p, floor=1e-6):
    """Raise each probability to ``floor`` and divide rows by their sum."""
    p = _ops.maximum(p, floor)
    return p / _ops.sum(p, axis=-1, keepdims=True)


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
    inside = _ops.clip(x, -limit, limit)
    return inside, _ops.abs(x - inside)


def lgamma(x):
    """Return the logarithm of the gamma function, by TensorFlow or SciPy."""
    if are_on_arrays(x):
        return special.gammaln(x)
    return _start_keras().tf.math.lgamma(x)


def argmax(x):
    """Return the place of the largest value on the last axis, by TensorFlow.

    Keras' looks at the bits of single-precision numbers, which ``vectorized_map``
    cannot.
    """
    return _start_keras().tf.math.argmax(x, axis=-1)
