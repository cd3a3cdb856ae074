"""Checks of single parameters: numbers, counts, choices, ranges."""

import numpy as np

from skloss._params import is_number
from skloss.exceptions import UnknownNameError


def check_number(name, value, *, low, high=np.inf, open_low=False, open_high=False):
    """Raise TypeError or ValueError unless ``value`` is a number in the interval."""
    ends = f"{'(' if open_low else '['}{low}, {high}{')' if open_high else ']'}"
    if not is_number(value):
        raise TypeError(f"{name}={value!r} must be a number in {ends}.")
    above = value > low if open_low else value >= low
    below = value < high if open_high else value <= high
    if not (above and below):
        raise ValueError(f"{name}={value!r} must be in {ends}.")


def check_count(name, value, low=1):
    """Raise TypeError or ValueError unless ``value`` is an integer >= low."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={value!r} must be an integer >= {low}.")
    if value < low:
        raise ValueError(f"{name}={value!r} must be an integer >= {low}.")


def check_choice(name, value, choices):
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if not any(value is c or (isinstance(value, str) and value == c) for c in choices):
        offers = ", ".join(map(repr, choices))
        kind = UnknownNameError if isinstance(value, str) else ValueError
        raise kind(f"{name}={value!r} must be one of {offers}.")


def check_range(loss, name, low, high, ends):
    """Raise ValueError unless ``low <= value <= high``, open ends as ( and )."""
    value = getattr(loss, name)
    for number in np.atleast_1d(value):
        above = number >= low if ends[0] == "[" else number > low
        below = number <= high if ends[1] == "]" else number < high
        if not (above and below):
            raise ValueError(
                f"{type(loss).__name__}: {name}={value!r} must be in "
                f"{ends[0]}{low}, {high}{ends[1]}."
            )
