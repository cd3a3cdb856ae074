"""``validation_scoring``: a scikit-learn scorer that judges each epoch."""

import copy
import warnings
from collections.abc import Callable
from contextlib import suppress
from inspect import signature
from numbers import Real

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring, get_scorer_names

from skloss._params import nearest
from skloss._sklearn import (
    forget_callbacks,
    is_prediction_scorer,
    score_function,
    score_sign,
)
from skloss._warn_user import warn_user
from skloss.exceptions import UnknownNameError


class ValidationScorer:
    """Scores the raw outputs of the validation rows; greater is better.

    Parameters
    ----------
    estimator : BaseLossAware
        Not changed: scorers are asked about a copy.
    before : Fitted
        What is known before training.
    X, y : array-like
        The validation rows as they were given to ``fit``.
    weight : ndarray of shape (n,)
        For scorers that take weights.

    Raises
    ------
    ValueError
        If the scorer cannot score such a network.
    """

    def __init__(self, estimator, before, X, y, weight):
        self.scoring = before.settings.validation_scoring
        self.name = name_scorer(self.scoring)
        self.scorer = resolve_scorer(estimator)
        self.before, self.net = before, copy.copy(estimator)
        forget_callbacks(self.net)
        # predictions are known, and nothing else is made of X
        self.X = np.empty((len(y), 0)) if is_prediction_scorer(self.scorer) else X
        self.y = y
        self.weights = {}
        # equal weights change no score, and not every metric takes weights
        if np.ptp(weight) > 0 and takes_weights(self.scorer):
            self.weights = {"sample_weight": weight}
        self.rehearse()

    def __call__(self, raw: np.ndarray) -> float:
        """Return the score of raw outputs.

        Where the scorer fails that is NaN, which never counts as an improvement.
        """
        try:
            return self.score(raw)
        except Exception as error:
            warn_user(
                f"validation_scoring={self.scoring!r} failed, and its "
                f"score is nan, which counts as no improvement: {error!r}",
                UserWarning,
            )
            return np.nan

    def score(self, raw: np.ndarray) -> float:
        """Return the score of raw outputs of shape (n, n_raw)."""
        view = copy.copy(self.net)
        view._fitted = self.before.with_known_outputs(self.X, raw)
        score = self.scorer(view, self.X, self.y, **self.weights)
        if hasattr(score, "item"):
            with suppress(ValueError):  # an array of several numbers
                score = score.item()
        if not isinstance(score, Real):
            raise TypeError(f"it returns {score!r}, which is not a number.")
        return float(score)

    def rehearse(self):
        """Raise ValueError if the scorer cannot score, before anything is trained."""
        shape = len(self.y), self.before.loss.n_raw(self.before.target.task)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # nobody cares how the zeros do
                score = self.score(np.zeros(shape))
                if np.isnan(score):  # as a correlation's, for equal predictions
                    score = self.score(np.random.RandomState(0).normal(size=shape))
            if np.isnan(score):
                raise ValueError("it returns nan; perhaps they hold a single class.")
        except Exception as error:
            reason = str(error).rstrip(".")
            if isinstance(error, NotFittedError):
                reason = "it asks for predictions of other rows than it was given"
            raise ValueError(
                f"validation_scoring={self.scoring!r} cannot score the "
                f"validation rows with loss={self.net.loss!r}: {reason}. Choose "
                f"another scorer, or a loss that gives what it needs; "
                f"validation_scoring=None watches one that does not depend on the loss."
            ) from error


def resolve_scorer(net) -> Callable:
    """Return the scorer that ``net.validation_scoring`` names, or is.

    Raises
    ------
    TypeError, ValueError
        If it is none.
    """
    scoring = net.validation_scoring
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise UnknownNameError(
            f"validation_scoring={scoring!r} is no scorer of scikit-learn. "
            f"{nearest(scoring, get_scorer_names())}"
        )
    if not (isinstance(scoring, str) or callable(scoring)):
        raise TypeError(
            f"validation_scoring={scoring!r} must be the name of a scikit-learn "
            f"scorer, a callable scorer(estimator, X, y), or None."
        )
    try:
        return check_scoring(net, scoring)
    except ValueError as error:
        raise ValueError(f"validation_scoring={scoring!r}: {error}") from error


def name_scorer(scoring: str | Callable) -> str:
    """Return the name of a scorer, in scikit-learn's sign.

    Examples
    --------
    >>> from sklearn.metrics import make_scorer, max_error
    >>> name_scorer("roc_auc")
    'roc_auc'
    >>> name_scorer(make_scorer(max_error, greater_is_better=False))
    'neg_max_error'
    """
    if isinstance(scoring, str):
        return scoring
    name = getattr(score_function(scoring), "__name__", "")
    name = name if name.isidentifier() else "score"
    return f"neg_{name}" if score_sign(scoring) < 0 else name


def takes_weights(scorer: Callable) -> bool:
    """Tell whether a scorer can be given sample weights."""
    return "sample_weight" in signature(score_function(scorer)).parameters
