"""Which way a fit's callbacks go: into the compiled loop, or ``Model.fit``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from skloss import _model_fit
from skloss._callbacks._callback_copies import make_callbacks
from skloss._callbacks._epoch_callbacks import (
    EpochCallbacks,
    acts_in_epochs,
    settle_monitors,
)
from skloss._engine import (
    Data,
    Mirror,
    Plan,
    TrainingState,
    build_plain_model,
    count_steps,
)
from skloss.estimators._settings import Settings
from skloss.losses._core._view import count_inputs


@dataclass(frozen=True, eq=False)
class PlanWithCallbacks:
    """A plan whose network tells callbacks of its epochs.

    Attributes
    ----------
    plan : Plan
    trainer : KerasFit or None
        What trains in place of the compiled loop.
    watcher : EpochCallbacks, KerasFit or None
        What tells Keras' callbacks of the training.
    """

    plan: Plan
    trainer: Any = None
    watcher: Any = None


class MirrorMaker:
    """Makes the model that the callbacks of one training see.

    Parameters
    ----------
    settings : Settings
    plan : Plan
        Of one member.
    n_features : int
    link : callable
        From raw outputs to the model's output.
    """

    def __init__(self, settings: Settings, plan: Plan, n_features: int, link: Callable):
        self.settings, self.plan = settings, plan
        self.n_features, self.link = n_features, link

    def __call__(self) -> Mirror:
        """Return a new model, and an optimiser for it."""
        member = self.plan.members[0]
        model = build_plain_model(
            self.plan.network,
            self.n_features,
            member.loss.n_raw(self.plan.task),
            self.plan.dtype,
            member.dropout,
            self.link,
        )
        return Mirror(model, self.settings.optimizer.make())


def plan_callbacks(
    settings: Settings, plan: Plan, data: Data, link: Callable
) -> PlanWithCallbacks:
    """Return a plan whose network tells Keras' callbacks of its epochs.

    Parameters
    ----------
    settings : Settings
    plan : Plan
        Of one member.
    data : Data
    link : callable
        From raw outputs to what the model that callbacks see gives.

    Returns
    -------
    PlanWithCallbacks
    """
    callbacks = make_callbacks(settings.callbacks)
    (stream,), (member,) = data.streams, plan.members
    body = _model_fit.find_body_with_train_step(plan, data)
    inside = [
        type(callback).__name__ for callback in callbacks if acts_in_epochs(callback)
    ]
    recorded, direction = ["loss", "learning_rate", "gradient_norm"], "min"
    if len(stream.val_rows):
        recorded += ["val_loss", f"val_{member.monitor_name}"]
        direction = "min" if member.scorer is None else "max"
    if body is not None or inside:  # ``Model.fit`` trains, and shows no gradients
        recorded.remove("gradient_norm")
    # a train_step may record what nobody knows before it has run
    settle_monitors(callbacks, recorded, direction, strict=body is None)
    if body is not None or inside:
        why = f"{', '.join(inside)} acts inside an epoch"
        if body is not None:
            why = f"{type(body).__name__} has a train_step of its own"
        trainer = _model_fit.KerasFit(why, callbacks, settings.verbose)
        trainer.check(plan, stream, settings.calibration)
        return PlanWithCallbacks(plan, trainer, trainer)
    if not callbacks:
        return PlanWithCallbacks(plan)
    params = {
        "verbose": int(settings.verbose),
        "epochs": plan.epochs,
        "steps": count_steps(plan, stream),
    }
    n_inputs = count_inputs(data.X.shape[1], member.loss, plan.task)
    make_mirror = MirrorMaker(settings, plan, n_inputs, link)
    watcher = EpochCallbacks(callbacks, make_mirror, params)
    plan = begin_at_backup(plan, watcher.read_backup())
    (member,) = plan.members
    plan = replace(plan, members=[replace(member, callback=watcher)])
    return PlanWithCallbacks(plan, None, watcher)


def begin_at_backup(plan: Plan, state: TrainingState | None) -> Plan:
    """Return a plan that goes on from a backup, up to the epoch it would reach anyway.

    Parameters
    ----------
    plan : Plan
        Of one member.
    state : TrainingState or None
        What a ``BackupAndRestore`` found.
    """
    if state is None:
        return plan
    (member,) = plan.members
    first = member.start.epoch if member.start else 0
    epochs = plan.epochs - (state.epoch - first)
    if epochs < 1:
        raise ValueError(
            f"callbacks: the backup that BackupAndRestore found is of epoch "
            f"{state.epoch}, so nothing is left to train. Delete it, or raise "
            f"epochs."
        )
    return replace(plan, epochs=epochs, members=[replace(member, start=state)])
