"""Temperature scaling: one number that makes over- or underconfident scores honest."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.model_selection import KFold, StratifiedKFold

from skloss._engine import Data, Plan, predict_raw, train_population
from skloss.estimators._class_weight import get_row_weights
from skloss.losses import Loss, Task
from skloss.losses._core import _ops as ops

N_FOLDS = 5
LOWEST, HIGHEST = 0.01, 100.0


def check_calibration(
    calibration: str, given_loss: object, loss: Loss, partial: bool
) -> None:
    """Raise ValueError where the loss has nothing to calibrate, or no rows for it.

    Parameters
    ----------
    calibration : str
        The estimator's ``calibration``.
    given_loss : object
        As the user gave it, for the message.
    loss : ClassificationLoss
    partial : bool
        Whether this is ``partial_fit``.
    """
    if not loss.has_probabilities:
        raise ValueError(
            f"calibration={calibration!r} scales probabilities, which "
            f"loss={given_loss!r} does not give; wrap the estimator in "
            f"CalibratedClassifierCV, or choose another loss."
        )
    if partial:
        raise ValueError(
            f"partial_fit does not support calibration={calibration!r}: the rows it "
            f"needs would differ between calls. Set calibration=None."
        )


def divide_by_temperature(p, temperature: float, task: Task):
    """Return probabilities proportional to ``p ** (1 / temperature)``.

    For a softmax that is the softmax of the scores divided by the temperature; it is
    defined for every link, and never changes which class is the most probable.
    """
    if temperature == 1:
        return p
    if task.kind == "multilabel":
        return ops.sigmoid((ops.log(p) - ops.log(1 - p)) / temperature)
    return ops.softmax(ops.log(p) / temperature)


def fit_temperature(
    p: np.ndarray, Y: np.ndarray, weight: np.ndarray, task: Task
) -> float:
    """Return the temperature with which the log-loss is lowest.

    Guo et al. 2017, Section 4.2, on log-probabilities in place of scores.

    Parameters
    ----------
    p : ndarray of shape (n, classes) or (n, labels)
        Probabilities for rows that were not trained on.
    Y : ndarray of shape (n, task.size)
    weight : ndarray of shape (n,)
    task : Task

    Returns
    -------
    float
        Between 0.01 and 100.
    """
    if task.kind == "multilabel":
        p = np.stack([1 - p, p], axis=-1)
    if task.kind != "multiclass":
        Y = np.stack([1 - Y, Y], axis=-1).reshape(p.shape)
    log_p = np.log(p)

    def log_loss(log_temperature):
        log_q = log_softmax(log_p / np.exp(log_temperature), axis=-1)
        rows = (Y * log_q).sum(axis=-1).reshape(len(p), -1).mean(axis=1)
        return -np.average(rows, weights=weight)

    # the log-loss is unimodal in the logarithm: each row's is convex in 1 / temperature
    bounds = np.log(LOWEST), np.log(HIGHEST)
    minimum = minimize_scalar(log_loss, bounds=bounds, options={"xatol": 1e-6})
    return float(np.exp(minimum.x))


def predict_unseen(
    plan: Plan, data: Data, predict: Callable
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, weights and raw outputs of networks that did not see these rows.

    The validation rows if there are any, else the training rows out of fold, without
    their class weights.

    Parameters
    ----------
    plan : Plan
        Of one member.
    data : Data
        With one stream.
    predict : callable
        From features to raw outputs, by the network that was trained.
    """
    stream = data.streams[0]
    if len(stream.val_rows):
        raw = predict(data.X[stream.val_rows])
        return stream.val_rows, stream.val_weight, raw
    cost = get_row_weights(plan.members[0].class_weight, data.Y[stream.rows], plan.task)
    return stream.rows, stream.weight / cost, predict_out_of_fold(plan, data)


def predict_out_of_fold(plan: Plan, data: Data, n_folds: int = N_FOLDS) -> np.ndarray:
    """Return raw outputs for the training rows from networks that did not see them.

    Parameters
    ----------
    plan : Plan
        Of one member; its copies, one a fold, are trained at once.
    data : Data
        With one stream.
    n_folds : int, default=5

    Returns
    -------
    raw : ndarray of shape (n, n_raw)
        One row for each of the stream's rows.
    """
    stream, member = data.streams[0], plan.members[0]
    Y = data.Y[stream.rows]
    code = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]
    rare = np.unique(code, return_counts=True)[1].min() < n_folds
    splitter = KFold if rare or plan.task.kind == "multilabel" else StratifiedKFold
    folds = splitter(n_folds, shuffle=True, random_state=plan.seed)
    held = [test for _, test in folds.split(stream.rows, code)]
    streams = [leave_out(stream, test) for test in held]
    # each fold begins anew: the weights to go on from have seen the rows left out
    member = replace(member, start=None, callback=None)
    members = [replace(member, stream=i) for i in range(n_folds)]
    results = train_population(
        replace(plan, members=members), replace(data, streams=streams)
    )
    n_raw = member.loss.n_raw(plan.task)
    raw = np.empty((len(stream.rows), n_raw))
    for test, result in zip(held, results, strict=True):
        raw[test] = predict_raw(
            plan.network,
            data.X[stream.rows[test]],
            result.weights,
            result.stored,
            n_raw,
            is_sparse=not isinstance(data.X, np.ndarray),
        )
    return raw


def leave_out(stream, test):
    """Return a stream without the rows at the positions ``test``, or validation."""
    kept = np.setdiff1d(np.arange(len(stream.rows)), test)
    weight = stream.weight[kept]
    none = np.zeros(0, dtype=stream.val_rows.dtype)
    return replace(
        stream,
        rows=stream.rows[kept],
        weight=weight / weight.mean(),
        val_rows=none,
        val_weight=np.zeros(0),
    )
