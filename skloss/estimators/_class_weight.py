"""Class weights: what a mistake costs in each class, and so what each row weighs."""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from skloss._params import is_number


def compute_class_weights(given, task, classes, y, sample_weight):
    """Return the weight of each class; one number for all labels of a multilabel task.

    Parameters
    ----------
    given : dict, "balanced" or None
        The estimator's ``class_weight``. A dict need not name every class. "balanced"
        gives classes the same total weight, sample weights included.
    task : Task
    classes : ndarray
        In the order of the result.
    y : ndarray of shape (n,)
    sample_weight : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (classes,), or (1,) for multilabel

    Raises
    ------
    ValueError
        If ``given`` is anything else, names a class that ``y`` lacks, or the target is
        multilabel.
    """
    if task.kind == "multilabel":
        if given is not None:
            raise ValueError(
                f"class_weight={given!r} is not defined for multilabel targets; use "
                f"sample_weight."
            )
        return np.ones(1)
    if given is None:
        return np.ones(len(classes))
    if isinstance(given, dict):
        given = complete_weights(given, np.sort(classes).tolist())
    elif given != "balanced":
        raise ValueError(f"class_weight={given!r} must be a dict, 'balanced' or None.")
    if given == "balanced":
        return balance_weights(classes, y, sample_weight)
    return compute_class_weight(given, classes=classes, y=y)


def complete_weights(given, classes):
    """Return a dict of weights with 1 for each class that ``given`` leaves out."""
    unknown = [k for k in given if k not in set(classes)]
    fine = [is_number(v) and 0 < v < np.inf for v in given.values()]
    if unknown or not all(fine):
        raise ValueError(
            f"class_weight={given!r} must map classes of y ({classes}) to finite "
            f"weights > 0."
        )
    return {k: given.get(k, 1.0) for k in classes}


def balance_weights(classes, y, sample_weight):
    """Return weights with which all classes weigh the same, 1 for one without rows."""
    total = np.array([sample_weight[y == c].sum() for c in classes])
    share = np.where(total > 0, total, np.inf)
    weight = sample_weight.sum() / (len(classes) * share)
    return np.where(weight > 0, weight, 1.0)


def get_row_weights(weight, Y, task):
    """Return each row's class weight from its encoded target."""
    if task.kind == "multilabel":
        return np.ones(len(Y))
    code = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int)
    return weight[code]
