"""Ordered classes: what counts is how many ranks a prediction is off.

The columns of ``y_true`` are the classes in rank order.
"""

from typing import ClassVar

import numpy as np

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._frequencies import log_odds

DECISIONS = ("mode", "median", "mean")


def levels(y_true):
    """Return 1 for each threshold that the true class is above: (..., classes - 1)."""
    return 1 - ops.cumsum(y_true, axis=-1)[..., :-1]


def logistic(level, raw):
    """Return the logistic loss of 0/1 targets, elementwise."""
    return ops.softplus(raw) - level * raw


def log_odds_above(prior):
    """Return the log-odds of being above each threshold, from class frequencies."""
    above = np.cumsum(prior[::-1])[::-1][1:]
    return np.log(above) - np.log(np.cumsum(prior)[:-1])


class OrderedLoss(ClassificationLoss):
    """A loss that knows the order of the classes, and what to decide with it.

    Ranks follow the order of an ordered pandas categorical y, else that of the sorted
    classes. Numbers are the safest: ``cross_val_predict`` for probabilities hands on
    alphabetic codes of words, and their order is lost. Two classes have one raw output
    and no order to speak of.

    Parameters
    ----------
    decision : {"mode", "median", "mean"}, default="mode"
        What ``predict`` returns: the most probable class, the median (which minimises
        the absolute rank error) or the class nearest to the mean rank (the squared
        one).
    """

    kinds = ("binary", "multiclass")
    ordered = True
    keeps_order = True  # of two classes; of more, ``scores`` has the decision's

    def __init__(self, decision="mode"):
        self.decision = decision

    def check(self):
        """Raise ValueError unless the decision is known."""
        if self.decision not in DECISIONS:
            raise ValueError(
                f"{type(self).__name__}: decision={self.decision!r} must be one of "
                f"{', '.join(map(repr, DECISIONS))}."
            )

    def scores(self, task, raw):
        """Return one score a class, whose arg max is the decision."""
        return raw if task.kind == "binary" else self.decide(self.link(raw))

    def decide(self, p):
        """Return log-probabilities, or minus the expected rank error of each class."""
        if self.decision == "mode":
            return ops.log(p)
        rank = ops.arange(p.shape[-1], dtype=p.dtype)
        error = ops.abs(rank[:, None] - rank)
        return -ops.matmul(p, error if self.decision == "median" else error * error)

    def binary_link(self, raw):
        """Return the probability of class 1."""
        return self.link(ops.stack([ops.zeros_like(raw), raw], axis=-1))[..., 1]


class ThresholdLoss(OrderedLoss):
    """A loss on logits of thresholds; for two classes the logistic loss.

    A subclass writes ``log_probabilities`` and ``thresholds_for``.
    """

    elicits = "class probabilities, ordered"
    proper = "strict"

    def binary(self, y_true, raw):
        """Return the value per element: softplus(f) - t f."""
        return logistic(y_true, raw)

    def log_probabilities(self, raw):
        """Return the log-probabilities of the classes, up to rounding."""
        raise NotImplementedError

    def link(self, scores):
        """Return the probabilities of the classes, floored."""
        return ops.floor_and_normalise(ops.exp(self.log_probabilities(scores)), 1e-7)

    def binary_link(self, raw):
        """Return the sigmoid."""
        return ops.clip(ops.sigmoid(raw), 1e-7, 1 - 1e-7)

    def constant_for(self, task, prior):
        """Return the log-odds, or those of the thresholds as raw outputs."""
        if task.kind == "binary":
            return log_odds(task, prior)
        return self.thresholds_for(prior / prior.sum())

    def thresholds_for(self, prior):
        """Return the raw outputs whose probabilities are ``prior``."""
        raise NotImplementedError


class TiedLoss(ThresholdLoss):
    """A loss of one score g of X, and thresholds that are the same for every row."""

    def n_global(self, task):
        """Return the number of thresholds."""
        return task.size - 1

    def global_pace(self, task):
        """Return 10 for each threshold.

        A bias moves by the learning rate, g by the sum over all units of the last
        layer: thresholds would lag behind (digits, 100 epochs of Adam: 40 % right,
        with this factor 67 %).
        """
        return np.full(self.n_global(task), 10.0)


