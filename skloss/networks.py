"""The body of the network: an MLP by default, or a user's own in Keras.

The loss brings the head, a linear layer with as many raw outputs as it needs.
"""

import random
import threading
from collections.abc import Callable
from contextlib import contextmanager
from itertools import pairwise

import keras
import numpy as np

from skloss._body import Body, attached
from skloss._params import Params, freeze, is_number

__all__ = ["MLP", "Body"]
NORMALIZATIONS = {
    None: None,
    "batch": keras.layers.BatchNormalization,
    "layer": keras.layers.LayerNormalization,
}
_building = threading.RLock()  # Keras' dtype policy and source of seeds are global


class MLP(Params):
    """Fully connected layers, each with normalisation, activation and dropout.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Units of each hidden layer; empty for a linear model.
    activation : str, default="relu"
        Any Keras activation, such as "leaky_relu", "elu", "selu", "gelu", "silu" or
        "mish".
    kernel_initializer : str, default="glorot_uniform"
        Any Keras initialiser, such as "he_normal", "lecun_normal" or "orthogonal".
    normalization : {"batch", "layer"} or None, default=None
        Normalise each layer before its activation: over the rows of a batch (Ioffe and
        Szegedy 2015, Algorithm 1), which takes the place of the layer's bias, or over
        the units of a row (Ba, Kiros and Hinton 2016, Eq. 3).
    residual : bool, default=False
        Add its input to the output of each hidden layer that is as wide as the one
        before it (He et al. 2016, Identity mappings, Eq. 3).
    """

    def __init__(
        self,
        hidden_layer_sizes=(64, 64),
        *,
        activation="relu",
        kernel_initializer="glorot_uniform",
        normalization=None,
        residual=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.normalization = normalization
        self.residual = residual

    def structure(self):
        """Return all parameters: widths are shapes, not run-time numbers."""
        return (MLP, freeze(list(self.get_params(deep=False).values())))

    def knobs(self):
        """Return no numbers: widths are structure."""
        return {}

    def check(self):
        """Raise ValueError for sizes and names that cannot be, alone or together."""
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
        if self.normalization not in tuple(NORMALIZATIONS):
            raise ValueError(
                f"MLP: normalization={self.normalization!r} must be one of "
                f"{', '.join(map(repr, NORMALIZATIONS))}."
            )
        if not isinstance(self.residual, bool | np.bool_):
            raise TypeError(f"MLP: residual={self.residual!r} must be True or False.")
        sizes = self.hidden_layer_sizes
        if self.residual and not any(a == b for a, b in pairwise(sizes)):
            raise ValueError(
                f"MLP: residual={self.residual!r} has no place in hidden_layer_sizes="
                f"{sizes!r}: no layer is as wide as the one before it. Use for example "
                f"(64, 64), or residual=False."
            )

    def check_rows(self, n_rows):
        """Raise ValueError where a batch of so many rows cannot be normalised."""
        if self.normalization == "batch" and n_rows < 2:
            raise ValueError(
                "MLP: normalization='batch' cannot be trained on batches of one row: "
                "each number is its own mean, so that no feature passes. Give a "
                "batch_size and a number of training rows of at least 2, or set "
                "normalization='layer'."
            )

    def body(self, x, dropout_layer, dtype):
        """Return the last hidden layer's output; ``dropout_layer()`` makes dropouts."""
        before = None  # the features are no layer, even where they are as many
        for size in map(int, self.hidden_layer_sizes):
            skipped = x
            for layer in self.layers(size, dropout_layer, dtype):
                x = layer(x)
            if self.residual and size == before:
                x = keras.layers.Add(dtype=dtype)([x, skipped])
            before = size
        return x

    def layers(self, size, dropout_layer, dtype):
        """Return what a hidden layer is made of.

        The mean over a batch takes a bias away again: it would have no effect in
        training, drift, and leave the moving mean behind, by which the network
        predicts. Over the units of a row, each unit's own bias remains.
        """
        normalization = NORMALIZATIONS[self.normalization]
        return [
            keras.layers.Dense(
                size,
                use_bias=self.normalization != "batch",
                kernel_initializer=self.kernel_initializer,
                dtype=dtype,
            ),
            *([normalization(dtype=dtype)] if normalization else []),
            keras.layers.Activation(self.activation, dtype=dtype),
            dropout_layer(),
        ]


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
            name="stacked_dropout_mask",
        )

    def call(self, x, training=False):
        """Multiply by the mask in training."""
        return x * self.mask if training else x


