"""Mixture densities against sums of ``scipy.stats``' normal densities."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats
from scipy.special import softmax

from skloss import LossAwareRegressor
from skloss.losses import GaussianNLL, MixtureDensity, Task
from skloss.losses._core._laws import normal_mixture

RNG = np.random.default_rng(5)
N = 60
ONE = Task("regression", 1)
Y = 2 * RNG.normal(size=N)


def raw_of(components, n=N):
    logits, means = RNG.normal(size=(2, n, components))
    return np.concatenate([logits, means, 0.7 * RNG.normal(size=means.shape)], axis=1)


def rows(loss, y, raw):
    y = tf.constant(np.reshape(y, (-1, 1)), tf.float64)
    return loss.rowwise(ONE, y, tf.constant(raw, tf.float64)).numpy()


def density(y, raw, components):
    """Return the density of the mixture, component by component."""
    w = softmax(raw[:, :components], axis=1)
    m, s = raw[:, components : 2 * components], np.exp(raw[:, 2 * components :])
    parts = [w[:, k] * stats.norm.pdf(y, m[:, k], s[:, k]) for k in range(components)]
    return sum(parts)


@pytest.mark.parametrize("components", [1, 2, 3, 7])
def test_value_is_the_density(components):
    raw = raw_of(components)
    value = rows(MixtureDensity(components), Y, raw)
    np.testing.assert_allclose(value, -np.log(density(Y, raw, components)), rtol=1e-10)


def test_one_component_is_gaussian():
    raw = raw_of(1)
    gaussian = rows(GaussianNLL(), Y, raw[:, 1:] * [1.0, 2.0])
    np.testing.assert_allclose(rows(MixtureDensity(1), Y, raw), gaussian, rtol=1e-12)


def test_equal_components_are_one():
    raw = np.tile([0.3, 0.3, 0.3, 1.0, 1.0, 1.0, -0.5, -0.5, -0.5], (N, 1))
    expected = -stats.norm(1, np.exp(-0.5)).logpdf(Y)
    np.testing.assert_allclose(rows(MixtureDensity(), Y, raw), expected, rtol=1e-12)


def test_several_targets():
    task, y, raw = Task("regression", 2), RNG.normal(size=(N, 2)), raw_of(3)
    both = np.hstack([raw, raw[::-1]])
    value = MixtureDensity().rowwise(task, tf.constant(y), tf.constant(both))
    each = [rows(MixtureDensity(), y[:, j], both[:, 9 * j : 9 * j + 9]) for j in (0, 1)]
    np.testing.assert_allclose(value, np.mean(each, axis=0), rtol=1e-12)


def test_deviations_are_held():
    raw = np.array([[0.0, 0.0, 0.2, 0.2, 5.0, -5.0]] * 2)
    raw[1, 4:] = 9.0, -7.0
    inside, outside = rows(MixtureDensity(2), [0.3, 0.3], raw)
    assert outside == pytest.approx(inside + 4 + 2)


def test_distribution_is_in_the_users_units():
    raw = raw_of(3)
    law = MixtureDensity().distribution(raw, 30.0, 7.0)
    y = 30 + 7 * Y
    np.testing.assert_allclose(law.pdf(y), density(Y, raw, 3) / 7, rtol=1e-10)
    np.testing.assert_allclose(law.logpdf(y), np.log(law.pdf(y)))
    point = np.asarray(MixtureDensity().point(tf.constant(raw)))
    np.testing.assert_allclose(law.mean(), 30 + 7 * point)


def test_the_law_agrees_with_itself():
    w, m, s = [0.2, 0.5, 0.3], [-4.0, 0.0, 3.0], [0.5, 1.0, 2.0]
    law = normal_mixture(w, m, s)
    assert law.cdf(40) == pytest.approx(1)
    assert law.sf(1.3) == pytest.approx(1 - law.cdf(1.3))
    area, _ = integrate.quad(law.pdf, -30, 1.3, points=[-4, 0])
    assert law.cdf(1.3) == pytest.approx(area)
    q = np.array([1e-9, 0.01, 0.2, 0.5, 0.8, 0.999])
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=1e-10)
    np.testing.assert_allclose(law.sf(law.isf(q)), q, rtol=1e-6)
    np.testing.assert_array_equal(law.ppf([0, 1]), [-np.inf, np.inf])
    draws = law.rvs(size=200_000, random_state=0)
    mean, var, skew, kurtosis = law.stats(moments="mvsk")
    moments = stats.skew(draws), stats.kurtosis(draws)
    assert draws.mean() == pytest.approx(mean, abs=4 * np.sqrt(var / 200_000))
    assert draws.var() == pytest.approx(var, rel=0.02)
    np.testing.assert_allclose(moments, [skew, kurtosis], atol=0.03)
    assert stats.kstest(draws[:5000], law.cdf).pvalue > 0.01
    assert law.std() == pytest.approx(np.sqrt(var))


def test_rows_of_the_law_are_apart():
    raw = np.hstack([raw_of(2), raw_of(2)]).reshape(N, 2, 6)
    both = MixtureDensity(2).distribution(raw, np.array([1.0, -2.0]), np.ones(2) * 3)
    for j, loc in ((0, 1.0), (1, -2.0)):
        alone = MixtureDensity(2).distribution(raw[:, j], loc, 3.0)
        np.testing.assert_allclose(both.ppf(0.3)[:, j], alone.ppf(0.3))
        np.testing.assert_allclose(both.var()[:, j], alone.var())
    assert both.rvs(random_state=0).shape == (N, 2)
    interval = np.stack(both.interval(0.9))
    np.testing.assert_allclose(both.cdf(interval[0]), 0.05, rtol=1e-9)


def test_training_starts_with_the_variance_of_y():
    y, weight = RNG.normal(3, 2, size=(500, 1)), RNG.uniform(0.5, 2, 500)
    for k in (1, 2, 3, 6):
        start = MixtureDensity(k).best_constant(ONE, y, weight)
        law = MixtureDensity(k).distribution(start[None], 0.0, 1.0)
        centre = np.average(y[:, 0], weights=weight)
        var = np.average((y[:, 0] - centre) ** 2, weights=weight)
        assert law.var()[0] == pytest.approx(var, rel=1e-6)
        assert law.mean()[0] == pytest.approx(centre, abs=0.2)
    twice = MixtureDensity(1).best_constant(ONE, np.full((9, 1), 2.0), None)
    assert np.isfinite(twice).all()


@pytest.mark.slow
def test_two_branches_are_found():
    """y = +-x: a single normal has to cover both, a mixture need not."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, (2000, 1))
    y = x[:, 0] * rng.choice([-1, 1], 2000) + 0.05 * rng.normal(size=2000)
    net = LossAwareRegressor(
        "mixture_density:components=2", network=(16,), learning_rate=0.01, epochs=30
    )
    law = net.set_params(random_state=0).fit(x, y).predict_dist([[1.2], [1.8]])
    np.testing.assert_allclose(law.mean(), 0, atol=0.15)
    assert (law.pdf([1.2, 1.8]) > 2).all()
    assert (law.pdf([-1.2, -1.8]) > 2).all()
    assert (law.pdf([0.0, 0.0]) < 0.01).all()


@pytest.mark.parametrize("components", [0, -1, 2.5, "3"])
def test_wrong_components(components):
    with pytest.raises(ValueError, match="must be an integer of at least 1"):
        MixtureDensity(components).check()
