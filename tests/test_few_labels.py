"""Few labels: which rows have one, and which labels the others are given."""

import warnings

import numpy as np
import pandas as pd
import polars
import pytest
from canonical import X, y_binary, y_three
from unlabelled_rows import (
    LABELLED,
    OTHERS,
    PSEUDO,
    ROWS,
    SOME,
    TWO,
    WORDS,
    make,
    same,
    words,
)

from skloss.exceptions import IneffectiveParameterWarning


@pytest.fixture(scope="module")
def net():
    return make().fit(X, SOME)


# -- which rows have a label -----------------------------------------------------------


def test_minus_one_beside_two_classes_or_more_is_no_class(net):
    assert net.classes_.tolist() == [0, 1, 2]
    assert make().fit(X, TWO).classes_.tolist() == [0, 1]
    assert net.predict_proba(X).shape == (93, 3)


def test_minus_one_beside_one_other_value_is_a_class():
    y = np.where(y_binary == 1, 1, -1)
    with pytest.warns(IneffectiveParameterWarning, match="one of two"):
        found = make().fit(X, y)
    assert found.classes_.tolist() == [-1, 1]
    assert same(found, make(None).fit(X, y))
    assert not hasattr(found, "transduction_")


def test_rows_that_all_have_labels_are_warned_of():
    with pytest.warns(IneffectiveParameterWarning, match="unlabeled_loss='entropy'"):
        found = make("entropy").fit(X, y_three)
    assert same(found, make(None).fit(X, y_three))


def test_without_a_loss_for_them_rows_without_a_label_are_refused():
    with pytest.raises(ValueError, match=r"unlabeled_loss=.*unlabeled_label=None"):
        make(None).fit(X, SOME)


def test_without_a_label_for_them_minus_one_is_a_class():
    found = make(None, unlabeled_label=None).fit(X, SOME)
    assert found.classes_.tolist() == [-1, 0, 1, 2]
    codes = make(None).fit(X, SOME + 1)
    assert same(found, codes)


def test_a_loss_without_a_label_for_its_rows_is_refused():
    with pytest.raises(ValueError, match="unlabeled_label=None says that"):
        make(unlabeled_label=None).fit(X, SOME)


def test_no_labelled_row_is_refused():
    with pytest.raises(ValueError, match="No row of y has a label"):
        make().fit(X, np.full(93, -1))


@pytest.mark.parametrize(
    "y",
    [
        SOME.tolist(),
        SOME.astype(np.int8),
        SOME.astype(float),
        SOME.astype(np.float32),
        pd.Series(SOME, index=np.arange(93) + 500),
        pd.Series(SOME).astype("category"),
        pd.Series(SOME).astype("Int64"),
        polars.Series(SOME),
    ],
    ids=["list", "int8", "float", "float32", "Series", "category", "Int64", "polars"],
)
def test_numbers_of_all_kinds(net, y):
    found = make().fit(X, y)
    assert found.classes_.tolist() == [0, 1, 2]
    assert same(found, net)
    np.testing.assert_array_equal(found.transduction_, net.transduction_)


@pytest.mark.parametrize(
    "make_y",
    [
        lambda y: y,
        lambda y: y.tolist(),
        lambda y: y.astype(object),
        lambda y: pd.Series(y, dtype="str"),
        lambda y: pd.Series(y, dtype="string"),
        lambda y: pd.Series(y, dtype="category"),
        lambda y: polars.Series(y.tolist()),
    ],
    ids=["str", "list", "object", "pandas", "string", "category", "polars"],
)
def test_texts_of_all_kinds(make_y):
    found = make(unlabeled_label="?").fit(X, make_y(words()))
    assert found.classes_.tolist() == ["highest", "low", "mid"]
    codes = make().fit(X, np.where(LABELLED, np.array([1, 2, 0])[y_three], -1))
    assert same(found, codes)
    assert (found.transduction_[ROWS] == WORDS[ROWS]).all()
    assert (found.transduction_ == found.predict(X))[OTHERS].all()


def test_labels_longer_than_all_that_were_given_are_not_cut():
    y = np.where(LABELLED, np.array(["a", "b", "c"])[y_three], "unknown")
    found = make(unlabeled_label="unknown").fit(X, y)
    assert set(found.transduction_) <= {"a", "b", "c"}
    longer = make(unlabeled_label="?").fit(X, words())
    assert set(longer.transduction_) <= set(WORDS)


