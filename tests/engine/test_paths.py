"""Users' networks: stacked, alone and by Keras itself, the numbers are the same."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from own_networks import KINDS, pictures, recurrent, save_pretrained, table, tuned

from skloss import losses, networks, schedules
from skloss._engine import Data, Member, Plan, Stream, trace_count, train_population
from skloss._engine import _paths as paths
from skloss._engine._network_result import ONE, SEVERAL
from skloss._engine._optimizers import Optimizer
from skloss.networks import Body

N, CLASSES, SEED, EPOCHS = 60, 4, 7, 3
RATES = 0.05, 0.1, 0.2
QUICK = "conv2d", "embedding"
STACKED = "dense", "embedding", "attention"
ALONE = {
    "conv2d": "Conv2D with a filter for each network cannot be stacked",
    "conv1d": "Conv2D with a filter for each network cannot be stacked",
    "lstm": "a loop is stacked for 16 networks or more only",
}


def problem(kind, network, rates=RATES, **changes):
    """Return a plan of full-batch gradient descent, and its data."""
    X, y = table(kind, N, CLASSES)
    members = [
        Member(
            loss=losses.CrossEntropy(),
            schedule=schedules.get(None),
            optimizer=Optimizer("sgd"),
            learning_rate=rate,
            head_bias=np.zeros(CLASSES),
            class_weight=np.ones(CLASSES),
        )
        for rate in rates
    ]
    plan = Plan(
        members,
        network=networks.get(network),
        task=losses.Task("multiclass", CLASSES),
        batch_size=N,
        epochs=EPOCHS,
        dtype="float32",
        seed=SEED,
    )
    none = np.zeros(0, np.int32)
    stream = Stream(np.arange(N), np.ones(N), none, np.zeros(0))
    return replace(plan, **changes), Data(X, np.eye(CLASSES)[y], [stream])


def alone(plan, data):
    """Train each network by itself."""
    return [
        train_population(replace(plan, members=[member]), data)[0]
        for member in plan.members
    ]


def by_keras(plan, data):
    """Return weights and stored weights that Keras' own training leaves."""
    for member in plan.members:
        model = networks.build(
            plan.network, data.X.shape[1], CLASSES, plan.dtype, None, seed=SEED
        )
        model.compile(
            keras.optimizers.SGD(member.learning_rate),
            keras.losses.CategoricalCrossentropy(from_logits=True),
        )
        for _ in range(EPOCHS):
            model.train_on_batch(data.X.astype("float32"), data.Y.astype("float32"))
        stored = [v for v in model.non_trainable_variables if "seed" not in v.name]
        yield [flat(model.trainable_variables), flat(stored)]


def flat(variables):
    """Return variables as one row."""
    return np.concatenate([np.zeros(0), *(np.ravel(v) for v in variables)])


def assert_close(results, rows):
    """Assert that weights are the same up to rounding."""
    for result, (weights, stored) in zip(results, rows, strict=True):
        np.testing.assert_allclose(result.weights, weights, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(result.stored, stored, rtol=2e-5, atol=2e-6)


def rows_of(results):
    """Return weights and stored weights of results."""
    return [(result.weights, result.stored) for result in results]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow)
        for kind in KINDS
    ],
)
def test_all_paths_train_as_keras_does(kind):
    plan, data = problem(kind, KINDS[kind][0])
    together, single = train_population(plan, data), alone(plan, data)
    expected = list(by_keras(plan, data))
    assert_close(together, expected)
    assert_close(single, expected)
    assert not np.allclose(together[0].weights, together[2].weights, rtol=1e-3)
    if kind in STACKED:
        assert {r.trained_by for r in together} == {SEVERAL}
    else:
        assert {r.trained_by for r in together} == {f"{ONE}: {ALONE[kind]}"}
    assert {r.trained_by for r in single} == {ONE}


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_many_recurrent_networks_are_stacked(cell):
    rates = np.linspace(0.05, 0.2, paths.MIN_STACKED_LOOPS)
    plan, data = problem("lstm", Body(recurrent, units=3, cell=cell), rates)
    together = train_population(plan, data)
    assert {r.trained_by for r in together} == {SEVERAL}
    assert_close(together, rows_of(alone(plan, data)))


@pytest.mark.slow
def test_pretrained_and_frozen_layers(tmp_path):
    """Frozen weights stay, the body's own penalty and batch statistics act."""
    path = str(tmp_path / "base.keras")
    given = flat(save_pretrained(path))
    plan, data = problem("dense", Body(tuned, path=path))
    together = train_population(plan, data)
    assert {r.trained_by for r in together} == {SEVERAL}
    assert_close(together, rows_of(alone(plan, data)))
    assert_close(together, list(by_keras(plan, data)))
    for result in together:
        frozen = result.stored[: len(given)]
        np.testing.assert_array_equal(frozen, given.astype("float32"))


def thawed(path):
    """Return layers trained before, to train on, and a fresh one."""
    base = keras.models.load_model(path, compile=False)
    return keras.Sequential([base, keras.layers.Dense(3)])


def test_loaded_weights_are_kept_and_fresh_ones_drawn(tmp_path):
    path = str(tmp_path / "base.keras")
    save_pretrained(path)
    base = flat(keras.models.load_model(path).trainable_variables)
    begun = []
    for seed in (0, 0, 1):
        plan, data = problem("dense", Body(thawed, path=path), (1e-30,), seed=seed)
        begun.append(train_population(plan, data)[0].weights)
    for row in begun:
        np.testing.assert_array_equal(row[: len(base)], base.astype("float32"))
    np.testing.assert_array_equal(begun[0], begun[1])
    assert not np.allclose(begun[0], begun[2])


def test_networks_that_train_alone_share_one_program():
    plan, data = problem("conv2d", Body(pictures, filters=5))
    train_population(plan, data)
    before = trace_count()
    other = [replace(member, l2=0.1, learning_rate=0.3) for member in plan.members]
    train_population(replace(plan, members=other), data)
    alone(plan, data)
    assert trace_count() == before


@pytest.mark.slow
def test_user_dropout_is_the_same_alone_and_together():
    def body():
        return keras.Sequential(
            [keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.5)]
        )

    plan, data = problem("dense", body)
    together, single = train_population(plan, data), alone(plan, data)
    assert_close(together, rows_of(single))
    expected = list(by_keras(plan, data))  # without our noise: another mask
    assert not np.allclose(together[0].weights, expected[0][0], rtol=1e-3)
