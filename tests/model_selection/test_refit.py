"""The winner of a fused search, and the search as an estimator of its own."""

import pickle
from functools import cache

import numpy as np
import pytest
from searches import equal_bits, unequal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedRandomizedSearchCV,
    SuccessiveHalving,
)
from skloss.schedules import ReduceLROnPlateau

N = 93
rng = np.random.RandomState(0)
X = rng.randn(N, 4)
signal = X[:, 0] - X[:, 1] ** 2 + 0.5 * rng.randn(N)
y = np.where(signal > np.median(signal), "yes", "no")
weight = rng.uniform(0.1, 3, N)
CV = KFold(3, shuffle=True, random_state=1)
RATES = {"learning_rate": [0.003, 0.03]}
SCHEDULED = {"early_stopping": True, "lr_schedule": "cosine", "epochs": 30}


def net(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 6, "random_state": 0}
    return LossAwareClassifier(**common | {"dropout": 0.1} | params)


def stopping(**params):
    common = {"patience": 4, "validation_fraction": 0.25, "dropout": 0.0}
    return net(**SCHEDULED | common | params)


def pipeline(estimator):
    return Pipeline([("scale", StandardScaler()), ("net", estimator)])


def test_the_winner_is_a_plain_fit_bit_for_bit():
    search = FusedGridSearchCV(net(), RATES, cv=CV).fit(X, y)
    plain = net(**search.best_params_).fit(X, y)
    assert equal_bits(search.predict_proba(X), plain.predict_proba(X))
    assert search.best_estimator_.history_ == plain.history_
    grid = {"net__learning_rate": [0.003, 0.03], "scale__with_mean": [True, False]}
    fit = {"net__sample_weight": weight}
    search = FusedGridSearchCV(pipeline(net()), grid, cv=CV).fit(X, y, **fit)
    plain = pipeline(net()).set_params(**search.best_params_).fit(X, y, **fit)
    assert equal_bits(search.predict_proba(X), plain.predict_proba(X))
    assert search.refit_time_ > 0


def best_epoch_of_mean(estimator, X, y, name):
    """Return where the mean of the folds' validation curves is lowest, from 1."""
    found = cross_validate(estimator, X, y, cv=CV, return_estimator=True)
    nets = [e[-1] if isinstance(e, Pipeline) else e for e in found["estimator"]]
    curves = [one.history_[f"val_{name}"] for one in nets]
    assert len({len(curve) for curve in curves}) > 1  # each fold stopped at its own
    longest = max(len(curve) for curve in curves)
    total = np.zeros(longest)
    for curve in curves:
        for i in range(longest):
            total[i] += curve[min(i, len(curve) - 1)]
    return int(total.argmin()) + 1, longest


CASES = {
    "classifier": (stopping(), {"learning_rate": [0.3]}, "log_loss"),
    "pipeline": (pipeline(stopping()), {"net__learning_rate": [0.3]}, "log_loss"),
}


@cache
def search_of(case):
    """Return the search of a case, for tests that only look at it."""
    estimator, grid, _ = CASES[case]
    return FusedGridSearchCV(estimator, grid, cv=CV).fit(X, y)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.slow
def test_with_early_stopping_the_folds_say_for_how_long(case):
    estimator, _, name = CASES[case]
    search = search_of(case)
    best = clone(estimator).set_params(**search.best_params_)
    expected, longest = best_epoch_of_mean(best, X, y, name)
    assert 1 < expected < longest  # else this shows little
    winner = search.best_estimator_
    own = winner[-1] if isinstance(winner, Pipeline) else winner
    assert own.n_epochs_ == expected
    # no rows are set aside any more
    assert "val_loss" not in own.history_
    assert own.get_params()["early_stopping"] is True
    assert own.get_params() == (best[-1] if case == "pipeline" else best).get_params()


def test_the_schedule_of_the_refit_reckons_with_the_epochs_as_given():
    rates = search_of("classifier").best_estimator_.history_["learning_rate"]
    assert len(rates) < 30
    steps = 3  # of an epoch: 93 rows in batches of 32
    # cosine from 0.3 to 0 over 30 epochs, at the first step of each
    expected = 0.3 * (1 + np.cos(np.pi * steps * np.arange(len(rates)) / 90)) / 2
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_the_refit_with_early_stopping_is_a_fit_that_ends_sooner():
    search = FusedGridSearchCV(
        stopping(lr_schedule=None), {"learning_rate": [0.1]}, cv=CV
    ).fit(X, y)
    best = search.best_estimator_
    plain = stopping(
        lr_schedule=None,
        early_stopping=False,
        epochs=best.n_epochs_,
        **search.best_params_,
    ).fit(X, y)
    np.testing.assert_allclose(
        best.predict_proba(X), plain.predict_proba(X), rtol=0, atol=1e-6
    )


def test_a_regressor_with_early_stopping():
    estimator = LossAwareRegressor(
        network=(8,), batch_size=32, random_state=0, epochs=30
    )
    estimator.set_params(early_stopping=True, patience=3, validation_fraction=0.25)
    search = FusedGridSearchCV(estimator, {"learning_rate": [0.1]}, cv=CV)
    search.fit(X, 100 * signal)
    best = clone(estimator).set_params(**search.best_params_)
    expected, _ = best_epoch_of_mean(best, X, 100 * signal, "mean_absolute_error")
    assert search.best_estimator_.n_epochs_ == expected


