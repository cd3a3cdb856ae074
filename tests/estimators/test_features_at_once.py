"""A plain table is checked at once; what scikit-learn says of others is said."""

import warnings

import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_binary

from skloss import LossAwareClassifier
from skloss.estimators import _fitted, _table


@pytest.fixture(scope="module")
def net():
    return LossAwareClassifier(**NET).fit(X, y_binary)


@pytest.fixture(scope="module")
def named():
    return LossAwareClassifier(**NET).fit(pd.DataFrame(X, columns=[*"abcd"]), y_binary)


@pytest.mark.parametrize("table", [X, X[:1], X.astype("float32"), X[::2, ::-1]])
def test_a_table_with_nothing_to_say_of_goes_to_the_network_at_once(
    net, table, monkeypatch
):
    monkeypatch.setattr(_table, "validate_table", None)
    assert net.predict_proba(table).shape == (len(table), 2)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X[0], "Reshape your data"),
        (X[:0], "minimum of 1 is required"),
        (X[:, :3], "X has 3 features, but LossAwareClassifier is expecting 4"),
        (np.where(X > 2, np.nan, X), "contains NaN"),
        (np.where(X > 2, np.inf, X), "contains infinity"),
        (np.full((2, 4), "a"), "text in columns"),
        (X.reshape(93, 4, 1), "has shape"),
    ],
)
def test_what_scikit_learn_refuses_is_refused(net, table, message):
    with pytest.raises(ValueError, match=message):
        net.predict_proba(table)


def test_names_are_looked_at(named):
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        named.predict(X)
    other = pd.DataFrame(X, columns=[*"abce"])
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(other)


@pytest.mark.parametrize("table", [X.tolist(), X.astype(">f8"), np.float16(X)])
def test_what_scikit_learn_converts_is_converted(net, table):
    expected = net.predict_proba(np.asarray(table, np.float64))
    np.testing.assert_allclose(net.predict_proba(table), expected, rtol=1e-6)


def test_finite_numbers_whose_sum_is_not_are_finite():
    features = _table.Features(4, None)
    huge = np.full((3, 4), 1e308)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = _fitted.validate_features(LossAwareClassifier(), features, huge)
    np.testing.assert_array_equal(found, huge)
