"""The stacked optimisers against Keras' own ``apply``."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from catalogue import some_slow

from skloss import losses, networks, schedules
from skloss._engine import Data, Member, Plan, Stream, train_population
from skloss._engine._optimizers import KNOBS, Optimizer

# Keras rounds Python numbers to float32 before it raises them to a power, we do not;
# these are the same in both
BETAS = {"beta_1": 0.875, "beta_2": 0.96875}
SPECS = {
    "sgd": keras.optimizers.SGD,
    "sgd:momentum=0.9": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "sgd:momentum=0.8,nesterov=True": lambda rate: keras.optimizers.SGD(
        rate, momentum=0.8, nesterov=True
    ),
    "rmsprop:rho=0.8": lambda rate: keras.optimizers.RMSprop(rate, rho=0.8),
    "rmsprop:momentum=0.5,centered=True": lambda rate: keras.optimizers.RMSprop(
        rate, momentum=0.5, centered=True
    ),
    "adam:beta_1=0.875,beta_2=0.96875,epsilon=1e-5": lambda rate: keras.optimizers.Adam(
        rate, **BETAS, epsilon=1e-5
    ),
    "adam:beta_1=0.875,beta_2=0.96875,amsgrad=True": lambda rate: keras.optimizers.Adam(
        rate, **BETAS, amsgrad=True
    ),
    "adamw:beta_1=0.875,beta_2=0.96875": lambda rate: keras.optimizers.AdamW(
        rate, **BETAS, weight_decay=0.01
    ),
    "adamax:beta_1=0.875,beta_2=0.96875": lambda rate: keras.optimizers.Adamax(
        rate, **BETAS
    ),
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "lion": keras.optimizers.Lion,
}
QUICK = {
    "sgd:momentum=0.8,nesterov=True",
    "adam:beta_1=0.875,beta_2=0.96875,epsilon=1e-5",
    "adamw:beta_1=0.875,beta_2=0.96875",
}


def test_every_allowed_optimizer_is_compared():
    names = {spec.partition(":")[0] for spec in SPECS}
    assert names == {name.lower() for name in KNOBS}


START = np.array([0.3, -0.2, 0.1, 0.25])  # three weights and a bias


def by_keras(make, X, y, rate, steps):
    """Full-batch logistic regression by Keras' own optimiser."""
    kernel = keras.Variable(START[:3, None], dtype="float64", name="kernel")
    bias = keras.Variable(START[3:], dtype="float64", name="bias")
    optimizer = make(rate)
    optimizer.build([kernel, bias])
    if optimizer.weight_decay:
        optimizer.exclude_from_weight_decay(var_list=[bias])
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch([kernel.value, bias.value])
            f = (tf.matmul(X, kernel.value) + bias.value)[:, 0]
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, f))
        gradients = tape.gradient(loss, [kernel.value, bias.value])
        optimizer.apply(gradients, [kernel, bias])
    return np.concatenate([np.ravel(kernel.numpy()), np.ravel(bias.numpy())])


@pytest.mark.parametrize("spec", some_slow(SPECS, set(SPECS) - QUICK))
def test_stacked_equals_apply(spec):
    # a linear network on one full batch: every step is one call of ``apply``
    rng = np.random.default_rng(0)
    X, steps = rng.normal(size=(40, 3)), 12
    y = (X[:, 0] + rng.normal(size=40) > 0).astype(float)
    rates = [0.0625, 0.015625]
    decay = 0.01 if spec.startswith("adamw") else 0.0
    members = [
        Member(
            loss=losses.CrossEntropy(),
            schedule=schedules.get(None),
            optimizer=Optimizer(spec),
            learning_rate=rate,
            head_bias=START[3:],
            weight_decay=decay,
            class_weight=np.ones(2),
            start={"weights": START, "stored": np.zeros(0), "slots": [], "epoch": 0},
        )
        for rate in rates
    ]
    plan = Plan(
        members,
        networks.get(()),
        losses.Task("binary", 1),
        batch_size=40,
        epochs=steps,
        dtype="float64",
        seed=0,
    )
    none = np.zeros(0, dtype=int)
    stream = Stream(np.arange(40), np.ones(40), none, np.zeros(0))
    results = train_population(plan, Data(X, y[:, None], [stream]))
    for rate, result in zip(rates, results, strict=True):
        expected = by_keras(SPECS[spec], X, y, rate, steps)
        np.testing.assert_allclose(result.weights, expected, rtol=1e-6, atol=1e-9)
