"""A range (low, high, "linear" or "log"): checked, drawn from, spread over."""

from numbers import Integral

import numpy as np

from skloss._params import convert_numpy_scalars, is_number

SCALES = ("linear", "log")


def is_range(value):
    """Tell whether ``value`` has the form of a range, sensible or not."""
    return (
        isinstance(value, tuple)
        and len(value) == 3
        and is_number(value[0])
        and is_number(value[1])
        and isinstance(value[2], str)
    )


def find_unclear_ends(value):
    """Return the two numbers of what may be meant as a range; None where it is not.

    Taken as choices, a tuple of two numbers would be searched at its ends alone, and a
    list of two numbers and a scale would offer the scale as a value.
    """
    if not isinstance(value, list | tuple):
        return None
    ends = [convert_numpy_scalars(one) for one in value if is_number(one)]
    pair = isinstance(value, tuple) and len(value) == 2
    scaled = len(value) == 3 and any(
        isinstance(one, str) and one in SCALES for one in value
    )
    return ends if len(ends) == 2 and (pair or scaled) else None


def refuse_unclear_choices(name, value):
    """Raise ValueError for what may be meant as a range, and would be choices."""
    ends = find_unclear_ends(value)
    if ends is not None and not is_range(value):
        low, high = sorted(ends)
        scales = "'linear' or 'log'" if low > 0 else "'linear'"
        raise ValueError(
            f"{name}={value!r} may be a range or choices: write ({low!r}, {high!r}, "
            f"{scales}) for a range, {ends!r} for two choices."
        )


def check_search_range(name, value):
    """Raise TypeError or ValueError unless ``value`` is a range to draw from."""
    if not is_range(value):
        raise TypeError(
            f"{name}={value!r} must be (low, high, scale), such as (0.1, 3.0, 'log')."
        )
    low, high, scale = value
    if scale not in SCALES:
        raise ValueError(
            f"{name}={value!r} has the scale {scale!r}; use 'linear' or 'log', or give "
            f"choices as a list."
        )
    if not -np.inf < low <= high < np.inf:
        raise ValueError(f"{name}={value!r} must have finite ends, low <= high.")
    if scale == "log" and low <= 0:
        raise ValueError(
            f"{name}={value!r} cannot have {low!r} on a logarithmic scale; raise it "
            f"above 0, or use 'linear'."
        )


def has_integers(value):
    """Tell whether both ends of a range are integers."""
    return all(isinstance(end, Integral) for end in value[:2])


def draw_number(trial, name, value):
    """Return a number that the trial draws from a range, an int between ints."""
    check_search_range(name, value)
    low, high, scale = value
    log = scale == "log"
    if has_integers(value):
        return int(trial.suggest_int(name, int(low), int(high), log=log))
    return float(trial.suggest_float(name, float(low), float(high), log=log))


def spread_numbers(name, value, n):
    """Return ``n`` numbers from low to high, even on the scale; the middle for one.

    Between ints they are rounded, and there may be fewer.

    Examples
    --------
    >>> spread_numbers("c", (0.25, 4.0, "log"), 3)
    [0.25, 1.0, 4.0]
    >>> spread_numbers("bins", (1, 3, "linear"), 5)
    [1, 2, 3]
    """
    check_search_range(name, value)
    low, high, scale = value
    space = np.geomspace if scale == "log" else np.linspace
    numbers = space(low, high, n) if n > 1 else space(low, high, 3)[1:2]
    if has_integers(value):
        return np.unique(np.round(numbers)).astype(int).tolist()
    return numbers.tolist()
