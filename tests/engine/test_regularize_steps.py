"""Regularisers: each step against Keras' own, or worked out by hand."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hash_by_hand import hash_by_hand
from scipy import stats
from sklearn.linear_model import Ridge

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Outcome,
    Plan,
    Stream,
    TrainingState,
    train_population,
)
from skloss._engine import _population as population
from skloss._engine import _regularize as regularize
from skloss._engine._optimizers import Optimizer

N, FEATURES, SEED, RATE = 40, 3, 5, 0.5
TASK = losses.Task("binary", 1)
NONE = np.zeros(0, dtype=int)
rng = np.random.default_rng(0)
X = rng.normal(size=(N, FEATURES))
Y = (X[:, :1] + rng.normal(size=(N, 1)) > 0).astype(float)
SIZES = (FEATURES * 5, 5, 5, 1)
START = rng.normal(size=sum(SIZES))


def member(**changes):
    values = {
        "loss": losses.CrossEntropy(),
        "schedule": schedules.get(None),
        "optimizer": Optimizer("sgd"),
        "learning_rate": RATE,
        "head_bias": np.zeros(1),
        "class_weight": np.ones(2),
    }
    return Member(**{**values, **changes})


def trained(members, epochs, *, batch_size=N, weight=None, start=START):
    """Return results of 3-5-1 networks that all begin with the same weights."""
    if start is not None:
        state = TrainingState(start, np.zeros(0))
        members = [replace(m, start=state) for m in members]
    plan = Plan(
        members,
        networks.MLP((5,), activation="tanh"),
        TASK,
        batch_size=batch_size,
        epochs=epochs,
        dtype="float64",
        seed=SEED,
    )
    weight = np.ones(N) if weight is None else weight
    stream = Stream(np.arange(N), weight, NONE, np.zeros(0))
    return train_population(plan, Data(X, Y, [stream]))


def by_keras(steps, optimizer, x=X, y=Y, constraint=None):
    """Return the weights after each full-batch step by Keras' own optimiser."""
    model = keras.Sequential(
        [
            keras.layers.Dense(
                5, activation="tanh", kernel_constraint=constraint, dtype="float64"
            ),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )
    model.build((None, FEATURES))
    pieces = np.split(START, np.cumsum(SIZES)[:-1])
    for variable, piece in zip(model.trainable_variables, pieces, strict=True):
        variable.assign(piece.reshape(variable.shape))
    optimizer.build(model.trainable_variables)
    seen = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = tf.nn.sigmoid_cross_entropy_with_logits(y, model(x))
            value = tf.reduce_mean(value)
        variables = [v.value for v in model.trainable_variables]
        optimizer.apply(tape.gradient(value, variables), model.trainable_variables)
        seen.append(flat(model.trainable_variables))
    return seen


def flat(variables):
    return np.concatenate([np.ravel(v.numpy()) for v in variables])


def order():
    """Return the rows of the first batch in their order."""
    return np.argsort(tf.random.stateless_uniform([N], seed=[SEED, 0]), kind="stable")


def assert_weights(result, expected):
    np.testing.assert_allclose(result.weights, expected, rtol=1e-7, atol=1e-9)


def test_clip_value_is_that_of_keras():
    result = trained([member(clip_value=0.02), member(clip_value=1e9)], 8)
    sgd = keras.optimizers.SGD(RATE, clipvalue=0.02)
    assert_weights(result[0], by_keras(8, sgd)[-1])
    assert_weights(result[1], by_keras(8, keras.optimizers.SGD(RATE))[-1])


def test_the_norm_is_clipped_before_the_values():
    one = trained([member(clip_norm=0.05, clip_value=0.02)], 1)[0]
    plain = trained([member()], 1)[0]
    slope = (START - plain.weights) / RATE
    slope *= min(1, 0.05 / np.linalg.norm(slope))
    assert_weights(one, START - RATE * np.clip(slope, -0.02, 0.02))
    assert np.abs(slope).max() > 0.02


def test_max_norm_is_that_of_keras():
    result = trained([member(max_norm=1.0), member(max_norm=1e9)], 8)
    sgd = keras.optimizers.SGD(RATE)
    expected = by_keras(8, sgd, constraint=keras.constraints.MaxNorm(1.0))[-1]
    # Keras divides by the norm plus 1e-7
    np.testing.assert_allclose(result[0].weights, expected, rtol=1e-5)
    norms = np.linalg.norm(result[0].weights[:15].reshape(3, 5), axis=0)
    assert norms.max() == pytest.approx(1)
    assert norms.min() < 0.9
    assert_weights(result[1], by_keras(8, keras.optimizers.SGD(RATE))[-1])


@pytest.mark.parametrize("momentum", [0.5, 0.96875])
def test_averages_are_those_of_keras_with_the_beginning_corrected(momentum):
    """Keras gives the first step's weights all that the missing past would have."""
    steps = 9
    sgd = keras.optimizers.SGD(RATE, use_ema=True, ema_momentum=momentum)
    seen = by_keras(steps, sgd)
    of_keras = flat(sgd._model_variables_moving_average)
    gone = momentum**steps
    expected = (of_keras - gone * seen[0]) / (1 - gone)
    result = trained([member(weight_averaging=momentum)], steps)[0]
    assert_weights(result, expected)
    np.testing.assert_allclose(result.state.weights, seen[-1], rtol=1e-9)
    share = momentum ** np.arange(steps)[::-1]
    assert_weights(result, share @ np.array(seen) / share.sum())


def test_dropout_scales_what_is_left_and_draws_anew_at_each_step():
    """Srivastava et al. 2014, Section 10, with Keras' scaling in training."""
    rates, half = (0.25, 0.6), N // 2  # two steps an epoch
    results = trained([member(dropout=p) for p in rates], 1, batch_size=half)
    for rate, result in zip(rates, results, strict=True):
        expected = START
        for step, rows in enumerate(np.split(order(), 2)):
            draw = hash_by_hand(SEED, step, 0, half * 5).reshape(half, 5)
            mask = tf.constant(np.where(draw >= rate, 1 / (1 - rate), 0.0))
            weights = tf.constant(expected)
            with tf.GradientTape() as tape:
                tape.watch(weights)
                kernel, bias, out, level = tf.split(weights, SIZES)
                hidden = tf.tanh(X[rows] @ tf.reshape(kernel, [FEATURES, 5]) + bias)
                raw = (mask * hidden) @ out[:, None] + level
                value = tf.nn.sigmoid_cross_entropy_with_logits(Y[rows], raw)
                value = tf.reduce_mean(value)
            expected = expected - RATE * tape.gradient(value, weights).numpy()
        assert_weights(result, expected)


def test_input_noise_is_added_to_the_rows_of_a_step():
    noise = tf.random.stateless_normal(
        [N, FEATURES], seed=[SEED - 7919, 0], dtype=tf.float64
    ).numpy()
    rows = order()
    for deviation in (0.5, 1.0):
        x = X[rows] + deviation * noise
        expected = by_keras(1, keras.optimizers.SGD(RATE), x, Y[rows])[-1]
        both = trained([member(input_noise=deviation), member()], 1)
        assert_weights(both[0], expected)
        assert_weights(both[1], by_keras(1, keras.optimizers.SGD(RATE))[-1])


@pytest.mark.slow
def test_mixup_is_equation_1_for_cross_entropy(monkeypatch):
    share = np.array([0.3, 1.0])
    monkeypatch.setattr(
        regularize, "draw_symmetric_beta", lambda a, _: tf.constant(share)
    )
    result = trained([member(mixup=0.4), member()], 1)
    rows = order()
    x = 0.3 * X[rows] + 0.7 * X[np.roll(rows, -1)]
    y = 0.3 * Y[rows] + 0.7 * Y[np.roll(rows, -1)]
    assert_weights(result[0], by_keras(1, keras.optimizers.SGD(RATE), x, y)[-1])
    assert_weights(result[1], by_keras(1, keras.optimizers.SGD(RATE))[-1])


def test_padding_and_weights_of_mixed_rows():
    x = np.arange(10.0).reshape(1, 5, 2)
    weight = np.array([[1.0, 3.0, 2.0, 0.0, 0.0]])  # the last two are padding
    share = np.array([0.25])
    tensors = map(tf.constant, (x, 10 * x, weight, share))
    mixed, y, own = (tensor.numpy() for tensor in regularize.mix_rows(*tensors))
    after = x[0, [1, 2, 0]]
    np.testing.assert_allclose(mixed[0, :3], 0.25 * x[0, :3] + 0.75 * after)
    np.testing.assert_allclose(
        y[0, [0, 1, 2, 5, 6, 7]], 10 * np.vstack([x[0, :3], after])
    )
    expected = [0.25, 0.75, 0.5, 0, 0, 2.25, 1.5, 0.75, 0, 0]
    np.testing.assert_allclose(own[0], expected)
    assert own.sum() == weight.sum()


@pytest.mark.parametrize("alpha", [0.4, 1.0, 7.0])
def test_shares_are_beta_distributed(alpha):
    uniform = tf.constant(rng.uniform(size=(5000, 2)))
    draws = regularize.draw_symmetric_beta(
        tf.constant([alpha], tf.float64), uniform
    ).numpy()
    assert stats.kstest(draws, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    one = regularize.draw_symmetric_beta(
        tf.constant([0.0, alpha], tf.float64), uniform[:1]
    )
    assert one.numpy().tolist() == [1.0, draws[0]]


# -- what holds for all of them ------------------------------------------------------

CHANGES = {
    "clip_value": (0.02, 0.1),
    "max_norm": (0.8, 1.5),
    "input_noise": (0.5, 0.1),
    "mixup": (0.4, 2.0),
    "weight_averaging": (0.9, 0.5),
}


def assert_alone(members, results, **how):
    for one, ours in zip(members, results, strict=True):
        alone = trained([one], 6, **how)[0]
        np.testing.assert_allclose(ours.weights, alone.weights, rtol=1e-9, atol=1e-12)
        for name, values in alone.history.items():
            np.testing.assert_allclose(ours.history[name], values, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("least", "few"),
    [
        pytest.param(np.inf, [0, 11], id="some"),
        pytest.param(np.inf, [1, 3, 5, 7, 9], id="graph", marks=pytest.mark.slow),
        pytest.param(0, [0, 1, 3, 5, 7, 9], id="compiled", marks=pytest.mark.slow),
    ],
)
def test_fused_equals_alone(least, few, monkeypatch):
    """One network has what its neighbours have not, or has it in another size."""
    monkeypatch.setattr(population, "MIN_COMPILED", least)
    changes = [{name: value} for name, pair in CHANGES.items() for value in pair]
    changes.append({name: pair[0] for name, pair in CHANGES.items()})
    members = [member(), *(member(**change, dropout=0.1) for change in changes)]
    how = {"batch_size": 16, "weight": rng.uniform(0.5, 1.5, N)}
    results = trained(members, 6, **how)
    weights = {tuple(result.weights) for result in results}
    assert len(weights) == len(members)
    assert_alone([members[k] for k in few], [results[k] for k in few], **how)


@pytest.mark.slow
def test_a_batch_loss_takes_the_weights_of_mixed_rows():
    members = [member(loss=losses.Tversky(), mixup=alpha) for alpha in (0.0, 0.4)]
    assert_alone(members, trained(members, 6, batch_size=16), batch_size=16)


def test_a_network_that_fails_keeps_the_average_of_its_best_epoch():
    ill = member(learning_rate=1e200, weight_averaging=0.9, loss=losses.Square())
    well = member(weight_averaging=0.9, loss=losses.Square())
    results = trained([ill, well], 6)
    assert results[0].outcome is Outcome.DIVERGED
    assert np.isfinite(results[0].weights).all()
    alone = trained([well], 6)[0]
    np.testing.assert_allclose(results[1].weights, alone.weights, rtol=1e-12)


def test_averages_go_on_and_may_begin_later():
    def further(result, epochs, **changes):
        one = member(**changes, start=result.state)
        return trained([one], epochs, start=None)[0]

    averaged = {"weight_averaging": 0.9}
    whole = trained([member(**averaged)], 6)[0]
    first = trained([member(**averaged)], 3)[0]
    assert_weights(further(first, 3, **averaged), whole.weights)
    plain = further(first, 3)
    np.testing.assert_allclose(plain.weights, whole.state.weights, rtol=1e-12)
    later = further(trained([member()], 3)[0], 3, **averaged)
    assert not np.allclose(later.weights, whole.weights)
    np.testing.assert_allclose(later.state.weights, plain.weights, rtol=1e-12)


@pytest.mark.slow
def test_input_noise_is_ridge_regression_for_a_linear_network():
    """Bishop 1995: noise of variance s^2 on n rows is a penalty of n s^2."""
    y = X @ [[1.0], [-2.0], [0.5]] + rng.normal(size=(N, 1))
    deviation = 0.5
    plan = Plan(
        [
            member(
                loss=losses.SquaredError(),
                learning_rate=0.02,
                input_noise=deviation,
                weight_averaging=0.9995,
                class_weight=np.ones(1),
            )
        ],
        networks.get(()),
        losses.Task("regression", 1),
        batch_size=N,
        epochs=6000,
        dtype="float64",
        seed=0,
    )
    stream = Stream(np.arange(N), np.ones(N), NONE, np.zeros(0))
    found = train_population(plan, Data(X, y, [stream]))[0].weights[:3]
    ridge = Ridge(alpha=N * deviation**2).fit(X, y).coef_.ravel()
    plain = Ridge(alpha=0.0).fit(X, y).coef_.ravel()
    assert np.linalg.norm(found - ridge) < 0.1 * np.linalg.norm(plain - ridge)
