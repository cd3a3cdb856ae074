"""Proper losses recover known class probabilities from data."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from skloss import LossAwareClassifier
from skloss.losses import Loss, Task

N_ROWS, N_GROUPS = 20_000, 8
REGISTRY = Loss.registry["classification"]
PROPER = [
    name
    for name, cls in sorted(REGISTRY.items())
    if cls().has_probabilities and cls.__module__.startswith("skloss.")
]
SUMS_OVER_ROWS = [name for name in PROPER if REGISTRY[name]().decomposable]
OTHERS = sorted(set(PROPER) - set(SUMS_OVER_ROWS))


def known(n_classes, tied):
    """Return groups, classes drawn from known probabilities, and these.

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
    return group, y, truth


def recovered(loss, X, y, weight=None, **training):
    """Return the probabilities that a linear network gives to each group."""
    net = LossAwareClassifier(
        loss,
        network=(),
        lr_schedule="cosine",
        random_state=0,
        record=False,
        **training,
    ).fit(X, y, sample_weight=weight)
    return net.predict_proba(np.eye(N_GROUPS))


def shortfall(truth, p):
    """Return the expected log-loss minus the truth's, groups being equally frequent."""
    return np.mean(np.sum(truth * (np.log(truth) - np.log(p)), axis=1))


def cases(names):
    """Return the names with each number of classes that fits."""
    kinds = {2: "binary", 3: "multiclass"}
    return [(x, n) for x in names for n in kinds if kinds[n] in REGISTRY[x].kinds]


def is_tied(name):
    """Tell whether all classes share one score."""
    return REGISTRY[name]().n_global(Task("multiclass", 3)) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "n_classes"), cases(SUMS_OVER_ROWS))
def test_a_linear_network_finds_the_truth(loss, n_classes):
    """Of a group's rows of one class, one stands for all, with their number as weight.

    That weights are repeated rows has tests of its own, and the next one.
    """
    group, y, truth = known(n_classes, is_tied(loss))
    counts = np.bincount(group * n_classes + y, minlength=N_GROUPS * n_classes)
    X = np.repeat(np.eye(N_GROUPS), n_classes, axis=0)
    classes = np.tile(np.arange(n_classes), N_GROUPS)
    whole = {"learning_rate": 0.1, "batch_size": len(X), "epochs": 1000}
    p = recovered(loss, X, classes, counts, **whole)
    assert 0 <= shortfall(truth, p) < 0.01


@pytest.mark.slow
@pytest.mark.claim
@pytest.mark.parametrize(("loss", "n_classes"), cases([*OTHERS, "square", "coral"]))
def test_a_linear_network_approaches_the_truth_in_batches(loss, n_classes):
    group, y, truth = known(n_classes, is_tied(loss))
    X = np.eye(N_GROUPS)[group]
    p = recovered(loss, X, y, learning_rate=0.05, batch_size=500, epochs=60)
    assert 0 <= shortfall(truth, p) < 0.01
