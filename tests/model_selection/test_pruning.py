"""Who leaves a search early, at which epoch, and that nobody else notices."""

from functools import cache

import numpy as np
import optuna
import pytest
from searches import equal_bits, unequal
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold

from skloss import LossAwareClassifier
from skloss._engine import _population, trace_count
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
RATES = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.04, 0.08, 0.2]
GRID = {"learning_rate": RATES}
SPLITS = [f"split{i}_test_score" for i in range(3)]


def net(**params):
    common = {"network": (8,), "batch_size": 32, "epochs": 18, "random_state": 0}
    return LossAwareClassifier(**common | {"dropout": 0.1} | params)


def search(pruner=None, grid=None, estimator=None, **arguments):
    common = {"cv": CV, "scoring": "neg_log_loss", "refit": False}
    return FusedGridSearchCV(
        estimator or net(), grid or GRID, pruner=pruner, **common | arguments
    )


@cache
def results_after(epochs):
    """Return what is found when all candidates are trained for so many epochs."""
    return search(estimator=net(epochs=epochs)).fit(X, y).cv_results_


@cache
def results_of_thirds():
    """Return what is found when a third goes on at epochs 2 and 6."""
    return search(SuccessiveHalving(2, 3)).fit(X, y).cv_results_


def best(scores, among, count):
    return sorted(among, key=lambda i: -scores[i])[:count]


def test_successive_halving_keeps_the_best_third_at_each_rung():
    # nine candidates at epoch 2, three of them at 6, one of these until 18
    after = {epochs: results_after(epochs)["mean_test_score"] for epochs in (2, 6, 18)}
    three = best(after[2], range(9), 3)
    one = best(after[6], three, 1)
    results = results_of_thirds()
    for i in range(9):
        epochs = 18 if i in one else 6 if i in three else 2
        said = "finished" if i in one else f"pruned at epoch {epochs}"
        assert results["outcome"][i] == said
        assert results["epochs_run"][i] == epochs
        score = results["mean_test_score"][i]
        assert score == pytest.approx(after[epochs][i], abs=1e-5)
    # the ranking is that of the scores, wherever training ended
    expected = np.argsort(np.argsort(-results["mean_test_score"])) + 1
    np.testing.assert_array_equal(results["rank_test_score"], expected)


@pytest.mark.parametrize(
    ("rule", "n", "kept"),
    [
        (SuccessiveHalving(1, 2.0), 5, [(1, 3), (2, 2), (4, 1), (8, 1), (16, 1)]),
        (SuccessiveHalving(5, 3.0), 4, [(5, 2), (15, 1)]),
        (SuccessiveHalving(4, 1.5), 3, [(4, 2), (6, 2), (9, 2), (13, 2)]),
        (SuccessiveHalving(18, 3), 3, []),
        (SuccessiveHalving(100, 3), 3, []),
    ],
)
def test_rungs_and_shares(rule, n, kept):
    """``kept`` is worked out by hand: epochs, and how many of those there go on."""
    results = search(rule, {"learning_rate": RATES[:n]}).fit(X, y).cv_results_
    epochs = []
    for (epoch, before), after in zip(
        zip([e for e, _ in kept], [n, *(k for _, k in kept)], strict=False),
        [k for _, k in kept],
        strict=True,
    ):
        epochs += [epoch] * (before - after)
    epochs += [18] * (n - len(epochs))
    assert sorted(results["epochs_run"]) == epochs


def test_the_survivors_are_trained_as_if_nobody_had_left():
    plain = results_after(18)
    results = search(SuccessiveHalving(2, 2)).fit(X, y).cv_results_
    stayed = results["outcome"] == "finished"
    assert 0 < stayed.sum() < 5
    for key in SPLITS:
        np.testing.assert_allclose(
            results[key][stayed], plain[key][stayed], rtol=0, atol=1e-5
        )


