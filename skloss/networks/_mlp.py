"""The default body: fully connected layers."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from skloss._params import Params, freeze, is_number
from skloss._params._checks import check_choice, check_count, check_number
from skloss._tensorflow import keras
from skloss.exceptions import UnknownNameError
from skloss.networks._periodic import count_units, embed_periodically

HEAD = "head"  # the name of the output layer
# Keras' layers by the name of what is normalised over.
NORMALIZATIONS = {
    None: None,
    "batch": "BatchNormalization",
    "layer": "LayerNormalization",
}


class MLP(Params):
    """Fully connected layers, each with normalisation, activation and dropout.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Units of each hidden layer; empty for a linear model.
    activation : str, default="relu"
        Any Keras activation, such as "leaky_relu", "elu", "selu", "gelu", "silu" or
        "mish"; also a layer, such as ``keras.layers.PReLU()``, which each hidden layer
        has a copy of.
    kernel_initializer : str, default="glorot_uniform"
        Any Keras initialiser, such as "he_normal", "lecun_normal" or "orthogonal".
    normalization : {"batch", "layer"} or None, default=None
        Normalise each layer before its activation: over the rows of a batch (Ioffe and
        Szegedy 2015, Algorithm 1), which takes the place of the layer's bias, or over
        the units of a row (Ba, Kiros and Hinton 2016, Eq. 3).
    residual : bool, default=False
        Add its input to the output of each hidden layer that is as wide as the one
        before it (He et al. 2016, Identity mappings, Eq. 3).
    skip : bool, default=False
        Let the output layer see the features too, beside the last hidden layer: a
        linear model and a deep one, trained together (Cheng et al. 2016, Wide and deep
        learning, Section 3.3). Normalisation, dropout and embedding do not touch them.
    embedding : {"periodic"} or None, default=None
        What the first layer sees in place of each column x. "periodic" makes
        ``n_frequencies`` sines and as many cosines of ``2 pi c x``, each with a trained
        c of its own, of which a linear layer that all columns share, and ReLU, make
        ``n_frequencies / 2`` numbers (Gorishniy, Rubachev and Babenko 2022, Eq. 2,
        "PLR(lite)"). Frequencies are no kernels: penalties and decay leave them alone.
        Scale the columns before.
    n_frequencies : int, default=48
        Of each column, with ``embedding="periodic"``.
    frequency_scale : float, default=0.01
        Standard deviation of the normal distribution from which frequencies are drawn,
        with ``embedding="periodic"``. The authors search 0.01 to 100 for it, and take
        0.01 and 48 frequencies where they do not search.
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (64, 64),
        *,
        activation: str = "relu",
        kernel_initializer: str = "glorot_uniform",
        normalization: str | None = None,
        residual: bool = False,
        skip: bool = False,
        embedding: str | None = None,
        n_frequencies: int = 48,
        frequency_scale: float = 0.01,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.normalization = normalization
        self.residual = residual
        self.skip = skip
        self.embedding = embedding
        self.n_frequencies = n_frequencies
        self.frequency_scale = frequency_scale

    def structure(self):
        """Return all parameters: widths are shapes, not run-time numbers."""
        params = self.get_params(deep=False)
        if isinstance(self.activation, keras.layers.Layer):
            params["activation"] = type(self.activation), read_config(self.activation)
        return (type(self), freeze(list(params.values())))

    def knobs(self):
        """Return no numbers: widths are structure."""
        return {}

    def check(self):
        """Raise for sizes, names and numbers that cannot be, alone or together.

        Raises
        ------
        ValueError, TypeError
        """
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
                raise UnknownNameError(
                    f"MLP: {what}={getattr(self, what)!r} is not one that Keras knows."
                ) from error
        if self.normalization not in tuple(NORMALIZATIONS):
            raise UnknownNameError(
                f"MLP: normalization={self.normalization!r} must be one of "
                f"{', '.join(map(repr, NORMALIZATIONS))}."
            )
        for name in ("residual", "skip"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise TypeError(f"MLP: {name}={value!r} must be True or False.")
        check_choice("MLP: embedding", self.embedding, (None, "periodic"))
        check_count("MLP: n_frequencies", self.n_frequencies)
        scale = {"low": 0, "open_low": True, "open_high": True}
        check_number("MLP: frequency_scale", self.frequency_scale, **scale)
        self.check_places()

    def check_places(self):
        """Raise ValueError for connections that have nothing to connect."""
        sizes = self.hidden_layer_sizes
        if self.residual and not any(a == b for a, b in pairwise(sizes)):
            raise ValueError(
                f"MLP: residual={self.residual!r} has no place in hidden_layer_sizes="
                f"{sizes!r}: no layer is as wide as the one before it. Use for example "
                f"(64, 64), or residual=False."
            )
        if self.skip and not len(sizes) and self.embedding is None:
            raise ValueError(
                f"MLP: skip={self.skip!r} has no place in hidden_layer_sizes={sizes!r}:"
                f" the output layer sees the features, and nothing else. Use for "
                f"example (64, 64), or skip=False."
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

    def list_shapes(self, n_features: int, n_raw: int) -> list[tuple[int, int]]:
        """Return how many inputs and outputs each layer has, from the first hidden one.

        The last is the head.
        """
        first = n_features
        if self.embedding is not None:
            first *= count_units(self.n_frequencies)
        sizes = [first, *map(int, self.hidden_layer_sizes)]
        seen = sizes[-1] + n_features * bool(self.skip)
        return [*pairwise(sizes), (seen, n_raw)]

    def count_products(self, n_features: int, n_raw: int) -> int:
        """Return the multiplications of a row in the products of matrices."""
        count = sum(a * b for a, b in self.list_shapes(n_features, n_raw))
        if self.embedding is not None:  # whose kernel each column is multiplied by
            k = int(self.n_frequencies)
            count += n_features * 2 * k * count_units(k)
        return count

    def body(self, x, dropout_layer: Callable, dtype: str):
        """Return what the head sees; ``dropout_layer()`` makes dropouts."""
        features = x
        if self.embedding is not None:
            numbers = int(self.n_frequencies), float(self.frequency_scale)
            x = embed_periodically(x, *numbers, self.kernel_initializer, dtype)
        before = None  # features are no layer, also where there are as many of them
        for size in map(int, self.hidden_layer_sizes):
            skipped = x
            for layer in self.make_layers(size, dropout_layer, dtype):
                x = layer(x)
            if self.residual and size == before:
                x = keras.layers.Add(dtype=dtype)([x, skipped])
            before = size
        if self.skip:
            x = keras.layers.Concatenate(dtype=dtype)([x, features])
        return x

    def attach_head(self, inputs, n_raw: int, dropout_layer: Callable, dtype: str):
        """Return the raw outputs, symbolic."""
        x = self.body(inputs, dropout_layer, dtype)
        return keras.layers.Dense(n_raw, dtype=dtype, name=HEAD)(x)

    def make_layers(self, size, dropout_layer, dtype):
        """Return the Keras layers that make one hidden layer.

        The mean over a batch takes a bias away again: it would have no effect in
        training, drift, and leave the moving mean behind, by which the network
        predicts. Over the units of a row, each unit's own bias remains.
        """
        name = NORMALIZATIONS[self.normalization]
        return [
            keras.layers.Dense(
                size,
                use_bias=self.normalization != "batch",
                kernel_initializer=self.kernel_initializer,
                dtype=dtype,
            ),
            *([getattr(keras.layers, name)(dtype=dtype)] if name else []),
            make_activation(self.activation, dtype),
            dropout_layer(),
        ]


def make_activation(activation, dtype):
    """Return the layer of an activation; one that is a layer is copied for each use.

    Its weights, such as the slopes of a ``PReLU``, are then those of one hidden layer.
    """
    if not isinstance(activation, keras.layers.Layer):
        return keras.layers.Activation(activation, dtype=dtype)
    return type(activation).from_config({**read_config(activation), "dtype": dtype})


def read_config(layer):
    """Return what a layer is made of, but for its name, which each has of its own."""
    return {key: v for key, v in layer.get_config().items() if key != "name"}
