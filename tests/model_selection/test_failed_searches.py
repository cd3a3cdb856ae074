"""A search that fails, wherever it does, leaves the earlier one exactly as it was."""

import pickle

import numpy as np
import optuna
import pytest
from canonical import NET, X, y_binary, y_number
from fitted_facts import changed
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, FusedOptunaSearchCV

SHORT = NET | {"epochs": 2}
RATES = {"learning_rate": [0.003, 0.03]}
NAN = np.where(np.arange(X.size).reshape(X.shape) == 5, np.nan, X)
MARK = 1e9  # what the step of the Pipeline refuses, where it sees all rows


def refuse_all(X):
    """Return X, or raise where it has all rows and is marked: at the refit."""
    if len(X) == 93 and X[0, 0] == MARK:
        raise RuntimeError("no refit")
    return np.where(X == MARK, 0.0, X)


def interrupt_at_refit(X):
    """Return X, or interrupt where it has all rows."""
    if len(X) == 93:
        raise KeyboardInterrupt
    return X


def raising_scorer(estimator, X, y):
    raise RuntimeError("no score")


def interrupted_scorer(estimator, X, y):
    raise KeyboardInterrupt


def raising_space(trial):
    raise RuntimeError("no trial")


def marked(X):
    X = X.copy()
    X[0, 0] = MARK
    return X


def grid(**params):
    net = LossAwareClassifier(**SHORT)
    return FusedGridSearchCV(net, RATES, cv=2, **params)


def grid_of_pipelines():
    steps = [("step", FunctionTransformer(refuse_all)), ("net", grid().estimator)]
    space = {"net__learning_rate": RATES["learning_rate"]}
    return FusedGridSearchCV(Pipeline(steps), space, cv=2, error_score="raise")


def trials():
    space = {"learning_rate": [0.003, 0.03]}
    net = LossAwareClassifier(**SHORT)
    return FusedOptunaSearchCV(net, space, cv=2, n_trials=2, random_state=0)


SEARCHES = {"grid": grid, "pipelines": grid_of_pipelines, "trials": trials}
FAILS = {  # name: which search, parameters set since, arguments of fit, error
    "unknown name": ("grid", {"param_grid": {"learning_rte": [1]}}, {}, ValueError),
    "unknown loss": ("grid", {"param_grid": {"loss": ["focall"]}}, {}, ValueError),
    "wrong number": ("grid", {"estimator__epochs": 0}, {}, ValueError),
    "shapes": ("grid", {}, {"y": y_binary[:50]}, ValueError),
    "every fit": ("grid", {}, {"X": np.full(X.shape, np.nan)}, ValueError),
    "a fit": ("grid", {"error_score": "raise"}, {"X": NAN}, ValueError),
    "labels": ("grid", {"error_score": "raise"}, {"y": y_number}, ValueError),
    "columns": (
        "grid",
        {"error_score": "raise"},
        {"X": X[:, :2], "sample_weight": np.zeros(93)},
        ValueError,
    ),
    "folds": ("grid", {"cv": 94}, {}, ValueError),
    "scorer's name": ("grid", {"scoring": "acuracy"}, {}, ValueError),
    "scorer": (
        "grid",
        {"scoring": raising_scorer, "error_score": "raise"},
        {},
        RuntimeError,
    ),
    "interrupt": ("grid", {"scoring": interrupted_scorer}, {}, KeyboardInterrupt),
    "metric of refit": (
        "grid",
        {"scoring": ["accuracy", "f1"], "refit": "recall"},
        {},
        ValueError,
    ),
    "refit": ("pipelines", {}, {"X": marked(X)}, RuntimeError),
    "space": ("trials", {"param_distributions": raising_space}, {}, RuntimeError),
    "trials": ("trials", {"n_trials": 0}, {}, ValueError),
    "timeout": ("trials", {"timeout": 0}, {}, ValueError),
    "trial's fit": ("trials", {"error_score": "raise"}, {"X": NAN}, ValueError),
}


@pytest.fixture(scope="module")
def pickled():
    """Return each fitted search, pickled, by name."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    searches = {name: make().fit(X, y_binary) for name, make in SEARCHES.items()}
    return {name: pickle.dumps(search) for name, search in searches.items()}


def facts_of(search):
    """Return the pickles of a search's fitted attributes and predictions."""
    check_is_fitted(search)
    facts = {name: value for name, value in vars(search).items() if name[-1] == "_"}
    facts["predict_proba"] = search.predict_proba(X)
    return {name: pickle.dumps(value) for name, value in facts.items()}


@pytest.mark.parametrize("name", FAILS)
def test_a_failed_search_changes_nothing(pickled, name):
    which, params, given, error = FAILS[name]
    search = pickle.loads(pickled[which])
    search.set_params(**params)  # which scorer_ sees too: it holds the estimator
    before, names = facts_of(search), set(vars(search))
    with pytest.raises(error):
        search.fit(**{"X": X, "y": y_binary, **given})
    assert set(vars(search)) == names
    assert not changed(before, facts_of(search))


@pytest.mark.parametrize("name", FAILS)
def test_a_search_that_never_succeeded_stays_unfitted(name):
    which, params, given, error = FAILS[name]
    search = clone(SEARCHES[which]()).set_params(**params)
    names = set(vars(search))
    with pytest.raises(error):
        search.fit(**{"X": X, "y": y_binary, **given})
    assert set(vars(search)) == names


def interrupting_scorer(calls):
    """Return a scorer that is interrupted after so many calls."""
    left = iter(range(calls))

    def score(estimator, X, y):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return estimator.score(X, y)

    return score


TWO_RUNS = {  # what trains the second candidate after the first
    "grid": {"param_grid": {"epochs": [1, 2]}},
    "pipelines": {"param_grid": {"net__epochs": [1, 2]}},
    "trials": {"batch_size": 1},
}


@pytest.mark.parametrize("name", SEARCHES)
def test_an_interrupted_search_becomes_all_new(pickled, name):
    """Nothing of the earlier search stays beside the results of what is finished."""
    search = pickle.loads(pickled[name])
    earlier = {key for key in vars(search) if key.endswith("_")}
    search.set_params(scoring=interrupting_scorer(2), **TWO_RUNS[name])
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y_binary)
    results = search.cv_results_
    (params,) = results["params"]
    assert search.best_params_ == params
    alone = clone(search.estimator).set_params(**params)
    scores = [results[f"split{i}_test_score"][0] for i in range(2)]
    np.testing.assert_allclose(scores, cross_val_score(alone, X, y_binary, cv=2))
    assert search.best_score_ == np.mean(scores)
    assert search.scorer_ is search.scoring
    assert earlier - set(vars(search)) == {"best_estimator_", "refit_time_"}
    for member in search.fold_ensemble_.estimators:
        assert member.get_params().items() >= params.items()


def test_an_interrupted_refit_keeps_the_results(pickled):
    search = pickle.loads(pickled["pipelines"])
    results, earlier = search.cv_results_, set(vars(search))
    search.set_params(estimator__step__func=interrupt_at_refit)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y_binary)
    assert search.cv_results_ is not results
    assert search.cv_results_["params"] == results["params"]
    for fold in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(search.cv_results_[fold], results[fold])
    assert earlier - set(vars(search)) == {"best_estimator_", "refit_time_"}
