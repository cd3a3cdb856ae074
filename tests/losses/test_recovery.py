"""Proper losses recover known class probabilities from data."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from skloss import LossAwareClassifier
from skloss.losses import Loss, Task

N_ROWS, N_GROUPS = 20_000, 8
PROPER = [
    name
    for name, cls in sorted(Loss.registry["classification"].items())
    if cls().has_probabilities and cls.__module__.startswith("skloss.")
]


def known(n_classes, tied):
    """Return one-hot groups, classes drawn from known probabilities, and these.

    With a column for each group a linear network can give each group any scores, so
    every loss can reach its optimum, whatever its link. Losses whose classes share
    one score can express proportional odds only; for them (``tied``) the truth has
    these.
    """
    rng = np.random.default_rng(n_classes)
    truth = softmax(rng.normal(size=(N_GROUPS, n_classes)), axis=1)
    if tied:
        thresholds = np.linspace(-1, 1, n_classes - 1)
        below = expit(thresholds - rng.normal(size=(N_GROUPS, 1)))
        truth = np.diff(below, prepend=0, append=1, axis=1)
    group = rng.integers(N_GROUPS, size=N_ROWS)
    draw = rng.random((N_ROWS, 1))
    y = (draw > np.cumsum(truth[group], axis=1)[:, :-1]).sum(axis=1)
    return np.eye(N_GROUPS)[group], y, truth


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", PROPER)
def test_a_linear_network_approaches_the_truth(loss, n_classes):
    default = Loss.registry["classification"][loss]()
    if n_classes > 2 and "multiclass" not in default.kinds:
        pytest.skip("it is not for several classes")
    tied = default.n_global(Task("multiclass", 3)) > 0
    X, y, truth = known(n_classes, tied)
    net = LossAwareClassifier(
        loss,
        network=(),
        learning_rate=0.05,
        lr_schedule="cosine",
        batch_size=500,
        epochs=60,
        random_state=0,
    ).fit(X, y)
    p = net.predict_proba(np.eye(N_GROUPS))
    # the expected log-loss minus that of the truth, groups being equally frequent
    gap = np.mean(np.sum(truth * (np.log(truth) - np.log(p)), axis=1))
    assert 0 <= gap < 0.01
