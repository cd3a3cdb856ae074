"""Likelihoods of whole rows: of each column what kind of values it holds.

A row's likelihood, given the outputs of a decoder, is the product of its columns'. For
each kind there is what a raw output means, and how values are drawn.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_softmax, softmax

from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops

LOG_2_PI = float(np.log(2 * np.pi))
KINDS = ("gaussian", "bernoulli", "categorical", "poisson")
MAX_COUNT_MEAN = 20  # beyond which whole numbers are amounts, not counts
TINY = 1e-6


class Block(NamedTuple):
    """Columns that one likelihood holds for: of a categorical one, one-hot columns.

    Attributes
    ----------
    kind : {"gaussian", "bernoulli", "categorical", "poisson"}
    columns : tuple of int
    """

    kind: str
    columns: tuple

    def take(self, x):
        """Return the block's columns of a table."""
        return ops.stack([x[..., j] for j in self.columns], axis=-1)


def find_blocks(X):
    """Return the likelihood that each column's values suggest.

    0 and 1 are Bernoulli, a run of such columns of which one is 1 in every row is
    categorical, small whole numbers with zeros among them are counts, all others are
    Gaussian.

    Parameters
    ----------
    X : ndarray of shape (n, columns)

    Returns
    -------
    tuple of Block
    """
    binary = ((X == 0) | (X == 1)).all(axis=0)
    groups = find_one_hot(X, binary)
    grouped = {j for group in groups for j in group}
    counts = (X >= 0).all(axis=0) & (np.floor(X) == X).all(axis=0) & ~binary
    counts &= (X == 0).any(axis=0) & (X.mean(axis=0) <= MAX_COUNT_MEAN)
    others = [j for j in range(X.shape[1]) if j not in grouped]
    blocks = [
        Block("gaussian", tuple(j for j in others if not (binary[j] or counts[j]))),
        Block("bernoulli", tuple(j for j in others if binary[j])),
        *(Block("categorical", tuple(group)) for group in groups),
        Block("poisson", tuple(j for j in others if counts[j])),
    ]
    return tuple(block for block in blocks if block.columns)


def find_one_hot(X, binary):
    """Return the runs of neighbouring 0/1 columns of which each row has one 1.

    The shortest that begin as early as can be: of three classes and two, side by side,
    there are two runs.
    """
    groups, j = [], 0
    while j < X.shape[1]:
        end = j
        total = np.zeros(len(X))
        while end < X.shape[1] and binary[end]:
            total = total + X[:, end]
            end += 1
            if (total == 1).all():
                break
        if end - j >= 2 and (total == 1).all():
            groups.append(list(range(j, end)))
            j = end
        else:
            j += 1
    return groups


def check_blocks(blocks, X):
    """Raise LossTargetError where a column's values are none of its likelihood.

    Parameters
    ----------
    blocks : tuple of Block
    X : ndarray of shape (n, columns)
    """
    named = sorted(j for block in blocks for j in block.columns)
    if named != list(range(X.shape[1])):
        raise LossTargetError(
            f"likelihood={blocks!r} must name each of the {X.shape[1]} columns of X "
            f"once, by their numbers from 0."
        )
    for block in blocks:
        own = X[:, block.columns]
        inside, words = {
            "gaussian": (np.isfinite(own), "finite"),
            "bernoulli": ((own >= 0) & (own <= 1), "between 0 and 1"),
            "categorical": ((own == 0) | (own == 1), "0 or 1"),
            "poisson": ((own >= 0) & (np.floor(own) == own), "whole numbers >= 0"),
        }[block.kind]
        if not inside.all():
            where = block.columns[int(np.argmax(~inside.all(axis=0)))]
            raise LossTargetError(
                f"likelihood {block.kind!r} of column {where} needs values that are "
                f"{words}, got {own[~inside][0]:g}. Name another likelihood."
            )
        if block.kind == "categorical" and not (own.sum(axis=1) == 1).all():
            raise LossTargetError(
                f"likelihood 'categorical' of columns {list(block.columns)} needs one "
                f"1 in every row, as OneHotEncoder gives without drop=."
            )


def check_widths(blocks, varies):
    """Raise LossTargetError where a Gaussian column has one value.

    Parameters
    ----------
    blocks : tuple of Block
    varies : ndarray of bool of shape (columns,)
        Which columns have several among the rows that train.
    """
    gaussian = [j for b in blocks if b.kind == "gaussian" for j in b.columns]
    still = [j for j in gaussian if not varies[j]]
    if still:
        raise LossTargetError(
            f"Column {still[0]} of X has one value in all rows that train, so that a "
            f"Gaussian density has no width. Leave it out, for example by "
            f"sklearn.feature_selection.VarianceThreshold()."
        )


