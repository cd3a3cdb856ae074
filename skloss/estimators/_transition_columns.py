"""What estimators of values are given besides X and y: columns, checked and read."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from scipy.sparse import hstack, issparse
from sklearn.utils.validation import column_or_1d

from skloss._params._checks import check_choice, check_count, check_number
from skloss._sklearn import safe_indexing
from skloss._warn_user import warn_user
from skloss.estimators._returns import find_following_rows
from skloss.estimators._split import append_rows
from skloss.estimators._table import validate_table

BACKUPS = ("max", "double", "expectile")
BOOLEAN = bool | np.bool_
ROUNDING = 1e-6  # of a column's largest number, which single precision may change
FAR = 5.0  # standard deviations between the means of states and of those that follow


def number_labels(labels, name):
    """Return the different labels of a column, sorted, and the number of each row's.

    Raises
    ------
    ValueError
        If they cannot be told apart, or are missing; ``name`` is what is said.
    """
    labels = column_or_1d(labels, warn=True)
    try:
        known, code = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"{name} holds values of different kinds, which cannot be sorted: {error}. "
            f"Give numbers, or texts."
        ) from error
    if any(one is None or one != one for one in known):
        raise ValueError(f"{name} is missing in some rows. Give a value for each row.")
    return known, code.reshape(-1)


def check_transitions(estimator):
    """Check what an estimator of values has besides a network's parameters."""
    check_number("discount", estimator.discount, low=0, high=1)
    check_count("n_steps", estimator.n_steps)
    if estimator.trace_decay is not None:
        check_number("trace_decay", estimator.trace_decay, low=0, high=1)
    update = estimator.target_update
    if isinstance(update, Integral):
        check_count("target_update", update)
    else:
        check_number("target_update", update, low=0, high=1, open_low=True)
    if hasattr(estimator, "backup"):
        check_choice("backup", estimator.backup, BACKUPS)
        limits = {"low": 0, "high": 1, "open_low": True}
        check_number("expectile", estimator.expectile, **limits, open_high=True)
        check_number("risk_level", estimator.risk_level, **limits)


def refuse_without_next(columns):
    """Raise ValueError for columns that say something of states that are missing."""
    for name in ("terminal", "episode"):
        if columns.get(name) is not None:
            raise ValueError(
                f"{name}= was given without next_X=, so that nothing follows any row. "
                f"Give the states that follow, or leave out {name}."
            )


def read_terminal(terminal, n_rows):
    """Return which rows end their episode: by default none."""
    if terminal is None:
        return np.zeros(n_rows, dtype=bool)
    terminal = column_or_1d(terminal, warn=True)
    if terminal.dtype == object and all(isinstance(t, BOOLEAN) for t in terminal):
        terminal = terminal.astype(bool)
    values = list(dict.fromkeys(terminal.tolist()))
    if terminal.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"terminal must be True or False for each row, or 1 and 0; it holds "
            f"{values[:5]}."
        )
    return terminal.astype(bool)


def read_next(estimator, features, X, next_X, terminal):
    """Return the states that follow, with those of terminal rows left as X has them.

    Nothing is known of these, and nothing asked.

    Raises
    ------
    ValueError
        If a state is missing that follows a row which is not terminal.
    """
    rows = np.flatnonzero(~terminal)
    if not len(rows):
        return X
    try:
        known = validate_table(estimator, features, safe_indexing(next_X, rows))
    except ValueError as error:
        raise ValueError(
            f"In next_X: {error} It must be like X in every row that is not terminal; "
            f"mark the others by terminal=."
        ) from error
    place = np.arange(len(terminal))
    place[rows] = len(terminal) + np.arange(len(rows))
    return append_rows(X, known)[place]


def read_order(n_steps, episode, terminal):
    """Return the row that follows each row, or None where no episodes are known."""
    if episode is not None:
        return find_following_rows(number_labels(episode, "episode")[1], terminal)
    if n_steps > 1:
        raise ValueError(
            f"n_steps={n_steps!r} needs the rows that follow each row: give episode=, "
            f"an id for each row, with the rows of an episode in order of time."
        )
    return None


def warn_of_other_units(X, X_next, terminal):
    """Warn of states that follow and lie far from all others, as if not scaled."""
    if issparse(X) or terminal.all():
        return
    X, X_next = X[~terminal], X_next[~terminal]
    spread = np.maximum(X.std(axis=0), X_next.std(axis=0))
    far = np.abs(X_next.mean(axis=0) - X.mean(axis=0)) > FAR * spread
    if (far & (X.std(axis=0) > 0)).any():
        warn_user(
            f"next_X is not where X is, in column {np.flatnonzero(far)[0]}: it must be "
            f"in the same units. In a Pipeline, transform_input=['next_X'] has next_X "
            f"transformed like X (with metadata routing).",
            UserWarning,
        )


def measure_steps(X, X_next, terminal):
    """Return how far the states that follow are from those before, column by column."""
    rows = np.flatnonzero(~terminal)
    if not len(rows):
        return np.zeros(X.shape[1])
    return np.asarray(abs(X_next[rows] - X[rows]).mean(axis=0)).ravel()


def check_order(X, X_next, following):
    """Raise ValueError where a row of an episode does not follow the one before."""
    rows = np.flatnonzero(following >= 0)
    if not len(rows):
        return
    gap, size = abs(X_next[rows] - X[following[rows]]), abs(X).max(axis=0)
    gap = gap.toarray() if issparse(gap) else gap
    size = size.toarray() if issparse(size) else size
    broken = np.flatnonzero((gap > ROUNDING * size).any(axis=1))
    if len(broken):
        raise ValueError(
            f"Row {following[rows[broken[0]]]} is not what next_X says of row "
            f"{rows[broken[0]]}, the one before it in its episode, nor are "
            f"{len(broken) - 1} others. episode= needs rows of whole episodes, in "
            f"order of time, and in the units of next_X: sort them, and split by "
            f"episodes, cv=GroupKFold() with groups=episode; in a Pipeline set "
            f"transform_input=['next_X']."
        )


def join_states(tables):
    """Return tables side by side."""
    if any(map(issparse, tables)):
        return hstack(tables, format="csr")
    return np.hstack(tables)
