"""A loss says which raw outputs an exponential acts on: those, and no other."""

import numpy as np
import pytest
from catalogue import own_classes, ready, settings_of

from skloss.losses import (
    CrossEntropy,
    CVaR,
    Gamma,
    GaussianNLL,
    Huber,
    LogNormalNLL,
    MeanSquaredLogarithmic,
    NegativeBinomial,
    PerTarget,
    Poisson,
    RegressionLoss,
    Task,
    UncertaintyWeighted,
)
from skloss.losses._core import _ops as ops
from skloss.losses._core._multi_task_loss import MultiTaskLoss, UncertaintyWeightedTasks

ONE, TWO = Task("regression", 1), Task("regression", 2)
THREE_CLASSES = Task("multiclass", 3)
# A sigmoid ends at 0 and 1: what it multiplies comes to an end too.
SHARES = {"beta_likelihood": {0}, "zero_inflated_poisson": {1}}
OF_NUMBERS = [cls for cls in own_classes() if cls.family == "regression"]


def raw_with(loss, place, value):
    """Return raw outputs of zero but for one."""
    raw = np.zeros((1, loss.n_raw(ONE)))
    raw[0, place] = value
    return raw


def size_of_point(loss, raw):
    """Return the size of the prediction."""
    return np.abs(ops.call_on_arrays(loss.inverse_link, ONE, raw)).item()


def width_of_law(loss, raw):
    """Return the deviation of the distribution; of the very wide, the quartiles'."""
    parts = np.asarray(ops.call_on_arrays(loss.split, ONE, raw))
    law = loss.distribution(parts, np.zeros(1), np.ones(1))
    deviation = law.std().item()
    return deviation if np.isfinite(deviation) else np.ptp(law.ppf([0.25, 0.75]))


def multiplies(loss, place):
    """Tell whether twice the raw output is more than twice the prediction, far out.

    Or the width of the distribution, where one that vanishes is as wrong as a huge one.
    """
    for sign in (-1, 1):
        near, far = (
            size_of_point(loss, raw_with(loss, place, sign * x)) for x in (10.0, 20.0)
        )
        if far > 2.2 * near:
            return True
        if loss.has_distribution:
            near, far = (
                width_of_law(loss, raw_with(loss, place, sign * x)) for x in (2.0, 4.0)
            )
            if not 1 / 2.2 < far / near < 2.2:
                return True
    return False


@pytest.mark.parametrize("cls", OF_NUMBERS, ids=lambda cls: cls.__name__)
def test_the_outputs_that_multiply_are_named(cls):
    for setting in ({}, *settings_of(cls)):
        loss = ready(cls(**setting), ONE)
        found = {k for k in range(loss.n_raw(ONE)) if multiplies(loss, k)}
        named = loss.exponential_outputs(ONE).tolist()
        assert set(named) == found - SHARES.get(cls.name, set())
        assert len(named) == len(set(named))


class OwnCounts(RegressionLoss):
    """A loss that says of its link no more than its name."""

    inverse = "exp"


HEADS = (("c", 1.0, CrossEntropy()), ("n", 1.0, Gamma()), ("d", 1.0, GaussianNLL()))


@pytest.mark.parametrize(
    ("loss", "task", "expected"),
    [
        (OwnCounts(), TWO, [0, 1]),
        (GaussianNLL(), TWO, [1, 3]),
        (NegativeBinomial(), TWO, [0, 1]),  # means of both targets come first
        (CrossEntropy(), THREE_CLASSES, []),
        (2.0 * LogNormalNLL(), ONE, [0, 1]),
        (Poisson() + 0.5 * Poisson(), TWO, [0, 1]),
        (CVaR(Gamma()), ONE, [0]),
        (UncertaintyWeighted(MeanSquaredLogarithmic()), TWO, [0, 1]),
        (PerTarget([Huber(), Gamma()]), TWO, [1]),
        # what no row changes comes last: the dispersion is the third
        (PerTarget([Huber(), NegativeBinomial()]), TWO, [1]),
        (MultiTaskLoss(HEADS, (THREE_CLASSES, ONE, ONE)), None, [3, 5]),
        (UncertaintyWeightedTasks(HEADS, (THREE_CLASSES, ONE, ONE)), None, [3, 5]),
    ],
    ids=repr,
)
def test_losses_made_of_others(loss, task, expected):
    assert sorted(loss.exponential_outputs(task)) == expected
