"""50 epochs with dropout on real tables: compiled steps, and scikit-learn's scores."""

import numpy as np
import pytest
from searches import assert_same, both
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import _population

pytestmark = pytest.mark.slow


def groups(y):
    """Return groups of unequal sizes."""
    return np.random.RandomState(0).geometric(0.1, size=len(y)) % 9


def pipeline(cls, **params):
    net = cls(
        network=(32, 16), batch_size=32, epochs=50, dropout=0.2, random_state=0
    ).set_params(**params)
    return Pipeline([("scale", StandardScaler()), ("net", net)])


# Its training magnifies rounding: a score changes by 0.018 where each number of X
# changes by one part in ten million. In double precision that is nothing.
ROUGH = "focal:gamma=3"
TABLES = {
    "breast_cancer": (
        load_breast_cancer,
        pipeline(LossAwareClassifier),
        ["cross_entropy", "focal:gamma=1", "focal:gamma=3", "brier"],
        ["neg_log_loss", "accuracy"],
        KFold(3, shuffle=True, random_state=0),
    ),
    "wine": (
        load_wine,
        pipeline(LossAwareClassifier, lr_schedule="cosine"),
        ["cross_entropy", "sce", "multiclass_hinge"],
        ["accuracy", "f1_macro"],
        StratifiedKFold(3),
    ),
    "diabetes": (
        load_diabetes,
        pipeline(LossAwareRegressor),
        ["squared_error", "huber", "pinball:quantile=0.4"],
        ["neg_mean_absolute_error", "r2"],
        GroupKFold(3),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TABLES)
def test_fifty_epochs_with_dropout(name, dtype, monkeypatch):
    load, estimator, losses, metrics, cv = TABLES[name]
    estimator = clone(estimator).set_params(net__dtype=dtype)
    if dtype == "float32":
        losses = [loss for loss in losses if loss != ROUGH]
    X, y = load(return_X_y=True)
    grid = {"net__loss": losses, "net__learning_rate": [0.001, 0.005]}
    grid["scale__with_mean"] = [True, False]
    # a search has more steps than this, none of the plain fits has
    monkeypatch.setattr(_population, "MIN_COMPILED", 1000)
    seen = []
    cut = _population.cut_pools

    def watched(plan, data, members, compiled):
        seen.append((len(members), compiled))
        return cut(plan, data, members, compiled)

    monkeypatch.setattr(_population, "cut_pools", watched)
    fused, plain = both(
        estimator,
        grid,
        X,
        y,
        cv=cv,
        scoring=metrics,
        refit=metrics[0],
        return_train_score=True,
        fit={"groups": groups(y)} if name == "diabetes" else None,
    )
    searched = [compiled for networks, compiled in seen if networks > 1]
    assert searched
    assert all(searched)
    assert not any(compiled for networks, compiled in seen if networks == 1)
    splits = cv.split(X, y, groups(y) if name == "diabetes" else None)
    sample = 1.001 / min(len(test) for _, test in splits)
    within = {"accuracy": sample, "f1_macro": 2 * sample}
    assert_same(fused, plain, within=1e-4, **within)
    best = fused.cv_results_[f"mean_test_{metrics[0]}"]
    assert best.max() > {"breast_cancer": -0.15, "wine": 0.94, "diabetes": -60}[name]
