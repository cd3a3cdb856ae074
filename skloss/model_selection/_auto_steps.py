"""The steps of a Pipeline that an automatic search adds to the user's own."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from skloss._sklearn import count_rows, safe_indexing
from skloss.model_selection._fit_arguments import capture_fit_arguments
from skloss.model_selection._last_step import get_last_step, replace_steps
from skloss.model_selection._value_text import list_columns
from skloss.preprocessing import PiecewiseLinearEncoder

ROWS = 1000  # so many tell what the user's steps make of a table
# Few bins generalise from few rows, and many see steps (docs/design/search.md).
FEW_BINS, MANY_BINS = 8, 32


def add_steps(estimator, X, y):
    """Return the steps of a Pipeline with those that a network needs before it.

    Text is encoded and missing values are filled in before the user's own steps, unless
    these do it. A place for an encoder of numbers is directly before the network,
    unless what comes there is sparse.

    Parameters
    ----------
    estimator : Pipeline
        Not changed.
    X, y : array-like

    Returns
    -------
    steps : list of (str, estimator)
    encoder : str or None
        The name of the encoder's step, which may be the user's.

    Raises
    ------
    TypeError
        If the estimator is no Pipeline.
    ImportError
        If there is text, and skrub is missing.
    """
    if not isinstance(estimator, Pipeline):
        raise TypeError(
            f"The automatic space adds steps before the network, so estimator="
            f"{estimator!r} must be a Pipeline, such as make_pipeline("
            f"StandardScaler(), {type(estimator).__name__}())."
        )
    n_rows = count_rows(X)
    rows = np.unique(np.linspace(0, n_rows - 1, min(n_rows, ROWS)).astype(int))
    X_some, y_some = safe_indexing(X, rows), safe_indexing(y, rows)
    *earlier, last = [
        (name, clone(step) if hasattr(step, "get_params") else step)
        for name, step in estimator.steps
    ]
    text, missing = find_gaps(X)
    prepared = replace_steps(estimator, earlier, last[1])
    if (text or missing) and not fills_gaps(prepared, X_some, y_some):
        earlier = [*make_preparation(text), *earlier]
        prepared = replace_steps(estimator, earlier, last[1])
    if issparse(see_table(prepared, X_some, y_some)):
        return [*earlier, last], None
    for name, step in earlier[-1:]:
        if isinstance(step, PiecewiseLinearEncoder):
            return [*earlier, last], name
    name = find_free_name("piecewiselinearencoder", [*earlier, last])
    return [*earlier, (name, "passthrough"), last], name


def see_table(estimator, X, y):
    """Return X as the network of a Pipeline would see it when it is fitted."""
    net = get_last_step(estimator)
    _, (given, _) = capture_fit_arguments(estimator, net, X, y, {})
    return given[0]


def find_gaps(X):
    """Return the columns of a frame that are no numbers, and whether values miss.

    Nothing is found in an array of objects: what is in it only its owner knows.
    """
    if not hasattr(X, "columns"):
        X = X if issparse(X) else np.asarray(X)
        return [], X.dtype.kind == "f" and not issparse(X) and bool(np.isnan(X).any())
    columns = [(name, np.asarray(column)) for name, column in list_columns(X)]
    text = [name for name, values in columns if values.dtype.kind not in "biuf"]
    floats = [values for _, values in columns if values.dtype.kind == "f"]
    return text, any(np.isnan(values).any() for values in floats)


def fills_gaps(estimator, X, y):
    """Tell whether a Pipeline's own steps give the network numbers, and all of them."""
    try:
        table = see_table(estimator, X, y)
        values = table.data if issparse(table) else np.asarray(table, dtype=float)
    except Exception:  # so they refuse this table as it is
        return False
    return not np.isnan(values).any()


def make_preparation(text):
    """Return steps that make numbers of text, and fill in missing values."""
    imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
    filling = ("simpleimputer", imputer)
    if not text:
        return [filling]
    try:
        from skrub import TableVectorizer
    except ImportError as error:
        raise ImportError(
            f"The columns {text} of X are no numbers, and no step of the Pipeline "
            f"encodes them. Install skrub, whose TableVectorizer then does: "
            f"pip install 'skloss[skrub]'; or encode them in a step of your own."
        ) from error
    return [("tablevectorizer", TableVectorizer()), filling]


def find_free_name(name, steps):
    """Return a name for another step that none of the steps has."""
    taken, free, number = dict(steps), name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def make_encoders(step):
    """Return what an automatic search offers for the place of the encoder.

    Parameters
    ----------
    step : PiecewiseLinearEncoder or "passthrough"
        What stands there: an encoder of the user's is kept as it is.
    """
    if step != "passthrough":
        return [step, "passthrough"]
    few, many = map(PiecewiseLinearEncoder, (FEW_BINS, MANY_BINS))
    return [few, "passthrough", many]