class Coral(TiedLoss):
    """Consistent rank logits: one score, and a trained bias for each threshold.

    ``sum_k softplus(a_k) - [y > k] a_k`` with ``a_k = g + b_k`` (Cao, Mirjalili and
    Raschka 2020, Eq. 4, with weights one); raw outputs ``(g, b_1, ..., b_{K-1})``, of
    which only g depends on X. The probabilities are differences of sigmoids; where
    biases are out of order, which the optimum excludes, of their running minimum.
    coral_pytorch's ``coral_loss`` is the mean over rows of the same sum.

    Parameters
    ----------
    decision : {"mode", "median", "mean"}, default="mode"
        What ``predict`` returns: the most probable class, the median class (least
        absolute rank error) or the class nearest to the mean rank.
    """

    name = "coral"
    aliases = ("coral_loss", "consistent_rank_logits")
    formula = "sum_k softplus(g + b_k) - [y > k] (g + b_k)"
    source = "Cao, Mirjalili and Raschka 2020, Eq. 4"
    head = "coral"
    convex = True

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        a = raw[..., :1] + raw[..., 1:]
        return ops.sum(logistic(levels(y_true), a), axis=-1)

    def log_probabilities(self, raw):
        """Return logs of differences of sigmoids."""
        a = running_minimum(raw[..., :1] + raw[..., 1:])
        below, above = ops.log_sigmoid(-a), ops.log_sigmoid(a)
        gap = ops.log_expm1_neg(a[..., 1:] - a[..., :-1])
        middle = above[..., :-1] + below[..., 1:] + gap
        return ops.concatenate([below[..., :1], middle, above[..., -1:]], axis=-1)

    def thresholds_for(self, prior):
        """Return g = 0 and the log-odds of being above each threshold."""
        return np.concatenate([[0.0], log_odds_above(prior)])


def running_minimum(a):
    """Return the minimum of each element and those before it, along the last axis."""
    columns = [a[..., 0]]
    for k in range(1, a.shape[-1]):
        columns.append(ops.minimum(columns[-1], a[..., k]))
    return ops.stack(columns, axis=-1)


class CumulativeLink(TiedLoss):
    """Proportional odds: the likelihood of a logistic variable between thresholds.

    ``-log(sigmoid(a_{y-1}) - sigmoid(a_y))`` with ``a_k = g + b_k``, a_0 and a_K
    infinite (McCullagh 1980, Section 2). Raw outputs are ``(g, b_1, d_2, ...,
    d_{K-1})``, of which only g depends on X, and ``b_k = b_{k-1} - softplus(d_k)``, so
    that thresholds cannot cross. As 1 - exp(-softplus(d)) is sigmoid(d), the logarithm
    of the difference is a sum, without cancellation. statsmodels' ``OrderedModel``
    calls -b_k thresholds.

    Parameters
    ----------
    decision : {"mode", "median", "mean"}, default="mode"
        What ``predict`` returns: the most probable class, the median class (least
        absolute rank error) or the class nearest to the mean rank.
    """

    name = "cumulative_link"
    aliases = ("proportional_odds", "ordered_logit")
    formula = "-log(sigmoid(g + b_{y-1}) - sigmoid(g + b_y))"
    source = "McCullagh 1980, Section 2"
    head = "cumulative_link"

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        return -ops.sum(y_true * self.log_probabilities(raw), axis=-1)

    def log_probabilities(self, raw):
        """Return the log-probabilities of the classes."""
        gaps = raw[..., 2:]
        first = raw[..., :1] + raw[..., 1:2]
        rest = first - ops.cumsum(ops.softplus(gaps), axis=-1)
        a = ops.concatenate([first, rest], axis=-1)
        below, above = ops.log_sigmoid(-a), ops.log_sigmoid(a)
        middle = above[..., :-1] + below[..., 1:] + ops.log_sigmoid(gaps)
        return ops.concatenate([below[..., :1], middle, above[..., -1:]], axis=-1)

    def thresholds_for(self, prior):
        """Return g = 0, the first log-odds, and the gaps below it."""
        a = log_odds_above(prior)
        return np.concatenate([[0.0], a[:1], np.log(np.expm1(-np.diff(a)))])


