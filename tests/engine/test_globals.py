"""Outputs that are the same for every row: trained, but never by a row's features."""

import numpy as np
import pytest
from catalogue import some_slow

from skloss import LossAwareClassifier, losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Plan,
    Stream,
    predict_raw,
    train_population,
)
from skloss._engine._optimizers import Optimizer

K, N, WIDTH = 4, 160, 8
TASK = losses.Task("multiclass", K)
PENALTIES = {
    "l1": 1e-3,
    "l2": 1e-2,
    "weight_decay": 0.1,
    "dropout": 0.3,
    "clip_norm": 0.5,
    "clip_value": 0.1,
    "max_norm": 1.0,
}
TIED = ["coral", "cumulative_link"]


def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5))
    latent = X[:, 0] + 0.3 * rng.normal(size=N)
    y = np.searchsorted([-0.8, 0.0, 0.8], latent)
    return X, y


def data():
    X, y = table()
    rows = np.arange(128), np.arange(128, N)
    return Data(X, np.eye(K)[y], [Stream(rows[0], np.ones(128), rows[1], np.ones(32))])


def member(loss, optimizer="adam", **changes):
    loss = losses.get(loss, "classification")
    values = {
        "loss": loss,
        "schedule": schedules.get(None),
        "optimizer": Optimizer(optimizer),
        "learning_rate": 1e-2,
        "head_bias": loss.best_constant(TASK, data().Y, np.ones(N)),
        "class_weight": np.ones(K),
    }
    return Member(**{**values, **changes})


def trained(members, epochs=15, batch_size=32):
    plan = Plan(
        members,
        network=networks.get((WIDTH,)),
        task=TASK,
        batch_size=batch_size,
        epochs=epochs,
        dtype="float64",
        seed=3,
    )
    return train_population(plan, data())


def head(result, n_raw):
    """Return kernel and bias of the head from a result's flat weights."""
    tail = result.weights[-(WIDTH + 1) * n_raw :]
    return tail[:-n_raw].reshape(WIDTH, n_raw), tail[-n_raw:]


OPTIMIZERS = ["sgd", "sgd:momentum=0.9,nesterov=True", "rmsprop:momentum=0.5", "adam"]
OPTIMIZERS += ["adamw", "adamax", "adagrad", "adadelta", "lion"]
SLOW = set(OPTIMIZERS) - {"sgd", "adam"}


@pytest.mark.parametrize("optimizer", some_slow(OPTIMIZERS, SLOW))
@pytest.mark.parametrize("loss", TIED)
def test_kernel_of_globals_stays_zero(loss, optimizer):
    first = member(loss, optimizer, **PENALTIES)
    # 75 steps: those of Lion are of one length, and an even number may lead back
    result = trained([first], batch_size=26)[0]
    kernel, bias = head(result, K)
    assert np.all(kernel[:, 1:] == 0)
    assert np.all(kernel[:, 0] != 0)
    assert np.all(bias != first.head_bias)
    assert np.all(result.state.weights == result.weights)


def test_other_losses_have_no_globals():
    kernel, _ = head(trained([member("rps", learning_rate=0.0)])[0], K)
    assert np.all(kernel != 0)


@pytest.mark.slow
def test_fused_equals_alone():
    names = ["coral", "cross_entropy", "cumulative_link", "corn", "rps", "sord"]
    members = [
        member(name, **PENALTIES, patience=(np.inf, 4)[k % 2])
        for k, name in enumerate(names)
    ]
    together = trained(members, epochs=30)
    for one, ours in zip(members, together, strict=True):
        alone = trained([one], epochs=30)[0]
        np.testing.assert_allclose(ours.weights, alone.weights, rtol=1e-9, atol=1e-12)
        assert ours.n_epochs == alone.n_epochs
        assert ours.outcome is alone.outcome
        for name, values in alone.history.items():
            np.testing.assert_allclose(ours.history[name], values, rtol=1e-9)


@pytest.mark.parametrize("loss", TIED)
def test_globals_move_at_their_own_pace(loss):
    """One step of gradient descent over all rows, worked out by hand."""
    start, rate = member(loss, "sgd", learning_rate=1e-3), 1e-3
    before = trained([start], epochs=1, batch_size=128)[0]
    after = trained([start], epochs=2, batch_size=128)[0]
    step = head(after, K)[1] - head(before, K)[1]
    X, Y = data().X[:128], data().Y[:128]
    body, weights = networks.get((WIDTH,)), before.weights
    raw = predict_raw(body, X, weights, before.stored, K, is_sparse=False)
    h, slope = 1e-6, np.empty(K)
    for j in range(K):
        up, down = raw + h * np.eye(K)[j], raw - h * np.eye(K)[j]
        rise = start.loss.pointwise(Y, up) - start.loss.pointwise(Y, down)
        slope[j] = np.mean(rise) / (2 * h)
    pace = np.array([1.0, *[10.0] * (K - 1)])
    np.testing.assert_allclose(step, -rate * pace * slope, rtol=1e-5)


# -- through the estimator -----------------------------------------------------------


def net(loss, **params):
    given = {"network": (WIDTH,), "epochs": 4, "batch_size": 32, "random_state": 0}
    return LossAwareClassifier(loss, **{**given, **params})


def thresholds(estimator, X):
    """Return the raw outputs behind the first, which must not vary over rows."""
    rest = estimator._fitted.raw_outputs(estimator, X)[:, 1:]
    assert np.all(rest == rest[0])
    return rest[0]


@pytest.mark.parametrize("loss", TIED)
def test_going_on(loss):
    X, y = table()
    once = net(loss, epochs=3, dtype="float32").fit(X, y)
    steps = net(loss, dtype="float32")
    for _ in range(3):
        steps.partial_fit(X, y)
    first, second = (one._fitted.raw_outputs(one, X) for one in (once, steps))
    np.testing.assert_allclose(first, second, rtol=1e-6)
    before = thresholds(steps, X)
    steps.partial_fit(X, y)
    assert np.all(thresholds(steps, X) != before)

    warm = net(loss, warm_start=True).fit(X, y)
    before, value = thresholds(warm, X), warm.history_["loss"][-1]
    warm.fit(X, y)
    assert np.all(thresholds(warm, X) != before)
    assert warm.history_["loss"][-1] < value
    other = warm.set_params(loss="cross_entropy")
    with pytest.raises(ValueError, match="loss='cross_entropy' differs"):
        other.fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss", some_slow([*TIED, "corn", "rps", "sord"], ("coral", "rps", "sord"))
)
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_exported_model(loss, class_weight):
    X, y = table()
    for codes in (y, (y > 1).astype(int)):
        fitted = net(loss, class_weight=class_weight, dropout=0.2).fit(X, codes)
        p = fitted.model_.predict(X, verbose=0)
        np.testing.assert_allclose(p, fitted.predict_proba(X), atol=1e-6)
