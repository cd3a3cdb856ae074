"""What cannot be is refused before training; what fails costs its own cell only."""

import warnings

import numpy as np
import pytest
from searches import assert_same, both, equal_bits, unequal
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import _population, trace_count
from skloss.exceptions import NotFusibleError
from skloss.model_selection import FusedGridSearchCV, FusedRandomizedSearchCV

N = 93
rng = np.random.RandomState(0)
X = rng.randn(N, 4)
signal = X[:, 0] - X[:, 1] ** 2 + 0.5 * rng.randn(N)
y = (signal > np.median(signal)).astype(int)
CV = KFold(3, shuffle=True, random_state=1)


def net(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 4, "random_state": 0}
    return LossAwareClassifier(**common | params)


def regressor(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 4, "random_state": 0}
    return LossAwareRegressor(**common | params)


# -- before training ---------------------------------------------------------------

IMPOSSIBLE = {
    "unknown loss": ({"loss": ["brier", "focall"]}, "'focall'.*Did you mean 'focal'"),
    "unknown name": ({"learning_rte": [0.1]}, "learning_rte.*learning_rate"),
    "schedule": ({"lr_schedule": ["cosin"]}, "cosin.*cosine"),
    "loss of the other family": (
        {"loss": ["huber"]},
        "Huber.*Use one of 'absolute_error'",
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
@pytest.mark.parametrize("cls", [FusedGridSearchCV, FusedRandomizedSearchCV])
def test_a_name_that_no_candidate_can_have_is_named_before_training(cls, name):
    grid, says = IMPOSSIBLE[name]
    more = {"n_iter": 2, "random_state": 0} if cls is FusedRandomizedSearchCV else {}
    if cls is FusedRandomizedSearchCV:
        grid = {key: values[-1:] for key, values in grid.items()}
        more["n_iter"] = 1
    before = trace_count()
    # a structure that no other test has traced
    search = cls(net(network=(3, 3)), grid, cv=CV, **more)
    with pytest.raises((ValueError, TypeError), match=f"(?s)Candidate .*{says}"):
        search.fit(X, y)
    assert trace_count() == before
    assert not hasattr(search, "cv_results_")


class NotANet(LogisticRegression):
    pass


def scikeras_classifier():
    from scikeras.wrappers import KerasClassifier

    return KerasClassifier(model=None)


UNFUSIBLE = {
    "LogisticRegression": LogisticRegression,
    "scikeras": scikeras_classifier,
    "a Pipeline that ends elsewhere": lambda: make_pipeline(
        StandardScaler(), LogisticRegression()
    ),
    "a net before the end": lambda: Pipeline([("a", net()), ("b", StandardScaler())]),
}


@pytest.mark.parametrize("name", UNFUSIBLE)
def test_what_cannot_be_fused_is_refused(name):
    search = FusedGridSearchCV(UNFUSIBLE[name](), {})
    with pytest.raises(NotFusibleError, match="GridSearchCV"):
        search.fit(X, y)


def test_a_grid_that_replaces_the_net_is_refused():
    pipe = Pipeline([("scale", StandardScaler()), ("net", net())])
    grid = {"net": [net(), LogisticRegression()]}
    with pytest.raises(NotFusibleError, match=r"LogisticRegression.*GridSearchCV"):
        FusedGridSearchCV(pipe, grid).fit(X, y)


def test_arguments_are_judged_as_scikit_learn_does():
    for wrong in ({"error_score": "ignore"}, {"cv": "five"}, {"scoring": "nothing"}):
        with pytest.raises(ValueError, match=r"parameter of FusedGridSearchCV|nothing"):
            FusedGridSearchCV(net(), {}, **wrong).fit(X, y)
    with pytest.raises(ValueError, match="multi-metric"):
        FusedGridSearchCV(net(), {}, scoring=["accuracy", "f1"]).fit(X, y)


@pytest.mark.parametrize("cls", [FusedGridSearchCV, GridSearchCV])
def test_refit_names_a_metric_that_a_callable_does_not_give(cls):
    def scoring(estimator, X, y):
        return {"accuracy": estimator.score(X, y)}

    search = cls(net(), {"l2": [0.0, 0.1]}, scoring=scoring, refit="f1", cv=CV)
    with pytest.raises(ValueError, match="refit"):
        search.fit(X, y)


# -- a cell that fails -------------------------------------------------------------


@pytest.mark.slow
def test_a_network_that_diverges_costs_its_own_scores_only():
    rates = [0.003, 1e30, 0.03, 0.01]
    arguments = {"cv": CV, "scoring": "neg_log_loss", "error_score": -7.0}
    estimator = net(loss="exponential", dropout=0.2, optimizer="sgd")
    search = FusedGridSearchCV(estimator, {"learning_rate": rates}, **arguments)
    with pytest.warns(FitFailedWarning, match="(?s)3 fits failed.*Training diverged"):
        results = search.fit(X, y).cv_results_
    bad = 1
    assert [results[f"split{i}_test_score"][bad] for i in range(3)] == [-7.0] * 3
    assert results["mean_test_score"][bad] == -7.0
    assert results["rank_test_score"][bad] == 4
    assert "diverged in epoch" in results["outcome"][bad]
    assert results["epochs_run"][bad] < 4
    fine = np.delete(np.arange(4), bad)
    assert set(results["outcome"][fine]) == {"finished"}
    # in a population of the same size, so that the same program runs
    grid = {"learning_rate": [0.003, 0.02, 0.03, 0.01]}
    same = FusedGridSearchCV(estimator, grid, **arguments).fit(X, y).cv_results_
    for i in range(3):
        key = f"split{i}_test_score"
        assert equal_bits(results[key][fine], same[key][fine])


def test_a_rate_at_which_all_diverge_is_reported_as_scikit_learn_reports_it():
    grid = {"learning_rate": [1e30]}
    estimator = net(loss="exponential", optimizer="sgd")
    with pytest.raises(ValueError, match=r"(?s)All the 3 fits failed.*Lower"):
        FusedGridSearchCV(estimator, grid, cv=CV).fit(X, y)


def test_error_score_raise():
    grid = {"learning_rate": [0.01, 1e30]}
    estimator = net(loss="exponential", optimizer="sgd")
    with pytest.raises(ValueError, match=r"(?s)diverged.*Lower learning_rate=1e\+30"):
        FusedGridSearchCV(estimator, grid, cv=CV, error_score="raise").fit(X, y)
    search = FusedGridSearchCV(
        regressor(), {"loss": ["gamma", "huber"]}, cv=CV, error_score="raise"
    )
    with pytest.raises(ValueError, match=r"Gamma.*y > 0"):
        search.fit(X, signal)


@pytest.mark.slow
def test_a_loss_whose_targets_do_not_fit_scores_error_score():
    negative = signal - signal.min() + 0.5
    negative[CV_FOLD_0_ONLY] = -1.0  # in the training rows of folds 1 and 2
    grid = {"loss": ["gamma", "huber"]}
    arguments = {"cv": CV, "scoring": "neg_mean_absolute_error", "error_score": -99.0}
    with pytest.warns(FitFailedWarning, match="(?s)2 fits failed.*y > 0"):
        fused, plain = both(regressor(), grid, X, negative, **arguments)
    assert_same(fused, plain)
    assert fused.cv_results_["split1_test_score"][0] == -99.0
    assert fused.cv_results_["split0_test_score"][0] > -99.0
    assert "y > 0" in fused.cv_results_["outcome"][0]
    assert fused.cv_results_["outcome"][1] == "finished"


CV_FOLD_0_ONLY = next(CV.split(X))[1][:1]


# -- a scorer that fails -----------------------------------------------------------


def test_a_probability_scorer_costs_a_margin_loss_that_cell_only():
    grid = {"loss": ["cross_entropy", "hinge"]}
    metrics = ["neg_log_loss", "roc_auc", "accuracy"]
    search = FusedGridSearchCV(net(), grid, cv=CV, scoring=metrics, refit="roc_auc")
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.warns(UserWarning, match="(?s)Scoring failed.*loss='hinge'"),
    ):
        results = search.fit(X, y).cv_results_
    assert np.isnan(results["split0_test_neg_log_loss"][1])
    assert np.isnan(results["mean_test_neg_log_loss"][1])
    assert results["rank_test_neg_log_loss"].tolist() == [1, 2]
    rest = FusedGridSearchCV(net(), grid, cv=CV, scoring=metrics[1:], refit="roc_auc")
    expected = rest.fit(X, y).cv_results_
    for key in expected:
        if key.endswith(("_roc_auc", "_accuracy")):
            assert equal_bits(results[key], expected[key]), key
    assert results["mean_test_neg_log_loss"][0] < 0


def test_a_probability_scorer_alone_fails_as_in_scikit_learn():
    grid = {"loss": ["cross_entropy", "hinge"]}
    with pytest.warns(UserWarning, match="Scoring failed|non-finite") as caught:
        fused, plain = both(net(), grid, X, y, cv=CV, scoring="neg_log_loss")
    failed = [w for w in caught if "Scoring failed" in str(w.message)]
    assert len(failed) == 6
    assert len([w for w in caught if "non-finite" in str(w.message)]) == 2
    assert_same(fused, plain)


def fails_on_small_folds(y_true, y_pred):
    if len(y_true) != 31 or y_true[0] == first_of_fold_1:
        raise RuntimeError("no score today")
    return accuracy_score(y_true, y_pred)


first_of_fold_1 = 5
FAILING = make_scorer(fails_on_small_folds)
SCORERS = {
    "one": FAILING,
    "several": {"own": FAILING, "auc": "roc_auc"},
    "callable": lambda e, X, y: FAILING(e, X, y),
}


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_that_raises_is_reported_as_scikit_learn_reports_it(name):
    labels = y.copy()
    rows = list(CV.split(X))[1][1]
    labels[labels == 1] = 5
    labels[rows[0]] = 5
    for _, test in (list(CV.split(X))[i] for i in (0, 2)):
        labels[test[0]] = 0
    found = []
    arguments = {"cv": CV, "scoring": SCORERS[name], "refit": False}
    for cls in (FusedGridSearchCV, GridSearchCV):
        search = cls(net(), {"l2": [0.0, 0.1]}, error_score=-3.0, **arguments)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # a fused search does not warn of each of its trainings
            warnings.simplefilter("ignore", ConvergenceWarning)
            search.fit(X, labels)
        found.append((search, sorted(str(w.message)[:110] for w in caught)))
    (fused, ours), (plain, theirs) = found
    assert ours == theirs
    assert any("no score today" in text or "Scoring failed" in text for text in ours)
    assert_same(fused, plain, within=1.001 / 31)
    raising = FusedGridSearchCV(net(), {"l2": [0.0]}, error_score="raise", **arguments)
    with pytest.raises((RuntimeError, ValueError), match="no score today"):
        raising.fit(X, labels)


# -- an interruption ---------------------------------------------------------------


@pytest.mark.slow
def test_ctrl_c_keeps_the_candidates_that_are_complete(monkeypatch):
    grid = {"network": [(3,), (4,), (5,)], "l2": [0.0, 0.1]}
    whole = FusedGridSearchCV(net(), grid, cv=CV).fit(X, y)
    advance, calls = _population.Pool.advance, []

    def interrupted(self, *args, **limits):
        calls.append(self)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return advance(self, *args, **limits)

    monkeypatch.setattr(_population.Pool, "advance", interrupted)
    search = FusedGridSearchCV(net(), grid, cv=CV)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    done = search.cv_results_["params"]
    assert 0 < len(done) < 6
    rows = [whole.cv_results_["params"].index(params) for params in done]
    for key in ("split0_test_score", "mean_test_score", "std_test_score"):
        kept = whole.cv_results_[key][rows]
        assert equal_bits(search.cv_results_[key], kept), key
    assert search.best_params_ in done
    assert not hasattr(search, "best_estimator_")


def test_ctrl_c_before_anything_is_complete(monkeypatch):
    def interrupted(self, *args, **limits):
        raise KeyboardInterrupt

    monkeypatch.setattr(_population.Pool, "advance", interrupted)
    search = FusedGridSearchCV(net(), {"l2": [0.0, 0.1]}, cv=CV)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")


def test_a_second_fit_is_as_good_as_the_first():
    grid = {"l2": [0.0, 0.1]}
    search = FusedGridSearchCV(net(), grid, cv=CV).fit(X, y)
    first = search.cv_results_
    assert unequal(search.fit(X, y).cv_results_, first) == set()
