"""Layers whose weights no initialiser of theirs tells, or that make them late."""

import keras
import numpy as np
import pytest
from canonical import NET, X, y_binary
from keras import layers
from sklearn.base import clone

from skloss import MLP, LossAwareClassifier
from skloss._engine import trace_count


@keras.saving.register_keras_serializable("skloss-tests")
class Scaled(layers.Layer):
    """A layer around another, with weights of its own beside it."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.inner = units, layers.Dense(units)

    def build(self, shape):
        """Create what is trained, what is not, and the layer inside."""
        self.scale = self.add_weight(
            shape=shape[-1:], initializer="random_normal", name="scale"
        )
        self.shift = self.add_weight(
            shape=shape[-1:], initializer="ones", trainable=False, name="shift"
        )
        self.inner.build(shape)

    def call(self, x):
        """Return the inner layer of the scaled input."""
        return self.inner(x * self.scale + self.shift)

    def get_config(self):
        """Return the arguments."""
        return {**super().get_config(), "units": self.units}


class WithScaled(MLP):
    """An MLP that ends in such a layer."""

    def body(self, x, dropout_layer, dtype):
        """Return the layer's output."""
        return Scaled(dtype=dtype)(super().body(x, dropout_layer, dtype))


class WithAttention(MLP):
    """An MLP that ends in a layer made of several."""

    def body(self, x, dropout_layer, dtype):
        """Return one vector a row."""
        x = layers.Reshape((2, 4))(super().body(x, dropout_layer, dtype))
        return layers.Flatten()(layers.MultiHeadAttention(2, 2, dtype=dtype)(x, x))


def late():
    """Return a body whose activation makes its slopes when it is called."""
    return keras.Sequential([layers.Dense(8, activation=layers.PReLU())])


def own_initializer(shape, dtype=None):
    """Return a kernel of equal weights."""
    return keras.ops.full(shape, 0.25, dtype)


def fitted(network, **params):
    params = {"network": network, "epochs": 2} | params
    return LossAwareClassifier(**NET | params).fit(X, y_binary)


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [
        WithScaled((8,)),
        WithAttention((8,)),
        MLP((8,), kernel_initializer=own_initializer),
        late,
    ],
    ids=lambda network: getattr(network, "__name__", type(network).__name__),
)
def test_their_first_values_follow_the_seed(network):
    # a rate so small leaves weights as they were drawn
    first, same, other = (
        fitted(network, learning_rate=1e-30, random_state=seed) for seed in (0, 0, 1)
    )
    p = first.predict_proba(X)
    np.testing.assert_array_equal(same.predict_proba(X), p)
    assert not np.allclose(other.predict_proba(X), p, rtol=1e-3)
    exported = first.model_.predict(X, verbose=0)
    np.testing.assert_allclose(exported, p, rtol=1e-5, atol=1e-6)


def test_they_are_drawn_as_their_layer_says():
    named = {v.name: v.numpy() for v in fitted(WithScaled((8,))).model_.weights}
    np.testing.assert_array_equal(named["shift"], np.ones(8))
    fixed = MLP((8,), kernel_initializer=own_initializer)
    kernel = fitted(fixed, learning_rate=1e-30).model_.get_weights()[0]
    np.testing.assert_array_equal(kernel, np.full((4, 8), 0.25))


def test_a_layer_as_activation_is_one_for_each_hidden_layer_and_a_setting():
    network = MLP((8, 8), activation=layers.PReLU(alpha_initializer="ones"))
    first = fitted(network, learning_rate=0.1)
    assert not network.activation.weights  # the user's own is left alone
    slopes = [v.numpy() for v in first.model_.weights if v.name == "alpha"]
    assert [slope.shape for slope in slopes] == [(8,), (8,)]
    assert not np.allclose(*slopes)
    before = trace_count()
    again = clone(first).fit(X, y_binary)
    np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))
    assert trace_count() == before


def test_a_subclass_shares_no_program_with_an_mlp_of_its_parameters():
    assert WithScaled((8,)).structure() != MLP((8,)).structure()
