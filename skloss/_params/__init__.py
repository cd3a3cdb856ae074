"""Parameters: value objects that hold them, their names, their checks."""

from skloss._params._names import (
    nearest,
    split_names,
    unknown_parameter,
)
from skloss._params._nested_params import Nested, find_holder
from skloss._params._spec import parse_spec
from skloss._params._value_object import Params, Varying, separate_value
from skloss._params._values import (
    convert_numpy_scalars,
    freeze,
    is_number,
    is_numbers,
    same,
)

__all__ = [
    "Nested",
    "Params",
    "Varying",
    "convert_numpy_scalars",
    "find_holder",
    "freeze",
    "is_number",
    "is_numbers",
    "nearest",
    "parse_spec",
    "same",
    "separate_value",
    "split_names",
    "unknown_parameter",
]
