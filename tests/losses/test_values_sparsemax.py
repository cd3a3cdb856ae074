"""Sparsemax against the projection and the loss as the paper writes them."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize

from skloss import LossAwareClassifier
from skloss.losses import Brier, ModifiedHuber, Sparsemax, Task
from skloss.losses._softmax_more import sparsemax

RNG = np.random.default_rng(5)
N, K = 50, 6
SCORES = np.concatenate([s * RNG.normal(size=(N, K)) for s in (0.1, 0.5, 2.0, 20.0)])
ONE_HOT = np.eye(K)[np.arange(len(SCORES)) % K]
TASK = Task("multiclass", K)


def projection(z):
    """Return the paper's Algorithm 1 for one row, and its threshold."""
    largest = np.sort(z)[::-1]
    support = [k for k in range(1, K + 1) if 1 + k * largest[k - 1] > largest[:k].sum()]
    tau = (largest[: max(support)].sum() - 1) / max(support)
    return np.maximum(z - tau, 0), tau


def rows_and_slopes(y, raw):
    raw = tf.constant(raw)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        value = Sparsemax().pointwise(tf.constant(y, raw.dtype), raw)
    return value.numpy(), tape.gradient(value, raw).numpy()


def test_projection():
    expected = np.stack([projection(z)[0] for z in SCORES])
    sizes = np.count_nonzero(expected, axis=1)
    assert set(sizes) == set(range(1, K + 1))
    ours = np.asarray(sparsemax(tf.constant(SCORES)))
    np.testing.assert_allclose(ours, expected, atol=1e-14)
    np.testing.assert_array_equal(ours == 0, expected == 0)


def test_projection_is_the_nearest_point():
    simplex = {"type": "eq", "fun": lambda p: p.sum() - 1}
    for z in SCORES[N : N + 10]:
        nearest = minimize(
            lambda p, z=z: np.sum((p - z) ** 2),
            np.full(K, 1 / K),
            method="SLSQP",
            bounds=[(0, 1)] * K,
            constraints=simplex,
            options={"ftol": 1e-12},
        ).x
        np.testing.assert_allclose(sparsemax(tf.constant(z)), nearest, atol=1e-5)


def test_value_and_gradient_are_the_papers():
    value, gradient = rows_and_slopes(ONE_HOT, SCORES)
    for z, y, loss, slope in zip(SCORES, ONE_HOT, value, gradient, strict=True):
        p, tau = projection(z)
        support = p > 0
        expected = -z @ y + 0.5 * np.sum(z[support] ** 2 - tau**2) + 0.5
        assert loss == pytest.approx(expected, rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(slope, p - y, atol=1e-14)


def test_by_hand():
    # z = (0.8, 0.2, -1): the first two differ by less than 1, tau = (0.8 + 0.2 - 1) / 2
    z = np.array([[0.8, 0.2, -1.0]])
    np.testing.assert_allclose(sparsemax(tf.constant(z)), [[0.8, 0.2, 0.0]])
    value, _ = rows_and_slopes([[1.0, 0.0, 0.0]], z)
    assert value == pytest.approx(-0.8 + 0.5 * (0.64 + 0.04) + 0.5)
    ahead, _ = rows_and_slopes([[1.0, 0.0, 0.0]], np.array([[1.3, 0.3, -1.0]]))
    assert ahead == pytest.approx(0, abs=1e-12)


def test_ties_and_shifts():
    equal, slope = rows_and_slopes(np.eye(K), np.full((K, K), 7.0))
    np.testing.assert_allclose(equal, 0.5 - 0.5 / K)  # half the Gini impurity
    np.testing.assert_allclose(slope, 1 / K - np.eye(K), atol=1e-14)
    scores = np.round(64 * SCORES) / 64  # exact in float32, with 1000 too
    value, slope = rows_and_slopes(ONE_HOT, scores)
    for dtype, atol in (("float64", 1e-12), ("float32", 1e-6)):
        shifted = rows_and_slopes(ONE_HOT, (scores + 1000).astype(dtype))
        np.testing.assert_allclose(shifted[0], value, rtol=1e-6, atol=atol)
        np.testing.assert_allclose(shifted[1], slope, atol=atol)


def test_two_classes_are_a_quarter_of_modified_huber():
    f = np.linspace(-3, 3, 41)[:, None]
    for y in (np.zeros_like(f), np.ones_like(f)):
        ours = Sparsemax().binary(tf.constant(y), tf.constant(f))
        theirs = ModifiedHuber().binary(tf.constant(y), tf.constant(f))
        np.testing.assert_allclose(ours, np.asarray(theirs) / 4, atol=1e-14)


def test_at_the_optimum_it_is_half_of_brier():
    eta = RNG.dirichlet(np.full(K, 2.0))
    tiled = np.tile(eta, (K, 1))
    risk = eta @ rows_and_slopes(np.eye(K), tiled)[0]
    assert risk == pytest.approx(0.5 * (1 - eta @ eta))
    brier = Brier().pointwise(tf.eye(K, dtype="float64"), tf.math.log(tiled))
    assert risk == pytest.approx(0.5 * eta @ brier.numpy())
    p = Sparsemax().inverse_link(TASK, tf.constant(eta[None]))
    np.testing.assert_allclose(p[0], eta, atol=1e-5)


def test_several_at_once_equal_one_by_one():
    stacked = tf.constant(SCORES.reshape(4, N, K))
    y = tf.constant(ONE_HOT[:N])

    def one(raw):
        with tf.GradientTape() as tape:
            tape.watch(raw)
            value = Sparsemax().pointwise(y, raw)
        return value, tape.gradient(value, raw)

    values, slopes = tf.function(lambda z: tf.vectorized_map(one, z))(stacked)
    for z, value, slope in zip(stacked, values, slopes, strict=True):
        alone = rows_and_slopes(ONE_HOT[:N], z)
        np.testing.assert_allclose(value, alone[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(slope, alone[1], atol=1e-14)


def test_clear_classes_have_probability_one_and_the_rest_the_floor():
    X = np.repeat(np.eye(3), 30, axis=0)
    y = np.repeat([0, 1, 2], 30)
    net = LossAwareClassifier("sparsemax", network=(), learning_rate=0.1, epochs=60)
    p = net.set_params(random_state=0).fit(X, y).predict_proba(np.eye(3))
    np.testing.assert_allclose(p, np.eye(3), atol=3e-6)
