"""From checked rows to a job: which rows train, in which units, with which numbers."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import check_random_state

from skloss import schedules
from skloss._callbacks._epoch_tasks import InTurn
from skloss._engine import Data, Member, Plan, Stream, train_population
from skloss._warn_once import warn_once
from skloss.estimators import _units
from skloss.estimators._callback_plan import tell_callbacks
from skloss.estimators._fitted import Fitted, Measured
from skloss.estimators._rows import automatic_batch_size, split_rows
from skloss.estimators._validation_scorer import ValidationScorer
from skloss.estimators._varying import at_epoch, measured_curves, unreachable_ends
from skloss.exceptions import IneffectiveParameterWarning
from skloss.losses._core._constant import best_constant
from skloss.networks import MLP


@dataclass(frozen=True, eq=False)
class Job:
    """One fit between its preparation and its training.

    Attributes
    ----------
    before : Fitted
        What is known before training, with everything but weights.
    plan : Plan
        Of one member.
    data : Data
    earlier : Fitted or None
        Of the training that this one is a further part of.
    trainer : KerasFit or None
        What trains in place of the compiled loop.
    watcher : EpochCallbacks, KerasFit or None
        What tells Keras' callbacks of the training.
    """

    before: Fitted
    plan: Plan
    data: Data
    earlier: Fitted | None = None
    trainer: Any = None
    watcher: Any = None

    def train(self, report=None):
        """Train the network, and return the Result."""
        if self.trainer is not None:
            return self.trainer(self.plan, self.data)
        return train_population(replace(self.plan, report=report), self.data)[0]


def prepare(estimator, reading, *, epochs, tasks=None):
    """Return the job for what was read, complete.

    Parameters
    ----------
    estimator : BaseLossAware
        Not changed; what a scorer of the validation rows is asked about.
    reading : Reading
    epochs : int
        To train now; schedules reckon with the estimator's own ``epochs``.
    tasks : EpochTasks, optional
        Told of the epochs, if somebody wants to be.
    """
    settings, target, earlier = reading.settings, reading.target, reading.earlier
    start = reading.start

    # -- rows
    rng = check_random_state(settings.random_state)
    if reading.goes_on:  # the batches go on too, whatever random_state is now
        seed = earlier.seed
    else:
        seed = int(rng.randint(np.iinfo(np.int32).max))
    table = reading.whole_table()
    stratum = target.stratum(table.Y, reading.loss)
    n_train = len(reading.table.Y)
    train, held = split_rows(settings, table, n_train, stratum, reading.groups, rng)
    weight = table.weight[train]
    if reading.cost is not None:
        weight = weight * reading.cost[train]
    batch_size = settings.batch_size
    if isinstance(batch_size, str):
        batch_size = automatic_batch_size(len(train))
    if isinstance(settings.network, MLP):
        settings.network.check_rows(min(int(batch_size), len(train)))
    steps = -(-len(train) // int(batch_size))
    stream = Stream(
        train.astype(np.int32),
        weight / weight.mean(),
        held.astype(np.int32),
        table.weight[held],
    )

    # -- units, loss and dtype
    Y = table.Y[train]
    target, new = settle_units(
        target, reading.loss, Y, weight, earlier if start else None
    )
    dtype = choose_dtype(settings, target, reading.loss, len(train), batch_size, start)
    if start is not None:
        check_same_build(settings, target, reading.loss, earlier, start)
    warn_before(estimator, settings, validated=len(held) > 0, steps=steps)
    member, before = make_member(reading, target, Y, weight, new, dtype, steps, seed)
    rows = np.concatenate([train, held])
    if target.task.kind == "regression":
        seen = (table.Y[rows] - member.loc) / member.scale
        _units.check_seen(seen, member.loss, target.task, dtype, target.transform)
    scorer = validation_scorer(estimator, before, reading, stream)

    # -- plan, and who is told of it
    plan = Plan(
        members=[replace(member, judge=scorer)],
        network=settings.network,
        task=target.task,
        batch_size=int(batch_size),
        epochs=int(epochs),
        horizon=settings.epochs,
        dtype=dtype,
        seed=seed,
        record=bool(settings.record),
    )
    data = Data(table.X, table.Y, [stream])
    told = tell_callbacks(settings, plan, data, before.link)
    plan = told.plan
    if tasks is not None and tasks.wants_epochs:
        (member,) = plan.members
        first = [member.callback] if member.callback is not None else []
        plan = replace(
            plan, members=[replace(member, callback=InTurn([*first, tasks]))]
        )
    part_of = earlier if reading.goes_on else None
    return Job(before, plan, data, part_of, told.trainer, told.watcher)


def settle_units(target, loss, Y, weight, earlier):
    """Return the target with its units, and which columns have new ones.

    A training that goes on keeps them, but for a column that was constant so far.
    """
    if earlier is None:
        units = target.measure_units(Y, weight, loss)
        return target.with_units(units), np.ones(Y.shape[1], dtype=bool)
    units = earlier.target.units
    if units.varies.all():
        return target.with_units(units), np.zeros(Y.shape[1], dtype=bool)
    units, new = units.renew(target.measure_units(Y, weight, loss))
    return target.with_units(units), new


def seen_by_functions(target, loss):
    """Return location and scale of the columns that a function sees vary."""
    columns = target.columns_in_user_units(loss) & target.units.varies
    return target.units.loc[columns], target.units.scale[columns]


def needs_double(target, loss):
    """Tell whether a function sees numbers that float32 does not resolve."""
    return not _units.resolves(*seen_by_functions(target, loss), "float32").all()


def choose_dtype(settings, target, loss, n_rows, batch_size, start):
    """Return float64 where one batch holds all rows, float32 otherwise.

    float64 too where a function sees numbers that float32 does not resolve.
    """
    dtype = settings.dtype
    if start is not None:
        dtype = start["weights"].dtype.name
    elif dtype == "auto":
        exact = n_rows <= batch_size or needs_double(target, loss)
        dtype = "float64" if exact else "float32"
    _units.check_resolved(*seen_by_functions(target, loss), dtype)
    return dtype


def check_same_build(settings, target, loss, earlier, start):
    """Refuse to go on with weights, or an optimiser's state, of another shape."""
    now = build_of(settings, target, loss)
    before = build_of(earlier.settings, earlier.target, earlier.loss)
    for name, value in now.items():
        if name == "optimizer" and start["slots"] is None:
            continue
        if value != before[name]:
            given = settings.shown_loss if name == "loss" else settings.given[name]
            raise ValueError(
                f"{name}={given!r} differs from the previous fit, so training cannot "
                f"go on from it. Set {name} back, or call fit with warm_start=False."
            )


