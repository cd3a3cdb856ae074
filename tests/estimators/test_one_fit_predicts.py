"""A prediction is of one fit, though another may end while it is made."""

import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_number, y_three
from sklearn.base import clone

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss.losses import Quantile

SHORT = NET | {"epochs": 2}
WORDS = np.array(["low", "high", "mid"])[y_three]
HEADS = [("c", ClassificationHead()), ("n", RegressionHead())]
CASES = {
    "classes": (LossAwareClassifier(**SHORT), y_three, WORDS),
    "numbers": (LossAwareRegressor(**SHORT), y_number, 1e6 * y_number),
    "laws": (LossAwareRegressor("gaussian_nll", **SHORT), y_number, 1e6 * y_number),
    "heads": (
        LossAwareMultiTask(HEADS, **SHORT),
        np.column_stack([y_three, y_number]),
        pd.DataFrame({"n": 1e6 * y_number, "c": WORDS}),
    ),
}
METHODS = {
    "decision_function": lambda f, X: f(X),
    "predict": lambda f, X: f(X),
    "predict_proba": lambda f, X: f(X),
    "predict_log_proba": lambda f, X: f(X),
    "predict_quantiles": lambda f, X: f(X, (0.1, 0.5)),
    "predict_interval": lambda f, X: f(X),
    "predict_dist": lambda f, X: f(X).mean(),
}
COUNTS = {"classes": 4, "numbers": 1, "laws": 4, "heads": 2}


class TableThatRefits:
    """A table that puts another fit into a network when it is read."""

    def __init__(self, net, other):
        self.net, self.other, self.shape = net, other, X.shape

    def __len__(self):
        return len(X)

    def __array__(self, dtype=None, copy=None):
        self.net._fitted = self.other._fitted
        return np.array(X, dtype=dtype)


def arrays_in(predicted):
    """Return the arrays that a prediction holds."""
    return list(predicted.values()) if isinstance(predicted, dict) else [predicted]


@pytest.mark.parametrize("name", CASES)
def test_a_refit_meanwhile_changes_nothing(name):
    net, y, other_y = CASES[name]
    first, second = clone(net).fit(X, y), clone(net).fit(X, other_y)
    tried = [method for method in METHODS if hasattr(first, method)]
    assert len(tried) == COUNTS[name]
    for method in tried:
        torn = clone(net)
        torn._fitted = first._fitted
        table = TableThatRefits(torn, second)
        predicted = METHODS[method](getattr(torn, method), table)
        assert torn._fitted is second._fitted
        expected = METHODS[method](getattr(first, method), X)
        for ours, right in zip(arrays_in(predicted), arrays_in(expected), strict=True):
            np.testing.assert_array_equal(ours, right)


def test_the_levels_are_those_of_the_fit_that_predicts():
    net = LossAwareRegressor(Quantile((0.1, 0.9)), **SHORT).fit(X, y_number)
    other = clone(net).set_params(loss=Quantile((0.2, 0.8))).fit(X, y_number)
    expected, fitted = net.predict_quantiles(X), net._fitted
    for predict in (net.predict_quantiles, lambda X: net.predict_interval(X, 0.8)):
        net._fitted = fitted
        assert np.array_equal(predict(TableThatRefits(net, other)), expected)
