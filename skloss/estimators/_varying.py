"""Numbers that are schedules: their values, epoch by epoch, before training.

A value holds for one epoch: that which the schedule gives at the epoch's beginning when
it multiplies 1, over the estimator's ``epochs`` as its horizon.
"""

import numpy as np

from skloss import losses
from skloss._params import split_names
from skloss._params._checks import check_number
from skloss.estimators._automatic_loss import get_known_loss
from skloss.estimators._parameter_checks import KNOBS
from skloss.losses import Loss, Task
from skloss.schedules import Schedule


def settle_loss(estimator) -> tuple[Loss, dict[str, np.ndarray]]:
    """Return an estimator's loss, and all of its numbers that change by epoch.

    Parameters
    ----------
    estimator : LossAwareClassifier or LossAwareRegressor

    Returns
    -------
    loss : Loss
        With the numbers of the last epoch: training alone sees the others. A copy.
    curves : dict of str to ndarray of shape (epochs, ...)
        By the estimator's names, such as "dropout" or "loss__gamma".

    Raises
    ------
    ValueError, TypeError
        For a value that a parameter cannot have, with the epoch.
    """
    curves, epochs = compute_curves(estimator), int(estimator.epochs)
    loss, of_loss = resolve_last_loss(estimator.loss, estimator._family, epochs)
    # ``set_params`` of the user's object must not reach what was fitted with it
    return loss.detached(), {**curves, **of_loss}


def settle_unlabeled_loss(estimator) -> tuple[Loss | None, dict[str, np.ndarray]]:
    """Return an estimator's loss of rows without a label, and what of it changes.

    Returns
    -------
    loss : UnlabelledLoss or None
    curves : dict of str to ndarray of shape (epochs,)
        By the estimator's names, such as "unlabeled_loss__weight".
    """
    given = getattr(estimator, "unlabeled_loss", None)
    if given is None:
        return None, {}
    loss, curves = resolve_last_loss(given, "unlabelled", int(estimator.epochs))
    return loss.detached(), {f"unlabeled_{name}": c for name, c in curves.items()}


def compute_curves(estimator) -> dict[str, np.ndarray]:
    """Return the values of an estimator's own numbers that are schedules."""
    curves, epochs = {}, int(estimator.epochs)
    for name, limits in KNOBS.items():
        schedule = getattr(estimator, name, None)
        if not isinstance(schedule, Schedule):
            continue
        if name == "weight_averaging":  # averages are kept in all epochs, or in none
            limits = {**limits, "open_low": True}
        curves[name] = compute_values(name, schedule, epochs)
        for epoch, value in enumerate(curves[name].tolist()):
            try:
                check_number(name, value, **limits)
            except ValueError as error:
                raise ValueError(
                    f"{name}={schedule!r} gives {value:g} in epoch {epoch} of {epochs} "
                    f"(the first is 0), but {error} Scale or shift the schedule."
                ) from None
    return curves


def compute_head_curves(
    curves: dict, weight: float | Schedule, epochs: int
) -> dict[str, np.ndarray]:
    """Return what changes of one head of several: its loss's numbers, its weight.

    Parameters
    ----------
    curves : dict of str to ndarray of shape (epochs, ...)
        Of the head's own estimator.
    weight : float or Schedule
    epochs : int

    Returns
    -------
    dict of str to ndarray of shape (epochs, ...)
        By the head's names, such as "gamma" or "weight".
    """
    _, nested = split_names(curves)
    of_loss = nested.get("loss", {})
    if not isinstance(weight, Schedule):
        return of_loss
    values = compute_values("weight", weight, epochs)
    if (values < 0).any():
        epoch = int(np.argmax(values < 0))
        raise ValueError(
            f"weight={weight!r} gives {values[epoch]:g} in epoch {epoch} of "
            f"{len(values)} (the first is 0), but must be >= 0. Shift the schedule."
        )
    return {**of_loss, "weight": values}


def compute_values(name, number, epochs):
    """Return the values of a schedule, or of a sequence of schedules and numbers.

    Returns
    -------
    ndarray of shape (epochs,) or (epochs, length of the sequence)
    """
    if isinstance(number, tuple | list):
        columns = [compute_values(name, each, epochs) for each in number]
        return np.stack(columns, axis=1)
    if not isinstance(number, Schedule):
        return np.full(epochs, float(number))
    if number.monitors or number.absolute:
        reason = "gives the rates of optimiser steps"
        if number.monitors:
            reason = "depends on the validation score"
        raise ValueError(
            f"{name}={number!r} {reason}, so it can be an lr_schedule only. Use a "
            f"schedule of the epochs, such as 0.5 * Cosine()."
        )
    try:
        values = number.values(1.0, epochs)
    except ValueError as error:
        raise ValueError(f"{name}={number!r}: {error}") from error
    if not np.isfinite(values).all():
        epoch = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(
            f"{name}={number!r} gives {values[epoch]} in epoch {epoch} of {epochs} "
            f"(the first is 0); values must be finite."
        )
    return values


