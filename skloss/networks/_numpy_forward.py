"""The forward pass of an MLP in NumPy, without TensorFlow."""

from __future__ import annotations

import math

import numpy as np

from skloss.networks._mlp import MLP
from skloss.networks._numpy_activations import count_cost, find_activation
from skloss.networks._periodic import count_units

EPSILON = 1e-3  # the default of Keras' normalisations, which ``MLP`` leaves as it is
# Products of matrices with as many multiplications stay on the calling thread: beyond
# twice as many OpenBLAS hands parts to threads of its own, and waits for them, which
# takes milliseconds where other work, such as a training, has the cores.
ON_ONE_THREAD = 2**18
# What a sine costs, in multiplications: between single precision, for which NumPy has
# vector instructions, and double.
WAVE_COST = 100


class NumpyForward:
    """The forward pass of one MLP; weights are arguments.

    What it computes is what the Keras layers of ``MLP.make_layers`` compute, in the
    same order; only the order of summation within a product of matrices differs.

    Parameters
    ----------
    network : MLP
        With an activation that ``find_activation`` knows.
    n_features, n_raw : int
    """

    def __init__(self, network: MLP, n_features: int, n_raw: int):
        self.shapes = network.list_shapes(n_features, n_raw)
        kernels = [before * after for before, after in self.shapes]
        units = sum(size for _, size in self.shapes[:-1])
        #: Of one row, in multiplications.
        self.cost = network.count_products(n_features, n_raw)
        self.cost += units * count_cost(network.activation)
        self.n_embedded = 0  # columns
        if network.embedding is not None:
            self.n_embedded, k = n_features, int(network.n_frequencies)
            self.embedding = [(n_features, k), (2 * k, count_units(k))]
            kernels.append(n_features * math.prod(self.embedding[1]))
            self.cost += n_features * 2 * k * WAVE_COST
        self.rows_at_once = max(1, ON_ONE_THREAD // max(kernels))
        self.activation = find_activation(network.activation)
        self.normalization = network.normalization
        self.skip = bool(network.skip)
        # what comes before is no layer, also where there are as many numbers of it
        self.adds_input = [
            bool(network.residual) and number > 0 and before == size
            for number, (before, size) in enumerate(self.shapes[:-1])
        ]

    def cut(self, weights: np.ndarray, stored: np.ndarray) -> list[tuple]:
        """Return each layer's kernel, bias, scale and shift; views where possible.

        An embedding, the first, is frequencies, kernel and bias.
        """
        weights, stored = Cutter(weights), Cutter(stored)
        *hidden, head = self.shapes
        layers = []
        if self.n_embedded:
            frequencies, kernel = self.embedding
            pieces = frequencies, kernel, kernel[1:]
            layers.append(tuple(weights.take(*shape) for shape in pieces))
        for shape in hidden:
            kernel, size = weights.take(*shape), shape[1]
            if self.normalization == "batch":
                scale, shift = weights.take(size), weights.take(size)
                mean, variance = stored.take(size), stored.take(size)
                scale = scale / np.sqrt(variance + EPSILON)
                layers.append((kernel, None, scale, shift - mean * scale))
            elif self.normalization == "layer":
                layers.append((kernel, *(weights.take(size) for _ in range(3))))
            else:
                layers.append((kernel, weights.take(size), None, None))
        return [*layers, (weights.take(*head), weights.take(head[1]))]

    def predict(
        self, x: np.ndarray, weights: np.ndarray, stored: np.ndarray
    ) -> np.ndarray:
        """Return the raw outputs of a network.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)
            Of the weights' dtype.
        weights, stored : ndarray
            What is trained and what is measured, in the order of Keras' layers.

        Returns
        -------
        ndarray of shape (n, n_raw)
        """
        n_rows, at_once = len(x), self.rows_at_once
        # weights that diverged, or numbers beyond those trained on, are no news here
        with np.errstate(all="ignore"):
            layers = self.cut(weights, stored)
            if n_rows <= at_once:
                return self.compute(x, layers)
            blocks = np.zeros((-(-n_rows // at_once), at_once, x.shape[1]), x.dtype)
            blocks.reshape(-1, x.shape[1])[:n_rows] = x
            raw = self.compute(blocks, layers)
            return raw.reshape(-1, raw.shape[-1])[:n_rows]

    def compute(self, x, layers):
        """Return the raw outputs of one block of rows, or of several of one length."""
        *hidden, (kernel, bias) = layers
        features = x
        if self.n_embedded:
            x = embed(x, *hidden.pop(0))
        for adds_input, layer in zip(self.adds_input, hidden, strict=True):
            new = self.activation(self.normalize(x @ layer[0], *layer[1:]))
            x = new + x if adds_input else new
        raw = x @ kernel[: x.shape[-1]]
        if self.skip:
            raw += features @ kernel[x.shape[-1] :]
        raw += bias
        return raw

    def normalize(self, x, bias, scale, shift):
        """Return what a layer's activation sees; x, which is new, is written to."""
        if bias is not None:
            x += bias
        if self.normalization == "batch":
            x *= scale
            x += shift
        elif self.normalization == "layer":
            x -= x.mean(axis=-1, keepdims=True)
            variance = np.square(x).mean(axis=-1, keepdims=True)
            x *= scale / np.sqrt(variance + EPSILON)
            x += shift
        return x


def embed(x, frequencies, kernel, bias):
    """Return the periodic embedding of rows, or of blocks of rows."""
    angle = x[..., None] * frequencies
    angle *= 2 * math.pi
    waves = np.concatenate([np.sin(angle), np.cos(angle)], axis=-1)
    # the columns of a row stand below each other, so that a block is one product
    before = (*waves.shape[:-3], -1, waves.shape[-1])
    units = waves.reshape(before) @ kernel
    units += bias
    return np.maximum(units, 0).reshape(*x.shape[:-1], -1)


class Cutter:
    """A flat array from which pieces are taken, one after the other.

    Parameters
    ----------
    flat : ndarray of shape (size,)
    """

    def __init__(self, flat: np.ndarray):
        self.flat, self.begin = flat, 0

    def take(self, *shape: int) -> np.ndarray:
        """Return the next piece, of a shape, as a view."""
        begin, self.begin = self.begin, self.begin + math.prod(shape)
        return self.flat[begin : self.begin].reshape(shape)


def can_compute(network) -> bool:
    """Tell whether NumPy knows all layers of a network: of an ``MLP``, nearly always.

    A user's body, and an activation that is a function or is not in the table, go
    through the graph.
    """
    return type(network) is MLP and find_activation(network.activation) is not None
