"""Weighted sums of losses, and a loss of the user's own."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from risks import risk_minimiser
from sklearn.base import clone

import skloss.losses
from skloss.exceptions import LossTargetError
from skloss.losses import (
    AbsoluteError,
    AbsoluteErrorOnProbabilities,
    Brier,
    ClassificationLoss,
    CrossEntropy,
    Focal,
    GaussianNLL,
    Huber,
    Loss,
    LossSum,
    Poisson,
    Quantile,
    SquaredError,
    Task,
    get,
)
from skloss.losses._core._link import multiclass_link


def blend():
    return 0.7 * CrossEntropy() + 0.3 * Focal(gamma=3.0)


@pytest.fixture
def poly1():
    """Register a user's own loss for the length of one test."""

    class Poly1(ClassificationLoss):
        """Leng et al. 2022, Eq. 6: -log v_y + epsilon (1 - v_y)."""

        name = "poly1"
        proper = "link"

        def __init__(self, epsilon=1.0):
            self.epsilon = epsilon

        def pointwise(self, y_true, raw):
            log_p = keras.ops.sum(y_true * keras.ops.log_softmax(raw), axis=-1)
            return self.epsilon * (1 - keras.ops.exp(log_p)) - log_p

    yield Poly1
    Loss.registry["classification"].pop("poly1")


def test_is_a_value():
    loss = blend()
    assert repr(loss) == "0.7 * CrossEntropy() + 0.3 * Focal(gamma=3.0)"
    twins = [
        eval(repr(loss), vars(skloss.losses).copy()),
        clone(loss),
        copy.deepcopy(loss),
        pickle.loads(pickle.dumps(loss)),
    ]
    for twin in twins:
        assert twin is not loss
        assert type(twin) is type(loss)
        assert twin == loss
        assert hash(twin) == hash(loss)
        assert twin.structure() == loss.structure()
    assert loss != 0.6 * CrossEntropy() + 0.3 * Focal(gamma=3.0)
    assert loss != 0.7 * CrossEntropy() + 0.3 * Focal(gamma=2.0)


def test_names():
    loss = Focal() + CrossEntropy() + 2 * Focal(gamma=1.0) + Focal(gamma=4.0)
    names = [name for name, _, _ in loss.terms]
    assert names == ["focal", "cross_entropy", "focal_2", "focal_3"]
    assert loss.get_params()["focal_2__weight"] == 2.0
    assert loss.get_params()["focal_3__gamma"] == 4.0
    assert loss.knobs() == {
        "focal__weight": 1.0,
        "focal__gamma": 2.0,
        "cross_entropy__weight": 1.0,
        "cross_entropy__label_smoothing": 0.0,
        "focal_2__weight": 2.0,
        "focal_2__gamma": 1.0,
        "focal_3__weight": 1.0,
        "focal_3__gamma": 4.0,
    }


def test_set_params():
    loss = blend()
    assert loss.set_params(focal__gamma=1.5, focal__weight=0.9) is loss
    assert loss == 0.7 * CrossEntropy() + 0.9 * Focal(gamma=1.5)
    loss.set_params(cross_entropy=Brier())
    assert loss == LossSum(
        [("cross_entropy", 0.7, Brier()), ("focal", 0.9, Focal(gamma=1.5))]
    )
    with pytest.raises(ValueError, match="Invalid parameter 'gama'"):
        loss.set_params(focal__gama=1)
    with pytest.raises(ValueError, match="brier__weight"):
        loss.set_params(brier__weight=1)
    with pytest.raises(ValueError, match="Invalid parameter 'gama'"):
        blend().set_params(focal__gama=1.0)


def test_set_params_on_a_clone_leaves_the_original():
    loss = blend()
    for copied in (clone(loss), copy.deepcopy(loss), copy.copy(loss)):
        copied.set_params(focal__gamma=9.0, cross_entropy__weight=5.0)
        assert copied.get_params()["focal__gamma"] == 9.0
        assert loss == blend()
    term = Focal(gamma=3.0)
    loss = 0.7 * CrossEntropy() + 0.3 * term
    loss.set_params(focal__gamma=1.0)
    assert term.gamma == 3.0


def test_is_flat():
    nested = 0.5 * (0.4 * CrossEntropy() + Focal()) + 2 * Brier()
    assert nested == 0.2 * CrossEntropy() + 0.5 * Focal() + 2.0 * Brier()
    assert len(nested.terms) == 3
    assert all(not isinstance(loss, LossSum) for _, _, loss in nested.terms)
    assert sum([CrossEntropy(), Focal(), Brier()]) == CrossEntropy() + Focal() + Brier()
    assert CrossEntropy() * 0.5 == 0.5 * CrossEntropy()


@pytest.mark.parametrize(
    ("add", "what"),
    [
        (lambda: CrossEntropy() + SquaredError(), "family"),
        (lambda: SquaredError() + GaussianNLL(), "n_outputs"),
        (lambda: Quantile() + Quantile((0.1, 0.9)), "n_outputs"),
        (lambda: SquaredError() + Poisson(), "inverse"),
    ],
)
def test_terms_must_agree(add, what):
    with pytest.raises(LossTargetError, match=f"must agree in {what}.*Add losses"):
        add()


