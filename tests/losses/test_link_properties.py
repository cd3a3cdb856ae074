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
)
from risks import risk_minimiser

import skloss.losses
from skloss.losses import Task
from skloss.losses._core._link import binary_link, multiclass_link
from skloss.losses._core._softmax_losses import SoftmaxLoss

PROBABILISTIC = [
    x for x in instances() if x.family == "classification" and x.has_probabilities
]


def links(chosen=lambda loss: True):
    """Return the mark for one test a loss, quick where ``marks_of`` says so."""
    marked = [
        pytest.param(x, id=repr(x), marks=marks_of(x))
        for x in PROBABILISTIC
        if chosen(x)
    ]
    return pytest.mark.parametrize("loss", marked)


def scores_classes(kind):
    """Return the rule that a loss has one raw score for each class, or the label."""
    task = TASKS[kind]
    return lambda loss: kind in loss.kinds and loss.n_raw(task) == task.size


every_link = links()

ETAS = {
    2: [[0.7, 0.3], [0.45, 0.55], [0.96, 0.04]],
    4: [[0.55, 0.25, 0.15, 0.05], [0.28, 0.26, 0.24, 0.22], [0.02, 0.08, 0.6, 0.3]],
    20: [np.arange(1, 21) / 210],
}


def possible(loss, etas):
    """Return those probabilities of labels that the loss's noise can have produced."""
    rate = getattr(loss, "transition", 0.0)
    return [eta for eta in etas if min(eta) > rate / (len(eta) - 1)]


def task_of(n_classes):
    """Return the task of telling so many classes."""
    return Task("binary", 1) if n_classes == 2 else Task("multiclass", n_classes)


@pytest.mark.parametrize(
    ("loss", "n_classes"),
    [
        pytest.param(
            x,
            n,
            id=f"{n}-{x!r}",
            marks=pytest.mark.slow if n == 20 else marks_of(x),
        )
        for x in PROBABILISTIC
        for n in ETAS
        if task_of(n).kind in x.kinds
    ],
)
def test_link_returns_the_true_probabilities(loss, n_classes):
    task = task_of(n_classes)
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
def test_rows_are_probabilities(loss):
    for kind, dtype in itertools.product(loss.kinds, ("float32", "float64")):
        task = TASKS[kind]
        own = ready(loss, task)
        raw = tf.constant(far_scores(own.n_raw(task)), dtype)
        p = np.asarray(own.inverse_link(task, raw))
        assert p.dtype == dtype
        assert np.isfinite(p).all()
        assert (p > 0).all()
        assert (p < 1 if dtype == "float64" else p <= 1).all()
        if kind == "multilabel":
            assert p.shape == raw.shape
            continue
        assert p.shape == (len(raw), 2 if kind == "binary" else 4)
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
        for i in (0, len(raw) - 1):
            one = np.asarray(own.inverse_link(task, raw[i : i + 1]))
            np.testing.assert_allclose(one[0], p[i], rtol=1e-6)


def drawn(loss, n_classes):
    """Return two lists of probabilities, or fewer where the loss assumes much noise."""
    rng = np.random.default_rng(5)
    return possible(loss, rng.dirichlet(np.full(n_classes, 4.0), size=2)), rng


GENERAL = [
    pytest.param(
        loss,
        n_classes,
        id=f"{n_classes}-{loss!r}",
        marks=pytest.mark.slow if n_classes == 20 else marks_of(loss),
    )
    for loss in PROBABILISTIC
    for n_classes in (4, 20)
    if scores_classes("multiclass")(loss) and drawn(loss, n_classes)[0]
]


@pytest.mark.parametrize(("loss", "n_classes"), GENERAL)
def test_general_link_is_the_closed_form(loss, n_classes):
    task = Task("multiclass", n_classes)
    loss = ready(loss, task)
    eta, rng = drawn(loss, n_classes)
    z = np.stack([loss.constant_for(task, e) for e in eta])
    general = np.asarray(multiclass_link(loss, tf.constant(z)))
    closed = np.asarray(loss.observed_probabilities(task, tf.constant(z)))
    np.testing.assert_allclose(general, closed, atol=2e-5)
    np.testing.assert_allclose(closed, eta, atol=2e-5)
    if isinstance(loss, SoftmaxLoss) and not loss.smoothing():  # it holds everywhere
        z = rng.normal(size=(20, n_classes))
        general = np.asarray(multiclass_link(loss, tf.constant(z)))
        np.testing.assert_allclose(general, loss.link(tf.constant(z)), atol=1e-8)


@links(scores_classes("binary"))
def test_general_binary_link_is_the_closed_form(loss):
    pairs = possible(loss, [(0.97, 0.03), (0.7, 0.3), (0.55, 0.45), (0.03, 0.97)])
    eta = np.array([p for _, p in pairs])
    task = Task("binary", 1)
    loss = ready(loss, task)
    if loss == skloss.losses.AsymmetricLoss():
        eta[-1] = 0.96  # no score means more than 0.964
    f = np.array([loss.constant_for(task, np.array([e]))[0] for e in eta])
    general = np.asarray(binary_link(loss, tf.constant(f)))
    closed = loss.observed_probabilities(task, tf.constant(f[:, None])).numpy()[:, 1]
    np.testing.assert_allclose(general, closed, atol=2e-5)
    np.testing.assert_allclose(closed, eta, atol=2e-5)


def decides_by_scores(loss):
    """Tell whether a loss with a score for each class decides for the highest."""
    by_mode = getattr(loss, "decision", "mode") == "mode"
    return by_mode and scores_classes("multiclass")(loss)


@links(decides_by_scores)
@pytest.mark.parametrize("low", [-8.0, 1.05, -30.0])
def test_argmax_is_the_highest_score(loss, low):
    task = TASKS["multiclass"]
    loss = ready(loss, task)
    rng = np.random.default_rng(7)
    high = {-8.0: 8.0, 1.05: 9.0, -30.0: -1.5}[low]
    raw = rng.uniform(low, high, size=(400, 4))
    scores = np.asarray(loss.scores(task, tf.constant(raw)))
    best = np.sort(scores, axis=1)
    clear = best[:, -1] - best[:, -2] > 0.01
    for dtype in ("float32", "float64"):
        p = np.asarray(loss.inverse_link(task, tf.constant(raw[clear], dtype)))
        np.testing.assert_array_equal(p.argmax(axis=1), scores[clear].argmax(axis=1))


@links(scores_classes("binary"))
def test_binary_class_is_the_sign(loss):
    task = TASKS["binary"]
    loss = ready(loss, task)
    f = np.array([-1e4, -3.0, -1.0, -0.2, -1e-3, 1e-3, 0.2, 1.0, 3.0, 1e4])
    for dtype in ("float32", "float64"):
        raw = tf.constant(f[:, None], dtype)
        p = np.asarray(loss.inverse_link(task, raw))
        scores = np.asarray(loss.scores(task, raw))[:, 0]
        np.testing.assert_array_equal(p.argmax(axis=1), scores > 0)
