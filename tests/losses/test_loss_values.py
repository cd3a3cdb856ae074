"""Values against other implementations, golden numbers and hand computation."""

import keras
import numpy as np
import pytest
import sklearn._loss as sk
import tensorflow as tf
from scipy.special import expit, softmax
from scipy.stats import expectile, norm
from sklearn.metrics import brier_score_loss, hinge_loss, log_loss

from skloss.losses import (
    AbsoluteError,
    AbsoluteErrorOnProbabilities,
    Brier,
    CrammerSinger,
    CrossEntropy,
    Expectile,
    Focal,
    GaussianNLL,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Poisson,
    Quantile,
    Square,
    SquaredError,
    SquaredHinge,
    Task,
)

RNG = np.random.default_rng(11)
N = 50
CODES = RNG.integers(0, 4, N)
ONE_HOT = np.eye(4)[CODES]
SCORES = 2 * RNG.normal(size=(N, 4)) + [0.5, 0, -0.3, -1]
LABELS = RNG.integers(0, 2, (N, 1)).astype(float)
MARGINS = 2 * RNG.normal(size=(N, 1)) + 0.3
Y = RNG.normal(size=(N, 1))
F = RNG.normal(size=(N, 1)) * 1.5 + 0.2
WEIGHT = RNG.uniform(0.2, 3, N)


def rows(loss, kind, y, raw):
    """Return the values per row."""
    task = Task(kind, np.shape(y)[1])
    y, raw = tf.constant(y, tf.float64), tf.constant(raw, tf.float64)
    return np.asarray(loss.rowwise(task, y, raw))


def mean(loss, kind, y, raw):
    """Return scikit-learn's weighted average of the values per row."""
    return np.average(rows(loss, kind, y, raw), weights=WEIGHT)


def close(value, expected, rel=1e-10):
    np.testing.assert_allclose(value, expected, rtol=rel, atol=1e-12)


def test_cross_entropy_is_log_loss():
    expected = log_loss(CODES, softmax(SCORES, axis=1), sample_weight=WEIGHT)
    close(mean(CrossEntropy(), "multiclass", ONE_HOT, SCORES), expected)
    expected = log_loss(LABELS[:, 0], expit(MARGINS[:, 0]), sample_weight=WEIGHT)
    close(mean(CrossEntropy(), "binary", LABELS, MARGINS), expected)


def test_cross_entropy_golden_numbers():
    z = [[1.2, -0.8, -0.5], [0.9, -1.2, 1.1]]
    value = rows(CrossEntropy(), "multiclass", np.eye(3)[[0, 1]], z)
    np.testing.assert_allclose(value, [0.2761, 2.9518], atol=5e-5)


def test_cross_entropy_is_keras():
    ours = rows(CrossEntropy(), "binary", LABELS, MARGINS)
    theirs = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)
    close(ours, theirs(LABELS, MARGINS), 1e-5)
    for e in (0.1, 0.3):
        theirs = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=e, reduction=None
        )
        ours = rows(CrossEntropy(e), "multiclass", ONE_HOT, SCORES)
        close(ours, theirs(ONE_HOT, SCORES), 1e-5)
        theirs = keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=e, reduction=None
        )
        ours = rows(CrossEntropy(e), "binary", LABELS, MARGINS)
        close(ours, theirs(LABELS, MARGINS), 1e-5)


def test_kl_divergence():
    close(
        rows(KLDivergence(), "multiclass", ONE_HOT, SCORES),
        rows(CrossEntropy(), "multiclass", ONE_HOT, SCORES),
    )
    soft = RNG.dirichlet(np.ones(4) * 3, N)
    p = softmax(SCORES, axis=1)
    ours = rows(KLDivergence(), "multiclass", soft, SCORES)
    close(ours, np.sum(soft * np.log(soft / p), axis=1))
    theirs = keras.losses.KLDivergence(reduction=None)(soft, p)
    close(ours, theirs, 2e-5)