@pytest.mark.parametrize("weight", [-0.5, float("nan"), float("inf"), True, "2"])
def test_weight_must_be_a_number(weight):
    with pytest.raises(ValueError, match=r"finite number >= 0, got"):
        weight * CrossEntropy() if weight != "2" else CrossEntropy() * weight
    with pytest.raises(ValueError, match=r"finite number >= 0, got"):
        blend().set_params(focal__weight=weight).check()


def test_knobs_are_checked():
    with pytest.raises(ValueError, match="gamma=-1"):
        blend().set_params(focal__gamma=-1).check()


def test_only_losses_add():
    with pytest.raises(TypeError):
        CrossEntropy() + 1
    with pytest.raises(TypeError):
        1 + CrossEntropy()


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_value_is_the_weighted_sum(kind):
    rng = np.random.default_rng(0)
    size = {"binary": 1, "multiclass": 4, "multilabel": 3}[kind]
    y = (
        np.eye(4)[[0, 1, 2, 3, 0]]
        if kind == "multiclass"
        else rng.integers(0, 2, (5, size)).astype(float)
    )
    raw, weight = tf.constant(rng.normal(size=(5, size))), rng.uniform(1, 2, 5)
    terms = [(0.7, CrossEntropy(0.1)), (0.3, Focal(3.0)), (1.1, Brier())]
    whole = sum(w * loss for w, loss in terms)
    expected = sum(
        w * float(loss.batch_value(Task(kind, size), y, raw, weight))
        for w, loss in terms
    )
    value = whole.batch_value(Task(kind, size), y, raw, weight)
    assert float(value) == pytest.approx(expected, rel=1e-12)
    knobs = {k: tf.constant(v, tf.float64) for k, v in whole.knobs().items()}
    value = whole.bind(knobs).batch_value(Task(kind, size), y, raw, weight)
    assert float(value) == pytest.approx(expected, rel=1e-12)


def test_regression_sum():
    y, f = np.array([[1.0], [-2.0]]), np.array([[0.5], [1.0]])
    loss = 2.0 * SquaredError() + 0.5 * AbsoluteError()
    value = loss.rowwise(Task("regression", 1), y, f)
    np.testing.assert_allclose(value, [2 * 0.25 + 0.25, 18 + 1.5])
    assert loss.target_scaling == "robust"
    assert loss.elicits == "a mixture"
    assert (Huber(0.5) + Huber(2.0)).elicits == "Huber location"
    assert get(loss, "regression") is loss
    with pytest.raises(LossTargetError, match="is for regression"):
        get(loss, "classification")


SUMS = [
    0.7 * CrossEntropy() + 0.3 * Focal(),
    0.5 * CrossEntropy(0.1) + 0.5 * Focal(3.0),
    CrossEntropy() + 0.5 * Brier(),
    0.4 * CrossEntropy(0.2) + 0.3 * Focal(0.5) + 0.6 * Brier(),
    0.5 * AbsoluteErrorOnProbabilities() + 1.0 * CrossEntropy(),
]


@pytest.mark.parametrize("loss", SUMS, ids=repr)
@pytest.mark.parametrize("eta", [[0.7, 0.3], [0.55, 0.25, 0.15, 0.05]], ids=len)
def test_link_of_a_sum(loss, eta):
    assert loss.has_probabilities
    task = Task("binary", 1) if len(eta) == 2 else Task("multiclass", len(eta))
    z = risk_minimiser(loss, task, len(eta), gtol=1e-9)(eta).x[None]
    p = np.asarray(loss.inverse_link(task, tf.constant(z)))
    np.testing.assert_allclose(p[0], eta, atol=1e-4)
    if task.kind == "multiclass":
        p = np.asarray(multiclass_link(loss, tf.constant(z)))
        np.testing.assert_allclose(p[0], eta, atol=1e-4)
    best = loss.best_constant(task, np.eye(len(eta))[:, -task.size :], np.array(eta))
    p = np.asarray(loss.inverse_link(task, tf.constant(best[None])))
    np.testing.assert_allclose(p[0], eta, atol=1e-4)


def test_a_users_own_loss(poly1):
    loss = get("poly1:epsilon=2", "classification")
    assert loss == poly1(epsilon=2)
    assert clone(loss) == loss
    assert repr(loss) == "Poly1(epsilon=2)"
    eta, task = [0.55, 0.25, 0.15, 0.05], Task("multiclass", 4)
    for each in (loss, 0.5 * loss + 0.5 * Focal() + CrossEntropy(0.1)):
        z = risk_minimiser(each, task, len(eta), gtol=1e-9)(eta).x[None]
        p = np.asarray(each.inverse_link(task, tf.constant(z)))
        np.testing.assert_allclose(p[0], eta, atol=1e-4)
        z = risk_minimiser(each, Task("binary", 1), 2, gtol=1e-9)([0.8, 0.2]).x[None]
        p = np.asarray(each.inverse_link(Task("binary", 1), tf.constant(z)))
        np.testing.assert_allclose(p[0], [0.8, 0.2], atol=1e-4)
    both = (loss + CrossEntropy()).set_params(poly1__epsilon=3.0)
    assert both.get_params()["poly1__epsilon"] == 3.0
    v = np.exp(1.0) / (np.exp(1.0) + 1)
    value = poly1(2.0).rowwise(task, np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(value, -np.log(v) + 2 * (1 - v))