@pytest.mark.slow
def test_candidates_of_several_structures_compete():
    grid = {"loss": ["cross_entropy", "brier", "focal"], "network": [(8,), (4,)]}
    after = search(grid=grid, estimator=net(epochs=3)).fit(X, y).cv_results_
    results = search(SuccessiveHalving(3, 3), grid).fit(X, y).cv_results_
    two = best(after["mean_test_score"], range(6), 2)
    assert sorted(np.flatnonzero(results["epochs_run"] > 3)) == sorted(two)


def test_candidates_with_fewer_epochs_finish_on_the_way():
    grid = {"epochs": [2, 4, 18], "learning_rate": [0.003, 0.01, 0.03]}
    results = search(SuccessiveHalving(3, 3), grid).fit(X, y).cv_results_
    alone = search(grid={**grid, "epochs": [2]}).fit(X, y).cv_results_
    short = [params["epochs"] == 2 for params in results["params"]]
    assert (results["outcome"][short] == "finished").all()
    assert (results["epochs_run"][short] == 2).all()
    for key in SPLITS:
        np.testing.assert_allclose(results[key][short], alone[key], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_candidate_that_diverges_does_not_go_on():
    grid = {"learning_rate": [0.01, 1e30, 0.03]}
    estimator = net(loss="exponential", optimizer="sgd")
    own = search(SuccessiveHalving(6, 3), grid, estimator)
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.warns(FitFailedWarning, match="diverged"),
    ):
        results = own.fit(X, y).cv_results_
    assert "diverged" in results["outcome"][1]
    assert results["epochs_run"][1] < 6
    assert np.isnan(results["mean_test_score"][1])
    assert sorted(results["outcome"][[0, 2]]) == ["finished", "pruned at epoch 6"]


@pytest.mark.slow
def test_early_stopping_and_pruning():
    estimator = net(early_stopping=True, patience=2, validation_fraction=0.2)
    plain = search(estimator=estimator).fit(X, y).cv_results_
    results = search(SuccessiveHalving(4, 2), estimator=estimator).fit(X, y)
    results = results.cv_results_
    stayed = [not text.startswith("pruned") for text in results["outcome"]]
    assert 0 < sum(stayed) < 9
    for key in ["epochs_run", *SPLITS]:
        np.testing.assert_allclose(
            results[key][stayed], plain[key][stayed], rtol=0, atol=1e-5
        )


def test_several_metrics_the_one_of_refit_decides():
    def survivors(refit):
        metrics = ["neg_log_loss", "roc_auc"]
        own = search(SuccessiveHalving(2, 9), scoring=metrics, refit=refit).fit(X, y)
        outcome = own.cv_results_["outcome"]
        return int(np.flatnonzero(outcome == "finished")[0])

    metrics = ["neg_log_loss", "roc_auc"]
    early = search(estimator=net(epochs=2), scoring=metrics).fit(X, y).cv_results_
    for metric in metrics:
        assert survivors(metric) == np.argmax(early[f"mean_test_{metric}"])


