"""A candidate that cannot be scores error_score; a name that cannot be ends all."""

import keras
import numpy as np
import pytest
from canonical import NET, X, y_binary, y_number
from searches import assert_same, both
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import trace_count
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedOptunaSearchCV,
    SuccessiveHalving,
    fused_cross_validate,
)

SHORT = NET | {"epochs": 2}
net = LossAwareClassifier(**SHORT)


def body():
    return keras.Sequential([keras.layers.Dense(8, activation="relu")])


def no_body():
    raise RuntimeError("no body today")


def changing():
    made.append(None)
    return keras.Sequential([keras.layers.Dense(4 + len(made) % 2)])


made = []
FAILS_IN_FIT = {  # which scikit-learn's search survives too
    "a number": ({"learning_rate": [0.01, -1.0]}, r"learning_rate=-1.0 must be in"),
    "a kind of number": ({"epochs": [2, 2.5]}, r"epochs=2.5 must be an integer"),
    "a text for a number": ({"epochs": [2, "ten"]}, r"epochs='ten' must be an"),
    "a knob": ({"loss": ["cross_entropy", "focal:gamma=-1"]}, "gamma=-1 must be in"),
    "a body's dropout": (
        [{"l2": [0.0]}, {"network": [body], "dropout": [0.2]}],
        "dropout=0.2 has no place in",
    ),
    "a body that fails": ({"network": [(8,), no_body]}, "no body today"),
    "a seed": ({"random_state": [0, "x"]}, "'x' cannot be used to seed"),
}


@pytest.mark.parametrize("name", FAILS_IN_FIT)
def test_a_candidate_that_cannot_be_costs_its_own_scores(name):
    grid, says = FAILS_IN_FIT[name]
    with pytest.warns(FitFailedWarning, match=f"(?s)3 fits failed.*{says}") as caught:
        fused, plain = both(net, grid, X, y_binary, cv=3, error_score=-7.0)
    assert_same(fused, plain, within=1.001 / 31)
    results = fused.cv_results_
    assert results["mean_test_score"][1] == -7.0
    assert results["outcome"].tolist() == ["finished", results["outcome"][1]]
    assert results["outcome"][1].startswith("not trained: ")
    ours = next(w for w in caught if issubclass(w.category, FitFailedWarning))
    assert str(ours.message).endswith(f"Candidates: {results['params'][1]!r}.\n")
    raising = FusedGridSearchCV(net, grid, cv=3, error_score="raise")
    before = trace_count()
    with pytest.raises((ValueError, TypeError, RuntimeError), match=says):
        raising.fit(X, y_binary)
    assert trace_count() == before


FAILS_AT_ONCE = {  # where scikit-learn's search ends: set_params raises
    "an optimizer's number": (
        {"optimizer__beta_1": [0.9, 1.5]},
        "beta_1=1.5 must be a number >= 0 and < 1",
    ),
    "another loss's knob": (
        {"loss": ["focal", "brier"], "loss__gamma": [1.0]},
        r"Invalid parameter 'gamma' for Brier\(\)",
    ),
    "a step that is left out": (
        {
            "standardscaler": [StandardScaler(), "passthrough"],
            "standardscaler__with_std": [False],
        },
        "no attribute 'set_params'",
    ),
}


