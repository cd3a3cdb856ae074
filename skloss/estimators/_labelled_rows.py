"""Which rows have a label: those without are for what needs none."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length

from skloss._params import is_number
from skloss._sklearn import safe_indexing

UNLABELLED = -1


class Others(NamedTuple):
    """Rows without a label, which train besides those with one unless they weigh 0.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n, features)
    weight : ndarray of shape (n,)
    y : ndarray of shape (n_samples,)
        The whole target as it was given.
    rows : ndarray of shape (n,)
        Which of its rows they are.
    """

    X: Any
    weight: np.ndarray
    y: np.ndarray
    rows: np.ndarray


def find_labelled(family, y, label=UNLABELLED, classes=None) -> np.ndarray | None:
    """Return the numbers of the rows that have a label, None where all do.

    Parameters
    ----------
    family : str
        Of the estimator: only classes and numbers can be missing.
    y : array-like
    label : object, default=-1
        What stands for a missing class, beside two others or more; None: nothing does.
    classes : ndarray, optional
        Where they are known, what stands for a missing one may be beside fewer.

    Raises
    ------
    ValueError
        If no row has a label.
    """
    if family not in ("classification", "regression") or issparse(y):
        return None
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1 and family == "classification":
        y = y[:, 0]
    if family == "regression":
        missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(y.shape, bool)
        missing = missing.reshape(len(y), -1).any(axis=1)
    elif y.ndim == 1 and can_hold(y, label):
        missing = y == label
        known = np.unique(y[~missing]) if classes is None else classes
        if (classes is None and 0 < len(known) < 2) or label in known:
            return None
    else:
        return None
    if missing.all() and len(y):
        raise ValueError(
            "No row of y has a label, so there is nothing to learn or to score by. "
            "Give some labels; LossAwareTransformer needs none."
        )
    return np.flatnonzero(~missing) if missing.any() else None


def check_label(label):
    """Raise unless a value can stand for a missing label: a number, a text, or None.

    Raises
    ------
    TypeError, ValueError
    """
    if label is None or isinstance(label, str):
        return
    if not is_number(label):
        raise TypeError(
            f"unlabeled_label={label!r} must be a number, a text, or None: nothing "
            f"stands for a missing label."
        )
    if label != label:
        raise ValueError(
            "unlabeled_label=nan equals nothing. Set missing labels to a value, as by "
            "y.fillna(-1), or '?' among texts."
        )


def can_hold(y, label):
    """Tell whether a y of this kind may hold a label: a number, or a text."""
    if is_number(label):
        return y.dtype.kind in "if"
    return label is not None and y.dtype.kind in "UTO"


def find_others(labelled, n_rows):
    """Return the numbers of the rows without a label."""
    return np.setdiff1d(np.arange(n_rows), labelled)


def take_rows(parts, rows):
    """Return some rows of arrays; None, or one number for all, stays what it is."""
    return [
        part if part is None or is_number(part) else safe_indexing(part, rows)
        for part in parts
    ]


def keep_labelled(rows, classes, label):
    """Return X, y and weights, perhaps None, of the rows that have a label."""
    arrays = [part for part in rows if part is not None and not is_number(part)]
    check_consistent_length(*arrays)
    labelled = find_labelled("classification", rows[1], label, classes)
    return rows if labelled is None else take_rows(rows, labelled)


def keep_scored(fitted, rows):
    """Return X, y and weights, perhaps None, of rows by which a classifier is scored.

    Parameters
    ----------
    fitted : Fitted
    rows : tuple
    """
    if not fitted.settings.learns_without_labels:
        return rows
    return keep_labelled(rows, fitted.target.classes, fitted.settings.unlabeled_label)


def explain_unlabelled(label):
    """Return the text on rows without a label that nothing is to be learnt from."""
    return (
        f"y holds {label!r} beside two classes or more, which stands for rows without "
        f"a label. Set unlabeled_loss='pseudo_label', 'consistency', 'mean_teacher' or "
        f"'entropy' to learn from them, leave them out, or set unlabeled_label=None if "
        f"{label!r} is a class."
    )
