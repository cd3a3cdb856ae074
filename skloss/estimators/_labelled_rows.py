"""Which rows have a label: those without are for what needs none."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse

UNLABELLED = -1


def find_labelled(family, y) -> np.ndarray | None:
    """Return the numbers of the rows that have a label, None where all do.

    Parameters
    ----------
    family : str
        Of the estimator: only classes and numbers can be missing.
    y : array-like
    """
    if family not in ("classification", "regression") or issparse(y):
        return None
    y = np.asarray(y)
    if family == "regression":
        missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(y.shape, bool)
        missing = missing.reshape(len(y), -1).any(axis=1)
    elif y.ndim == 1 and y.dtype.kind in "if" and len(np.unique(y)) > 2:
        missing = y == UNLABELLED
    else:
        return None
    if missing.all() and len(y):
        raise ValueError(
            "No row of y has a label, so there is nothing but a body to train; use "
            "LossAwareTransformer alone, or give some labels."
        )
    return np.flatnonzero(~missing) if missing.any() else None
