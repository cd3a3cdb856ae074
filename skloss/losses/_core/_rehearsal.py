"""A trial of functions given as losses: what is wrong with them, and the remedy."""

import importlib
import inspect

import numpy as np

from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops


def call_per_row(function, y_true, y_pred, like):
    """Call a loss function and return one value per row, or refuse its shape."""
    value = ops.cast(call_of(function)(y_true, y_pred), like.dtype)
    if len(value.shape) == len(like.shape) + 1:
        value = ops.mean(value, axis=-1)
    if len(value.shape) != len(like.shape):
        raise LossTargetError(
            f"The loss function {function!r} returned shape {tuple(value.shape)} for "
            f"{tuple(y_pred.shape)} predictions; it must return one value per row. "
            f"Reduce the last axis only, not the rows."
        )
    return value


def select_rows(y):
    """Return at most 500 rows, never as many as columns: a test of axes."""
    n = min(len(y), 500)
    n = n + (n == y.shape[1])
    return y[np.linspace(0, len(y) - 1, n).astype(int)]


def rehearse_function(function, y_true, y_pred, dtype, columns):
    """Raise LossTargetError unless the function gives a trainable value for each row.

    Parameters
    ----------
    function : callable or keras.losses.Loss
    y_true, y_pred : ndarray of shape (n, columns)
        Ordinary targets and predictions.
    dtype : {"auto", "float32", "float64"}
        "auto": in either.
    columns : str
        What the columns of y_pred are, and what to do to have more.
    """
    wrong = explain_signature(function)
    for name in ("float32", "float64") if dtype == "auto" else (dtype,):
        y = ops.convert_to_tensor(y_true, dtype=name)
        p = ops.convert_to_tensor(y_pred, dtype=name)
        wrong = wrong or find_fault(function, y, p, columns)
    if wrong:
        named = getattr(function, "func", function)  # of a partial
        label = getattr(named, "__name__", type(named).__name__)
        raise LossTargetError(f"The loss function {label!r} {wrong}")


def explain_signature(function):
    """Return why a function cannot be called with two arguments, or None."""
    call = call_of(function)
    try:
        signature = inspect.signature(call)
    except ValueError:  # written in C
        return None
    try:
        signature.bind(None, None)
    except TypeError as error:
        names = list(signature.parameters)
        more = [
            name
            for name, parameter in list(signature.parameters.items())[2:]
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        wrong = f"is called as f(y_true, y_pred), but its arguments are {names}"
        if not more:
            return f"{wrong}: {error}. Write a function of these two."
        bound = ", ".join(f"{name}=..." for name in more)
        return (
            f"{wrong}. Bind the others with functools.partial(f, {bound}), or give "
            f"them defaults; weights of rows go to fit(..., sample_weight=...)."
        )
    return None


def find_fault(function, y, p, columns):
    """Return what is wrong with the value of a function, and the remedy, or None."""
    shape, rows, dtype = tuple(p.shape), len(p), p.dtype.name
    try:
        value = call_of(function)(y, p)
    except Exception as error:
        return explain_failure(function, y, p, columns, error)
    if not hasattr(value, "dtype") or isinstance(value, np.ndarray | np.generic):
        return (
            f"returned {type(value).__name__}, which TensorFlow cannot differentiate. "
            f"Return a tensor: use keras.ops in place of NumPy and Python numbers."
        )
    kind = value.dtype.name
    if "float" not in kind:
        return (
            f"returned values of dtype {kind}, which have no gradient. Return floats, "
            f"for example a difference of y_true and y_pred instead of a comparison."
        )
    if tuple(value.shape) not in ((rows,), (rows, 1), shape):
        return explain_shape(tuple(value.shape), shape)
    numbers = np.asarray(value, dtype=np.float64)
    if not np.isfinite(numbers).all():
        at = int(np.argwhere(~np.isfinite(numbers))[0][0])
        return (
            f"returned {numbers[at].ravel()[0]:g} for y_true={np.asarray(y[at])} and "
            f"y_pred={np.asarray(p[at])}. Keep logarithms, roots and divisions away "
            f"from zero, for example ops.log(ops.maximum(x, 1e-7))."
        )
    error = catch_failure_in_graph(function, y, p)
    if error is not None:
        return explain_values(error) or general_failure(shape, dtype, error)
    slope = ops.gradient(lambda p: call_per_row(function, y, p, y[..., 0]), p)
    if not np.any(np.asarray(slope)):
        return (
            "does not change with y_pred: its gradient is zero, so that nothing can be "
            "trained. Avoid rounding, comparing and argmax."
        )
    return None


def explain_failure(function, y, p, columns, error):
    """Return why a function failed: found by calling it in other ways."""
    shape, dtype = tuple(p.shape), p.dtype.name
    for times in (2, 3, 4):
        if catch_failure(function, y, ops.concatenate([p] * times, axis=-1)) is None:
            return (
                f"asks for {times * shape[1]} columns of y_pred, which has {shape[1]}. "
                f"{columns}."
            )
    other = "float64" if dtype == "float32" else "float32"
    if catch_failure(function, ops.cast(y, other), ops.cast(p, other)) is None:
        return (
            f"failed on y_true and y_pred of dtype {dtype}, but not {other}: "
            f"{describe_error(error)}. Cast what is of another dtype with "
            f"ops.cast(x, y_pred.dtype), or set dtype={other!r}."
        )
    in_graph = catch_failure_in_graph(function, y, p)
    return explain_values(in_graph) or general_failure(shape, dtype, error)


def explain_values(error):
    """Return why an error in a graph is one, where Python asked for a value."""
    if "symbolic" not in str(error).lower():
        return None
    return (
        f"takes Python decisions on the values of tensors: {describe_error(error)}. It "
        f"is compiled for training, before there are values. Use keras.ops: "
        f"ops.where(y_true > y_pred, a, b) in place of if, ops.maximum(a, b) of max(), "
        f"ops.logical_and(a, b) of and, the tensor itself of float() and NumPy."
    )


def general_failure(shape, dtype, error):
    """Return the error of a function that fails for a reason of its own."""
    return (
        f"failed on y_true and y_pred of shape {shape} and dtype {dtype}: "
        f"{describe_error(error)}. It must take tensors of this shape."
    )


def call_of(function):
    """Return what is called with y_true and y_pred."""
    return getattr(function, "call", function)


def catch_failure(function, *arguments):
    """Return the exception that a call of the function raises, or None."""
    try:
        call_of(function)(*arguments)
    except Exception as error:
        return error
    return None


def catch_failure_in_graph(function, y, p):
    """Return the exception of a call without values, as in training, or None."""
    tf = importlib.import_module("tensorflow")
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in (y, p)]
    graph = tf.function(call_of(function), autograph=False)
    return catch_failure(graph.get_concrete_function, *specs)


def describe_error(error):
    """Return an exception's type and its first sentence."""
    first = str(error).strip().partition("\n")[0].partition(". ")[0]
    return f"{type(error).__name__}: {first}"


def explain_shape(got, shape):
    """Return the complaint about the shape of a function's value."""
    if got == ():
        return (
            f"returned a single number for y_pred of shape {shape}; it must return one "
            f"value per row. Reduce the last axis only, as in ops.mean(..., axis=-1); "
            f"for a loss of a whole batch write a subclass of ClassificationLoss or "
            f"RegressionLoss with decomposable = False."
        )
    return (
        f"returned shape {got} for y_pred of shape {shape}; it must return one value "
        f"per row, of shape {shape[:1]}, or one per element, of shape {shape}. Reduce "
        f"the last axis (axis=-1), not the rows, and keep y_true and y_pred of one "
        f"shape."
    )
