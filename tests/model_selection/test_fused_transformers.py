"""Fused searches of Pipelines in which a transformer of ours stands before others."""

import warnings

import numpy as np
import optuna
import pytest
from canonical import NET, X, y_binary, y_number, y_three
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareTransformer
from skloss._engine import count_steps_computed
from skloss.exceptions import NotFusibleError
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedOptunaSearchCV,
    LabelledSplit,
    SuccessiveHalving,
    compare_losses,
    fused_cross_validate,
)

CV = StratifiedKFold(3)


def make_pipe(last=None, **changes):
    net = LossAwareTransformer("contrastive", n_components=3, **{**NET, **changes})
    last = KNeighborsClassifier() if last is None else last
    return Pipeline([("scale", StandardScaler()), ("net", net), ("last", last)])


def assert_same_results(estimator, grid, y=y_three, **options):
    """Assert that both searches say the same; return the fused one."""
    options = {"cv": CV, "error_score": "raise", **options}
    theirs = GridSearchCV(estimator, grid, **options).fit(X, y)
    ours = FusedGridSearchCV(estimator, grid, **options).fit(X, y)
    for name, column in theirs.cv_results_.items():
        if "_score" in name and not name.endswith("time"):
            np.testing.assert_allclose(ours.cv_results_[name], column, err_msg=name)
    assert ours.best_params_ == theirs.best_params_
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    return ours


@pytest.mark.slow
def test_losses_their_numbers_and_what_follows():
    grid = [
        {
            "net__loss": ["contrastive:margin=2", "supcon", "info_nce", "triplet"],
            "last__n_neighbors": [3, 7],
            "scale": [StandardScaler(), "passthrough"],
        },
        {"net__loss": ["elbo", "reconstruction"], "net__n_components": [1, 2]},
    ]
    found = assert_same_results(make_pipe(), grid, return_train_score=True)
    assert len(set(found.cv_results_["mean_test_score"])) > 5
    outcomes = found.cv_results_["outcome"]
    assert set(np.ravel(outcomes)) == {"finished"} or "finished" in str(outcomes)


@pytest.mark.slow
def test_several_steps_behind_and_scores_of_probabilities():
    pipe = Pipeline(
        [*make_pipe().steps[:2], ("pca", PCA(2)), ("last", LogisticRegression())]
    )
    grid = {"net__loss__margin": [0.5, 2.0], "last__C": [0.1, 1.0]}
    scoring = ["accuracy", "neg_log_loss"]
    assert_same_results(pipe, grid, scoring=scoring, refit="neg_log_loss")
    assert_same_results(pipe, grid, y_binary, scoring="roc_auc")


@pytest.mark.slow
def test_numbers_behind_a_transformer():
    pipe = make_pipe(KNeighborsRegressor()).set_params(net__loss="target_distance")
    grid = {"net__learning_rate": [1e-3, 1e-2], "last__n_neighbors": [3, 7]}
    options = {"cv": 3, "error_score": "raise"}
    theirs = GridSearchCV(pipe, grid, **options).fit(X, y_number)
    ours = FusedGridSearchCV(pipe, grid, **options).fit(X, y_number)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )


def test_a_transformer_is_trained_once_for_all_that_follows():
    grid = {"net__loss__margin": [0.5, 1.0], "last__n_neighbors": [3, 5, 7, 9, 11]}
    _, before = count_steps_computed()
    found = FusedGridSearchCV(make_pipe(), grid, cv=CV, refit=False).fit(X, y_three)
    _, after = count_steps_computed()
    assert after - before <= 8 * 5 * 2  # places, epochs, steps; not 30 networks
    assert len(found.cv_results_["params"]) == 10


@pytest.mark.slow
def test_a_density_alone_is_searched_by_its_own_score():
    net = LossAwareTransformer("elbo", n_components=1, **NET)
    grid = {"loss__beta": [1.0, 2.0], "n_components": [1, 2]}
    theirs = GridSearchCV(net, grid, cv=3).fit(X)
    ours = FusedGridSearchCV(net, grid, cv=3).fit(X)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"],
        theirs.cv_results_["mean_test_score"],
        rtol=1e-5,
    )
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))
    with pytest.raises(AttributeError, match="a network that predicts"):
        _ = ours.fold_ensemble_
    assert ours.loss_ensembles_ == {}


