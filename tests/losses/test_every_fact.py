"""Losses made of others decide on every name of Loss, one that is new included."""

import numpy as np
import pytest
from catalogue import instances

from skloss._params import Params
from skloss.losses import (
    ClassificationLoss,
    CVaR,
    Loss,
    PerTarget,
    RegressionLoss,
    Tilted,
    Trimmed,
    UncertaintyWeighted,
)
from skloss.losses._core._family_sums import ClassificationSum, RegressionSum
from skloss.losses._core._loss_choice import LossChoice
from skloss.losses._core._multi_task_loss import (
    MultiTaskLoss,
    UncertaintyWeightedTasks,
)
from skloss.losses._core._user_units import InUserUnits
from skloss.losses._core._wrapper import NOT_FORWARDED, Wrapper, public_names

FAMILIES = (ClassificationLoss, RegressionLoss)
NAMES = public_names(*FAMILIES)
# what any value object does with the parameters that it holds, several losses too
OF_VALUES = public_names(Params)
WITH_DEFAULTS = {base for family in FAMILIES for base in family.__mro__}
WRAPPERS = [
    Wrapper,
    CVaR,
    Trimmed,
    Tilted,
    UncertaintyWeighted,
    InUserUnits,
    LossChoice,
]


def told(name):
    return f"what the loss says of {name}"


class Told(RegressionLoss):
    """A loss of which every public name says that it is its own."""


for _name in NAMES:
    setattr(Told, _name, property(lambda self, name=_name: told(name)))


class Bare(Wrapper):
    """A wrapper that defines nothing."""

    def __init__(self, loss):
        self.loss = loss


def owner(cls, name):
    """Return the class that decides on a name, None where none has it."""
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def left_to_defaults(cls):
    """Return the names that the defaults of all losses answer, or nothing."""
    return {name for name in NAMES if owner(cls, name) in {*WITH_DEFAULTS, None}}


@pytest.mark.parametrize("name", sorted(NAMES - set(NOT_FORWARDED)))
def test_a_wrapper_forwards(name):
    if name == "search_space":  # it is that of the wrapper too
        assert owner(Bare, name) is Wrapper
    else:
        assert getattr(Bare(Told()), name) == told(name)


@pytest.mark.parametrize("cls", WRAPPERS)
def test_what_wrappers_do_not_forward_is_listed(cls):
    assert left_to_defaults(cls) <= set(NOT_FORWARDED)
    assert set(NOT_FORWARDED) <= NAMES
    assert all(NOT_FORWARDED.values())


def test_a_name_that_losses_are_given_later_is_forwarded():
    from skloss.losses._core._wrapper import forward_the_rest

    ClassificationLoss.tomorrow = "the default"
    try:

        @forward_the_rest
        class Late(Loss):
            def __init__(self, loss):
                self.loss = loss

        inside = Told()
        inside.tomorrow = "its own"
        assert Late(inside).tomorrow == "its own"
    finally:
        del ClassificationLoss.tomorrow


# -- several losses --------------------------------------------------------------------

ANY = {
    "registry": "there is one for all losses",
    **dict.fromkeys(
        ("name", "aliases", "from_keras", "formula", "source"),
        "they are of the catalogue, and this is written out",
    ),
    "measured": "the losses inside measure for themselves",
}
ONCE = "losses of several columns of y see the rows once, as they are"
FROM_FACTS = "it follows from the facts and the value of the whole"
# Names on which a class says nothing of its own, with the reason.
INHERITED = {
    ClassificationSum: {
        **ANY,
        "best_constant": FROM_FACTS,
        "constant_for": FROM_FACTS,
    },
    RegressionSum: {**ANY, "outputs": FROM_FACTS},
    PerTarget: {
        **ANY,
        "views": ONCE,
        "family": "all of its losses are of numbers",
        "kinds": "all of its losses are of numbers",
        "pointwise": "each loss has outputs of its own, so the value begins at rows",
        "inverse": "each target has its own, by which inverse_link predicts",
        "n_outputs": "each target has its own, which pieces takes apart",
        "exponential": "each target has its own, which exponential_outputs collects",
        "split": "each target has its own, which pieces takes apart",
        "point": "each target has its own, by which inverse_link predicts",
        "has_distribution": "no one distribution holds all targets",
        "distribution": "no one distribution holds all targets",
    },
    MultiTaskLoss: {
        **ANY,
        "views": ONCE,
        "family": "heads may be of either",
        "pointwise": "each head has outputs of its own, so the value begins at rows",
    },
}
INHERITED[UncertaintyWeightedTasks] = INHERITED[MultiTaskLoss]


@pytest.mark.parametrize("cls", INHERITED)
def test_what_several_losses_leave_to_defaults_is_listed(cls):
    asked = {base for base in cls.__mro__ if base in FAMILIES} or {Loss}
    names = public_names(*asked) - OF_VALUES
    assert left_to_defaults(cls) & names == set(INHERITED[cls])


OF_THE_CATALOGUE = {"search_space", *ANY}  # the space is that of other names


@pytest.mark.parametrize("family", FAMILIES)
def test_a_number_before_a_loss_changes_no_fact(family):
    for loss in instances():
        if loss.family == family.family:
            whole = 2.0 * loss
            for name in public_names(family) - OF_THE_CATALOGUE:
                fact = getattr(loss, name)
                same = callable(fact) or np.array_equal(getattr(whole, name), fact)
                assert same, (loss, name)
