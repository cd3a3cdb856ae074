"""Checks of the estimators' parameters, made at the beginning of ``fit``."""

import numpy as np

from skloss._params import is_number

POSITIVE = "a number > 0"
NOT_NEGATIVE = "a finite number >= 0"


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
        raise ValueError(f"{name}={value!r} must be one of {offers}.")


def check_parameters(estimator):
    """Check every numeric parameter of a loss-aware estimator."""
    e = estimator
    check_number("learning_rate", e.learning_rate, low=0, open_low=True, open_high=True)
    for name in ("l1", "l2", "weight_decay", "input_noise", "mixup"):
        check_number(name, getattr(e, name), low=0, open_high=True)
    for name in ("dropout", "weight_averaging"):
        check_number(name, getattr(e, name), low=0, high=1, open_high=True)
    for name in ("clip_norm", "clip_value", "max_norm"):
        if getattr(e, name) is not None:
            check_number(name, getattr(e, name), low=0, open_low=True)
    if not (isinstance(e.batch_size, str) and e.batch_size == "auto"):
        check_count("batch_size", e.batch_size)
    check_count("epochs", e.epochs)
    check_count("patience", e.patience)
    check_number(
        "validation_fraction",
        e.validation_fraction,
        low=0,
        high=1,
        open_low=True,
        open_high=True,
    )
    check_choice("dtype", e.dtype, ("auto", "float32", "float64"))
    for name in ("early_stopping", "warm_start", "record"):
        if not isinstance(getattr(e, name), bool | np.bool_):
            raise TypeError(f"{name}={getattr(e, name)!r} must be True or False.")
    check_count("verbose", int(e.verbose) if e.verbose is True else e.verbose, low=0)
