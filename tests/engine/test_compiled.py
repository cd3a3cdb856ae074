"""Steps that XLA compiles give what TensorFlow's own graph gives."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import TASKS, own_classes, ready, some_slow, targets

from skloss import losses, networks, schedules
from skloss._engine import Data, Member, Plan, Stream, _population, train_population
from skloss._engine._optimizers import KNOBS, Optimizer

CASES = [
    pytest.param(
        cls(),
        cls.kinds[0],
        id=cls.name,
        marks=() if cls.name in ("focal", "huber") else pytest.mark.slow,
    )
    for cls in own_classes()
]


def trained(monkeypatch, loss, task, least, *, optimizer="adam", **changes):
    """Return the results of two networks, compiled from ``least`` steps on."""
    monkeypatch.setattr(_population, "MIN_COMPILED", least)
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(70, 3)), targets(loss, task, 70, rng)
    stream = Stream(np.arange(50), np.ones(50), np.arange(50, 70), np.ones(20))
    own = {
        "loss": loss,
        "schedule": schedules.get("cosine"),
        "optimizer": Optimizer(optimizer),
        "head_bias": loss.best_constant(task, Y[:50], np.ones(50)),
        "l2": 1e-3,
        "weight_decay": 1e-2,
        "clip_norm": 1.0,
        "dropout": 0.2,
        "clip_value": 0.1,
        "max_norm": 1.5,
        "input_noise": 0.1,
        "mixup": 0.3,
        "weight_averaging": 0.5,
        "class_weight": np.ones(max(2, task.size)),
        **changes,
    }
    members = [Member(learning_rate=rate, **own) for rate in (1e-3, 3e-3)]
    plan = Plan(
        members, networks.get((5, 4)), task, 16, epochs=6, dtype="float64", seed=5
    )
    return train_population(plan, Data(X, Y, [stream]))


def assert_same(ones, others):
    for one, other in zip(ones, others, strict=True):
        assert one.outcome is other.outcome
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-7, atol=1e-9)
        for name, values in one.history.items():
            np.testing.assert_allclose(other.history[name], values, rtol=1e-7)


@pytest.mark.parametrize(("loss", "kind"), CASES)
def test_compiled_equals_the_graph(loss, kind, monkeypatch):
    task = TASKS[kind]
    loss = ready(loss, task)
    graph = trained(monkeypatch, loss, task, np.inf)
    assert_same(graph, trained(monkeypatch, loss, task, 0))


@pytest.mark.parametrize("optimizer", some_slow(sorted(KNOBS), set(KNOBS) - {"Adam"}))
def test_compiled_equals_the_graph_for_each_optimizer(optimizer, monkeypatch):
    own = {"loss": losses.CrossEntropy(), "task": TASKS["binary"]}
    spec = f"{optimizer.lower()}"
    spec += ":momentum=0.9" if optimizer in ("SGD", "RMSprop") else ""
    graph = trained(monkeypatch, least=np.inf, optimizer=spec, **own)
    assert_same(graph, trained(monkeypatch, least=0, optimizer=spec, **own))


def test_a_loss_that_xla_lacks_an_operation_for_trains_in_the_graph(monkeypatch):
    def uncompiled(y_true, y_pred):
        return tf.square(y_true - y_pred) + 1e-3 * tf.math.special.bessel_j0(y_pred)

    loss = losses.get(uncompiled, "regression")
    own = {"loss": loss, "task": losses.Task("regression", 2)}
    graph = trained(monkeypatch, least=np.inf, **own)
    assert_same(graph, trained(monkeypatch, least=0, **own))


def test_an_error_of_the_graph_itself_is_not_hidden(monkeypatch):
    def wrong(y_true, y_pred):
        return tf.square(y_true - tf.debugging.check_numerics(y_pred / 0.0, "seen"))

    loss = losses.get(wrong, "regression")
    with pytest.raises(tf.errors.InvalidArgumentError, match="seen"):
        trained(monkeypatch, loss, losses.Task("regression", 2), 0)
