"""A network that cannot predict some rows costs that score, as in GridSearchCV."""

import keras
import numpy as np
import pytest
from canonical import NET, X, y_number
from keras import layers
from searches import assert_same, both
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import FusedGridSearchCV, SuccessiveHalving

SHORT = NET | {"epochs": 2}
CODES = (np.arange(93) % 5).astype(float)
CODES[0] = 5.0  # which no training row has
CV = [(np.arange(31, 93), np.arange(31)), (np.arange(1, 63), np.arange(63, 93))]
RATES = {"learning_rate": [0.01, 0.02]}


def embed(codes=5):
    number, code = layers.Input((1,)), layers.Input((1,), dtype="int32")
    joined = [number, layers.Flatten()(layers.Embedding(codes, 3)(code))]
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()(joined))
    return keras.Model([number, code], hidden)


@pytest.mark.parametrize("scoring", [None, ["r2", "neg_mean_absolute_error"]])
@pytest.mark.slow
def test_a_code_of_one_test_fold_costs_its_scores_only(scoring):
    net = LossAwareRegressor(**SHORT | {"network": embed})
    table = np.c_[X[:, 0], CODES]
    options = {"cv": CV, "scoring": scoring, "refit": False, "error_score": -9.0}
    says = r"(?s)Scoring failed.*is not in \[0, 5\)"
    with pytest.warns(UserWarning, match=says) as caught:
        fused, plain = both(
            net, RATES, table, y_number, return_train_score=True, **options
        )
    assert_same(fused, plain)
    name = "score" if scoring is None else "r2"
    assert fused.cv_results_[f"split0_test_{name}"].tolist() == [-9.0, -9.0]
    assert (fused.cv_results_[f"split0_train_{name}"] > -9.0).all()
    failed = [one for one in caught if "Scoring failed" in str(one.message)]
    assert len(failed) == 2 * len(np.atleast_1d(scoring)) * len(RATES["learning_rate"])
    options["error_score"] = "raise"
    for cls in (GridSearchCV, FusedGridSearchCV):
        with pytest.raises(Exception, match=r"is not in \[0, 5\)"):
            cls(net, RATES, **options).fit(table, y_number)


def test_of_networks_that_predict_together_one_alone_fails(monkeypatch):
    from skloss.model_selection import _scoring

    calls = []

    def too_large(*arguments):
        calls.append(arguments)
        raise MemoryError("all at once")

    search = FusedGridSearchCV(LossAwareRegressor(**SHORT), RATES, cv=3, refit=False)
    whole = search.fit(X, y_number).cv_results_["mean_test_score"]
    monkeypatch.setattr(_scoring, "predict_raw_stacked", too_large)
    alone = search.fit(X, y_number).cv_results_["mean_test_score"]
    assert len(calls) == 3
    np.testing.assert_allclose(alone, whole, rtol=1e-5)


@pytest.mark.slow
def test_a_step_that_refuses_test_rows_is_no_failed_fit():
    pipe = make_pipeline(
        OneHotEncoder(sparse_output=False), LossAwareRegressor(**SHORT)
    )
    grid = {"lossawareregressor__learning_rate": [0.01, 0.02]}
    only_first = {"cv": CV[:1], "refit": False, "return_train_score": True}
    with pytest.warns(UserWarning, match="unknown categories|non-finite"):
        fused, plain = both(pipe, grid, CODES[:, None], y_number, **only_first)
    assert_same(fused, plain)
    assert np.isfinite(fused.cv_results_["mean_train_score"]).all()
    assert fused.cv_results_["outcome"].tolist() == ["finished", "finished"]


def test_pruning_goes_on():
    net = LossAwareRegressor(**SHORT | {"network": embed})
    search = FusedGridSearchCV(
        net,
        RATES,
        cv=CV,
        refit=False,
        pruner=SuccessiveHalving(min_epochs=1),
    )
    with pytest.warns(UserWarning, match="Scoring failed|non-finite"):
        search.fit(np.c_[X[:, 0], CODES], y_number)
    assert np.isnan(search.cv_results_["split0_test_score"]).all()


def test_a_calibration_that_fails_is_a_failed_fit(monkeypatch):
    from skloss.estimators import _finish

    calibrate, calls = _finish.calibrate, []

    def failing(job, fitted):
        calls.append(job)
        if len(calls) == 1:
            raise RuntimeError("no temperature")
        return calibrate(job, fitted)

    monkeypatch.setattr(_finish, "calibrate", failing)
    net = LossAwareClassifier(
        **SHORT, calibration="temperature", early_stopping=True, patience=2
    )
    search = FusedGridSearchCV(net, RATES, cv=2, refit=False, error_score=-1.0)
    with pytest.warns(FitFailedWarning, match="(?s)1 fits failed.*no temperature"):
        results = search.fit(X, (y_number > 1).astype(int)).cv_results_
    scores = [*results["split0_test_score"], *results["split1_test_score"]]
    assert sorted(score == -1.0 for score in scores) == [False] * 3 + [True]
    assert sum("no temperature" in text for text in results["outcome"]) == 1
