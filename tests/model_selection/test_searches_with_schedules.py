"""Schedules as candidate values: fused searches find what scikit-learn's find."""

import numpy as np
import pytest
from searches import assert_same, assert_same_best, both
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss._engine import trace_count
from skloss.losses import Brier, CrossEntropy
from skloss.model_selection import FusedGridSearchCV, SuccessiveHalving
from skloss.schedules import Cosine, Polynomial, Step, WarmUp

rng = np.random.RandomState(0)
X = rng.randn(93, 4) * [1, 5, 1, 1]
y = (X[:, 0] + 0.5 * rng.randn(93) > 0).astype(int)
COMMON = {"cv": KFold(3, shuffle=True, random_state=1), "scoring": "neg_log_loss"}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def net(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 6, "random_state": 0}
    return LossAwareClassifier(**common | {"learning_rate": 0.01} | params)


def pipeline(**params):
    return Pipeline([("scale", StandardScaler()), ("net", net(**params))])


GRIDS = {
    "numbers": {
        "net__dropout": [0.2, 0.6 * Polynomial(), 0.3 * WarmUp(epochs=3)],
        "net__l2": [0.1 * Cosine()],
    },
    "the loss": {
        "net__loss": ["focal", CrossEntropy() + WarmUp(epochs=4) * Brier()],
        "net__weight_averaging": [0.0, 0.8 * WarmUp(epochs=2)],
    },
    "a knob": {"net__loss__gamma": [1.0, 3 * Cosine()], "net__mixup": [0.3 * Step()]},
    "inside": {"net__l2__a": [0.01, 0.1], "net__l2__b__power": [1.0, 2.0]},
    "epochs": {"net__epochs": [3, 6], "net__l2": [0.1 * Polynomial()]},
}
SLOW = ("the loss", "a knob", "inside", "epochs")


@pytest.mark.parametrize(
    "grid",
    [pytest.param(g, marks=pytest.mark.slow if g in SLOW else ()) for g in GRIDS],
)
def test_as_grid_search_cv(grid):
    own = pipeline(loss="focal" if grid == "a knob" else "cross_entropy")
    if grid == "inside":
        own.set_params(net__l2=0.01 * Polynomial())
    fused, plain = both(own, GRIDS[grid], X, y, **COMMON)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)


@pytest.mark.slow
def test_curves_share_a_program():
    def search(*values):
        grid = {"dropout": list(values)}
        FusedGridSearchCV(net(), grid, refit=False, **COMMON).fit(X, y)

    search(0.1, 0.5 * Cosine())
    before = trace_count()
    search(0.6 * Polynomial(), 0.3 * WarmUp(epochs=3))
    assert trace_count() == before


@pytest.mark.slow
def test_pruned_or_not_the_winner_is_the_same():
    grid = {"l2": [0.0, 10.0, 0.1 * Polynomial(), 5 * WarmUp(epochs=3)]}
    whole = FusedGridSearchCV(net(), grid, **COMMON).fit(X, y)
    halving = SuccessiveHalving(min_epochs=2, factor=2)
    pruned = FusedGridSearchCV(net(), grid, pruner=halving, **COMMON).fit(X, y)
    best = pruned.best_index_
    assert pruned.cv_results_["mean_test_score"][best] == pytest.approx(
        whole.cv_results_["mean_test_score"][best], rel=1e-5
    )
    assert pruned.best_params_ == whole.best_params_


@pytest.mark.slow
def test_the_refit_keeps_the_horizon():
    """It trains for fewer epochs than the schedule reckons with."""
    own = net(epochs=40, early_stopping=True, patience=2, learning_rate=0.1)
    decay = 0.5 * Polynomial()
    search = FusedGridSearchCV(own, {"dropout": [decay]}, **COMMON).fit(X, y)
    best = search.best_estimator_
    assert best.n_epochs_ < 40
    expected = decay.values(1.0, 40)[: best.n_epochs_]
    np.testing.assert_allclose(best.history_["dropout"], expected)


def test_a_candidate_is_refused_before_training():
    grid = {"dropout": [0.1, 2 * Cosine()]}
    with pytest.raises(ValueError, match=r"Candidate .* gives 2 in epoch 0 of 6"):
        FusedGridSearchCV(net(), grid, **COMMON, error_score="raise").fit(X, y)
