"""Values of parameters: which are numbers, which are equal, what hashes for them."""

from collections.abc import Hashable
from numbers import Real
from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    """Tell whether ``value`` is a real number (a bool is not)."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def is_numbers(value: Any) -> bool:
    """Tell whether ``value`` is a non-empty sequence of real numbers."""
    if isinstance(value, np.ndarray):
        value = value.tolist()  # a number, where the array has no dimension
    is_sequence = isinstance(value, tuple | list) and len(value) > 0
    return is_sequence and all(is_number(v) for v in value)


def convert_numpy_scalars(value: Any) -> Any:
    """Return NumPy's scalars, which searches draw, as Python's, which Keras takes.

    Those in lists, tuples and dicts too; an array is what the user gave as one.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (list, tuple):
        return type(value)(convert_numpy_scalars(one) for one in value)
    if type(value) is dict:
        return {key: convert_numpy_scalars(one) for key, one in value.items()}
    return value


def freeze(value: Any) -> Hashable:
    """Return a hashable stand-in that is equal for equal values."""
    if isinstance(value, np.ndarray):
        return freeze(value.tolist())  # a number, where the array has no dimension
    if isinstance(value, list | tuple):
        return tuple(freeze(v) for v in value)
    if isinstance(value, dict):
        return tuple(sorted((k, freeze(v)) for k, v in value.items()))
    if hasattr(value, "get_config") and not isinstance(value, type):
        if not hasattr(value, "weights"):  # an initialiser of Keras has no state
            return type(value), freeze(value.get_config())
    return value


def same(a: Any, b: Any) -> bool:
    """Compare two parameter values, arrays and nested objects included."""
    return (
        a is b
        or (type(a) is type(b) and freeze(a) == freeze(b))
        or equal_as_numbers(a, b)
    )


def equal_as_numbers(a: Any, b: Any) -> bool:
    """Compare two numbers of possibly different types."""
    return is_number(a) and is_number(b) and a == b
