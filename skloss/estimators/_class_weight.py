"""Class weights: what a mistake costs in each class, and so what each row weighs."""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from skloss._params import is_number
from skloss.losses import Task


def compute_class_weights(
    class_weight: dict | str | None,
    task: Task,
    classes: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """Return the weight of each class; one number for all labels of a multilabel task.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        The estimator's. A dict need not name every class. "balanced"
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
        If ``class_weight`` is anything else, names a class that ``y`` lacks, or the
        target is multilabel.
    """
    if task.kind == "multilabel":
        if class_weight is not None:
            raise ValueError(
                f"class_weight={class_weight!r} is not defined for multilabel "
                f"targets; use sample_weight."
            )
        return np.ones(1)
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, dict):
        class_weight = complete_weights(class_weight, np.sort(classes).tolist())
    elif class_weight != "balanced":
        raise ValueError(
            f"class_weight={class_weight!r} must be a dict, 'balanced' or None."
        )
    if class_weight == "balanced":
        return balance_weights(classes, y, sample_weight)
    return compute_class_weight(class_weight, classes=classes, y=y)


def complete_weights(class_weight, classes):
    """Return a dict of weights with 1 for each class that is left out."""
    unknown = [k for k in class_weight if k not in set(classes)]
    fine = [is_number(v) and 0 < v < np.inf for v in class_weight.values()]
    if unknown or not all(fine):
        raise ValueError(
            f"class_weight={class_weight!r} must map classes of y ({classes}) to "
            f"finite weights > 0."
        )
    return {k: class_weight.get(k, 1.0) for k in classes}


def balance_weights(classes, y, sample_weight):
    """Return weights with which all classes weigh the same.

    A class without rows has the weight 1.
    """
    # a known class may have no rows here: in a part of the data, or a fold
    total = np.array([sample_weight[y == c].sum() for c in classes])
    share = np.where(total > 0, total, np.inf)
    weight = sample_weight.sum() / (len(classes) * share)
    return np.where(weight > 0, weight, 1.0)


def get_row_weights(weight: np.ndarray, Y: np.ndarray, task: Task) -> np.ndarray:
    """Return each row's class weight from its encoded target."""
    if task.kind == "multilabel":
        return np.ones(len(Y))
    code = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int)
    return weight[code]
