"""The models that scikeras takes: its own tests' kinds, taken over."""

import functools
import pickle

import keras
import numpy as np
import pytest
from canonical import NET, X, y_binary, y_three
from keras import callbacks as kc
from keras.layers import Activation, Dense
from sklearn.base import clone

from skloss import LossAwareClassifier, LossAwareRegressor, networks
from skloss._engine import trace_count
from skloss._model_fit._keras_fit import import_wrappers
from skloss.losses import AbsoluteError, CrossEntropy
from skloss.model_selection import FusedGridSearchCV

COMMON = {"verbose": 0, "random_state": 0, "batch_size": 32}


def mlp(hidden=(8,), meta=None, compile_kwargs=None):
    """Make a model as large as the data ask for, whose loss depends on the target."""
    x = given = keras.Input((meta["n_features_in_"],))
    for size in hidden:
        x = Dense(size, "relu")(x)
    binary = meta["target_type_"] == "binary"
    out = Dense(1, "sigmoid") if binary else Dense(meta["n_classes_"], "softmax")
    model = keras.Model(given, [out(x)])
    compile_kwargs["loss"] = compile_kwargs["loss"] or "binary_crossentropy"
    model.compile(**compile_kwargs)
    return model


def by_layers(hidden, meta):
    """Make a model of activations that are layers, compiled to its own taste."""
    layers = [Dense(hidden), Activation("relu"), Dense(meta["n_outputs_"])]
    model = keras.Sequential([keras.Input((4,)), *layers, Activation("linear")])
    model.compile(keras.optimizers.SGD(0.25, momentum=0.5), "mean_absolute_error")
    return model


def head_only(activation=None):
    return keras.Sequential([keras.Input((4,)), Dense(1, activation)])


def classifier(model=mlp, **params):
    given = import_wrappers().KerasClassifier(model, **COMMON | params)
    return LossAwareClassifier.from_scikeras(given)


def regressor(model, **params):
    given = import_wrappers().KerasRegressor(model, **COMMON | params)
    return LossAwareRegressor.from_scikeras(given)


def shapes(own, n_raw):
    """Return the shapes of an estimator's weights, with ``n_raw`` outputs."""
    network = networks.get(own.network)
    model = networks.build(network, 4, n_raw, "float32", keras.layers.Dropout)
    return [tuple(v.shape) for v in model.trainable_variables]


@pytest.mark.slow
def test_arguments_of_the_function_are_parameters():
    own = classifier(model__hidden=(3,))
    names = [name for name in own.get_params() if name.startswith("network__")]
    assert names == ["network__build_fn", "network__hidden"]
    assert own.network.get_params()["hidden"] == (3,)
    other = clone(own).set_params(network__hidden=(5,)).fit(X, y_three)
    assert own.get_params()["network__hidden"] == (3,)
    assert other.predict_proba(X).shape == (93, 3)
    assert shapes(other, 3) == [(4, 5), (5,), (5, 3), (3,)]
    assert repr(other.network) == "WithoutHead(mlp, hidden=(5,))"
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        own.set_params(network__units=16)
    old_style = classifier(hidden=(3,))  # without the prefix model__
    assert old_style.get_params()["network__hidden"] == (3,)
    again = pickle.loads(pickle.dumps(other))
    assert np.array_equal(again.predict_proba(X), other.predict_proba(X))


def test_nothing_but_a_head():
    """Logistic regression has a weight for each of four columns, and a bias."""
    given = {"model__activation": "sigmoid", "loss": "binary_crossentropy"}
    for own in (classifier(head_only, **given), LossAwareClassifier(network=head_only)):
        assert shapes(own, 1) == [(4, 1), (1,)]
    assert (
        own.set_params(**NET | {"network": head_only}).fit(X, y_binary).n_epochs_ == 5
    )


def test_compiled_by_the_wrapper():
    own = classifier(optimizer="sgd", optimizer__learning_rate=0.5, epochs=3)
    assert own.loss == CrossEntropy()  # which the function chooses
    assert (own.optimizer, own.learning_rate, own.epochs) == ("sgd", 0.5, 3)


