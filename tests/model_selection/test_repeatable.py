"""The same search twice, and what a search leaves untouched; what it holds."""

import random
import threading

import joblib
import numpy as np
import pytest
import tensorflow as tf
from searches import equal_bits, unequal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss._engine import _population, _sizes
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedRandomizedSearchCV,
    SuccessiveHalving,
)

N = 93
rng = np.random.RandomState(0)
X = rng.randn(N, 4)
signal = X[:, 0] - X[:, 1] ** 2 + 0.5 * rng.randn(N)
y = (signal > np.median(signal)).astype(int)
CV = KFold(3, shuffle=True, random_state=1)
GRID = {"loss": ["cross_entropy", "brier"], "learning_rate": [0.003, 0.03]}
SPLITS = [f"split{i}_test_score" for i in range(3)]


def net(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 5, "random_state": 0}
    return LossAwareClassifier(**common | {"dropout": 0.2} | params)


def search(estimator=None, grid=GRID, **arguments):
    common = {"cv": CV, "scoring": "neg_log_loss"}
    return FusedGridSearchCV(estimator or net(), grid, **common | arguments)


@pytest.mark.parametrize("pruner", [None, SuccessiveHalving(2, 2)])
@pytest.mark.slow
def test_the_same_search_twice_and_in_two_threads(pruner, monkeypatch):
    monkeypatch.setattr(_sizes, "SIZES", (1, 2))  # so that there is work for two
    first, second, threads = (
        search(n_jobs=n_jobs, pruner=pruner).fit(X, y) for n_jobs in (1, 1, 2)
    )
    assert unequal(first.cv_results_, second.cv_results_) == set()
    assert unequal(first.cv_results_, threads.cv_results_) == set()
    for other in (second, threads):
        assert equal_bits(first.predict_proba(X), other.predict_proba(X))


def test_a_randomised_search_twice():
    arguments = {"n_iter": 3, "random_state": 7, "cv": CV}
    one, two = (
        FusedRandomizedSearchCV(net(), GRID, **arguments).fit(X, y) for _ in range(2)
    )
    assert unequal(one.cv_results_, two.cv_results_) == set()


def test_the_order_of_candidates_does_not_matter():
    grid = [{"learning_rate": [0.003]}, {"learning_rate": [0.03]}]
    a, b = (search(grid=g).fit(X, y).cv_results_ for g in (grid, grid[::-1]))
    for key in SPLITS:
        np.testing.assert_allclose(a[key], b[key][::-1], rtol=0, atol=1e-6)


def global_states():
    tf_generator = tf.random.get_global_generator().state.numpy().tolist()
    _, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), keys.tolist(), rest, tf_generator


def test_global_random_states_are_untouched_where_all_is_seeded():
    before = global_states()
    search().fit(X, y)
    assert global_states() == before


@pytest.mark.parametrize("cls", [FusedGridSearchCV, GridSearchCV])
def test_a_splitter_without_seed_draws_as_ever(cls):
    cv = ShuffleSplit(3, test_size=0.3)
    np.random.seed(0)  # noqa: NPY002
    own = cls(net(), {"l2": [0.0]}, cv=cv).fit(X, y)
    np.random.seed(0)  # noqa: NPY002
    plain = GridSearchCV(net(), {"l2": [0.0]}, cv=cv).fit(X, y)
    for key in SPLITS:
        np.testing.assert_allclose(
            own.cv_results_[key], plain.cv_results_[key], rtol=0, atol=1.001 / 28
        )


def test_what_is_given_is_not_written_to():
    scaler, estimator = StandardScaler(), net()
    pipe = Pipeline([("scale", scaler), ("net", estimator)])
    table, target = X.copy(), y.copy()
    table.setflags(write=False)
    target.setflags(write=False)
    other = MinMax()
    grid = {"scale": [scaler, other, "passthrough"], "net": [estimator, net(l2=1.0)]}
    states = {id(e): dict(vars(e)) for e in (scaler, estimator, other, pipe)}
    params = joblib.hash(grid)
    search(pipe, grid).fit(table, target)
    for e in (scaler, estimator, other, pipe):
        assert dict(vars(e)) == states[id(e)]
    assert joblib.hash(grid) == params
    assert not hasattr(scaler, "mean_")


