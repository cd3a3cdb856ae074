"""Between the user's y and what a loss wants: classes, one-hot, scaled numbers."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from skloss.losses import Task
from skloss.losses._quantile import weighted_quantile

IQR_OF_STANDARD_NORMAL = 1.3489795003921634


def dense_target(y):
    """Return a dense y; a column as one dimension, with scikit-learn's warning."""
    y = y.toarray() if issparse(y) else y
    if y.ndim == 2 and y.shape[1] == 1:
        return column_or_1d(y, warn=True)
    return y


def classification_task(y, classes=None):
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


def class_order(y, classes):
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
    y = y.iloc[:, 0] if hasattr(y, "iloc") and y.ndim == 2 else y
    dtype = getattr(y, "dtype", None)
    if not getattr(dtype, "ordered", False):
        return classes
    unknown = np.setdiff1d(classes, dtype.categories)
    if len(unknown):
        raise ValueError(
            f"The ordered categories of y, {list(dtype.categories)}, lack the classes "
            f"{unknown.tolist()}, whose rank is unknown. Add them to the categories."
        )
    present = [c for c in dtype.categories if c in classes]
    return classes[np.searchsorted(classes, present)]


def encode_classes(y, task, classes):
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
    unseen = np.setdiff1d(y, classes)
    if len(unseen):
        raise ValueError(
            f"y contains classes that were not seen before: {unseen.tolist()}; known "
            f"are {classes.tolist()}. Give all of them to the first call of "
            f"partial_fit, or leave out their rows."
        )
    columns = classes[1:] if len(classes) == 2 else classes
    return (y[:, None] == columns).astype(np.float64)


def target_scale(y, loss, sample_weight):
    """Return location and scale with which the networks see a regression target.

    Parameters
    ----------
    y : ndarray of shape (n, targets)
    loss : RegressionLoss
        Its ``target_scaling`` decides, for all targets or one by one: "standard" (mean
        and standard deviation), "robust" (median, IQR / 1.349), "scale" (0 and the
        mean of |y|), "none".
    sample_weight : ndarray of shape (n,)
    """
    kind = loss.target_scaling
    if isinstance(kind, str):
        return scale_of(y, kind, sample_weight)
    columns = [
        scale_of(y[:, j : j + 1], own, sample_weight) for j, own in enumerate(kind)
    ]
    return tuple(map(np.concatenate, zip(*columns, strict=True)))


def scale_of(y, kind, sample_weight):
    """Return location and scale of every column for one kind of scaling."""
    zeros, ones = np.zeros(y.shape[1]), np.ones(y.shape[1])
    if kind == "none":
        return zeros, ones
    if kind == "scale":
        return zeros, positive(np.average(np.abs(y), axis=0, weights=sample_weight))
    mean = np.average(y, axis=0, weights=sample_weight)
    deviation = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=sample_weight))
    if kind == "standard":
        return mean, positive(deviation)
    low, median, high = (
        weighted_quantile(y, level, sample_weight) for level in (0.25, 0.5, 0.75)
    )
    spread = (high - low) / IQR_OF_STANDARD_NORMAL
    return median, np.where(spread > 0, spread, positive(deviation))


def positive(scale):
    """Return the scale, 1 where it is zero (a constant target)."""
    return np.where(scale > 0, scale, 1.0)