def build_of(settings, target, loss):
    """Return what decides the shape of the weights and of the optimiser's state."""
    return {
        "network": settings.network.structure(),
        "loss": (loss.n_raw(target.task), loss.n_global(target.task)),
        "optimizer": settings.optimizer.structure(),
    }


def make_member(reading, target, Y, weight, new, dtype, steps, seed):
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
    unscaled = target.columns_in_user_units(reading.loss)
    double = needs_double(target, reading.loss)
    loss = target.in_one_scale(reading.loss)
    loss.rehearse(task, Y, "float64" if double else settings.dtype)
    loc, scale = (
        np.where(unscaled, 0.0, units.loc),
        np.where(unscaled, 1.0, units.scale),
    )
    seen = (Y - loc) / scale
    measured = measure(reading, loss, task, seen, weight, new)
    loss = loss.bind(measured.of_loss)
    trained = _units.trained_as(loss, units.loc, units.scale)
    if start is None or new.any():
        gain = _units.gain(trained, task, Y, dtype)
        measured = replace(measured, gain=gain)
    trained = trained.bind(measured.gain)
    varying = {**settings.curves, **measured.curves}
    bias, head_scale = None, 1.0
    if start is None or new.any():
        first = at_epoch(trained, varying, 0)
        bias = best_constant(first, task, seen, weight)
    if start is None and not units.varies.all():
        head_scale = np.ones(len(bias))
        head_scale[loss.outputs(task, ~units.varies)] = 0.0
    elif start is not None and new.any():
        start = _units.restarted(start, bias, loss.outputs(task, new))
    numbers = dict(settings.numbers)
    if not units.varies.any():
        # nothing to learn; optimisers would make steps of rounding errors
        numbers["clip_norm"] = 0.0
        varying.pop("clip_norm", None)
    rate = float(settings.learning_rate)
    member = Member(
        loss=trained,
        schedule=settings.schedule.settled(rate, steps, steps * settings.epochs),
        optimizer=settings.optimizer,
        learning_rate=rate,
        head_bias=bias,
        head_scale=head_scale,
        **numbers,
        annealed=varying,
        patience=float(settings.patience) if settings.early_stopping else np.inf,
        loc=loc,
        scale=scale,
        class_weight=target.class_weight,
        start=start,
    )
    before = Fitted(settings, reading.features, target, loss, measured, seed)
    return member, before


def measure(reading, loss, task, seen, weight, new):
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
        of_loss = _units.renewed(earlier.measured.of_loss, of_loss, new)
    curves = measured_curves(loss, reading.settings.curves, task, seen, weight)
    return Measured(of_loss, curves, gain)


def validation_scorer(estimator, before, reading, stream):
    """Return what scores each epoch in place of the loss's own monitor, or None."""
    settings = reading.settings
    if settings.validation_scoring is None or not len(stream.val_rows):
        return None
    X, y = reading.given_validation
    if X is None:
        X, y = (safe_indexing(part, stream.val_rows) for part in reading.given)
    y = y.toarray() if issparse(y) else y
    return ValidationScorer(estimator, before, X, y, stream.val_weight)


def warn_before(estimator, settings, *, validated, steps):
    """Refuse or warn of a schedule, or a score, that cannot act or acts alone."""
    schedule, rate = settings.schedule, settings.learning_rate
    if settings.validation_scoring is not None and not validated:
        warn_once(
            f"validation_scoring={settings.validation_scoring!r} has no effect without "
            f"validation data; set early_stopping=True, or give X_val and y_val.",
            IneffectiveParameterWarning,
        )
    shown = f"lr_schedule={settings.given['lr_schedule']!r}"
    if schedule.absolute:
        signature = inspect.signature(type(estimator))
        default = signature.parameters["learning_rate"].default
        if rate != default:
            raise ValueError(
                f"learning_rate={rate!r} has no effect, since {shown} gives the rates "
                f"itself. Leave learning_rate at {default!r}, or use a schedule of "
                f"skloss, which multiplies it."
            )
    if schedule.monitors and not validated:
        raise ValueError(
            f"{shown} watches a validation score, but there is no validation data; set "
            f"early_stopping=True, or give X_val and y_val."
        )
    patience = settings.patience if settings.early_stopping else None
    texts = schedules.warnings_for(schedule, rate, patience, settings.epochs)
    for name, plateau in settings.plateaus:
        if name != "lr_schedule":
            texts += plateau.idle(rate, patience)
    for text in texts + unreachable_ends(settings):
        warn_once(text, IneffectiveParameterWarning)
    schedules.check_rates(schedule, float(rate), settings.epochs, steps)
