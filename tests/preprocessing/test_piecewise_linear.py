"""What the encoder makes of numbers, and that it behaves as scikit-learn's do."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from canonical import X, y_three
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skloss._diagnosis._features import measure_feature_scale
from skloss.exceptions import UnknownNameError
from skloss.preprocessing import PiecewiseLinearEncoder

PAPER = PiecewiseLinearEncoder(standardize=False)  # numbers from 0 to 1
TARGET = PiecewiseLinearEncoder(strategy="target", min_samples_leaf=5)


@parametrize_with_checks([PiecewiseLinearEncoder(), TARGET])
def test_conformance(estimator, check):
    check(estimator)


def test_by_hand():
    """Edges 0, 2, 8: how much of [0, 2] and of [2, 8] lies below the number."""
    column = np.array([[0.0], [1], [2], [3], [8]])
    encoder = PiecewiseLinearEncoder(n_bins=2, standardize=False).fit(column)
    expected = [[0, 0], [0.5, 0], [1, 0], [1, 1 / 6], [1, 1]]
    np.testing.assert_allclose(encoder.transform(column), expected, rtol=1e-7)


@pytest.mark.parametrize("encoder", [PiecewiseLinearEncoder(), TARGET])
def test_each_bin_is_an_interpolation(encoder):
    encoder = clone(encoder).set_params(n_bins=7, dtype="float64", standardize=False)
    encoder.fit(X, y_three)
    seen = np.linspace(-9, 9, 40 * 4).reshape(40, 4)  # beyond the rows of the fit
    encoded = np.split(encoder.transform(seen), 4, axis=1)
    for column, edges, bins in zip(seen.T, encoder.bin_edges_, encoded, strict=True):
        used = len(edges) - 1
        for t in range(used):
            expected = np.interp(column, edges[t : t + 2], [0, 1])
            np.testing.assert_allclose(bins[:, t], expected, atol=1e-15)
        assert not bins[:, used:].any()
        sums = edges[0] + bins[:, :used] @ np.diff(edges)
        inside = np.clip(column, edges[0], edges[-1])
        np.testing.assert_allclose(sums, inside, atol=1e-14)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e200])
@pytest.mark.parametrize("origin", [0.0, 1e8])
def test_far_from_zero_and_tiny_spreads(unit, origin):
    near = np.arange(93.0)[:, None] / 64
    expected = PiecewiseLinearEncoder().fit_transform(near)
    far = (near + origin) * unit
    np.testing.assert_allclose(
        PiecewiseLinearEncoder().fit_transform(far), expected, atol=1e-6
    )


def test_scaler_before_it_changes_nothing():
    table = np.column_stack([X, y_three, y_three > 1])
    scaled = make_pipeline(StandardScaler(), PiecewiseLinearEncoder())
    expected = PiecewiseLinearEncoder().fit_transform(table)
    np.testing.assert_allclose(scaled.fit_transform(table), expected, atol=1e-6)


def test_width_does_not_depend_on_the_rows():
    """Three values or a hundred: ``n_bins`` columns. Two: one, here as they are."""
    flags = np.arange(93) % 2
    table = np.column_stack(
        [X[:, 0], np.arange(93) % 3, flags, np.full(93, 7), X[:, 1]]
    )
    encoder = PiecewiseLinearEncoder(n_bins=9, standardize=False).fit(table)
    assert encoder.widths_.tolist() == [9, 9, 1, 1, 9]
    encoded = encoder.transform(table)
    assert encoded.shape == (93, 29)
    thirds = encoded[:3, 9:18]
    assert np.array_equal(thirds[:, :2], [[0, 0], [1, 0], [1, 1]])
    assert not thirds[:, 2:].any()
    assert np.array_equal(encoded[:, 18], flags)
    assert not encoded[:, 19].any()


def test_numbers_beyond_the_edges_are_the_edges():
    encoder = clone(PAPER).fit(X)
    far = np.array([[1e308, -1e308, 9, -9]])
    ends = np.array([[X[:, 0].max(), X[:, 1].min(), X[:, 2].max(), X[:, 3].min()]])
    assert np.array_equal(encoder.transform(far), encoder.transform(ends))
    assert set(encoder.transform(far).ravel()) == {0, 1}


@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.parametrize("n_bins", [2, 5000])
def test_few_rows_and_many_bins(n_rows, n_bins):
    encoder = PiecewiseLinearEncoder(n_bins, standardize=False).fit(X[:n_rows])
    encoded = encoder.transform(X[:n_rows])
    assert encoded.shape == (n_rows, 4 * (n_bins if n_rows > 2 else 1))
    ranks = X[:n_rows].argsort(axis=0).argsort(axis=0)
    if n_bins > n_rows:  # each value is as many bins above the lowest as its rank
        assert np.array_equal(encoded.reshape(n_rows, 4, -1).sum(axis=2), ranks)


@pytest.mark.parametrize("dtype", ["int64", "int8", "float32", "bool"])
def test_kinds_of_numbers(dtype):
    table = np.round(X * 20).astype(dtype)
    encoded = PiecewiseLinearEncoder(5).fit_transform(table)
    expected = PiecewiseLinearEncoder(5).fit_transform(table.astype("float64"))
    assert encoded.dtype == np.float32
    assert np.array_equal(encoded, expected)
    double = PiecewiseLinearEncoder(5, dtype=np.float64).fit_transform(table)
    assert double.dtype == np.float64
    np.testing.assert_allclose(encoded, double, rtol=1e-6)


@pytest.mark.parametrize("weight", [None, np.arange(93) % 4])
def test_encoded_columns_are_standardised(weight):
    """As by scikit-learn's scaler, for three values with six bins that are not used."""
    table = np.column_stack([X, np.arange(93) % 3, y_three > 1, np.full(93, 5)])
    params = {"n_bins": 8, "dtype": "float64"}
    encoder = PiecewiseLinearEncoder(**params).fit(table, sample_weight=weight)
    plain = clone(encoder).set_params(standardize=False)
    plain = plain.fit(table, sample_weight=weight).transform(table)
    expected = StandardScaler().fit(plain, sample_weight=weight).transform(plain)
    np.testing.assert_allclose(encoder.transform(table), expected, atol=1e-13)
    assert not encoder.transform(table)[:, 34:40].any()


