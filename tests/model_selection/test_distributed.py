"""Searches on threads, processes and a cluster: the same results."""

import os
import signal
import sys
import threading
import time

import joblib
import numpy as np
import pytest
from joblib.parallel import ThreadingBackend
from sklearn.datasets import load_iris
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, SuccessiveHalving

X, Y = load_iris(return_X_y=True)
NET = LossAwareClassifier(
    network=(4,), epochs=4, batch_size=32, learning_rate=0.03, random_state=0
)
PIPE = Pipeline([("scale", StandardScaler()), ("net", NET)])
# each loss trains in a program of its own: there is something to distribute
GRID = {"net__loss": ["cross_entropy", "brier", "focal"], "net__l2": [0.0, 1e-3]}


def searched(grid=GRID, estimator=PIPE, **options):
    given = {"scoring": "neg_log_loss", "cv": 3, "refit": False}
    return FusedGridSearchCV(estimator, grid, **{**given, **options}).fit(X, Y)


def assert_same(found, expected):
    """Assert that two searches have the same rows, scores and ends."""
    ours, theirs = found.cv_results_, expected.cv_results_
    assert set(ours) == set(theirs)
    assert ours["params"] == theirs["params"]
    for key in theirs:
        if "test_score" in key:
            np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-5, err_msg=key)
    for key in ("outcome", "epochs_run", "resolved_loss"):
        assert ours[key].tolist() == theirs[key].tolist()


@pytest.fixture(scope="module")
def alone():
    return searched()


@pytest.fixture(scope="module")
def halved():
    return searched(pruner=SuccessiveHalving(min_epochs=2, factor=2))


def test_threads_find_the_same(alone):
    assert_same(searched(n_jobs=2), alone)


class WithoutGenerators(ThreadingBackend):
    """Gives all results in the end, as Ray's backend does."""

    supports_return_generator = False


@pytest.mark.parametrize("pruned", [False, True])
def test_a_backend_without_generators_finds_the_same(alone, halved, pruned):
    joblib.register_parallel_backend("without generators", WithoutGenerators)
    pruner = SuccessiveHalving(min_epochs=2, factor=2) if pruned else None
    with joblib.parallel_config(backend="without generators"):
        found = searched(n_jobs=2, pruner=pruner)
    assert_same(found, halved if pruned else alone)


def test_threads_prune_the_same(halved):
    found = searched(n_jobs=2, pruner=SuccessiveHalving(min_epochs=2, factor=2))
    assert_same(found, halved)
    assert "pruned at epoch 2" in found.cv_results_["outcome"]


@pytest.mark.slow
def test_processes_find_the_same(alone, halved):
    """Pools go there and come back, also in mid-training."""
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_same(searched(), alone)
        pruner = SuccessiveHalving(min_epochs=2, factor=2)
        assert_same(searched(pruner=pruner), halved)


@pytest.fixture
def cluster():
    """Two worker processes that begin with nothing loaded."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",  # any port that is free
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")
def test_a_cluster_finds_the_same(cluster, alone, halved):
    with joblib.parallel_config(backend="dask"):
        assert_same(searched(), alone)
        pruner = SuccessiveHalving(min_epochs=2, factor=2)
        assert_same(searched(pruner=pruner), halved)
    loaded = cluster.run(lambda: "skloss._engine" in sys.modules)
    assert list(loaded.values()) == [True, True]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")
def test_a_worker_may_be_killed(cluster):
    """Its pools are trained again elsewhere, and no score changes."""
    long = Pipeline([("scale", StandardScaler()), ("net", NET)])
    long.set_params(net__epochs=5_000)
    expected = searched(estimator=long)
    killed = []

    def kill_the_first_that_works():
        for _ in range(600):
            for address, keys in cluster.processing().items():
                if keys:
                    time.sleep(1)
                    pid = cluster.run(os.getpid)[address]
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                    return
            time.sleep(0.1)

    killer = threading.Thread(target=kill_the_first_that_works)
    killer.start()
    with joblib.parallel_config(backend="dask"):
        found = searched(estimator=long)
    killer.join()
    assert killed
    assert_same(found, expected)
