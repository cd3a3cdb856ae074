"""One fit before its training: its rows, its batch size, its plan."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.utils import _safe_indexing

from skloss._engine import Data, Plan, train_population

N_DRAWS = 50
BATCH_SIZES = ((1024, 64), (8192, 128), (30_000, 256), (100_000, 512))


def automatic_batch_size(n_rows):
    """Return the batch size of ``batch_size="auto"`` for a number of rows.

    64 up to 1,024 rows, 128 up to 8,192, 256 up to 30,000, 512 up to 100,000, 1,024
    above.

    Examples
    --------
    >>> automatic_batch_size(1024), automatic_batch_size(1025)
    (64, 128)
    """
    return next((size for rows, size in BATCH_SIZES if n_rows <= rows), 1024)


@dataclass
class Job:
    """One fit between its preparation and its training.

    Attributes
    ----------
    plan : Plan
        Of one member.
    data : Data
    history : dict, optional
        Of an earlier training that this one goes on from.
    trainer : KerasFit, optional
        What trains in place of the compiled loop.
    watcher : EpochCallbacks or KerasFit, optional
        What tells Keras' callbacks of the training.
    """

    plan: Plan
    data: Data
    history: dict | None
    trainer: Any = None
    watcher: Any = None

    def trained(self, report=None):
        """Train the network and tell ``report`` of its epochs; return the Result."""
        if self.trainer is not None:
            return self.trainer(self.plan, self.data)
        return train_population(self.plan, self.data, report)[0]


def set_aside(Y, weight, fraction, kind, rng, groups=None):
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
            own = _safe_indexing(groups, rows)
            train, held = grouped(rows, classes, own, fraction, rng)
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
    return np.sort(train), np.sort(held)


def grouped(rows, classes, groups, fraction, rng):
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
    for train, held in splitter.split(rows, groups=groups):
        own = np.bincount(code[held], minlength=len(counts))
        if (own < counts).all():
            draws.append((np.abs(own - fraction * counts).sum(), train, held))
    if not draws:
        raise ValueError("Every draw of groups takes away all rows of a class.")
    _, train, held = min(draws, key=lambda draw: draw[0])
    return rows[train], rows[held]


def stacked(a, b):
    """Stack two tables row-wise, sparse if the first is."""
    if isinstance(a, np.ndarray):
        return np.vstack([a, b if isinstance(b, np.ndarray) else b.toarray()])
    return vstack([a, csr_array(b)]).tocsr()
