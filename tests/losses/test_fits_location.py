"""Fits with the losses of location: models, outliers, recovered means and quantiles."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.preprocessing import scale

from skloss import LossAwareRegressor

# -- fits --------------------------------------------------------------------------

X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)
X_DIABETES = scale(X_DIABETES)[:120]
Y_DIABETES = np.stack([Y_DIABETES[:120], 400 - Y_DIABETES[:120]], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        "cauchy",
        "hl_gauss:bins=10",
        "mape",
        "msle",
        "fractional",
        "gamma",
        "smooth_quantile:quantile=(0.1, 0.5, 0.9)",
    ],
)
def test_model_monitor_and_several_targets(spec):
    y = Y_DIABETES / 400
    net = LossAwareRegressor(
        spec, network=(8,), epochs=20, early_stopping=True, random_state=0
    )
    net.fit(X_DIABETES, y)
    predicted = net.predict(X_DIABETES)
    assert predicted.shape == y.shape
    np.testing.assert_allclose(
        net.model_.predict(X_DIABETES, verbose=0), predicted, rtol=1e-4, atol=1e-5
    )
    assert f"val_{net.loss_.monitor_name()}" in net.history_


# -- what the losses are for -------------------------------------------------------

ROBUST = [
    "absolute_error",
    "barron",
    "barron:alpha=-1",
    "cauchy",
    "epsilon_insensitive",
    "fair",
    "geman_mcclure",
    "huber",
    "huber:delta=0.25",
    "log_cosh",
    "pseudo_huber",
    "quantile",
    "smooth_quantile",
    "tukey",
]


def contaminated_friedman(seed):
    """Return training rows, a tenth of them off by ten deviations, and test rows."""
    X, y = make_friedman1(1200, random_state=seed)
    X, rng = scale(X), np.random.default_rng(seed)
    train = y[:600] + np.where(
        rng.random(600) < 0.1, 10 * y.std() * rng.normal(size=600), 0.0
    )
    return X[:600], train, X[600:], y[600:]


def errors_under_contamination(spec):
    """Return the test MAE for each seed."""
    found = []
    for seed in range(3):
        X, y, X_test, y_test = contaminated_friedman(seed)
        net = LossAwareRegressor(spec, epochs=60, random_state=seed).fit(X, y)
        found.append(np.abs(net.predict(X_test) - y_test).mean())
    return np.array(found)


@pytest.fixture(scope="module")
def square_errors():
    return errors_under_contamination("squared_error")


@pytest.mark.slow
@pytest.mark.parametrize("spec", ROBUST)
def test_robust_losses_withstand_contamination(spec, square_errors):
    assert (errors_under_contamination(spec) < 0.8 * square_errors).all()


X_LINEAR = np.random.default_rng(0).normal(size=(40_000, 4))
ETA = X_LINEAR @ [0.5, -0.4, 0.3, 0.0]


def linear_fit(spec, y):
    """Return a linear model of the first 20,000 rows and the X of the others."""
    net = LossAwareRegressor(
        spec,
        network=(),
        epochs=20,
        learning_rate=0.01,
        lr_schedule="cosine",
        random_state=0,
    )
    return net.fit(X_LINEAR[:20_000], y[:20_000]), X_LINEAR[20_000:]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quantile", "smooth_quantile"])
@pytest.mark.parametrize("levels", [0.1, 0.5, 0.9, (0.05, 0.5, 0.95)])
def test_quantiles_cover_their_level(name, levels):
    rng = np.random.default_rng(1)
    noise = rng.standard_t(4, size=40_000) + rng.exponential(size=40_000)
    y = 2 * ETA + noise
    net, X = linear_fit(f"{name}:quantile={levels}", y)
    covered = (y[20_000:, None] <= net.predict_quantiles(X)).mean(axis=0)
    np.testing.assert_allclose(covered, np.atleast_1d(levels), atol=0.02)


def compound_poisson(rng, mean, power, dispersion=1.5):
    """Return Tweedie-distributed amounts: a Poisson number of gamma claims."""
    rate = mean ** (2 - power) / (dispersion * (2 - power))
    size = dispersion * (power - 1) * mean ** (power - 1)
    claims = rng.poisson(rate)
    shape = np.maximum(claims, 1) * (2 - power) / (power - 1)
    return np.where(claims > 0, rng.gamma(shape) * size, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["poisson", "gamma", "tweedie", "tweedie:power=1.2"])
def test_log_links_recover_the_conditional_mean(spec):
    rng, mean = np.random.default_rng(2), np.exp(1 + ETA)
    y = {
        "poisson": rng.poisson(mean),
        "gamma": rng.gamma(2.0, mean / 2),
        "tweedie": compound_poisson(rng, mean, 1.5),
        "tweedie:power=1.2": compound_poisson(rng, mean, 1.2),
    }[spec]
    net, X = linear_fit(spec, y)
    off = np.log(net.predict(X) / mean[20_000:])
    assert np.sqrt(np.mean(off**2)) < 0.03
    wrong, _ = linear_fit("msle", y)  # it models another mean
    off = np.log(np.maximum(wrong.predict(X), 1e-3) / mean[20_000:])
    assert np.sqrt(np.mean(off**2)) > 0.1


@pytest.mark.slow
def test_fractional_recovers_the_conditional_mean():
    rng, mean = np.random.default_rng(3), 1 / (1 + np.exp(-ETA))
    shares = rng.beta(3 * mean, 3 * (1 - mean))
    ends = rng.random(40_000) < mean
    y = np.where(rng.random(40_000) < 0.5, shares, ends)
    net, X = linear_fit("fractional", y)
    assert np.abs(net.predict(X) - mean[20_000:]).max() < 0.05
