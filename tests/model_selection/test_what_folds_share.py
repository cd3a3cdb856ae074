"""What the candidates of a fold have in common is computed once, and only that."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.estimators import _class_target, _prepare
from skloss.model_selection import FusedGridSearchCV

N = 90
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 3))
CODES = np.digitize(X[:, 0] + 0.3 * rng.normal(size=N), [-0.5, 0.5])
WORDS = np.array(["low", "middle", "high"])[CODES]
ORDERED = pd.Series(pd.Categorical(WORDS, ["low", "middle", "high"], ordered=True))
CV = StratifiedKFold(3)
NET = LossAwareClassifier(
    network=(4,), epochs=3, batch_size=16, early_stopping=True, random_state=0
)
# all that rows which are set aside depend on: their share, the seed, the codes of y
GRID = {
    "validation_fraction": [0.1, 0.3],
    "random_state": [0, 1],
    "loss": ["cross_entropy", "coral"],
}


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.slow
def test_rows_are_read_and_split_once_for_each_fold(piped, monkeypatch):
    counts = {"read": 0, "split": 0}

    def counted(name, function):
        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(
        _class_target, "read_table", counted("read", _class_target.read_table)
    )
    monkeypatch.setattr(_prepare, "split_rows", counted("split", _prepare.split_rows))
    estimator, prefix = NET, ""
    if piped:
        estimator = make_pipeline(StandardScaler(), NET)
        prefix = "lossawareclassifier__"
    grid = {f"{prefix}learning_rate": [1e-3, 1e-2], f"{prefix}l2": [0.0, 1e-3]}
    FusedGridSearchCV(estimator, grid, cv=CV, refit=False).fit(X, CODES)
    assert counts == {"read": 3, "split": 3}


@pytest.mark.slow
def test_candidates_that_set_other_rows_aside_are_as_in_grid_search_cv():
    common = {"cv": CV, "scoring": "neg_log_loss", "refit": False}
    fused = FusedGridSearchCV(NET, GRID, **common).fit(X, ORDERED)
    alone = GridSearchCV(NET, GRID, **common).fit(X, ORDERED)
    for name in ("params", "split0_test_score", "split2_test_score"):
        ours, theirs = fused.cv_results_[name], alone.cv_results_[name]
        if name == "params":
            assert list(ours) == list(theirs)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert len(set(fused.cv_results_["mean_test_score"])) == 8