@pytest.mark.parametrize("name", FAILS_AT_ONCE)
def test_parameters_that_do_not_go_together_cost_their_own_scores(name):
    grid, says = FAILS_AT_ONCE[name]
    stepped = any("scaler" in key for key in grid)
    estimator = make_pipeline(StandardScaler(), net) if stepped else net
    search = FusedGridSearchCV(estimator, grid, cv=3)
    with (
        pytest.warns(FitFailedWarning, match=f"(?s)3 fits failed out of .*6.*{says}"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        results = search.fit(X, y_binary).cv_results_
    first = {key: [value] for key, value in results["params"][0].items()}
    alone = GridSearchCV(estimator, first, cv=3).fit(X, y_binary)
    expected = alone.cv_results_["mean_test_score"][0]
    np.testing.assert_allclose(results["mean_test_score"], [expected, np.nan])
    assert search.best_index_ == 0


NAMES = {
    "of a parameter": ({"learning_rte": [0.1]}, "learning_rte.*learning_rate"),
    "of one beside others": (
        [{"l2": [0.0]}, {"learning_rte": [0.1]}],
        "learning_rte.*learning_rate",
    ),
    "of a knob that no loss has": (
        {"loss": ["focal", "brier"], "loss__gama": [1.0]},
        "Invalid parameter 'gama'",
    ),
    "of a knob in a text": ({"loss": ["brier", "focal:gama=1"]}, "Did you.*'gamma'"),
    "of an activation": (
        {"network__activation": ["relu", "rellu"]},
        "'rellu' is not one that Keras",
    ),
    "of a choice": ({"dtype": ["auto", "flot32"]}, "'flot32' must be one of 'auto'"),
    "of an optimizer": ({"optimizer": ["adam", "adamm"]}, "'adamm'. Did.*'adam'"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_candidate_can_have_ends_the_search_before_it_trains(name):
    grid, says = NAMES[name]
    before = trace_count()
    search = FusedGridSearchCV(net, grid, cv=3)
    with pytest.raises(ValueError, match=f"(?s)Candidate .*{says}"):
        search.fit(X, y_binary)
    assert trace_count() == before


def test_a_body_that_is_another_each_time_costs_its_own_scores():
    grid = {"network": [(8,), changing]}
    search = FusedGridSearchCV(net, grid, cv=3, error_score=-7.0)
    says = "(?s)3 fits failed.*may depend on its arguments only.*Candidates: .*changing"
    with pytest.warns(FitFailedWarning, match=says):
        search.fit(X, y_binary)
    assert search.cv_results_["mean_test_score"][1] == -7.0
    assert search.best_params_ == {"network": (8,)}
    with pytest.raises(TypeError, match="may depend on its arguments only"):
        FusedGridSearchCV(net, grid, cv=3, error_score="raise").fit(X, y_binary)


def test_where_all_candidates_fail_it_says_so_as_scikit_learn_does():
    grid = {"learning_rate": [-1.0, -2.0]}
    for cls in (FusedGridSearchCV, GridSearchCV):
        with pytest.raises(ValueError, match=r"(?s)All the 6 fits failed.*-2.0 must"):
            cls(net, grid, cv=3).fit(X, y_binary)
    estimator = LossAwareClassifier(**SHORT | {"learning_rate": -1.0})
    with pytest.raises(ValueError, match=r"(?s)All the 3 fits failed.*-1.0 must"):
        fused_cross_validate(estimator, X, y_binary, cv=3)


def test_one_warning_counts_the_candidates_that_fail_alike():
    grid = {"loss": ["gamma"], "l2": np.arange(7) / 100}
    search = FusedGridSearchCV(
        LossAwareRegressor(**SHORT), [grid, {"l2": [0.0]}], cv=3, refit=False
    )
    says = (
        r"(?s)14 fits failed with.*Candidates: (\{'l2'[^}]*\}, ){4}[^}]*\} and 2 more"
    )
    with (
        pytest.warns(FitFailedWarning, match=says),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(X, y_number)


def test_candidates_that_fail_are_not_pruned():
    pruner = SuccessiveHalving(1)
    search = FusedGridSearchCV(
        net, {"learning_rate": [0.01, -1.0]}, cv=3, pruner=pruner, error_score=-1.0
    )
    with pytest.warns(FitFailedWarning):
        search.fit(X, y_binary)
    assert search.best_params_ == {"learning_rate": 0.01}
    assert search.cv_results_["mean_test_score"][1] == -1.0


def test_a_study_goes_on_after_a_trial_that_cannot_be():
    space = {"loss": ["focal", "brier"], "loss__gamma": [1.0]}
    search = FusedOptunaSearchCV(
        net, space, n_trials=4, batch_size=1, cv=3, random_state=0, error_score=-1.0
    )
    with pytest.warns(FitFailedWarning):
        search.fit(X, y_binary)
    scores = dict.fromkeys(("focal", "brier"))
    for trial, score in zip(
        search.study_.trials, search.cv_results_["mean_test_score"], strict=True
    ):
        scores[trial.params["loss"]] = score
    assert scores["brier"] == -1.0 < scores["focal"]
    assert search.best_params_["loss"] == "focal"
