"""What the engine is given to train: a loss, its target's units, numbers."""

from dataclasses import replace

import numpy as np

from skloss._engine import Member
from skloss.estimators import _units
from skloss.estimators._fitted import Fitted, Measured
from skloss.estimators._read import Reading
from skloss.estimators._varying import bind_epoch, measure_curves
from skloss.losses import Loss, Task
from skloss.losses._core._constant import best_constant
from skloss.losses._unlabelled import WithUnlabelled

OF_UNLABELLED = "unlabeled_loss__", "loss__unlabelled__"


def settle_units(reading: Reading, Y: np.ndarray, weight: np.ndarray) -> tuple:
    """Return the target with its units, and which columns have new ones.

    A training that goes on keeps them, but for a column that was constant so far.
    """
    target, loss = reading.target, reading.loss
    if reading.earlier is None:
        units = target.measure_units(Y, weight, loss)
        return target.with_units(units), np.ones(Y.shape[1], dtype=bool)
    units = reading.earlier.target.units
    if units.varies.all():
        return target.with_units(units), np.zeros(Y.shape[1], dtype=bool)
    units, new = units.renew(target.measure_units(Y, weight, loss))
    return target.with_units(units), new


def get_units_for_functions(target, loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Return location and scale of the columns that a function sees vary."""
    columns = target.find_columns_in_user_units(loss) & target.units.varies
    return target.units.loc[columns], target.units.scale[columns]


def needs_double(target, loss: Loss) -> bool:
    """Tell whether a function sees numbers that float32 does not resolve."""
    return not _units.is_resolved(
        *get_units_for_functions(target, loss), "float32"
    ).all()


def choose_dtype(reading: Reading, target, in_one_batch: bool) -> str:
    """Return float64 where one batch holds all rows, float32 otherwise.

    float64 too where a function sees numbers that float32 does not resolve. Training
    that goes on keeps its dtype.
    """
    dtype, loss = reading.settings.dtype, reading.loss
    if reading.start is not None:
        dtype = reading.start.weights.dtype.name
    elif dtype == "auto":
        exact = in_one_batch or needs_double(target, loss)
        dtype = "float64" if exact else "float32"
    _units.check_resolved(*get_units_for_functions(target, loss), dtype)
    return dtype


def check_same_build(reading: Reading) -> None:
    """Refuse to go on with weights, or an optimiser's state, of another shape."""
    settings, before = reading.settings, describe_build(reading.earlier)
    for name, value in describe_build(reading).items():
        if name == "optimizer" and not reading.goes_on:
            continue
        if value != before[name]:
            given = settings.shown_loss if name == "loss" else settings.given[name]
            raise ValueError(
                f"{name}={given!r} differs from the previous fit, so training cannot "
                f"go on from it. Set {name} back, or call fit with warm_start=False."
            )


def describe_build(fit: Reading | Fitted) -> dict:
    """Return what decides the shape of the weights and of the optimiser's state.

    Parameters
    ----------
    fit : Reading or Fitted
    """
    task, loss = fit.target.task, fit.loss
    return {
        "network": fit.settings.network.structure(),
        "loss": (loss.n_raw(task), loss.n_global(task)),
        "optimizer": fit.settings.optimizer.structure(),
    }


def make_member(
    reading: Reading, target, Y, weight, new, dtype: str, steps: int, seed: int
) -> tuple[Member, Fitted]:
    """Return the network's own numbers, and what is known before it is trained.

    Parameters
    ----------
    reading : Reading
    target : target
        With its units.
    Y : ndarray of shape (n, columns)
        Of the training rows.
    weight : ndarray of shape (n,)
    new : ndarray of bool of shape (columns,)
        Which columns have new units.
    dtype : {"float32", "float64"}
    steps : int
        Of an epoch.
    seed : int

    Returns
    -------
    Member, Fitted
    """
    settings, start = reading.settings, reading.start
    task, units = target.task, target.units
    unscaled = target.find_columns_in_user_units(reading.loss)
    double = needs_double(target, reading.loss)
    loss = target.in_one_scale(reading.loss)
    loss.rehearse(task, Y, "float64" if double else settings.dtype)
    loc = np.where(unscaled, 0.0, units.loc)
    scale = np.where(unscaled, 1.0, units.scale)
    seen = (Y - loc) / scale
    measured = measure_loss(reading, loss, task, seen, weight, new)
    loss = loss.bind(measured.of_loss)
    trained = _units.make_trained_loss(loss, units.loc, units.scale)
    if start is None or new.any():
        gain = _units.measure_gain(trained, task, Y, dtype)
        measured = replace(measured, gain=gain)
    trained = trained.bind(measured.gain)
    varying = {**settings.curves, **measured.curves}
    bias, head_scale = None, 1.0
    if start is None or new.any():
        first = bind_epoch(trained, varying, 0)
        bias = best_constant(first, task, seen, weight)
    if start is None and not units.varies.all():
        head_scale = np.ones(len(bias))
        head_scale[loss.outputs(task, ~units.varies)] = 0.0
    elif start is not None and new.any():
        start = _units.restart_outputs(start, bias, loss.outputs(task, new))
    numbers = dict(settings.numbers)
    if not units.varies.any():
        # nothing to learn; optimisers would make steps of rounding errors
        numbers["clip_norm"] = 0.0
        varying.pop("clip_norm", None)
    rate = float(settings.learning_rate)
    if settings.pretrained is not None:
        numbers["body_pace"] = float(settings.pretrained.learning_rate_factor)
    trained, varying = wrap(reading, trained, varying)
    numbers |= reading.target.list_averages(settings)
    member = Member(
        loss=trained,
        schedule=settings.schedule.settle(rate, steps, steps * settings.epochs),
        optimizer=settings.optimizer,
        learning_rate=rate,
        head_bias=bias,
        head_scale=head_scale,
        **numbers,
        varying=varying,
        patience=float(settings.patience) if settings.early_stopping else np.inf,
        loc=loc,
        scale=scale,
        class_weight=target.class_weight,
        body=reading.body,
        start=start,
    )
    before = Fitted(settings, reading.features, target, loss, measured, seed)
    return member, before


def wrap(reading: Reading, loss: Loss, varying: dict) -> tuple[Loss, dict]:
    """Return the loss that is trained, and what changes by the names it has there."""
    wrapped = reading.target.wrap(loss)
    if reading.others is not None:
        wrapped = WithUnlabelled(wrapped, reading.settings.unlabeled_loss)
    if wrapped is loss:
        return loss, varying
    return wrapped, {name_in_sum(name): curve for name, curve in varying.items()}


def name_in_sum(name: str) -> str:
    """Return what a number is called by the engine, where two losses stand together.

    Parameters
    ----------
    name : str
        What the estimator calls it, such as "unlabeled_loss__weight".
    """
    for before, within in (("loss__", "loss__loss__"), OF_UNLABELLED):
        if name.startswith(before):
            return within + name[len(before) :]
    return name


def measure_loss(
    reading: Reading, loss: Loss, task: Task, seen, weight, new
) -> Measured:
    """Return what the loss measures of the target, or what it measured before.

    Parameters
    ----------
    reading : Reading
    loss : Loss
    task : Task
    seen : ndarray of shape (n, columns)
        The target as the loss sees it.
    weight : ndarray of shape (n,)
    new : ndarray of bool of shape (columns,)
        Which columns have new units.
    """
    earlier = reading.earlier
    gain = {} if earlier is None else earlier.measured.gain
    if reading.goes_on and not new.any():  # later calls keep what the first measured
        return earlier.measured
    of_loss = loss.measure(task, seen, weight)
    if reading.goes_on:
        of_loss = _units.renew_measured(earlier.measured.of_loss, of_loss, new)
    curves = measure_curves(loss, reading.settings.curves, task, seen, weight)
    return Measured(of_loss, curves, gain)
