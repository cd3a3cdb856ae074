"""Ctrl-C in the ensemble, or after it, leaves what is finished."""

import numpy as np
import pytest
from canonical import NET, X, y_binary
from sklearn.metrics import log_loss, make_scorer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skloss import LossAwareClassifier
from skloss.model_selection import FusedOptunaSearchCV

SPACE = {"net__learning_rate": (0.003, 0.03, "log")}


class Interrupts:
    """Raises KeyboardInterrupt where it is called for the n-th time with all rows."""

    def __init__(self, call):
        self.call = call

    def __call__(self, *tables):
        if len(tables[0]) == len(X):
            self.call -= 1
            if not self.call:
                raise KeyboardInterrupt
        return tables[0]

    def __deepcopy__(self, memo):
        return self  # clones count together


def search(interrupts=None, scoring="neg_log_loss", **options):
    step = FunctionTransformer(interrupts)
    pipe = Pipeline([("step", step), ("net", LossAwareClassifier(**NET))])
    given = {"n_trials": 3, "cv": 3, "random_state": 0}
    return FusedOptunaSearchCV(pipe, SPACE, scoring=scoring, **given, **options)


def interrupt(found):
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y_binary)
    return found


def test_in_a_greedy_ensemble():
    calls = []

    def score(y, p, labels):
        calls.append(len(y))
        if len(calls) > 9:  # three trials on three folds
            raise KeyboardInterrupt
        return log_loss(y, p, labels=labels)

    scorer = make_scorer(
        score, response_method="predict_proba", greater_is_better=False, labels=[0, 1]
    )
    found = interrupt(search(scoring=scorer, ensemble="greedy"))
    assert len(found.cv_results_["params"]) == 3
    assert found.best_params_ in found.cv_results_["params"]
    assert len(found.fold_ensemble_.estimators) == 3
    assert not hasattr(found, "ensemble_")
    assert not hasattr(found, "best_estimator_")


def test_in_the_refit_after_a_greedy_ensemble():
    found = interrupt(search(Interrupts(1), ensemble="greedy"))
    whole = search(ensemble="greedy").fit(X, y_binary)
    p = found.ensemble_.predict_proba(X)
    np.testing.assert_array_equal(p, whole.ensemble_.predict_proba(X))
    assert found.ensemble_score_ == whole.ensemble_score_
    assert not hasattr(found, "best_estimator_")


def test_in_the_second_seed():
    found = interrupt(search(Interrupts(2), ensemble="seeds"))
    whole = search(refit=True).fit(X, y_binary)
    p = found.best_estimator_.predict_proba(X[:9])
    np.testing.assert_array_equal(p, whole.best_estimator_.predict_proba(X[:9]))
    assert found.refit_time_ > 0
    assert not hasattr(found, "ensemble_")
