"""A table that is none of numbers is refused by column, with what makes it one."""

import datetime
import re

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from canonical import NET, X, y_binary, y_number
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skloss import (
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)

SHORT = NET | {"epochs": 1}
WORDS = np.array(["blue", "red"])[y_binary]
DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(int(d)) for d in range(len(X))]
ENCODERS = ["OneHotEncoder", "TableVectorizer"]


def frame_with(column, name="colour"):
    return pd.DataFrame(X[:, :3], columns=list("abc")).assign(**{name: column})


@pytest.fixture(scope="module")
def fitted():
    return LossAwareClassifier(**SHORT).fit(frame_with(X[:, 3]), y_binary)


TEXT = {
    "object": frame_with(WORDS.astype(object)),
    "string": frame_with(pd.Series(WORDS, dtype="string")),
    "category": frame_with(pd.Categorical(WORDS)),
    "one value": frame_with(np.where(np.arange(len(X)) < 90, X[:, 3], "blue")),
    "polars": pl.DataFrame({**dict(zip("abc", X.T, strict=False)), "colour": WORDS}),
}


@pytest.mark.parametrize("table", TEXT.values(), ids=TEXT)
def test_text_names_the_column_and_what_encodes_it(fitted, table):
    net = LossAwareClassifier(**SHORT)
    for act in (
        lambda: net.fit(table, y_binary),
        lambda: net.partial_fit(table, y_binary),
        lambda: fitted.predict(table),
        lambda: fitted.predict_proba(table),
        lambda: LossAwareRegressor(**SHORT).fit(table, y_number),
        lambda: LossAwareMultiTask([("t", RegressionHead())], **SHORT).fit(
            table, pd.DataFrame({"t": y_number})
        ),
    ):
        with pytest.raises(
            ValueError, match=r"text in column 'colour', such as '(red|blue)'"
        ) as no:
            act()
        assert all(name in str(no.value) for name in ENCODERS)
    with pytest.raises(ValueError, match=r"In X_val and y_val.*text in column"):
        net.fit(frame_with(X[:, 3]), y_binary, X_val=table, y_val=y_binary)


def test_columns_of_arrays_are_numbered_and_many_are_counted():
    table = np.column_stack([X.astype(object), WORDS])
    for given in (table, table.astype(str), table.tolist()):
        with pytest.raises(ValueError, match=r"text in column 4, such as 'red'"):
            LossAwareClassifier(**SHORT).fit(given, y_binary)
    many = pd.DataFrame({f"c{i}": WORDS for i in range(9)})
    with pytest.raises(ValueError, match=r"columns 'c0', .*'c4' and 4 more, such as"):
        LossAwareClassifier(**SHORT).fit(many, y_binary)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.to_datetime(DAYS), "dates or times"),
        (pd.to_datetime(DAYS).tz_localize("UTC"), "dates or times"),
        (pd.to_timedelta(np.arange(len(X)), unit="h"), "dates or times"),
        (DAYS, "dates or times"),
        (pd.Series([{"a": 1}] * len(X)), "values that are no numbers"),
    ],
)
def test_other_columns_that_are_no_numbers(column, words):
    with pytest.raises(TypeError, match=f"X has {words} in column 'when'.* numbers"):
        LossAwareClassifier(**SHORT).fit(frame_with(column, "when"), y_binary)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(y_binary == 1),
        pd.Series(y_binary, dtype="Int64"),
        pd.Categorical(y_binary),
        y_binary.astype(object),
        y_binary.astype(str),  # as NumPy and scikit-learn read it
    ],
)
def test_numbers_of_any_dtype_are_numbers(column):
    expected = LossAwareClassifier(**SHORT).fit(frame_with(y_binary), y_binary)
    net = LossAwareClassifier(**SHORT).fit(frame_with(column), y_binary)
    proba = net.predict_proba(frame_with(column))
    np.testing.assert_array_equal(proba, expected.predict_proba(frame_with(y_binary)))


def test_missing_values_and_other_columns_keep_the_words_of_scikit_learn(fitted):
    for missing in (pd.Series([None] * len(X), dtype="Int64"), [None] * len(X)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            LossAwareClassifier(**SHORT).fit(frame_with(missing), y_binary)
    with pytest.raises(ValueError, match="unseen at fit time:\n- name"):
        fitted.predict(frame_with(WORDS, "name"))


@pytest.mark.slow
def test_the_advice_on_text_works():
    table = TEXT["object"]
    with pytest.raises(ValueError, match="make_column_transformer") as refused:
        LossAwareClassifier(**SHORT).fit(table, y_binary)
    advice = re.search(r"(make_column.*) of scikit-learn", str(refused.value))[1]
    known = (make_column_transformer, OneHotEncoder, StandardScaler)
    encoder = eval(advice, {function.__name__: function for function in known})
    net = make_pipeline(encoder, LossAwareClassifier(**NET | {"epochs": 100}))
    assert net.fit(table, y_binary).score(table, y_binary) > 0.9  # y is its colour


def test_more_axes_name_the_ways_out_and_they_work():
    cube = X.reshape(-1, 2, 2)
    with pytest.raises(ValueError, match=r"shape \(93, 2, 2\)") as refused:
        LossAwareClassifier(**SHORT).fit(cube, y_binary)
    assert "X.reshape(len(X), -1)" in str(refused.value)
    assert "keras.Input((2, 2))" in str(refused.value)
    fitted = LossAwareClassifier(**SHORT).fit(X, y_binary)
    for given in (cube, cube.tolist()):
        with pytest.raises(ValueError, match=r"X has shape \(93, 2, 2\)"):
            fitted.predict(given)

    def body():
        return keras.Sequential([keras.Input((2, 2)), keras.layers.Flatten()])

    flat = cube.reshape(len(cube), -1)
    net = LossAwareClassifier(**NET | {"network": body, "epochs": 100})
    assert net.fit(flat, y_binary).score(flat, y_binary) > 0.8
