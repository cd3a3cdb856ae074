"""Between the user's classes and the columns that a loss wants."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from skloss.losses import Task


def densify_target(y) -> np.ndarray:
    """Return y as a dense array, a single column as one dimension.

    The latter with scikit-learn's warning.
    """
    y = y.toarray() if issparse(y) else y
    if y.ndim == 2 and y.shape[1] == 1:
        return column_or_1d(y, warn=True)
    return y


def derive_task(y: np.ndarray, classes=None) -> tuple[Task, np.ndarray]:
    """Return the task and the classes of a classification target.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, labels)
    classes : array-like, optional
        All classes, where ``y`` need not hold each of them.

    Raises
    ------
    ValueError
        If ``y`` is continuous, or has one class only.
    """
    kind = type_of_target(y, input_name="y")
    if kind not in ("binary", "multiclass", "multilabel-indicator"):
        check_classification_targets(y)
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y has several columns with more than two classes, which one head cannot "
            "hold; wrap the estimator in MultiOutputClassifier."
        )
    if kind == "multilabel-indicator":
        return Task("multilabel", y.shape[1]), np.arange(y.shape[1])
    classes = np.unique(y if classes is None else classes)
    if len(classes) < 2:
        raise ValueError(
            f"The number of classes has to be greater than one; got 1 class, "
            f"{classes[0]!r}, in y. Check how y was made, or how it was split."
        )
    if len(classes) == 2:
        return Task("binary", 1), classes
    return Task("multiclass", len(classes)), classes


def is_ordered(y) -> bool:
    """Tell whether ``y``, as the user gave it, is an ordered pandas categorical."""
    y = y.iloc[:, 0] if hasattr(y, "iloc") and y.ndim == 2 and len(y.T) == 1 else y
    return bool(getattr(getattr(y, "dtype", None), "ordered", False))


def rank_classes(y, classes: np.ndarray) -> np.ndarray:
    """Return the classes in the order of an ordered pandas categorical ``y``.

    Parameters
    ----------
    y : array-like
        As the user gave it.
    classes : ndarray, sorted
        Returned as they are where ``y`` is anything else.

    Raises
    ------
    ValueError
        If a class is not among the categories.
    """
    if not is_ordered(y):
        return classes
    dtype = y.iloc[:, 0].dtype if y.ndim == 2 else y.dtype
    unknown = np.setdiff1d(classes, dtype.categories)
    if len(unknown):
        raise ValueError(
            f"The ordered categories of y, {list(dtype.categories)}, lack the classes "
            f"{unknown.tolist()}, whose rank is unknown. Add them to the categories."
        )
    present = [c for c in dtype.categories if c in classes]
    return classes[np.searchsorted(classes, present)]


def encode_classes(y: np.ndarray, task: Task, classes: np.ndarray) -> np.ndarray:
    """Return 0/1 columns: one for two classes, one-hot, or the labels as they are.

    One-hot columns are in the order of ``classes``.

    Raises
    ------
    ValueError
        If ``y`` holds a class that is not in ``classes``.
    """
    if task.kind == "multilabel":
        if y.ndim != 2 or y.shape[1] != task.size:
            raise ValueError(
                f"y has shape {y.shape}, but the estimator was fitted on "
                f"{task.size} labels."
            )
        return np.asarray(y, dtype=np.float64)
    if y.ndim != 1:
        raise ValueError(
            f"y has {y.shape[1]} columns, but the estimator was fitted on one column "
            f"of the classes {classes.tolist()}. Give one column, or fit anew on all."
        )
    unseen = np.setdiff1d(y, classes)
    if len(unseen):
        raise ValueError(
            f"y contains classes that were not seen before: {unseen.tolist()}; known "
            f"are {classes.tolist()}. Give all of them to the first call of "
            f"partial_fit, or leave out their rows."
        )
    columns = classes[1:] if len(classes) == 2 else classes
    return (y[:, None] == columns).astype(np.float64)
