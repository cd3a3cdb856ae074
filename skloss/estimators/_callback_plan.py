"""Which way an estimator's callbacks go: into the compiled loop, or ``Model.fit``."""

from skloss._callbacks._callback_copies import fresh
from skloss._callbacks._epoch_callbacks import (
    EpochCallbacks,
    in_epochs,
    settle_monitors,
)
from skloss._engine import Mirror, build_plain_model, count_steps
from skloss._engine._optimizers import Optimizer
from skloss._model_fit._keras_fit import KerasFit, own_train_step


class MirrorMaker:
    """Makes the model that the callbacks of one estimator's training see.

    Parameters
    ----------
    estimator : BaseLossAware
    plan : Plan
        Of one member.
    n_features : int
    """

    def __init__(self, estimator, plan, n_features):
        self.estimator, self.plan, self.n_features = estimator, plan, n_features

    def __call__(self):
        member = self.plan.members[0]
        model = build_plain_model(
            self.plan.network,
            self.n_features,
            member.loss.n_raw(self.plan.task),
            self.plan.dtype,
            member.dropout,
            self.estimator._finish,
        )
        return Mirror(model, Optimizer(self.estimator.optimizer).make())


def with_callbacks(estimator, job):
    """Return a job whose network tells an estimator's callbacks of its epochs.

    Parameters
    ----------
    estimator : BaseLossAware
    job : Job
    """
    callbacks = fresh(estimator.callbacks)
    plan, (stream,) = job.plan, job.data.streams
    (member,) = plan.members
    body = own_train_step(plan, job.data)
    inside = [type(callback).__name__ for callback in callbacks if in_epochs(callback)]
    recorded, direction = ["loss", "learning_rate", "gradient_norm"], "min"
    if len(stream.val_rows):
        recorded += ["val_loss", f"val_{monitored(member)}"]
        direction = "min" if member.scorer is None else "max"
    if body is not None or inside:
        recorded.remove("gradient_norm")
    settle_monitors(callbacks, recorded, direction, strict=body is None)
    if body is not None or inside:
        why = f"{', '.join(inside)} acts inside an epoch"
        if body is not None:
            why = f"{type(body).__name__} has a train_step of its own"
        job.trainer = job.watcher = KerasFit(why, callbacks, estimator.verbose)
        job.trainer.check(plan, stream, getattr(estimator, "calibration", None))
        return job
    if not callbacks:
        return job
    member.callback = job.watcher = EpochCallbacks(
        callbacks,
        MirrorMaker(estimator, plan, job.data.X.shape[1]),
        {
            "verbose": int(estimator.verbose),
            "epochs": plan.epochs,
            "steps": count_steps(plan, stream),
        },
    )
    state = member.callback.restored()
    if state is not None:
        go_on(job, state)
    return job


def monitored(member):
    """Return the name of a network's validation score."""
    return member.monitor_name


def go_on(job, state):
    """Let a job go on from a state, up to the epoch that it would reach anyway."""
    (member,) = job.plan.members
    first = member.start.epoch if member.start else 0
    job.plan.epochs -= state.epoch - first
    if job.plan.epochs < 1:
        raise ValueError(
            f"callbacks: the backup that BackupAndRestore found is of epoch "
            f"{state.epoch}, so nothing is left to train. Delete it, or raise "
            f"epochs."
        )
    member.start = state
