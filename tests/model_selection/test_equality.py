"""``cv_results_`` equals scikit-learn's: targets, splits, metrics, tables."""

import numpy as np
import pandas as pd
import pytest
from catalogue import some_slow
from scipy.sparse import csr_array, csr_matrix
from scipy.stats import loguniform
from searches import assert_same, assert_same_best, both
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.metrics import log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import FusedRandomizedSearchCV

N = 93  # folds of 31, 62 rows to train on: two batches of different sizes
rng = np.random.RandomState(0)
X = rng.randn(N, 4)
signal = X[:, 0] - X[:, 1] ** 2 + 0.5 * rng.randn(N)
binary = np.where(signal > np.median(signal), "yes", "no")
three = np.digitize(signal, np.quantile(signal, [1 / 3, 2 / 3])) * 10
groups = np.repeat(np.arange(7), [5, 9, 30, 11, 8, 20, 10])
weight = rng.uniform(0.1, 3, N)
SHUFFLED = KFold(3, shuffle=True, random_state=1)
RATES = {"learning_rate": [0.003, 0.03]}
LOSSES = [
    {"loss": ["cross_entropy"], **RATES},
    {"loss": ["focal:gamma=1", "focal:gamma=3"], "learning_rate": [0.01]},
]


def net(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 6, "random_state": 0}
    return LossAwareClassifier(**common | {"dropout": 0.1} | params)


def regressor(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 6, "random_state": 0}
    return LossAwareRegressor(**common | {"dropout": 0.1} | params)


TARGETS = {
    "binary": (net(), LOSSES, binary, "neg_log_loss"),
    "multiclass": (net(), LOSSES, three, "neg_log_loss"),
    "multilabel": (
        net(),
        RATES,
        np.column_stack([signal > 0, X[:, 2] > 0]).astype(int),
        "roc_auc",
    ),
    "regression": (
        regressor(),
        {"loss": ["squared_error", "huber"], **RATES},
        100 * signal,
        "neg_mean_squared_error",
    ),
    "two targets": (
        regressor(),
        {"loss": ["squared_error", "pinball:quantile=0.5"], **RATES},
        np.column_stack([signal, X[:, 2] * 50]),
        "r2",
    ),
}


# Two classes have the tests of splits and of metrics.
@pytest.mark.parametrize(
    "kind", some_slow(TARGETS, ("binary", "multilabel", "two targets"))
)
def test_each_kind_of_target(kind):
    estimator, grid, y, metric = TARGETS[kind]
    fused, plain = both(estimator, grid, X, y, cv=SHUFFLED, scoring=metric)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)


def test_default_scoring_is_the_score_of_the_estimator():
    fused, plain = both(net(), RATES, X, three, cv=3)
    assert_same(fused, plain, within=1.001 / 31)
    fused, plain = both(regressor(), RATES, X, signal, cv=3)
    assert_same(fused, plain)


SPLITS = {
    "shuffled": SHUFFLED,
    "stratified": StratifiedKFold(3),
    "grouped, unequal": GroupKFold(3),
    "random halves": ShuffleSplit(3, test_size=0.4, random_state=2),
    "an iterable": [
        (np.arange(60), np.arange(60, 93)),
        (np.arange(20, 93), np.arange(20)),
    ],
    "masks": [(np.arange(N) % 3 > 0, np.arange(N) % 3 == 0)],
    "a number": 4,
}


# What scikit-learn makes of these comes to the search as one of the others.
AS_OTHERS = ("shuffled", "stratified", "an iterable", "a number")


@pytest.mark.parametrize("cv", some_slow(SPLITS, AS_OTHERS))
def test_each_kind_of_split(cv):
    grid = {"loss": ["cross_entropy", "hinge"], **RATES}
    metrics = ["accuracy", "roc_auc"]
    fit = {"groups": groups} if cv.startswith("grouped") else None
    fused, plain = both(
        net(), grid, X, three > 0, cv=SPLITS[cv], scoring=metrics, refit=False, fit=fit
    )
    smallest = min(len(test) for _, test in splits_of(SPLITS[cv]))
    assert_same(fused, plain, accuracy=1.001 / smallest)


def splits_of(cv):
    if hasattr(cv, "split"):
        grouped = groups if isinstance(cv, GroupKFold) else None
        return list(cv.split(X, three > 0, grouped))
    if isinstance(cv, int):
        return list(StratifiedKFold(cv).split(X, three > 0))
    return [(train, np.arange(N)[test]) for train, test in cv]


def test_a_generator_of_splits_is_drawn_once():
    def splits():
        return ((train, test) for train, test in SHUFFLED.split(X))

    fused, _ = both(net(), RATES, X, binary, cv=3, scoring="neg_log_loss")
    fused.set_params(cv=splits()).fit(X, binary)
    again = fused.set_params(cv=SHUFFLED).fit(X, binary)
    assert again.n_splits_ == 3