def test_brier():
    p = expit(MARGINS[:, 0])
    expected = 2 * brier_score_loss(LABELS[:, 0], p, sample_weight=WEIGHT)
    close(mean(Brier(), "binary", LABELS, MARGINS), expected)
    expected = np.sum((ONE_HOT - softmax(SCORES, axis=1)) ** 2, axis=1)
    close(rows(Brier(), "multiclass", ONE_HOT, SCORES), expected)


def test_focal_by_hand():
    # softmax of (log 3, 0) is (3/4, 1/4): (1/4)^2 log(4/3) and (3/4)^2 log 4
    z = np.log([[3.0, 1.0], [3.0, 1.0]])
    value = rows(Focal(2.0), "multiclass", np.eye(2), z)
    close(value, [np.log(4 / 3) / 16, 9 / 16 * np.log(4)])
    value = rows(Focal(0.5), "binary", [[1.0], [0.0]], [[np.log(3)], [np.log(3)]])
    close(value, [0.5 * np.log(4 / 3), np.sqrt(0.75) * np.log(4)])
    close(
        rows(Focal(0.0), "multiclass", ONE_HOT, SCORES),
        rows(CrossEntropy(), "multiclass", ONE_HOT, SCORES),
    )


@pytest.mark.parametrize("gamma", [0.5, 2.0, 3.0])
def test_focal_is_keras(gamma):
    theirs = keras.losses.BinaryFocalCrossentropy(
        gamma=gamma, from_logits=True, reduction=None
    )
    close(rows(Focal(gamma), "binary", LABELS, MARGINS), theirs(LABELS, MARGINS), 2e-4)


def test_absolute_error_on_probabilities():
    expected = np.sum(np.abs(ONE_HOT - softmax(SCORES, axis=1)), axis=1)
    ours = rows(AbsoluteErrorOnProbabilities(), "multiclass", ONE_HOT, SCORES)
    close(ours, expected)


def test_hinge():
    expected = hinge_loss(LABELS[:, 0], MARGINS[:, 0], sample_weight=WEIGHT)
    close(mean(Hinge(), "binary", LABELS, MARGINS), expected)
    close(mean(CrammerSinger(), "binary", LABELS, MARGINS), expected)
    expected = sum(
        hinge_loss(ONE_HOT[:, k], SCORES[:, k], sample_weight=WEIGHT) for k in range(4)
    )
    close(mean(Hinge(), "multiclass", ONE_HOT, SCORES), expected)


def test_crammer_singer():
    expected = hinge_loss(CODES, SCORES, sample_weight=WEIGHT, labels=range(4))
    close(mean(CrammerSinger(), "multiclass", ONE_HOT, SCORES), expected)


def test_crammer_singer_where_keras_lets_a_zero_in():
    y, z = np.array([[1.0, 0.0, 0.0]]), np.array([[-1.0, -3.0, -4.0]])
    close(rows(CrammerSinger(), "multiclass", y, z), 0.0)
    assert float(keras.losses.CategoricalHinge()(y, z)) == pytest.approx(2.0)


def test_squared_hinge():
    expected = keras.losses.SquaredHinge(reduction=None)(LABELS, MARGINS)
    close(rows(SquaredHinge(), "binary", LABELS, MARGINS), expected, 1e-5)
    value = rows(SquaredHinge(), "multiclass", [[1, 0, 0]], [[0.5, -2.0, 1.0]])
    close(value, 0.5**2 + 0 + 2**2)


def test_square_by_hand():
    y, z = [[0.0, 1.0, 0.0]], [[1.0, 2.0, -3.0]]
    close(rows(Square(), "multiclass", y, z), 1 + 1 + 9)
    close(rows(Square(kappa=15.0), "multiclass", y, z), 1 + 15 * 1 + 9)
    close(rows(Square(scale=30.0), "multiclass", y, z), 1 + 28**2 + 9)
    value = rows(Square(kappa=15.0, scale=30.0), "multiclass", y, z)
    close(value, 1 + 15 * 28**2 + 9)
    value = rows(Square(kappa=15.0, scale=3.0), "binary", [[1], [0]], [[2], [2]])
    close(value, [1, 25])


