"""Ordered classes: values against other formulas, links, decisions, sums."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit, softmax
from scipy.stats import logistic
from sklearn.metrics import brier_score_loss, log_loss

from skloss import LossAwareClassifier, losses
from skloss.exceptions import LossTargetError
from skloss.losses import (
    Brier,
    Coral,
    Corn,
    CrossEntropy,
    CumulativeLink,
    RankedProbability,
    Sord,
    Task,
)

RNG = np.random.default_rng(5)
N, K = 60, 5
TASK = Task("multiclass", K)
RANKS = np.concatenate([np.arange(K), RNG.integers(0, K, N - K)])
ONE_HOT = np.eye(K)[RANKS]
THRESHOLD = -np.sort(-2 * RNG.normal(size=K - 1))  # decreasing
SCORE = 2 * RNG.normal(size=(N, 1))
TIED = np.hstack([SCORE, np.tile(THRESHOLD, (N, 1))])  # (g, b_1, ...)
FREE = 2 * RNG.normal(size=(N, K - 1))
SCORES = 2 * RNG.normal(size=(N, K))
ORDERED = [Coral(), Corn(), CumulativeLink(), RankedProbability(), Sord(), Sord(1.3)]
every = pytest.mark.parametrize("loss", ORDERED, ids=repr)


def rows(loss, raw, y=ONE_HOT, task=TASK):
    """Return the values per row."""
    y, raw = tf.constant(y, tf.float64), tf.constant(raw, tf.float64)
    return np.asarray(loss.rowwise(task, y, raw))


def probabilities(loss, raw, task=TASK):
    return np.asarray(loss.inverse_link(task, tf.constant(raw, tf.float64)))


def with_gaps(tied):
    """Return CumulativeLink's raw outputs with the same thresholds."""
    gaps = -np.diff(tied[:, 1:], axis=1)
    return np.hstack([tied[:, :2], np.log(np.expm1(gaps))])


# -- values --------------------------------------------------------------------------


def test_coral_golden_number():
    levels = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]])
    logits = [[2.1, 1.8, -2.1, -1.8], [1.9, -1, -1.5, -1.3], [1.9, 1.8, 1.7, 1.6]]
    raw = np.hstack([np.zeros((3, 1)), logits])
    value = rows(Coral(), raw, np.eye(5)[levels.sum(axis=1)]).mean()
    assert value == pytest.approx(0.6920, abs=5e-5)


def test_coral_is_one_logistic_regression_a_threshold():
    p = expit(SCORE + THRESHOLD)
    expected = sum(log_loss(RANKS > k, p[:, k]) for k in range(K - 1))
    assert rows(Coral(), TIED).mean() == pytest.approx(expected, rel=1e-12)


def test_corn_is_the_chain_rule():
    above = expit(FREE)  # P(y > k | y >= k)
    p = np.empty((N, K))
    for k in range(K):
        p[:, k] = np.prod(above[:, :k], axis=1) * (1 - above[:, k] if k < K - 1 else 1)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    expected = -np.log(p[np.arange(N), RANKS])
    np.testing.assert_allclose(rows(Corn(), FREE), expected, rtol=1e-12)
    np.testing.assert_allclose(probabilities(Corn(), FREE), p, atol=1e-6)


def test_corn_asks_each_question_of_the_rows_that_reach_it():
    total = 0
    for k in range(K - 1):
        reached = RANKS >= k
        p = expit(FREE[reached, k])
        total += log_loss(RANKS[reached] > k, p, normalize=False, labels=[False, True])
    assert rows(Corn(), FREE).sum() == pytest.approx(total, rel=1e-12)


def test_cumulative_link_is_a_difference_of_sigmoids():
    a = np.hstack(
        [np.full((N, 1), np.inf), SCORE + THRESHOLD, np.full((N, 1), -np.inf)]
    )
    p = expit(a[:, :-1]) - expit(a[:, 1:])
    value = rows(CumulativeLink(), with_gaps(TIED))
    np.testing.assert_allclose(value, -np.log(p[np.arange(N), RANKS]), rtol=1e-9)
    # a logistic variable with mean g falls between the cuts -b_k
    cuts = np.concatenate([[-np.inf], -THRESHOLD, [np.inf]])
    q = np.diff(logistic.cdf(cuts, loc=SCORE), axis=1)
    np.testing.assert_allclose(
        probabilities(CumulativeLink(), with_gaps(TIED)), q, atol=1e-6
    )


def test_cumulative_link_without_cancellation():
    # P(40 < Z < 41) of a logistic variable: exp(-40) - exp(-41), twice rounding to 1
    raw = [[-40.0, 0.0, np.log(np.expm1(1.0))]]
    value = rows(CumulativeLink(), raw, [[0.0, 1.0, 0.0]], Task("multiclass", 3))
    np.testing.assert_allclose(value, 40 - np.log1p(-np.exp(-1.0)), rtol=1e-12)


