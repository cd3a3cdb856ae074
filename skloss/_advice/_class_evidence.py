"""What classes, and the errors of a quick model, say of a loss."""

import numpy as np

from skloss._advice._baseline import FOLDS, draw_rows, predict_probabilities
from skloss._advice._evidence import COMPLEXITY, PROBLEM, Evidence

RARE = 0.1
FEW_ROWS = 100  # of the rarest class
SUREST, DOUBTFUL = 0.25, 0.1


def measure_classes(X, y, *, ordered):
    """Return the evidence on a column of classes.

    Parameters
    ----------
    X : array-like of shape (n, columns)
        Of numbers, missing ones allowed; dense or sparse.
    y : ndarray of shape (n,)
    ordered : bool
        Whether the classes are known to be.

    Returns
    -------
    list of Evidence
    """
    labels, codes = np.unique(y, return_inverse=True)
    counts = np.bincount(codes)
    evidence = [
        describe_classes(labels, ordered),
        find_rarest(labels, counts),
        count_rarest(counts),
    ]
    X, codes = draw_rows(X, codes, stratify=codes if counts.min() > 1 else None)
    if np.bincount(codes, minlength=len(labels)).min() >= FOLDS:
        evidence.append(find_wrong_labels(predict_probabilities(X, codes), codes))
    return evidence


def describe_classes(labels, ordered):
    """Return how many classes there are, and whether they are ordered."""
    kind = "ordered classes" if ordered else "classes"
    text = f"y holds {len(labels)} {kind}."
    return Evidence(kind, len(labels), 2, ordered, text, "", PROBLEM)


def find_rarest(labels, counts):
    """Return whether a class is rare."""
    share = float(counts.min() / counts.sum())
    text = (
        f"The rarest class, {labels[counts.argmin()]!s}, has {share:.1%} of the rows "
        f"(below {RARE:.0%}: imbalance)."
    )
    source = "He and Garcia 2009"
    return Evidence("imbalance", share, RARE, share < RARE, text, source)


def count_rarest(counts):
    """Return whether the rarest class has few rows."""
    least = int(counts.min())
    few = least < FEW_ROWS
    text = f"{least:,} rows of the rarest class: " + (
        "few, so l2 and dropout matter as much as the loss."
        if few
        else "enough for what a loss adds to be seen."
    )
    return Evidence("few rows", least, FEW_ROWS, few, text, "", COMPLEXITY)


def find_wrong_labels(p, codes):
    """Return whether even rows that a quick model is sure of are labelled otherwise.

    Where classes overlap everywhere the same is seen: nobody can tell that from wrong
    labels by the labels alone.
    """
    sureness, wrong = p.max(axis=1), p.argmax(axis=1) != codes
    surest = sureness >= np.quantile(sureness, 1 - SUREST)
    share = float(wrong[surest].mean())
    text = (
        f"Of the surest quarter of the rows {share:.0%} have another label than a "
        f"quick model expects (from {DOUBTFUL:.0%} on: wrong labels, or classes that "
        f"overlap everywhere)."
    )
    source = "Northcutt, Jiang and Chuang 2021"
    return Evidence("wrong labels", share, DOUBTFUL, share >= DOUBTFUL, text, source)
