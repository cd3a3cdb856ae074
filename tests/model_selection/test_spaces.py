"""Which losses fit a target, and what a space of them suggests."""

import math

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import FixedTrial
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, losses
from skloss.exceptions import LossTargetError
from skloss.losses import Focal, HLGauss, Loss
from skloss.model_selection import LossSpace, loss_space

BINARY = np.array([0, 1, 1, 0, 1])
WORDS = np.array(["low", "high", "middle", "low"])
RANKED = pd.Series(
    pd.Categorical(WORDS, categories=["low", "middle", "high"], ordered=True)
)
LABELS = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 0]])
COUNTS = np.array([0, 3, 1, 0, 1, 0, 12, 3])
ORDERED = {"cumulative_link", "coral", "corn", "rps", "sord"}
ON_REAL = {
    "squared_error",
    "absolute_error",
    "huber",
    "log_cosh",
    "gaussian_nll",
    "student_t_nll",
    "crps",
}


def names(y, **params):
    return set(loss_space(y, **params).losses)


def ask(seed=0):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    return study, study.ask


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_usual_losses_of_classes():
    usual = {
        "cross_entropy:label_smoothing=0.0",
        "cross_entropy",
        "brier",
        "focal",
        "poly",
        "gce",
        "square",
    }
    for y in (BINARY, BINARY.astype(bool), WORDS, pd.Series(WORDS), [2.0, 1.0, 0.0]):
        assert names(y) == usual
    assert names(LABELS) == usual | {"asymmetric_loss"}
    assert names(RANKED) == names(RANKED.to_frame()) == usual | ORDERED
    assert names(RANKED.astype(str)) == usual
    assert names(RANKED[[0, 1]]) == usual  # two classes have no order


@pytest.mark.parametrize(
    ("y", "further"),
    [
        ([-1.5, 0.0, 2.0], set()),
        ([0.0, 1.5, 2.0], {"poisson", "tweedie"}),
        ([0.5, 1.5, 2.0], {"poisson", "tweedie", "gamma", "log_normal_nll"}),
        ([0.0, 0.5, 1.0], {"poisson", "tweedie", "fractional"}),
        (
            [0.2, 0.5, 0.9],
            {
                "poisson",
                "tweedie",
                "gamma",
                "log_normal_nll",
                "fractional",
                "beta_likelihood",
            },
        ),
    ],
)
def test_usual_losses_follow_the_domain(y, further):
    assert names(y) == ON_REAL | further
    both = np.column_stack([y, np.full(3, -0.5)])
    assert names(both) == ON_REAL


def test_counts_need_to_be_called_so():
    found = names(COUNTS, family="regression")
    counts = {"negative_binomial", "zero_inflated_poisson"}
    assert found == ON_REAL | counts | {"poisson", "tweedie"}
    assert "brier" in names(COUNTS)
    with pytest.raises(ValueError, match=r"31 different integers.*family='reg"):
        loss_space(np.arange(93) % 31)
    assert "brier" in names(np.arange(93) % 31, family="classification")
    assert "brier" in names(np.arange(90) % 30)
    assert "brier" in names(np.arange(90) % 30.0)
    assert "poisson" in names(np.arange(93) % 31.0)
    assert names(np.arange(6).reshape(3, 2)) == names(COUNTS, family="regression")


@pytest.mark.parametrize("family", ["classification", "regression"])
def test_all_is_the_catalogue_less_what_does_not_fit(family):
    y = BINARY if family == "classification" else [-1.5, 0.5]
    ours = {
        name: cls
        for name, cls in Loss.registry[family].items()
        if cls.__module__.startswith("skloss.")
    }
    unfit = {
        name
        for name, cls in ours.items()
        if getattr(cls, "ordered", False) or getattr(cls, "domain", "real") != "real"
    }
    assert len(unfit) >= 6
    found = names(y, include="all", family=family)
    assert found & set(ours) == set(ours) - unfit


def test_all_has_ordered_losses_for_ordered_classes():
    assert names(RANKED, include="all") - names(WORDS, include="all") == {
        *ORDERED,
        "qwk",
    }
    assert names(WORDS, include=["coral", "focal"]) == {"coral", "focal"}