def get(spec):
    """Return the network for a tuple of sizes, an :class:`MLP`, a function or a Body.

    Raises
    ------
    TypeError
        If ``spec`` is none of these, or a function that cannot be called as it should.
    ValueError
        If a parameter makes no sense.
    """
    network = unchecked(spec)
    network.check()
    return network


def unchecked(spec):
    """Return the network for ``spec``, whatever its parameters."""
    if isinstance(spec, MLP | Body):
        return spec
    if is_number(spec):
        return MLP((spec,))
    if isinstance(spec, tuple | list | np.ndarray):
        return MLP(tuple(spec))
    if isinstance(spec, Callable):
        return Body(spec)
    raise TypeError(
        f"network={spec!r} must be hidden layer sizes such as (64, 64), an MLP, or "
        f"a function that returns a Keras model without its output layer."
    )


def structure(network):
    """Return what identifies the graph of a network."""
    return network.structure()


def build(network, n_features, n_raw, dtype, dropout_layer, seed=0):
    """Return a Keras model: the body with a linear head of ``n_raw`` outputs.

    Parameters
    ----------
    network : MLP or Body
    n_features, n_raw : int
    dtype : {"float32", "float64"}
    dropout_layer : callable
        Makes the dropout layers of an MLP.
    seed : int, default=0
        Of the weights that Keras draws.

    Raises
    ------
    TypeError, ValueError
        If a user's function does not return what can be trained.
    """
    with _building, python_random_untouched():
        random.seed(seed)
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(dtype)
        try:
            inputs = keras.Input((n_features,), dtype=dtype)
            if isinstance(network, Body):
                return keras.Model(inputs, attached(network, inputs, n_raw))
            x = network.body(inputs, dropout_layer, dtype)
            head = keras.layers.Dense(n_raw, dtype=dtype, name="head")
            return keras.Model(inputs, head(x))
        finally:
            keras.config.set_dtype_policy(policy)


def build_private(network, *arguments):
    """Return a model as ``build`` does, whose weights may be assigned to.

    The layers that a user's function returns at every call are the user's: copies
    stand for them.

    Raises
    ------
    TypeError
        If such layers cannot be copied.
    """
    model = build(network, *arguments)
    if not isinstance(network, Body):
        return model
    others = {id(variable) for variable in build(network, *arguments).variables}
    if not any(id(variable) in others for variable in model.variables):
        return model
    try:
        return keras.models.clone_model(model)
    except Exception as error:
        raise TypeError(
            f"network={network!r} returns the same layers at every call, and they "
            f"cannot be copied: {error}. Make them inside the function."
        ) from error


def head_of(model):
    """Return the output layer of a model that ``build`` made."""
    return model.outputs[0]._keras_history.operation


def leaves(model):
    """Return the model's innermost layers."""
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not list(layer._flatten_layers(include_self=False))
    ]


def initial_values(model, network, remake, seed):
    """Return a first value for every weight: drawn anew, or a user's own.

    Parameters
    ----------
    model : keras.Model
        That ``build`` made of ``network``.
    network : MLP or Body
    remake : callable
        Builds the model again, ``remake(seed=seed)``.
    seed : int

    Returns
    -------
    dict of int to ndarray
        ``id`` of the model's variable to its value, the same for the same seed.

    Raises
    ------
    TypeError
        If a user's function returns another model than before.
    """
    if not isinstance(network, Body):
        return drawn_values(model, seed)
    again = remake(seed=seed)
    pairs = list(zip(model.variables, again.variables, strict=False))
    same_sizes = all(a.shape == b.shape for a, b in pairs)
    if len(model.variables) != len(again.variables) or not same_sizes:
        raise TypeError(
            f"network={network!r} returned a model of other weights than before; what "
            f"it returns may depend on its arguments only."
        )
    return {id(own): np.asarray(new.value) for own, new in pairs}


def drawn_values(model, seed):
    """Draw a fresh value for every trainable and stored weight of an MLP."""
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
    with _building:
        state = random.getstate()
    try:
        yield
    finally:
        with _building:
            random.setstate(state)
