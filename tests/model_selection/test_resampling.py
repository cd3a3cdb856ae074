"""Samplers in a Pipeline: rows are resampled where it fits, not where it predicts."""

import numpy as np
import pytest
from canonical import NET, X, y_number, y_three
from searches import assert_same, assert_same_best, both
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor

RARE = (y_three == 0) & (np.arange(93) % 3 > 0)
SHORT = NET | {"epochs": 2}
FAR = 1e3 + 5.0 * X


class Doubled(BaseEstimator):
    """A sampler: it gives the first rows twice, and cannot transform."""

    def __init__(self, rows=20):
        self.rows = rows

    def fit_resample(self, X, y):
        return np.r_[X, X[: self.rows]], np.r_[y, y[: self.rows]]


class ResamplingPipeline(Pipeline):
    """Has its samplers resample where it fits, as imbalanced-learn's has."""

    def fit(self, X, y, **params):
        for _, step in self.steps[:-1]:
            if hasattr(step, "fit_resample"):
                X, y = step.fit_resample(X, y)
            else:
                X = step.fit_transform(X, y)
        self.steps[-1][1].fit(X, y, **params)
        return self

    def predict(self, X):
        for _, step in self.steps[:-1]:
            X = X if hasattr(step, "fit_resample") else step.transform(X)
        return self.steps[-1][1].predict(X)


@pytest.mark.parametrize("first", [True, False])
def test_a_sampler_resamples_training_rows_only(first):
    steps = [("scale", StandardScaler()), ("sampler", Doubled())]
    steps = steps[::-1] if first else steps
    pipe = ResamplingPipeline([*steps, ("net", LossAwareClassifier(**SHORT))])
    grid = {"net__l2": [0.0, 0.1], "sampler__rows": [20, 5]}
    options = {"cv": 3, "scoring": "accuracy", "return_train_score": True}
    fused, plain = both(pipe, grid, FAR, y_three, **options)
    assert_same(fused, plain, within=1.001 / 31)
    assert_same_best(fused, plain, FAR)


def test_the_ensemble_of_the_folds_predicts_rows_as_they_are():
    net = LossAwareRegressor("gaussian_nll", **SHORT)
    pipe = ResamplingPipeline(
        [("scale", StandardScaler()), ("sampler", Doubled()), ("net", net)]
    )
    options = {"cv": 3, "scoring": "neg_mean_absolute_error"}
    fused, plain = both(pipe, {"net__l2": [0.0, 0.1]}, FAR, y_number, **options)
    assert_same(fused, plain)
    ensemble = fused.fold_ensemble_
    by_hand = [
        member.steps[-1][1].predict_interval(member.steps[0][1].transform(FAR), 0.8)
        for member in ensemble.estimators
    ]
    found = ensemble.predict_interval(FAR, 0.8)
    np.testing.assert_allclose(found, np.mean(by_hand, axis=0))


def test_imbalanced_learn():
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    pipeline = pytest.importorskip("imblearn.pipeline")
    pipe = pipeline.make_pipeline(
        StandardScaler(),
        over_sampling.SMOTE(random_state=0, k_neighbors=2),
        LossAwareClassifier(**SHORT),
    )
    grid = {"lossawareclassifier__l2": [0.0, 0.1]}
    options = {"cv": 3, "scoring": ["balanced_accuracy", "f1"], "refit": "f1"}
    fused, plain = both(pipe, grid, FAR, RARE.astype(int), **options)
    assert_same(fused, plain, within=0.1)
    assert_same_best(fused, plain, FAR)
