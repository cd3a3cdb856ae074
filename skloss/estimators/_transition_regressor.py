"""What estimators of values share: fitted on transitions, and scored on them."""

from typing import ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_consistent_length

from skloss._params._checks import check_number
from skloss.estimators._base import BaseLossAware
from skloss.estimators._table import validate_table
from skloss.estimators._transition_columns import (
    measure_steps,
    read_next,
    read_terminal,
    refuse_without_next,
)

COLUMNS = ("next_X", "terminal", "episode")
MANY = 20  # rows whose mean step says something
OTHER_UNITS = 4  # times the mean step of the fit
REQUESTED = dict.fromkeys(COLUMNS, True)


class TransitionRegressor(RegressorMixin, BaseLossAware):
    """Base class of the estimators of values.

    What they know of a row besides X and y comes by metadata, which they ask for.
    """

    _family = "regression"
    # Bellman errors say little of how good values are (Fujimoto et al. 2022), and
    # nothing else is known of rows set aside: nothing can stop early.
    early_stopping = False
    validation_scoring = None
    __metadata_request__fit: ClassVar = {"groups": False, **REQUESTED}
    __metadata_request__score: ClassVar = REQUESTED

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: one column of rewards."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags

    def predict(self, X):
        """Return the value of each row's state, in the units of y.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        fitted = self._get_fitted()
        return fitted.target.predict(fitted.loss, fitted.raw_outputs(self, X))

    def _read_transitions(self, X, next_X, terminal):
        """Return states, those that follow, and which rows are terminal, checked.

        Raises
        ------
        ValueError
            If the states that follow are in other units, as a Pipeline leaves them.
        """
        fitted = self._get_fitted()
        X = validate_table(self, fitted.features, X)
        terminal = read_terminal(terminal, X.shape[0])
        table = read_next(self, fitted.features, X, next_X, terminal)
        known, steps = fitted.target.steps, measure_steps(X, table, terminal)
        known = np.zeros_like(steps) if known is None else known
        far = steps[known > 0] > OTHER_UNITS * known[known > 0]
        if len(far) and far.all() and (~terminal).sum() >= MANY:
            raise ValueError(
                f"The states in next_X are more than {OTHER_UNITS} times as far from "
                f"those in X as in fit, in every column: next_X must be in the units "
                f"of X. score of a Pipeline hands on next_X as it is; use "
                f"skloss.model_selection.TransitionScorer(), which transforms it."
            )
        return X, table, terminal


def check_score_columns(X, y, discount, columns):
    """Raise ValueError for what ``score`` is given and ``fit`` would refuse."""
    given = [column for column in columns.values() if column is not None]
    check_consistent_length(X, y, *given)
    if columns["next_X"] is None:
        refuse_without_next(columns)
    check_number("discount", discount, low=0, high=1)


def score_without_next(y, values, sample_weight):
    """Return R2, where y are not rewards on the way but what is predicted."""
    return float(r2_score(y, values, sample_weight=sample_weight))