def test_a_loss_that_needs_arguments_is_left_out():
    class Needy(losses.RegressionLoss):
        name = "needy"

        def __init__(self, level):
            self.level = level

    try:
        assert "needy" not in names([0.5, -1.5], include="all")
    finally:
        del Loss.registry["regression"]["needy"]


def test_knobs_and_ranges_are_the_catalogues():
    space = loss_space(BINARY, include=["focal", "brier", "nce_rce", "poly:epsilon=2"])
    assert space.losses == {
        "focal": {"gamma": (0.25, 5.0, "log")},
        "brier": {},
        "nce_rce": {"alpha": (0.1, 10.0, "log"), "beta": (0.1, 2.0, "log")},
        "poly:epsilon=2": {},
    }
    assert loss_space(BINARY).losses["cross_entropy:label_smoothing=0.0"] == {}


def test_exclude():
    both = {"cross_entropy", "cross_entropy:label_smoothing=0.0"}
    usual = names(BINARY)
    assert usual - names(BINARY, exclude=["log_loss", "focal"]) == both | {"focal"}
    one = "cross_entropy:label_smoothing=0"
    assert usual - names(BINARY, exclude=one) == {"cross_entropy:label_smoothing=0.0"}
    assert names(BINARY, include=["brier", "focal"], exclude=["brier"]) == {"focal"}


@pytest.mark.parametrize(
    ("y", "params", "error", "message"),
    [
        (BINARY, {"include": ["focl"]}, ValueError, "include holds 'focl'.*'focal'"),
        (BINARY, {"exclude": ["focl"]}, ValueError, "exclude holds 'focl'.*'focal'"),
        (BINARY, {"include": ["huber"]}, LossTargetError, "'huber'.*for regression"),
        (LABELS, {"include": ["coral"]}, LossTargetError, "'coral'.*y is multilabel"),
        ([-1.5, 2.0], {"include": ["gamma"]}, LossTargetError, "'gamma'.*y > 0, got"),
        (BINARY, {"include": [Focal()]}, TypeError, r"Focal\(\).*by strings"),
        (BINARY, {"include": []}, ValueError, "leave no loss"),
        (BINARY, {"include": "focal", "exclude": "focal"}, ValueError, "leave no loss"),
        (BINARY, {"family": "counts"}, ValueError, "family='counts'"),
        ([1.5, np.nan], {}, ValueError, "NaN"),
        (np.zeros(5), {}, ValueError, "got 1 class"),
        ([["a", "b"], ["c", "d"]], {}, ValueError, "array|MultiOutputClassifier"),
    ],
)
def test_refusals(y, params, error, message):
    with pytest.raises(error, match=message):
        loss_space(y, **params)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ValueError, "not be empty|not empty"),
        ({"focal": {"gamma": (1.0, 2.0)}}, TypeError, "focal gamma.*low, high, scale"),
        ({"focal": {"gamma": (1.0, 2.0, "lg")}}, ValueError, "scale 'lg'"),
        ({"focal": {"gamma": (3.0, 2.0, "log")}}, ValueError, "low <= high"),
        ({"focal": {"gamma": (1.0, math.inf, "log")}}, ValueError, "finite"),
        ({"focal": {"gamma": (0.0, 2.0, "log")}}, ValueError, "0.0 on a logarithmic"),
    ],
)
def test_a_space_refuses_what_is_no_range(given, error, message):
    for call in (lambda s: s.grid(), lambda s: s.suggest(FixedTrial({}))):
        with pytest.raises(error, match=message):
            call(LossSpace(given))


def test_a_space_is_a_value():
    space = loss_space(RANKED, prefix="net__loss")
    again = eval(repr(space))
    assert again == space
    assert again.prefix == "net__loss"
    assert hash(again) == hash(space)
    assert space != loss_space(RANKED)
    assert repr(space).splitlines()[1] == "    'cross_entropy:label_smoothing=0.0': {},"


