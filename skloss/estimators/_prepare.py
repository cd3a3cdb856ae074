"""From checked rows to a job: which rows train, in which units, with which numbers."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state

from skloss import schedules
from skloss._callbacks._epoch_tasks import InTurn
from skloss._engine import Data, Plan, Result, Stream, make_pools, train_population
from skloss._sklearn import safe_indexing
from skloss._warn_user import warn_user
from skloss.estimators import _units
from skloss.estimators._callback_plan import plan_callbacks
from skloss.estimators._fitted import Fitted
from skloss.estimators._labelled_rows import Others
from skloss.estimators._member import (
    check_same_build,
    choose_dtype,
    make_member,
    settle_units,
)
from skloss.estimators._memory import digest_arrays
from skloss.estimators._output_bounds import OutputBounds, recall_bounds
from skloss.estimators._read import Reading
from skloss.estimators._settings import Settings
from skloss.estimators._split import (
    Table,
    append_rows,
    get_automatic_batch_size,
    split_rows,
)
from skloss.estimators._validation_scorer import ValidationScorer
from skloss.estimators._varying import find_unreachable_ends
from skloss.exceptions import IneffectiveParameterWarning
from skloss.networks import MLP, refuse_ignored_dropout


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
    bounds : OutputBounds
        The range of raw outputs that an earlier training has seen.
    earlier : Fitted or None
        Of the training that this one is a further part of.
    trainer : KerasFit or None
        What trains in place of the compiled loop.
    watcher : EpochCallbacks, KerasFit or None
        What tells Keras' callbacks of the training.
    others : Others or None
        Rows without a label that train, too.
    """

    before: Fitted
    plan: Plan
    data: Data
    bounds: OutputBounds
    earlier: Fitted | None = None
    trainer: Any = None
    watcher: Any = None
    others: Others | None = None

    def train(self, report=None) -> Result:
        """Train the network, and return the Result."""
        if self.trainer is not None:
            return self.trainer(self.plan, self.data)
        return train_population(self.plan, self.data, report)[0]


