"""``cv_results_`` equals scikit-learn's: every kind of parameter, routed metadata."""

import numpy as np
import pytest
import sklearn
from catalogue import some_slow
from searches import assert_same, assert_same_best, both
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.losses import Focal
from skloss.networks import MLP

N = 93
rng = np.random.RandomState(0)
X = rng.randn(N, 4) * [1, 5, 1, 1] + [3, 0, 0, 0]
signal = X[:, 0] - 3 - (X[:, 1] / 5) ** 2 + 0.5 * rng.randn(N)
y = (signal > np.median(signal)).astype(int)
groups = np.repeat(np.arange(7), [5, 9, 30, 11, 8, 20, 10])
weight = rng.uniform(0.1, 3, N)
COMMON = {
    "cv": KFold(3, shuffle=True, random_state=1),
    "scoring": "neg_log_loss",
}


def net(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 6, "random_state": 0}
    return LossAwareClassifier(**common | {"dropout": 0.1} | params)


def pipeline(**params):
    return Pipeline([("scale", StandardScaler()), ("net", net(**params))])


GRIDS = {
    "with_mean": {
        "scale__with_mean": [True, False],
        "net__learning_rate": [0.003, 0.03],
    },
    "the scaler": [
        {"scale": [MinMaxScaler(), "passthrough", None]},
        {"scale": [StandardScaler()], "net__loss": ["cross_entropy", "brier"]},
    ],
    "a function without a name": {
        "scale": [FunctionTransformer(lambda X: X / 5), StandardScaler()],
    },
    "columns": {"scale": [PCA(2), PCA(3), SelectKBest(k=1)]},
    "the net": {"net": [net(), net(loss="focal"), net(network=(4,))]},
}


@pytest.mark.parametrize("grid", some_slow(GRIDS, ("columns", "the net")))
def test_earlier_steps_of_a_pipeline(grid):
    fused, plain = both(pipeline(), GRIDS[grid], X, y, **COMMON)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)


def test_weights_of_rows_reach_scaler_and_net():
    fit = {"net__sample_weight": weight, "scale__sample_weight": weight[::-1]}
    grid = {"scale__with_std": [True, False], "net__l2": [0.0, 0.01]}
    fused, plain = both(pipeline(), grid, X, y, fit=fit, **COMMON)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)


def test_a_pipeline_of_the_net_alone():
    alone = make_pipeline(net())
    grid = {"lossawareclassifier__learning_rate": [0.003, 0.03]}
    fused, plain = both(alone, grid, X, y, **COMMON)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)


PARAMETERS = {
    "losses with knobs": [
        {"loss": ["focal"], "loss__gamma": [1.0, 3.0]},
        {"loss": [Focal(gamma=2), "brier"], "learning_rate": [0.01]},
    ],
    "lists of grids": [{"l2": [0.0, 0.1]}, {"l1": [0.01], "batch_size": [16, 64]}],
    "class_weight": {"class_weight": [None, "balanced", {0: 1, 1: 5}]},
    "optimiser": [
        {"optimizer": ["sgd", "rmsprop"], "learning_rate": [0.1]},
        {"optimizer__beta_1": [0.8, 0.95]},
        {"optimizer": ["sgd:momentum=0.9"], "optimizer__nesterov": [True, False]},
    ],
    "momentum, also zero": {
        "optimizer": ["sgd"],
        "optimizer__momentum": [0, 0.0, np.int64(0), np.float32(0.5), 0.9],
        "learning_rate": [0.1],
    },
    "network": [
        {"network": [(8,), (8, 4), MLP((6,), activation="tanh")]},
        {"network__activation": ["relu", "elu"]},
    ],
    "batches and epochs": {"batch_size": [16, "auto"], "epochs": [2, 5]},
    "seeds": {"random_state": [0, 1, 2]},
    "dtypes": {"dtype": ["float32", "float64", "auto"]},
    "dropout and clipping": {"dropout": [0.0, 0.5], "clip_norm": [None, 0.1]},
    "clipping of values and norms": {
        "clip_value": [None, 0.01],
        "max_norm": [None, 0.5],
    },
    "noise and averages": [
        {"input_noise": [0.0, 0.5], "mixup": [0.0, 0.4]},
        {"weight_averaging": [0.9]},
    ],
    "bodies": {
        "network": [MLP((6, 6), residual=True)],
        "network__normalization": [None, "layer", "batch"],
    },
    "schedules": {"lr_schedule": [None, "cosine", "one_cycle"]},
    "penalties": {"weight_decay": [0.0, 1.0], "l2": [0.0, 1.0]},
}