def test_compiled_by_the_function():
    own = regressor(by_layers, hidden=8)
    assert own.loss == AbsoluteError()
    assert (own.optimizer, own.learning_rate) == ("sgd:momentum=0.5", 0.25)
    assert shapes(own, 1) == [(4, 8), (8,), (8, 1), (1,)]
    same = regressor(by_layers, hidden=8, loss=keras.losses.MeanAbsoluteError())
    assert same.loss == AbsoluteError()


def test_a_schedule_of_keras_stays_one():
    curve = keras.optimizers.schedules.ExponentialDecay(0.5, 3, 0.25)  # three steps
    own = classifier(optimizer=keras.optimizers.SGD(curve))
    rates = [float(own.lr_schedule(step)) for step in (0, 3, 6)]
    np.testing.assert_allclose(rates, [0.5, 0.125, 0.03125])


def test_a_partial_function():
    build = functools.partial(head_only, activation="sigmoid")
    own = classifier(build, loss="binary_crossentropy")
    assert shapes(own, 1) == [(4, 1), (1,)]


def made_by_a_method():
    class Own(import_wrappers().KerasClassifier):
        def _keras_build_fn(self, hidden, meta, compile_kwargs):
            return mlp(hidden, meta, compile_kwargs)

    return LossAwareClassifier.from_scikeras(Own(None, hidden=(8,), **COMMON))


def made_before():
    given = keras.Input((4,))
    hidden = Dense(8, "relu", bias_initializer="uniform")(given)
    model = keras.Model(given, Dense(1, "sigmoid")(hidden))
    model.compile("sgd", "binary_crossentropy")
    return model


def test_a_model_is_where_training_starts():
    model = made_before()
    before = [np.array(w) for w in model.get_weights()]
    own = classifier(model, epochs=1, warm_start=False).set_params(learning_rate=1e-9)
    own.fit(X, y_binary)
    after = [v.numpy() for v in own.model_.trainable_variables]
    for mine, theirs in zip(after[:2], before[:2], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-7)
    for now, then in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(now, then)
    other = pickle.loads(pickle.dumps(own))
    assert np.array_equal(other.predict_proba(X), own.predict_proba(X))


def test_clones_share_what_makes_the_model():
    """Otherwise every network of a search would be traced by itself."""
    own = made_by_a_method()
    before = trace_count()
    search = FusedGridSearchCV(own, {"l2": [0.0]}, cv=2, refit=False)
    search.fit(X, y_binary)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert trace_count() - before == 1
    model = classifier(made_before()).network
    assert clone(model).structure() == model.structure()


def test_rows_set_aside():
    """EarlyStopping of Keras ends it, by the score on the rows that are set aside."""
    own = classifier(
        validation_split=0.25,
        epochs=9,
        callbacks=[kc.EarlyStopping],
        callbacks__0__patience=1,
        callbacks__0__min_delta=10.0,  # no epoch is that much better than another
    ).fit(X, y_binary)
    expected = {"early_stopping": True, "validation_fraction": 0.25, "patience": 9}
    assert own.get_params(deep=False).items() >= expected.items()
    assert len(own.history_["val_loss"]) == own.n_epochs_ == 2
    own.set_params(callbacks=None, learning_rate=1e-12, epochs=12)
    own.set_params(patience=12).fit(X, y_binary)
    assert own.n_epochs_ == 12  # our own early stopping never ends it


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"metrics": ["accuracy"]}, {}),
        ({"run_eagerly": True}, {}),
        ({"validation_batch_size": 7}, {}),
        ({"predict__batch_size": 7, "predict__verbose": 1}, {}),
        ({"fit__epochs": 4, "fit__batch_size": 16}, {"epochs": 4, "batch_size": 16}),
        ({"compile__optimizer": "sgd"}, {"optimizer": "sgd", "learning_rate": 0.01}),
    ],
    ids=lambda params: next(iter(params), ""),
)
def test_routed_or_of_no_effect(params, expected):
    plain, own = (
        classifier(**p).get_params(deep=False) for p in ({"metrics": None}, params)
    )
    differ = {name: own[name] for name in own if own[name] != plain[name]}
    assert differ == expected