PRUNERS = {
    "median": optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=3),
    "halving": optuna.pruners.SuccessiveHalvingPruner(2, 3),
    "hyperband": optuna.pruners.HyperbandPruner(1, 8, 2),
    "percentile": optuna.pruners.PercentilePruner(50.0, n_startup_trials=2),
    "threshold": optuna.pruners.ThresholdPruner(lower=-0.7, n_warmup_steps=5),
    "nobody": optuna.pruners.NopPruner(),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "hyperband" else pytest.mark.slow)
        for name in PRUNERS
    ],
)
def test_the_pruners_of_optuna(name):
    # the worst come last: in the first group of 16, and in the second
    grid = {"learning_rate": np.geomspace(0.05, 1e-4, 20)}
    estimator = net(epochs=8)
    plain = search(grid=grid, estimator=estimator).fit(X, y).cv_results_
    results = search(PRUNERS[name], grid, estimator).fit(X, y).cv_results_
    pruned = np.array([text.startswith("pruned") for text in results["outcome"]])
    for i in np.flatnonzero(pruned):
        at = int(results["epochs_run"][i])
        assert results["outcome"][i] == f"pruned at epoch {at}"
    for key in SPLITS:
        np.testing.assert_allclose(
            results[key][~pruned], plain[key][~pruned], rtol=0, atol=1e-5
        )
    assert pruned.any() == (name != "nobody")
    if name == "threshold":
        after = search(grid=grid, estimator=net(epochs=5)).fit(X, y).cv_results_
        below = after["mean_test_score"] < -0.7
        np.testing.assert_array_equal(results["epochs_run"] == 5, below)
    if name == "median":  # of the first sixteen, all of which are trained in full
        third = search(grid=grid, estimator=net(epochs=3)).fit(X, y).cv_results_
        means = third["mean_test_score"]
        assert not pruned[:16].any()
        left = results["epochs_run"][16:] == 3
        np.testing.assert_array_equal(left, means[16:] < np.median(means[:16]))
    again = search(PRUNERS[name], grid, estimator).fit(X, y).cv_results_
    assert unequal(results, again) == set()


WRONG = {
    "a name": ("median", TypeError, "pruner='median' must be None, SuccessiveHalving"),
    "a class": (SuccessiveHalving, TypeError, "must be None, SuccessiveHalving"),
    "no epochs": (
        SuccessiveHalving(0, 3),
        ValueError,
        "min_epochs=0 must be an integer >= 1",
    ),
    "nothing to drop": (SuccessiveHalving(2, 1), ValueError, "factor=1 must be in"),
    "not a number": (SuccessiveHalving(2, float("nan")), ValueError, "factor=nan"),
    "text": (SuccessiveHalving("2", 3), TypeError, "min_epochs='2'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_pruners_fail_before_training(name):
    pruner, error, says = WRONG[name]
    before = trace_count()
    with pytest.raises(error, match=says):
        search(pruner, estimator=net(network=(3, 2))).fit(X, y)
    assert trace_count() == before


def test_a_randomised_search_prunes_too():
    arguments = {"cv": CV, "refit": False, "random_state": 0, "n_iter": 4}
    own = FusedRandomizedSearchCV(
        net(), GRID, pruner=SuccessiveHalving(2, 2), **arguments
    )
    assert sorted(own.fit(X, y).cv_results_["epochs_run"]) == [2, 2, 4, 18]


def test_a_pruner_of_ones_own_prints_as_its_code():
    assert repr(SuccessiveHalving(2, 2.5)) == (
        "SuccessiveHalving(min_epochs=2, factor=2.5)"
    )
    assert SuccessiveHalving().min_epochs == 5


def test_twice_the_same_pruning():
    again = search(SuccessiveHalving(2, 3)).fit(X, y).cv_results_
    assert unequal(results_of_thirds(), again) == set()


def test_the_winner_is_refitted_in_full():
    own = search(SuccessiveHalving(2, 3), refit=True).fit(X, y)
    assert own.best_estimator_.n_epochs_ == 18
    plain = net(**own.best_params_).fit(X, y)
    assert equal_bits(own.predict_proba(X), plain.predict_proba(X))


@pytest.mark.slow
def test_compiled_pools_are_not_traced_anew_at_every_rung(monkeypatch):
    monkeypatch.setattr(_population, "MIN_COMPILED", 0)
    grid = {"learning_rate": np.geomspace(1e-4, 0.2, 48)}
    estimator = net(network=(5,))
    before = trace_count()
    search(grid=grid, estimator=estimator).fit(X, y)
    plain = trace_count() - before
    assert plain >= 1
    own = search(SuccessiveHalving(2, 3), grid, estimator).fit(X, y).cv_results_
    # 48 candidates, 16, 6: of three folds 9 pools of 16, then 3, then one and a rest
    assert sorted(own["epochs_run"]) == [2] * 32 + [6] * 10 + [18] * 6
    assert trace_count() - before == plain + 1
