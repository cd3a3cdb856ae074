"""Distributional losses against ``scipy.stats`` and numerical integration."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from skloss.losses import (
    BetaNLL,
    CRPSGaussian,
    CRPSLaplace,
    CRPSLogistic,
    GaussianNLL,
    LaplaceNLL,
    LogNormalNLL,
    NegativeBinomial,
    Poisson,
    StudentTNLL,
    Task,
)

RNG = np.random.default_rng(5)
N = 60
Y = 2 * RNG.normal(size=N)
LOCATION = RNG.normal(size=N)
S = 1.5 * RNG.normal(size=N)
ONE = Task("regression", 1)

LAWS = [
    (GaussianNLL(), lambda m, s: stats.norm(m, np.exp(s / 2))),
    (BetaNLL(), lambda m, s: stats.norm(m, np.exp(s / 2))),
    (CRPSGaussian(), lambda m, s: stats.norm(m, np.exp(s / 2))),
    (LaplaceNLL(), lambda m, s: stats.laplace(m, np.exp(s))),
    (CRPSLaplace(), lambda m, s: stats.laplace(m, np.exp(s))),
    (CRPSLogistic(), lambda m, s: stats.logistic(m, np.exp(s))),
    (StudentTNLL(), lambda m, s: stats.t(4, m, np.exp(s))),
    (StudentTNLL(df=1.0), lambda m, s: stats.cauchy(m, np.exp(s))),
    (StudentTNLL(df=2.7), lambda m, s: stats.t(2.7, m, np.exp(s))),
]
SCORES = [(loss, law) for loss, law in LAWS if type(loss).__name__.startswith("CRPS")]
LIKELIHOODS = [(loss, law) for loss, law in LAWS if (loss, law) not in SCORES]


def rows(loss, y, *raw):
    """Return the values per row for one target."""
    y = tf.constant(np.reshape(y, (-1, 1)), tf.float64)
    return loss.rowwise(ONE, y, tf.constant(np.column_stack(raw), tf.float64)).numpy()


def slopes(loss, y, *raw):
    raw = tf.constant(np.column_stack(raw), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        value = loss.rowwise(ONE, tf.constant(np.reshape(y, (-1, 1))), raw)
    return tape.gradient(value, raw).numpy()


@pytest.mark.parametrize(("loss", "law"), LIKELIHOODS, ids=lambda v: repr(v)[:25])
def test_likelihoods_are_the_densities_of_scipy(loss, law):
    expected = -law(LOCATION, S).logpdf(Y)
    np.testing.assert_allclose(rows(loss, Y, LOCATION, S), expected, rtol=1e-12)


@pytest.mark.parametrize(("loss", "law"), SCORES, ids=lambda v: repr(v)[:25])
def test_crps_is_the_integral(loss, law):
    value = rows(loss, Y, LOCATION, S)
    for y, m, s, crps in list(zip(Y, LOCATION, S, value, strict=True))[:20]:
        F = law(m, s)
        low, high = min(y, F.ppf(1e-13)), max(y, F.isf(1e-13))
        below = integrate.quad(
            lambda x, F=F: F.cdf(x) ** 2, low, y, limit=500, points=[m], epsabs=1e-11
        )
        above = integrate.quad(
            lambda x, F=F: F.sf(x) ** 2, y, high, limit=500, points=[m], epsabs=1e-11
        )
        assert crps == pytest.approx(below[0] + above[0], rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(("loss", "law"), LAWS, ids=lambda v: repr(v)[:25])
def test_distributions_are_in_the_users_units(loss, law):
    raw = np.stack([LOCATION, S], axis=-1)
    ours = loss.distribution(raw, 30.0, 7.0)
    scaled = law(LOCATION, S)
    for level in (0.05, 0.5, 0.9):
        np.testing.assert_allclose(ours.ppf(level), 30 + 7 * scaled.ppf(level))
    y = 30 + 7 * Y
    np.testing.assert_allclose(ours.logpdf(y), scaled.logpdf(Y) - np.log(7))
    np.testing.assert_allclose(ours.median(), 30 + 7 * np.asarray(loss.point(raw)))


@pytest.mark.parametrize(("loss", "law"), LAWS, ids=lambda v: repr(v)[:25])
def test_the_scale_is_held(loss, law):
    inside = rows(loss, [0.3, 0.3], [0.0, 0.0], [10.0, -10.0])
    outside = rows(loss, [0.3, 0.3], [0.0, 0.0], [14.0, -12.0])
    np.testing.assert_allclose(outside, inside + np.array([4.0, 2.0]), rtol=1e-6)
    spread = loss.distribution(np.array([[0.0, -50.0], [0.0, 50.0]]), 0.0, 1.0).std()
    assert (spread > 0).all() or isinstance(loss, StudentTNLL)


def test_beta_nll_weights_the_gradient():
    r = Y - LOCATION
    for beta in (0.0, 0.5, 1.0):
        weight = np.exp(beta * S)
        gradient = slopes(BetaNLL(beta), Y, LOCATION, S)
        by_hand = [-weight * r * np.exp(-S), weight * (1 - r * r * np.exp(-S)) / 2]
        np.testing.assert_allclose(gradient, np.stack(by_hand, axis=-1), rtol=1e-10)
    np.testing.assert_allclose(slopes(BetaNLL(1.0), Y, LOCATION, S)[:, 0], -r)
    np.testing.assert_allclose(
        slopes(BetaNLL(0.0), Y, LOCATION, S),
        slopes(GaussianNLL(), Y, LOCATION, S),
        rtol=1e-12,
    )


def test_many_degrees_of_freedom_are_normal():
    np.testing.assert_allclose(
        rows(StudentTNLL(df=1e7), Y, LOCATION, S / 2),
        rows(GaussianNLL(), Y, LOCATION, S),
        rtol=1e-3,
    )


def test_log_normal():
    y = np.exp(Y)
    law = stats.lognorm(np.exp(S / 2), scale=np.exp(LOCATION))
    loss = LogNormalNLL()
    np.testing.assert_allclose(rows(loss, y, LOCATION, S), -law.logpdf(y), rtol=1e-12)
    raw = np.stack([LOCATION, S], axis=-1)
    ours = loss.distribution(raw, 0.0, 7.0)
    np.testing.assert_allclose(ours.ppf(0.9), 7 * law.ppf(0.9))
    sane = S < 3
    np.testing.assert_allclose(np.asarray(loss.point(raw))[sane], law.mean()[sane])
    np.testing.assert_allclose(ours.mean()[sane], 7 * law.mean()[sane])


@pytest.mark.parametrize("s", [-10.0, -6.0, -2.0, -0.5, 0.0, 2.0, 9.0])
def test_negative_binomial(s):
    f = np.linspace(-3, 6, N)
    y = np.concatenate([np.arange(20), [50, 100, 1000], RNG.poisson(5, N - 23)])
    a = np.log1p(np.exp(s))
    law = stats.nbinom(1 / a, 1 / (1 + a * np.exp(f)))
    value = rows(NegativeBinomial(), y, f, np.full(N, s))
    np.testing.assert_allclose(value, -law.logpmf(y), rtol=1e-8)
    ours = NegativeBinomial().distribution(np.stack([f, np.full(N, s)], -1), 0.0, 1.0)
    np.testing.assert_allclose(ours.pmf(y), law.pmf(y), rtol=1e-10)
    np.testing.assert_allclose(ours.mean(), np.exp(f))
    np.testing.assert_allclose(ours.var(), np.exp(f) + a * np.exp(2 * f))


def test_negative_binomial_by_hand():
    # k = 1 is geometric: P(y) = p (1 - p)^y with p = 1 / (1 + mu); here mu = 3
    s = np.log(np.e - 1)  # softplus of it is 1
    value = rows(NegativeBinomial(), [0, 2], [np.log(3)] * 2, [s] * 2)
    np.testing.assert_allclose(value, -np.log([1 / 4, 9 / 64]))


def test_a_small_dispersion_is_poisson():
    y = RNG.poisson(3.0, N)
    value = rows(NegativeBinomial(), y, np.full(N, 1.1), np.full(N, -10.0))
    np.testing.assert_allclose(
        value, -stats.poisson.logpmf(y, np.exp(1.1)), rtol=2e-3, atol=1e-4
    )


def test_small_dispersions_are_exact_in_float32():
    y = tf.constant([[0.0], [3.0], [40.0]])
    raw = np.array([[1.0, -10.0], [1.0, -9.0], [3.0, -7.0]])
    single = NegativeBinomial().rowwise(ONE, y, tf.constant(raw, tf.float32))
    double = rows(NegativeBinomial(), y, *raw.T)
    np.testing.assert_allclose(single, double, rtol=1e-5)


def test_negative_binomial_of_several_targets():
    task = Task("regression", 2)
    y = np.array([[3.0, 0.0], [1.0, 7.0]])
    raw = np.array([[0.5, 1.0, -1.0, 0.3], [0.2, 2.0, -1.0, 0.3]])
    value = NegativeBinomial().rowwise(task, tf.constant(y), tf.constant(raw))
    each = [rows(NegativeBinomial(), y[:, j], raw[:, j], raw[:, 2 + j]) for j in (0, 1)]
    np.testing.assert_allclose(value, np.mean(each, axis=0), rtol=1e-12)
    assert NegativeBinomial().n_global(task) == 2
    assert NegativeBinomial("row").n_global(task) == 0
    trained = NegativeBinomial().trained(task, raw[0, 2:])
    np.testing.assert_allclose(trained["dispersion"], np.log1p(np.exp(raw[0, 2:])))
    assert NegativeBinomial("row").trained(task, np.zeros(0)) == {}


@pytest.mark.parametrize("dispersion", [0.0, 0.3, 2.0])
def test_constant_of_counts(dispersion):
    rng = np.random.default_rng(0)
    y = rng.poisson(4.0, 4000)
    if dispersion:
        y = rng.negative_binomial(1 / dispersion, 1 / (1 + 4 * dispersion), 4000)
    best = NegativeBinomial().best_constant(ONE, y[:, None].astype(float), None)
    assert np.exp(best[0]) == pytest.approx(y.mean())
    assert np.log1p(np.exp(best[1])) == pytest.approx(dispersion, rel=0.1, abs=0.01)


def test_constants_are_scipys_fits():
    y = np.random.default_rng(3).standard_t(4, size=500)[:, None]
    m, s = LaplaceNLL().best_constant(ONE, y, None)
    np.testing.assert_allclose([m, np.exp(s)], stats.laplace.fit(y))
    m, s = StudentTNLL().best_constant(ONE, y, None)
    _, *fitted = stats.t.fit(y, f0=4)
    np.testing.assert_allclose([m, np.exp(s)], fitted, rtol=1e-3, atol=1e-3)
    m, s = GaussianNLL().best_constant(ONE, y, None)
    np.testing.assert_allclose([m, np.exp(s / 2)], stats.norm.fit(y))


def test_poisson_distribution():
    raw = np.log([0.5, 3.0])
    law = Poisson().distribution(raw, 0.0, 4.0)
    np.testing.assert_allclose(law.mean(), [2, 12])
    np.testing.assert_allclose(law.pmf(1), stats.poisson.pmf(1, [2, 12]))


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (BetaNLL(-0.1), r"BetaNLL: beta=-0.1 must be in \[0, 1\]"),
        (BetaNLL(1.5), r"BetaNLL: beta=1.5 must be in \[0, 1\]"),
        (StudentTNLL(0), r"StudentTNLL: df=0 must be in \(0, inf\)"),
        (NegativeBinomial("all"), "dispersion='all' must be 'common' or 'row'"),
    ],
)
def test_wrong_knobs(loss, text):
    with pytest.raises(ValueError, match=text):
        loss.check()


def test_robust_ones_bound_the_influence_of_an_outlier():
    far, s = np.array([10.0, 1e3, 1e5]), np.zeros(3)
    for loss, _ in LAWS:
        gradient = abs(slopes(loss, far, np.zeros(3), s)).max(axis=1)
        assert (gradient[2] < 2 * gradient[0]) == loss.robust, loss
