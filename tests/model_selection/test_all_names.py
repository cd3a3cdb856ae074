"""One fused search over all names that fit a target."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.losses import Loss
from skloss.model_selection import FusedGridSearchCV

pytestmark = pytest.mark.slow
ROWS = 150


def names(family, fits):
    """Return the names of the package's own losses that fit."""
    return [
        name
        for name, cls in sorted(Loss.registry[family].items())
        if cls.__module__.startswith("skloss.") and fits(cls)
    ]


def scored(net, names, X, y, **options):
    search = FusedGridSearchCV(
        net.set_params(network=(8,), epochs=30, random_state=0),
        {"loss": names},
        cv=3,
        error_score="raise",
        **options,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == len(names)
    return search.cv_results_["mean_test_score"]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_all_classification_names(kind):
    X, y = (load_wine if kind == "multiclass" else load_breast_cancer)(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:ROWS]
    X, y = (X[rows] - X.mean(axis=0)) / X.std(axis=0), y[rows]
    if kind == "multilabel":
        y = np.column_stack([y, X[:, 0] > 0]).astype(int)
    found = names("classification", lambda cls: kind in cls.kinds)
    scores = scored(LossAwareClassifier(learning_rate=0.01), found, X, y)
    assert np.isfinite(scores).all()
    assert np.median(scores) > 0.8


@pytest.mark.parametrize("domain", ["open_unit", "count"])
def test_all_regression_names(domain):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 4))
    mean = np.exp(0.8 * X[:, 0] + 0.3)
    y = 1 + rng.poisson(mean) if domain == "count" else mean / (1 + mean)
    outside = {"count": {"unit", "open_unit"}, "open_unit": {"count"}}[domain]
    found = names("regression", lambda cls: cls.domain not in outside)
    scores = scored(
        LossAwareRegressor(learning_rate=0.01),
        found,
        X,
        y.astype(float),
        scoring="neg_mean_absolute_error",
    )
    constant = -np.abs(y - np.median(y)).mean()
    assert np.isfinite(scores).all()
    assert np.median(scores) > 0.8 * constant
