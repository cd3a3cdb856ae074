"""Losses of a whole batch against brute force, Keras and scikit-learn's scores."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import f1_score, fbeta_score, log_loss, roc_auc_score
from sklearn.preprocessing import scale

from skloss import LossAwareClassifier
from skloss.losses import AUCPairwise, CrossEntropy, Task, Tversky, get

RNG = np.random.default_rng(5)
N = 40
LABELS = RNG.integers(0, 2, (N, 3)).astype(float)
MARGINS = 1.5 * RNG.normal(size=(N, 3)) + 0.2
ONE_HOT = np.eye(3)[RNG.integers(0, 3, N)]
WEIGHT = RNG.uniform(0.2, 3, N)
BINARY, LABELLED = Task("binary", 1), Task("multilabel", 3)
CLASSES = Task("multiclass", 3)
PHI = {
    "logistic": lambda d: np.log1p(np.exp(-d)),
    "squared_hinge": lambda d: max(0.0, 1 - d) ** 2,
}
SURROGATES = pytest.mark.parametrize("surrogate", sorted(PHI))


def value(loss, task, y, raw, weight=None):
    """Return the batch's value per unit of weight."""
    weight = np.ones(len(y)) if weight is None else weight
    arrays = [tf.constant(a, tf.float64) for a in (y, raw, weight)]
    return float(loss.batch_value(task, *arrays)) / np.sum(weight)


def brute_force(phi, y, f, w):
    """Return the weighted mean over pairs, pair by pair."""
    total = pairs = 0.0
    for i in np.flatnonzero(y == 1):
        for j in np.flatnonzero(y == 0):
            total += w[i] * w[j] * phi(f[i] - f[j])
            pairs += w[i] * w[j]
    return total / pairs


@SURROGATES
@pytest.mark.parametrize("task", [BINARY, LABELLED, CLASSES], ids=lambda t: t.kind)
def test_auc_pair_by_pair(surrogate, task):
    y = ONE_HOT if task is CLASSES else LABELS[:, : task.size]
    f = MARGINS[:, : task.size]
    each = [
        brute_force(PHI[surrogate], y[:, k], f[:, k], WEIGHT) for k in range(task.size)
    ]
    loss = AUCPairwise(surrogate, level_weight=0.0)
    assert value(loss, task, y, f, WEIGHT) == pytest.approx(np.mean(each), rel=1e-12)
    if surrogate == "logistic":
        level = [
            log_loss(y[:, k], expit(f[:, k]), sample_weight=WEIGHT)
            for k in range(task.size)
        ]
    else:
        own = np.maximum(0, 1 - 2 * (2 * y - 1) * f) ** 2
        level = np.average(own, axis=0, weights=WEIGHT)
    loss = AUCPairwise(surrogate, level_weight=0.7)
    expected = np.mean(each) + 0.7 * np.mean(level)
    assert value(loss, task, y, f, WEIGHT) == pytest.approx(expected, rel=1e-12)


