"""Users' own Keras networks in the estimators and in the searches."""

import logging
import pickle
import random

import keras
import numpy as np
import pytest
from keras import layers
from own_networks import KINDS, pictures, table, wide
from searches import assert_same, assert_same_best, both
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder

from skloss import LossAwareClassifier, LossAwareRegressor, networks
from skloss._engine import trace_count
from skloss.exceptions import NotFusibleError
from skloss.networks import Body

QUICK = ("conv2d",)
KIND = [
    pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow)
    for kind in KINDS
]


def net(network, **params):
    given = {"epochs": 4, "learning_rate": 0.02, "random_state": 0, **params}
    return LossAwareClassifier(network=network, **given)


# -- every kind ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KIND)
def test_each_kind_trains_predicts_and_pickles(kind):
    X, y = table(kind)
    before = X.copy(), random.getstate()
    own = net(KINDS[kind][0]).fit(X, y)
    assert np.array_equal(X, before[0])
    assert random.getstate() == before[1]
    assert own.history_["loss"][-1] < own.history_["loss"][0]
    assert own.trained_by_ == "compiled loop, one network at a time"
    expected = own.predict_proba(X)
    assert np.array_equal(pickle.loads(pickle.dumps(own)).predict_proba(X), expected)
    assert np.array_equal(clone(own).fit(X, y).predict_proba(X), expected)
    theirs = own.model_.predict(X, verbose=0)
    np.testing.assert_allclose(theirs, expected, rtol=1e-5, atol=1e-6)
    other = clone(own).set_params(random_state=1).fit(X, y)
    assert not np.allclose(other.predict_proba(X), expected, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KIND)