def test_a_trial_holds_the_choice_and_that_losss_knobs_only():
    study, trial = ask()
    space = loss_space(BINARY, include=["focal", "nce_rce", "brier"])
    for _ in range(30):
        asked = trial()
        text = space.suggest(asked)
        drawn = dict(asked.params)
        name = drawn.pop("loss")
        loss = losses.get(text, "classification")
        assert loss.name == name
        # exactly, not to some digits
        assert drawn == {
            f"loss__{name}__{knob}": value for knob, value in loss.get_params().items()
        }
        study.tell(asked, 0.0)
        assert space.suggest(study.trials[-1]) == text
    assert {t.params["loss"] for t in study.trials} == {"focal", "nce_rce", "brier"}


def test_tiny_and_negative_numbers_survive_the_string():
    space = LossSpace({"poly": {"epsilon": (-1.0, 1.0, "linear")}}, prefix="a__loss")
    for value in (-1 / 3, 1e-17, 0.1 + 0.2):
        trial = FixedTrial({"a__loss": "poly", "a__loss__poly__epsilon": value})
        assert losses.get(space.suggest(trial), "classification").epsilon == value


def test_numbers_in_the_string_stay(monkeypatch):
    monkeypatch.setattr(
        HLGauss,
        "search_space",
        {"sigma": (0.5, 1.0, "log"), "bins": (10, 40, "log")},
    )
    y = [0.5, -1.5]
    fixed = loss_space(y, include=["hl_gauss:sigma=0.75"])
    _, trial = ask()
    loss = losses.get(fixed.suggest(trial()), "regression")
    assert loss.sigma == 0.75
    assert isinstance(loss.bins, int)
    assert fixed.grid(n=3) == [
        {"loss": ["hl_gauss:sigma=0.75"], "loss__bins": [10, 20, 40]}
    ]
    assert [type(v) for v in fixed.grid(n=3)[0]["loss__bins"]] == [int] * 3
    _, trial = ask()
    both = loss_space(y, include=["hl_gauss"]).suggest(trial())
    both = losses.get(both, "regression")
    assert (type(both.sigma), type(both.bins)) == (float, int)


def test_grid_is_even_on_the_scale_of_each_knob():
    space = LossSpace(
        {
            "brier": {},
            "focal": {"gamma": (0.25, 4.0, "log")},
            "tversky": {"alpha": (0.1, 0.9, "linear"), "beta": (0.2, 0.4, "linear")},
        },
        prefix="net__loss",
    )
    brier, focal, tversky = space.grid(n=5)
    assert brier == {"net__loss": ["brier"]}
    assert focal == {
        "net__loss": ["focal"],
        "net__loss__gamma": pytest.approx([0.25, 0.5, 1.0, 2.0, 4.0]),
    }
    assert tversky["net__loss__alpha"] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert tversky["net__loss__beta"] == pytest.approx([0.2, 0.25, 0.3, 0.35, 0.4])
    assert space.grid(n=1)[1]["net__loss__gamma"] == pytest.approx([1.0])
    assert space.grid(n=1)[2]["net__loss__alpha"] == pytest.approx([0.5])
    ends = space.grid(n=7)[1]["net__loss__gamma"]
    assert (ends[0], ends[-1]) == (0.25, 4.0)
    with pytest.raises(ValueError, match="n=0"):
        space.grid(n=0)


def test_grid_search_takes_the_grid():
    X, y = load_iris(return_X_y=True)
    net = LossAwareClassifier(network=(4,), epochs=1, random_state=0)
    pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
    space = loss_space(y, include=["brier", "focal"], prefix="net__loss")
    search = GridSearchCV(pipe, space.grid(n=2), cv=2, refit=False).fit(X, y)
    assert [p["net__loss"] for p in search.cv_results_["params"]] == [
        "brier",
        "focal",
        "focal",
    ]
    tried = search.cv_results_["param_net__loss__gamma"].compressed()
    assert tried.tolist() == [0.25, 5.0]
    pipe.set_params(**search.cv_results_["params"][2])
    assert pipe["net"].loss == Focal(gamma=5.0)
