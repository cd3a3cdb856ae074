"""Hinge losses that compare the scores of several classes with each other."""

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._core._families import ClassificationLoss


class WestonWatkins(ClassificationLoss):
    """Multiclass hinge loss of Weston and Watkins (1999).

    ``sum_{k != y} max(0, 1 - z_y + z_k)``; PyTorch's ``MultiMarginLoss`` divides it by
    the number of classes. For two classes it is the hinge loss of f = z_1 - z_0.

    Its minimiser is not always the most probable class: scores of classes of similar
    probability tie, at (0.4, 0.35, 0.25) those of the first two (Wang and Scott 2020:
    it is calibrated for ordered partitions of the classes, not for the error rate).
    The most probable class stands alone at the top if its probability exceeds 1/2.
    """

    name = "weston_watkins"
    aliases = ("multi_margin", "multi_margin_loss")
    formula = "sum_{k != y} max(0, 1 - z_y + z_k)"
    source = "Weston and Watkins 1999"
    elicits = "most probable class, if above 1/2"
    proper = "order"
    convex = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        own = ops.sum(y_true * raw, axis=-1, keepdims=True)
        return ops.sum((1 - y_true) * ops.relu(1 - own + raw), axis=-1)

    def binary(self, y_true, raw):
        """Return the hinge loss."""
        return ops.relu(1 - (2 * y_true - 1) * raw)

    def constant_for(self, task, prior):
        """Return minus the place of each class's block in the best partition."""
        if task.kind != "multiclass":
            return np.where(prior > 0.5, 1.0, -1.0)
        order = np.argsort(-prior, kind="stable")
        scores = np.empty(len(prior))
        scores[order] = -block_numbers(prior[order] / prior.sum())
        return scores


class LeeLinWahba(ClassificationLoss):
    """Multiclass hinge loss of Lee, Lin and Wahba (2004).

    ``sum_{k != y} max(0, 1 / (K - 1) + z_k - mean(z))``: the sum-to-zero constraint of
    the paper is built into the scores. Of the multiclass hinge losses it is the one
    whose minimiser always is the most probable class (their Lemma 1). Two classes have
    the hinge loss of f, which is z_1 - z_0 in the scores of the paper halved.
    """

    name = "lee_lin_wahba"
    formula = "sum_{k != y} max(0, 1 / (K - 1) + z_k - mean(z))"
    source = "Lee, Lin and Wahba 2004, Lemma 1"
    elicits = "most probable class"
    proper = "order"
    convex = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        centred = raw - ops.mean(raw, axis=-1, keepdims=True)
        return ops.sum(
            (1 - y_true) * ops.relu(1 / (raw.shape[-1] - 1) + centred), axis=-1
        )

    def binary(self, y_true, raw):
        """Return the hinge loss."""
        return ops.relu(1 - (2 * y_true - 1) * raw)

    def constant_for(self, task, prior):
        """Return 1 for the most probable class, -1 / (K - 1) for the others."""
        if task.kind != "multiclass":
            return np.where(prior > 0.5, 1.0, -1.0)
        most = np.arange(len(prior)) == np.argmax(prior)
        return np.where(most, 1.0, -1 / (len(prior) - 1))


def block_numbers(p):
    """Return the block (0, 1, ...) of each class, for probabilities that decrease.

    Scores at the optimum are whole numbers without a gap. With all pairs tied the risk
    is a constant; a step down after the first s classes adds s times the probability
    behind it, and a class in a block that ends at e saves p (K - e), for it need no
    longer be told from the classes behind. The best steps follow by dynamic
    programming over the ends of blocks.
    """
    n_classes = len(p)
    before = np.concatenate([[0.0], np.cumsum(p)])
    best, begin = np.zeros(n_classes + 1), np.zeros(n_classes + 1, dtype=int)
    for end in range(1, n_classes + 1):
        saved = (before[end] - before[:end]) * (n_classes - end)
        begin[end] = np.argmin(best[:end] - saved)
        step = end * (before[-1] - before[end])
        best[end] = (best[:end] - saved)[begin[end]] + step
    starts, end = np.zeros(n_classes), n_classes
    while begin[end] > 0:
        end = begin[end]
        starts[end] = 1
    return np.cumsum(starts)