@SURROGATES
def test_auc_is_bounded(surrogate):
    loss = AUCPairwise(surrogate, level_weight=0.0)
    unit = np.log(2) if surrogate == "logistic" else 1
    for size in (5.0, 1.0, 0.01):
        f = size * np.random.default_rng(3).normal(size=(N, 1))
        y = LABELS[:, :1]
        area = roc_auc_score(y[:, 0], f[:, 0], sample_weight=WEIGHT)
        assert value(loss, BINARY, y, f, WEIGHT) / unit >= 1 - area
        perfect = 40 * (2 * y - 1)
        assert value(loss, BINARY, y, perfect, WEIGHT) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "loss", [AUCPairwise(), AUCPairwise("squared_hinge"), Tversky(0.3, 0.7)]
)
@pytest.mark.parametrize("task", [BINARY, LABELLED, CLASSES], ids=lambda t: t.kind)
def test_weights_are_repeated_rows(loss, task):
    y = ONE_HOT if task is CLASSES else LABELS[:, : task.size]
    f, times = MARGINS[:, : task.size], np.arange(N) % 4
    repeated = value(loss, task, np.repeat(y, times, axis=0), np.repeat(f, times, 0))
    assert value(loss, task, y, f, times) == pytest.approx(repeated, rel=1e-12)
    assert value(loss, task, y, f, 7.5 * times) == pytest.approx(repeated, rel=1e-12)


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_auc_of_one_class_is_nothing(label, weight):
    y, w = tf.fill([5, 1], tf.constant(label, tf.float64)), tf.fill([5], weight)
    raw = tf.constant(MARGINS[:5, :1])
    with tf.GradientTape() as tape:
        tape.watch(raw)
        loss = AUCPairwise(level_weight=0.0)
        total = loss.batch_value(BINARY, y, raw, tf.cast(w, tf.float64))
    assert float(total) == 0
    assert not tape.gradient(total, raw).numpy().any()


def test_auc_and_its_level_agree_on_the_log_odds():
    eta, mass = np.array([0.1, 0.35, 0.5, 0.9]), np.array([0.4, 0.3, 0.2, 0.1])
    y = np.repeat([[1.0], [0.0]], 4, axis=0)
    weight = np.concatenate([mass * eta, mass * (1 - eta)])

    def risk(f, loss):
        return value(loss, BINARY, y, np.tile(f, 2)[:, None], weight)

    for c in (0.01, 1.0):
        loss = AUCPairwise(level_weight=c)
        found = minimize(risk, np.zeros(4), (loss,), options={"gtol": 1e-9})
        np.testing.assert_allclose(found.x, logit(eta), atol=2e-3)
    loss = AUCPairwise("squared_hinge", 0.01)
    found = minimize(risk, np.zeros(4), (loss,), options={"gtol": 1e-9})
    assert (np.diff(found.x) > 0).all()


@SURROGATES
def test_auc_scores_have_a_level(surrogate):
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    loss = AUCPairwise(surrogate)
    net = LossAwareClassifier(loss, epochs=40, random_state=0).fit(X, y)
    f = net.decision_function(X)
    assert roc_auc_score(y, f) > 0.99
    assert net.score(X, y) > 0.95
    assert (f > 0).mean() == pytest.approx(y.mean(), abs=0.05)
    assert not hasattr(net, "predict_proba")


def test_auc_surrogates_are_named():
    with pytest.raises(ValueError, match="must be one of 'logistic', 'squared_hinge'"):
        get("auc_pairwise:surrogate=hinge", "classification")
    with pytest.raises(ValueError, match="level_weight=-1 must be in"):
        get("auc:level_weight=-1", "classification")


@pytest.mark.parametrize("task", [BINARY, LABELLED, CLASSES], ids=lambda t: t.kind)
@pytest.mark.parametrize("knobs", [(0.5, 0.5), (0.3, 0.7)])
def test_tversky_is_keras_with_exchanged_knobs(task, knobs):
    y = ONE_HOT if task is CLASSES else LABELS[:, : task.size]
    f = MARGINS[:, : task.size]
    p = softmax(f, axis=1) if task is CLASSES else expit(f)
    alpha, beta = knobs
    theirs = keras.losses.Tversky(alpha=beta, beta=alpha, axis=0, reduction=None)
    expected = np.mean(theirs(y, p))
    assert value(Tversky(*knobs), task, y, f) == pytest.approx(expected, rel=1e-5)
    if knobs == (0.5, 0.5):
        expected = np.mean(keras.losses.Dice(axis=0, reduction=None)(y, p))
        assert value(Tversky(), task, y, f) == pytest.approx(expected, rel=1e-5)


