"""One fit before its training: its rows, its batch size, its plan."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.model_selection import train_test_split

from skloss._engine import Data, Plan, train_population

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
    """

    plan: Plan
    data: Data
    history: dict | None
    trainer: Any = None

    def trained(self):
        """Train the network, and return the Result."""
        if self.trainer is not None:
            return self.trainer(self.plan, self.data)
        return train_population(self.plan, self.data)[0]


def set_aside(Y, weight, fraction, kind, rng):
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
    """
    rows, classes = np.flatnonzero(weight > 0), None
    if kind in ("binary", "multiclass"):
        classes = Y[rows].argmax(axis=1) if Y.shape[1] > 1 else Y[rows, 0]
    try:
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


def stacked(a, b):
    """Stack two tables row-wise, sparse if the first is."""
    if isinstance(a, np.ndarray):
        return np.vstack([a, b if isinstance(b, np.ndarray) else b.toarray()])
    return vstack([a, csr_array(b)]).tocsr()
