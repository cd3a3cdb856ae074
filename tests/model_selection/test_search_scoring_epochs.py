"""``validation_scoring`` in fused searches: every network has a judge of its own."""

import joblib
import numpy as np
import pytest
from searches import assert_same, both
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import FusedGridSearchCV
from skloss.model_selection._refit import choose_epochs

X, y = load_breast_cancer(return_X_y=True)
X, y = X[:200, :8], np.array(["no", "yes"])[y[:200]]
CV = StratifiedKFold(3)
STOPPING = {"epochs": 25, "early_stopping": True, "patience": 3, "random_state": 0}


def of_no(estimator, X, y):
    """Only rows of one class count."""
    return accuracy_score(y, estimator.predict(X), sample_weight=y == "no")


def pipeline(**params):
    given = {"network": (4,), "learning_rate": 0.02, **STOPPING, **params}
    return make_pipeline(StandardScaler(), LossAwareClassifier(**given))


@pytest.mark.slow
def test_a_search_equals_grid_search():
    grid = {
        "lossawareclassifier__validation_scoring": [None, "roc_auc", of_no],
        "lossawareclassifier__learning_rate": [0.02, 0.1],
    }
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    fit = {"lossawareclassifier__sample_weight": weight}
    fused, plain = both(
        pipeline(), grid, X, y, cv=CV, scoring="neg_log_loss", fit=fit, refit=False
    )
    assert_same(fused, plain, within=1e-3)
    assert len(set(fused.cv_results_["epochs_run"])) > 3


@pytest.mark.slow
def test_a_regression_search_equals_grid_search():
    net = LossAwareRegressor(network=(4,), learning_rate=0.02, **STOPPING)
    grid = {
        "loss": ["huber", "squared_error"],
        "validation_scoring": ["r2", "max_error"],
    }
    grid["validation_scoring"][1] = "neg_max_error"
    X, y = load_diabetes(return_X_y=True)
    assert_same(*both(net, grid, X, y, cv=3, refit=False))


def test_the_refit_takes_the_best_mean_epoch():
    net = pipeline(validation_scoring="roc_auc")
    search = FusedGridSearchCV(net, {"lossawareclassifier__l2": [0.0]}, cv=CV)
    search.fit(X, y)
    members = search.fold_ensemble_.estimators
    curves = [one[-1].history_["val_roc_auc"] for one in members]
    longest = max(map(len, curves))
    means = np.mean([c + [c[-1]] * (longest - len(c)) for c in curves], axis=0)
    best = search.best_estimator_[-1]
    assert best.n_epochs_ == np.argmax(means) + 1
    assert best.validation_scoring == "roc_auc"
    assert best.early_stopping is True
    assert "val_loss" not in best.history_  # trained on all rows
    assert best.epochs == 25


def test_epochs_without_a_score_are_not_the_best():
    assert choose_epochs([[np.nan, 2.0, 1.0, np.nan], [0.0, 1.0, 1.5]]) == 3


def test_what_cannot_be_scored_is_refused_before_training():
    name = "lossawareclassifier__validation_scoring"
    grid = {name: ["roc_auc", "roc_aux"]}
    with pytest.raises(ValueError, match=r"Candidate .*roc_aux.*Did you mean"):
        FusedGridSearchCV(pipeline(), grid, cv=CV).fit(X, y)
    net = pipeline(loss="hinge", validation_scoring="neg_log_loss")
    search = FusedGridSearchCV(
        net, {"lossawareclassifier__l2": [0]}, cv=CV, error_score="raise"
    )
    with pytest.raises(ValueError, match=r"loss='hinge'.*predict_proba"):
        search.fit(X, y)


@pytest.mark.slow
def test_judges_travel_to_other_processes():
    net = pipeline(validation_scoring="roc_auc", epochs=8)
    grid = {"lossawareclassifier__loss": ["cross_entropy", "brier"]}
    here = FusedGridSearchCV(net, grid, cv=CV).fit(X, y)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        there = FusedGridSearchCV(net, grid, cv=CV).fit(X, y)
    np.testing.assert_allclose(
        here.cv_results_["mean_test_score"], there.cv_results_["mean_test_score"]
    )
    assert here.cv_results_["epochs_run"].tolist() == (
        there.cv_results_["epochs_run"].tolist()
    )
