"""A target of values: rewards, and what states further on are worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
from scipy.sparse import hstack, issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skloss._params._checks import check_choice, check_count, check_number
from skloss._sklearn import safe_indexing
from skloss._warn_user import warn_user
from skloss.estimators._number_target import NumberTarget
from skloss.estimators._returns import (
    Returns,
    compute_returns,
    find_following_rows,
)
from skloss.estimators._single_target import SingleTarget
from skloss.estimators._split import append_rows
from skloss.estimators._table import read_table, validate_table
from skloss.estimators._units import Units, measure_columns, varies
from skloss.losses import Task
from skloss.losses._bootstrap import (
    ActionValues,
    TemporalDifference,
    check_bootstraps,
    expect,
)
from skloss.losses._core import _ops as ops

BACKUPS = ("max", "double", "expectile")
FAR = 5.0  # standard deviations between the means of states and of those that follow


@dataclass(frozen=True, eq=False)
class TransitionTarget(NumberTarget):
    """Values of states.

    With a constant value c for all states further on, the target of a row would be its
    known return and c times its factors. The c that is the mean of these targets is
    where training starts; they are what the columns of y hold, so that networks see
    temporal differences at c, in units of the return's standard deviation, were those
    differences uncorrelated.

    Attributes
    ----------
    follows : float
        The share of the states that follow which the next row has, too.
    returns : Returns or None
        None where nothing follows any row, and after the training.
    centre : float
        c.
    stretch : float
        How many times as far as one difference a whole return spreads.
    actions : ndarray of shape (n_actions,), or None
        None: there are only values of states.
    taken : ndarray of shape (n, n_actions), or None
        One-hot; None after the training.
    backup, expectile, risk_level : see ``FittedQRegressor``
    """

    follows: float = 0.0
    returns: Returns | None = None
    centre: float = 0.0
    stretch: float = 1.0
    actions: np.ndarray | None = None
    taken: np.ndarray | None = None
    backup: str | None = None
    expectile: float = 0.8
    risk_level: float = 1.0

    # -- reading -------------------------------------------------------------------

    @classmethod
    def read(cls, estimator, settings, X, y, memory, **columns):
        """Return features, target, and validated X, side by side, and y."""
        names = [n for n, column in columns.items() if column is not None]
        check_consistent_length(X, y, *(columns[n] for n in names))
        features, (X, y) = read_table(estimator, X, y, y_numeric=True)
        rewards = np.asarray(y, np.float64)
        target = cls(
            Task("regression", 1), True, settings.target_transform, settings.loss
        ).read_actions(estimator, columns.get("action"), len(rewards))
        if columns.get("next_X") is None:
            refuse_without_next(columns)
            return features, target, X, rewards
        check_bootstraps(settings.loss)
        terminal = read_terminal(columns.get("terminal"), len(rewards))
        X_next = read_next(estimator, features, X, columns["next_X"], terminal)
        following = read_order(estimator.n_steps, columns.get("episode"), terminal)
        if following is not None:
            check_order(X, X_next, following)
        warn_of_other_units(X, X_next, terminal)
        returns = compute_returns(
            rewards,
            terminal,
            following,
            estimator.discount,
            estimator.n_steps,
            estimator.trace_decay,
        )
        tables = [X, *(X_next[rows] for rows in returns.ahead.T)]
        share = measure_following(X, X_next, terminal)
        target = replace(target, returns=returns, follows=share)
        return features, target, join(tables), returns.known

    def read_actions(self, estimator, action, n_rows):
        """Return the target with the actions that were taken, if it has any."""
        return self

    # -- what training needs -------------------------------------------------------

    def weigh(self, settings, y, weight):
        """Return the target with the value that training starts at."""
        if self.returns is None:
            return self
        factors = self.returns.factors.sum(axis=1)
        left = np.average(1 - factors, weights=weight)
        if not left > 1e-9:
            raise ValueError(
                f"discount={settings.given['discount']!r} and no terminal row: returns "
                f"have no end. Set discount below 1, or say by terminal= which rows "
                f"end an episode."
            )
        centre = 0.0
        if self.transform is not None:
            centre = float(np.average(y, weights=weight) / left)
        square = min(np.average(np.square(factors), weights=weight), 1 - 1e-9)
        return replace(self, centre=centre, stretch=1 / np.sqrt(1 - square))

    def encode(self, y, loss):
        """Return what the rows' targets would be with one value for all states."""
        if self.returns is not None:
            y = y + self.centre * self.returns.factors.sum(axis=1)
        Y = np.repeat(np.asarray(y, np.float64)[:, None], self.task.size, axis=1)
        return super().encode(Y, loss)

    @staticmethod
    def read_loss(estimator):
        """Return the loss, no heads, and what of the loss changes by epoch."""
        check_transitions(estimator)
        return SingleTarget.read_loss(estimator)

    @property
    def facts(self):
        """Return what the loss knows of each row besides, or None."""
        if self.returns is None:
            return self.taken
        parts = [self.returns.factors]
        return np.hstack(parts if self.taken is None else [*parts, self.taken])

    def list_averages(self, settings):
        """Return the numbers by which weights are averaged, or copied, for targets."""
        if all(not view.averaged for view in self.wrap(settings.loss).views):
            return {}
        update = settings.given["target_update"]
        if isinstance(update, Integral):
            return {"weight_averaging": 0.5, "copy_period": float(update)}
        if update == 1:
            return {"weight_averaging": 0.5, "copy_period": 1.0}
        return {"weight_averaging": 1 - float(update)}

    def wrap(self, loss):
        """Return the loss as the network is trained on it."""
        if self.returns is None:
            return loss
        return TemporalDifference(loss, self.returns.ahead.shape[1])

    def measure_units(self, Y, weight, loss):
        """Return units about the value that training starts at."""
        if self.returns is None or self.transform is None:
            return super().measure_units(Y, weight, loss)
        _, scale = measure_columns(Y, "standard", weight)
        loc = np.full(Y.shape[1], self.centre)
        return Units(loc, self.stretch * scale, varies(Y))

    def with_units(self, units):
        """Return the target with its units, as it stays."""
        return replace(self, units=units, returns=None, taken=None)

    # -- what predicts -------------------------------------------------------------

    def expect(self, loss, raw):
        """Return the mean of what may come, (n, targets), in the user's units."""
        if not hasattr(loss, "levels"):
            return super().predict(loss, raw).reshape(len(raw), -1)
        split = ops.call_on_arrays(loss.split, self.task, raw)
        values = np.asarray(ops.call_on_arrays(expect, loss, split, self.risk_level))
        return values * self.units.scale + self.units.loc

    def predict(self, loss, raw):
        """Return the value of each row's state."""
        return self.expect(loss, raw)[:, 0]


