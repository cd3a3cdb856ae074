"""A scikit-learn scorer for one head of a multi-task network."""

import copy
from inspect import Parameter, Signature

from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from skloss.estimators._columns import get_column, split_by_head
from skloss.estimators._head_predictions import get_head
from skloss.estimators._multi_task import LossAwareMultiTask
from skloss.estimators._validation_scorer import name_scorer, takes_weights


class HeadScorer:
    """A scorer of one head, as :func:`head_scorer` makes it."""

    def __init__(self, head, scoring):
        self.head, self.scoring = head, scoring
        self.scorer = get_scorer(scoring)
        names = ["estimator", "X", "y"]
        names += ["sample_weight"] if takes_weights(self.scorer) else []
        kind = Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = Signature([Parameter(name, kind) for name in names])

    @property
    def __name__(self):
        return f"{self.head}_{name_scorer(self.scoring)}"

    def __repr__(self):
        return f"head_scorer({self.head!r}, {self.scoring!r})"

    def get_metadata_routing(self):
        """Return what the scorer of the head's column asks for."""
        return get_routing_for_object(self.scorer)

    def __call__(self, estimator, X, y, **weights):
        """Return the score of the head's predictions."""
        names = [name for name, _ in find_multi_task(estimator).heads]
        column = get_column(split_by_head(y, names), self.head)
        return self.scorer(replace_by_head(estimator, self.head), X, column, **weights)


def head_scorer(head, scoring):
    """Return a scorer of one head of a :class:`~skloss.LossAwareMultiTask`.

    Parameters
    ----------
    head : str
        Its name.
    scoring : str or callable
        A scorer of scikit-learn for the head's own column of y.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)`` for a fitted network, a Pipeline that ends in one,
        or a search over either; y has the columns of all heads.

    Raises
    ------
    ValueError
        If scikit-learn has no scorer of that name; when called, if there is no such
        head.

    Examples
    --------
    >>> from skloss.model_selection import head_scorer
    >>> scoring = {"auc": head_scorer("churn", "roc_auc")}
    """
    return HeadScorer(head, scoring)


def find_multi_task(estimator):
    """Return the multi-task network that an estimator is, or ends in."""
    if isinstance(estimator, Pipeline):
        return find_multi_task(estimator.steps[-1][1])
    if hasattr(estimator, "best_estimator_"):
        return find_multi_task(estimator.best_estimator_)
    if isinstance(estimator, LossAwareMultiTask):
        return estimator
    raise TypeError(
        f"head_scorer scores a LossAwareMultiTask, a Pipeline that ends in one or a "
        f"search over either, not {estimator!r}."
    )


def replace_by_head(estimator, name):
    """Return the estimator with one head in place of the network."""
    if isinstance(estimator, Pipeline):
        view, (step, last) = copy.copy(estimator), estimator.steps[-1]
        view.steps = [*estimator.steps[:-1], (step, replace_by_head(last, name))]
        return view
    if hasattr(estimator, "best_estimator_"):
        return replace_by_head(estimator.best_estimator_, name)
    return get_head(estimator, name)
