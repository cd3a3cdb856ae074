"""Predictions compute links in NumPy: as TensorFlow does, without TensorFlow.

Links that follow from gradients are traced once for a loss, for any number of rows.
"""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from catalogue import TASKS, own_classes, ready, settings_of

from skloss.losses import (
    Brier,
    ClassificationLoss,
    CrossEntropy,
    Focal,
    Huber,
    RegressionLoss,
    SquaredHinge,
    Task,
)
from skloss.losses._core import _ops as ops


def draw_raw(loss, task):
    """Return raw outputs from tiny to far outside what training sees."""
    size = np.repeat([1e-3, 1.0, 30.0, 1e3], 10)[:, None]
    raw = np.random.default_rng(0).normal(size=(40, loss.n_raw(task)))
    return np.concatenate([size * raw, 0 * raw[:1]])


def methods_of(loss):
    """Return what predictions ask of a loss, by its family and facts."""
    if loss.family == "regression":
        return [loss.inverse_link, loss.split]
    links = [loss.inverse_link] if loss.has_probabilities else []
    return [loss.scores, *links]


def assert_equal_on_arrays(loss, task):
    """Compare what NumPy and TensorFlow compute of the same raw outputs."""
    raw = draw_raw(loss, task)
    for method in methods_of(loss):
        expected = np.asarray(method(task, tf.constant(raw)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = ops.call_on_arrays(method, task, raw)
        assert isinstance(found, np.ndarray), method
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cls", own_classes(), ids=lambda cls: cls.__name__)
def test_every_loss_predicts_in_numpy_as_in_tensorflow(cls):
    for kind in cls.kinds:
        for setting in ({}, *settings_of(cls)):
            assert_equal_on_arrays(ready(cls(**setting), TASKS[kind]), TASKS[kind])


SUMS = [
    2.0 * CrossEntropy(),
    CrossEntropy(label_smoothing=0.1) + 0.5 * Focal(),
    0.5 * CrossEntropy() + 0.5 * Brier(),
    0.7 * CrossEntropy() + 0.3 * SquaredHinge(),
]


@pytest.mark.parametrize("loss", SUMS, ids=repr)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_sums_too_also_where_the_link_follows_from_gradients(loss, kind):
    assert_equal_on_arrays(loss, TASKS[kind])


class Counting(ClassificationLoss):
    """A user's loss, with the link that follows from it."""

    proper = "link"
    calls = 0

    def __init__(self, slope=1.0):
        self.slope = slope

    def pointwise(self, y_true, raw):
        Counting.calls += 1
        log_p = keras.ops.log_softmax(self.slope * raw)
        return -keras.ops.sum(y_true * log_p, axis=-1)


@pytest.mark.parametrize("task", [Task("binary", 1), Task("multiclass", 3)])
def test_a_link_by_gradients_is_traced_once(task):
    def probabilities(slope, n_rows):
        raw = np.linspace(-2, 2, n_rows * task.size).reshape(n_rows, task.size)
        loss = Counting(slope)
        return raw, ops.call_on_arrays(loss.inverse_link, task, raw)

    probabilities(2.0, 1)
    before = Counting.calls
    for n_rows in (2, 7, 1):
        raw, p = probabilities(2.0, n_rows)
        z = 2.0 * raw if task.size > 1 else np.hstack([0 * raw, 2.0 * raw])
        v = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(p, v, atol=1e-6)
    assert Counting.calls == before
    _, other = probabilities(3.0, 2)  # the number is part of what was traced
    assert not np.allclose(other, probabilities(2.0, 2)[1])


class OwnPoint(RegressionLoss):
    """A user's loss that turns arrays into tensors."""

    def pointwise(self, y_true, raw):
        return keras.ops.square(y_true - self.point(raw))

    def point(self, raw):
        return ops.maximum(keras.ops.exp(raw), 1e-3)


def test_tensors_that_a_users_loss_makes_go_on_in_tensorflow():
    raw = np.array([[-20.0], [1.0]])
    p = ops.call_on_arrays(OwnPoint().inverse_link, Task("regression", 1), raw)
    np.testing.assert_allclose(np.asarray(p), [[1e-3], [np.e]], rtol=1e-12)


def test_outside_of_a_prediction_arrays_give_tensors_as_before():
    task, y = Task("regression", 1), np.zeros((2, 1))
    value = Huber().rowwise(task, y, y)
    assert tf.is_tensor(value)
    with pytest.raises(ZeroDivisionError):
        ops.call_on_arrays(lambda: 1 / 0)
    assert tf.is_tensor(Huber().rowwise(task, y, y))


class OwnLink(Counting):
    """A user's loss whose link asks the general one for tensors."""

    def binary_link(self, raw):
        return super().binary_link(keras.ops.convert_to_tensor(raw))


def test_a_users_link_may_ask_the_general_one_for_tensors():
    raw, task = np.array([[-1.0], [2.0]]), Task("binary", 1)
    p = ops.call_on_arrays(OwnLink().inverse_link, task, raw)
    np.testing.assert_allclose(np.asarray(p)[:, 1], 1 / (1 + np.exp(-raw[:, 0])))
