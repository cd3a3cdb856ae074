"""Beta likelihood and zero-inflated Poisson against ``scipy.stats`` and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit, logit

from skloss.exceptions import LossTargetError
from skloss.losses import BetaLikelihood, Task, ZeroInflatedPoisson
from skloss.losses._core._laws import zero_inflated_poisson

RNG = np.random.default_rng(5)
N = 60
ONE = Task("regression", 1)
F, S = 1.5 * RNG.normal(size=(2, N))
SHARE = RNG.uniform(size=N)
COUNT = np.concatenate([np.zeros(20), np.arange(20), RNG.poisson(30, 20)])


def rows(loss, y, *raw, dtype="float64"):
    y = tf.constant(np.reshape(y, (-1, 1)), dtype)
    return loss.rowwise(ONE, y, tf.constant(np.column_stack(raw), dtype)).numpy()


# -- beta ----------------------------------------------------------------------------


def beta(f, s):
    m, k = expit(f), np.exp(s)
    return stats.beta(m * k, (1 - m) * k)


@pytest.mark.parametrize("shift", [-6.0, -2.0, 0.0, 2.0, 6.0])
def test_beta_is_scipys(shift):
    value = rows(BetaLikelihood(), SHARE, F, S + shift)
    expected = -beta(F, S + shift).logpdf(SHARE)
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9)


def test_beta_by_hand():
    # a = b = 1 is uniform, a = 2, b = 1 has the density 2 y
    uniform = rows(BetaLikelihood(), SHARE, np.zeros(N), np.full(N, np.log(2)))
    np.testing.assert_allclose(uniform, 0, atol=1e-12)
    rising = rows(BetaLikelihood(), [0.25], [np.log(2)], [np.log(3)])
    assert rising == pytest.approx(-np.log(0.5))


def test_high_precisions_in_float32():
    f, s = np.array([-1.0, 0.5, 2.0, 0.0]), np.array([9.0, 7.0, 5.0, 2.1])
    y = expit(f + 0.02)
    single = rows(BetaLikelihood(), y, f, s, dtype="float32")
    expected = -beta(f, s).logpdf(y)
    np.testing.assert_allclose(single, expected, rtol=1e-4)


def test_beta_mean_and_distribution():
    raw = np.column_stack([F, S])
    law = BetaLikelihood().distribution(raw, 0.0, 1.0)
    m, k = expit(F), np.exp(S)
    np.testing.assert_allclose(law.mean(), m)
    np.testing.assert_allclose(law.var(), m * (1 - m) / (1 + k))
    np.testing.assert_allclose(BetaLikelihood().point(tf.constant(raw)), m)
    np.testing.assert_allclose(law.logpdf(SHARE), beta(F, S).logpdf(SHARE))


def test_beta_is_held():
    inside = rows(BetaLikelihood(), [0.3] * 3, [15.0, -15.0, 0.0], [0.0, 0.0, 10.0])
    outside = rows(BetaLikelihood(), [0.3] * 3, [17.0, -16.0, 0.0], [0.0, 0.0, 14.0])
    np.testing.assert_allclose(outside - inside, [2, 1, 4], rtol=1e-6)


@pytest.mark.slow
def test_beta_constant_is_scipys_fit():
    y = stats.beta(2.0, 5.0).rvs(2000, random_state=0)
    f, s = BetaLikelihood().best_constant(ONE, y[:, None], None)
    a, b, *_ = stats.beta.fit(y, floc=0, fscale=1)
    np.testing.assert_allclose(expit(f), a / (a + b), rtol=1e-5)
    np.testing.assert_allclose(np.exp(s), a + b, rtol=1e-5)


def test_targets_next_to_the_ends():
    y = np.array([[1e-12], [1 - 1e-12]])
    BetaLikelihood().check_target(ONE, y)
    value = rows(BetaLikelihood(), y, [0.1, 0.1], [3.0, 3.0], dtype="float32")
    assert np.isfinite(value).all()
    for end in (0.0, 1.0):
        with pytest.raises(LossTargetError, match=rf"needs 0 < y < 1, got {end:g}"):
            BetaLikelihood().check_target(ONE, np.array([[0.5], [end]]))


# -- zero-inflated Poisson -----------------------------------------------------------


@pytest.mark.parametrize("shift", [-6.0, 0.0, 4.0])
def test_zip_is_a_mixture_of_scipys_poisson_and_zero(shift):
    g = S + shift
    p = (1 - expit(g)) * stats.poisson.pmf(COUNT, np.exp(F)) + expit(g) * (COUNT == 0)
    value = rows(ZeroInflatedPoisson(), COUNT, F, g)
    np.testing.assert_allclose(value, -np.log(p), rtol=1e-9)


def test_zip_by_hand():
    # z = 1/4, mu = log 2: P(0) = 1/4 + 3/4 1/2, P(2) = 3/4 1/2 (log 2)^2 / 2
    f, g = np.log(np.log(2)), logit(0.25)
    value = rows(ZeroInflatedPoisson(), [0, 2], [f, f], [g, g])
    np.testing.assert_allclose(value, -np.log([5 / 8, 3 / 16 * np.log(2) ** 2]))


def test_without_excess_zeros_it_is_poisson():
    f = np.minimum(F, 0)
    value = rows(ZeroInflatedPoisson(), COUNT, f, np.full(N, -10.0))
    poisson = -stats.poisson.logpmf(COUNT, np.exp(f))
    np.testing.assert_allclose(value, poisson, atol=1e-4)


def test_zip_law():
    mu, zero = np.array([0.2, 2.0, 30.0]), np.array([0.6, 0.3, 0.05])
    law = zero_inflated_poisson(mu, zero)
    k = np.arange(200)[:, None]
    pmf = law.pmf(k)
    np.testing.assert_allclose(pmf.sum(axis=0), 1)
    np.testing.assert_allclose(np.cumsum(pmf, axis=0), law.cdf(k))
    np.testing.assert_allclose(law.sf(k), 1 - law.cdf(k), atol=1e-12)
    np.testing.assert_allclose(law.mean(), (k * pmf).sum(axis=0))
    np.testing.assert_allclose(law.var(), (k**2 * pmf).sum(axis=0) - law.mean() ** 2)
    below_one = law.cdf(k) < 1 - 1e-12
    np.testing.assert_array_equal(
        law.ppf(law.cdf(k))[below_one], (k + 0 * mu)[below_one]
    )
    for q in (0.01, 0.3, 0.62, 0.9, 0.999):
        below = law.cdf(law.ppf(q) - 1) < q
        assert (below & (law.cdf(law.ppf(q)) >= q)).all()
    draws = law.rvs(size=(100_000, 3), random_state=0)
    np.testing.assert_allclose(draws.mean(axis=0), law.mean(), rtol=0.02)
    np.testing.assert_allclose((draws == 0).mean(axis=0), law.pmf(0), rtol=0.03)


def test_zip_point_and_distribution():
    raw = np.column_stack([F, S])
    law = ZeroInflatedPoisson().distribution(raw, 0.0, 1.0)
    mean = np.exp(F) * (1 - expit(S))
    np.testing.assert_allclose(law.mean(), mean)
    np.testing.assert_allclose(ZeroInflatedPoisson().point(tf.constant(raw)), mean)
    value = rows(ZeroInflatedPoisson(), COUNT, F, S)
    np.testing.assert_allclose(law.logpmf(COUNT), -value, rtol=1e-9)


@pytest.mark.parametrize("zero", [0.0, 0.1, 0.6])
def test_zip_constant_is_the_fit(zero):
    rng = np.random.default_rng(1)
    y = rng.poisson(3.0, 3000) * (rng.random(3000) >= zero)

    def nll(raw):
        return -zero_inflated_poisson(np.exp(raw[0]), expit(raw[1])).logpmf(y).mean()

    bounds = [(-5, 5), (-10, 10)]
    fit = minimize(nll, [1.0, -1.0], bounds=bounds, tol=1e-12, method="Nelder-Mead")
    best = ZeroInflatedPoisson().best_constant(ONE, y[:, None].astype(float), None)
    # at the bound of g its f is Poisson's: 5e-5 off, which costs the square
    assert nll(best) <= fit.fun + (1e-12 if zero else 1e-8)
    assert np.exp(best[0]) == pytest.approx(3, rel=0.05)
    assert expit(best[1]) == pytest.approx(zero, abs=0.03)


@pytest.mark.parametrize("y", [[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1], [0, 5, 6, 7]])
def test_zip_constant_of_odd_tables(y):
    best = ZeroInflatedPoisson().best_constant(ONE, np.array(y, float)[:, None], None)
    assert np.isfinite(best).all()
    mean = ZeroInflatedPoisson().point(tf.constant(best[None]))
    assert float(mean[0]) == pytest.approx(np.mean(y), abs=1e-3)


def test_fewer_zeros_than_poisson_are_no_excess():
    y = np.array([0.0, 2, 3, 3, 4, 3, 2, 3, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])
    f, g = ZeroInflatedPoisson().best_constant(ONE, y[:, None], None)
    assert g == pytest.approx(-10) or expit(g) < 0.05
    y[0] = 1
    f, g = ZeroInflatedPoisson().best_constant(ONE, y[:, None], None)
    assert (f, g) == pytest.approx((np.log(y.mean()), -10))