def test_tversky_counts_false_positives_with_alpha():
    # TP = 0.75, FP = 0.75, FN = 0.25
    y, f = np.array([[1.0], [0.0]]), np.log([[3.0], [3.0]])
    loss = Tversky(alpha=2.0, beta=1.0)
    assert value(loss, BINARY, y, f) == pytest.approx(1 - 0.75 / (0.75 + 1.5 + 0.25))
    # Keras says alpha weighs false positives; here it weighs the false negatives
    theirs = keras.losses.tversky(y, expit(f), alpha=2.0, beta=1.0)
    assert float(theirs) == pytest.approx(1 - 0.75 / (0.75 + 0.5 + 0.75), rel=1e-6)


def test_tversky_from_keras():
    ours = get(keras.losses.Tversky(alpha=0.3, beta=0.7), "classification")
    assert ours == Tversky(alpha=0.7, beta=0.3)
    for spec in (keras.losses.Dice(), "Dice", "dice", "soft_f1", keras.losses.dice):
        assert get(spec, "classification") == Tversky()


@pytest.mark.parametrize("b", [0.5, 1.0, 2.0])
def test_tversky_of_certain_decisions_is_the_f_score(b):
    alpha = 1 / (1 + b**2)
    loss = Tversky(alpha, 1 - alpha)
    sure = np.where(MARGINS > 0, 60.0, -60.0)
    expected = fbeta_score(LABELS, MARGINS > 0, beta=b, average="macro")
    assert value(loss, LABELLED, LABELS, sure) == pytest.approx(1 - expected)
    expected = fbeta_score(LABELS[:, 0], MARGINS[:, 0] > 0, beta=b)
    ours = value(loss, BINARY, LABELS[:, :1], sure[:, :1])
    assert ours == pytest.approx(1 - expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", [[0.3, -80.0, 2.0, -1e4], [-80.0] * 4, [-1e4] * 4])
def test_tversky_of_an_absent_class(f, dtype):
    raw = tf.constant(f, dtype)[:, None]
    with tf.GradientTape() as tape:
        tape.watch(raw)
        total = Tversky().batch_value(
            BINARY, tf.zeros_like(raw), raw, tf.ones(4, dtype)
        )
    assert float(total) == 4
    assert not tape.gradient(total, raw).numpy().any()


@pytest.mark.slow
def test_tversky_decides_for_the_f_score():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    y = (rng.random(2000) < expit(2 * X[:, 0] - 2.5)).astype(int)
    score = {}
    for loss in ("cross_entropy", "dice"):
        net = LossAwareClassifier(loss, network=(8,), epochs=60, random_state=0)
        score[loss] = f1_score(y, net.fit(X, y).predict(X))
    assert score["dice"] > score["cross_entropy"] + 0.05
    assert not hasattr(net, "predict_proba")


@pytest.mark.parametrize("spec", ["tversky:alpha=0", "dice:beta=-1"])
def test_tversky_refuses(spec):
    with pytest.raises(ValueError, match="must be in"):
        get(spec, "classification")


@pytest.mark.parametrize("task", [BINARY, LABELLED, CLASSES], ids=lambda t: t.kind)
def test_sums_with_batch_losses(task):
    y = ONE_HOT if task is CLASSES else LABELS[:, : task.size]
    f = MARGINS[:, : task.size]
    loss = 0.6 * CrossEntropy() + 0.4 * Tversky()
    assert not loss.decomposable
    assert not loss.has_probabilities
    expected = 0.6 * value(CrossEntropy(), task, y, f, WEIGHT) + 0.4 * value(
        Tversky(), task, y, f, WEIGHT
    )
    assert value(loss, task, y, f, WEIGHT) == pytest.approx(expected, rel=1e-12)
    best = loss.best_constant(task, y, WEIGHT)

    def total(z):
        return value(loss, task, y, np.tile(z, (N, 1)), WEIGHT)

    reached = total(best)
    for step in 0.01 * np.vstack([np.eye(task.size), -np.eye(task.size)]):
        assert reached <= total(best + step)
