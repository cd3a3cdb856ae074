"""What a fit leaves for its diagnosis."""

from dataclasses import dataclass

import numpy as np

from skloss.losses import _ops as ops
from skloss.losses._constant import best_constant, objective
from skloss.losses._saturated import certain_scores, saturated_outputs

OF_TARGET = ("seen_mean", "seen_std", "common_share", "extreme_share")
MAX_ROWS = 2000  # that are predicted once more when training has ended


@dataclass
class TrainingRecord:
    """What training recorded.

    Attributes
    ----------
    layers : dict of str to ndarray of shape (epochs, layers)
        "gradient_norm" (root mean square over the steps of an epoch, without
        penalties), "weight_norm" (at the beginning of the epoch), "change" (of the
        weights in the epoch, as a share of that norm) and "idle" (share of a layer's
        units whose gradient was zero throughout); the last layer is the head.
    curve : list of float
        The monitored validation score, lower is better; empty without validation.
    constant_loss : float
        The training loss of the best constant prediction; NaN after a warm start. Of a
        loss that changes by epoch: of the last epoch's.
    saturated_loss : float
        That of a model that is free for every row, the least that training could reach
        (see ``skloss.losses._saturated``); NaN where ``constant_loss`` is.
    constant_score, saturated_score : float
        Their monitored validation scores; NaN without validation, and where a scorer of
        the user's is monitored.
    steps_per_epoch : int
    class_shares, recalls : ndarray of shape (n_classes,)
        Share of each class among the training rows, and of its rows that are predicted
        right (of at most 2,000 rows in all); empty where the target is no class.
    seen_mean, seen_std : ndarray of shape (n_targets,)
        Of the training target as the network sees it; empty for classes.
    common_share, extreme_share : ndarray of shape (n_targets,)
        Share of the training rows that have the most frequent value of the target, and
        of its variance that the row furthest from the mean holds; empty for classes.
    """

    layers: dict
    curve: list
    constant_loss: float
    saturated_loss: float
    constant_score: float
    saturated_score: float
    steps_per_epoch: int
    class_shares: np.ndarray
    recalls: np.ndarray
    seen_mean: np.ndarray
    seen_std: np.ndarray
    common_share: np.ndarray
    extreme_share: np.ndarray


def training_record(net, job, result):
    """Return the record of a finished job.

    Parameters
    ----------
    net : LossAwareClassifier or LossAwareRegressor
        With its fitted attributes.
    job : Job
    result : Result
    """
    member, stream = job.plan.members[0], job.data.streams[0]
    Y, weight = job.data.Y[stream.rows], stream.weight
    none = np.zeros(0)
    shares, recalls, of_target = none, none, dict.fromkeys(OF_TARGET, none)
    if job.plan.task.kind == "regression":
        of_target = target_shape((Y - member.loc) / member.scale)
    elif job.plan.task.kind != "multilabel":
        shares, recalls = class_shares(Y), recalls_of(net, job)
    return TrainingRecord(
        layers=result.layers,
        curve=result.curve,
        **ends_of_the_scale(job, member, Y, weight),
        steps_per_epoch=-(-len(stream.rows) // job.plan.batch_size),
        class_shares=shares,
        recalls=recalls,
        **of_target,
    )


def target_shape(seen):
    """Return what ``OF_TARGET`` names of a target, column by column."""
    mean, std = seen.mean(axis=0), seen.std(axis=0)
    counts = [np.unique(y, return_counts=True)[1].max() for y in seen.T]
    furthest = np.square(seen - mean).max(axis=0)
    whole = np.maximum(len(seen) * std**2, np.finfo(float).tiny)
    values = mean, std, np.array(counts) / len(seen), furthest / whole
    return dict(zip(OF_TARGET, values, strict=True))


def ends_of_the_scale(job, member, Y, weight):
    """Return losses and scores of the best constant and of the saturated model."""
    ends = ("constant_loss", "saturated_loss", "constant_score", "saturated_score")
    if member.start is not None:
        return dict.fromkeys(ends, np.nan)
    task, held = job.plan.task, job.data.streams[0]
    constant = best_bias(task, member, Y, weight)
    losses, scores = losses_of_both(task, member, Y, weight, constant), (np.nan, np.nan)
    if member.judge is None and len(held.val_rows):
        y, raws = both(task, member, job.data.Y[held.val_rows], constant)
        scores = [
            np.average(
                np.asarray(member.loss.monitor(task, y, raw, member.class_weight)),
                weights=held.val_weight,
            )
            for raw in raws
        ]
    return dict(zip(ends, map(float, [*losses, *scores]), strict=True))


def both(task, member, Y, constant):
    """Return scaled targets, and raw outputs of constant and saturated model."""
    y, outputs = Y.astype(float), np.tile(constant, (len(Y), 1))
    if task.kind != "regression":
        return y, (outputs, saturated_outputs(member.loss, task, y, constant))
    loc, scale = member.loc, member.scale
    if not member.loss.in_user_units:
        y = (y - loc) / scale
        return y, (outputs, saturated_outputs(member.loss, task, y, constant))
    least = saturated_outputs(member.loss, task, y, constant * scale + loc)
    return (y - loc) / scale, (outputs, (least - loc) / scale)


def losses_of_both(task, member, Y, weight, constant):
    """Return the mean training losses of the best constant and the saturated model."""
    loss = member.loss
    if task.kind != "regression":  # the classes, as often as they occur, say it all
        prior = np.average(Y.astype(float), axis=0, weights=weight)
        y, value = objective(loss, task, prior, None)
        raws = np.tile(constant, (len(y), 1)), certain_scores(loss, task)
        return [value(ops.convert_to_tensor(raw)) for raw in raws]
    if not loss.decomposable:  # it may compare all rows with each other
        some = slice(None, None, -(-len(Y) // MAX_ROWS))
        Y, weight = Y[some], weight[some]
    y, raws = both(task, member, Y, constant)
    if loss.in_user_units:
        y = Y.astype(float)
        raws = [raw * member.scale + member.loc for raw in raws]
    return [loss.batch_value(task, y, raw, weight / weight.sum()) for raw in raws]


def best_bias(task, member, Y, weight):
    """Return the raw outputs of the best constant: what the head's bias starts at.

    If the loss changes by epoch, it starts at that of the first one.
    """
    if not any(name.startswith("loss__") for name in member.annealed):
        return member.head_bias
    seen = (Y - member.loc) / member.scale
    return best_constant(member.loss, task, seen, weight)


def codes_of(Y):
    """Return the class numbers of 0/1 or one-hot targets."""
    return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int)


def class_shares(Y):
    """Return the share of each class."""
    return np.bincount(codes_of(Y), minlength=max(2, Y.shape[1])) / len(Y)


def recalls_of(net, job):
    """Return the share of each class's rows that are predicted right; NaN without."""
    rows = job.data.streams[0].rows
    rows = rows[:: -(-len(rows) // MAX_ROWS)]
    scores = np.asarray(net.loss_.scores(job.plan.task, net._raw_of(job.data.X[rows])))
    codes = codes_of(job.data.Y[rows])
    predicted = scores.argmax(axis=1) if scores.shape[1] > 1 else scores[:, 0] > 0
    n_classes = max(2, job.data.Y.shape[1])
    right = np.bincount(codes, weights=predicted == codes, minlength=n_classes)
    with np.errstate(invalid="ignore"):
        return right / np.bincount(codes, minlength=n_classes)
