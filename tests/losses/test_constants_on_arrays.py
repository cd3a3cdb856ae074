"""The best constant of classes is found by values in NumPy: slopes are TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import TASKS, own_classes, ready

from skloss import losses
from skloss.losses._core._constant import differentiate_on_arrays, weigh_classes

OF_CLASSES = [
    pytest.param(cls, kind, id=f"{cls.name}-{kind}")
    for cls in own_classes()
    if cls.family == "classification"
    for kind in cls.kinds
]


@pytest.mark.parametrize(("cls", "kind"), OF_CLASSES)
def test_value_and_slope_are_tensorflows(cls, kind):
    task = TASKS[kind]
    loss, rng = ready(cls(), task), np.random.default_rng(0)
    frequencies = rng.uniform(0.1, 0.9, task.size)
    raw = rng.normal(size=loss.n_raw(task)) + 0.1
    function = differentiate_on_arrays(loss, task, frequencies, raw)
    if function is None:
        assert not loss.decomposable
        return
    y, weight = weigh_classes(task, frequencies)
    z = tf.constant(raw)
    with tf.GradientTape() as tape:
        tape.watch(z)
        rows = tf.tile(z[None], [len(y), 1])
        if kind == "multiclass":
            expected = loss.batch_value(task, y, rows, weight)
        else:
            expected = tf.reduce_sum(weight * loss.binary(tf.constant(y), rows))
    value, slope = function(raw)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(slope, tape.gradient(expected, z), rtol=0, atol=1e-9)


def test_a_users_loss_in_single_precision_keeps_tensorflows_slope():
    """Differences of numbers with seven digits would be noise."""

    class Single(losses.ClassificationLoss):
        name, proper = "single", "strict"

        def pointwise(self, y_true, raw):
            raw = tf.cast(raw, tf.float32)
            y_true = tf.cast(y_true, tf.float32)
            return tf.nn.softmax_cross_entropy_with_logits(y_true, raw)

    frequencies = np.array([0.3])
    given = Single(), TASKS["binary"], frequencies, np.zeros(1)
    assert differentiate_on_arrays(*given) is None
    y = np.r_[np.ones(3), np.zeros(7)][:, None]
    best = Single().best_constant(TASKS["binary"], y, np.ones(10))
    np.testing.assert_allclose(best, np.log(0.3 / 0.7), rtol=1e-3)
