"""Sums and wrappers of losses whose raw outputs are no scores, and single terms."""

import numpy as np
import pytest
import tensorflow as tf
from canonical import NET, X, y_three
from scipy.special import expit, logit

from skloss import LossAwareClassifier
from skloss.exceptions import LossTargetError
from skloss.losses import (
    AUCPairwise,
    Brier,
    ClassificationLoss,
    Coral,
    Corn,
    CrossEntropy,
    CumulativeLink,
    CVaR,
    ForwardCorrection,
    GaussianNLL,
    Huber,
    LogitAdjusted,
    Quantile,
    Task,
    Tilted,
    get,
)

FOUR = Task("multiclass", 4)
PRIOR = np.array([0.1, 0.2, 0.3, 0.4])
Y = np.repeat(np.eye(4), [1, 2, 3, 4], axis=0)
ABOVE = logit([0.9, 0.7, 0.4])  # P(y > k)


class Probe(ClassificationLoss):
    """A loss of classes that says of itself nothing that is the default."""

    kinds = ("multiclass",)
    ordered = True
    head = "a probe's"
    head_scale = 0.25
    nonnegative = False
    robust = True
    convex = True
    gradient_growth = "exponential"
    decision = "median"

    def n_raw(self, task):
        return task.size + 3

    def n_global(self, task):
        return 2

    def global_pace(self, task):
        return np.array([7.0, 3.0])


@pytest.mark.parametrize("make", [CVaR, Tilted, lambda x: 2 * x, lambda x: x + 0.5 * x])
def test_facts_of_classes_are_handed_on(make):
    whole, probe = make(Probe()), Probe()
    for fact in (
        "family kinds ordered head head_scale nonnegative gradient_growth decision"
    ).split():
        assert getattr(whole, fact) == getattr(probe, fact), fact
    assert whole.decomposable is (make not in (CVaR, Tilted))
    assert (whole.n_raw(FOUR), whole.n_global(FOUR)) == (7, 2)
    np.testing.assert_array_equal(whole.global_pace(FOUR), [7.0, 3.0])


def test_terms_whose_outputs_differ_in_number_are_refused():
    class Wide(ClassificationLoss):
        def n_raw(self, task):
            return task.size + 1

    with pytest.raises(LossTargetError, match=r"agree in n_raw.*Wide\(\): 5"):
        (CrossEntropy() + Wide()).n_raw(FOUR)


def test_a_batch_inside_a_sum_is_no_value_of_rows():
    both = AUCPairwise() + CrossEntropy()
    assert not both.decomposable
    with pytest.raises(LossTargetError, match="has no value for each row"):
        get(CVaR(both), "classification")


# -- decisions and starts --------------------------------------------------------------

SUMS = [
    lambda loss: 0.5 * loss,
    lambda loss: 0.5 * loss + 0.5 * loss,
    lambda loss: 0.5 * CVaR(loss) + 0.5 * loss,
    lambda loss: CVaR(loss) + CVaR(loss),
]


@pytest.mark.parametrize("make", SUMS)
def test_thresholds_are_decided_on_by_probabilities(make):
    g, b = np.linspace(-5, 5, 9)[:, None], np.array([[2.0, 0.5, -1.0]])
    above = expit(g + b)
    p = -np.diff(above, prepend=1, append=0)
    raw = tf.constant(np.concatenate([g, np.tile(b, (9, 1))], axis=1))
    whole = make(Coral())
    best = np.argmax(whole.scores(FOUR, raw), axis=1)
    np.testing.assert_array_equal(best, p.argmax(axis=1))
    assert len(set(best)) == 4
    wrong = np.roll(np.eye(4)[best], 1, axis=1)
    cost = tf.ones(4, tf.float64)
    if not whole.has_probabilities:
        assert whole.monitor_name() == "zero_one_loss"
        assert not np.any(whole.monitor(FOUR, tf.constant(np.eye(4)[best]), raw, cost))
        assert np.all(whole.monitor(FOUR, tf.constant(wrong), raw, cost))


@pytest.mark.parametrize("make", SUMS[:2])  # the others look at the worst rows
def test_thresholds_start_where_the_frequencies_are(make):
    weight = np.ones(len(Y))
    coral = make(Coral()).best_constant(FOUR, Y, weight)
    np.testing.assert_allclose(coral[0] + coral[1:], ABOVE, atol=1e-6)
    # of those not below a class, the share above it
    corn = make(Corn()).best_constant(FOUR, Y, weight)
    above = np.array([0.9, 0.7, 0.4])
    np.testing.assert_allclose(expit(corn), above / [1, 0.9, 0.7], atol=1e-6)
    linked = make(CumulativeLink()).best_constant(FOUR, Y, weight)
    steps = np.log1p(np.exp(linked[2:]))
    first = linked[0] + linked[1]
    thresholds = first - np.concatenate([[0], np.cumsum(steps)])
    np.testing.assert_allclose(thresholds, ABOVE, atol=1e-6)


def test_thresholds_train_alike_in_a_wrapper_and_in_a_sum():
    make = {**NET, "epochs": 12}
    alone = LossAwareClassifier(Coral(), **make).fit(X, y_three)
    expected = alone.decision_function(X)
    for loss in (CVaR(Coral(), alpha=1.0), 0.5 * Coral() + 0.5 * Coral()):
        net = LossAwareClassifier(loss, **make).fit(X, y_three)
        np.testing.assert_allclose(net.decision_function(X), expected, rtol=1e-3)


# -- a number before a loss ------------------------------------------------------------


def test_a_single_term_predicts_distributions_and_quantiles_and_is_watched_alike():
    loss, raw = 2.0 * GaussianNLL(), np.array([[[1.0, 0.0]], [[3.0, 1.0]]])
    assert loss.has_distribution
    assert loss.has_quantiles
    assert loss.monitor_name() == "negative_log_likelihood"
    law = loss.distribution(raw, np.array([10.0]), np.array([2.0]))
    np.testing.assert_allclose(law.mean().ravel(), [12.0, 16.0])
    np.testing.assert_allclose(
        loss.predict_quantiles(raw, [0.5], 10.0, 2.0).ravel(), [12.0, 16.0]
    )
    levels = 3.0 * Quantile((0.1, 0.5, 0.9))
    np.testing.assert_array_equal(levels.quantile_levels, [0.1, 0.5, 0.9])
    both = GaussianNLL() + GaussianNLL()
    assert not both.has_distribution
    assert not both.has_quantiles
    assert both.quantile_levels is None
    assert (Huber() + Huber()).monitor_name() == "mean_absolute_error"


@pytest.mark.parametrize("task", [Task("binary", 1), Task("multiclass", 3)])
@pytest.mark.parametrize(
    "loss", [ForwardCorrection(0.2), LogitAdjusted(posterior="balanced"), Brier()]
)
def test_a_single_term_has_its_own_probabilities_and_decisions(loss, task):
    y = np.array([0, 0, 0, 0, 1, 0, 1])
    y = y[:, None].astype(float) if task.size == 1 else np.eye(3)[[0, 0, 0, 0, 1, 2, 1]]
    loss = loss.bind(loss.measure(task, y, np.ones(7)))
    raw = tf.constant(np.random.default_rng(0).normal(size=(7, task.size)))
    whole = 2.0 * loss
    assert whole.proper == loss.proper
    for name in ("inverse_link", "observed_probabilities", "scores"):
        expected = getattr(loss, name)(task, raw)
        np.testing.assert_array_equal(getattr(whole, name)(task, raw), expected)
