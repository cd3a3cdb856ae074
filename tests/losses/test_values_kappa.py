"""The quadratic weighted kappa loss against scikit-learn and pair by pair."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.special import expit, softmax
from sklearn.datasets import load_diabetes
from sklearn.metrics import cohen_kappa_score
from sklearn.preprocessing import scale

from skloss import LossAwareClassifier
from skloss.losses import CrossEntropy, QuadraticKappa, RankedProbability, Task, Tversky

RNG = np.random.default_rng(5)
N, K = 60, 5
RANKS = RNG.integers(0, K, N)
SCORES = 1.5 * RNG.normal(size=(N, K)) + 2 * np.eye(K)[RANKS]
WEIGHT = RNG.uniform(0.2, 3, N)
CLASSES, BINARY = Task("multiclass", K), Task("binary", 1)


def value(task, y, raw, weight=None, loss=None):
    """Return the batch's value per unit of weight."""
    weight = np.ones(len(y)) if weight is None else weight
    arrays = [tf.constant(a, tf.float64) for a in (y, raw, weight)]
    loss = QuadraticKappa() if loss is None else loss
    return float(loss.batch_value(task, *arrays)) / np.sum(weight)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_certain_predictions_have_scikit_learns_kappa(weight):
    predicted = SCORES.argmax(axis=1)
    certain = 100 * np.eye(K)[predicted]
    kappa = cohen_kappa_score(
        RANKS, predicted, weights="quadratic", sample_weight=weight
    )
    assert 0.3 < kappa < 0.95
    ours = value(CLASSES, np.eye(K)[RANKS], certain, weight)
    assert 1 - ours == pytest.approx(kappa, rel=1e-12)


def test_two_classes_have_the_plain_kappa():
    y = (RANKS > 2).astype(float)
    f = SCORES[:, 4] - 1.5
    kappa = cohen_kappa_score(y, f > 0, sample_weight=WEIGHT)
    ours = value(BINARY, y[:, None], 100 * np.sign(f)[:, None], WEIGHT)
    assert 1 - ours == pytest.approx(kappa, rel=1e-12)
    p = expit(f)
    two = value(
        Task("multiclass", 2),
        np.column_stack([1 - y, y]),
        np.log(np.column_stack([1 - p, p])),
        WEIGHT,
    )
    assert value(BINARY, y[:, None], f[:, None], WEIGHT) == pytest.approx(two)


def test_row_by_row():
    p = softmax(SCORES, axis=1)
    true = np.average(np.eye(K)[RANKS], axis=0, weights=WEIGHT)
    predicted = np.average(p, axis=0, weights=WEIGHT)
    error = chance = 0.0
    for i in range(K):
        for j in range(K):
            rows = RANKS == i
            error += (i - j) ** 2 * np.sum(WEIGHT[rows] * p[rows, j]) / WEIGHT.sum()
            chance += (i - j) ** 2 * true[i] * predicted[j]
    ours = value(CLASSES, np.eye(K)[RANKS], SCORES, WEIGHT)
    assert ours == pytest.approx(error / chance, rel=1e-12)


def test_weights_are_repeated_rows():
    times = np.arange(N) % 4
    y = np.eye(K)[RANKS]
    repeated = value(
        CLASSES, np.repeat(y, times, axis=0), np.repeat(SCORES, times, axis=0)
    )
    assert value(CLASSES, y, SCORES, times) == pytest.approx(repeated, rel=1e-12)
    assert value(CLASSES, y, SCORES, 7.5 * times) == pytest.approx(repeated, rel=1e-12)


def test_constants_have_no_kappa_and_perfection_has_one():
    y = np.eye(K)[RANKS]
    for constant in (np.zeros(K), RNG.normal(size=K), 100 * np.eye(K)[1]):
        assert value(CLASSES, y, np.tile(constant, (N, 1)), WEIGHT) == pytest.approx(1)
    assert value(CLASSES, y, 100 * y, WEIGHT) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_one_class_in_a_batch(weight):
    y = tf.one_hot(tf.fill([5], 2), K, dtype="float64")
    w = tf.fill([5], tf.constant(weight, tf.float64))
    for raw in (SCORES[:5], 1e4 * np.eye(K)[[2] * 5]):
        raw = tf.constant(raw)
        with tf.GradientTape() as tape:
            tape.watch(raw)
            total = QuadraticKappa().batch_value(CLASSES, y, raw, w)
        assert np.isfinite(float(total))
        np.testing.assert_allclose(tape.gradient(total, raw), 0, atol=1e-12)


X, progression = load_diabetes(return_X_y=True)
X = scale(X)
FIFTHS = np.searchsorted(np.quantile(progression, [0.2, 0.4, 0.6, 0.8]), progression)


def net(loss, **params):
    given = {"network": (16,), "epochs": 30, "learning_rate": 0.01, "random_state": 0}
    return LossAwareClassifier(loss, **given | params)


def kappa_on_new(loss):
    """Return the mean kappa of three networks on the other half of the rows."""
    found = []
    for seed in range(3):
        fitted = net(loss, random_state=seed).fit(X[::2], FIFTHS[::2])
        y = fitted.predict(X[1::2])
        found.append(cohen_kappa_score(FIFTHS[1::2], y, weights="quadratic"))
    return np.mean(found)


@pytest.mark.slow
def test_it_raises_kappa_beside_cross_entropy():
    plain = kappa_on_new("cross_entropy")
    assert kappa_on_new(0.5 * CrossEntropy() + 0.5 * QuadraticKappa()) > plain
    assert plain > kappa_on_new("qwk") > 0.5  # alone it trains worse


def test_an_ordered_categorical_is_its_ranks():
    words = np.array(["low", "mid", "high"])
    ranks = FIFTHS // 2
    y = pd.Categorical(words[ranks], categories=words, ordered=True)
    named, numbered = net("qwk").fit(X, y), net("qwk").fit(X, ranks)
    np.testing.assert_array_equal(named.predict(X), words[numbered.predict(X)])
    assert named.history_ == numbered.history_
    alphabetic = net("qwk").fit(X, words[ranks])
    assert alphabetic.history_ != numbered.history_


@pytest.mark.parametrize("other", [QuadraticKappa(), Tversky()], ids=repr)
def test_sums_with_ordered_losses_decide_by_the_scores(other):
    loss = RankedProbability() + other
    assert not loss.has_probabilities
    raw = tf.constant(SCORES)
    np.testing.assert_array_equal(loss.scores(CLASSES, raw), SCORES)
    fitted = net(loss, epochs=3).fit(X, FIFTHS)
    assert set(fitted.predict(X)) <= set(range(K))
    assert not hasattr(fitted, "predict_proba")