def test_another_number_for_a_missing_label(net):
    found = make(unlabeled_label=99).fit(X, np.where(LABELLED, y_three, 99))
    assert same(found, net)
    shifted = make(unlabeled_label=0).fit(X, SOME + 1)
    assert shifted.classes_.tolist() == [1, 2, 3]
    assert same(shifted, net)


@pytest.mark.slow
def test_ordered_classes_keep_their_order():
    order = ["?", "low", "mid", "highest"]
    y = pd.Series(pd.Categorical(words(), categories=order, ordered=True))
    found = make(unlabeled_label="?", loss="coral").fit(X, y)
    assert set(found.transduction_) <= set(WORDS)
    codes = make(loss="coral").fit(X, SOME)
    np.testing.assert_allclose(
        found.predict_proba(X)[:, [1, 2, 0]], codes.predict_proba(X), atol=1e-6
    )


@pytest.mark.slow
def test_several_labels_a_row_have_no_rows_without():
    Y = np.column_stack([y_binary, 1 - y_binary])
    with pytest.warns(IneffectiveParameterWarning):
        found = make().fit(X, Y)
    assert same(found, make(None).fit(X, Y))


def test_a_column_of_labels_is_read_as_labels(net):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DataConversionWarning
        found = make().fit(X, SOME[:, None])
    assert found.classes_.tolist() == [0, 1, 2]
    assert same(found, net)


@pytest.mark.parametrize("count", [50, 94, 150])
def test_an_x_and_a_y_of_different_lengths_are_refused(count):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(X, np.resize(SOME, count))


@pytest.mark.parametrize("count", [50, 150])
def test_sample_weights_of_another_length_are_refused(count):
    with pytest.raises(ValueError, match="sample_weight"):
        make().fit(X, SOME, sample_weight=np.ones(count))


def test_one_sample_weight_for_all(net):
    assert same(make().fit(X, SOME, sample_weight=2.0), net)


FEW = np.full(93, -1)
FEW[[0, 1]] = 0, 1
STRANGE = {
    "three rows": (X[:3], [0, 1, -1]),
    "one row without a label": (X, np.where(np.arange(93) == 5, -1, y_three)),
    "one row of each class": (X, FEW),
    "far from zero": (1e5 + X, SOME),
    "whole numbers": ((10 * X).astype(int), SOME),
    "constant": (np.ones((93, 4)), SOME),
}


@pytest.mark.slow
@pytest.mark.parametrize("spec", [PSEUDO, "consistency", "mean_teacher", "entropy"])
@pytest.mark.parametrize("name", STRANGE)
def test_few_and_strange_rows(name, spec):
    table, y = STRANGE[name]
    found = make(spec).fit(table, y)
    p = found.predict_proba(table)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert set(found.transduction_) <= set(found.classes_)


# -- transduction ----------------------------------------------------------------------


def test_labels_that_were_given_stay_and_others_are_predicted():
    # a network that has learnt nothing: what it predicts is not what was given
    found = make(learning_rate=1e-9).fit(X, SOME)
    assert (found.predict(X)[ROWS] != y_three[ROWS]).any()
    assert (found.transduction_[ROWS] == y_three[ROWS]).all()
    assert (found.transduction_[OTHERS] == found.predict(X)[OTHERS]).all()


@pytest.mark.parametrize("dtype", [np.int64, np.int8, float, object])
def test_the_transduction_is_of_the_kind_of_y(dtype):
    y = SOME.astype(dtype) if dtype is not object else words().astype(object)
    found = make(unlabeled_label=-1 if dtype is not object else "?").fit(X, y)
    assert found.transduction_.dtype == dtype
    assert found.transduction_.shape == (93,)


def test_without_rows_without_a_label_there_is_no_transduction():
    assert not hasattr(make(None).fit(X, y_three), "transduction_")
    assert not hasattr(make(), "transduction_")


def test_rows_of_no_weight_are_labelled_too():
    weight = np.where(np.arange(93) % 3 == 1, 0.0, 1.0)
    found = make().fit(X, SOME, sample_weight=weight)
    assert (found.transduction_[OTHERS] == found.predict(X)[OTHERS]).all()
