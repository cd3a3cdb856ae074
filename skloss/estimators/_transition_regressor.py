"""What estimators of values share: fitted on transitions, and scored on them."""

from typing import ClassVar

from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from skloss.estimators._base import BaseLossAware
from skloss.estimators._table import validate_table
from skloss.estimators._transition_target import (
    measure_following,
    read_next,
    read_terminal,
)

COLUMNS = ("next_X", "terminal", "episode")
MANY = 20  # rows of which some should follow each other
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
        terminal = read_terminal(terminal, len(next_X))
        X = validate_table(self, fitted.features, X)
        table = read_next(self, fitted.features, X, next_X, terminal)
        follows = measure_following(X, table, terminal)
        if fitted.target.follows > 0.5 and follows == 0 and (~terminal).sum() >= MANY:
            raise ValueError(
                f"No state in next_X is that of the next row, and in fit "
                f"{fitted.target.follows:.0%} were: next_X must be in the units of X. "
                f"score of a Pipeline hands on next_X as it is; use "
                f"skloss.model_selection.TransitionScorer(), which transforms it."
            )
        return X, table, terminal


def score_without_next(y, values, sample_weight):
    """Return R2, where y are not rewards on the way but what is predicted."""
    return float(r2_score(y, values, sample_weight=sample_weight))
