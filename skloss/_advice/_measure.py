"""From a table to the evidence on its losses, and the losses that it speaks for."""

import numpy as np

from skloss._advice._class_evidence import describe_classes, measure_classes
from skloss._advice._number_evidence import measure_numbers
from skloss._advice._rules import CROSS_ENTROPY, advise_classes, advise_numbers

MOST_TARGETS = 4  # whose residuals are looked at


def choose_loss(X, Y, task, *, ordered):
    """Return the loss that the evidence speaks for first, as a string.

    Of classes the first is their likelihood, whatever a quick model says.

    Parameters
    ----------
    X, Y, task, ordered : as in ``measure_table``
    """
    if task.family == "regression":
        _, advice = measure_table(X, Y, task, ordered=ordered)
    else:
        advice = advise_classes([], ordered=ordered)
    return advice[0].loss


def measure_table(X, Y, task, *, ordered):
    """Return the evidence on a table, and the losses that it speaks for.

    Parameters
    ----------
    X : array-like of shape (n, columns)
        Of numbers.
    Y : ndarray of shape (n,) or (n, columns)
    task : Task
    ordered : bool

    Returns
    -------
    evidence : list of Evidence
    advice : list of Advice
    """
    if task.family == "regression":
        evidence, likelihoods = measure_targets(X, Y)
        return evidence, advise_numbers(evidence, likelihoods)
    if task.kind == "multilabel":
        labels = np.arange(task.size)
        return [describe_classes(labels, ordered=False)], [CROSS_ENTROPY]
    evidence = measure_classes(X, Y, ordered=ordered)
    return evidence, advise_classes(evidence, ordered=ordered)


def measure_targets(X, Y):
    """Return the evidence on the first column, and likelihoods of several together.

    Parameters
    ----------
    X : array-like of shape (n, columns)
    Y : ndarray of shape (n, targets)
    """
    measured = [measure_numbers(X, column) for column in Y.T[:MOST_TARGETS]]
    evidence, first = measured[0]
    others = [likelihoods for _, likelihoods in measured[1:]]
    shared = [name for name in first if all(name in own for own in others)]
    return evidence, {
        name: np.concatenate([own[name] for _, own in measured]) for name in shared
    }
