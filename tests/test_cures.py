"""Cures against bad training, through the estimators: what they do, and do not."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss, mean_squared_error

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import Outcome
from skloss.exceptions import DivergenceWarning
from skloss.networks import MLP


def noisy(n, rng):
    X = rng.normal(size=(n, 10))
    p = 1 / (1 + np.exp(-2 * X[:, 0] + X[:, 1]))
    return X, (rng.uniform(size=n) < p).astype(int)


rng = np.random.default_rng(0)
X, y = noisy(100, rng)
X_new, y_new = noisy(3000, rng)
EACH = {
    "clip_value": 0.02,
    "max_norm": 0.5,
    "input_noise": 0.3,
    "mixup": 0.4,
    "weight_averaging": 0.9,
}


def net(**params):
    common = {"network": (8,), "epochs": 3, "batch_size": 32, "random_state": 0}
    return LossAwareClassifier(**{**common, "dtype": "float32", **params})


def test_without_effect_at_numbers_that_do_nothing():
    """They put the operations into the graph, which change nothing there."""
    idle = {"clip_value": 1e30, "max_norm": 1e30, "input_noise": 1e-30}
    plain, cured = net().fit(X, y), net(**idle, weight_averaging=1e-30).fit(X, y)
    np.testing.assert_allclose(
        cured._fitted.outputs.weights,
        plain._fitted.outputs.weights,
        rtol=1e-5,
        atol=1e-7,
    )


def test_same_seed_same_bits():
    first, again = net(**EACH).fit(X, y), net(**EACH).fit(X, y)
    assert np.array_equal(first._fitted.outputs.weights, again._fitted.outputs.weights)
    assert first.history_ == again.history_


@pytest.mark.slow
def test_going_on():
    cured = net(**EACH).fit(X, y)
    steps = net(**EACH)
    for _ in range(3):
        steps.partial_fit(X, y)
    np.testing.assert_allclose(
        steps._fitted.outputs.weights, cured._fitted.outputs.weights, rtol=1e-5
    )
    steps.set_params(weight_averaging=0.0).partial_fit(X, y)
    assert np.array_equal(steps._fitted.outputs.weights, steps._fitted.state.weights)
    warm = net(**EACH, warm_start=True).fit(X, y)
    before = warm._fitted.outputs.weights
    warm.set_params(learning_rate=1e-30, max_norm=None).fit(X, y)
    np.testing.assert_allclose(warm._fitted.outputs.weights, before, rtol=1e-5)


def test_validation_and_early_stopping_see_the_average():
    fit = {"X_val": X_new[:200], "y_val": y_new[:200]}
    stopped = net(
        weight_averaging=0.9,
        early_stopping=True,
        patience=2,
        epochs=60,
        learning_rate=0.05,
    ).fit(X, y, **fit)
    assert stopped.outcome_ is Outcome.STOPPED_EARLY
    value = log_loss(y_new[:200], stopped.predict_proba(X_new[:200]))
    assert value == pytest.approx(min(stopped.history_["val_log_loss"]), rel=1e-5)


def test_noise_and_mixing_of_a_sparse_table():
    cures = {"input_noise": 0.3, "mixup": 0.4}
    table = sparse.random(100, 10, density=0.3, random_state=0, format="csr")
    dense = net(**cures).fit(table.toarray(), y)._fitted.outputs.weights
    np.testing.assert_allclose(
        net(**cures).fit(table, y)._fitted.outputs.weights, dense, rtol=1e-5, atol=1e-6
    )


TARGETS = {
    "counts": ("poisson", np.floor(np.exp(X[:, 0]))),
    "two targets": ("huber", X[:, :2]),
    "quantiles": ("quantile:quantile=(0.1, 0.9)", X[:, 0]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_regression(name):
    loss, target = TARGETS[name]
    fitted = LossAwareRegressor(
        loss, network=(8,), epochs=3, random_state=0, **EACH
    ).fit(X, target)
    assert fitted.outcome_ is Outcome.FINISHED
    assert fitted.predict(X).shape[0] == 100


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["focal", "coral", "hinge"])
def test_losses_that_are_not_linear_in_the_target(loss):
    """They see both targets of a mixed row, and none in between."""
    classes = np.digitize(X[:, 0], [-0.5, 0.5])
    fitted = net(loss=loss, mixup=1.0, epochs=40, learning_rate=0.01).fit(X, classes)
    assert fitted.score(X, classes) > 0.75


NUMBERS = [
    ("clip_value", 0, ValueError, "(0, inf]"),
    ("clip_value", "1", TypeError, "must be a number"),
    ("max_norm", -1.0, ValueError, "(0, inf]"),
    ("input_noise", -0.1, ValueError, "[0, inf)"),
    ("input_noise", None, TypeError, "must be a number"),
    ("mixup", -0.1, ValueError, "[0, inf)"),
    ("mixup", float("inf"), ValueError, "[0, inf)"),
    ("weight_averaging", 1.0, ValueError, "[0, 1)"),
    ("weight_averaging", True, TypeError, "must be a number"),
]


@pytest.mark.parametrize("make", [LossAwareClassifier, LossAwareRegressor])
@pytest.mark.parametrize(("name", "value", "error", "remedy"), NUMBERS)
def test_numbers_that_cannot_be(make, name, value, error, remedy):
    with pytest.raises(error) as caught:
        make(**{name: value}).fit(X, y)
    assert f"{name}={value!r}" in str(caught.value)
    assert remedy in str(caught.value)


# -- planted ills --------------------------------------------------------------------


def score(**params):
    """Return the log-loss on new rows of a network that overfits."""
    ill = {"network": (64, 64), "epochs": 60, "learning_rate": 0.01}
    fitted = net(**{**ill, **params}).fit(X, y)
    return log_loss(y_new, fitted.predict_proba(X_new))


@pytest.mark.slow
def test_against_overfitting():
    ill = score()
    assert ill > 1.5
    assert score(input_noise=1.0) < 0.7
    assert score(mixup=1.0) < 0.8
    assert score(max_norm=0.3) < 0.8 * ill


@pytest.mark.slow
def test_against_exploding_gradients():
    rows = X.copy()
    rows[:3] *= 300
    common = {"network": (32,), "optimizer": "sgd", "learning_rate": 0.05}
    common |= {"epochs": 60, "batch_size": 32, "random_state": 0}
    ill, cured = (LossAwareRegressor(**common, clip_value=c) for c in (None, 0.1))
    target, new = X[:, 0] - X[:, 1], X_new[:, 0] - X_new[:, 1]
    with pytest.warns(DivergenceWarning):
        ill.fit(rows, target)
    cured.fit(rows, target)
    assert cured.outcome_ is Outcome.FINISHED
    errors = [mean_squared_error(new, e.predict(X_new)) for e in (ill, cured)]
    assert errors[1] < 0.2 * errors[0]


@pytest.mark.slow
def test_against_a_rate_that_is_too_high():
    target = X[:, 0] + rng.normal(size=100)
    best = LinearRegression().fit(X, target).predict(X_new)
    common = {"network": (), "optimizer": "sgd", "learning_rate": 0.05}
    common |= {"batch_size": 8, "epochs": 100, "target_transform": None}
    rough, smooth = (
        LossAwareRegressor(**common, weight_averaging=m, random_state=0)
        .fit(X, target)
        .predict(X_new)
        for m in (0.0, 0.99)
    )
    assert np.linalg.norm(smooth - best) < 0.2 * np.linalg.norm(rough - best)


@pytest.mark.slow
def test_against_gradients_that_vanish_in_deep_networks():
    def last_loss(activation, **params):
        body = MLP((16,) * 16, activation=activation, **params)
        fitted = net(network=body, epochs=15, learning_rate=0.003).fit(X, y)
        return fitted.history_["loss"][-1]

    assert last_loss("sigmoid") > 0.68
    assert last_loss("sigmoid", normalization="batch") < 0.5
    assert last_loss("tanh", residual=True) < 0.5 * last_loss("tanh")
    relu = last_loss("relu")
    assert last_loss("relu", kernel_initializer="he_normal") < 0.8 * relu
