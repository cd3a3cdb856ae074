"""Every inverse link of the catalogue: it gives the true probabilities, everywhere."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from catalogue import (
    TASKS,
    instances,
    marks_of,
    ready,
    some_slow,
)
from risks import risk_minimiser

import skloss.losses
from skloss.losses import Task
from skloss.losses._link import binary_link, multiclass_link
from skloss.losses._softmax import SoftmaxLoss

PROBABILISTIC = [
    x for x in instances() if x.family == "classification" and x.has_probabilities
]
every_link = pytest.mark.parametrize(
    "loss", [pytest.param(x, id=repr(x), marks=marks_of(x)) for x in PROBABILISTIC]
)


ETAS = {
    2: [[0.7, 0.3], [0.45, 0.55], [0.96, 0.04]],
    4: [[0.55, 0.25, 0.15, 0.05], [0.28, 0.26, 0.24, 0.22], [0.02, 0.08, 0.6, 0.3]],
    20: [np.arange(1, 21) / 210],
}


def possible(loss, etas):
    """Return those probabilities of labels that the loss's noise can have produced."""
    rate = getattr(loss, "transition", 0.0)
    return [eta for eta in etas if min(eta) > rate / (len(eta) - 1)]


@every_link
@pytest.mark.parametrize("n_classes", ETAS)
def test_link_returns_the_true_probabilities(loss, n_classes):
    if n_classes == 2:
        task = Task("binary", 1)
    else:
        task = Task("multiclass", n_classes)
    if task.kind not in loss.kinds:
        pytest.skip(f"not for {task.kind} targets")
    loss = ready(loss, task)
    minimiser = risk_minimiser(loss, task, n_classes, gtol=1e-12)
    for eta in possible(loss, ETAS[n_classes]):
        z = minimiser(eta).x[None]
        for dtype in ("float64", "float32"):
            p = loss.observed_probabilities(task, tf.constant(z, dtype)).numpy()
            assert p.dtype == dtype
            np.testing.assert_allclose(p[0], eta, atol=1e-4)


def far_scores(width):
    """Return scores from ordinary to +-1e4, exact ties among them."""
    rng = np.random.default_rng(2)
    far = np.array(list(itertools.product([-1e4, 0.0, 1e4], repeat=width)))
    near = np.concatenate([rng.normal(size=(20, width)) * s for s in (0.1, 1, 5, 50)])
    return np.concatenate([far, near])


@every_link
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_probabilities(loss, kind, dtype):
    task = TASKS[kind]
    if kind not in loss.kinds:
        pytest.skip(f"not for {kind} targets")
    loss = ready(loss, task)
    raw = tf.constant(far_scores(loss.n_raw(task)), dtype)
    p = np.asarray(loss.inverse_link(task, raw))
    assert p.dtype == dtype
    assert np.isfinite(p).all()
    assert (p > 0).all()
    assert (p < 1 if dtype == "float64" else p <= 1).all()
    if kind == "multilabel":
        assert p.shape == raw.shape
        return
    assert p.shape == (len(raw), 2 if kind == "binary" else 4)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    for i in (0, len(raw) - 1):
        one = np.asarray(loss.inverse_link(task, raw[i : i + 1]))
        np.testing.assert_allclose(one[0], p[i], rtol=1e-6)


def with_scores(loss, task):
    """Return the loss made ready, where it has one raw score a class."""
    if task.kind not in loss.kinds or loss.n_raw(task) != task.size:
        pytest.skip("it has no score for each class")
    return ready(loss, task)


@every_link
@pytest.mark.parametrize("n_classes", some_slow([4, 20], (20,)))
def test_general_link_is_the_closed_form(loss, n_classes):
    rng = np.random.default_rng(5)
    task = Task("multiclass", n_classes)
    loss = with_scores(loss, task)
    eta = possible(loss, rng.dirichlet(np.full(n_classes, 4.0), size=2))
    if not len(eta):
        pytest.skip("the noise it assumes exceeds these probabilities")
    z = np.stack([loss.constant_for(task, e) for e in eta])
    general = np.asarray(multiclass_link(loss, tf.constant(z)))
    closed = np.asarray(loss.observed_probabilities(task, tf.constant(z)))
    np.testing.assert_allclose(general, closed, atol=2e-5)
    np.testing.assert_allclose(closed, eta, atol=2e-5)
    if isinstance(loss, SoftmaxLoss) and not loss.smoothing():  # it holds everywhere
        z = rng.normal(size=(20, n_classes))
        general = np.asarray(multiclass_link(loss, tf.constant(z)))
        np.testing.assert_allclose(general, loss.link(tf.constant(z)), atol=1e-8)


@every_link
def test_general_binary_link_is_the_closed_form(loss):
    pairs = possible(loss, [(0.97, 0.03), (0.7, 0.3), (0.55, 0.45), (0.03, 0.97)])
    eta = np.array([p for _, p in pairs])
    task = Task("binary", 1)
    loss = with_scores(loss, task)
    if loss == skloss.losses.AsymmetricLoss():
        eta[-1] = 0.96  # no score means more than 0.964
    f = np.array([loss.constant_for(task, np.array([e]))[0] for e in eta])
    general = np.asarray(binary_link(loss, tf.constant(f)))
    closed = loss.observed_probabilities(task, tf.constant(f[:, None])).numpy()[:, 1]
    np.testing.assert_allclose(general, closed, atol=2e-5)
    np.testing.assert_allclose(closed, eta, atol=2e-5)


@every_link
@pytest.mark.parametrize("low", [-8.0, 1.05, -30.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_argmax_is_the_highest_score(loss, low, dtype):
    task = TASKS["multiclass"]
    loss = with_scores(loss, task)
    if getattr(loss, "decision", "mode") != "mode":
        pytest.skip("it decides by another rule")
    rng = np.random.default_rng(7)
    high = {-8.0: 8.0, 1.05: 9.0, -30.0: -1.5}[low]
    raw = rng.uniform(low, high, size=(400, 4))
    scores = np.asarray(loss.scores(task, tf.constant(raw)))
    best = np.sort(scores, axis=1)
    clear = best[:, -1] - best[:, -2] > 0.01
    p = np.asarray(loss.inverse_link(task, tf.constant(raw[clear], dtype)))
    np.testing.assert_array_equal(p.argmax(axis=1), scores[clear].argmax(axis=1))


@every_link
def test_binary_class_is_the_sign(loss):
    task = TASKS["binary"]
    loss = with_scores(loss, task)
    f = np.array([-1e4, -3.0, -1.0, -0.2, -1e-3, 1e-3, 0.2, 1.0, 3.0, 1e4])
    for dtype in ("float32", "float64"):
        raw = tf.constant(f[:, None], dtype)
        p = np.asarray(loss.inverse_link(task, raw))
        scores = np.asarray(loss.scores(task, raw))[:, 0]
        np.testing.assert_array_equal(p.argmax(axis=1), scores > 0)
