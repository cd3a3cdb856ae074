"""The general inverse link: sums, many classes, saturated scores, both precisions."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import some_slow
from risks import risk_minimiser

from skloss.losses import (
    Brier,
    CrossEntropy,
    Focal,
    Hinge,
    Square,
    SquaredHinge,
    Task,
)

SUMS = [
    0.5 * CrossEntropy() + 0.5 * Brier(),
    0.5 * CrossEntropy() + 0.3 * Focal() + 0.2 * Brier(),
    CrossEntropy(label_smoothing=0.1) + 0.5 * Square() + 0.1 * Brier(),
    0.7 * CrossEntropy() + 0.3 * SquaredHinge(),
]
every_sum = pytest.mark.parametrize("loss", SUMS, ids=repr)


@every_sum
@pytest.mark.parametrize("n_classes", some_slow([2, 3, 10, 100], (3, 100)))
def test_sums_return_the_true_probabilities(loss, n_classes):
    eta = np.random.default_rng(n_classes).dirichlet(np.full(n_classes, 3.0))
    task = Task("binary", 1) if n_classes == 2 else Task("multiclass", n_classes)
    found = risk_minimiser(loss, task, n_classes, gtol=1e-9, maxiter=2000)(eta)
    assert np.abs(found.jac).max() < 1e-6
    for dtype in ("float32", "float64"):
        p = np.asarray(loss.inverse_link(task, tf.constant(found.x[None], dtype)))
        assert p.dtype == dtype
        np.testing.assert_allclose(p[0], eta, atol=1e-4)


@every_sum
@pytest.mark.parametrize("n_classes", some_slow([3, 40], (40,)))
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_of_any_size_give_probabilities(loss, n_classes, size, dtype):
    rng = np.random.default_rng(0)
    z = (size * rng.normal(size=(60, n_classes))).astype(dtype)
    z[0] = 0  # a tie of all classes
    z[1, :2] = z[1].max() + 1  # a tie of the two best
    p = np.asarray(loss.link(tf.constant(z)))
    assert p.dtype == dtype
    assert np.isfinite(p).all()
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(p[0], 1 / n_classes, rtol=1e-4)
    assert p[1, 0] == pytest.approx(p[1, 1], rel=1e-3)
    np.testing.assert_array_equal(p[2:].argmax(axis=1), z[2:].argmax(axis=1))


@every_sum
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_are_independent_binary_links(loss, dtype):
    f = np.array([[-1e4, -30.0, -2.0], [-1e-3, 1e-3, 0.0], [2.0, 30.0, 1e4]])
    labels = np.asarray(loss.inverse_link(Task("multilabel", 3), tf.constant(f, dtype)))
    assert labels.shape == f.shape
    for column in range(3):
        raw = tf.constant(f[:, column : column + 1], dtype)
        two = np.asarray(loss.inverse_link(Task("binary", 1), raw))
        np.testing.assert_allclose(labels[:, column], two[:, 1], rtol=1e-6)
    assert ((labels > 0) & (labels < 1)).all()
    assert (np.diff(labels.ravel()[f.ravel().argsort()]) >= 0).all()


def test_a_kink_takes_the_probabilities_away():
    assert not (CrossEntropy() + Hinge()).has_probabilities