def test_ranked_probability_is_a_sum_of_brier_scores():
    p = softmax(SCORES, axis=1)
    expected = sum(
        brier_score_loss(RANKS > k, p[:, k + 1 :].sum(axis=1)) for k in range(K - 1)
    )
    value = rows(RankedProbability(), SCORES)
    assert value.mean() == pytest.approx(expected, rel=1e-12)
    two, y = SCORES[:, :1], (RANKS[:, None] > 2).astype(float)
    binary = Task("binary", 1)
    np.testing.assert_allclose(
        rows(RankedProbability(), two, y, binary), rows(Brier(), two, y, binary) / 2
    )


def test_ranked_probability_by_hand():
    # p = (1/2, 1/4, 1/4), true class 0: (1/2 - 1)^2 + (3/4 - 1)^2
    raw, task = np.log([[2.0, 1.0, 1.0]]), Task("multiclass", 3)
    value = rows(RankedProbability(), raw, [[1.0, 0.0, 0.0]], task)
    np.testing.assert_allclose(value, 0.3125)


def test_sord_by_hand():
    # T = 1 / log 2 halves the label with each rank: (1, 1/2, 1/4) / (7/4)
    raw, task = np.log([[4.0, 2.0, 1.0]]), Task("multiclass", 3)
    loss = Sord(1 / np.log(2))
    value = rows(loss, raw, [[1.0, 0.0, 0.0]], task)
    expected = -np.dot([4, 2, 1], np.log(np.array([4, 2, 1]) / 7)) / 7
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(probabilities(loss, raw, task), [[1, 0, 0]], atol=3e-6)


def test_sord_limits():
    sharp = rows(Sord(0.01), SCORES)
    np.testing.assert_allclose(sharp, rows(CrossEntropy(), SCORES), rtol=1e-12)
    flat = rows(Sord(1e9), SCORES)
    np.testing.assert_allclose(
        flat, -log_softmax(SCORES, axis=1).mean(axis=1), rtol=1e-6
    )


@pytest.mark.parametrize("loss", [Coral(), Corn(), CumulativeLink()], ids=repr)
def test_two_classes_are_the_logistic_loss(loss):
    task, y, f = Task("binary", 1), ONE_HOT[:, :1], SCORE
    assert (loss.n_raw(task), loss.n_global(task)) == (1, 0)
    np.testing.assert_allclose(
        rows(loss, f, y, task), rows(CrossEntropy(), f, y, task), rtol=1e-12
    )
    np.testing.assert_allclose(
        probabilities(loss, f, task), probabilities(CrossEntropy(), f, task), rtol=1e-12
    )


def test_raw_outputs():
    shapes = {
        type(loss): (loss.n_raw(TASK), loss.n_global(TASK)) for loss in ORDERED[:5]
    }
    assert shapes == {
        Coral: (K, K - 1),
        CumulativeLink: (K, K - 1),
        Corn: (K - 1, 0),
        RankedProbability: (K, 0),
        Sord: (K, 0),
    }


# -- links and constants -------------------------------------------------------------


def test_coral_probabilities_are_differences_of_sigmoids():
    above = np.hstack([np.ones((N, 1)), expit(SCORE + THRESHOLD), np.zeros((N, 1))])
    p = probabilities(Coral(), TIED)
    np.testing.assert_allclose(p, -np.diff(above, axis=1), atol=1e-6)


def test_coral_with_biases_out_of_order():
    # P(y > k) = .6, .7, .3: the second can be no more than the first
    raw = [[0.0, *logit([0.6, 0.7, 0.3])]]
    p = probabilities(Coral(), raw, Task("multiclass", 4))
    np.testing.assert_allclose(p, [[0.4, 0.0, 0.3, 0.3]], atol=1e-6)


@every
@pytest.mark.parametrize("eta", [[0.7, 0.3], [0.4, 0.05, 0.25, 0.2, 0.1]], ids=len)
def test_the_constant_has_the_class_frequencies(loss, eta):
    task = Task("binary", 1) if len(eta) == 2 else TASK
    y = np.array([[0.0], [1.0]]) if len(eta) == 2 else np.eye(K)
    best = loss.best_constant(task, y, np.array(eta))
    assert best.shape == (loss.n_raw(task),)
    np.testing.assert_allclose(probabilities(loss, best[None], task)[0], eta, atol=1e-5)


