"""Searches over estimators of values: routed columns, whole episodes, one discount."""

import numpy as np
import optuna
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import FittedQRegressor, TDValueRegressor
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedOptunaSearchCV,
    TransitionScorer,
    fused_cross_validate,
)

pytestmark = pytest.mark.slow

NET = {
    "discount": 0.9,
    "network": (6,),
    "batch_size": 32,
    "epochs": 4,
    "learning_rate": 0.01,
    "target_update": 0.2,
    "random_state": 0,
}
CV = GroupKFold(3)


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def make_log(n_episodes=15, length=8):
    """Return the columns of a log: a walk about 100 that actions push."""
    rng, rows = np.random.default_rng(1), []
    for episode in range(n_episodes):
        state = 100 + 3 * rng.normal(size=2)
        for t in range(length):
            action = rng.integers(2)
            after = 100 + 0.9 * (state - 100) + rng.normal(size=2) + 2 * action - 1
            ends = t == length - 1 and episode % 2 == 0
            rows.append((state, -abs(after[0] - 100), after, ends, episode, action))
            state = after
    return [np.array(column) for column in zip(*rows, strict=True)]


X, Y, NEXT, ENDS, EPISODE, ACTION = make_log()
LOG = {"next_X": NEXT, "terminal": ENDS, "episode": EPISODE}
FULL = LOG | {"action": np.array(["left", "right"])[ACTION]}


def pipe(net):
    steps = [("scale", StandardScaler()), ("net", net)]
    return Pipeline(steps, transform_input=["next_X"])


def columns_for(estimator):
    net = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    return FULL if isinstance(net, FittedQRegressor) else LOG


def find(kind, estimator, space, **options):
    """Return a search that has been fitted."""
    options = {
        "cv": CV,
        "scoring": TransitionScorer(),
        "error_score": "raise",
        **options,
    }
    columns = dict(columns_for(estimator))
    if options["cv"] is CV:
        columns["groups"] = EPISODE
    return kind(estimator, space, **options).fit(X, Y, **columns)


def scores_of(search):
    return np.array([search.cv_results_[f"split{i}_test_score"] for i in range(3)])


CASES = {
    "losses and steps": (
        TDValueRegressor(**NET),
        {"net__loss": ["squared_error", "huber"], "net__n_steps": [1, 3]},
        TransitionScorer(),
    ),
    "discounts": (
        TDValueRegressor(**NET),
        {"net__discount": [0.5, 0.9]},
        TransitionScorer(discount=0.9),
    ),
    "backups": (
        FittedQRegressor(**NET),
        {"net__backup": ["max", "double", "expectile"]},
        TransitionScorer(),
    ),
    "other steps": (
        TDValueRegressor(**NET),
        {"scale": [StandardScaler(), StandardScaler(with_mean=False)]},
        TransitionScorer(),
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "discounts" else pytest.mark.slow)
        for name in CASES
    ],
)
def test_searches_of_pipelines_are_scikit_learns(name):
    net, space, scoring = CASES[name]
    ours = find(FusedGridSearchCV, pipe(net), space, scoring=scoring)
    theirs = find(GridSearchCV, pipe(net), space, scoring=scoring)
    np.testing.assert_allclose(scores_of(ours), scores_of(theirs), rtol=1e-4)
    assert len(set(ours.cv_results_["mean_test_score"])) > 1
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_a_score_is_that_of_a_network_on_scaled_tables():
    """By hand: what a fold's scaler does to X it does to next_X."""
    net = TDValueRegressor(**NET)
    found = find(FusedGridSearchCV, pipe(net), {"net__l2": [0.0]}, refit=False)
    expected = []
    for train, test in CV.split(X, groups=EPISODE):
        scale = StandardScaler().fit(X[train])
        own = {"terminal": ENDS[train], "episode": EPISODE[train]}
        own = clone(net).fit(
            scale.transform(X[train]),
            *(Y[train],),
            next_X=scale.transform(NEXT[train]),
            **own,
        )
        gap = Y[test] - own.predict(scale.transform(X[test]))
        later = own.predict(scale.transform(NEXT[test]))
        gap = gap + 0.9 * np.where(ENDS[test], 0, later)
        expected.append(-np.mean(gap**2))
    np.testing.assert_allclose(scores_of(found)[:, 0], expected, rtol=1e-4)


def test_all_are_judged_by_the_discount_of_the_scorer():
    net = TDValueRegressor(**NET)
    judged = find(
        FusedGridSearchCV, net, {"discount": [0.9]}, scoring=TransitionScorer(0.3)
    )
    net = clone(net).fit(X, Y, **LOG)
    assert TransitionScorer(0.3)(net, X, Y, **LOG) == net.score(
        X, Y, **LOG, discount=0.3
    )
    own = find(FusedGridSearchCV, net, {"discount": [0.9]})
    assert (scores_of(judged) != scores_of(own)).all()


@pytest.mark.parametrize("scoring", [None, TransitionScorer()])
def test_a_search_over_discounts_needs_one_to_judge_by(scoring):
    with pytest.raises(ValueError, match=r"discount=0.5.*TransitionScorer\(discount="):
        find(
            FusedGridSearchCV,
            TDValueRegressor(**NET),
            {"discount": [0.5, 0.9]},
            scoring=scoring,
        )