class Corn(ThresholdLoss):
    """Conditional ordinal regression: above k or not, among rows not below k.

    ``sum_{k <= y} softplus(a_k) - [y > k] a_k`` over thresholds k = 0 ... K - 2 (Shi,
    Cao and Raschka 2023, Eq. 6), which is the negative log-likelihood of a continuation
    ratio model: ``-log p_y`` with ``P(y > k) = prod_{j <= k} sigmoid(a_j)``. All
    raw outputs ``a_k`` depend on X. coral_pytorch's ``corn_loss`` divides the sum over
    rows by the number of terms, not of rows.

    Parameters
    ----------
    decision : {"mode", "median", "mean"}, default="mode"
        What ``predict`` returns: the most probable class, the median class (least
        absolute rank error) or the class nearest to the mean rank.
    """

    name = "corn"
    aliases = ("corn_loss", "continuation_ratio")
    formula = "sum_{k <= y} softplus(a_k) - [y > k] a_k"
    source = "Shi, Cao and Raschka 2023, Eq. 6"
    head = "corn"
    convex = True

    def n_raw(self, task):
        """Return the number of thresholds."""
        return max(task.size - 1, 1)

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        level = levels(y_true)
        asked = level + y_true[..., :-1]  # y >= k: above the threshold, or just below
        return ops.sum(asked * logistic(level, raw), axis=-1)

    def log_probabilities(self, raw):
        """Return the log-probabilities of the classes."""
        above = ops.cumsum(ops.log_sigmoid(raw), axis=-1)
        reached = ops.concatenate([ops.zeros_like(raw[..., :1]), above], axis=-1)
        below = ops.log_sigmoid(-raw)
        return ops.concatenate([reached[..., :-1] + below, above[..., -1:]], axis=-1)

    def thresholds_for(self, prior):
        """Return the log-odds of being above each threshold, if not below it."""
        above = np.cumsum(prior[::-1])[::-1][1:]
        return np.log(above) - np.log(prior[:-1])


class RankedProbability(OrderedLoss):
    """Ranked probability score: the Brier score of all thresholds.

    ``sum_k (F_k - [y <= k])^2`` with F the cumulative sum of the softmax, over
    k = 0 ... K - 2 (Epstein 1969; Murphy 1971). Others divide by K - 1; for two classes
    it is half of the Brier score.

    Parameters
    ----------
    decision : {"mode", "median", "mean"}, default="mode"
        What ``predict`` returns: the most probable class, the median class (least
        absolute rank error) or the class nearest to the mean rank.
    """

    name = "rps"
    aliases = ("ranked_probability", "ranked_probability_score")
    formula = "sum_k (F_k - [y <= k])^2"
    source = "Epstein 1969"
    elicits = "class probabilities"
    proper = "strict"

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        error = ops.cumsum(ops.softmax(raw) - y_true, axis=-1)
        return ops.sum(ops.square(error[..., :-1]), axis=-1)

    def link(self, scores):
        """Return the softmax, floored."""
        return ops.floor_and_normalise(ops.softmax(scores))

    def constant_for(self, task, prior):
        """Return the log of the class frequencies."""
        return log_odds(task, prior)


class Sord(OrderedLoss):
    """Cross-entropy with soft labels that fall off with the distance in ranks.

    ``-sum_k s_k log softmax(z)_k`` with ``s = softmax(-|y - k| / T)`` (Diaz and Marathe
    2019, Eq. 1, with the absolute distance and a temperature). The softmax estimates
    the smoothed probabilities; the link divides the smoothing out again.

    Parameters
    ----------
    temperature : float > 0, default=0.5
        T; towards 0 it is cross-entropy.
    decision : {"mode", "median", "mean"}, default="mode"
        What ``predict`` returns: the most probable class, the median class (least
        absolute rank error) or the class nearest to the mean rank.
    """

    name = "sord"
    aliases = ("soft_ordinal",)
    formula = "-sum_k softmax(-|y - k| / T)_k log softmax(z)_k"
    source = "Diaz and Marathe 2019, Eq. 1"
    elicits = "class probabilities, smoothed"
    proper = "link"
    convex = True
    search_space: ClassVar = {"temperature": (0.2, 2.0, "log")}

    def __init__(self, temperature=0.5, decision="mode"):
        self.temperature = temperature
        self.decision = decision

    def check(self):
        """Raise ValueError unless temperature > 0 and the decision is known."""
        super().check()
        check_range(self, "temperature", 0, float("inf"), "()")

    def soft_labels(self, n_classes, dtype):
        """Return the soft label of each class, one a row."""
        rank = ops.arange(n_classes, dtype=dtype)
        return ops.softmax(-ops.abs(rank[:, None] - rank) / self.temperature)

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.log_softmax(raw)
        soft = ops.matmul(y_true, self.soft_labels(raw.shape[-1], log_p.dtype))
        return -ops.sum(soft * log_p, axis=-1)

    def link(self, scores):
        """Return the probabilities whose mixture of soft labels the softmax is."""
        v = ops.softmax(scores)
        mixing = self.soft_labels(v.shape[-1], v.dtype)
        return ops.floor_and_normalise(ops.matmul(v, ops.inv(mixing)))

    def constant_for(self, task, prior):
        """Return the log of the smoothed class frequencies."""
        if task.kind == "binary":
            prior = np.concatenate([1 - prior, prior])
        mixed = prior @ np.asarray(self.soft_labels(len(prior), "float64"))
        return log_odds(task, mixed if task.kind == "multiclass" else mixed[1:])