def test_proportional_odds_maximum_likelihood():
    """A network without hidden layers finds the maximum of the likelihood."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    latent = X @ [1.0, -0.5] + rng.logistic(size=200)
    y = np.searchsorted([-1.0, 0.3, 1.5], latent)

    def minus_log_likelihood(theta):
        cuts = np.concatenate([[-np.inf], theta[2:], [np.inf]])
        cdf = logistic.cdf(cuts, loc=(X @ theta[:2])[:, None])
        return -np.log(np.diff(cdf, axis=1)[np.arange(200), y]).mean()

    start = [0.0, 0.0, -1.0, 0.0, 1.0]
    best = minimize(minus_log_likelihood, start, method="BFGS")
    net = LossAwareClassifier(
        "cumulative_link",
        network=(),
        learning_rate=0.02,
        lr_schedule="cosine",
        batch_size=200,
        epochs=800,
        random_state=0,
    ).fit(X, y)
    assert log_loss(y, net.predict_proba(X)) == pytest.approx(best.fun, abs=1e-5)
    kernel, bias = net.model_.get_layer("head").get_weights()
    np.testing.assert_allclose(kernel[:, 0], best.x[:2], atol=2e-2)
    gaps = np.cumsum(np.log1p(np.exp(bias[2:])))
    cuts = -bias[0] - bias[1] + np.concatenate([[0.0], gaps])
    np.testing.assert_allclose(cuts, best.x[2:], atol=2e-2)


# -- decisions -----------------------------------------------------------------------


def test_decisions_by_hand():
    p = tf.constant([[0.4, 0.25, 0.35, 0.0], [0.55, 0.05, 0.05, 0.35]])
    chosen = {
        d: np.asarray(Coral(d).decide(p)).argmax(axis=1).tolist()
        for d in ("mode", "median", "mean")
    }
    assert chosen == {"mode": [0, 0], "median": [1, 0], "mean": [1, 1]}


@every
def test_decisions_minimise_the_expected_error(loss):
    raw = {Coral: TIED, CumulativeLink: with_gaps(TIED), Corn: FREE}
    raw = raw.get(type(loss), SCORES)
    p, rank = probabilities(loss, raw), np.arange(K)
    for decision, power in (("median", 1), ("mean", 2)):
        chosen = loss.bind({"decision": decision}).scores(TASK, raw)
        chosen = np.asarray(chosen).argmax(axis=1)
        error = (p[:, None] * abs(rank[:, None] - rank) ** power).sum(axis=2)
        reached = error[np.arange(N), chosen]
        np.testing.assert_allclose(reached, error.min(axis=1), rtol=1e-9)
    mode = np.asarray(loss.scores(TASK, raw))
    np.testing.assert_array_equal(mode.argmax(axis=1), p.argmax(axis=1))
    cumulated = np.cumsum(p, axis=1) >= 0.5
    median = loss.bind({"decision": "median"}).scores(TASK, raw)
    np.testing.assert_array_equal(
        np.asarray(median).argmax(axis=1), cumulated.argmax(axis=1)
    )


@pytest.mark.parametrize("name", ["coral", "corn", "cumulative_link", "rps", "sord"])
def test_unknown_decision(name):
    with pytest.raises(ValueError, match=r"decision='middle' must be one of 'mode'"):
        losses.get(f"{name}:decision=middle", "classification")


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf")])
def test_temperature_is_positive(temperature):
    with pytest.raises(ValueError, match="temperature"):
        Sord(temperature).check()


# -- sums ----------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [Coral(), Corn(), CumulativeLink()], ids=repr)
def test_a_weighted_threshold_loss_keeps_its_head(loss):
    whole = 0.3 * loss + 0.2 * loss
    raw = {Coral: TIED, CumulativeLink: with_gaps(TIED), Corn: FREE}[type(loss)]
    assert whole.n_raw(TASK) == loss.n_raw(TASK)
    assert whole.n_global(TASK) == loss.n_global(TASK)
    assert whole.ordered
    np.testing.assert_allclose(rows(whole, raw), 0.5 * rows(loss, raw), rtol=1e-12)
    np.testing.assert_array_equal(probabilities(whole, raw), probabilities(loss, raw))
    np.testing.assert_array_equal(whole.scores(TASK, raw), loss.scores(TASK, raw))
    task = Task("binary", 1)
    p = probabilities(whole, SCORE, task)
    np.testing.assert_array_equal(p, probabilities(loss, SCORE, task))
    np.testing.assert_array_equal(whole.scores(task, SCORE), SCORE)


def test_heads_must_agree():
    for other in (CrossEntropy(), Corn(), CumulativeLink(), RankedProbability()):
        with pytest.raises(LossTargetError, match=r"must agree in head.*'?coral"):
            Coral() + other


def test_a_sum_with_an_ordered_term_decides_by_it():
    loss = 0.5 * CrossEntropy() + RankedProbability("median")
    assert loss.ordered
    assert not (CrossEntropy() + Brier()).ordered
    p = probabilities(loss, SCORES)
    np.testing.assert_allclose(p, softmax(SCORES, axis=1), atol=1e-5)
    chosen = np.asarray(loss.scores(TASK, SCORES)).argmax(axis=1)
    np.testing.assert_array_equal(chosen, (np.cumsum(p, axis=1) >= 0.5).argmax(axis=1))


def test_a_sum_has_an_honest_link():
    loss, eta = 0.5 * CrossEntropy() + Sord(1.0), np.array([0.1, 0.3, 0.2, 0.25, 0.15])
    best = loss.best_constant(TASK, np.eye(K), eta)
    np.testing.assert_allclose(probabilities(loss, best[None])[0], eta, atol=1e-5)
