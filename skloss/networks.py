"""The body of the network: an MLP by default, or a function that builds one in Keras.

The loss brings the head, a linear layer with as many raw outputs as it needs.
"""

import inspect
import random
from collections.abc import Callable
from contextlib import contextmanager

import keras
import numpy as np

from skloss._params import Params, freeze, is_number


class MLP(Params):
    """Fully connected layers, each followed by its activation and dropout.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Units of each hidden layer; empty for a linear model.
    activation : str, default="relu"
        Any Keras activation.
    kernel_initializer : str, default="glorot_uniform"
        Any Keras initialiser.
    batch_normalization : bool, default=False
        Normalise each layer before its activation (Ioffe and Szegedy 2015).
    """

    def __init__(
        self,
        hidden_layer_sizes=(64, 64),
        *,
        activation="relu",
        kernel_initializer="glorot_uniform",
        batch_normalization=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.batch_normalization = batch_normalization

    def structure(self):
        """Return all parameters: widths are shapes, not run-time numbers."""
        return (MLP, freeze(list(self.get_params(deep=False).values())))

    def knobs(self):
        """Return no numbers: widths are structure."""
        return {}

    def check(self):
        """Raise ValueError for sizes that are not positive integers, unknown names."""
        for size in self.hidden_layer_sizes:
            if not is_number(size) or size != int(size) or size < 1:
                raise ValueError(
                    f"MLP: hidden_layer_sizes={self.hidden_layer_sizes!r} must hold "
                    f"integers >= 1, got {size!r}; use () for a linear model."
                )
        for what, getter in (
            ("activation", keras.activations.get),
            ("kernel_initializer", keras.initializers.get),
        ):
            try:
                getter(getattr(self, what))
            except ValueError as error:
                raise ValueError(
                    f"MLP: {what}={getattr(self, what)!r} is not one that Keras knows."
                ) from error

    def layers(self, dropout_layer, dtype):
        """Return the hidden layers; ``dropout_layer()`` makes each dropout."""
        layers = []
        for size in self.hidden_layer_sizes:
            layers.append(
                keras.layers.Dense(
                    int(size),
                    kernel_initializer=self.kernel_initializer,
                    dtype=dtype,
                )
            )
            if self.batch_normalization:
                layers.append(keras.layers.BatchNormalization(dtype=dtype))
            layers.append(keras.layers.Activation(self.activation, dtype=dtype))
            layers.append(dropout_layer())
        return layers


class StackedDropout(keras.layers.Layer):
    """Dropout whose mask is a weight, so that networks can be stacked.

    The mask holds 0 or 1 / (1 - rate). It is made outside, once per step, from noise
    that all networks share: comparisons between them are paired.
    """

    def __init__(self, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.batch_size = batch_size

    def build(self, shape):
        """Create the mask of one batch."""
        self.mask = self.add_weight(
            shape=(self.batch_size, shape[-1]),
            initializer="ones",
            trainable=False,
            name="mask",
        )

    def call(self, x, training=False):
        """Multiply by the mask in training."""
        return x * self.mask if training else x


def get(spec):
    """Return the network for a tuple of sizes, an :class:`MLP` or a function.

    Raises
    ------
    TypeError
        If ``spec`` is none of these.
    """
    if isinstance(spec, MLP):
        network = spec
    elif is_number(spec):
        network = MLP((spec,))
    elif isinstance(spec, tuple | list | np.ndarray):
        network = MLP(tuple(spec))
    elif isinstance(spec, Callable) and not isinstance(spec, keras.Model):
        return spec
    else:
        raise TypeError(
            f"network={spec!r} must be hidden layer sizes such as (64, 64), an MLP, or "
            f"a function that returns a Keras model without its output layer."
        )
    network.check()
    return network


def structure(network):
    """Return what identifies the graph of a network."""
    return network.structure() if isinstance(network, MLP) else network


def build(network, n_features, n_raw, dtype, dropout_layer):
    """Return a Keras model: the body with a linear head of ``n_raw`` outputs.

    Parameters
    ----------
    network : MLP or callable
    n_features, n_raw : int
    dtype : {"float32", "float64"}
    dropout_layer : callable
        Makes the dropout layers of an MLP.

    Raises
    ------
    TypeError
        If the function does not return a Keras model or layer.
    """
    inputs = keras.Input((n_features,), dtype=dtype)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        if isinstance(network, MLP):
            x = inputs
            for layer in network.layers(dropout_layer, dtype):
                x = layer(x)
        else:
            x = built_by_user(network, n_features)(inputs)
        head = keras.layers.Dense(n_raw, dtype=dtype, name="head")
        model = keras.Model(inputs, head(x))
    finally:
        keras.config.set_dtype_policy(policy)
    check_weights(model, network)
    return model


def built_by_user(network, n_features):
    """Call the user's function, with ``n_features`` if it takes it."""
    accepts = inspect.signature(network).parameters
    arguments = {"n_features": n_features} if "n_features" in accepts else {}
    body = network(**arguments)
    if not isinstance(body, keras.layers.Layer):
        raise TypeError(
            f"network={network!r} returned {type(body).__name__}; it must return a "
            f"Keras model without its output layer."
        )
    return body


def leaves(model):
    """Return the model's innermost layers."""
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not list(layer._flatten_layers(include_self=False))
    ]


def check_weights(model, network):
    """Refuse layers whose weights cannot be drawn anew for each fit."""
    if isinstance(network, MLP):
        return
    for layer in leaves(model):
        for variable in layer.weights:
            if not hasattr(layer, f"{variable.name}_initializer"):
                raise TypeError(
                    f"network={network!r}: the layer {layer.name!r} "
                    f"({type(layer).__name__}) is not supported; build the body of "
                    f"Dense, normalisation, activation and Dropout layers."
                )


def initial_values(model, seed):
    """Draw a fresh value for every trainable and stored weight.

    Parameters
    ----------
    model : keras.Model
    seed : int

    Returns
    -------
    dict of int to ndarray
        ``id`` of the variable to its value, the same for the same seed.
    """
    rng = np.random.default_rng(seed)
    values = {}
    for layer in leaves(model):
        for variable in layer.weights:
            initializer = getattr(layer, f"{variable.name}_initializer", None)
            if initializer is None:
                continue
            own = int(rng.integers(1, 2**31 - 1))
            config = initializer.get_config()
            if config.get("seed", 0) is None:
                initializer = type(initializer).from_config({**config, "seed": own})
            value = initializer(variable.shape, dtype=variable.dtype)
            values[id(variable)] = np.asarray(value)
    return values


@contextmanager
def python_random_untouched():
    """Put Python's global random state back: Keras' initialisers draw from it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