SLOW = (
    "optimiser",
    "momentum, also zero",
    "clipping of values and norms",
    "bodies",
    "network",
    "schedules",
    "batches and epochs",
    "lists of grids",
    "noise and averages",
    "dtypes",
    "penalties",
)


@pytest.mark.parametrize("name", some_slow(PARAMETERS, SLOW))
def test_parameters_of_the_net(name):
    fused, plain = both(net(), PARAMETERS[name], X / 5, y, **COMMON)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X / 5)
    assert len(set(fused.cv_results_["mean_test_score"])) > 1


def test_networks_that_are_scored_together_have_their_own_moving_statistics():
    # in double precision, since batch normalisation magnifies what is rounded off
    body = MLP((8,), normalization="batch")
    estimator, grid = net(network=body, dtype="float64"), {"learning_rate": [0.01, 0.1]}
    fused, plain = both(estimator, grid, X / 5, y, refit=False, **COMMON)
    assert_same(fused, plain)


def test_early_stopping():
    grid = {"learning_rate": [0.003, 0.3], "patience": [1, 3]}
    estimator = net(early_stopping=True, epochs=12, validation_fraction=0.2)
    # the refits differ: ours trains for the epochs that the folds chose
    fused, plain = both(estimator, grid, X / 5, y, refit=False, **COMMON)
    assert_same(fused, plain)
    assert "stopped early" in " ".join(fused.cv_results_["outcome"])
    assert fused.cv_results_["epochs_run"].min() < 12


@pytest.mark.slow
def test_calibrated_probabilities():
    grid = {"loss": ["cross_entropy", "gce"], "calibration": ["temperature", None]}
    estimator = net(early_stopping=True, validation_fraction=0.2)
    fused, plain = both(estimator, grid, X / 5, y, refit=False, **COMMON)
    assert_same(fused, plain)


def test_scaled_targets_of_a_regressor():
    estimator = LossAwareRegressor(
        network=(8,), batch_size=32, epochs=6, random_state=0
    )
    grid = {
        "loss": ["huber", "squared_error"],
        "target_transform": [None, "auto"],
    }
    common = COMMON | {"scoring": ["neg_mean_absolute_error", "r2"], "refit": "r2"}
    fused, plain = both(estimator, grid, X / 5, 1000 * signal, **common)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X / 5)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_metadata_routing():
    estimator = Pipeline(
        [
            ("scale", StandardScaler().set_fit_request(sample_weight="other")),
            ("net", net().set_fit_request(sample_weight=True, groups=False)),
        ]
    )
    scorer = get_scorer("neg_log_loss").set_score_request(sample_weight="importance")
    fit = {
        "sample_weight": weight,
        "other": weight[::-1],
        "importance": weight**2,
        "groups": groups,
    }
    fused, plain = both(
        estimator,
        {"net__learning_rate": [0.003, 0.03]},
        X,
        y,
        fit=fit,
        cv=GroupKFold(3),
        scoring=scorer,
    )
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)


@pytest.mark.usefixtures("routing")
def test_what_nobody_requested_is_refused():
    with pytest.raises(TypeError, match="importance"):
        both(net(), {"l2": [0.0]}, X, y, fit={"importance": weight}, **COMMON)
