"""The default body: fully connected layers."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from skloss._params import Params, freeze, is_number
from skloss._tensorflow import keras
from skloss.exceptions import UnknownNameError

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
        hidden_layer_sizes: tuple[int, ...] = (64, 64),
        *,
        activation: str = "relu",
        kernel_initializer: str = "glorot_uniform",
        normalization: str | None = None,
        residual: bool = False,
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
                raise UnknownNameError(
                    f"MLP: {what}={getattr(self, what)!r} is not one that Keras knows."
                ) from error
        if self.normalization not in tuple(NORMALIZATIONS):
            raise UnknownNameError(
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

    def body(self, x, dropout_layer: Callable, dtype: str):
        """Return the last hidden layer's output; ``dropout_layer()`` makes dropouts."""
        before = None  # features are no layer, also where there are as many of them
        for size in map(int, self.hidden_layer_sizes):
            skipped = x
            for layer in self.make_layers(size, dropout_layer, dtype):
                x = layer(x)
            if self.residual and size == before:
                x = keras.layers.Add(dtype=dtype)([x, skipped])
            before = size
        return x

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
            keras.layers.Activation(self.activation, dtype=dtype),
            dropout_layer(),
        ]