@pytest.mark.slow
def test_sample_weight_is_sliced_by_fold():
    fit = {"sample_weight": weight}
    fused, plain = both(
        net(), LOSSES, X, binary, cv=SHUFFLED, scoring="neg_log_loss", fit=fit
    )
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)
    unweighted, _ = both(net(), LOSSES, X, binary, cv=SHUFFLED, scoring="neg_log_loss")
    key = "mean_test_score"
    difference = fused.cv_results_[key] - unweighted.cv_results_[key]
    assert np.abs(difference).max() > 1e-3


def two_metrics(estimator, X, y):
    p = estimator.predict_proba(X)
    return {"loss": -log_loss(y, p), "auc": roc_auc_score(y, p[:, 1])}


def second(results):
    """A rule of one's own: the second candidate of the ranking."""
    return int(np.flatnonzero(results["rank_test_auc"] == 2)[0])


METRICS = {
    "list, refit by name": (["neg_log_loss", "roc_auc"], "roc_auc"),
    "dict, refit by name": (
        {
            "ll": make_scorer(
                log_loss, response_method="predict_proba", greater_is_better=False
            ),
            "auc": "roc_auc",
        },
        "ll",
    ),
    "dict, refit callable": ({"auc": "roc_auc", "ll": "neg_log_loss"}, second),
    "list, no refit": (["neg_log_loss", "roc_auc"], False),
    "callable, a dict": (two_metrics, "auc"),
    "callable, refit callable": (two_metrics, second),
    "callable, a number": (lambda e, X, y: e.score(X, y), True),
    "one, refit callable": (
        "roc_auc",
        lambda results: int(np.argmin(results["mean_test_score"])),
    ),
    "one, no refit": ("roc_auc", False),
}
UNLIKELY = (
    "dict, refit callable",
    "callable, refit callable",
    "one, refit callable",
    "callable, a dict",
)


@pytest.mark.parametrize("metrics", some_slow(METRICS, UNLIKELY))
@pytest.mark.slow
def test_metrics_and_refit(metrics):
    scoring, refit = METRICS[metrics]
    fused, plain = both(
        net(),
        LOSSES,
        X,
        three > 0,
        cv=SHUFFLED,
        scoring=scoring,
        refit=refit,
        return_train_score=True,
    )
    number = metrics == "callable, a number"
    assert_same(fused, plain, within=1.001 / 31 if number else 1e-4)
    if refit and not number:
        assert_same_best(fused, plain, X)


def test_pandas_names_reach_the_winner():
    table = pd.DataFrame(X, columns=list("abcd"))
    target = pd.Series(binary)
    fused, plain = both(
        net(), RATES, table, target, cv=SHUFFLED, scoring="neg_log_loss"
    )
    assert_same(fused, plain)
    assert_same_best(fused, plain, table)
    assert fused.feature_names_in_.tolist() == plain.feature_names_in_.tolist()
    with pytest.raises(ValueError, match="feature names"):
        fused.predict(table[list("bacd")])


@pytest.mark.parametrize(
    "make", [csr_array, pytest.param(csr_matrix, marks=pytest.mark.slow)]
)
def test_sparse_tables(make):
    table = make(np.where(np.abs(X) > 0.5, X, 0))
    fused, plain = both(
        net(), RATES, table, binary, cv=SHUFFLED, scoring="neg_log_loss"
    )
    assert_same(fused, plain)
    assert_same_best(fused, plain, table)


def test_lists_instead_of_arrays():
    fused, plain = both(
        net(), RATES, X.tolist(), binary.tolist(), cv=SHUFFLED, scoring="neg_log_loss"
    )
    assert_same(fused, plain)


@pytest.mark.slow
def test_randomised_search_draws_the_same_candidates():
    space = {"loss": ["cross_entropy", "focal"], "learning_rate": loguniform(1e-3, 0.1)}
    fused, plain = both(
        net(),
        space,
        X,
        binary,
        cls=FusedRandomizedSearchCV,
        n_iter=5,
        random_state=3,
        cv=SHUFFLED,
        scoring="neg_log_loss",
    )
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)


@pytest.mark.slow
def test_many_labels_and_classes():
    X, Y = make_multilabel_classification(93, 4, n_classes=3, random_state=0)
    grid = {"loss": ["cross_entropy", "asymmetric_loss"]}
    fused, plain = both(net(), grid, X, Y, cv=3, scoring="roc_auc", refit=False)
    assert_same(fused, plain)
    X, y = make_classification(
        120, 4, n_informative=4, n_redundant=0, n_classes=5, random_state=0
    )
    fused, plain = both(net(), LOSSES, X, y, cv=3, scoring="roc_auc_ovr")
    assert_same(fused, plain)