@pytest.mark.slow
def test_a_plateau_schedule_keeps_its_validation_rows():
    schedule = ReduceLROnPlateau(patience=1)
    estimator = stopping(lr_schedule=schedule)
    search = FusedGridSearchCV(estimator, RATES, cv=CV).fit(X, y)
    plain = clone(estimator).set_params(**search.best_params_).fit(X, y)
    assert search.best_estimator_.history_ == plain.history_


@pytest.mark.slow
def test_what_the_search_offers_is_what_its_winner_offers():
    search = FusedGridSearchCV(net(), {"loss": ["cross_entropy", "brier"]}, cv=CV)
    search.fit(X, y)
    best = search.best_estimator_
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert equal_bits(getattr(search, name)(X), getattr(best, name)(X))
    assert search.score(X, y) == best.score(X, y)
    assert search.classes_.tolist() == ["no", "yes"]
    assert search.n_features_in_ == 4
    margins = FusedGridSearchCV(net(), {"loss": ["hinge"]}, cv=CV).fit(X, y)
    assert not hasattr(margins, "predict_proba")
    assert hasattr(margins, "decision_function")
    scored = FusedGridSearchCV(net(), RATES, scoring="neg_log_loss", cv=CV).fit(X, y)
    assert scored.score(X, y) < 0


def test_of_equal_candidates_the_first_wins_and_keeps_its_folds():
    grid = {"validation_fraction": [0.1, 0.2]}  # without effect
    search = FusedGridSearchCV(net(), grid, cv=CV).fit(X, y)
    assert np.ptp(search.cv_results_["mean_test_score"]) == 0
    assert search.best_index_ == 0
    members = search.fold_ensemble_.estimators
    assert {member.validation_fraction for member in members} == {0.1}


def no_score(estimator, X, y):
    return np.nan


def test_where_none_has_a_score_the_first_wins_and_keeps_its_folds():
    options = {"cv": CV, "scoring": no_score, "refit": False}
    both = [cls(net(), RATES, **options) for cls in (FusedGridSearchCV, GridSearchCV)]
    with pytest.warns(UserWarning, match="scores are non-finite"):
        fused, plain = (search.fit(X, y) for search in both)
    assert fused.best_index_ == plain.best_index_ == 0
    members = fused.fold_ensemble_.estimators
    assert {member.learning_rate for member in members} == {0.003}


def test_without_refit_nothing_is_predicted():
    search = FusedGridSearchCV(net(), RATES, cv=CV, refit=False).fit(X, y)
    assert search.best_params_ in search.cv_results_["params"]
    for name in ("best_estimator_", "refit_time_", "predict", "classes_"):
        assert not hasattr(search, name)


SEARCHES = [
    FusedGridSearchCV(net(), RATES, cv=CV),
    FusedRandomizedSearchCV(
        pipeline(net()), {"net__l2": [0.0, 0.1]}, n_iter=2, cv=CV, random_state=0
    ),
]


@pytest.mark.parametrize("search", SEARCHES)
def test_clone_and_pickle(search):
    fitted = clone(search).fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))
    assert equal_bits(copy.predict_proba(X), fitted.predict_proba(X))
    assert unequal(copy.cv_results_, fitted.cv_results_) == set()
    fresh = clone(fitted)
    assert not hasattr(fresh, "cv_results_")
    assert repr(fresh) == repr(clone(search))
    again = fresh.fit(X, y)
    assert unequal(again.cv_results_, fitted.cv_results_) == set()


@pytest.mark.parametrize("search", SEARCHES)
def test_display(search):
    fitted = clone(search).fit(X, y)
    for one in (clone(search), fitted):
        assert type(search).__name__ in repr(one)
        assert "LossAwareClassifier" in one._repr_html_()
        assert type(search).__name__ in one._repr_html_()


def test_kinds():
    grid, randomised = SEARCHES
    assert isinstance(grid, GridSearchCV)
    assert isinstance(randomised, RandomizedSearchCV)
    assert is_classifier(grid)
    assert is_regressor(FusedGridSearchCV(LossAwareRegressor(), {}))
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(grid)


def test_parameters_of_the_search():
    search = FusedGridSearchCV(net(), RATES, pruner=SuccessiveHalving(2, 3))
    params = search.get_params()
    assert params["pruner"].min_epochs == 2
    assert params["estimator__epochs"] == 6
    search.set_params(estimator__loss="focal", pruner=None)
    assert search.estimator.loss == "focal"
    theirs = set(GridSearchCV(net(), RATES).get_params())
    assert set(params) == theirs | {"pruner", "ensemble", "keep"}


def test_nested_cross_validation():
    search = FusedGridSearchCV(net(), RATES, cv=2)
    plain = GridSearchCV(net(), RATES, cv=2)
    ours, theirs = (cross_val_score(s, X, y, cv=CV) for s in (search, plain))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1.001 / 31)
