"""Losses for wrong labels, and more losses on the softmax: values."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import brentq, minimize
from scipy.special import expit, softmax
from sklearn.datasets import load_wine
from sklearn.metrics import log_loss

from skloss import LossAwareClassifier
from skloss.exceptions import LossTargetError
from skloss.losses import (
    AbsoluteErrorOnProbabilities,
    BiTempered,
    CrossEntropy,
    ForwardCorrection,
    GeneralizedCrossEntropy,
    NormalizedCrossEntropyReverse,
    OneVsRest,
    Poly1,
    Spherical,
    SymmetricCrossEntropy,
    Task,
    get,
)
from skloss.losses._label_noise import tempered_log_softmax

RNG = np.random.default_rng(5)
N = 50
CODES = RNG.integers(0, 4, N)
ONE_HOT = np.eye(4)[CODES]
SCORES = 2 * RNG.normal(size=(N, 4)) + [0.5, 0, -0.3, -1]
V = softmax(SCORES, axis=1)
V_Y = V[np.arange(N), CODES]
LABELS = RNG.integers(0, 2, (N, 1)).astype(float)
MARGINS = 2 * RNG.normal(size=(N, 1)) + 0.3
ETA = np.array([0.55, 0.25, 0.15, 0.05])
MULTI, BINARY = Task("multiclass", 4), Task("binary", 1)
PRICE = -np.log(1e-4)


def rows(loss, kind, y, raw):
    """Return the values per row."""
    y, raw = tf.constant(y, tf.float64), tf.constant(raw, tf.float64)
    return loss.rowwise(Task(kind, y.shape[1]), y, raw).numpy()


def close(value, expected, rel=1e-10):
    np.testing.assert_allclose(value, expected, rtol=rel, atol=1e-12)


def both(loss, other, rel=1e-10):
    """Compare two losses on four classes and on two."""
    close(
        rows(loss, "multiclass", ONE_HOT, SCORES),
        rows(other, "multiclass", ONE_HOT, SCORES),
        rel,
    )
    close(
        rows(loss, "binary", LABELS, MARGINS),
        rows(other, "binary", LABELS, MARGINS),
        rel,
    )


# -- generalised, symmetric and normalised cross-entropy -----------------------------


@pytest.mark.parametrize("q", [0.1, 0.5, 0.7])
def test_gce_is_keras(q):
    theirs = keras.losses.CategoricalGeneralizedCrossEntropy(q=q, reduction=None)
    loss = GeneralizedCrossEntropy(q)
    close(rows(loss, "multiclass", ONE_HOT, SCORES), theirs(CODES, V), 2e-5)
    p = expit(np.hstack([-MARGINS, MARGINS]))
    close(rows(loss, "binary", LABELS, MARGINS), theirs(LABELS[:, 0], p), 2e-5)
    assert get(theirs, "classification") == loss
    assert get(type(theirs), "classification") == GeneralizedCrossEntropy(0.5)


def test_gce_lies_between_cross_entropy_and_absolute_error():
    both(GeneralizedCrossEntropy(1e-9), CrossEntropy(), 1e-6)
    both(GeneralizedCrossEntropy(1 - 1e-9), 0.5 * AbsoluteErrorOnProbabilities(), 1e-6)


def test_where_the_softmax_ends_on_known_probabilities():
    # an independent minimisation printed these to four digits
    z = GeneralizedCrossEntropy(0.7).constant_for(MULTI, ETA)
    np.testing.assert_allclose(softmax(z), [0.9211, 0.0665, 0.0121, 0.0003], atol=6e-5)
    z = SymmetricCrossEntropy().constant_for(MULTI, ETA)
    np.testing.assert_allclose(softmax(z), [0.9860, 0.0089, 0.0040, 0.0011], atol=6e-5)


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 1.0), (6.0, 0.1)])
def test_sce_is_the_sum_of_its_two_cross_entropies(alpha, beta):
    forward = log_loss(CODES, V, normalize=False) / N
    reverse = -np.sum(V * np.log(np.clip(ONE_HOT, 1e-4, 1)), axis=1)
    value = rows(SymmetricCrossEntropy(alpha, beta), "multiclass", ONE_HOT, SCORES)
    close(value, -alpha * np.log(V_Y) + beta * reverse)
    close(value.mean(), alpha * forward + beta * reverse.mean())
    both(
        SymmetricCrossEntropy(alpha, beta),
        alpha * Poly1(PRICE * beta / alpha),
    )
    both(SymmetricCrossEntropy(1.0, 0.0), CrossEntropy())


def test_nce_rce_by_hand():
    # softmax of log (4, 2, 1, 1): 1/2, 1/4, 1/8, 1/8, whose base-2 logs add up to 9
    z = np.log([[4.0, 2.0, 1.0, 1.0]] * 2)
    loss = NormalizedCrossEntropyReverse(2.0, 0.5)
    value = rows(loss, "multiclass", np.eye(4)[:2], z)
    close(value, [2 / 9 + 0.25 * PRICE, 4 / 9 + 0.375 * PRICE])
    value = rows(loss, "binary", [[1.0], [0.0]], [[np.log(3)]] * 2)
    a, b = np.log(4 / 3), np.log(4)
    close(value, np.array([a, b]) / (a + b) * 2 + np.array([0.125, 0.375]) * PRICE)


def test_nce_rce_is_symmetric():
    loss = NormalizedCrossEntropyReverse(2.0, 0.5)
    total = sum(
        rows(loss, "multiclass", np.tile(np.eye(4)[k], (N, 1)), SCORES)
        for k in range(4)
    )
    close(total, 2.0 + 0.5 * 3 * PRICE)


def test_nce_rce_finds_the_most_probable_class_and_no_minimum():
    loss = NormalizedCrossEntropyReverse()

    def risk(z):
        return ETA @ rows(loss, "multiclass", np.eye(4), np.tile(z, (4, 1)))

    # both parts fall to their infima where the first class takes all and the last
    # is left furthest behind
    infimum = ETA.min() + PRICE * (1 - ETA.max())
    far = [risk(np.array([0.0, -t, -t, -(t**2)])) for t in (3.0, 10.0, 100.0, 1e4)]
    assert np.all(np.diff(far) < 0)
    assert infimum < far[-1] < infimum + 1e-3
    rng = np.random.default_rng(0)
    assert all(risk(5 * rng.normal(size=4)) > infimum for _ in range(50))
    z = minimize(risk, np.zeros(4), method="BFGS").x
    assert z.argmax() == 0
    assert not loss.has_probabilities


# -- bi-tempered ---------------------------------------------------------------------


def normalised(z, t):
    """Return exp_t(z - lambda) with lambda found by root bracketing."""

    def p(lam):
        x = z - lam
        return np.exp(x) if t == 1 else (1 + (1 - t) * x) ** (1 / (1 - t))

    top = np.max(z)
    high = top + (np.log(len(z)) if t == 1 else (len(z) ** (t - 1) - 1) / (t - 1))
    lam = brentq(lambda lam: p(lam).sum() - 1, top - 1e-9, high + 1e-9, xtol=1e-14)
    return p(lam)


def bi_tempered(y, z, t1, t2):
    """Return the loss as it is written, row by row."""

    def log_t(x):
        return (x ** (1 - t1) - 1) / (1 - t1)

    p = np.array([normalised(row, t2) for row in z])
    bregman = y * (log_t(y) - log_t(p)) - (y ** (2 - t1) - p ** (2 - t1)) / (2 - t1)
    return bregman.sum(axis=1)


SOFT = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.2, 0.8, 0.0]])
SOFT_SCORES = np.array([[-0.5, 0.1, 2.0], [0.1, 1.5, -5.0], [4.0, -3.0, -6.0]])


def test_bi_tempered_golden_numbers():
    value = rows(BiTempered(0.5, 1.5), "multiclass", SOFT, SOFT_SCORES)
    np.testing.assert_allclose(value, [0.02301914, 0.18972909, 0.93874922], atol=1e-8)


@pytest.mark.parametrize(("t1", "t2"), [(0.8, 1.2), (0.2, 4.0), (0.5, 1.0), (0, 2)])
def test_bi_tempered_as_it_is_written(t1, t2):
    loss = BiTempered(t1, t2)
    for y, z in ((SOFT, SOFT_SCORES), (ONE_HOT, SCORES)):
        close(rows(loss, "multiclass", y, z), bi_tempered(y, z, t1, t2), 1e-9)
    pairs = np.hstack([0 * MARGINS, MARGINS])
    expected = bi_tempered(np.hstack([1 - LABELS, LABELS]), pairs, t1, t2)
    close(rows(loss, "binary", LABELS, MARGINS), expected, 1e-9)


def test_bi_tempered_with_two_classes_in_closed_form():
    # t2 = 2: 1 / a + 1 / (a - f) = 1 is a quadratic equation for a = 1 + lambda
    f = np.array([-30.0, -1.0, 0.0, 2.0, 500.0])
    a = (2 + f + np.sqrt(f**2 + 4)) / 2
    p = BiTempered(0.5, 2.0).binary_link(tf.constant(f)).numpy()
    close(p, 1 / (a - f), 1e-9)


def test_bi_tempered_goes_through_cross_entropy():
    both(BiTempered(1.0, 1.0), CrossEntropy())
    both(BiTempered(1 - 1e-7, 1 + 1e-7), CrossEntropy(), 1e-5)
    near = [BiTempered(t, 3 - t) for t in (0.99999, 0.999999, 0.9999999)]
    values = np.array([rows(x, "multiclass", ONE_HOT, SCORES) for x in near])
    assert np.all(np.abs(np.diff(values, axis=0)) < 1e-3)


@pytest.mark.parametrize("t", [1.0, 1.0001, 1.2, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("n_classes", [2, 20, 1000])
def test_tempered_softmax_is_normalised_and_has_the_implicit_gradient(t, n_classes):
    rng = np.random.default_rng(0)
    z = [s * rng.normal(size=(20, n_classes)) for s in (0.1, 1, 50, 1e4)]
    z = tf.constant(np.concatenate(z))
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_p = tempered_log_softmax(z, t)
        first = tf.reduce_sum(log_p[:, 0])
    p = np.exp(log_p)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    # d lambda / dz is the escort distribution p^t / sum p^t
    escort = p**t / np.sum(p**t, axis=1, keepdims=True)
    height = np.exp((t - 1) * log_p[:, :1])  # p^(t - 1), where p underflows as well
    expected = height * (np.eye(n_classes)[0] - escort)
    np.testing.assert_allclose(tape.gradient(first, z), expected, atol=1e-11)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"t1": -0.1}, "t1=-0.1 must be in"),
        ({"t1": 1.1}, "t1=1.1 must be in"),
        ({"t2": 0.8}, r"t2=0.8 must be in \[1, inf\)"),
    ],
)
def test_bi_tempered_refuses_other_temperatures(params, text):
    with pytest.raises(ValueError, match=text):
        BiTempered(**params).check()


# -- forward correction --------------------------------------------------------------

FLIPS = ((0.7, 0.2, 0.1, 0.0), (0.0, 0.9, 0.1, 0.0), (0.3, 0.0, 0.6, 0.1), (0, 0, 0, 1))


def test_forward_correction_by_hand():
    loss = ForwardCorrection(FLIPS)
    expected = -np.log((V @ np.array(FLIPS))[np.arange(N), CODES])
    close(rows(loss, "multiclass", ONE_HOT, SCORES), expected)
    loss = ForwardCorrection([[0.9, 0.1], [0.25, 0.75]])
    p = expit(MARGINS[:, 0])
    seen = 0.1 * (1 - p) + 0.75 * p
    value = rows(loss, "binary", LABELS, MARGINS)
    close(value, -np.log(np.where(LABELS[:, 0] == 1, seen, 1 - seen)))
    task = Task("multilabel", 1)
    raw = tf.constant(MARGINS)
    close(loss.observed_probabilities(task, raw)[:, 0], seen)
    close(loss.observed_probabilities(BINARY, raw)[:, 1], seen)


def test_forward_correction_without_noise_is_cross_entropy():
    both(ForwardCorrection(), CrossEntropy())
    identity = tuple(map(tuple, np.eye(4)))
    ours = rows(ForwardCorrection(identity), "multiclass", ONE_HOT, SCORES)
    close(ours, rows(CrossEntropy(), "multiclass", ONE_HOT, SCORES))


def test_a_rate_is_symmetric_noise():
    matrix = np.full((4, 4), 0.1) + 0.6 * np.eye(4)
    close(ForwardCorrection(0.3).matrix(4, "float64"), matrix)
    ours = rows(ForwardCorrection(0.3), "multiclass", ONE_HOT, SCORES)
    close(ours, rows(ForwardCorrection(matrix), "multiclass", ONE_HOT, SCORES))


@pytest.mark.parametrize(
    ("transition", "eta"),
    [(0.3, ETA), (FLIPS, ETA), (np.array([[0.9, 0.1], [0.25, 0.75]]), ETA[1:3] / 0.4)],
)
def test_forward_correction_finds_the_clean_probabilities(transition, eta):
    n_classes = len(eta)
    binary = n_classes == 2
    task = BINARY if binary else MULTI
    loss = ForwardCorrection(transition)
    loss.check()
    seen = eta @ loss.matrix(n_classes, "float64").numpy()
    y = np.array([[0.0], [1.0]]) if binary else np.eye(n_classes)

    def risk(z):
        return seen @ rows(loss, task.kind, y, np.tile(z, (n_classes, 1)))

    z = minimize(risk, np.zeros(task.size), method="BFGS", options={"gtol": 1e-8}).x
    for raw in (z, loss.constant_for(task, seen[1:] if binary else seen)):
        raw = tf.constant(raw[None])
        np.testing.assert_allclose(loss.inverse_link(task, raw)[0], eta, atol=1e-4)
        p = loss.observed_probabilities(task, raw)
        np.testing.assert_allclose(p[0], seen, atol=1e-4)


def test_early_stopping_scores_the_labels_as_they_are():
    loss, raw = ForwardCorrection(0.3), tf.constant(SCORES)
    close(loss.monitor(MULTI, ONE_HOT, raw, np.ones(4)), loss.pointwise(ONE_HOT, raw))


@pytest.mark.parametrize(
    ("transition", "text"),
    [
        (1.0, r"transition=1.0 must be in \[0, 1\)"),
        (-0.1, "transition=-0.1 must be in"),
        (((0.9, 0.2), (0, 1)), "rows are probabilities that sum to one"),
        (((1.5, -0.5), (0, 1)), "rows are probabilities that sum to one"),
        (((0.5, 0.5),), "square matrix"),
        (((0.5, 0.5), (0.5, 0.5)), "has no inverse"),
    ],
)
def test_forward_correction_refuses_other_matrices(transition, text):
    with pytest.raises(ValueError, match=text):
        ForwardCorrection(transition).check()


def test_forward_correction_refuses_another_number_of_classes():
    X, y = load_wine(return_X_y=True)
    net = LossAwareClassifier(ForwardCorrection(FLIPS), epochs=1)
    with pytest.raises(LossTargetError, match="needs 4 classes, y has 3"):
        net.fit(X, y)


# -- polynomial, spherical, one-vs-rest ----------------------------------------------


@pytest.mark.parametrize("epsilon", [-0.9, 1.0, 2.0])
def test_poly_is_a_series(epsilon):
    v = np.clip(V_Y, 0.05, 1)
    z = np.stack([np.log(v), np.log1p(-v)], axis=1)[v < 1]
    series = sum((1 - v) ** j / j for j in range(1, 2000)) + epsilon * (1 - v)
    y = np.tile([1.0, 0.0], (len(z), 1))
    close(rows(Poly1(epsilon), "multiclass", y, z), series[v < 1])


def test_poly_at_zero_is_cross_entropy():
    both(Poly1(0.0), CrossEntropy())


def test_spherical():
    expected = -V_Y / np.linalg.norm(V, axis=1)
    close(rows(Spherical(), "multiclass", ONE_HOT, SCORES), expected)
    p = expit(MARGINS[:, 0])
    true = np.where(LABELS[:, 0] == 1, p, 1 - p)
    close(rows(Spherical(), "binary", LABELS, MARGINS), -true / np.hypot(p, 1 - p))


def test_one_vs_rest():
    value = rows(OneVsRest(), "multiclass", ONE_HOT, SCORES)
    expected = sum(log_loss(ONE_HOT[:, k], expit(SCORES[:, k])) for k in range(4))
    close(value.mean(), expected)
    close(
        rows(OneVsRest(), "binary", LABELS, MARGINS),
        rows(CrossEntropy(), "binary", LABELS, MARGINS),
    )
    p = expit(SCORES)
    np.testing.assert_allclose(
        OneVsRest().link(tf.constant(SCORES)), p / p.sum(axis=1)[:, None], atol=2e-5
    )