class Outputs(NamedTuple):
    """Which raw outputs belong to which block.

    Attributes
    ----------
    places : tuple of slice
        One for each block, in its order of columns.
    scales : slice
        The log-variances of Gaussian columns, the same for every row; empty where
        these have the variance one.
    """

    places: tuple
    scales: slice


def place_outputs(blocks, scaled):
    """Return where the raw outputs of each block are.

    Parameters
    ----------
    blocks : tuple of Block
    scaled : bool
        Whether the variances of Gaussian columns are trained.
    """
    ends = np.cumsum([0, *(len(block.columns) for block in blocks)])
    places = tuple(map(slice, ends[:-1].tolist(), ends[1:].tolist()))
    end = int(ends[-1])
    return Outputs(places, slice(end, end + scaled * count_gaussian(blocks)))


def count_gaussian(blocks):
    """Return the number of Gaussian columns."""
    return sum(len(b.columns) for b in blocks if b.kind == "gaussian")


def negative_log_likelihood(blocks, scaled, y, raw):
    """Return the negative log-likelihood of rows.

    Parameters
    ----------
    blocks : tuple of Block
    scaled : bool
        Whether the variances of Gaussian columns are trained, or one.
    y : tensor of shape (..., columns)
        Gaussian columns scaled.
    raw : tensor of shape (..., outputs)
    """
    places, scales = place_outputs(blocks, scaled)
    total = 0.0
    for block, place in zip(blocks, places, strict=True):
        own, f = block.take(y), raw[..., place]
        if block.kind == "gaussian":
            values = 0.5 * (ops.square(own - f) + LOG_2_PI)
            if scaled:
                s, outside = ops.bound(raw[..., scales])
                squares = ops.square(own - f) * ops.exp(-s)
                values = 0.5 * (squares + s + LOG_2_PI) + outside
        elif block.kind == "bernoulli":
            values = ops.softplus(f) - own * f
        elif block.kind == "categorical":
            values = -own * ops.log_softmax(f)
        else:
            f, outside = ops.bound(f)
            values = ops.exp(f) - own * f + ops.lgamma(own + 1) + outside
        total = total + ops.sum(values, axis=-1)
    return total


def best_outputs(blocks, scaled, y, weight):
    """Return the raw outputs that fit best where all rows have the same."""
    mean = np.average(y, axis=0, weights=weight)
    parts = []
    for block in blocks:
        own = mean[list(block.columns)]
        if block.kind == "bernoulli":
            p = np.clip(own, TINY, 1 - TINY)
            own = np.log(p) - np.log1p(-p)
        elif block.kind == "categorical":
            own = log_softmax(np.log(np.clip(own, TINY, 1)))
        elif block.kind == "poisson":
            own = np.log(np.maximum(own, TINY))
        parts.append(own)
    return np.concatenate([*parts, np.zeros(scaled * count_gaussian(blocks))])


def expected_values(blocks, raw):
    """Return what is expected of each column, Gaussian ones scaled."""
    found = np.empty((len(raw), sum(len(b.columns) for b in blocks)))
    links = {
        "gaussian": np.asarray,
        "bernoulli": expit,
        "categorical": lambda f: softmax(f, axis=1),
        "poisson": lambda f: np.exp(np.clip(f, -10, 10)),
    }
    for block, place in zip(blocks, place_outputs(blocks, True).places, strict=True):
        found[:, list(block.columns)] = links[block.kind](raw[:, place])
    return found


def draw_values(blocks, raw, rng):
    """Return values drawn from the columns' distributions, Gaussian ones scaled.

    Parameters
    ----------
    blocks : tuple of Block
    raw : ndarray of shape (n, outputs)
        With log-variances of Gaussian columns.
    rng : RandomState
    """
    found = expected_values(blocks, raw)
    scales = place_outputs(blocks, True).scales
    deviation = np.exp(0.5 * np.clip(raw[:, scales], -10, 10))
    for block in blocks:
        columns = list(block.columns)
        own = found[:, columns]
        if block.kind == "gaussian":
            own = own + deviation * rng.standard_normal(own.shape)
        elif block.kind == "bernoulli":
            own = (rng.random_sample(own.shape) < own).astype(float)
        elif block.kind == "poisson":
            own = rng.poisson(own).astype(float)
        else:
            drawn = (rng.random_sample((len(own), 1)) > np.cumsum(own, axis=1)).sum(1)
            own = np.eye(len(columns))[np.minimum(drawn, len(columns) - 1)]
        found[:, columns] = own
    return found
