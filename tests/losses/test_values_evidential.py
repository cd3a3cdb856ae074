"""Evidential regression against the paper's formula, ``scipy.stats`` and integrals."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats
from scipy.special import gammaln

from skloss import LossAwareRegressor
from skloss.losses import EvidentialNIG, StudentTNLL, Task

RNG = np.random.default_rng(5)
N = 60
ONE = Task("regression", 1)
Y = 2 * RNG.normal(size=N)
RAW = 1.5 * RNG.normal(size=(N, 4))
M = RAW[:, 0]
V, A, B = np.log1p(np.exp(RAW[:, 1:])).T + np.array([[0.0], [1.0], [0.0]])
SCALE = np.sqrt(B * (1 + V) / (V * A))


def rows(loss, y=Y, raw=RAW):
    y = tf.constant(np.reshape(y, (-1, 1)), tf.float64)
    return loss.rowwise(ONE, y, tf.constant(raw, tf.float64)).numpy()


def test_value_is_the_papers():
    omega = 2 * B * (1 + V)
    nll = 0.5 * np.log(np.pi / V) - A * np.log(omega) + gammaln(A) - gammaln(A + 0.5)
    nll += (A + 0.5) * np.log((Y - M) ** 2 * V + omega)
    for penalty in (0.0, 0.01, 0.7):
        expected = nll + penalty * np.abs(Y - M) * (2 * V + A)
        np.testing.assert_allclose(rows(EvidentialNIG(penalty)), expected, rtol=1e-10)


def test_without_penalty_it_is_students_t():
    law = stats.t(2 * A, M, SCALE)
    np.testing.assert_allclose(rows(EvidentialNIG(0.0)), -law.logpdf(Y), rtol=1e-10)


def test_student_t_is_the_normal_with_its_parameters_integrated_out():
    value = np.exp(-rows(EvidentialNIG(0.0)))
    for i in range(5):
        prior = stats.invgamma(A[i], scale=B[i])

        def joint(var, i=i, prior=prior):
            spread = np.sqrt(var * (1 + 1 / V[i]))
            return stats.norm.pdf(Y[i], M[i], spread) * prior.pdf(var)

        ends = 0, prior.ppf(0.5), np.inf
        area = sum(integrate.quad(joint, ends[j], ends[j + 1])[0] for j in (0, 1))
        assert value[i] == pytest.approx(area, rel=1e-6)


def test_student_t_loss_with_fixed_degrees_of_freedom():
    one = np.log(np.expm1(1.0))
    raw = np.column_stack([M, np.full((N, 2), one), RAW[:, 3]])  # v = 1, a = 2
    theirs = rows(StudentTNLL(4.0), raw=np.column_stack([M, 0.5 * np.log(B)]))
    np.testing.assert_allclose(rows(EvidentialNIG(0.0), raw=raw), theirs, rtol=1e-10)


def test_large_evidence_is_normal_and_exact_in_float32():
    raw = np.column_stack([M, np.full(N, 3.0), np.full(N, 3000.0), np.full(N, 6000.0)])
    width = np.sqrt(6000 * (1 + np.log1p(np.exp(3))) / np.log1p(np.exp(3)) / 3001)
    expected = -stats.norm(M, width).logpdf(Y)
    np.testing.assert_allclose(rows(EvidentialNIG(0.0), raw=raw), expected, rtol=1e-3)
    single = EvidentialNIG().rowwise(
        ONE, tf.constant(Y[:, None], tf.float32), tf.constant(raw, tf.float32)
    )
    np.testing.assert_allclose(single, rows(EvidentialNIG(), raw=raw), rtol=1e-5)


def test_evidence_is_held():
    raw = np.array([[0.0, -10.0, -10.0, -10.0], [0.0, -12.0, -10.0, -15.0]])
    inside, outside = rows(EvidentialNIG(), [0.3, 0.3], raw)
    assert outside == pytest.approx(inside + 7)


def test_distribution_is_in_the_users_units():
    law = EvidentialNIG().distribution(RAW, 30.0, 7.0)
    y = 30 + 7 * Y
    expected = -rows(EvidentialNIG(0.0)) - np.log(7)
    np.testing.assert_allclose(law.logpdf(y), expected, rtol=1e-10)
    np.testing.assert_allclose(law.median(), 30 + 7 * M)
    aleatoric = 49 * B / (A - 1)
    np.testing.assert_allclose(law.var(), aleatoric + aleatoric / V)


def test_the_likelihood_does_not_know_the_split():
    """Another v with the same b (1 + v) / v: only the penalty sees the difference."""
    other = V / 3
    b = B * (1 + V) / V * other / (1 + other)
    raw = np.column_stack(
        [M, np.log(np.expm1(other)), RAW[:, 2], np.log(np.expm1(b))],
    )
    same = rows(EvidentialNIG(0.0), raw=raw)
    np.testing.assert_allclose(same, rows(EvidentialNIG(0.0)), rtol=1e-9)
    assert (rows(EvidentialNIG(), raw=raw) < rows(EvidentialNIG())).all()


def test_monitor_leaves_the_penalty_out():
    y, raw = tf.constant(Y[:, None]), tf.constant(RAW)
    ours = EvidentialNIG(0.7).monitor(ONE, y, raw, None)
    np.testing.assert_allclose(ours, rows(EvidentialNIG(0.0)), rtol=1e-12)


def test_training_starts_with_mean_and_variance_of_y():
    y, weight = RNG.normal(3, 2, size=(500, 1)), RNG.uniform(0.5, 2, 500)
    start = EvidentialNIG().best_constant(ONE, y, weight)
    law = EvidentialNIG().distribution(start, 0.0, 1.0)
    mean = np.average(y[:, 0], weights=weight)
    assert law.mean() == pytest.approx(mean)
    var = np.average((y[:, 0] - mean) ** 2, weights=weight)
    assert law.var() == pytest.approx(var)
    assert law.args[0] == pytest.approx(4)  # degrees of freedom


@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_heavy_tails_are_recovered(penalty):
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(2, 4000, 2))

    def truth(X):
        return stats.t(5, 3 * X[:, 0] - X[:, 1], np.exp(0.3 * X[:, 1]))

    net = LossAwareRegressor(
        EvidentialNIG(penalty), network=(16,), learning_rate=0.01, epochs=25
    ).set_params(random_state=0, lr_schedule="cosine")
    law = net.fit(X, truth(X).rvs(random_state=rng)).predict_dist(new)
    y = truth(new).rvs(random_state=rng)
    gap = truth(new).logpdf(y).mean() - law.logpdf(y).mean()
    assert gap < 0.03
    assert np.median(law.args[0]) == pytest.approx(5, rel=0.4)


def test_wrong_penalty():
    with pytest.raises(ValueError, match=r"EvidentialNIG: penalty=-1 must be in \[0"):
        EvidentialNIG(-1).check()
