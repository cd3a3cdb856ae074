"""Estimators of scikeras taken over, and handed over."""

import keras
import numpy as np
import pytest
from keras import callbacks as kc
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._model_fit._keras_fit import import_wrappers

X, y = make_classification(120, 6, n_informative=4, random_state=0)


def build(meta, units=4):
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(units, activation="tanh"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


META = {"n_features_in_": 6}


def build_picture(meta):
    table = keras.Input((meta["n_features_in_"],))
    return keras.Sequential([table, keras.layers.Reshape((3, 3))])


def build_functional(meta):
    x = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(5)(x)
    return keras.Model(x, keras.layers.Dense(1)(hidden))


def build_compiled(meta):
    model = build(meta)
    model.compile("adam", "binary_crossentropy")
    return model


def theirs(model=build, **params):
    given = {"loss": "binary_crossentropy", "optimizer": "adam", "random_state": 0}
    return import_wrappers().KerasClassifier(model, **{**given, "verbose": 0, **params})


@pytest.mark.slow
def test_taken_over():
    given = theirs(
        model__units=7,
        optimizer__learning_rate=0.05,
        optimizer__beta_1=0.8,
        optimizer__global_clipnorm=2.0,
        epochs=30,
        class_weight="balanced",
        callbacks=kc.EarlyStopping,
        callbacks__monitor="loss",
        callbacks__patience=3,
    )
    own = LossAwareClassifier.from_scikeras(given)
    expected = LossAwareClassifier(
        "cross_entropy",
        network=own.network,
        optimizer="adam:beta_1=0.8",
        learning_rate=0.05,
        clip_norm=2.0,
        epochs=30,
        batch_size=32,
        class_weight="balanced",
        callbacks=own.callbacks,
        dtype="float32",
        random_state=0,
    )
    assert own.get_params(deep=False) == expected.get_params(deep=False) | {
        "loss": own.loss
    }
    assert repr(own.loss) == "CrossEntropy()"
    assert (own.callbacks[0].monitor, own.callbacks[0].patience) == ("loss", 3)
    fitted = clone(own).fit(X, y)
    shapes = [tuple(v.shape) for v in fitted.model_.trainable_variables]
    assert shapes == [(6, 7), (7,), (7, 1), (1,)]
    assert fitted.score(X, y) > 0.75


def test_regressor_taken_over():
    A, b = make_regression(60, 3, random_state=0)
    given = import_wrappers().KerasRegressor(
        build_functional, loss=keras.losses.Huber(2.0), optimizer="sgd", epochs=3
    )
    own = LossAwareRegressor.from_scikeras(given)
    assert repr(own.loss) == "Huber(delta=2.0)"
    assert own.target_transform is None
    assert own.fit(A, b).model_.count_params() == 3 * 5 + 5 + 5 + 1


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"loss": None}, "loss=None"),
        ({"fit__initial_epoch": 3}, "fit__initial_epoch=3"),
        ({"predict__callbacks": kc.History()}, "predict__callbacks="),
        ({"shuffle": False}, "shuffle=False"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"optimizer__clipnorm": 1.0}, "clipnorm=1.0"),
        ({"optimizer": "adamw"}, "weight_decay"),
        ({"model": lambda params: build(params)}, "model="),
        ({"model": build_compiled, "loss": "hinge"}, r"loss=Hinge\(\)"),
    ],
)
def test_not_taken_over(params, text):
    with pytest.raises(ValueError, match=f"{text}.*has no counterpart"):
        LossAwareClassifier.from_scikeras(theirs(**params))


def test_other_things_are_not_taken_over():
    with pytest.raises(TypeError, match="takes a KerasRegressor, got KerasClassifier"):
        LossAwareRegressor.from_scikeras(theirs())
    with pytest.raises(ValueError, match=r"(?s)for a table of 64 columns.*initialize"):
        LossAwareClassifier.from_scikeras(theirs(build_picture))
    own = LossAwareClassifier.from_scikeras(theirs(lambda: build_functional(META)))
    own.set_params(network__build_fn=lambda: keras.Sequential([keras.layers.Flatten()]))
    with pytest.raises(ValueError, match="end in one Dense layer"):
        own.fit(X, y)


def test_handed_over_and_back():
    own = LossAwareClassifier(
        network=(8,),
        optimizer="sgd:momentum=0.9",
        learning_rate=0.05,
        clip_norm=3.0,
        l2=1e-3,
        dropout=0.1,
        batch_size=16,
        epochs=20,
        random_state=0,
        dtype="float32",
    )
    given = own.to_scikeras()
    back = LossAwareClassifier.from_scikeras(given).get_params(deep=False)
    assert repr(back.pop("loss")) == "CrossEntropy()"
    expected = own.get_params(deep=False)
    del expected["loss"]
    assert back == expected


@pytest.mark.slow
def test_both_learn():
    make = {"network": (8,), "learning_rate": 0.05, "batch_size": 16, "epochs": 20}
    own = LossAwareClassifier(random_state=0, **make)
    score = own.fit(X, y).score(X, y)
    given = own.to_scikeras().fit(X, y)
    assert given.score(X, y) == pytest.approx(score, abs=0.05)


@pytest.mark.slow
def test_a_regressor_learns_the_same_line():
    A, b = make_regression(100, 3, noise=1.0, random_state=0)
    make = {"network": (), "epochs": 60, "batch_size": 20, "learning_rate": 0.1}
    own = LossAwareRegressor(
        "squared_error",
        target_transform=None,
        optimizer="sgd",
        random_state=0,
        **make,
    )
    given = own.to_scikeras().fit(A, b)
    np.testing.assert_allclose(given.predict(A), own.fit(A, b).predict(A), atol=2.0)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "focal"},
        {"lr_schedule": "cosine"},
        {"early_stopping": True},
        {"weight_decay": 0.1},
        {"clip_value": 0.1},
        {"max_norm": 1.0},
        {"input_noise": 0.1},
        {"mixup": 0.2},
        {"weight_averaging": 0.9},
        {"calibration": "temperature"},
        {"batch_size": "auto"},
        {"dtype": "float64"},
    ],
    ids=lambda params: next(iter(params)),
)
def test_not_handed_over(params):
    name = next(iter(params))
    with pytest.raises(ValueError, match=f"{name}=.*has no counterpart"):
        LossAwareClassifier(**{"batch_size": 8, **params}).to_scikeras()
