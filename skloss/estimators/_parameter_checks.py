"""Checks of the estimators' plain parameters, made at the beginning of ``fit``."""

import numpy as np

from skloss._params import Varying
from skloss._params._checks import check_choice, check_count, check_number

FINITE = {"low": 0, "open_high": True}
SHARE = {"low": 0, "high": 1, "open_high": True}
BOUND = {"low": 0, "open_low": True}  # None: no bound
# Where the numbers must lie for which a schedule may stand.
KNOBS = {
    **dict.fromkeys(("l1", "l2", "weight_decay", "input_noise", "mixup"), FINITE),
    **dict.fromkeys(("dropout", "weight_averaging"), SHARE),
    **dict.fromkeys(("clip_norm", "clip_value", "max_norm"), BOUND),
}


def check_knob(name, value, limits):
    """Raise unless ``value`` is a number in its limits, or a schedule."""
    if isinstance(value, Varying) or (value is None and limits is BOUND):
        return
    if isinstance(value, str):
        raise TypeError(
            f"{name}={value!r} must be a number, or a schedule of skloss.schedules "
            f"such as 0.5 * Cosine()."
        )
    check_number(name, value, **limits)


def refuse_schedules(estimator):
    """Raise TypeError for a schedule where none can be."""
    for name, value in estimator.get_params(deep=False).items():
        if not isinstance(value, Varying) or name in (*KNOBS, "lr_schedule"):
            continue
        if name == "learning_rate":
            text = "give it as lr_schedule, which multiplies learning_rate."
        else:
            text = f"{name} does not change during training. Schedules may stand for "
            text += f"{', '.join(KNOBS)} and the numbers of the loss."
        raise TypeError(f"{name}={value!r} is a schedule; {text}")


def check_margin(margin):
    """Raise unless the margin of the bounds on raw outputs is a number, or None."""
    if margin is not None:
        check_number("output_margin", margin, **FINITE)


def check_parameters(estimator):
    """Check every numeric parameter of a loss-aware estimator, schedules apart."""
    e = estimator
    refuse_schedules(e)
    check_number("learning_rate", e.learning_rate, low=0, open_low=True, open_high=True)
    for name, limits in KNOBS.items():
        if hasattr(e, name):
            check_knob(name, getattr(e, name), limits)
    if not (isinstance(e.batch_size, str) and e.batch_size == "auto"):
        check_count("batch_size", e.batch_size)
    check_count("epochs", e.epochs)
    if hasattr(e, "patience"):
        check_count("patience", e.patience)
        limits = {"low": 0, "high": 1, "open_low": True, "open_high": True}
        check_number("validation_fraction", e.validation_fraction, **limits)
    check_choice("dtype", e.dtype, ("auto", "float32", "float64"))
    for name in ("early_stopping", "warm_start", "record"):
        if not isinstance(getattr(e, name), bool | np.bool_):
            raise TypeError(f"{name}={getattr(e, name)!r} must be True or False.")
    check_count("verbose", int(e.verbose) if e.verbose is True else e.verbose, low=0)