def test_what_few_rows_tell_apart_stays_small():
    """By hand: of 0 and 1 with a mean of 1/1000, (1 - 1/1000) / 0.1 for the one row."""
    column = np.zeros((1000, 1))
    column[0] = 1
    encoded = PiecewiseLinearEncoder().fit_transform(column)
    np.testing.assert_allclose(encoded[:2, 0], [9.99, -0.01], rtol=1e-6)


def test_no_scaler_is_asked_for():
    """By the rule that warns of features that are not scaled, of rare values too."""
    rng = np.random.default_rng(0)
    tail = -rng.lognormal(sigma=3, size=2000)
    rare, count = np.zeros(2000), rng.poisson(0.3, 2000)
    rare[0] = 1
    table = np.column_stack([tail, 1e6 * tail, rare, count, np.full(2000, 7)])
    for encoder in (
        PiecewiseLinearEncoder(),
        PiecewiseLinearEncoder(strategy="target"),
    ):
        encoded = encoder.fit_transform(table, tail > -1)
        narrow, wide = measure_feature_scale(encoded, "float32").extremes()
        assert len(narrow) == len(wide) == 0


def test_many_rows_are_encoded_in_parts(monkeypatch):
    encoder = PiecewiseLinearEncoder().fit(X)
    expected = encoder.transform(X)
    monkeypatch.setattr("skloss.preprocessing._piecewise_linear.AT_ONCE", 500)
    assert np.array_equal(encoder.transform(X), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame):
    table = frame({"age": X[:, 0], "door": (X[:, 1] > 0).astype(int)})
    library = frame.__module__.partition(".")[0]
    encoder = PiecewiseLinearEncoder(3).set_output(transform=library).fit(table)
    encoded = encoder.transform(table)
    assert isinstance(encoded, frame)
    assert list(encoded.columns) == ["age_bin0", "age_bin1", "age_bin2", "door"]
    assert list(encoder.feature_names_in_) == ["age", "door"]
    expected = PiecewiseLinearEncoder(3).fit_transform(table.to_numpy())
    assert np.array_equal(encoded.to_numpy(), expected)


