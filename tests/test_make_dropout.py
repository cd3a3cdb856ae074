"""A layer in a user's body that has the estimator's rate of dropout."""

import keras
import numpy as np
import pytest
from canonical import NET, X, y_binary
from keras import layers
from searches import assert_same, assert_same_best, both

from skloss import LossAwareClassifier, losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Plan,
    Stream,
    TrainingState,
    trace_count,
    train_population,
)
from skloss._engine._optimizers import Optimizer
from skloss.networks import MLP, Body, make_dropout

SHORT = NET | {"epochs": 2}
TASK = losses.Task("binary", 1)


def dropping(units=8, shape=None, fixed=0.0):
    """Return a body of one hidden layer, whose outputs are dropped in some shape."""
    body = [layers.Dense(units, activation="relu")]
    if shape is not None:
        body.append(layers.Reshape(shape))
    body.append(make_dropout())
    if fixed:
        body.append(layers.Dropout(fixed))
    return keras.Sequential([*body, layers.Flatten()])


def net(network=dropping, **params):
    return LossAwareClassifier(**SHORT | {"network": network} | params)


def trained(network, rates):
    """Return the weights of networks that begin alike, each with its own rate."""
    start = np.random.default_rng(0).normal(size=4 * 8 + 8 + 8 + 1)
    members = [
        Member(
            loss=losses.CrossEntropy(),
            schedule=schedules.get(None),
            optimizer=Optimizer("sgd"),
            learning_rate=0.1,
            head_bias=np.zeros(1),
            class_weight=np.ones(2),
            start=TrainingState(start, np.zeros(0)),
            dropout=rate,
        )
        for rate in rates
    ]
    plan = Plan(
        members,
        networks.get(network),
        TASK,
        batch_size=32,
        epochs=2,
        dtype="float64",
        seed=7,
    )
    none = np.zeros(0, np.int32)
    data = Data(X, y_binary[:, None], [Stream(np.arange(93), np.ones(93), none, none)])
    return [result.weights for result in train_population(plan, data)]


@pytest.mark.parametrize("shape", [None, (2, 4), (2, 2, 2)])
def test_it_drops_what_an_mlp_drops_at_the_rate_of_each_network(shape):
    """Whose dropout is checked by hand; places are counted row by row in any shape."""
    rates = 0.0, 0.25, 0.6
    ours = trained(Body(dropping, shape=shape), rates)
    expected = trained(MLP((8,)), rates)
    for own, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9)
    assert not np.allclose(ours[0], ours[1])


@pytest.mark.slow
def test_a_layer_of_keras_draws_the_same_beside_it_whatever_the_others_drop():
    body = Body(dropping, fixed=0.5)
    together = trained(body, (0.0, 0.25))
    for rate, own in zip((0.0, 0.25), together, strict=True):
        np.testing.assert_allclose(trained(body, (rate,))[0], own, rtol=1e-9)


@pytest.mark.slow
def test_a_search_varies_the_rate_within_one_program():
    grid = {"dropout": [0.0, 0.2, 0.5]}
    fused, plain = both(net(), grid, X, y_binary, cv=2)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)
    before = trace_count()
    fused.set_params(param_grid={"dropout": [0.1, 0.3, 0.4]}, refit=False)
    fused.fit(X, y_binary)
    assert trace_count() == before


@pytest.mark.slow
def test_what_predicts_drops_nothing_and_is_saved_without_us(tmp_path):
    own = net(dropout=0.4).fit(X, y_binary)
    expected = own.predict_proba(X)
    assert not np.allclose(expected, net().fit(X, y_binary).predict_proba(X))
    kinds = [type(layer) for layer in own.model_.layers[1].layers]
    assert kinds == [layers.Dense, layers.Dropout, layers.Flatten]
    assert own.model_.layers[1].layers[1].rate == 0.4
    own.model_.save(tmp_path / "own.keras")
    loaded = keras.models.load_model(tmp_path / "own.keras")
    found = loaded.predict(X, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_outside_of_a_function_that_skloss_calls_nothing_is_dropped():
    row = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(make_dropout()(row, training=True), row)


def outside():
    """Return layers of which one was made where no estimator was known."""
    return keras.Sequential([layers.Dense(8), made])


made = make_dropout()


@pytest.mark.parametrize("network", [outside, lambda: layers.Dense(8)])
def test_a_rate_that_no_layer_has_is_refused_with_the_remedy(network):
    with pytest.raises(ValueError, match=r"dropout=0.3 has.*networks.make_dropout\(\)"):
        net(network, dropout=0.3).fit(X, y_binary)
    with pytest.raises(ValueError, match=r"dropout=0.3 has.*no layer"):
        net(network, dropout=0.3).to_scikeras().fit(X, y_binary)
    net(network, dropout=0.0, epochs=1).fit(X, y_binary)


def in_a_wrapper():
    """Return a body that drops the same units at each of two times."""
    each = layers.TimeDistributed(make_dropout())
    return keras.Sequential([layers.Reshape((2, 2)), each, layers.Flatten()])


def test_a_layer_of_keras_may_hold_it():
    own = net(in_a_wrapper, dropout=0.3).fit(X, y_binary)
    found = own.model_.predict(X, verbose=0)
    np.testing.assert_allclose(found, own.predict_proba(X), rtol=1e-5, atol=1e-6)


def of_any_length():
    """Return a body that drops what it does not know the length of."""
    inputs = keras.Input((4,))
    rows = layers.Lambda(lambda x: x[:, :, None], output_shape=(None, 1))(inputs)
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(make_dropout()(rows)))


def test_an_input_of_unknown_length_is_refused():
    with pytest.raises(ValueError, match=r"\(None, None, 1\).*Flatten"):
        net(of_any_length, dropout=0.3).fit(X, y_binary)


@pytest.mark.slow
def test_keras_own_loop_drops_too():
    """Which trains where a callback acts inside an epoch."""

    class Inside(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    fits = [
        net(dropout=rate, callbacks=[Inside()]).fit(X, y_binary) for rate in (0.0, 0.9)
    ]
    weights = [fit._fitted.outputs.weights for fit in fits]
    assert fits[1].trained_by_.startswith("keras.Model.fit")
    assert not np.allclose(*weights, rtol=1e-2)