# -- the loss ------------------------------------------------------------------------


def find_schedules(loss: object) -> dict:
    """Return a loss's numbers that are schedules, or sequences with some, by name."""
    schedules = {}
    for name, value in loss.get_params().items() if is_loss(loss) else ():
        inside = any(name.startswith(f"{outer}__") for outer in schedules)
        if not inside and any(isinstance(part, Schedule) for part in list_parts(value)):
            schedules[name] = value
    return schedules


def list_parts(value):
    """Return the elements of a sequence, or the one value."""
    return value if isinstance(value, tuple | list) else [value]


def is_loss(value):
    """Tell whether ``value`` is a loss of ours, which has its numbers as attributes."""
    return isinstance(value, losses.Loss)


def resolve_last_loss(loss, family, epochs):
    """Return the loss of the last epoch, and the values of its schedules."""
    schedules = find_schedules(loss)
    if not schedules:
        return get_known_loss(loss, family), {}
    curves = {
        f"loss__{name}": compute_values(f"loss__{name}", number, epochs)
        for name, number in schedules.items()
    }
    for epoch in range(epochs):
        try:
            resolved = losses.get(bind_epoch(loss, curves, epoch), family)
        except (TypeError, ValueError) as error:
            numbers = ", ".join(
                f"{name}={number!r} gives {curves[f'loss__{name}'][epoch]}"
                for name, number in schedules.items()
            )
            raise type(error)(
                f"loss={loss!r}: in epoch {epoch} of {epochs} (the first is 0) "
                f"{numbers}, but {error} Scale or shift the schedule."
            ) from error
    for name, number in schedules.items():
        if name not in resolved.knobs():
            raise TypeError(
                f"loss={loss!r}: {name}={number!r} is a schedule, but {name} shapes "
                f"the network; give a plain value."
            )
    return resolved, curves


def bind_epoch(loss: Loss, curves: dict, epoch: int) -> Loss:
    """Return the loss with the numbers of an epoch."""
    of_loss = split_names(curves)[1].get("loss", {})
    return loss.bind(
        {name: make_plain_value(name, c[epoch]) for name, c in of_loss.items()}
    )


def make_plain_value(name, value):
    """Return the value of an epoch as a user would give it, a number or a tuple."""
    if name.endswith("_"):  # measured, not given
        return value
    return tuple(value.tolist()) if np.ndim(value) else float(value)


def measure_curves(
    loss: Loss,
    curves: dict,
    task: Task,
    y_true: np.ndarray,
    sample_weight: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return what the loss measures of the target, where that changes by epoch too.

    Parameters
    ----------
    loss : Loss
    curves : dict of str to ndarray of shape (epochs, ...)
        Of the loss's schedules, and others.
    task, y_true, sample_weight : as for ``Loss.measure``

    Returns
    -------
    dict of str to ndarray of shape (epochs, ...)
    """
    of_loss = {name: c for name, c in curves.items() if name.startswith("loss__")}
    if not of_loss:
        return {}
    known, rows = {}, []
    for epoch in range(len(next(iter(of_loss.values())))):
        # a schedule may stand still for many epochs, and measuring reads all of y
        key = tuple(curve[epoch].tobytes() for curve in of_loss.values())
        if key not in known:
            now = bind_epoch(loss, of_loss, epoch)
            known[key] = now.measure(task, y_true, sample_weight)
        rows.append(known[key])
    measured = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {f"loss__{n}": c for n, c in measured.items() if (c != c[0]).any()}


# -- what is said of them ------------------------------------------------------------


def select_last_values(curves: dict, n_epochs: int, count: int) -> dict[str, list]:
    """Return the values that the last ``count`` of ``n_epochs`` epochs had, as lists.

    Parameters
    ----------
    curves : dict of str to ndarray of shape (epochs, ...)
    n_epochs, count : int

    Returns
    -------
    dict of str to list
    """
    # ``partial_fit`` may go on beyond the last value, which then stays
    epochs = np.arange(n_epochs - count, n_epochs)
    return {
        name: curve[np.minimum(epochs, len(curve) - 1)].tolist()
        for name, curve in curves.items()
    }


def find_unreachable_ends(settings) -> list[str]:
    """Return messages about schedules that the training does not reach the end of."""
    varying = {name: settings.given[name] for name in KNOBS if name in settings.given}
    loss = settings.given.get("loss")
    varying |= {f"loss__{n}": v for n, v in find_schedules(loss).items()}
    return [
        f"{name}={number!r}: {message}"
        for name, number in varying.items()
        for part in list_parts(number)
        if isinstance(part, Schedule)
        for message in part.idle(1.0, None, settings.epochs)
    ]