def test_in_other_transformers():
    table = pd.DataFrame({"age": X[:, 0], "kind": np.array(["a", "b", "c"])[y_three]})
    columns = ColumnTransformer(
        [("n", PiecewiseLinearEncoder(3), ["age"]), ("c", OneHotEncoder(), ["kind"])],
        sparse_threshold=0,
    ).set_output(transform="pandas")
    assert columns.set_output(transform="default").fit_transform(table).shape == (93, 6)
    assert columns.get_feature_names_out()[2] == "n__age_bin2"
    both = FeatureUnion([("raw", "passthrough"), ("bins", PiecewiseLinearEncoder(3))])
    assert both.fit_transform(X).shape == (93, 4 + 12)
    assert both.get_feature_names_out()[4] == "bins__x0_bin0"


def test_tags_say_when_y_is_needed():
    assert get_tags(TARGET).target_tags.required
    assert not get_tags(PAPER).target_tags.required


@pytest.mark.parametrize("encoder", [PiecewiseLinearEncoder(), TARGET])
def test_copies_and_later_parameters(encoder):
    encoder = clone(encoder).fit(X, y_three)
    encoded = encoder.transform(X)
    again = pickle.loads(pickle.dumps(encoder))
    assert np.array_equal(again.transform(X), encoded)
    file = skops.io.dumps(encoder)
    types = skops.io.get_untrusted_types(data=file)
    assert {name.partition(".")[0] for name in types} == {"skloss"}
    assert np.array_equal(skops.io.loads(file, trusted=types).transform(X), encoded)
    assert clone(encoder).get_params() == encoder.get_params()
    assert not hasattr(clone(encoder), "bin_edges_")
    encoder.set_params(n_bins=2, strategy="quantile")  # counts at the next fit
    assert np.array_equal(encoder.transform(X), encoded)
    assert len(encoder.get_feature_names_out()) == encoded.shape[1]


def test_global_random_state_neither_matters_nor_changes():
    found = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        found.append(clone(TARGET).fit(X, y_three).transform(X))
        assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert np.array_equal(*found)


@pytest.mark.parametrize(
    ("params", "table", "y", "error", "words"),
    [
        ({"n_bins": 1}, X, None, ValueError, "n_bins=1 must be an integer >= 2"),
        ({"n_bins": 2.5}, X, None, TypeError, "n_bins=2.5"),
        ({"strategy": "tree"}, X, None, UnknownNameError, "'quantile', 'target'"),
        ({"family": "counts"}, X, None, UnknownNameError, "'classification'"),
        ({"min_samples_leaf": 0}, X, None, ValueError, "min_samples_leaf=0"),
        ({"standardize": "yes"}, X, None, TypeError, "must be True or False"),
        ({"dtype": "int8"}, X, None, ValueError, "'float32' or 'float64'"),
        ({"strategy": "target"}, X, None, ValueError, "give y to fit, or set strategy"),
        ({"strategy": "target"}, X, [0, 1], ValueError, "inconsistent numbers"),
        (
            {"strategy": "target"},
            X[:2],
            [["a", 1.5], ["b", 2.5]],
            ValueError,
            "holds others, such as 'a'. Give y as codes",
        ),
        ({"strategy": "target"}, X[:2], ["a", None], TypeError, "without a class"),
        ({}, [["a", 1], ["b", 2]], None, ValueError, "to float: 'a'. Give it the col"),
        ({}, csr_array(X), None, TypeError, "toarray"),
        ({}, np.where(X > 2, np.nan, X), None, ValueError, "NaN(.|\n)*imputer"),
        ({}, np.where(X > 2, np.inf, X), None, ValueError, "infinity"),
        ({}, pd.DataFrame({"a": [-1.7e308, 1e308]}), None, ValueError, "'a'.*NaN"),
    ],
)
def test_what_is_refused_and_changes_nothing(params, table, y, error, words):
    encoder = PiecewiseLinearEncoder().fit(pd.DataFrame(X, columns=list("abcd")))
    encoder.set_params(**params)
    before = copy.deepcopy(vars(encoder))
    with pytest.raises(error, match=words):
        encoder.fit(table, y)
    np.testing.assert_equal(vars(encoder), before)


def test_weights_that_leave_no_row_are_refused():
    with pytest.raises(ValueError, match="at least one non-zero"):
        PiecewiseLinearEncoder().fit(X, sample_weight=np.zeros(93))


def test_an_array_after_a_frame_forgets_its_names():
    encoder = PiecewiseLinearEncoder().fit(pd.DataFrame(X, columns=list("abcd")))
    assert not hasattr(encoder.fit(X), "feature_names_in_")
