"""Periodic embeddings of numbers, built of Keras' own layers.

A saved model is loaded without skloss, so there is no layer of ours among them.
"""

from __future__ import annotations

import math

from skloss._tensorflow import keras

FREQUENCIES = "periodic_frequencies"  # the name of the layer that holds them


def embed_periodically(x, n_frequencies: int, scale: float, kernel_initializer, dtype):
    """Return each column's embedding, one behind the other.

    Gorishniy, Rubachev and Babenko 2022, Eq. 2: sines and cosines of 2 pi c x, of which
    a linear layer that all columns share, and ReLU, make fewer numbers ("PLR(lite)").

    Parameters
    ----------
    x : keras.KerasTensor of shape (None, features)
    n_frequencies : int
        Trained factors c of each column.
    scale : float
        The standard deviation of the normal distribution that they are drawn from.
    kernel_initializer : str or keras.initializers.Initializer
        Of the linear layer.
    dtype : {"float32", "float64"}

    Returns
    -------
    keras.KerasTensor of shape (None, features * count_units(n_frequencies))
    """
    n_features, units = x.shape[1], count_units(n_frequencies)
    product = keras.layers.EinsumDense(
        "bf,fk->bfk",
        output_shape=(n_features, n_frequencies),
        kernel_initializer=keras.initializers.RandomNormal(stddev=scale),
        dtype=dtype,
        name=FREQUENCIES,
    )
    angle = product(x) * (2 * math.pi)
    waves = [keras.ops.sin(angle), keras.ops.cos(angle)]
    x = keras.layers.Concatenate(dtype=dtype)(waves)
    linear = keras.layers.Dense(
        units, activation="relu", kernel_initializer=kernel_initializer, dtype=dtype
    )
    return keras.layers.Flatten(dtype=dtype)(linear(x))


def count_units(n_frequencies: int) -> int:
    """Return how many numbers a column becomes."""
    return -(-int(n_frequencies) // 2)


def are_frequencies(variable) -> bool:
    """Tell whether a variable holds frequencies: no kernel, whatever its name."""
    return FREQUENCIES in variable.path.split("/")


def is_kernel(variable) -> bool:
    """Tell whether a variable is a kernel, which penalties and decay act on."""
    return variable.name.endswith("kernel") and not are_frequencies(variable)
