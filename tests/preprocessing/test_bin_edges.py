"""Where bins begin and end, by scikit-learn's, NumPy's and hand calculations."""

import inspect

import numpy as np
import pytest
from canonical import X, y_number, y_three
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skloss.preprocessing import PiecewiseLinearEncoder

TREE = {"max_leaf_nodes": 6, "min_samples_leaf": 5, "random_state": 0}
TARGET = {"strategy": "target", "n_bins": 6, "min_samples_leaf": 5}


def edges(X, y=None, sample_weight=None, **params):
    X = np.reshape(X, (len(X), -1))
    return PiecewiseLinearEncoder(**params).fit(X, y, sample_weight).bin_edges_


def split_points(tree, column, y):
    """Return where scikit-learn's tree splits a column, and the column's ends."""
    tree = tree.fit(column[:, None], y).tree_
    return [column.min(), *np.sort(tree.threshold[tree.feature >= 0]), column.max()]


def test_quantiles_are_those_of_numpy_and_scikit_learn():
    found = np.transpose(edges(X, n_bins=16))
    points = np.arange(17) / 16
    expected = np.quantile(X, points, axis=0, method="inverted_cdf")
    assert np.array_equal(found, expected)
    if "quantile_method" in inspect.signature(KBinsDiscretizer).parameters:
        bins = KBinsDiscretizer(16, strategy="quantile", quantile_method="inverted_cdf")
        assert np.array_equal(found.T, np.stack(bins.fit(X).bin_edges_))


def test_ten_bins_of_a_hundred_rows_by_hand():
    """Tenths are no binary fractions, and still the tenth row ends the first bin."""
    (found,) = edges(np.arange(1, 101), n_bins=10)
    assert found.tolist() == [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_a_value_of_many_rows_takes_no_other_bin():
    """By hand: at an end it is an edge anyway, else it counts as a bin, 10 / 4 rows."""
    (found,) = edges([0] * 90 + list(range(1, 11)), n_bins=5)
    assert found.tolist() == [0, 2, 4, 6, 8, 10]
    (found,) = edges([11] * 90 + list(range(1, 11)), n_bins=5)
    assert found.tolist() == [1, 2, 4, 6, 8, 11]
    (found,) = edges([5.5] * 90 + list(range(1, 11)), n_bins=5)
    assert found.tolist() == [1, 3, 5, 5.5, 8, 10]


def test_what_one_heavy_value_leaves_may_make_another_heavy():
    """By hand: without the zeros 30 rows are more than a bin's 20, so 70 / 4 remain."""
    (found,) = edges([0] * 900 + [1] * 30 + list(range(2, 72)), n_bins=5)
    assert found.tolist() == [0, 1, 19, 36, 54, 71]


@pytest.mark.parametrize("params", [{}, TARGET])
def test_few_values_are_their_own_edges(params):
    column = np.array([3, 1, 1, 2, 7, 7, 7.5] * 10)
    (found,) = edges(column, np.arange(70) % 2, **params | {"n_bins": 4})
    assert found.tolist() == [1, 2, 3, 7, 7.5]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rounding_makes_no_bin(dtype):
    """As 0.3 and 0.1 + 0.2, which differ in the last digit."""
    tenths = np.array([0.3, 0.6, 0.9], dtype)
    column = np.concatenate([tenths, np.nextafter(tenths, np.array(1, dtype))])
    assert len(np.unique(column)) == 6
    (found,) = edges(column)
    np.testing.assert_allclose(found, [0.3, 0.6, 0.9], rtol=1e-6)
    (found,) = edges(column[::3])
    assert len(found) == 1


@pytest.mark.parametrize(
    ("tree", "y"),
    [
        (DecisionTreeClassifier(**TREE), y_three),
        (DecisionTreeClassifier(**TREE), np.array(["no", "yes", "?"])[y_three]),
        (DecisionTreeClassifier(**TREE), np.stack([y_three > 0, y_three > 1], 1)),
        (DecisionTreeRegressor(**TREE), y_number),
        (DecisionTreeRegressor(**TREE), np.arange(93)),
    ],
    ids=["classes", "text", "labels", "numbers", "whole numbers"],
)
def test_target_edges_are_the_splits_of_a_tree(tree, y):
    for column, found in zip(X.T, edges(X, y, **TARGET), strict=True):
        expected = split_points(tree, column, y)
        assert len(found) > 3
        # the tree has seen the column in single precision
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_family_says_what_whole_numbers_are():
    counts = np.arange(93) // 5
    found = edges(X, counts, family="regression", **TARGET)
    expected = split_points(DecisionTreeRegressor(**TREE), X[:, 0], counts)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6, atol=1e-7)
    classes = edges(X, counts, **TARGET)
    assert not np.array_equal(found[0], classes[0])
    expected = edges(X, counts, family="classification", **TARGET)
    assert np.array_equal(classes[0], expected[0])


def test_target_far_from_zero_splits_as_near_zero():
    step = np.where(X[:, 0] > 0.3, 1.0, 0.5) / 1024
    found = edges(X[:, :1], 1e8 + step, family="regression", **TARGET)[0]
    below, above = X[X[:, 0] <= 0.3, 0].max(), X[X[:, 0] > 0.3, 0].min()
    np.testing.assert_allclose(
        found, [X[:, 0].min(), (below + above) / 2, X.T[0].max()]
    )


def test_several_targets_have_one_unit():
    """The wide one alone would decide otherwise."""
    y = np.stack([y_number, np.roll(y_number, 40)], axis=1)
    standard = (y - y.mean(axis=0)) / y.std(axis=0)
    found = edges(X, y * [1e6, 1], **TARGET)
    for one, expected in zip(found, edges(X, standard, **TARGET), strict=True):
        assert np.array_equal(one, expected)


@pytest.mark.parametrize("y", [None, y_three, y_number], ids=["none", "3", "number"])
def test_weight_two_is_two_rows_and_weight_zero_none(y):
    weight = np.arange(93) % 3
    params = {"n_bins": 6} if y is None else TARGET | {"min_samples_leaf": 1}
    again = None if y is None else np.repeat(y, weight)
    expected = edges(np.repeat(X, weight, axis=0), again, **params)
    for found, other in zip(edges(X, y, weight, **params), expected, strict=True):
        assert np.array_equal(found, other)


@pytest.mark.parametrize("weight", [0.1, 0.3, 1e-3, 7.7])
def test_sums_of_weights_are_rounded_alike(weight):
    """Ten times 0.1 is less than 1, but the tenth row still ends the first bin."""
    column = np.arange(1, 101)
    (found,) = edges(column, None, np.full(100, weight), n_bins=10)
    assert np.array_equal(found, edges(column, n_bins=10)[0])


@pytest.mark.parametrize("y", [None, y_three])
@pytest.mark.parametrize(("unit", "origin"), [(2.0**-40, 0), (1, 1e8), (2.0**-20, -99)])
def test_unit_and_origin_do_not_matter(unit, origin, y):
    """All these numbers are exact, so the edges are too."""
    near = np.round(X * 1024) / 1024
    params = {} if y is None else TARGET
    far = edges(near * unit + origin, y, **params)
    for one, expected in zip(far, edges(near, y, **params), strict=True):
        assert np.array_equal(one, expected * unit + origin)
