"""A target of values: rewards, and what states further on are worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_consistent_length

from skloss.estimators._number_target import NumberTarget
from skloss.estimators._returns import (
    Returns,
    compute_returns,
)
from skloss.estimators._single_target import SingleTarget
from skloss.estimators._table import read_table
from skloss.estimators._transition_columns import (
    check_order,
    check_transitions,
    join_states,
    measure_steps,
    number_labels,
    read_next,
    read_order,
    read_terminal,
    refuse_without_next,
    warn_of_other_units,
)
from skloss.estimators._units import Units, measure_columns, varies
from skloss.losses import Task
from skloss.losses._bootstrap import (
    ActionValues,
    TemporalDifference,
    check_bootstraps,
    expect,
)
from skloss.losses._core import _ops as ops


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
    steps : ndarray of shape (n_features,), or None
        How far the states that follow are from those before, on the mean.
    returns : Returns or None
        None where nothing follows any row, and after the training.
    centre : float or None
        c; None until the rows' weights are known. A training that goes on keeps it.
    stretch : float
        How many times as far as one difference a whole return spreads.
    actions : ndarray of shape (n_actions,), or None
        None: there are only values of states.
    taken : ndarray of shape (n, n_actions), or None
        One-hot; None after the training.
    backup, expectile, risk_level : see ``FittedQRegressor``
    """

    steps: np.ndarray | None = None
    returns: Returns | None = None
    centre: float | None = None
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
        steps = measure_steps(X, X_next, terminal)
        target = replace(target, returns=returns, steps=steps)
        if settings.warm_start and hasattr(estimator, "_fitted"):
            target = replace(target, centre=estimator._fitted.target.units.loc[0])
        return features, target, join_states(tables), returns.known

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
        centre = 0.0 if self.transform is None else self.centre
        if centre is None:
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
        actions, code = number_labels(action, "action")
        if type_of_target(actions).startswith("continuous"):
            raise ValueError(
                f"action holds {len(actions)} different numbers, such as {actions[0]}: "
                f"a value is learnt for each action, so let there be few. Make classes "
                f"of them, as KBinsDiscretizer does."
            )
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

    def check_same(self, earlier):
        """Raise ValueError unless the actions are those of an earlier fit."""
        if not np.array_equal(earlier.actions, self.actions):
            raise ValueError(
                f"warm_start=True needs the same actions as the previous fit, "
                f"{earlier.actions.tolist()}, got {self.actions.tolist()}."
            )

    @property
    def is_plain(self):
        """Whether nothing follows any row, and one value is asked for."""
        return self.returns is None and self.task.size == 1

    @property
    def facts(self):
        """Return what the loss knows of each row besides, or None."""
        return None if self.is_plain else super().facts

    def wrap(self, loss):
        """Return the loss as the network is trained on it."""
        if self.is_plain:
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
