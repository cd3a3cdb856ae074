"""``predict`` is the most probable class of ``predict_proba``, however far out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from canonical import NET, X, y_three
from catalogue import TASKS, instances, marks_of, ready

from skloss import LossAwareClassifier
from skloss.losses import (
    AbsoluteErrorOnProbabilities,
    AsymmetricLoss,
    Brier,
    ClassBalanced,
    ClassificationLoss,
    CrossEntropy,
    CustomLoss,
    Focal,
    ForwardCorrection,
    GeneralizedCrossEntropy,
    LogitAdjusted,
    ModifiedHuber,
    RankedProbability,
    Savage,
    SmoothHinge,
    Sord,
    Spherical,
    Square,
    Tangent,
    Task,
)

SINGLE = [
    x for x in instances() if x.family == "classification" and x.has_probabilities
]
SUMS = [
    0.7 * CrossEntropy() + 0.3 * Tangent(),
    0.5 * Savage() + 0.5 * SmoothHinge(),
    1.0 * ModifiedHuber(),
    0.5 * Square() + 0.5 * AsymmetricLoss(),
    CrossEntropy() + ForwardCorrection(0.2),
    CrossEntropy() + 0.5 * ForwardCorrection(((0.9, 0.1), (0.4, 0.6))),
    0.5 * GeneralizedCrossEntropy() + 0.5 * Spherical(),
    0.5 * CrossEntropy(0.2) + 0.5 * Focal(5.0),
    CrossEntropy(0.1) + Brier(),
    Brier() + Spherical(),
    LogitAdjusted() + ClassBalanced(),
    CrossEntropy() + 0.5 * AbsoluteErrorOnProbabilities(),
    CrossEntropy() + RankedProbability(decision="median"),
    Sord(decision="mean") + Focal(),
]


class Unbalanced(ClassificationLoss):
    """A user's loss with a link that follows from it, and no order of its scores."""

    proper = "link"

    def pointwise(self, y_true, raw):
        cost = keras.ops.arange(1, raw.shape[-1] + 1, dtype=raw.dtype)
        return -keras.ops.sum(cost * y_true * keras.ops.log_softmax(raw), axis=-1)


def power(y_true, y_pred):
    return keras.ops.sum(keras.ops.square(y_true - y_pred) ** 2, axis=-1)


OWN = [Unbalanced(), 0.5 * Unbalanced() + Brier(), CustomLoss(power, proper="link")]
CASES = [
    *(pytest.param(x, id=repr(x), marks=marks_of(x)) for x in SINGLE),
    *(pytest.param(x, id=repr(x)) for x in SUMS),
    *(pytest.param(x, id=repr(x)[:40]) for x in OWN),
]


def best_of(loss, p):
    """Return the class to choose by probabilities of ordered classes."""
    terms = getattr(loss, "losses", [loss])
    rule = next((t.decision for t in terms if t.decision), "mode")
    rank = np.arange(p.shape[1])
    error = {
        "mode": 1.0 * (rank[:, None] != rank),
        "median": abs(rank[:, None] - rank),
        "mean": (rank[:, None] - rank) ** 2,
    }[rule]
    return (p @ error).argmin(axis=1) if rule != "mode" else p.argmax(axis=1)


def tasks_of(loss):
    matrix = any(
        not isinstance(getattr(x, "transition", 0.0), float)
        for x in getattr(loss, "losses", [loss])
    )
    kinds = [k for k in loss.kinds if k != "multiclass"] if matrix else loss.kinds
    return [Task(k, 5) if k == "multiclass" else TASKS[k] for k in kinds]


@pytest.mark.parametrize("loss", CASES)
def test_the_decision_is_the_most_probable_class(loss):
    for task in tasks_of(loss):
        ours = ready(loss, task)
        for size in (0.5, 8.0, 40.0):
            rng = np.random.default_rng(0)
            raw = tf.constant(size * rng.normal(size=(100, ours.n_raw(task))))
            p = np.asarray(ours.inverse_link(task, raw))
            scores = np.asarray(ours.scores(task, raw))
            if task.kind == "multilabel":
                assert ((scores > 0) == (p > 0.5)).all()
            elif task.kind == "binary":
                assert ((scores[:, 0] > 0) == p.argmax(axis=1)).all()
            else:
                np.testing.assert_array_equal(scores.argmax(axis=1), best_of(ours, p))


@pytest.mark.parametrize("loss", [SUMS[0], SUMS[4]], ids=repr)
def test_of_an_estimator(loss):
    net = LossAwareClassifier(loss, **NET).fit(X, y_three)
    far = 20 * X
    chosen = net.predict_proba(far).argmax(axis=1)
    np.testing.assert_array_equal(net.predict(far), net.classes_[chosen])
    np.testing.assert_array_equal(net.decision_function(far).argmax(axis=1), chosen)


def test_exact_ties_go_to_the_first_class():
    task, raw = Task("multiclass", 3), tf.zeros((2, 3), tf.float64)
    for loss in (CrossEntropy(), SUMS[0], CrossEntropy() + Brier()):
        assert (np.asarray(loss.scores(task, raw)).argmax(axis=1) == 0).all()
        assert (np.asarray(loss.inverse_link(task, raw)).argmax(axis=1) == 0).all()


@pytest.mark.parametrize("q", [0.2, 0.7])
def test_a_link_that_is_flat_far_out_keeps_to_the_softmax(q):
    """Where no gradient is left in double precision the order of scores is known."""
    raw = 300 * np.random.default_rng(0).normal(size=(50, 5))
    for other in (Brier(), Spherical()):
        p = np.asarray((GeneralizedCrossEntropy(q) + other).link(tf.constant(raw)))
        np.testing.assert_array_equal(p.argmax(axis=1), raw.argmax(axis=1))
        np.testing.assert_allclose(p.sum(axis=1), 1)
