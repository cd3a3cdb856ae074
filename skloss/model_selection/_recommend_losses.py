"""Which losses to try first for a table, and why."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import check_array, check_consistent_length

from skloss import losses as catalogue
from skloss._advice._measure import measure_table
from skloss._advice._rules import put_first
from skloss._params import parse_spec
from skloss.model_selection._auto_steps import find_gaps
from skloss.model_selection._fitting_losses import describe_target_of, loss_space
from skloss.model_selection._rewards import find_reward
from skloss.model_selection._spaces import LossSpace
from skloss.model_selection._value_text import list_columns


@dataclass(frozen=True)
class Recommendation:
    """A loss to try.

    Attributes
    ----------
    loss : str
        For ``loss=``.
    reason : str
    serves : str
        The scores that its predictions are best by.
    elicits : str
        What it predicts, if it is trained to the end: how its predictions are read.
    n_outputs : int
        Raw outputs of the network, what it costs besides the layers.
    """

    loss: str
    reason: str
    serves: str
    elicits: str
    n_outputs: int


class LossRecommendations(list):
    """Recommendations, the best first, and the evidence for them.

    :func:`recommend_losses` makes it; it prints the five factors of a choice.

    Attributes
    ----------
    evidence : list of Evidence
        What was measured: name, value, threshold, whether it holds, text and source.
    space : LossSpace
        The losses with the ranges of their knobs, for a search.
    scoring : str, callable or None
    """

    def __init__(self, recommendations, evidence, space, scoring):
        super().__init__(recommendations)
        self.evidence, self.space, self.scoring = evidence, space, scoring

    def param_grid(self, n=3):
        """Return a grid for ``GridSearchCV``, the knobs at ``n`` values each.

        Returns
        -------
        list of dict
        """
        return self.space.grid(n)

    def __repr__(self):
        lines = [f"Losses for this table, {self._describe_score()}:"]
        for place, own in enumerate(self, 1):
            lines.append(f"{place}. {own.loss!r}: {own.reason} Serves {own.serves}.")
        lines.append("What was measured:")
        for own in self.evidence:
            mark = "*" if own.holds else "-"
            source = f" ({own.source})" if own.source else ""
            lines.append(f"{mark} {own.factor}: {own.text}{source}")
        lines += [f"- cost: {self._describe_cost()}"]
        lines += [f"- interpretability: {self._describe_reading()}"]
        return "\n".join(lines)

    def _repr_html_(self):
        """Return what a notebook shows."""
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    def _describe_score(self):
        if self.scoring is None:
            return "by what y is like, as no score is given"
        return f"by scoring={self.scoring!r}"

    def _describe_cost(self):
        counts = {own.loss: own.n_outputs for own in self}
        if len(set(counts.values())) == 1:
            return f"all have {next(iter(counts.values()))} raw output(s)."
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        return f"raw outputs: {listed}."

    def _describe_reading(self):
        return "; ".join(f"{own.loss} predicts the {own.elicits}" for own in self) + "."


def recommend_losses(X, y, *, scoring=None, family=None, prefix="loss"):
    """Recommend losses for a table: what is rewarded first, then what y is like.

    With a score only the losses that elicit what it rewards are recommended, those
    first that the evidence speaks for. Without one the evidence decides: the
    distributions that fit y best around what a quick model predicts, or a robust loss.
    Which of them is the best on the table at hand, :func:`compare_losses` says.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Numbers, or a frame with text too; missing values are allowed.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    scoring : str or callable, default=None
        The name of a scorer of scikit-learn, or one made by ``make_scorer``.
    family : {"classification", "regression"}, default=None
        As in :func:`loss_space`.
    prefix : str, default="loss"
        Name of the parameter; ``"net__loss"`` for the step "net" of a pipeline.

    Returns
    -------
    LossRecommendations

    Raises
    ------
    ValueError, TypeError
        As :func:`loss_space`.

    Examples
    --------
    One row in ten has an entry that is wrong:

    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from skloss.model_selection import recommend_losses
    >>> X, y = load_diabetes(return_X_y=True)
    >>> y = np.where(np.arange(len(y)) % 10 == 0, -20 * y, y)
    >>> found = recommend_losses(X, y)
    >>> found[0].loss, found[0].serves
    ('huber', 'MAE, RMSE of clean rows')
    >>> found.param_grid(n=2)[0]
    {'loss': ['huber'], 'loss__delta': [0.1, 3.0]}

    By the score:

    >>> recommend_losses(X, y, scoring="neg_mean_absolute_error")[0].loss
    'absolute_error'
    """
    check_consistent_length(X, y)
    reward = find_reward(scoring)
    task, Y, ordered = describe_target_of(y, family, scoring, reward)
    ordered = ordered or (reward is not None and reward.ordered)
    evidence, advice = measure_table(encode_table(X), Y, task, ordered=ordered)
    fits = {"family": task.family, "prefix": prefix}
    if reward is None:
        fitting = loss_space(y, include="all", **fits).losses
        advice = [own for own in advice if parse_spec(own.loss)[0] in fitting]
        space = loss_space(y, include=[own.loss for own in advice], **fits)
        found = [(own.loss, own.reason, own.serves) for own in advice]
    else:
        space = loss_space(y, scoring=scoring, **fits)
        texts = list(space.losses)
        texts = put_first(texts, reward.functional, evidence, advice)
        space = LossSpace(
            {text: space.losses[text] for text in texts},
            prefix=prefix,
            reasons=space.reasons,
        )
        name = scoring if isinstance(scoring, str) else "the score"
        found = [(text, space.reasons[text], name) for text in texts]
    recommended = [describe_loss(*own, task) for own in found]
    return LossRecommendations(recommended, evidence, space, scoring)


def describe_loss(text, reason, serves, task):
    """Return a recommendation with the facts of its loss."""
    loss = catalogue.get(text, task.family)
    return Recommendation(text, reason, serves, loss.elicits, loss.n_raw(task))


def encode_table(X):
    """Return a table of numbers, text as the rank of each value; gaps stay."""
    if issparse(X):
        return check_array(X, accept_sparse="csr")
    text, _ = find_gaps(X)
    columns = dict(list_columns(X)) if hasattr(X, "columns") else {}
    if not text:
        return check_array(X, ensure_all_finite="allow-nan")
    encoded = [
        OrdinalEncoder().fit_transform(np.asarray(column, object)[:, np.newaxis])
        if name in text
        else np.asarray(column, float)[:, np.newaxis]
        for name, column in columns.items()
    ]
    return np.hstack(encoded)
