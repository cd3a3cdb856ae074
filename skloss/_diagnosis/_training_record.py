"""What a fit leaves for its diagnosis."""

from dataclasses import dataclass, replace

import numpy as np

from skloss._diagnosis._features import (
    FeatureScale,
    compute_explained_share,
    measure_feature_scale,
)
from skloss._diagnosis._loss_range import (
    MAX_ROWS,
    compute_loss,
    measure_loss_range,
    transform_target,
)
from skloss._engine import Result

MANY = 20  # rows of which each should hold little of the variance
OF_TARGET = ("seen_mean", "seen_std", "common_share", "extreme_share")
OF_PREDICTIONS = (
    *("predicted_loss", "reference_loss"),
    *("outputs_explain", "features_explain"),
)


@dataclass(frozen=True, eq=False)
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
    saturated_loss : float
        That of a model that is free for every row, the least that training could reach
        (see ``skloss.losses._core._saturated``).
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
        of its variance that the row furthest from the mean holds (0 where rows are
        few); empty for classes, and for several tasks.
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

    layers: dict[str, np.ndarray]
    curve: list[float]
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
    fitted_loss: float
    predicted_loss: float
    reference_loss: float
    features: FeatureScale
    outputs_explain: float
    features_explain: float


def record_training(fitted, job, result: Result) -> TrainingRecord:
    """Return the record of a finished job.

    Parameters
    ----------
    fitted : Fitted
        What predicts.
    job : Job
    result : Result
    """
    member, stream = get_judged(job.plan), job.data.streams[0]
    Y, weight = job.data.Y[stream.rows], stream.weight
    earlier = None if job.earlier is None else job.earlier.record
    ends = measure_loss_range(job, member, Y, weight, earlier)
    # every so-many-th row: no draw, so that the same fit leaves the same record
    some = slice(None, None, -(-len(stream.rows) // MAX_ROWS))
    X = job.data.X[stream.rows[some]]
    features = measure_feature_scale(X, result.weights.dtype.name)
    found = describe_predictions(fitted, job, ends["constant_loss"], features, some, X)
    return TrainingRecord(
        layers=result.layers,
        curve=result.curve,
        **ends,
        steps_per_epoch=-(-stream.n_drawn // job.plan.batch_size),
        fitted_loss=found["predicted_loss"] if job.others else find_fitted_loss(result),
        features=features,
        **found,
    )


def get_judged(plan):
    """Return the member of a plan with the loss by which its training is judged.

    That of rows with a label, whatever else trains; none where y is no label.
    """
    member = plan.members[0]
    return replace(member, loss=getattr(member.loss, "supervised", member.loss))


def describe_predictions(fitted, job, constant_loss, features, some, X) -> dict:
    """Return what the record says of the target and of how it is predicted.

    Parameters
    ----------
    fitted : Fitted
    job : Job
    constant_loss : float
    features : FeatureScale
    some : slice
        Which of the training rows are predicted.
    X : array of shape (n, features)
        These.
    """
    member, stream = get_judged(job.plan), job.data.streams[0]
    task, Y, weight = job.plan.task, job.data.Y[stream.rows], stream.weight
    none = np.zeros(0)
    found = {"class_shares": none, "recalls": none} | dict.fromkeys(OF_TARGET, none)
    if task.kind == "representation" or member.loss is None:  # y is not predicted
        return found | dict.fromkeys(OF_PREDICTIONS, np.nan)
    raw, own_weight = fitted.outputs.of_table(X), weight[some] / weight[some].sum()
    seen = transform_target(task, member, Y)
    if task.kind == "regression":
        found |= describe_target(seen)
        if fitted.loss.family != "regression":  # several tasks: columns may be classes
            found |= dict.fromkeys(OF_TARGET[2:], none)
    elif task.kind != "multilabel":
        found["class_shares"] = compute_class_shares(Y)
        found["recalls"] = compute_recalls(fitted.loss, task, Y[some], raw)
    if np.isnan(constant_loss):
        alike = np.tile(raw.mean(axis=0), (len(raw), 1))
        constant_loss = compute_loss(task, member, Y[some], own_weight, alike)
    found["reference_loss"] = constant_loss
    found["predicted_loss"] = compute_loss(task, member, Y[some], own_weight, raw)
    return found | compare_explained_shares(features, X, seen[some], raw)


def describe_target(seen):
    """Return what ``OF_TARGET`` names of a target, column by column."""
    mean, std = seen.mean(axis=0), seen.std(axis=0)
    counts = [np.unique(y, return_counts=True)[1].max() for y in seen.T]
    furthest = np.square(seen - mean).max(axis=0)
    whole = np.maximum(len(seen) * std**2, np.finfo(float).tiny)
    share = furthest / whole if len(seen) >= MANY else np.zeros_like(mean)
    values = mean, std, np.array(counts) / len(seen), share
    return dict(zip(OF_TARGET, values, strict=True))


def find_fitted_loss(result):
    """Return the highest training loss of the later epochs that count.

    They end with the epoch whose weights predict.
    """
    losses = result.history["loss"]
    ended = len(losses) - (result.n_epochs - result.best_epoch)
    if ended < 1:  # diverged at once: the weights are those of the beginning
        return np.nan
    return float(np.max(losses[ended // 2 : ended]))


def compare_explained_shares(features, X, Y, raw):
    """Return what outputs and features explain of the target.

    NaN where the features are scaled: then nobody asks, and least squares cost time.
    """
    shares = {"outputs_explain": np.nan, "features_explain": np.nan}
    if any(map(len, features.extremes())) and np.isfinite(raw).all():
        # the hyperbolic tangent: scores far from zero are as sure as those further off
        outputs = np.hstack([raw, np.tanh(raw)])
        shares = {
            "outputs_explain": compute_explained_share(outputs, Y),
            "features_explain": compute_explained_share(X, Y),
        }
    return shares


def decode_classes(Y):
    """Return the class numbers of 0/1 or one-hot targets."""
    return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int)


def compute_class_shares(Y):
    """Return the share of each class."""
    return np.bincount(decode_classes(Y), minlength=max(2, Y.shape[1])) / len(Y)


def compute_recalls(loss, task, Y, raw):
    """Return the share of each class's rows that are predicted right.

    NaN for a class that has none.
    """
    scores, codes = np.asarray(loss.scores(task, raw)), decode_classes(Y)
    predicted = scores.argmax(axis=1) if scores.shape[1] > 1 else scores[:, 0] > 0
    n_classes = max(2, Y.shape[1])
    right = np.bincount(codes, weights=predicted == codes, minlength=n_classes)
    with np.errstate(invalid="ignore"):
        return right / np.bincount(codes, minlength=n_classes)
