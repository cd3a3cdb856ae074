"""Rows: their weights, and which of them train and which validate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.utils.validation import check_consistent_length

from skloss._sklearn import check_sample_weight, safe_indexing
from skloss._warn_user import warn_user
from skloss.estimators._settings import Settings
from skloss.exceptions import IneffectiveParameterWarning

N_DRAWS = 50
# An epoch of smaller batches takes as long, and has more steps: a search on 50,000 rows
# (four rates, 10 epochs) had an RMSE of 546 with 128 where 512 had 596.
BATCH_SIZES = ((1024, 64), (100_000, 128))


def get_automatic_batch_size(n_rows: int) -> int:
    """Return the batch size of ``batch_size="auto"`` for a number of rows.

    64 up to 1,024 rows, 128 up to 100,000, 256 above.

    Examples
    --------
    >>> get_automatic_batch_size(1024), get_automatic_batch_size(1025)
    (64, 128)
    """
    return next((size for rows, size in BATCH_SIZES if n_rows <= rows), 256)


def read_sample_weights(sample_weight, X) -> np.ndarray:
    """Return sample weights as float64.

    Raises
    ------
    ValueError
        If none is positive.
    """
    weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    largest = weight.max(initial=0.0)
    if not largest > 0:
        raise ValueError(
            "All sample weights are zero, so there is nothing to fit; give at "
            "least one positive weight."
        )
    # only their proportions count, and sums of such weights have no room
    return weight if 1e-100 < largest < 1e100 else weight / largest


@dataclass(frozen=True, eq=False)
class Table:
    """Rows, checked and encoded.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n, features)
    Y : ndarray of shape (n, task.size)
    weight : ndarray of shape (n,)
    """

    X: Any
    Y: np.ndarray
    weight: np.ndarray

    def followed_by(self, other: Table) -> Table:
        """Return the rows of both tables, sparse if this one is."""
        X = append_rows(self.X, other.X)
        Y = np.vstack([self.Y, other.Y])
        return Table(X, Y, np.concatenate([self.weight, other.weight]))


def split_rows(
    settings: Settings,
    table: Table,
    n_train: int,
    stratum: tuple[np.ndarray, str],
    groups,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return row numbers for training and for validation.

    Parameters
    ----------
    settings : Settings
    table : Table
        Rows after the first ``n_train`` were given for validation.
    n_train : int
    stratum : tuple of (ndarray, str)
        The encoded target whose classes are stratified, and its kind.
    groups : array-like of shape (n_train,), or None
    rng : RandomState
    """
    weight = table.weight[:n_train]
    check_consistent_length(weight, groups)
    n_given = len(table.Y) - n_train
    if not n_given and settings.early_stopping:
        Y, kind = stratum
        fraction = settings.validation_fraction
        return set_rows_aside(Y, weight, fraction, kind, rng, groups)
    if groups is not None:
        warn_user(
            "groups has no effect: they keep together rows that early stopping "
            "sets aside. Set early_stopping=True, or leave out groups or X_val.",
            IneffectiveParameterWarning,
        )
    # a row of no weight would still take part in batches, and in what they normalise
    return np.flatnonzero(weight > 0), np.arange(n_train, len(table.Y))


def set_rows_aside(Y, weight, fraction, kind, rng, groups=None):
    """Return row numbers for training, and for early stopping.

    Parameters
    ----------
    Y : ndarray of shape (n, task.size)
    weight : ndarray of shape (n,)
        Rows of weight zero are used for neither.
    fraction : float
    kind : str
        The task's; the classes of one label are stratified.
    rng : RandomState
    groups : array-like of shape (n,), optional
        A group is not split.
    """
    rows, classes = np.flatnonzero(weight > 0), None
    if kind in ("binary", "multiclass"):
        classes = Y[rows].argmax(axis=1) if Y.shape[1] > 1 else Y[rows, 0]
    try:
        if groups is not None:
            kept_groups = safe_indexing(groups, rows)
            train, held = split_by_groups(rows, classes, kept_groups, fraction, rng)
        else:
            train, held = train_test_split(
                rows, test_size=fraction, stratify=classes, random_state=rng
            )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot set aside validation_fraction={fraction!r} of "
            f"{len(rows)} rows: {error} Give X_val and y_val, or set "
            f"early_stopping=False."
        ) from error
    # shuffled they would be summed in another order than given, for no gain
    return np.sort(train), np.sort(held)


def split_by_groups(rows, classes, groups, fraction, rng):
    """Split rows by groups: of several draws, that which comes nearest to stratified.

    Parameters
    ----------
    rows : ndarray of shape (n,)
    classes : ndarray of shape (n,), or None
    groups : array-like of shape (n,)
    fraction : float
        Of the rows, not of the groups.
    rng : RandomState

    Raises
    ------
    ValueError
        If there are too few groups, or no draw leaves all classes to train on.
    """
    code = np.zeros(len(rows), int)
    if classes is not None:
        code = np.unique(classes, return_inverse=True)[1]
    counts = np.bincount(code)
    splitter = GroupShuffleSplit(N_DRAWS, test_size=fraction, random_state=rng)
    draws = []
    # scikit-learn's stratified splitter of groups knows whole folds only, no fraction
    for train, held in splitter.split(rows, groups=groups):
        counts_held = np.bincount(code[held], minlength=len(counts))
        if (counts_held < counts).all():
            draws.append((np.abs(counts_held - fraction * counts).sum(), train, held))
    if not draws:
        raise ValueError("Every draw of groups takes away all rows of a class.")
    _, train, held = min(draws, key=lambda draw: draw[0])
    return rows[train], rows[held]


def append_rows(a, b):
    """Return the rows of two tables as one table, sparse if the first is."""
    if isinstance(a, np.ndarray):
        return np.vstack([a, b if isinstance(b, np.ndarray) else b.toarray()])
    return vstack([a, csr_array(b)]).tocsr()