@pytest.mark.parametrize("kind", [TDValueRegressor, FittedQRegressor])
def test_episodes_that_are_cut_are_refused(kind):
    shuffled = list(KFold(3, shuffle=True, random_state=0).split(X))
    with pytest.raises(ValueError, match=r"Fold 0 has rows of .*cv=GroupKFold\(\)"):
        find(FusedGridSearchCV, kind(**NET), {"l2": [0.0]}, cv=shuffled)


def test_without_episodes_rows_are_split_as_one_likes():
    columns = {"next_X": NEXT, "terminal": ENDS}
    search = FusedGridSearchCV(
        TDValueRegressor(**NET), {"l2": [0.0]}, cv=3, scoring=TransitionScorer()
    ).fit(X, Y, **columns)
    assert np.isfinite(search.best_score_)


def test_a_pipelines_own_score_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="TransitionScorer"):
        find(
            FusedGridSearchCV,
            pipe(TDValueRegressor(**NET)),
            {"net__l2": [0.0]},
            scoring=None,
        )


def test_a_network_alone_is_searched_by_its_own_score():
    net = TDValueRegressor(**NET)
    ours = find(FusedGridSearchCV, net, {"l2": [0.0, 1.0]}, scoring=None)
    scored = find(FusedGridSearchCV, net, {"l2": [0.0, 1.0]})
    np.testing.assert_array_equal(scores_of(ours), scores_of(scored))


@pytest.mark.parametrize("net", [TDValueRegressor(**NET), FittedQRegressor(**NET)])
def test_optuna(net):
    space = {
        "net__discount": optuna.distributions.FloatDistribution(0.5, 0.95),
        "net__target_update": optuna.distributions.FloatDistribution(0.05, 1.0),
    }
    search = find(
        FusedOptunaSearchCV,
        pipe(net),
        space,
        scoring=TransitionScorer(0.9),
        n_trials=5,
        random_state=0,
    )
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert best.get_params()["net__discount"] == search.best_params_["net__discount"]
    assert search.predict(X).shape == (120,)


@pytest.mark.parametrize("net", [TDValueRegressor(**NET), FittedQRegressor(**NET)])
def test_cross_validation(net):
    columns = columns_for(net)
    options = {"cv": CV, "scoring": TransitionScorer()}
    params = {"groups": EPISODE, **columns}
    theirs = cross_validate(
        pipe(net), X, Y, params=params, error_score="raise", **options
    )
    ours = fused_cross_validate(pipe(net), X, Y, params=params, **options)
    np.testing.assert_allclose(ours["test_score"], theirs["test_score"], rtol=1e-4)


def test_what_follows_the_end_may_be_missing_in_a_pipeline():
    """Of terminal rows, in fit and in scores."""
    holes = LOG | {"next_X": np.where(ENDS[:, None], np.nan, NEXT)}
    net = pipe(TDValueRegressor(**NET))
    options = {"cv": CV, "scoring": TransitionScorer(), "error_score": "raise"}
    found, whole = (
        FusedGridSearchCV(net, {"net__l2": [0.0]}, **options).fit(
            X, Y, groups=EPISODE, **columns
        )
        for columns in (holes, LOG)
    )
    np.testing.assert_array_equal(scores_of(found), scores_of(whole))
    assert (found.predict(X) == whole.predict(X)).all()


def test_the_best_is_fitted_again_and_predicts():
    net = FittedQRegressor(**NET)
    search = find(FusedGridSearchCV, pipe(net), {"net__l2": [0.0]})
    scaled = StandardScaler().fit(X)
    columns = FULL | {"next_X": scaled.transform(NEXT)}
    expected = clone(net).fit(scaled.transform(X), Y, **columns)
    best = search.best_estimator_
    assert (search.predict(X) == expected.predict(scaled.transform(X))).all()
    chosen = best[-1].predict_action(best[:-1].transform(X))
    assert (chosen == expected.predict_action(scaled.transform(X))).all()
    assert set(chosen) <= {"left", "right"}


def test_values_of_folds_make_no_ensemble():
    for net in (TDValueRegressor(**NET), pipe(FittedQRegressor(**NET))):
        name = "net__l2" if isinstance(net, Pipeline) else "l2"
        search = find(FusedGridSearchCV, net, {name: [0.0]})
        with pytest.raises(AttributeError, match="no one mean"):
            _ = search.fold_ensemble_


def test_weights_reach_the_fit_where_they_are_asked_for():
    net, weight = TDValueRegressor(**NET), np.where(EPISODE < 12, 1.0, 0.0)
    asked = clone(net).set_fit_request(sample_weight=True)
    asked.set_score_request(sample_weight=False)
    options = {"cv": CV, "scoring": TransitionScorer(), "error_score": "raise"}
    found = FusedGridSearchCV(asked, {"l2": [0.0]}, **options)
    found.fit(X, Y, groups=EPISODE, sample_weight=weight, **LOG)
    expected = clone(net).fit(X, Y, weight, **LOG)
    assert (found.predict(X) == expected.predict(X)).all()


def test_a_scorer_says_what_it_does_not_take():
    net = TDValueRegressor(**NET).fit(X, Y, **LOG)
    with pytest.raises(TypeError, match="next_x"):
        TransitionScorer()(net, X, Y, next_x=NEXT)


def test_scorers_print_as_they_are_made():
    assert repr(TransitionScorer(0.5)) == "TransitionScorer(discount=0.5)"
    asked = TransitionScorer().get_metadata_routing().score.requests
    assert asked == dict.fromkeys(("action", "next_X", "terminal", "episode"), True)
