"""The table of features: checked as scikit-learn does, refused in words that help."""

import copy
import datetime
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from skloss._sklearn import get_feature_names
from skloss.estimators._columns import convert_to_array, is_frame

MAX_NAMED = 5
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
TEXT = (
    "text",
    "Encode it before the network, in a Pipeline: make_column_transformer("
    "(OneHotEncoder(handle_unknown='ignore'), {columns}), remainder="
    "StandardScaler()) of scikit-learn, or "
    "TableVectorizer() of skrub for a whole table.",
)
DATES = (
    "dates or times",
    "Make numbers of them before the network, in a Pipeline: days since a first one, "
    "month and hour, or TableVectorizer() of skrub for a whole table.",
)
OTHERS = (
    "values that are no numbers",
    "Make numbers of them, or leave them out: {error}.",
)


@dataclass(frozen=True, eq=False)
class Features:
    """The columns of X that an estimator was fitted on.

    Attributes
    ----------
    count : int or None
        None before they were counted.
    names : ndarray of shape (count,), or None
        Only if X had string column names.
    """

    count: int | None
    names: np.ndarray | None


@dataclass(frozen=True, eq=False)
class OnlyFeatures:
    """What an estimator holds as its fit while a table is checked."""

    features: Features


def read_table(estimator, X, *y, **options) -> tuple[Features, Any]:
    """Return the features of a new table, and what ``validate_table`` returns of it.

    Returns
    -------
    features : Features
    table : array or tuple of array
    """
    expected = Features(None, get_feature_names(X))
    table = validate_table(estimator, expected, X, *y, **options)
    count = (table[0] if y else table).shape[1]
    return replace(expected, count=count), table


def validate_table(estimator, features: Features, X, *y, **options) -> Any:
    """Return X, and y if given, as ``validate_data`` of scikit-learn does.

    scikit-learn writes down the columns of a new table on the estimator it checks it
    for, so that one that is refused would change the estimator. A copy stands for it,
    which expects the columns that there should be.

    Parameters
    ----------
    estimator : estimator
        Not changed.
    features : Features
        Those that the table must have.
    X, *y : array-like
    **options : dict
        For ``validate_data``.

    Raises
    ------
    ValueError, TypeError
        For other columns than expected; for what cannot be a table of numbers, naming
        the columns and the remedy.
    """
    stand_in = copy.copy(estimator)
    stand_in._fitted = OnlyFeatures(features)
    try:
        return validate_data(
            stand_in,
            X,
            *y,
            reset=False,
            accept_sparse="csr",
            dtype=list(FLOATS),
            **options,
        )
    except (TypeError, ValueError) as error:
        if "eature names" in str(error):  # other columns than before
            raise
        text = explain_axes(X) or explain_non_numbers(X, error)
        if text is None:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(text) from error


def validate_features(estimator, features: Features, X) -> Any:
    """Return the X of a prediction, as ``validate_table`` does.

    An array of numbers to which scikit-learn has nothing to say is returned at once:
    for one row its checks would take longer than the network. What it would convert,
    refuse or warn of, it is given.

    Parameters
    ----------
    estimator, features, X : as for ``validate_table``
    """
    if (
        type(X) is np.ndarray
        and features.names is None
        and X.ndim == 2
        and X.dtype in FLOATS
        and len(X) > 0
        and X.shape[1] == features.count
        and is_finite(X)
    ):
        return X
    return validate_table(estimator, features, X)


def is_finite(X: np.ndarray) -> bool:
    """Tell whether all numbers are finite; False, too, where their sum overflows."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(X.sum()))


def explain_axes(X) -> str | None:
    """Return the text on an X of more than two axes; None where it has two."""
    if is_frame(X) or not hasattr(X, "__len__"):
        return None
    shape = X.shape if hasattr(X, "shape") else np.array(X, dtype=object).shape
    if len(shape) < 3:
        return None
    return (
        f"X has shape {shape}, but its rows must be those of a table: give "
        f"X.reshape(len(X), -1). A network that needs the other axes begins with "
        f"keras.Input({shape[1:]}), to which the rows are reshaped: network=lambda: "
        f"keras.Sequential([keras.Input({shape[1:]}), ...])."
    )


def explain_non_numbers(X, error: Exception) -> str | None:
    """Return the text on columns that hold no numbers; None where all do."""
    columns_by_kind = {}
    for label, column in iterate_columns(X):
        value = find_non_number(column)
        if value is not None:
            columns_by_kind.setdefault(describe_non_number(value), []).append(
                (label, value)
            )
    if not columns_by_kind:
        return None
    (what, remedy), columns = next(iter(columns_by_kind.items()))
    labels = [label for label, _ in columns]
    more = len(labels) - MAX_NAMED
    named = ", ".join(map(repr, labels[:MAX_NAMED]))
    named += f" and {more} more" if more > 0 else ""
    listed = repr(labels) if more <= 0 else "[...]"
    value = str(columns[0][1])[:40]
    remedy = remedy.format(columns=listed, error=str(error).rstrip("."))
    return (
        f"X has {what} in column{'s' * (len(labels) > 1)} {named}, such as {value!r}, "
        f"where a network needs numbers. {remedy}"
    )


def iterate_columns(X):
    """Yield label and values of each column of a table of any kind."""
    if is_frame(X):
        for j, label in enumerate(X.columns):
            column = X.iloc[:, j] if hasattr(X, "iloc") else X[:, j]
            yield label, np.asarray(column)
    elif hasattr(X, "__len__") and np.ndim(array := convert_to_array(X)) == 2:
        yield from enumerate(array.T)


def find_non_number(column):
    """Return the first value of a column that is no number, or None.

    Among the values None is a missing number, and counts as one.
    """
    if column.dtype.kind in "biufc":  # of complex ones scikit-learn's words say all
        return None
    for value in column:
        if column.dtype.kind in "mM":
            return value
        try:
            float("nan" if value is None else value)
        except (TypeError, ValueError):
            return value
    return None


def describe_non_number(value):
    """Return what to call a value that is no number, and what makes one of it."""
    if isinstance(value, str | bytes):
        return TEXT
    dates = datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64
    return DATES if isinstance(value, dates) else OTHERS
