"""loss="auto": found in the training rows of each fit, as recommend_losses finds it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
)
from skloss._advice import _class_evidence
from skloss.exceptions import UnknownParameterError
from skloss.losses import CrossEntropy, Huber, SquaredError
from skloss.model_selection import FusedGridSearchCV, recommend_losses

X, Y = load_diabetes(return_X_y=True)
WRONG = np.where(np.arange(len(Y)) % 10 == 0, -20 * Y, Y)
CANCER, SICK = load_breast_cancer(return_X_y=True)
CANCER = StandardScaler().fit_transform(CANCER)
SMALL = {"network": (8,), "epochs": 3, "random_state": 0}
AUTO = LossAwareRegressor("auto", **SMALL)
AUTO_CLASSES = LossAwareClassifier("auto", **SMALL)


@pytest.mark.parametrize(("y", "found"), [(Y, SquaredError()), (WRONG, Huber())])
def test_it_is_the_first_that_is_recommended_and_fits_the_same(y, found):
    net = clone(AUTO).fit(X, y)
    assert net.loss == "auto"
    assert net.loss_ == found
    assert recommend_losses(X, y)[0].loss == found.name
    named = clone(AUTO).set_params(loss=found.name).fit(X, y)
    assert np.array_equal(net.predict(X), named.predict(X))


def test_what_the_loss_gives_is_there_once_it_is_known():
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.exp(1 + 10 * X[:, 2]) * rng.gamma(1, 1, len(X)))
    assert not hasattr(AUTO, "predict_dist")
    net = clone(AUTO).fit(X, counts)
    assert net.loss_.name == "negative_binomial"
    assert (net.predict_dist(X).mean() > 0).all()


def test_classes_have_probabilities_before_a_fit():
    assert hasattr(AUTO_CLASSES, "predict_proba")
    net = clone(AUTO_CLASSES).fit(CANCER, SICK)
    assert net.loss_ == CrossEntropy()
    assert net.predict_proba(CANCER).shape == (len(SICK), 2)
    grades = pd.Series(
        pd.Categorical.from_codes(
            np.digitize(Y, [100, 200]), ["low", "middle", "high"], ordered=True
        )
    )
    net = clone(AUTO_CLASSES).fit(X, grades)
    assert net.loss_.name == "cumulative_link"
    assert net.classes_.tolist() == ["high", "low", "middle"]
    assert set(net.predict(X)) <= set(net.classes_)
    labels = np.c_[SICK, 1 - SICK]
    assert clone(AUTO_CLASSES).fit(CANCER, labels).loss_ == CrossEntropy()


@pytest.mark.slow
def test_for_classes_no_model_is_made(monkeypatch):
    monkeypatch.setattr(_class_evidence, "predict_probabilities", None)
    net = clone(AUTO_CLASSES).fit(CANCER, SICK)
    assert net.loss_.name == "cross_entropy"


@pytest.mark.slow
def test_each_fold_finds_its_own_as_in_scikit_learns_search():
    cv = KFold(3)
    y = np.where(np.arange(len(Y)) < len(Y) // 3, WRONG, Y)  # wrong in one third only
    pipe = make_pipeline(StandardScaler(), AUTO)
    grid = {"lossawareregressor__learning_rate": [0.001, 0.01]}
    found = FusedGridSearchCV(pipe, grid, cv=cv).fit(X, y)
    expected = GridSearchCV(pipe, grid, cv=cv).fit(X, y)
    for k in range(3):
        name = f"split{k}_test_score"
        np.testing.assert_allclose(
            found.cv_results_[name], expected.cv_results_[name], rtol=1e-4
        )
    own = [
        clone(pipe).fit(X[train], y[train])[-1].loss_.name for train, _ in cv.split(X)
    ]
    assert own == ["squared_error", "huber", "huber"]
    assert found.cv_results_["resolved_loss"][0] == "SquaredError()"  # of the first


@pytest.mark.slow
def test_a_grid_that_has_it_beside_named_losses():
    grid = {"loss": ["auto", "absolute_error"]}
    search = FusedGridSearchCV(AUTO, grid, cv=2).fit(X, WRONG)
    named = FusedGridSearchCV(AUTO, {"loss": ["huber"]}, cv=2).fit(X, WRONG)
    score = search.cv_results_["mean_test_score"][0]
    assert score == pytest.approx(named.cv_results_["mean_test_score"][0], rel=1e-5)


def test_it_pickles_clones_and_prints():
    net = clone(AUTO).fit(X, WRONG)
    again = pickle.loads(pickle.dumps(net))
    assert np.array_equal(again.predict(X), net.predict(X))
    assert again.loss_ == Huber()
    assert not hasattr(clone(net), "loss_")
    assert repr(clone(AUTO_CLASSES)).startswith(
        "LossAwareClassifier(epochs=3, loss='auto'"
    )


def test_later_parts_keep_the_first_ones_loss():
    net = clone(AUTO).partial_fit(X, WRONG)
    assert net.loss_ == Huber()
    assert net.partial_fit(X, Y).loss_ == Huber()


def test_a_later_loss_is_taken_from_then_on():
    net = clone(AUTO).set_params(loss="squared_error").fit(X, WRONG)
    assert net.loss_ == SquaredError()
    assert net.set_params(loss="auto").fit(X, WRONG).loss_ == Huber()


def test_numbers_of_a_loss_that_is_not_known_are_refused():
    with pytest.raises(UnknownParameterError, match="found by each fit"):
        clone(AUTO).set_params(loss__delta=2.0)
    with pytest.raises(UnknownParameterError, match="loss__gamma"):
        LossAwareClassifier().set_params(loss="auto", loss__gamma=2.0)


def test_heads_are_named():
    net = LossAwareMultiTask([("ill", ClassificationHead("auto"))], **SMALL)
    with pytest.raises(ValueError, match="recommend_losses"):
        net.fit(CANCER, pd.DataFrame({"ill": SICK}))


def test_global_random_numbers_and_inputs_stay():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    table, target = X.copy(), WRONG.copy()
    clone(AUTO).fit(table, target)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert np.array_equal(table, X)
    assert np.array_equal(target, WRONG)
