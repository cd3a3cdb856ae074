"""Steps that XLA compiles give what TensorFlow's own graph gives."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import QUICK, TASKS, own_classes, ready, some_slow, targets

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Plan,
    Stream,
    _population,
    _step,
    train_population,
)
from skloss._engine._optimizers import KNOBS, Optimizer

# What of the steps depends on the loss: thresholds that all rows share, a value that
# is no sum over rows, several raw outputs, a link by iteration, and amounts.
KINDS = some_slow(
    ["focal", "huber", "coral", "tversky", "mixture_density", "sparsemax", "poisson"],
    {"huber", "coral", "tversky", "mixture_density", "sparsemax", "poisson"},
)
FORMULAS = [
    pytest.param(
        cls(),
        kind,
        id=f"{cls.name}-{kind}",
        marks=() if cls.name in QUICK and kind == cls.kinds[0] else pytest.mark.slow,
    )
    for cls in own_classes()
    for kind in cls.kinds
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


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_compiled_equals_the_graph(name, monkeypatch):
    (cls,) = [cls for cls in own_classes() if cls.name == name]
    task = TASKS[cls.kinds[0]]
    loss = ready(cls(), task)
    graph = trained(monkeypatch, loss, task, np.inf)
    assert_same(graph, trained(monkeypatch, loss, task, 0))


@pytest.mark.parametrize(("loss", "kind"), FORMULAS)
def test_the_formula_compiled_for_two_networks_is_that_of_each(loss, kind):
    """Its value, its slope, its score: all that one loss does unlike another."""
    task, rng = TASKS[kind], np.random.default_rng(3)
    loss = ready(loss, task)
    y = tf.constant(targets(loss, task, 16, rng))
    raw = tf.constant(2 * rng.normal(size=(2, 16, loss.n_raw(task))))
    weight = tf.constant(rng.uniform(0.3, 2.0, 16))
    class_weight = tf.constant(rng.uniform(0.3, 2.0, max(2, task.size)))
    knobs = {k: tf.constant([v, v], y.dtype) for k, v in loss.knobs().items()}

    def both(y, raw, weight, knobs):
        y, weight = (tf.stack([part, part]) for part in (y, weight))
        with tf.GradientTape() as tape:
            tape.watch(raw)
            value = _step.average_loss(loss, task, y, raw, weight, knobs)
        undo = tf.stack([class_weight, class_weight])
        score = _step.score_networks(loss, task, y, raw, weight, knobs, undo)
        return value, tape.gradient(value, raw), score

    compiled = tf.function(both, jit_compile=True, autograph=False)
    values, slopes, scores = compiled(y, raw, weight, knobs)
    for z, value, slope, score in zip(raw, values, slopes, scores, strict=True):
        with tf.GradientTape() as tape:
            tape.watch(z)
            alone = loss.batch_value(task, y, z, weight)
        np.testing.assert_allclose(value, alone, rtol=1e-10)
        expected = tape.gradient(alone, z)
        np.testing.assert_allclose(slope, expected, rtol=1e-9, atol=1e-12)
        own = tf.reduce_sum(weight * loss.monitor(task, y, z, class_weight))
        np.testing.assert_allclose(score, own, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", sorted(KNOBS))
def test_compiled_equals_the_graph_for_each_optimizer(optimizer, monkeypatch):
    own = {"loss": losses.CrossEntropy(), "task": TASKS["binary"]}
    spec = f"{optimizer.lower()}"
    spec += ":momentum=0.9" if optimizer in ("SGD", "RMSprop") else ""
    graph = trained(monkeypatch, least=np.inf, optimizer=spec, **own)
    assert_same(graph, trained(monkeypatch, least=0, optimizer=spec, **own))


@pytest.mark.slow
def test_a_loss_that_xla_lacks_an_operation_for_trains_in_the_graph(monkeypatch):
    def uncompiled(y_true, y_pred):
        return tf.square(y_true - y_pred) + 1e-3 * tf.math.special.bessel_j0(y_pred)

    loss = losses.get(uncompiled, "regression")
    own = {"loss": loss, "task": losses.Task("regression", 2)}
    graph = trained(monkeypatch, least=np.inf, **own)
    assert_same(graph, trained(monkeypatch, least=0, **own))


@pytest.mark.slow
def test_an_error_of_the_graph_itself_is_not_hidden(monkeypatch):
    def wrong(y_true, y_pred):  # of what XLA compiles it drops the check
        values = tf.math.special.bessel_j0(y_pred) / 0.0
        return tf.square(y_true - tf.debugging.check_numerics(values, "seen"))

    loss = losses.get(wrong, "regression")
    with pytest.raises(tf.errors.InvalidArgumentError, match="seen"):
        trained(monkeypatch, loss, losses.Task("regression", 2), 0)
