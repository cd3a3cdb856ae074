"""Every loss inside scikit-learn's searches, ensembles and wrappers."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_wine,
)
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor, losses


def pipeline(**params):
    net = LossAwareClassifier(
        **{"network": (16,), "learning_rate": 0.01, "epochs": 15, "random_state": 0}
        | params
    )
    return Pipeline([("scale", StandardScaler()), ("net", net)])


def named(y, prefix):
    return np.array([f"{prefix} {label}" for label in y])


cancer_X, cancer_y = load_breast_cancer(return_X_y=True)
wine_X, wine_y = load_wine(return_X_y=True)


def test_grid_search_over_losses():
    """Two of them: all are in the fused searches of ``test_all_names``."""
    y = named(cancer_y, "tumour")
    search = GridSearchCV(
        pipeline(),
        {"net__loss": ["cross_entropy", "hinge"]},
        scoring=["accuracy", "roc_auc"],
        refit="accuracy",
        cv=3,
        error_score="raise",
    ).fit(cancer_X, y)
    for metric in ("accuracy", "roc_auc"):
        assert (search.cv_results_[f"mean_test_{metric}"] > 0.9).all()
    assert set(search.predict(cancer_X)) == set(y)


def regressor(**params):
    net = LossAwareRegressor(
        **{"network": (16,), "learning_rate": 0.01, "epochs": 25, "random_state": 0}
        | params
    )
    return Pipeline([("scale", StandardScaler()), ("net", net)])


@pytest.mark.parametrize("name", ["squared_error", "poisson"])
def test_cross_val_predict(name):
    X, y = load_diabetes(return_X_y=True)
    predicted = cross_val_predict(regressor(loss=name, l2=1e-3), X, y, cv=3)
    error, constant = np.abs(y - predicted).mean(), np.abs(y - np.median(y)).mean()
    assert error <= 0.8 * constant


def test_cross_validate():
    scores = cross_validate(
        pipeline(),
        wine_X,
        named(wine_y, "wine"),
        scoring=["accuracy", "neg_log_loss"],
        cv=3,
        return_estimator=True,
        error_score="raise",
    )
    assert scores["test_accuracy"].mean() > 0.9
    assert np.isfinite(scores["test_neg_log_loss"]).all()
    assert all(len(e["net"].history_["loss"]) == 15 for e in scores["estimator"])


def test_randomized_search_reaches_nested_numbers():
    search = RandomizedSearchCV(
        pipeline(loss="focal"),
        {
            "net__loss__gamma": [0.5, 1.0, 2.0, 3.0],
            "net__l2": [0.0, 1e-3],
            "net__optimizer__beta_1": [0.8, 0.9],
        },
        n_iter=4,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(wine_X, wine_y)
    assert search.best_score_ > 0.9
    assert (
        search.best_estimator_["net"].loss_.gamma
        == (search.best_params_["net__loss__gamma"])
    )


def test_halving_search_with_epochs_as_the_resource():
    search = HalvingGridSearchCV(
        pipeline(),
        {"net__loss": ["cross_entropy", "brier", "hinge"]},
        resource="net__epochs",
        max_resources=16,
        min_resources=4,
        factor=2,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(wine_X, wine_y)
    assert search.n_resources_ == [4, 8]
    assert search.best_estimator_["net"].n_epochs_ == 8
    assert search.best_score_ > 0.85


def test_voting_and_stacking():
    members = [("ce", pipeline()), ("brier", pipeline(loss="brier"))]
    labels = named(wine_y, "wine")
    voting = VotingClassifier(members, voting="soft").fit(wine_X, labels)
    assert voting.score(wine_X, labels) > 0.95
    np.testing.assert_allclose(voting.predict_proba(wine_X).sum(axis=1), 1)
    hinge = ("hinge", pipeline(loss="crammer_singer"))  # gives decision values only
    stacking = StackingClassifier(
        [members[0], hinge], LogisticRegression(max_iter=1000), cv=2
    ).fit(wine_X, labels)
    assert stacking.score(wine_X, labels) > 0.95


def test_bagging():
    bagging = BaggingClassifier(
        pipeline(), n_estimators=3, max_samples=0.7, random_state=0
    ).fit(wine_X, wine_y)
    assert bagging.score(wine_X, wine_y) > 0.95
    one, two = (e["net"]._fitted.outputs.weights for e in bagging.estimators_[:2])
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("name", ["cross_entropy", "hinge"])
def test_calibration(name):
    calibrated = CalibratedClassifierCV(pipeline(loss=name), cv=2).fit(
        cancer_X, cancer_y
    )
    assert calibrated.score(cancer_X, cancer_y) > 0.95
    p = calibrated.predict_proba(cancer_X)[:, 1]
    assert abs(p.mean() - cancer_y.mean()) < 0.05


@pytest.mark.parametrize("name", ["cross_entropy", "squared_hinge"])
def test_tuned_threshold(name):
    tuned = TunedThresholdClassifierCV(
        pipeline(loss=name), scoring="balanced_accuracy", cv=2
    ).fit(cancer_X, cancer_y)
    assert tuned.score(cancer_X, cancer_y) > 0.95


def test_multi_output():
    Y = np.column_stack([wine_y, named(wine_X[:, 0] > 13, "strong")])
    net = MultiOutputClassifier(pipeline()).fit(wine_X, Y)
    assert net.predict(wine_X).shape == Y.shape
    assert (net.predict(wine_X) == Y).mean() > 0.95


def test_transformed_target():
    X, y = load_diabetes(return_X_y=True)
    net = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp).fit(
        X, y
    )
    assert net.score(X, y) > 0.4


def test_permutation_importance():
    X = np.random.default_rng(0).normal(size=(569, 4))
    net = pipeline().fit(X, X[:, 1] > 0)
    found = permutation_importance(
        net, X, X[:, 1] > 0, n_repeats=2, random_state=0
    ).importances_mean
    assert found.argmax() == 1
    assert found[1] > 0.3 > found[[0, 2, 3]].max()


@pytest.mark.slow  # two more processes import TensorFlow
def test_two_jobs_give_what_one_gives():
    search = GridSearchCV(
        pipeline(epochs=3), {"net__loss": ["cross_entropy", "hinge"]}, cv=2
    )
    one = clone(search).set_params(n_jobs=1).fit(wine_X, wine_y)
    two = clone(search).set_params(n_jobs=2).fit(wine_X, wine_y)
    for key in ("split0_test_score", "split1_test_score", "mean_test_score"):
        assert one.cv_results_[key].tolist() == two.cv_results_[key].tolist()
    assert np.array_equal(one.decision_function(wine_X), two.decision_function(wine_X))


def test_validation_data_through_a_search():
    """With the length of X it is sliced for each fold; any other passes whole."""
    seen = []

    class Spy(LossAwareClassifier):
        def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
            seen.append((len(X), len(X_val), len(y_val)))
            return super().fit(X, y, sample_weight, X_val=X_val, y_val=y_val)

    X = StandardScaler().fit_transform(wine_X)
    net = Spy(network=(4,), epochs=1, early_stopping=True, random_state=0)
    search = GridSearchCV(net, {"l2": [0.0]}, cv=2, refit=False, error_score="raise")
    search.fit(X, wine_y, X_val=X, y_val=wine_y)
    assert seen == [(89, 89, 89), (89, 89, 89)]
    seen.clear()
    search.fit(X, wine_y, X_val=X[:50], y_val=wine_y[:50])
    assert seen == [(89, 50, 50), (89, 50, 50)]
    seen.clear()
    through = GridSearchCV(
        make_pipeline(net), {"spy__l2": [0.0]}, cv=2, refit=False, error_score="raise"
    )
    through.fit(X, wine_y, spy__X_val=X[:50], spy__y_val=wine_y[:50])
    assert seen == [(89, 50, 50), (89, 50, 50)]


@pytest.mark.slow
def test_a_grid_of_sums_strings_and_objects():
    grid = {
        "net__loss": [
            "focal:gamma=3",
            losses.Brier(),
            0.5 * losses.CrossEntropy() + 0.5 * losses.Hinge(),
        ]
    }
    search = GridSearchCV(pipeline(), grid, cv=2, error_score="raise")
    assert (search.fit(wine_X, wine_y).cv_results_["mean_test_score"] > 0.85).all()
