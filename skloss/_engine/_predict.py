"""Predictions of one trained network, and its export as a plain Keras model."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from skloss import networks
from skloss._engine._plan import Result
from skloss._engine._rows import specify_table, table_arrays, take_rows
from skloss._engine._state import Weights
from skloss._engine._step import Layout, no_dropout
from skloss._tensorflow import QuietAtFirst, keras, start, tf

MAX_FORWARDS = 64
ROWS_AT_ONCE = 16384
# Of a user's body, whose layers may be much wider than a row, or an embedding.
WIDE_ROWS_AT_ONCE = 1024
# What NumPy predicts on one thread, in multiplications: about where TensorFlow, whose
# call takes 0.2 ms, overtakes it on two (``examples/benchmarks/predict_one.py``).
MAX_NUMPY_COST = 16_000_000
_lock = threading.Lock()
_forwards = OrderedDict()


class Forward:
    """The compiled forward pass of one network structure; weights are arguments."""

    def __init__(
        self, network: Any, n_features: int, n_raw: int, dtype: str, is_sparse: bool
    ):
        self.n_features, self.dtype = n_features, dtype
        self.model = networks.build(network, n_features, n_raw, dtype, no_dropout)
        self.layout = Layout(self.model)
        sizes = sum(self.layout.sizes), sum(self.layout.stored_sizes)
        # concrete: choosing among traces would cost as much as predicting one row
        function = tf.function(
            lambda table, rows, weights, stored: (
                self.predict(take_rows(table, rows, n_features), weights, stored)
                if is_sparse
                else self.predict(table[0], weights, stored)
            ),
            autograph=False,
            input_signature=[
                specify_table(is_sparse, n_features, tf.as_dtype(dtype)),
                tf.TensorSpec([None], tf.int32),
                *(tf.TensorSpec([size], dtype) for size in sizes),
            ],
        ).get_concrete_function()
        self.function = QuietAtFirst(function)

    @functools.cached_property
    def stacked(self) -> QuietAtFirst:
        """The compiled ``predict_all``, made when it is first asked for."""
        sizes = sum(self.layout.sizes), sum(self.layout.stored_sizes)
        # concrete too: each structure has one, and TensorFlow would warn of the many
        function = tf.function(
            self.predict_all,
            autograph=False,
            input_signature=[
                tf.TensorSpec([None, self.n_features], self.dtype),
                *(tf.TensorSpec([None, size], self.dtype) for size in sizes),
            ],
        )
        return QuietAtFirst(function.get_concrete_function())

    def predict_all(
        self, x: tf.Tensor, weights: tf.Tensor, stored: tf.Tensor
    ) -> tf.Tensor:
        """Return raw outputs of several networks for the same dense rows."""
        return tf.vectorized_map(
            lambda rows: self.predict(x, *rows),
            (weights, stored),
            fallback_to_while_loop=False,
        )

    def predict(self, x: tf.Tensor, weights: tf.Tensor, stored: tf.Tensor) -> tf.Tensor:
        """Return raw outputs for dense rows."""
        parts = [p[0] for p in self.layout.cut(weights[None])]
        kept = iter([s[0] for s in self.layout.cut_stored(stored[None])])
        values = [
            next(kept) if any(v is s for s in self.layout.stored) else v.value
            for v in self.model.non_trainable_variables
        ]
        raw = self.model.stateless_call(parts, values, x, training=False)[0]
        return tf.cast(raw, self.dtype)


def forward_for(
    network: Any, n_features: int, n_raw: int, dtype: str, is_sparse: bool
) -> Forward:
    """Return the compiled forward pass of a structure, made once."""
    start()
    key = (networks.structure(network), n_features, n_raw, dtype, is_sparse)
    with _lock:
        if key not in _forwards:
            with networks.python_random_untouched():
                _forwards[key] = Forward(network, n_features, n_raw, dtype, is_sparse)
            if len(_forwards) > MAX_FORWARDS:
                _forwards.popitem(last=False)
        _forwards.move_to_end(key)
        return _forwards[key]


def count_weights(
    network: Any, n_features: int, n_raw: int, dtype: str
) -> tuple[int, int]:
    """Return how many trained weights a network has, and how many stored ones."""
    layout = forward_for(network, n_features, n_raw, dtype, False).layout
    return sum(layout.sizes), sum(layout.stored_sizes)


def take_body(
    network: Any, n_features: int, n_raw: int, weights: np.ndarray
) -> np.ndarray:
    """Return the trained weights of a network without those of its head."""
    dtype = weights.dtype.name
    layout = forward_for(network, n_features, n_raw, dtype, False).layout
    return weights[: sum(layout.sizes[:-2])]


def find_numpy_forward(
    network: Any, X: Any, n_raw: int
) -> networks.NumpyForward | None:
    """Return the forward pass in NumPy, None where the compiled one predicts a table.

    That depends on the network and on the number of rows, so that a network of a
    population and the same one alone are predicted alike.
    """
    if not networks.can_compute(network):
        return None
    forward = networks.NumpyForward(network, X.shape[1], n_raw)
    return forward if X.shape[0] * forward.cost <= MAX_NUMPY_COST else None


def count_rows_at_once(network: Any) -> int:
    """Return how many rows the graph of a network is given at once, for memory."""
    is_wide = isinstance(network, networks.Body) or network.embedding is not None
    return WIDE_ROWS_AT_ONCE if is_wide else ROWS_AT_ONCE


def predict_raw(
    network: Any,
    X: Any,
    weights: np.ndarray,
    stored: np.ndarray,
    n_raw: int,
    *,
    is_sparse: bool,
) -> np.ndarray:
    """Return the raw outputs of one network.

    Parameters
    ----------
    network : MLP or Body
    X : ndarray or CSR matrix of shape (n, features)
    weights, stored : ndarray
        A ``Result``'s.
    n_raw : int
    is_sparse : bool

    Returns
    -------
    ndarray of shape (n, n_raw)
    """
    dtype = weights.dtype.name
    in_numpy = find_numpy_forward(network, X, n_raw)
    if in_numpy is not None:
        x = np.asarray(X.toarray() if is_sparse else X, dtype)
        return in_numpy.predict(x, weights, stored)
    compiled = forward_for(network, X.shape[1], n_raw, dtype, is_sparse)
    weights, stored = tf.constant(weights), tf.constant(stored)
    pieces = []
    at_once = count_rows_at_once(network)
    for begin in range(0, X.shape[0], at_once):
        part = X[begin : begin + at_once]
        rows = np.arange(part.shape[0] if is_sparse else 0, dtype=np.int32)
        table = tuple(map(tf.constant, table_arrays(part, dtype)))
        raw = compiled.function(table, tf.constant(rows), weights, stored)
        pieces.append(raw.numpy())
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def predict_raw_stacked(
    network: Any, X: Any, weights: np.ndarray, stored: np.ndarray, n_raw: int
) -> np.ndarray:
    """Return the raw outputs of several networks of one structure.

    Parameters
    ----------
    network : MLP or Body
    X : ndarray or CSR matrix of shape (n, features)
    weights, stored : ndarray of shape (networks, size)
    n_raw : int

    Returns
    -------
    ndarray of shape (networks, n, n_raw)
    """
    is_sparse = not isinstance(X, np.ndarray)
    in_numpy = find_numpy_forward(network, X, n_raw) is not None
    # of a user's body not all can be stacked
    if in_numpy or is_sparse or isinstance(network, networks.Body):
        return np.stack(
            [
                predict_raw(network, X, *rows, n_raw, is_sparse=is_sparse)
                for rows in zip(weights, stored, strict=True)
            ]
        )
    dtype = weights.dtype.name
    compiled = forward_for(network, X.shape[1], n_raw, dtype, False)
    at_once = max(1, count_rows_at_once(network) // len(weights))
    weights, stored = tf.constant(weights), tf.constant(stored)
    pieces = [
        compiled.stacked(
            tf.constant(X[i : i + at_once].astype(dtype)), weights, stored
        ).numpy()
        for i in range(0, len(X), at_once)
    ]
    return np.concatenate(pieces, axis=1)


def select_outputs(
    network: Any, n_features: int, weights: np.ndarray, n_raw: int, outputs: list[int]
) -> np.ndarray:
    """Return the weights of the same network with only some of its raw outputs.

    Parameters
    ----------
    network : MLP or Body
    n_features, n_raw : int
    weights : ndarray
        A ``Result``'s.
    outputs : list of int
        Which of the ``n_raw``.
    """
    dtype = weights.dtype.name
    whole = forward_for(network, n_features, n_raw, dtype, False).layout
    part = forward_for(network, n_features, len(outputs), dtype, False).layout
    if whole.sizes[:-2] != part.sizes[:-2]:
        raise ValueError(
            f"network={network!r} ends in the output layer of all heads; return the "
            f"layers without it."
        )
    body, kernel, bias = np.split(weights, np.cumsum([0, *whole.sizes])[-3:-1])
    kernel = kernel.reshape(whole.shapes[-2])[:, outputs]
    return np.concatenate([body, kernel.ravel(), bias[outputs]])


def build_plain_model(
    network: Any,
    n_features: int,
    n_raw: int,
    dtype: str,
    dropout: float,
    finish: Callable,
) -> keras.Model:
    """Return a plain Keras model of a network, its weights as they come.

    Parameters
    ----------
    network : MLP or Body
    n_features, n_raw : int
    dtype : {"float32", "float64"}
    dropout : float
    finish : callable
        Turns the symbolic raw outputs into the model's output (the link).
    """
    model = networks.build_private(
        network,
        n_features,
        n_raw,
        dtype,
        lambda: keras.layers.Dropout(dropout, dtype=dtype),
    )
    return keras.Model(model.input, finish(model.output))


def build_exported_model(
    network: Any,
    n_features: int,
    n_raw: int,
    result: Result,
    dropout: float,
    finish: Callable,
) -> keras.Model:
    """Return a plain Keras model with the result's weights.

    Parameters
    ----------
    network, n_features, n_raw, dropout, finish : as in ``build_plain_model``
    result : Result
    """
    dtype = result.weights.dtype.name
    model = build_plain_model(network, n_features, n_raw, dtype, dropout, finish)
    assign_weights(Layout(model), result.weights, result.stored)
    return model


def assign_weights(layout: Layout, weights: np.ndarray, stored: np.ndarray) -> None:
    """Give the variables of a layout's model the values of two flat rows."""
    for variables, row, sizes in (
        (layout.model.trainable_variables, weights, layout.sizes),
        (layout.stored, stored, layout.stored_sizes),
    ):
        pieces = np.split(row, np.cumsum(sizes)[:-1]) if variables else []
        for variable, piece in zip(variables, pieces, strict=True):
            variable.assign(piece.reshape(variable.shape))


def read_weights(layout: Layout) -> Weights:
    """Return the weights and moving statistics of a layout's model, as flat rows."""
    rows = [
        np.concatenate([np.ravel(v.numpy()) for v in variables])
        if variables
        else np.zeros(0, layout.model.input.dtype)
        for variables in (layout.model.trainable_variables, layout.stored)
    ]
    return Weights(*rows)