def prepare(estimator, reading: Reading, *, epochs: int, tasks=None) -> Job:
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

    # -- rows
    rng = check_random_state(settings.random_state)
    if reading.goes_on:  # the batches go on too, whatever random_state is now
        seed = earlier.seed
    else:
        seed = int(rng.randint(np.iinfo(np.int32).max))
    table, stream = choose_rows(reading, rng)
    train, held = stream.rows, stream.val_rows
    data = Data(table.X, table.Y, [stream], reading.target.facts)
    data = add_others(data, reading.others)
    n_drawn = data.streams[0].n_drawn
    batch_size = choose_batch_size(settings, n_drawn)
    steps = -(-n_drawn // batch_size)

    # -- units, loss and dtype
    rows = table.Y[train], reading.weight_of(train)
    target, new = settle_units(reading, *rows)
    dtype = choose_dtype(reading, target, n_drawn <= batch_size)
    if reading.start is not None:
        check_same_build(reading)
    warn_of_unlabelled(reading, target)
    warn_of_settings(estimator, settings, validated=len(held) > 0, steps=steps)
    member, before = make_member(reading, target, *rows, new, dtype, steps, seed)
    if target.task.kind == "regression":
        seen = member.scaled_target(table.Y[np.concatenate([train, held])])
        _units.check_seen(seen, member.loss, target.task, dtype, target.transform)
    scorer = make_validation_scorer(estimator, before, reading, stream)
    if scorer is not None:
        member = replace(member, scorer=scorer)

    # -- plan, and who is told of it
    plan = Plan(
        members=[member],
        network=target.choose_network(settings.network),
        task=target.task,
        batch_size=batch_size,
        epochs=int(epochs),
        horizon=settings.epochs,
        dtype=dtype,
        seed=seed,
        record=bool(settings.record),
    )
    check_dropout(settings, plan, data)
    told = plan_callbacks(settings, plan, data, before.link)
    plan = told.plan
    if tasks is not None and tasks.wants_epochs:
        (member,) = plan.members
        first = [member.callback] if member.callback is not None else []
        plan = replace(
            plan, members=[replace(member, callback=InTurn([*first, tasks]))]
        )
    part_of = earlier if reading.goes_on else None
    bounds = recall_bounds(reading, before.loss, target.task, new)
    trainer, watcher = told.trainer, told.watcher
    return Job(before, plan, data, bounds, part_of, trainer, watcher, reading.others)


def choose_rows(reading: Reading, rng) -> tuple[Table, Stream]:
    """Return all rows, and which of them train and which validate."""
    table, n_train = reading.whole_table(), len(reading.table.Y)
    stratum = reading.target.choose_stratum(table.Y, reading.loss)
    settings, (Y, kind) = reading.settings, stratum
    aside = settings.early_stopping, settings.validation_fraction, kind
    drawn = digest_arrays(Y, *rng.get_state()[1:])
    train, held = reading.memory.recall(
        ("rows", *aside, drawn),
        lambda: split_rows(settings, table, n_train, stratum, reading.groups, rng),
    )
    weight = reading.weight_of(train)
    return table, Stream(
        rows=train.astype(np.int32),
        weight=weight / weight.mean(),
        val_rows=held.astype(np.int32),
        val_weight=table.weight[held],
    )


def add_others(data: Data, others: Others | None) -> Data:
    """Return data to whose stream rows without a label are added.

    What says that a row has a label is a fact that their loss knows.
    """
    if others is None:
        return data
    train = np.flatnonzero(others.weight > 0)
    count, more, (stream,) = len(data.Y), len(train), data.streams
    stream = replace(
        stream,
        others=np.arange(count, count + more, dtype=np.int32),
        others_weight=others.weight[train],
    )
    labelled = np.repeat([1.0, 0.0], [count, more])[:, None]
    # that of another row: a loss need not be finite for what is no target
    Y = np.vstack([data.Y, np.repeat(data.Y[:1], more, axis=0)])
    return Data(append_rows(data.X, others.X[train]), Y, [stream], labelled)


def choose_batch_size(settings: Settings, n_rows: int) -> int:
    """Return the number of rows of a step, refused where a layer needs more."""
    batch_size = settings.batch_size
    if isinstance(batch_size, str):
        batch_size = get_automatic_batch_size(n_rows)
    if isinstance(settings.network, MLP):
        settings.network.check_rows(min(int(batch_size), n_rows))
    return int(batch_size)


def check_dropout(settings: Settings, plan: Plan, data: Data) -> None:
    """Refuse a dropout beside a user's network no layer of which has that rate."""
    if isinstance(plan.network, MLP) or not np.any(settings.get_values("dropout") > 0):
        return
    # the model is that of the compiled loop, which is made anyway, and kept
    if not make_pools(plan, data)[0].program().template.layout.masks:
        refuse_ignored_dropout(settings.given["dropout"], settings.network)


def make_validation_scorer(estimator, before, reading, stream):
    """Return what scores each epoch in place of the loss's own monitor, or None."""
    settings = reading.settings
    if settings.validation_scoring is None or not len(stream.val_rows):
        return None
    X, y = reading.given_validation
    if X is None:
        X, y = (safe_indexing(part, stream.val_rows) for part in reading.given)
    y = y.toarray() if issparse(y) else y
    return ValidationScorer(estimator, before, X, y, stream.val_weight)


def warn_of_unlabelled(reading: Reading, target) -> None:
    """Warn of a loss of rows without a label where there are none."""
    settings = reading.settings
    if settings.unlabeled_loss is None or reading.others or reading.goes_on:
        return
    why = (
        f"all rows of y have a label, since unlabeled_label="
        f"{settings.unlabeled_label!r} is none of its values, or one of two"
    )
    if target.task.kind == "multilabel":
        why = "y has several labels a row, and none is missing"
    warn_user(
        f"unlabeled_loss={settings.given['unlabeled_loss']!r} has no effect: {why}.",
        IneffectiveParameterWarning,
    )


def warn_of_settings(
    estimator, settings: Settings, *, validated: bool, steps: int
) -> None:
    """Refuse or warn of a schedule, or a score, that cannot act or acts alone."""
    schedule, rate = settings.schedule, settings.learning_rate
    if settings.validation_scoring is not None and not validated:
        warn_user(
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
    for text in texts + find_unreachable_ends(settings):
        warn_user(text, IneffectiveParameterWarning)
    schedules.check_rates(schedule, float(rate), settings.epochs, steps)