@dataclass(frozen=True, eq=False)
class ActionTarget(TransitionTarget):
    """Values of the actions in states."""

    def read_actions(self, estimator, action, n_rows):
        """Return the target with the actions that were taken; one where none is given.

        Raises
        ------
        ValueError
            If actions are no labels.
        """
        if action is None:
            action = np.zeros(n_rows, dtype=int)
        action = column_or_1d(action)
        check_classification_targets(action)
        actions, code = np.unique(action, return_inverse=True)
        states = estimator.backup == "expectile"
        return replace(
            self,
            task=Task("regression", len(actions) + states),
            one_dimensional=False,
            actions=actions,
            taken=np.eye(len(actions))[code],
            backup=estimator.backup,
            expectile=float(estimator.expectile),
            risk_level=float(estimator.risk_level),
        )

    def wrap(self, loss):
        """Return the loss as the network is trained on it."""
        if self.returns is None and len(self.actions) == 1 and self.task.size == 1:
            return loss
        n_ahead = 0 if self.returns is None else self.returns.ahead.shape[1]
        more = self.backup, self.expectile, self.risk_level
        return ActionValues(loss, n_ahead, *more)

    def q_values(self, loss, raw):
        """Return the value of each action, (n, n_actions)."""
        return self.expect(loss, raw)[:, : len(self.actions)]

    def predict(self, loss, raw):
        """Return the value of each row's best action."""
        return self.q_values(loss, raw).max(axis=1)


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
    terminal = column_or_1d(terminal)
    values = np.unique(terminal)
    if terminal.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"terminal must be True or False for each row, or 1 and 0; it holds "
            f"{values[:5].tolist()}."
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
        return find_following_rows(column_or_1d(episode), terminal)
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
        )


def measure_following(X, X_next, terminal):
    """Return the share of the states that follow which the next row has, too.

    In a log it is nearly all of them, unless one of the tables is in other units.
    """
    rows = np.flatnonzero(~terminal[:-1])
    if not len(rows):
        return 0.0
    gap = abs(X_next[rows] - X[rows + 1])
    return float(np.mean(np.asarray(gap.sum(axis=1)) == 0))


def check_order(X, X_next, following):
    """Raise ValueError where a row of an episode does not follow the one before."""
    rows = np.flatnonzero(following >= 0)
    gap = X_next[rows] - X[following[rows]]
    size = np.abs(X[rows]) if not issparse(X) else abs(X[rows])
    far = np.abs(gap) > 1e-4 * (1 + np.abs(size).max())
    broken = np.flatnonzero(np.asarray(far.sum(axis=1)).ravel())
    if len(broken):
        raise ValueError(
            f"Row {following[rows[broken[0]]]} is not what next_X says of row "
            f"{rows[broken[0]]}, the one before it in its episode, nor are "
            f"{len(broken) - 1} others. n_steps needs the rows of an episode whole and "
            f"in order of time: sort them, and split by episodes, cv=GroupKFold() with "
            f"groups=episode."
        )


def join(tables):
    """Return tables side by side."""
    if any(map(issparse, tables)):
        return hstack(tables, format="csr")
    return np.hstack(tables)