class MinMax(TransformerMixin, BaseEstimator):
    """Counts how often it is fitted, wherever it is cloned to."""

    fits = 0

    def __init__(self, low=0.0, span=np.ptp):
        self.low, self.span = low, span

    def fit(self, X, y=None):
        MinMax.fits += 1
        self.span_ = self.span(X, axis=0)
        return self

    def transform(self, X):
        return X / self.span_ + self.low


@pytest.mark.parametrize("span", [np.ptp, lambda X, axis: np.ptp(X, axis=axis)])
def test_earlier_steps_are_fitted_once_for_each_fold_and_setting(span):
    pipe = Pipeline([("first", MinMax(span=span)), ("net", net())])
    grid = {"first__low": [0.0, 1.0], "net__learning_rate": [0.003, 0.01, 0.03]}
    MinMax.fits = 0
    search(pipe, grid, refit=False).fit(X, y)
    assert MinMax.fits == 3 * 2  # folds, settings; not 18
    MinMax.fits = 0
    search(pipe, grid, refit=False, pruner=SuccessiveHalving(2, 2)).fit(X, y)
    assert MinMax.fits == 3 * 2
    MinMax.fits = 0
    search(pipe, grid).fit(X, y)
    assert MinMax.fits == 3 * 2 + 1


def test_without_a_seed_all_networks_of_a_search_share_one():
    estimator = net(random_state=None, epochs=3)
    results = search(estimator, {"l2": [0.0, 0.0, 0.0]}).fit(X, y).cv_results_
    for key in SPLITS:
        np.testing.assert_allclose(results[key], results[key][0], rtol=0, atol=1e-6)
    again = search(estimator, {"l2": [0.0]}).fit(X, y)
    assert again.cv_results_["mean_test_score"][0] != results["mean_test_score"][0]
    assert again.best_estimator_.random_state is None
    np.random.seed(5)  # noqa: NPY002
    one = search(estimator, {"l2": [0.0]}, refit=False).fit(X, y).cv_results_
    np.random.seed(5)  # noqa: NPY002
    two = search(estimator, {"l2": [0.0]}, refit=False).fit(X, y).cv_results_
    assert unequal(one, two) == set()


def test_a_random_state_object_is_consumed_as_scikit_learn_does():
    estimator = net(random_state=np.random.RandomState(3))
    own, plain = (
        cls(clone(estimator), {"l2": [0.0, 0.1]}, cv=CV, scoring="neg_log_loss")
        for cls in (FusedGridSearchCV, GridSearchCV)
    )
    own.fit(X, y)
    plain.fit(X, y)
    for key in SPLITS:
        np.testing.assert_allclose(
            own.cv_results_[key], plain.cv_results_[key], rtol=1e-4, atol=1e-4
        )


class Memory:
    """The most memory that a block has taken beyond what there was, in MB."""

    def __enter__(self):
        self.process = pytest.importorskip("psutil").Process()
        self.before = self.most = self.now()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def now(self):
        return self.process.memory_info().rss

    def watch(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, self.now())

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()
        self.peak = (self.most - self.before) / 2**20


@pytest.mark.slow
@pytest.mark.parametrize("pruner", [None, SuccessiveHalving(1, 2)])
def test_memory_for_two_thousand_networks(pruner, monkeypatch):
    monkeypatch.setattr(_population, "MIN_COMPILED", 0)
    big_X = np.random.RandomState(1).randn(4000, 50)
    big_y = (big_X[:, 0] > 0).astype(int)
    # Small networks: what they hold themselves, and what compiling takes, is not asked.
    estimator = net(network=(4,), batch_size=1024, epochs=2)

    def fitted(n):
        grid = {"learning_rate": np.geomspace(1e-4, 0.1, n)}
        own = search(estimator, grid, cv=5, refit=False, pruner=pruner)
        return own.fit(big_X, big_y).cv_results_

    fitted(64)  # traces and compiles
    with Memory() as memory:
        results = fitted(400)
    assert len(results["params"]) == 400  # of five folds: 2,000 networks
    assert np.isfinite(results["mean_test_score"]).all()
    # A table of 3,200 rows takes 0.6 MB in float32, its targets and weights 0.06 MB.
    # With one each, 2,000 networks would take 1,400 MB; a table for each of 125 pools,
    # 390 MB; one's own targets and weights, 120 MB.
    assert memory.peak < 80, memory.peak
