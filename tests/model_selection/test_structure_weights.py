"""Structures of a search take turns: which are kept, and what few rows let them count.

Weights are calculated by hand, from the scores of folds alone.
"""

import numpy as np
import pytest
from canonical import NET, X, y_binary
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV
from skloss.model_selection._best_so_far import BestSoFar
from skloss.model_selection._scored import Scored
from skloss.model_selection._structure_weights import weigh_structures

KINDS = ["wide", "wide", "wide", "deep", "wide", "linear", "deep", "deep"]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, np.nan]


@pytest.mark.parametrize(
    "order", [range(8), range(7, -1, -1), [3, 7, 0, 5, 1, 6, 2, 4]]
)
@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (1, {0}),
        (3, {0, 3, 5}),
        (4, {0, 1, 3, 5}),
        (5, {0, 1, 3, 5, 6}),
        (7, set(range(7))),
    ],
)
def test_the_best_of_each_structure_is_kept_first(order, count, kept):
    best = BestSoFar(None, count, lambda _, folds: folds[0].estimator)
    left = set(range(8))
    for i in order:
        left.discard(best.find_loser(i, [Scored(SCORES[i], estimator=KINDS[i])]))
    assert left == kept


def test_a_structure_counts_by_its_gap_in_standard_errors():
    noise = np.array([1.0, -1.0, 1.0, -1.0])  # standard error sqrt(4 / 3) / 2
    error = np.sqrt(1 / 3)
    scores = np.array([noise, noise - 0.1, noise - 0.5 * error, noise * 0 - 3 * error])
    found = weigh_structures(scores, ["a", "a", "b", "c"])
    shares = np.array([1.0, 0.0, np.exp(-0.5), np.exp(-3.0)])
    np.testing.assert_allclose(found, shares / shares.sum(), rtol=1e-12)


@pytest.mark.parametrize(
    ("scores", "left_out", "weights"),
    [
        ([[2.0], [1.0], [2.0]], None, [0.5, 0.0, 0.5]),  # of one fold no error is known
        ([[2.0, 9.0], [1.0, 9.0], [2.0, 0.0]], 1, [0.5, 0.0, 0.5]),
        ([[2.0, 2.0], [1.0, 1.0], [2.0, 2.0]], None, [0.5, 0.0, 0.5]),
        ([[2.0], [1.0], [1.0]], 0, [1.0, 0.0, 0.0]),  # nothing would be left
    ],
)
def test_without_an_error_the_best_counts_alone(scores, left_out, weights):
    found = weigh_structures(np.array(scores), ["a", "b", "c"], left_out)
    assert found.tolist() == weights


def test_few_rows_promise_what_is_weighed_without_each_fold():
    grid = {"learning_rate": [0.003, 0.03], "network": [(8,), ()]}
    net, cv = LossAwareClassifier(**NET), StratifiedKFold(3)
    common = {"cv": cv, "scoring": "neg_log_loss", "ensemble": "greedy", "keep": 3}
    search = FusedGridSearchCV(net, grid, refit=False, **common).fit(X, y_binary)
    results = search.cv_results_
    folds = np.stack([results[f"split{k}_test_score"] for k in range(3)], axis=1)
    kinds = [len(params["network"]) for params in results["params"]]
    firsts = [
        max(np.flatnonzero(np.equal(kinds, n)), key=lambda i: folds[i].mean())
        for n in (0, 1)
    ]
    assert set(firsts) < set(search.oof_predictions_)

    def weigh(folds):
        means, weights = folds.mean(axis=1), np.zeros(4)
        kept = list(search.oof_predictions_)
        own = [
            max((i for i in kept if kinds[i] == n), key=lambda i: means[i])
            for n in (0, 1)
        ]
        best = max(own, key=lambda i: means[i])
        error = folds[best].std(ddof=1) / np.sqrt(folds.shape[1])
        weights[own] = np.exp((means[own] - means[best]) / error)
        return weights / weights.sum()

    np.testing.assert_allclose(search.ensemble_weights_, weigh(folds), rtol=1e-9)
    promised = []
    for k, (_, test) in enumerate(cv.split(X, y_binary)):
        weights = weigh(np.delete(folds, k, axis=1))
        p = sum(weights[i] * own[test] for i, own in search.oof_predictions_.items())
        promised.append(-log_loss(y_binary[test], p))
    assert search.ensemble_score_ == pytest.approx(np.mean(promised), rel=1e-6)


def test_earlier_steps_are_part_of_a_structure():
    net = LossAwareClassifier(**NET)
    grid = {"scale": [StandardScaler(), "passthrough"]}
    grid["net__learning_rate"] = [0.01, 0.02, 0.03]
    pipe = Pipeline([("scale", None), ("net", net)])
    common = {"cv": 3, "ensemble": "greedy", "keep": 2, "refit": False}
    search = FusedGridSearchCV(pipe, grid, **common).fit(1000 * X, y_binary)
    params = search.cv_results_["params"]
    kept = {str(params[i]["scale"]) for i in search.oof_predictions_}
    assert kept == {"StandardScaler()", "passthrough"}
