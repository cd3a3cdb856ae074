"""The stacked optimisers against Keras' own ``apply``."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from catalogue import some_slow

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Plan,
    Stream,
    TrainingState,
    make_pools,
    train_population,
)
from skloss._engine._blocks import update_weights
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


def linear(optimizers, decay, steps):
    """Return the plan of linear networks, each with an optimiser and its rate."""
    members = [
        Member(
            loss=losses.CrossEntropy(),
            schedule=schedules.get(None),
            optimizer=optimizer,
            learning_rate=rate,
            head_bias=START[3:],
            weight_decay=decay,
            class_weight=np.ones(2),
            start=TrainingState(START, np.zeros(0)),
        )
        for optimizer, rate in optimizers
    ]
    task = losses.Task("binary", 1)
    return Plan(members, networks.get(()), task, 40, steps, "float64", 0)


def full_batch(X, y):
    none = np.zeros(0, dtype=int)
    stream = Stream(np.arange(40), np.ones(40), none, np.zeros(0))
    return Data(X, y[:, None], [stream])


@pytest.mark.parametrize("spec", some_slow(SPECS, set(SPECS) - QUICK))
def test_stacked_equals_apply(spec):
    # a linear network on one full batch: every step is one call of ``apply``
    rng = np.random.default_rng(0)
    X, steps = rng.normal(size=(40, 3)), 12
    y = (X[:, 0] + rng.normal(size=40) > 0).astype(float)
    rates = [0.0625, 0.015625]
    decay = 0.01 if spec.startswith("adamw") else 0.0
    plan = linear([(Optimizer(spec), rate) for rate in rates], decay, steps)
    results = train_population(plan, full_batch(X, y))
    for rate, result in zip(rates, results, strict=True):
        expected = by_keras(SPECS[spec], X, y, rate, steps)
        np.testing.assert_allclose(result.weights, expected, rtol=1e-6, atol=1e-9)


EDGES = {
    "SGD": [{"momentum": 0}, {"momentum": 1}, {"momentum": 1, "nesterov": True}],
    "RMSprop": [{"rho": 0}, {"rho": 1}, {"momentum": 0}, {"momentum": 1}],
    "Adam": [{"beta_1": 0}, {"beta_2": 0}, {"epsilon": 0}, {"epsilon": 1}],
    "AdamW": [{"beta_1": 0}, {"beta_2": 0}],
    "Adamax": [{"beta_1": 0}, {"beta_2": 0}, {"beta_2": 1}],
    "Adagrad": [{"epsilon": 0}, {"initial_accumulator_value": 0}],
    "Adadelta": [{"rho": 0}, {"rho": 1}, {"epsilon": 1}],
    "Lion": [{"beta_1": 1}, {"beta_2": 0}, {"beta_2": 1}],
}


@pytest.mark.parametrize("name", EDGES)
def test_numbers_at_their_edges_update_as_keras_does(name):
    # the program's update alone, which needs no trace
    X, y = np.ones((40, 3)), np.arange(40) % 2.0
    others = BETAS if name in ("Adam", "AdamW", "Adamax") else {}
    for numbers in EDGES[name]:
        floats = others | {k: v if v is True else float(v) for k, v in numbers.items()}
        for kind in (int, np.int64, np.float32, float):
            optimizer = Optimizer(name.lower())
            optimizer.change(others)
            as_kind = {k: v if v is True else kind(v) for k, v in numbers.items()}
            optimizer.change(as_kind)
            own = {k: optimizer.config[k] for k in floats}
            assert own == floats
            assert {*map(type, own.values())} <= {float, bool}
        plan = linear([(optimizer, 0.0625)], 0.0, 1)
        (pool,) = make_pools(plan, full_batch(X, y))
        pool.fill()
        template = pool.program().template
        numbers = pool.feed().of_members(pool.places.look_up(pool.members)).step_numbers
        ours = pool.first_state(0).variables
        expected = keras.Variable(START, dtype="float64")
        decay = {"weight_decay": 0.0} if name == "AdamW" else {}
        theirs = getattr(keras.optimizers, name)(0.0625, **floats, **decay)
        theirs.build([expected])
        for scale in (1.0, -0.5, 2.0):
            gradient = scale * np.array([0.25, -1.5, 3.0, 1e-3])
            rate, going = tf.constant([0.0625], "float64"), tf.constant([True])
            weights, slots = update_weights(
                template, ours, gradient[None], rate, going, numbers
            )
            ours = ours._replace(weights=weights, slots=slots)
            theirs.apply([tf.constant(gradient)], [expected])
        np.testing.assert_allclose(ours.weights[0], expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("sgd:momentum=-0.1", "momentum=-0.1 must be a number >= 0 and <= 1"),
        ("sgd:momentum=2", "momentum=2 must be a number >= 0 and <= 1"),
        ("sgd:momentum=None", "momentum=None must be"),
        ("sgd:momentum=True", "momentum=True must be"),
        ("sgd:momentum='0.9'", "momentum='0.9' must be"),
        ("sgd:nesterov=1", "nesterov=1 must be True or False"),
        ("rmsprop:rho=1.5", "rho=1.5 must be a number >= 0 and <= 1"),
        ("adam:beta_1=1", "beta_1=1 must be a number >= 0 and < 1"),
        ("adam:beta_2=1.0", "beta_2=1.0 must be a number >= 0 and < 1"),
        ("adam:epsilon=1e400", "epsilon=inf must be a finite number >= 0"),
        ("lion:beta_1=0", "beta_1=0 must be a number > 0 and <= 1"),
        ("adagrad:initial_accumulator_value=-1", "must be a finite number >= 0"),
        (keras.optimizers.Adam(beta_1=1.0), "beta_1=1.0 must be"),
        (keras.optimizers.RMSprop(momentum=np.nan), "momentum=nan must be"),
        ("nadam", "'nadam' is not supported.*Use one of these"),
        (keras.optimizers.Nadam, "not supported.*one network trains alone"),
        ("nadamm", "Unknown optimizer 'nadamm'. Did you mean 'adam"),
    ],
)
def test_numbers_beyond_and_other_optimizers_are_refused_in_our_words(spec, words):
    with pytest.raises(ValueError, match=words):
        Optimizer(spec)


def test_an_optimizer_given_by_name_is_judged_without_computing(monkeypatch):
    def computes(*_, **__):
        raise AssertionError("a process that is to be forked must not compute")

    monkeypatch.setattr(keras.optimizers.SGD, "__init__", computes)
    numbers = Optimizer("sgd:momentum=0").own_params()
    assert numbers == {"momentum": 0.0, "nesterov": False}
    assert isinstance(numbers["momentum"], float)
