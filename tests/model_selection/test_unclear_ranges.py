"""What may be meant as a range and would be taken as choices is refused."""

import numpy as np
import optuna
import pytest
from canonical import NET, X, y_binary
from optuna.distributions import CategoricalDistribution
from scipy import stats

from skloss import LossAwareClassifier
from skloss.model_selection import (
    FusedOptunaSearchCV,
    FusedRandomizedSearchCV,
    LossSpace,
    suggest_from,
    suggest_params,
)

UNCLEAR = {
    "floats": ((0.0, 0.5), "(0.0, 0.5, 'linear')", "[0.0, 0.5]"),
    "ints": ((16, 64), "(16, 64, 'linear' or 'log')", "[16, 64]"),
    "mixed": ((0, 0.5), "(0, 0.5, 'linear')", "[0, 0.5]"),
    "numpy": ((np.float32(0.25), np.int64(2)), "(0.25, 2, 'linear'", "[0.25, 2]"),
    "from above": ((0.5, 0.0), "(0.0, 0.5, 'linear')", "[0.5, 0.0]"),
    "a list": ([0.0, 0.5, "linear"], "(0.0, 0.5, 'linear')", "[0.0, 0.5]"),
    "another order": (
        ("log", 1e-4, 0.1),
        "(0.0001, 0.1, 'linear' or 'log')",
        "[0.0001, 0.1]",
    ),
}
CLEAR = {
    "a list": [0.0, 0.5],
    "an array": np.array([0.0, 0.5]),
    "networks": [(16,), (64, 64)],
    "a tuple of networks": ((16,), (64, 64)),
    "words": ("constant", "cosine"),
    "three numbers": (16, 32, 64),
    "one number": (16,),
    "truths": (True, False),
    "a number or none": (1.0, None),
    "a word among numbers": [0.1, 0.5, "auto"],
}


class CountingStorage(optuna.storages.InMemoryStorage):
    """Counts the studies that are made."""

    made = 0

    def create_new_study(self, *args, **kwargs):
        CountingStorage.made += 1
        return super().create_new_study(*args, **kwargs)


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def refused(written, *ways):
    """Return what refuses with a message that has the name and all these ways."""
    named = "".join(f"(?=.*{text})" for text in map(escape, [f"dropout={written!r}"]))
    return pytest.raises(ValueError, match=named + "".join(map(ahead, ways)))


def escape(text):
    for mark in "([])":
        text = text.replace(mark, f"\\{mark}")
    return text


def ahead(text):
    return f"(?=.*{escape(text)})"


@pytest.mark.parametrize("case", UNCLEAR)
def test_optunas_spaces_refuse_what_is_unclear(case):
    value, as_range, as_choices = UNCLEAR[case]
    net = LossAwareClassifier(**NET)
    trial = optuna.create_study().ask()
    with refused(value, as_range, as_choices):
        suggest_from(trial, {"l2": (1e-6, 1e-2, "log"), "dropout": value})
    with refused(value, as_range, as_choices):
        suggest_params(trial, net, names=[], ranges={"dropout": value})
    assert not trial.params  # it was refused before anything was drawn
    storage = CountingStorage()
    before = CountingStorage.made
    search = FusedOptunaSearchCV(net, {"dropout": value}, n_trials=1, storage=storage)
    with refused(value, as_range, as_choices):
        search.fit(X, y_binary)
    assert CountingStorage.made == before


@pytest.mark.parametrize("case", CLEAR)
def test_what_is_clear_remains_choices(case):
    trial = optuna.create_study().ask()
    drawn = suggest_from(trial, {"dropout": CLEAR[case]})["dropout"]
    assert any(drawn is value or drawn == value for value in CLEAR[case])
    (recorded,) = trial.distributions.values()
    assert isinstance(recorded, CategoricalDistribution)
    assert len(recorded.choices) == len(CLEAR[case])


def test_a_loss_space_says_what_a_range_is_before_a_study_is_made():
    space = {"loss": LossSpace({"focal": {"gamma": (0.5, 2.0)}})}
    before = CountingStorage.made
    search = FusedOptunaSearchCV(
        LossAwareClassifier(**NET), space, n_trials=1, storage=CountingStorage()
    )
    with pytest.raises(TypeError, match=r"gamma=\(0.5, 2.0\).*low, high, scale"):
        search.fit(X, y_binary)
    assert CountingStorage.made == before


@pytest.mark.parametrize(
    "value", [(0.0, 0.5), (np.float64(0.0), 0.5), (0.0, 0.5, "linear")]
)
@pytest.mark.parametrize("wrap", [dict, lambda space: [{"l2": [0.1]}, space]])
def test_random_draws_refuse_ranges_that_scipy_does_not_know(value, wrap):
    search = FusedRandomizedSearchCV(
        LossAwareClassifier(**NET), wrap({"dropout": value}), n_iter=1
    )
    with refused(value, "scipy.stats.uniform(0.0, 0.5)", "[0.0, 0.5]"):
        search.fit(X, y_binary)


def test_random_draws_take_what_scikit_learn_takes():
    space = {"dropout": stats.uniform(0.0, 0.5), "network": [(8,), (8, 8)]}
    search = FusedRandomizedSearchCV(LossAwareClassifier(), space, n_iter=3)
    assert len(list(search._candidates())) == 3
    search.set_params(param_distributions=CLEAR)
    assert len(list(search._candidates())) == 3
