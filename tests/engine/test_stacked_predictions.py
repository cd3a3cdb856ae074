"""Predictions of several networks at once."""

import logging

import numpy as np

from skloss._engine._predict import Forward
from skloss._tensorflow import tf
from skloss.networks import MLP


def test_many_structures_are_no_reason_to_warn():
    said = []
    listener = logging.Handler()
    listener.emit = said.append
    rng = np.random.default_rng(0)
    tf.get_logger().addHandler(listener)
    try:
        for n_features in range(1, 8):  # TensorFlow warns of the fifth
            forward = Forward(MLP(()), n_features, 1, "float64", False)
            x, weights = (
                rng.normal(size=(3, n_features)),
                rng.normal(size=(2, n_features + 1)),
            )
            raw = forward.stacked(x, weights, np.zeros((2, 0)))
            dense = [x @ w[:-1, None] + w[-1] for w in weights]
            np.testing.assert_allclose(raw, dense)
    finally:
        tf.get_logger().removeHandler(listener)
    assert [record.getMessage() for record in said] == []
