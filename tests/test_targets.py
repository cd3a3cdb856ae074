"""Encoded targets, against scikit-learn's own encoder."""

import numpy as np
import pytest
from sklearn.preprocessing import label_binarize

from skloss.estimators._class_codes import derive_task, encode_classes
from skloss.losses import Task

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "classes",
    [
        np.array([0, 1]),
        np.array([3, -1]),
        np.array([1, 0]),
        np.array([False, True]),
        np.array(["no", "yes"]),
        np.array([2, 5, 9]),
        np.array(["low", "middle", "high"]),  # in the order of the loss, not sorted
        np.array(["low", "middle", "high", "never"], dtype=object),
        np.array([0.0, 1.0, 2.0]),
    ],
    ids=str,
)
def test_columns_are_those_of_label_binarize(classes):
    task = Task("binary", 1) if len(classes) == 2 else Task("multiclass", len(classes))
    y = classes[rng.integers(min(3, len(classes)), size=50)]
    encoded = encode_classes(y, task, classes)
    assert encoded.dtype == np.float64
    np.testing.assert_array_equal(encoded, label_binarize(y, classes=classes))


def test_unknown_classes_are_named():
    with pytest.raises(ValueError, match=r"not seen before: \[7\]; known are \[2, 5\]"):
        encode_classes(np.array([2, 7]), Task("binary", 1), np.array([2, 5]))


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (rng.normal(size=20), "Unknown label type: continuous"),
        (np.array([{}, {}], dtype=object), "Unknown label type: unknown"),
        (rng.integers(3, size=(20, 2)), "wrap the estimator in MultiOutputClassifier"),
        (rng.normal(size=(20, 2)), "Unknown label type: continuous-multioutput"),
    ],
)
def test_what_is_no_class_is_refused(y, match):
    with pytest.raises(ValueError, match=match):
        derive_task(y)
