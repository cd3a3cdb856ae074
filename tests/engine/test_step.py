"""The compiled step: its gradient is the slope of the loss in every weight."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import TASKS, own_classes, ready, targets

from skloss import networks
from skloss._engine import _step as step
from skloss.losses import BetaNLL

QUICK = ("cross_entropy", "square", "coral", "huber", "quantile", "gaussian_nll")
CASES = [
    pytest.param(
        cls(),
        TASKS[kind],
        id=f"{cls.name}-{kind}",
        marks=() if cls.name in QUICK else pytest.mark.slow,
    )
    for cls in own_classes()
    for kind in cls.kinds
    if cls is not BetaNLL  # it weights the gradient of its value
]
N_ROWS, N_FEATURES = 7, 3


def problem(loss, task, dtype):
    """Return layout, groups, knobs and data of networks without any symmetry."""
    rng = np.random.default_rng(3)
    model = networks.build(
        networks.MLP((4,), activation="tanh"),
        N_FEATURES,
        loss.n_raw(task),
        dtype,
        step.make_stacked_dropout(N_ROWS, dtype),
    )
    layout = step.Layout(model)
    X = rng.normal(size=(N_ROWS, N_FEATURES))
    Y = targets(loss, task, N_ROWS, rng)
    weights = 0.6 * rng.normal(size=(1, sum(layout.sizes)))
    return layout, X, Y, rng.uniform(0.5, 2.0, N_ROWS) / N_ROWS, weights


def stacked(values, count, dtype):
    """Return the same values for ``count`` networks."""
    return tf.constant(np.repeat(np.asarray(values)[None], count, axis=0), dtype)


def evaluate(loss, task, dtype, weights, layout, X, Y, row_weight):
    """Return value and gradient of each network by the engine's own step, compiled."""
    count = len(weights)
    knobs = {k: stacked(v, count, dtype) for k, v in loss.knobs().items()}
    masks = [stacked(np.ones(v.shape), count, dtype) for v in layout.masks]

    @tf.function(autograph=False)
    def run(rows):
        own = (
            knobs,
            layout.cut(rows),
            [],
            stacked(X, count, dtype),
            masks,
            stacked(Y, count, dtype),
            stacked(row_weight, count, dtype),
            [],
        )
        key = tf.constant([0, 0], tf.int64)
        value, slope, _ = step.differentiate(layout, loss, task, own, key)
        return value, step.join_columns(slope, count)

    value, slope = run(tf.constant(weights, dtype))
    return value.numpy(), slope.numpy()


@pytest.mark.parametrize(("loss", "task"), CASES)
def test_gradient_is_the_slope_in_every_weight(loss, task):
    loss = ready(loss, task)
    layout, X, Y, row_weight, weights = problem(loss, task, "float64")
    data = (X, Y, row_weight)
    h = 1e-5
    moves = h * np.eye(weights.shape[1])
    moved = [weights, weights + moves, weights - moves]  # all of them at once
    values, slopes = evaluate(
        loss, task, "float64", np.concatenate(moved), layout, *data
    )
    up, down = np.split(values[1:], 2)
    numeric = (up - down) / (2 * h)
    size = np.abs(numeric).max()
    assert size > 1e-3
    np.testing.assert_allclose(slopes[0], numeric, rtol=1e-6, atol=1e-8 * size)
    layout, *_ = problem(loss, task, "float32")
    _, single = evaluate(loss, task, "float32", weights, layout, *data)
    np.testing.assert_allclose(single[0], numeric, rtol=1e-3, atol=1e-5 * size)
