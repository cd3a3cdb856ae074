"""Losses of a whole batch: smooth stand-ins for AUC, F scores and kappa."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._frequencies import log_odds


class Surrogate(NamedTuple):
    """What stands in for the step at a difference of 0."""

    phi: Callable  # of the difference of two scores
    stretch: float  # of one score's margin, where phi stands on it alone
    constant: Callable  # the score that this gives a frequency


SURROGATES = {
    "logistic": Surrogate(
        lambda d: ops.softplus(-d), 1.0, lambda p: np.log(p) - np.log1p(-p)
    ),
    # differences end at 1, so scores at 1/2 on either side
    "squared_hinge": Surrogate(
        lambda d: ops.square(ops.relu(1 - d)), 2.0, lambda p: p - 0.5
    ),
}


class AUCPairwise(ClassificationLoss):
    """Pairwise surrogate of the area under the ROC curve.

    The mean of ``phi(f_i - f_j)`` over the batch's pairs of a row i of class 1 and a
    row j of class 0 (Yan et al. 2003; Gao and Zhou 2015: consistent for AUC with both
    surrogates, and not with the hinge); ``softplus(-d) / log 2`` and
    ``max(0, 1 - d)^2`` bound 1 - AUC from above. Several labels, or classes
    (one-vs-rest, as scikit-learn's ``multi_class="ovr"``), have the mean over them.

    Pairs tell nothing about the level of the scores: no sign of f could decide. So a
    little of the same phi is added on each row's own margin m = (2 y - 1) f, as
    ``phi(m)`` (cross-entropy) for the logistic and ``phi(2 m)`` for the squared hinge,
    whose differences end at 1. Along the level it is the only slope, so that it fixes
    the level however small its weight: f = 0 is where it would decide by itself. Beside
    the logistic it does not even compete, for f = log-odds minimises both. With weight
    0 only the order of ``decision_function`` means anything.

    A row's weight counts in all its pairs, as repeated rows would. A batch, or a label
    in it, without one of the classes has no pairs: large batches (256 and more) serve
    rare classes better. For probabilities use ``CalibratedClassifierCV``.

    Parameters
    ----------
    surrogate : {"logistic", "squared_hinge"}, default="logistic"
        phi.
    level_weight : float >= 0, default=0.1
        Weight of the term that fixes the level.
    """

    name = "auc_pairwise"
    aliases = ("auc", "pairwise_auc")
    formula = "mean_{i in 1, j in 0} phi(f_i - f_j) + c mean phi(m)"
    source = "Yan et al. 2003; Gao and Zhou 2015"
    elicits = "order of the rows by probability"
    convex = True
    decomposable = False
    search_space: ClassVar = {"level_weight": (0.01, 1.0, "log")}

    def __init__(self, surrogate="logistic", level_weight=0.1):
        self.surrogate = surrogate
        self.level_weight = level_weight

    def check(self):
        """Raise ValueError unless the surrogate is known and the weight >= 0."""
        if self.surrogate not in SURROGATES:
            raise ValueError(
                f"AUCPairwise: surrogate={self.surrogate!r} must be one of "
                f"{', '.join(map(repr, SURROGATES))}."
            )
        check_range(self, "level_weight", 0, float("inf"), "[)")

    def batch_value(self, task, y_true, raw, weight):
        """Return sum(weight) times the mean over pairs, and the level's term."""
        phi, stretch, _ = SURROGATES[self.surrogate]
        rows = weight[:, None]
        one, zero = shares(rows * y_true), shares(rows * (1 - y_true))
        both = one[:, None] * zero[None] * phi(raw[:, None] - raw[None])
        pairs = ops.sum(weight) * ops.sum(both, axis=(0, 1))
        level = ops.sum(rows * phi(stretch * (2 * y_true - 1) * raw), axis=0)
        return ops.mean(pairs + self.level_weight * level)

    def why_apart(self, task):
        """Return that pairs cost many times as much as rows."""
        return "it computes as many values as a batch has pairs of rows"

    def constant_for(self, task, prior):
        """Return the level of each class frequency: the pairs do not mind."""
        return SURROGATES[self.surrogate].constant(prior)


class Tversky(ClassificationLoss):
    """Tversky loss; by default Dice, the soft F1 score.

    ``1 - TP / (TP + alpha FP + beta FN)`` with TP = sum y p, FP = sum (1 - y) p,
    FN = sum y (1 - p) over the batch (Salehi et al. 2017, Eq. 2), p the sigmoid, or
    the softmax; the mean over labels or classes of several. alpha = beta = 1/2 is
    Dice, alpha = 1 / (1 + b^2) and beta = 1 - alpha the soft F_b score (Bénédict et
    al. 2021). In Keras' ``Tversky`` alpha weighs the false negatives, whatever its
    documentation says: the two change places when it is taken over. Keras' sums also
    run over all classes unless ``axis=0``.

    Its minimiser puts p at 0 or 1, each row on the side that is best for the score, so
    that the sign of f decides and p is no probability. Small batches bias it. It
    trains more reliably beside cross-entropy:
    ``0.5 * CrossEntropy() + 0.5 * Tversky()``.

    Parameters
    ----------
    alpha : float > 0, default=0.5
        Cost of false positives.
    beta : float > 0, default=0.5
        Cost of false negatives.
    """

    name = "tversky"
    aliases = ("dice", "dice_loss", "soft_f_beta", "soft_f1")
    from_keras: ClassVar = {"Tversky": {"alpha": "beta", "beta": "alpha"}, "Dice": {}}
    formula = "1 - TP / (TP + alpha FP + beta FN)"
    source = "Salehi et al. 2017, Eq. 2"
    elicits = "decisions of the best F score"
    decomposable = False
    search_space: ClassVar = {
        "alpha": (0.1, 0.9, "linear"),
        "beta": (0.1, 0.9, "linear"),
    }

    def __init__(self, alpha=0.5, beta=0.5):
        self.alpha = alpha
        self.beta = beta

    def check(self):
        """Raise ValueError unless both are positive."""
        check_range(self, "alpha", 0, float("inf"), "()")
        check_range(self, "beta", 0, float("inf"), "()")

    def batch_value(self, task, y_true, raw, weight):
        """Return sum(weight) times the loss of the weighted batch."""
        several = task.kind == "multiclass"
        p = ops.softmax(raw) if several else ops.sigmoid(raw)
        row = shares(weight[:, None])
        hit = ops.sum(row * y_true * p, axis=0)
        false_alarm = ops.sum(row * (1 - y_true) * p, axis=0)
        miss = ops.sum(row * y_true * (1 - p), axis=0)
        # below the floor there is neither a hit nor a slope
        total = ops.maximum(hit + self.alpha * false_alarm + self.beta * miss, 1e-12)
        return ops.sum(weight) * ops.mean(1 - hit / total)

    def constant_for(self, task, prior):
        """Return the log-odds: the infimum is not attained."""
        return log_odds(task, prior)


class QuadraticKappa(ClassificationLoss):
    """One minus the quadratic weighted kappa of ordered classes.

    ``sum_ij (i - j)^2 O_ij / sum_ij (i - j)^2 a_i b_j`` with O_ij = mean t_i p_j over
    the batch, p the softmax, and a and b the sums of O along its columns and rows, that
    is the frequencies of true and of predicted classes (de la Torre, Puig and Valls
    2018, Eq. 6, who minimise its logarithm). With predictions that are certain it is 1
    minus scikit-learn's ``cohen_kappa_score(weights="quadratic")``. Ranks follow the
    order of an ordered pandas categorical y, else that of the sorted classes.

    Every constant prediction has a kappa of 0. The minimiser is certain of one class a
    row, so p is no probability; small batches bias it. Alone it trains badly where
    classes are many, some of which it then never chooses. Use it beside cross-entropy,
    as ``0.5 * CrossEntropy() + 0.5 * QuadraticKappa()``.
    """

    name = "qwk"
    aliases = ("quadratic_kappa", "quadratic_weighted_kappa", "weighted_kappa_loss")
    formula = "sum_ij (i - j)^2 O_ij / sum_ij (i - j)^2 a_i b_j"
    source = "de la Torre, Puig and Valls 2018, Eq. 6"
    elicits = "decisions of the best quadratic kappa"
    kinds = ("binary", "multiclass")
    ordered = True
    decomposable = False

    def __init__(self):
        pass

    def batch_value(self, task, y_true, raw, weight):
        """Return sum(weight) times the ratio for the weighted batch."""
        if task.kind == "binary":
            y_true = ops.concatenate([1 - y_true, y_true], axis=-1)
            raw = ops.concatenate([ops.zeros_like(raw), raw], axis=-1)
        rank = ops.arange(raw.shape[-1], dtype=raw.dtype)
        cost = ops.square(rank[:, None] - rank)
        row = shares(weight[:, None])
        together = ops.matmul(ops.transpose(row * y_true), ops.softmax(raw))
        by_chance = ops.sum(together, axis=1)[:, None] * ops.sum(together, axis=0)
        # where all is one class there is neither an error nor a slope
        expected = ops.maximum(ops.sum(cost * by_chance), 1e-12)
        return ops.sum(weight) * ops.sum(cost * together) / expected

    def constant_for(self, task, prior):
        """Return the log-odds: all constants have the same value."""
        return log_odds(task, prior)


def shares(weight):
    """Divide each column by its sum, if that is not 0."""
    total = ops.sum(weight, axis=0, keepdims=True)
    return weight / ops.where(total > 0, total, 1.0)
