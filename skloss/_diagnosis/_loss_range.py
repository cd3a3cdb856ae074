"""Between which losses a training moves: the best constant's and the saturated model's.

What a network gains on the best constant is judged as a share of what could be gained.
"""

import numpy as np

from skloss._engine import Member
from skloss.losses import Task
from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import best_constant, objective
from skloss.losses._core._saturated import certain_scores, saturated_outputs

MAX_ROWS = 2000  # that are predicted once more when training has ended


def measure_loss_range(
    job, member: Member, Y: np.ndarray, weight: np.ndarray, earlier=None
) -> dict[str, float]:
    """Return losses and scores of the best constant and of the saturated model.

    In ``partial_fit`` the losses are those of the ``earlier`` record, for all parts of
    the training to be measured alike.
    """
    ends = ("constant_loss", "saturated_loss", "constant_score", "saturated_score")
    if earlier is not None and goes_on(member):
        losses = earlier.constant_loss, earlier.saturated_loss
        return dict(zip(ends, (*losses, np.nan, np.nan), strict=True))
    plan, held = job.plan, job.data.streams[0]
    task = plan.task
    if member.loss is None:  # targets are the network's own: nothing is known
        return dict.fromkeys(ends, np.nan)
    if task.kind == "representation":
        collapsed = compute_collapsed_loss(plan, member, Y, weight)
        return dict(zip(ends, (collapsed, 0.0, np.nan, np.nan), strict=True))
    constant = compute_best_bias(task, member, Y, weight)
    losses, scores = (
        compute_reference_losses(plan, member, Y, weight, constant),
        (np.nan, np.nan),
    )
    if member.scorer is None and len(held.val_rows):
        y, raws = make_reference_outputs(
            plan, member, job.data.Y[held.val_rows], constant
        )
        scores = [
            np.average(
                np.asarray(member.loss.monitor(task, y, raw, member.class_weight)),
                weights=held.val_weight,
            )
            for raw in raws
        ]
    return dict(zip(ends, map(float, [*losses, *scores]), strict=True))


def compute_collapsed_loss(plan, member, Y, weight):
    """Return the loss of a batch of training rows that are all represented alike."""
    some = slice(None, None, -(-len(Y) // plan.batch_size))
    rows, weight = Y[some], weight[some] / weight[some].sum()
    shape = len(member.loss.views), len(rows), member.loss.n_raw(plan.task)
    raw = np.ones(shape if shape[0] > 1 else shape[1:])
    return compute_loss(plan.task, member, rows, weight, raw)


def goes_on(member: Member) -> bool:
    """Tell whether a training is one more part of one that began before.

    Not so where a target was constant until now: then it begins again.
    """
    return member.head_bias is None and member.start.slots is not None


def make_reference_outputs(plan, member, Y, constant):
    """Return targets as seen, and raw outputs of constant and saturated model.

    Functions of the user's are called in the dtype of the training.
    """
    y = transform_target(plan.task, member, Y)
    cast = y.astype(plan.dtype)
    least = saturated_outputs(member.loss, plan.task, cast, constant)
    return y, (np.tile(constant, (len(Y), 1)), least)


def compute_reference_losses(plan, member, Y, weight, constant):
    """Return the mean training losses of the best constant and the saturated model."""
    task, loss = plan.task, member.loss
    if task.kind != "regression":  # the classes, as often as they occur, say it all
        prior = np.average(Y.astype(float), axis=0, weights=weight)
        y, value = objective(loss, task, prior, None)
        raws = np.tile(constant, (len(y), 1)), certain_scores(loss, task)
        return [value(ops.convert_to_tensor(raw)) for raw in raws]
    if not loss.decomposable:  # it may compare all rows with each other
        some = slice(None, None, -(-len(Y) // MAX_ROWS))
        Y, weight = Y[some], weight[some]
    _, raws = make_reference_outputs(plan, member, Y, constant)
    return [compute_loss(task, member, Y, weight / weight.sum(), raw) for raw in raws]


def compute_best_bias(task, member, Y, weight):
    """Return the raw outputs of the best constant: what the head's bias starts at.

    If the loss changes by epoch, it starts at that of the first one; after an earlier
    training it starts where that one ended.
    """
    changes = any(name.startswith("loss__") for name in member.varying)
    if not changes and member.head_bias is not None:
        return member.head_bias
    return best_constant(member.loss, task, transform_target(task, member, Y), weight)


def transform_target(task: Task, member: Member, Y: np.ndarray) -> np.ndarray:
    """Return the target as the network sees it, with numbers scaled."""
    if not task.has_numbers:
        return Y.astype(float)
    return member.scaled_target(Y)


def compute_loss(
    task: Task, member: Member, Y: np.ndarray, weight: np.ndarray, raw: np.ndarray
) -> float:
    """Return the loss of rows with these raw outputs and weights that sum to one."""
    y = transform_target(task, member, Y)
    with np.errstate(all="ignore"):  # of a network that diverged they may overflow
        return float(member.loss.batch_value(task, y, raw, weight))
