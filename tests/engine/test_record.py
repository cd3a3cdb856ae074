"""What is recorded of each layer, against gradients that TensorFlow takes alone."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_population import member, plan, table

from skloss import networks
from skloss._engine import train_population
from skloss._engine._optimizers import Optimizer
from skloss._engine._plan import REGULARIZERS

NAMES = ("gradient_norm", "weight_norm", "change", "idle")


def in_layers(values):
    """Return the norm of each layer's kernel and bias together."""
    pairs = zip(values[::2], values[1::2], strict=True)
    flat = [np.concatenate([np.ravel(k), b]) for k, b in pairs]
    return np.array([np.linalg.norm(layer) for layer in flat])


def test_one_step_against_keras():
    data = table()
    data = replace(data, streams=data.streams[:1])
    rate = 0.1
    changes = {
        "optimizer": Optimizer("sgd"),
        "learning_rate": rate,
        "l2": 0.01,
        **REGULARIZERS,
    }
    given = {"batch_size": 512, "epochs": 1, "dtype": "float64", "record": True}
    network = networks.MLP((8, 6), activation="tanh")
    result = train_population(
        plan([member(0, **changes)], network=network, **given), data
    )[0]
    # the weights after a step with no rate are those before it
    start = {**changes, "learning_rate": 1e-300}
    before = train_population(
        plan([member(0, **start)], network=network, **given), data
    )[0].weights
    model = networks.build(network, 30, 1, "float64", keras.layers.Identity)
    sizes = [int(np.prod(v.shape)) for v in model.trainable_variables]
    parts = np.split(before, np.cumsum(sizes)[:-1])
    for variable, part in zip(model.trainable_variables, parts, strict=True):
        variable.assign(part.reshape(variable.shape))
    rows = data.streams[0].rows
    with tf.GradientTape() as tape:
        raw = model(data.X[rows])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)(data.Y[rows], raw)
    gradient = tape.gradient(loss, [v.value for v in model.trainable_variables])
    expected = in_layers([g.numpy() for g in gradient])
    np.testing.assert_allclose(result.layers["gradient_norm"][0], expected, rtol=1e-6)
    weights = in_layers([v.numpy() for v in model.trainable_variables])
    np.testing.assert_allclose(result.layers["weight_norm"][0], weights, rtol=1e-6)
    penalty = [0.02 * v.numpy() * (len(v.shape) > 1) for v in model.trainable_variables]
    steps = [rate * (g.numpy() + p) for g, p in zip(gradient, penalty, strict=True)]
    change = in_layers(steps) / weights
    np.testing.assert_allclose(result.layers["change"][0], change, rtol=1e-5)


def test_units_that_never_answer_are_idle():
    """All inputs are positive and all weights of three units negative."""
    data = table()
    data = replace(data, X=np.abs(data.X))

    class ThreeDead(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            values = np.full(shape, 0.1)
            values[:, :3] = -0.1
            return tf.constant(values, dtype)

        def get_config(self):
            return {}

    network = networks.MLP((12,), kernel_initializer=ThreeDead())
    given = {"network": network, "epochs": 3, "record": True}
    result = train_population(plan([member(0)], **given), data)[0]
    np.testing.assert_allclose(result.layers["idle"], [[0.25, 0.0]] * 3)


@pytest.mark.slow
def test_recording_changes_nothing_else():
    data = table()
    members = [member(k) for k in (1, 2, 6)]  # a curve, a plateau, a sum
    plain = train_population(plan(members, epochs=12), data)
    recorded = train_population(plan(members, epochs=12, record=True), data)
    for a, b in zip(plain, recorded, strict=True):
        assert a.layers == {}
        assert {name: rows.shape for name, rows in b.layers.items()} == dict.fromkeys(
            NAMES, (b.n_epochs, 3)
        )
        np.testing.assert_allclose(a.weights, b.weights, rtol=1e-4, atol=1e-6)
        assert a.history.keys() == b.history.keys()
        assert a.n_epochs == b.n_epochs
