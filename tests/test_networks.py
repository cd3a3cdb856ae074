"""The body of an MLP: its layers, skips and initial weights, against Keras' own."""

import math

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skloss import LossAwareClassifier, networks
from skloss._engine import trace_count
from skloss._engine._step import no_dropout
from skloss.networks import MLP

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] + 0.5 * rng.normal(size=60) > 0).astype(int)
ACTIVATIONS = ["leaky_relu", "gelu", "silu", "mish", "elu", "selu"]
INITIALIZERS = ["he_normal", "he_uniform", "lecun_normal", "orthogonal"]


def built(network, n_raw=1):
    """Return a model whose weights are those that training begins with."""
    model = networks.build(network, 4, n_raw, "float64", no_dropout)
    fresh = networks.draw_values(model, 3)
    for variable in model.weights:
        variable.assign(fresh[id(variable)] + 0.1)
    return model


def fitted(network, **params):
    given = {"network": network, "epochs": 2, "batch_size": 16, "random_state": 0}
    return LossAwareClassifier(**{**given, **params}).fit(X, y)


def erf(x):
    return np.vectorize(math.erf)(x)


BY_HAND = {
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))
    ),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    model = built(MLP((5,), activation=activation))
    kernel, bias, head, constant = (v.numpy() for v in model.trainable_variables)
    by_hand = BY_HAND[activation](X @ kernel + bias) @ head + constant
    np.testing.assert_allclose(model(X).numpy(), by_hand, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_normalisation_comes_before_the_activation(normalization):
    model = built(MLP((5,), normalization=normalization))
    kernel, *bias, gamma, beta, head, constant = (
        v.numpy() for v in model.trainable_variables
    )
    if normalization == "layer":
        x = X @ kernel + bias[0]
        mean, variance = x.mean(axis=1)[:, None], x.var(axis=1)[:, None]
    else:  # whose mean would take a bias away again
        assert bias == []
        x = X @ kernel
        mean, variance = (v.numpy() for v in model.non_trainable_variables[:2])
    x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    expected = np.maximum(x, 0) @ head + constant
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-6)


def test_skips_join_layers_of_equal_width():
    # the first hidden layer is as wide as there are features, which are no layer
    model = built(MLP((4, 4, 3, 3), residual=True, activation="tanh"))
    weights = [v.numpy() for v in model.trainable_variables]
    x = X
    for k, skips in enumerate((False, True, False, True)):
        out = np.tanh(x @ weights[2 * k] + weights[2 * k + 1])
        x = out + x if skips else out
    np.testing.assert_allclose(model(X).numpy(), x @ weights[8] + weights[9], rtol=1e-6)


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_initial_weights_are_those_of_keras_and_of_the_seed(initializer):
    model = networks.build(
        MLP((40, 40), kernel_initializer=initializer), 4, 1, "float64", no_dropout
    )
    one, same, other = (
        list(networks.draw_values(model, seed).values()) for seed in (3, 3, 4)
    )
    kernels = [k for k, v in enumerate(one) if v.ndim == 2]
    for k in kernels:
        assert np.array_equal(one[k], same[k])
        assert not np.array_equal(one[k], other[k])
    square = one[kernels[1]]
    if initializer == "orthogonal":
        np.testing.assert_allclose(square.T @ square, np.eye(40), atol=1e-6)
    else:
        variance = 1 / 40 if initializer == "lecun_normal" else 2 / 40
        assert square.var() == pytest.approx(variance, rel=0.15)


BODIES = {
    "layer": MLP((6, 6), normalization="layer", activation="gelu"),
    "residual": MLP((6, 6), residual=True, normalization="batch", activation="mish"),
    "selu": MLP((6,), activation="selu", kernel_initializer="lecun_normal"),
    "orthogonal": MLP((6,), activation="silu", kernel_initializer="orthogonal"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "residual" else pytest.mark.slow)
        for name in BODIES
    ],
)
def test_bodies_train_repeat_and_export(name):
    one = fitted(BODIES[name], dropout=0.1)
    again = fitted(BODIES[name], dropout=0.1)
    assert np.array_equal(one._fitted.outputs.weights, again._fitted.outputs.weights)
    p = one.model_.predict(X, verbose=0)
    np.testing.assert_allclose(p, one.predict_proba(X), atol=1e-6)
    assert eval(repr(BODIES[name])) == BODIES[name]


def test_layer_norm_is_that_of_keras_in_training():
    """One full-batch step of gradient descent."""
    body = MLP((5,), normalization="layer", activation="tanh")
    step = {"optimizer": "sgd", "learning_rate": 0.5, "batch_size": 60}
    after = fitted(body, epochs=2, **step)._fitted.outputs.weights
    model = keras.Sequential(
        [
            keras.layers.Dense(5, dtype="float64"),
            keras.layers.LayerNormalization(dtype="float64"),
            keras.layers.Activation("tanh", dtype="float64"),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )
    model.build((None, 4))
    before = fitted(body, epochs=1, **step)._fitted.outputs.weights
    sizes = [v.numpy().size for v in model.trainable_variables]
    pieces = np.split(before, np.cumsum(sizes)[:-1])
    for variable, piece in zip(model.trainable_variables, pieces, strict=True):
        variable.assign(piece.reshape(variable.shape))
    loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
    model.compile(keras.optimizers.SGD(0.5), loss)
    model.train_on_batch(X, y[:, None].astype(float))
    expected = np.concatenate([np.ravel(v) for v in model.get_weights()])
    np.testing.assert_allclose(after, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("network", "texts"),
    [
        (MLP((4,), normalization="group"), ["'group'", "'batch'", "'layer'", "None"]),
        (MLP((4,), normalization=True), ["True", "'batch'"]),
        (MLP((8, 4), residual=True), ["residual=True", "(8, 4)", "(64, 64)"]),
        (MLP((4,), residual=True), ["residual=True", "(4,)"]),
        (MLP((4, 4), residual=1), ["residual=1", "True or False"]),
        (MLP((4,), kernel_initializer="he"), ["'he'", "Keras knows"]),
    ],
)
def test_what_cannot_be_is_refused(network, texts):
    with pytest.raises((ValueError, TypeError)) as caught:
        fitted(network)
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.slow
def test_an_initializer_given_as_an_object_is_its_settings():
    """Clones hold copies of it, which share one program and draw by the seed."""
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    make = {"epochs": 2, "random_state": 0}
    wide = MLP((5,), kernel_initializer=keras.initializers.RandomNormal(0.0, 0.5))
    first = LossAwareClassifier(network=wide, **make).fit(X, y)
    before = trace_count()
    again = clone(first)
    assert again.network.kernel_initializer is not wide.kernel_initializer
    np.testing.assert_array_equal(
        again.fit(X, y).predict_proba(X), first.predict_proba(X)
    )
    assert trace_count() == before
    other = MLP((5,), kernel_initializer=keras.initializers.RandomNormal(0.0, 0.1))
    assert clone(wide) == wide != other
    narrow = LossAwareClassifier(network=other, **make).fit(X, y)
    assert np.abs(narrow.predict_proba(X) - first.predict_proba(X)).max() > 0.01
