"""What a fit leaves for its diagnosis."""

from dataclasses import dataclass

import numpy as np

from skloss._features import FeatureScale, explained, feature_scale
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
    fitted_loss, predicted_loss : float
        The highest training loss in the second half of the epochs up to that whose
        weights predict, and the loss of at most 2,000 training rows as predicted.
    reference_loss : float
        ``constant_loss``, or where that is unknown the predicted rows' loss if all were
        predicted alike.
    features : FeatureScale
        How X is scaled.
    outputs_explain, features_explain : float
        Share of the target's variance that least squares on the network's raw outputs,
        and on scaled features, explains. NaN where all features are well scaled.
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
    fitted_loss: float
    predicted_loss: float
    reference_loss: float
    features: FeatureScale
    outputs_explain: float
    features_explain: float


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
    task, Y, weight = job.plan.task, job.data.Y[stream.rows], stream.weight
    some = slice(None, None, -(-len(stream.rows) // MAX_ROWS))
    X = job.data.X[stream.rows[some]]
    raw, own_weight = net._raw_of(X), weight[some] / weight[some].sum()
    none = np.zeros(0)
    shares, recalls, mean, std = none, none, none, none
    seen = Y
    if task.kind == "regression":
        seen = (Y - member.loc) / member.scale
        mean, std = seen.mean(axis=0), seen.std(axis=0)
    elif task.kind != "multilabel":
        shares, recalls = class_shares(Y), recalls_of(net, task, Y[some], raw)
    if earlier is not None and goes_on(member):
        known, score = earlier.constant_loss, np.nan
    else:
        constant = best_bias(task, member, Y, weight)
        known = constant_loss(task, member, Y, weight, constant)
        score = constant_score(job, member, constant)
    reference = known
    if np.isnan(known):
        alike = np.tile(raw.mean(axis=0), (len(raw), 1))
        reference = loss_of(task, member, Y[some], own_weight, alike)
    features = feature_scale(X, result.weights.dtype.name)
    return TrainingRecord(
        layers=result.layers,
        curve=result.curve,
        constant_loss=known,
        constant_score=score,
        steps_per_epoch=-(-len(stream.rows) // job.plan.batch_size),
        class_shares=shares,
        recalls=recalls,
        seen_mean=mean,
        seen_std=std,
        fitted_loss=fitted_loss(result),
        predicted_loss=loss_of(task, member, Y[some], own_weight, raw),
        reference_loss=reference,
        features=features,
        **explanations(features, X, seen[some], raw),
    )


def fitted_loss(result):
    """Return the training loss near the weights that predict, at its worst."""
    losses = result.history["loss"]
    ended = len(losses) - (result.n_epochs - result.best_epoch)
    if ended < 1:  # diverged at once: the weights are those of the beginning
        return np.nan
    return float(np.max(losses[ended // 2 : ended]))


def explanations(features, X, Y, raw):
    """Return what outputs and features explain, where features are not scaled."""
    found = {"outputs_explain": np.nan, "features_explain": np.nan}
    if any(map(len, features.extremes())) and np.isfinite(raw).all():
        # the hyperbolic tangent: scores far from zero are as sure as those further off
        outputs = np.hstack([raw, np.tanh(raw)])
        found = {
            "outputs_explain": explained(outputs, Y),
            "features_explain": explained(X, Y),
        }
    return found


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
    raw = np.tile(constant, (len(Y), 1))
    return loss_of(task, member, Y, weight / len(Y), raw)


def loss_of(task, member, Y, weight, raw):
    """Return the loss of rows with these raw outputs; the weights sum to one."""
    y = Y.astype(float)
    if task.kind == "regression":
        y = (y - member.loc) / member.scale
    with np.errstate(all="ignore"):  # of a network that diverged they may overflow
        return float(member.loss.batch_value(task, y, raw, weight))


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


def recalls_of(net, task, Y, raw):
    """Return the share of each class's rows that are predicted right; NaN without."""
    scores, codes = np.asarray(net.loss_.scores(task, raw)), codes_of(Y)
    predicted = scores.argmax(axis=1) if scores.shape[1] > 1 else scores[:, 0] > 0
    n_classes = max(2, Y.shape[1])
    right = np.bincount(codes, weights=predicted == codes, minlength=n_classes)
    with np.errstate(invalid="ignore"):
        return right / np.bincount(codes, minlength=n_classes)