def test_searches_find_the_same(kind, caplog):
    X, y = table(kind)
    body, name, values = KINDS[kind]
    grid = {f"network__{name}": values}
    caplog.set_level(logging.ERROR)
    fused, plain = both(net(body), grid, X, y, cv=2)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)
    assert fused.best_params_[f"network__{name}"] in values
    assert not caplog.records


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["conv2d", "embedding"])
def test_saved_models_need_no_skloss(kind, tmp_path):
    X, y = table(kind)
    own = net(KINDS[kind][0], epochs=1).fit(X, y)
    own.model_.save(tmp_path / "own.keras")
    keras.config.enable_unsafe_deserialization()  # the body's own Lambda
    theirs = keras.models.load_model(tmp_path / "own.keras").predict(X, verbose=0)
    np.testing.assert_allclose(theirs, own.predict_proba(X), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_regression_on_pictures():
    X, y = table("conv2d")
    own = LossAwareRegressor(
        network=pictures, epochs=60, learning_rate=0.01, random_state=0
    ).fit(X, y)
    assert own.score(X, y) > 0.5


# -- arguments -----------------------------------------------------------------------


def test_arguments_are_parameters():
    own = net(wide)
    assert own.get_params()["network__units"] == 8
    assert own.get_params()["network"] is wide
    own.set_params(network__units=3)
    assert own.network == Body(wide, units=3)
    assert clone(own).network == Body(wide, units=3)
    assert repr(own.network) == "Body(wide, units=3)"
    assert Body(wide, units=8).structure() == Body(wide).structure()
    own.set_params(network__filters=2, network=pictures)
    assert own.network == Body(pictures, filters=2)


def test_unknown_arguments_are_refused_with_the_valid_names():
    with pytest.raises(ValueError, match=r"unist.*'units'.*'activation'.*'units'"):
        net(wide).set_params(network__unist=3)


def test_numbers_that_searches_draw_reach_keras_as_pythons():
    seen = []

    def stacked(sizes=(2,), units=2, scaled=True, more=None):
        seen.append([type(v) for v in (*sizes, units, scaled, *more.values())])
        return keras.Sequential([layers.Dense(n) for n in (*sizes, units)])

    drawn = Body(
        stacked,
        sizes=(np.int64(3),),
        units=np.arange(9)[5],
        scaled=np.bool_(True),
        more={"rate": np.float32(0.5), "name": [np.str_("relu")]},
    )
    drawn.make_body(64)
    assert seen == [[int, int, bool, float, list]]
    more = {"rate": 0.5, "name": ["relu"]}
    plain = Body(stacked, sizes=(3,), units=5, more=more)
    assert drawn.structure() == plain.structure()


def test_equal_arguments_share_a_program():
    X, y = table("dense")
    net(Body(wide, units=5)).fit(X, y)
    before = trace_count()
    net(Body(wide, units=5), learning_rate=0.1).fit(X, y)
    assert trace_count() == before


# -- columns -------------------------------------------------------------------------


def test_inputs_take_consecutive_blocks_of_columns():
    def body():
        a, b = keras.Input((2,)), keras.Input((1, 3), dtype="int32")
        numbers = keras.ops.cast(layers.Flatten()(b), "float32")
        return keras.Model([a, b], layers.Concatenate()([numbers, a]))

    model = networks.build(Body(body), 5, 1, "float32", None)
    seen = keras.Model(model.input, networks.head_of(model).input)
    X = np.array([[0.5, 1.5, 2.0, 3.0, 4.0]], "float32")
    np.testing.assert_array_equal(
        seen.predict(X, verbose=0), [[2.0, 3.0, 4.0, 0.5, 1.5]]
    )


@pytest.mark.slow
def test_codes_from_a_column_transformer():
    X, y = table("embedding")
    split = make_column_transformer(
        (OrdinalEncoder(), [0, 1, 2]), (MinMaxScaler(), list(range(3, 13)))
    )
    piped = make_pipeline(split, net(KINDS["embedding"][0], epochs=30)).fit(X, y)
    assert piped.score(X, y) > 0.6


# -- heads and layers of the user's --------------------------------------------------


def whole(units=4, activation=None, compiled=False):
    """Return a model with an output layer of its own."""
    inputs = keras.Input((64,))
    x = layers.Dense(5, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(units, activation, name="mine")(x))
    if compiled:
        model.compile("adam", "mse")
    return model


@pytest.mark.parametrize(
    "body",
    [
        whole,
        lambda: keras.Sequential([layers.Dense(5), layers.Dense(4, name="mine")]),
        lambda: layers.Dense(4, name="mine"),
    ],
)
def test_a_linear_head_that_fits_is_taken(body):
    X, y = table("dense")
    own = net(body).fit(X, y)
    assert [layer.name for layer in own.model_.layers][2:] == ["mine"]
    free = net(body, learning_rate=1e-30).fit(X, y).model_.layers[-1]
    log_shares = np.log(np.bincount(y) / len(y))
    np.testing.assert_allclose(free.bias, log_shares, atol=1e-5)


def one(*given):
    """Return a function that returns a model of these layers."""
    return lambda: keras.Sequential([layer() for layer in given])


@pytest.mark.parametrize(
    ("body", "error", "match"),
    [
        (Body(whole, activation="softmax"), ValueError, "'mine' with softmax.*Dense.4"),
        (one(layers.Softmax), ValueError, "4 raw output"),
        (Body(whole, units=1, activation="sigmoid"), ValueError, "leave that layer"),
        (Body(whole, compiled=True), TypeError, "compile=False.*loss and optimizer"),
        (one(lambda: layers.Reshape((8, 8))), ValueError, r"\(None, 8, 8\).*Flatten"),
        (
            one(lambda: keras.Input((9, 9)), layers.Flatten),
            ValueError,
            "81 columns.*has 64.*n_features",
        ),
        (
            one(lambda: layers.Dense(3, kernel_constraint="non_neg")),
            TypeError,
            "NonNeg.*not supported.*l2",
        ),
        (
            one(
                lambda: keras.Input(batch_shape=(20, 8, 8)),
                lambda: layers.GRU(2, stateful=True),
            ),
            TypeError,
            "stateful=True.*shuffled",
        ),
        (layers.Dense(3), TypeError, "a function that returns"),
        (lambda units: whole(units), TypeError, "'units' has no default.*network__"),
        (Body(wide, units=[{3}]), TypeError, "hashable.*numbers, strings"),
        (Body(wide, unist=3), ValueError, "'units'"),
        (
            one(lambda: layers.Lambda(lambda x: np.asarray(x), output_shape=(64,))),
            NotFusibleError,
            "(?s)compiled graph.*keras.ops",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_remedy(body, error, match):
    X, y = table("dense")
    with pytest.raises(error, match=match):
        net(body).fit(X, y)


# -- the user's objects --------------------------------------------------------------


@pytest.mark.slow
def test_layers_made_outside_stay_untouched_and_fits_share_nothing():
    X, y = table("dense")
    base = keras.Sequential(
        [keras.Input((64,)), layers.Dense(6), layers.BatchNormalization()]
    )
    given = base.get_weights()

    def body():
        return keras.Sequential([base, layers.Dense(3)])

    first = net(body, learning_rate=0.1).fit(X, y)
    model, expected = first.model_, first.predict_proba(X)
    second = net(body, learning_rate=0.2, random_state=1).fit(X, y)
    second.model_.set_weights([0 * w for w in second.model_.get_weights()])
    for before, after in zip(given, base.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(
        model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6
    )
    assert not np.allclose(model.get_weights()[0], given[0], atol=1e-3)
    assert np.array_equal(first.predict_proba(X), expected)


@pytest.mark.slow
def test_going_on_keeps_weights_of_both_kinds():
    """Two fits of two epochs are one of four, frozen weights included."""

    def body():
        frozen = layers.Dense(6, activation="relu", trainable=False)
        return keras.Sequential([frozen, layers.BatchNormalization()])

    X, y = table("dense")
    parts = net(body, batch_size=len(X))
    for _ in range(2):
        parts.partial_fit(X, y, classes=np.unique(y))
    again = net(body, batch_size=len(X), epochs=2).fit(X, y)
    np.testing.assert_allclose(
        parts.predict_proba(X), again.predict_proba(X), rtol=1e-6
    )