@pytest.mark.slow
def test_rows_without_labels_shape_the_space():
    some = np.where(np.arange(93) % 3 == 0, y_three, -1)

    class Labelled(KNeighborsClassifier):
        """Neighbours among labelled rows alone."""

        def fit(self, X, y):
            return super().fit(X[y >= 0], y[y >= 0])

    pipe = make_pipe(Labelled(3)).set_params(net__loss="info_nce")
    grid = {"net__loss__corruption": [0.2, 0.5]}
    options = {"cv": LabelledSplit(3), "error_score": "raise"}
    theirs = GridSearchCV(pipe, grid, **options).fit(X, some)
    ours = FusedGridSearchCV(pipe, grid, **options).fit(X, some)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )


@pytest.mark.slow
def test_pruning_optuna_and_cross_validation():
    grid = {"net__loss__margin": [0.5, 1.0, 2.0, 4.0], "last__n_neighbors": [3, 7]}
    search = FusedGridSearchCV(make_pipe(), grid, cv=CV, pruner=SuccessiveHalving())
    search.fit(X, y_three)
    assert np.isfinite(search.best_score_)
    space = {
        "net__loss__margin": optuna.distributions.FloatDistribution(0.5, 4.0),
        "last__n_neighbors": optuna.distributions.IntDistribution(1, 9),
    }
    search = FusedOptunaSearchCV(
        make_pipe(), space, n_trials=5, cv=CV, random_state=0, error_score="raise"
    ).fit(X, y_three)
    found = fused_cross_validate(
        make_pipe().set_params(**search.best_params_), X, y_three, cv=CV
    )
    assert found["test_score"].mean() == pytest.approx(search.best_score_)


@pytest.mark.slow
def test_early_stopping_and_the_refit():
    pipe = make_pipe(epochs=40, early_stopping=True, patience=3)
    grid = {"net__loss__margin": [0.5, 2.0]}
    found = assert_same_results(pipe, grid)
    net = found.best_estimator_.named_steps["net"]
    assert net.n_epochs_ <= 40


class Failing(BaseEstimator):
    """Fails for one of its numbers."""

    def __init__(self, number=0):
        self.number = number

    def fit(self, X, y):
        if self.number == 1:
            raise RuntimeError("it cannot")
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        return 0.5


@pytest.mark.slow
def test_a_step_that_fails_costs_its_own_scores():
    search = FusedGridSearchCV(
        make_pipe(Failing()), {"last__number": [0, 1]}, cv=CV, refit=False
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y_three)
    assert any("it cannot" in str(own.message) for own in caught)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == 0.5
    assert np.isnan(scores[1])
    with pytest.raises(RuntimeError, match="it cannot"):
        search.set_params(error_score="raise").fit(X, y_three)


def test_what_cannot_be_is_refused_before_training():
    weight = np.ones(93)
    search = FusedGridSearchCV(make_pipe(), {"last__n_neighbors": [3]}, cv=CV)
    with pytest.raises(NotFusibleError, match="steps stand behind it"):
        search.fit(X, y_three, net__sample_weight=weight)
    for ensemble in ("greedy", "seeds"):
        other = clone(search).set_params(ensemble=ensemble)
        with pytest.raises(ValueError, match="is a network, or ends in one"):
            other.fit(X, y_three)
    with pytest.raises(NotFusibleError, match="has a LossAwareTransformer before"):
        FusedGridSearchCV(PCA(), {"n_components": [1]}).fit(X, y_three)
    with pytest.raises(TypeError, match="or a Pipeline ending in one"):
        compare_losses(make_pipe(), X, y_three, ["contrastive", "triplet"], cv=2)


@pytest.mark.slow
def test_a_net_that_ends_a_pipeline_is_what_is_fused():
    """A transformer before it is a step like others, fitted once a fold and setting."""
    net = LossAwareClassifier(**NET)
    pipe = Pipeline([*make_pipe().steps[:2], ("last", net)])
    grid = {"net__loss__margin": [0.5, 2.0], "last__l2": [0.0, 0.1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = assert_same_results(pipe, grid)
    assert found.fold_ensemble_.predict(X).shape == (93,)