def test_squared_error():
    expected = 2 * sk.HalfSquaredError().loss(Y[:, 0], F[:, 0])  # theirs is half
    close(rows(SquaredError(), "regression", Y, F), expected)


def test_absolute_error():
    expected = sk.AbsoluteError().loss(Y[:, 0], F[:, 0])
    close(rows(AbsoluteError(), "regression", Y, F), expected)
    close(2 * rows(Quantile(0.5), "regression", Y, F), expected)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_pinball(quantile):
    expected = sk.PinballLoss(quantile=quantile).loss(Y[:, 0], F[:, 0])
    close(rows(Quantile(quantile), "regression", Y, F), expected)


def test_pinball_golden_number():
    y, f = np.array([[0.0, 0.0, 1.0, 1.0]]).T, np.array([[1.0, 1.0, 1.0, 0.0]]).T
    assert rows(Quantile(0.1), "regression", y, f).mean() == pytest.approx(0.475)


def test_several_quantiles_by_hand():
    loss, task = Quantile((0.1, 0.5, 0.9)), Task("regression", 1)
    gap = np.log(np.e - 1)  # softplus of it is 1: the levels are 1, 2, 3
    raw = tf.constant([[gap, 2.0, gap]], tf.float64)
    close(loss.levels(raw), [[1, 2, 3]])
    value = rows(loss, "regression", [[2.5]], raw)
    close(value, (0.1 * 1.5 + 0.5 * 0.5 + 0.1 * 0.5) / 3)
    close(loss.inverse_link(task, raw[:, None]), [[2.0]])


@pytest.mark.parametrize("delta", [0.4, 1.345])
def test_huber(delta):
    theirs = sk.HuberLoss(quantile=0.5, delta=delta)
    theirs.closs.delta = delta
    ours = rows(Huber(delta), "regression", Y, F)
    close(ours, theirs.loss(Y[:, 0], F[:, 0]))
    close(ours, keras.losses.Huber(delta=delta, reduction=None)(Y, F), 1e-4)


def test_log_cosh():
    ours = rows(LogCosh(), "regression", Y, F)
    close(ours, np.log(np.cosh(Y - F))[:, 0], 1e-9)
    np.testing.assert_allclose(
        ours, keras.losses.LogCosh(reduction=None)(Y, F), rtol=1e-5, atol=1e-6
    )


def test_poisson():
    y = RNG.poisson(2.0, (N, 1)).astype(float)
    close(
        rows(Poisson(), "regression", y, F), sk.HalfPoissonLoss().loss(y[:, 0], F[:, 0])
    )
    close(Poisson().inverse_link(Task("regression", 1), F), np.exp(F))


def test_poisson_continues_linearly():
    value = rows(Poisson(), "regression", [[0.0]] * 3, [[30.0], [31.0], [40.0]])
    close(value / np.exp(30), [1, 2, 11])


def test_expectile():
    y = np.random.default_rng(2).lognormal(size=(30, 1))
    weight = np.arange(30) % 3 + 1.0
    for level in (0.1, 0.5, 0.8):
        best = Expectile(level).best_constant(Task("regression", 1), y, weight)
        close(best, expectile(y[:, 0], level, weights=weight), 1e-6)
    close(
        rows(Expectile(0.8), "regression", [[3.0], [1.0]], [[1.0], [3.0]]), [3.2, 0.8]
    )


def test_gaussian_nll():
    s = RNG.normal(size=(N, 1))
    expected = -norm.logpdf(Y, loc=F, scale=np.exp(s / 2))[:, 0]
    close(rows(GaussianNLL(), "regression", Y, np.hstack([F, s])), expected)


def test_rows_average_labels_and_targets():
    y = np.array([[1.0, 0.0, 1.0]])
    f = np.array([[0.3, -1.0, 2.0]])
    each = [rows(CrossEntropy(), "binary", y[:, [j]], f[:, [j]]) for j in range(3)]
    close(rows(CrossEntropy(), "multilabel", y, f), np.mean(each))
    close(rows(SquaredError(), "regression", y, f), np.mean((y - f) ** 2))
