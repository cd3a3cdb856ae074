"""Searches over estimators of values: whole episodes, and scores to compare by."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

from skloss._sklearn import is_own_score, safe_indexing
from skloss.model_selection._candidates import Refused, find_net
from skloss.model_selection._last_step import get_last_step

COLUMNS = ("sample_weight", "action", "next_X", "terminal", "episode")


class TransitionScorer:
    """A scorer of estimators of values, alone or at the end of a Pipeline.

    ``score`` of the estimator, with all that it asks of a row: of a
    :class:`~skloss.TDValueRegressor` minus the mean squared Bellman error, of a
    :class:`~skloss.FittedQRegressor` an estimate of what its policy earns. A Pipeline's
    own ``score`` would hand on ``next_X`` as it is; here the earlier steps transform it
    like X.

    Parameters
    ----------
    discount : float in [0, 1], default=None
        By which all candidates are judged. None: each by its own, which says nothing
        in a search over ``discount``.

    Examples
    --------
    >>> from skloss.model_selection import TransitionScorer
    >>> TransitionScorer(discount=0.99)
    TransitionScorer(discount=0.99)
    """

    def __init__(self, discount=None):
        self.discount = discount

    def __repr__(self):
        return f"TransitionScorer(discount={self.discount!r})"

    def get_metadata_routing(self):
        """Return that columns are asked for, weights apart, which are optional."""
        request = MetadataRequest(owner=self)
        for name in COLUMNS[1:]:
            request.score.add_request(param=name, alias=True)
        return request

    def __call__(self, estimator, X, y, **columns):
        """Return the score.

        Parameters
        ----------
        estimator : TDValueRegressor, FittedQRegressor or Pipeline
            Fitted.
        X, y : array-like
        **columns : dict of str to array-like
            ``next_X``, and ``sample_weight``, ``action``, ``terminal``, ``episode``.

        Returns
        -------
        float
        """
        unknown = sorted(set(columns) - set(COLUMNS))
        if unknown:
            raise TypeError(
                f"{self!r} takes {', '.join(COLUMNS)}, not {', '.join(unknown)}."
            )
        if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
            earlier = estimator[:-1]
            if columns.get("next_X") is not None:
                columns["next_X"] = transform_next(
                    earlier, X, columns["next_X"], columns.get("terminal")
                )
            X = earlier.transform(X)
        return get_last_step(estimator).score(X, y, **columns, discount=self.discount)


def transform_next(steps, X, next_X, terminal):
    """Return the states that follow as earlier steps transform them.

    Those of terminal rows may be missing, and nobody looks at them: another stands for
    each.
    """
    if terminal is None:
        return steps.transform(next_X)
    going = ~np.asarray(terminal, dtype=bool)
    rows = np.flatnonzero(going)
    if not len(rows):
        return steps.transform(X)
    place = np.maximum(np.cumsum(going) - 1, 0)
    return safe_indexing(steps.transform(safe_indexing(next_X, rows)), place)


def check_episodes(episode, splits):
    """Raise ValueError for splits with rows of one episode on both sides.

    Parameters
    ----------
    episode : array-like of shape (n_samples,), or None
    splits : list of (train, test)
    """
    if episode is None:
        return
    episode = np.asarray(episode)
    for fold, (train, test) in enumerate(splits):
        cut = np.intersect1d(episode[train], episode[test])
        if len(cut):
            raise ValueError(
                f"Fold {fold} has rows of {len(cut)} episodes, such as {cut[0]}, both "
                f"to train and to test, so that what follows a row is lost. Split by "
                f"episodes: cv=GroupKFold() and fit(..., episode=episode, "
                f"groups=episode)."
            )


class OneDiscount:
    """Sees to it that candidates are not judged each by its own discount.

    Parameters
    ----------
    scorer : callable
    """

    def __init__(self, scorer):
        self.own = is_own_score(scorer) or getattr(scorer, "discount", 0.0) is None
        self.discounts = set()

    def check(self, estimators):
        """Raise ValueError where candidates, these or earlier ones, differ in it."""
        nets = [find_net(one) for one in estimators if not isinstance(one, Refused)]
        self.discounts |= {net.discount for net in nets if hasattr(net, "discount")}
        if self.own and len(self.discounts) > 1:
            low, high = min(self.discounts), max(self.discounts)
            raise ValueError(
                f"Candidates with discount={low!r} and discount={high!r} would be "
                f"scored each by its own, which says nothing. Set "
                f"scoring=TransitionScorer(discount={high!r}), of "
                f"skloss.model_selection, or what else judges all alike."
            )
