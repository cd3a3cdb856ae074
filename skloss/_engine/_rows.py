"""Rows of a table inside the graph: dense, or CSR made dense batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from skloss._tensorflow import tf


def table_arrays(X: Any, dtype: str) -> tuple:
    """Return the table as the tuple of arrays that :func:`take_rows` reads."""
    if not sparse.issparse(X):
        return (np.asarray(X, dtype=dtype),)
    X = X.tocsr()
    return (
        X.indptr.astype(np.int64),
        X.indices.astype(np.int64),
        X.data.astype(dtype),
    )


def specify_table(is_sparse: bool, n_features: int, dtype: Any) -> tuple:
    """Return the tensor specifications of a table with any number of rows."""
    if not is_sparse:
        return (tf.TensorSpec([None, n_features], dtype),)
    return (
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([None], dtype),
    )


def take_rows(table: tuple, rows: tf.Tensor, n_features: int) -> tf.Tensor:
    """Return dense rows of a table, of shape (*rows.shape, n_features)."""
    if len(table) == 1:
        return tf.gather(table[0], rows)
    indptr, indices, values = table
    flat = tf.reshape(tf.cast(rows, tf.int64), [-1])
    positions = tf.ragged.range(tf.gather(indptr, flat), tf.gather(indptr, flat + 1))
    entries = positions.flat_values
    where = tf.stack([positions.value_rowids(), tf.gather(indices, entries)], axis=1)
    shape = tf.stack([tf.size(flat, out_type=tf.int64), n_features])
    dense = tf.scatter_nd(where, tf.gather(values, entries), shape)
    dense = tf.reshape(dense, tf.concat([tf.shape(rows), [n_features]], axis=0))
    return tf.ensure_shape(dense, [*rows.shape, n_features])
