"""What a fit leaves for its diagnosis."""

from dataclasses import dataclass

import numpy as np

from skloss.losses._constant import best_constant

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
        The training loss of the best constant prediction, in ``partial_fit`` that of
        the first call. Of a loss that changes by epoch: of the last epoch's.
    constant_score : float
        Its monitored validation score; NaN without validation, and where a scorer of
        the user's is monitored.
    steps_per_epoch : int
    class_shares, recalls : ndarray of shape (n_classes,)
        Share of each class among the training rows, and of its rows that are predicted
        right (of at most 2,000 rows in all); empty where the target is no class.
    seen_mean, seen_std : ndarray of shape (n_targets,)
        Of the training target as the network sees it; empty for classes.
    """

    layers: dict
    curve: list
    constant_loss: float
    constant_score: float
    steps_per_epoch: int
    class_shares: np.ndarray
    recalls: np.ndarray
    seen_mean: np.ndarray
    seen_std: np.ndarray


def training_record(net, job, result, earlier=None):
    """Return the record of a finished job.

    Parameters
    ----------
    net : LossAwareClassifier or LossAwareRegressor
        With its fitted attributes.
    job : Job
    result : Result
    earlier : TrainingRecord, optional
        Of the training that this one goes on from.
    """
    member, stream = job.plan.members[0], job.data.streams[0]
    Y, weight = job.data.Y[stream.rows], stream.weight
    none = np.zeros(0)
    shares, recalls, mean, std = none, none, none, none
    if job.plan.task.kind == "regression":
        seen = (Y - member.loc) / member.scale
        mean, std = seen.mean(axis=0), seen.std(axis=0)
    elif job.plan.task.kind != "multilabel":
        shares, recalls = class_shares(Y), recalls_of(net, job)
    if earlier is not None and goes_on(member):
        best = earlier.constant_loss, np.nan
    else:
        constant = best_bias(job.plan.task, member, Y, weight)
        best = (
            constant_loss(job.plan.task, member, Y, weight, constant),
            constant_score(job, member, constant),
        )
    return TrainingRecord(
        layers=result.layers,
        curve=result.curve,
        constant_loss=best[0],
        constant_score=best[1],
        steps_per_epoch=-(-len(stream.rows) // job.plan.batch_size),
        class_shares=shares,
        recalls=recalls,
        seen_mean=mean,
        seen_std=std,
    )


def goes_on(member):
    """Tell whether a training is one more part of one that began before.

    Not so where a target was constant until now: then it begins again.
    """
    return member.head_bias is None and member.start["slots"] is not None


def best_bias(task, member, Y, weight):
    """Return the raw outputs of the best constant: what the head's bias starts at.

    If the loss changes by epoch, it starts at that of the first one; after an earlier
    training it starts where that one ended.
    """
    changes = any(name.startswith("loss__") for name in member.annealed)
    if not changes and member.head_bias is not None:
        return member.head_bias
    seen = (Y - member.loc) / member.scale
    return best_constant(member.loss, task, seen, weight)


def constant_loss(task, member, Y, weight, constant):
    """Return the mean training loss of the best constant."""
    raw, y = np.tile(constant, (len(Y), 1)), Y.astype(float)
    if task.kind == "regression":
        y = (y - member.loc) / member.scale
    return float(member.loss.batch_value(task, y, raw, weight / len(Y)))


def constant_score(job, member, constant):
    """Return the monitored score of the best constant on the validation rows."""
    stream, task = job.data.streams[0], job.plan.task
    rows, weight = stream.val_rows, stream.val_weight
    if member.judge is not None or not len(rows):
        return np.nan
    raw = np.tile(constant, (len(rows), 1))
    y = job.data.Y[rows].astype(float)
    y = (y - member.loc) / member.scale if task.kind == "regression" else y
    values = member.loss.monitor(task, y, raw, member.class_weight)
    return float(np.average(np.asarray(values), weights=weight))


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
