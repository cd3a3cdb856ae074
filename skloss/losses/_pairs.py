"""Losses on pairs of rows: alike in class or in number, or views of one row.

Every pair of rows of a batch counts, weighted by the product of the rows' weights.
"""

from typing import ClassVar

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._representation_loss import RepresentationLoss, normalize
from skloss.losses._core._view import View
from skloss.losses._core._wrapper import Wrapper, forward_the_rest


def squared_distances(raw):
    """Return the squared Euclidean distances of all pairs of rows, (n, n).

    As differences, coordinate by coordinate: products of rows far from zero would lose
    what is small beside them.
    """
    z = ops.transpose(raw)  # the sum is over the first axis, which XLA does in lanes
    return ops.sum(ops.square(z[:, :, None] - z[:, None, :]), axis=0)


def root(squares):
    """Return square roots whose slope at zero is zero."""
    there = squares > 0
    return ops.where(there, ops.sqrt(ops.where(there, squares, 1.0)), 0.0)


def same_class(y_true):
    """Return which pairs have the same label, and which have labels, each (n, n)."""
    code = y_true[:, 0]
    known = ops.cast(code >= 0, y_true.dtype)
    alike = ops.cast(code[:, None] == code[None, :], y_true.dtype)
    return alike, known[:, None] * known[None, :]


def mean_of_pairs(values, mass, weight):
    """Return the mean of pairs' values times the weight of the batch; 0 of no pair."""
    total = ops.sum(mass)
    mean = ops.sum(mass * values) / ops.where(total > 0, total, 1.0)
    return ops.sum(weight) * mean


def off_diagonal(like):
    """Return a matrix as large as another, 0 on the diagonal and 1 elsewhere."""
    return 1 - ops.eye(like.shape[0], dtype=like.dtype)


class Contrastive(RepresentationLoss):
    """Contrastive loss: rows of a class near each other, all others a margin apart.

    A row and itself are a pair, too, at no distance, so that a weight of two is worth a
    row given twice.

    Parameters
    ----------
    margin : float > 0, default=1.0
        Distance beyond which rows of different classes are left alone.

    Examples
    --------
    >>> import numpy as np
    >>> from skloss.losses import Contrastive
    >>> similar, distance = np.array([0.0, 1, 1, 0]), np.array([0.2, 0.9, 0.6, 0.3])
    >>> values = np.array(Contrastive().pair_value(similar, distance))
    >>> round(float(values.mean()), 3)
    0.575
    """

    name = "contrastive"
    formula = "s d^2 + (1 - s) max(margin - d, 0)^2 of a pair at distance d"
    source = "Hadsell, Chopra and LeCun 2006, Eq. 4, without the factor 1/2"
    elicits = "a representation in which classes are apart"
    target = "classes"
    pairs_rows = True
    gradient_growth = "linear"
    search_space: ClassVar = {"margin": (0.3, 10.0, "log")}

    def __init__(self, margin=1.0):
        self.margin = margin

    def check(self):
        """Raise ValueError unless the margin is positive."""
        check_range(self, "margin", 0, float("inf"), "()")

    def pair_value(self, similar, distance):
        """Return the value of pairs.

        Parameters
        ----------
        similar : array of 0 and 1
        distance : array of the same shape
        """
        gap = ops.maximum(self.margin - distance, 0.0)
        return similar * ops.square(distance) + (1 - similar) * ops.square(gap)

    def batch_value(self, task, y_true, raw, weight):
        """Return the mean over all pairs of rows with labels."""
        alike, known = same_class(y_true)
        values = self.pair_value(alike, root(squared_distances(raw)))
        mass = known * weight[:, None] * weight[None, :]
        return mean_of_pairs(values, mass, weight)


class TargetDistance(RepresentationLoss):
    """Distances of representations like the distances of the targets.

    Raw stress (Kruskal 1964) between the distances of rows and those of their targets,
    standardised, in Euclidean length where there are several.
    """

    name = "target_distance"
    formula = "(d - |y_i - y_j|)^2 of a pair at distance d"
    source = "Kruskal 1964, raw stress S*, of the distances of targets"
    elicits = "a representation as far apart as the targets"
    target = "numbers"
    gradient_growth = "linear"

    def batch_value(self, task, y_true, raw, weight):
        """Return the mean over all pairs of rows."""
        wanted = root(squared_distances(y_true))
        values = ops.square(root(squared_distances(raw)) - wanted)
        return mean_of_pairs(values, weight[:, None] * weight[None, :], weight)


class Triplet(RepresentationLoss):
    """Triplet loss on unit vectors, with the semi-hard negatives of the batch.

    For each pair of rows of a class, the negative is the nearest row of another class
    that is further away than the pair; where there is none, the furthest.

    Parameters
    ----------
    margin : float > 0, default=0.2
        By which squared distances, at most 4, are to differ.
    """

    name = "triplet"
    formula = "max(d_ap - d_an + margin, 0), d squared distances of unit vectors"
    source = "Schroff, Kalenichenko and Philbin 2015, Eqs. 3 and 4"
    elicits = "a representation in which classes are apart"
    target = "classes"
    pairs_rows = True
    normalizes = True
    search_space: ClassVar = {"margin": (0.05, 1.0, "log")}

    def __init__(self, margin=0.2):
        self.margin = margin

    def check(self):
        """Raise ValueError unless the margin is positive."""
        check_range(self, "margin", 0, float("inf"), "()")

    def batch_value(self, task, y_true, raw, weight):
        """Return the mean over all pairs of a class whose anchor has a negative."""
        alike, known = same_class(y_true)
        squares = squared_distances(normalize(raw))
        there = ops.cast(weight > 0, squares.dtype)
        negative = (1 - alike) * known * there[None, :]
        positive = alike * known * off_diagonal(squares)
        apart = self.find_negatives(squares, negative)
        values = ops.maximum(squares - apart + self.margin, 0.0)
        usable = ops.cast(ops.sum(negative, axis=1, keepdims=True) > 0, squares.dtype)
        mass = positive * usable * weight[:, None] * weight[None, :]
        return mean_of_pairs(values, mass, weight)

    @staticmethod
    def find_negatives(squares, negative):
        """Return for anchor and positive the distance of the negative, (n, n)."""
        beyond = 5.0  # than any squared distance of unit vectors
        others = ops.transpose(ops.where(negative > 0, squares, beyond))
        # (negatives, anchors, positives): the least over the first axis
        further = others[:, :, None] > squares[None, :, :]
        nearest = ops.min(ops.where(further, others[:, :, None], beyond), axis=0)
        furthest = ops.max(ops.where(negative > 0, squares, -1.0), axis=1)
        return ops.where(nearest < beyond, nearest, furthest[:, None])


class SupervisedContrastive(RepresentationLoss):
    """Supervised contrastive loss: of all rows, those of the class are most similar.

    Parameters
    ----------
    temperature : float > 0, default=0.1
        By which cosines are divided.
    """

    name = "supervised_contrastive"
    aliases = ("supcon",)
    formula = "-mean_p log(exp(s_ip) / sum_{a != i} exp(s_ia)), s cosines / temperature"
    source = "Khosla et al. 2020, Eq. 2"
    elicits = "a representation in which classes are apart"
    target = "classes"
    pairs_rows = True
    normalizes = True
    search_space: ClassVar = {"temperature": (0.05, 0.5, "log")}

    def __init__(self, temperature=0.1):
        self.temperature = temperature

    def check(self):
        """Raise ValueError unless the temperature is positive."""
        check_range(self, "temperature", 0, float("inf"), "()")

    def batch_value(self, task, y_true, raw, weight):
        """Return the mean over the rows that another one is alike to."""
        alike, known = same_class(y_true)
        z = normalize(raw)
        scores = ops.matmul(z, ops.transpose(z)) / self.temperature
        others = known * off_diagonal(scores) * weight[None, :]
        positive = others * alike
        share = ops.sum(positive, axis=1)
        log_p = scores - log_weighted_sum(scores, others)[:, None]
        usable = ops.where(share > 0, share, 1.0)
        values = -ops.sum(positive * log_p, axis=1) / usable
        mass = weight * ops.cast(share > 0, weight.dtype)
        return mean_of_pairs(values, mass, weight)


class InfoNCE(RepresentationLoss):
    """InfoNCE of a row and the same with corrupted features: nothing needs a label.

    Of the corrupted rows of the batch, a row's own is to be the most similar.

    Parameters
    ----------
    temperature : float > 0, default=0.5
        By which cosines are divided.
    corruption : float in [0, 1), default=0.6
        Share of the features that another row of the batch takes the place of.
    """

    name = "info_nce"
    aliases = ("nt_xent", "scarf")
    formula = "-log(exp(s_ii) / sum_k exp(s_ik)), s cosines / temperature"
    source = "van den Oord et al. 2018, Eq. 4; views of Bahri et al. 2022, Algorithm 1"
    elicits = "a representation that corruption does not change"
    normalizes = True
    search_space: ClassVar = {
        "temperature": (0.05, 1.0, "log"),
        "corruption": (0.1, 0.8, "linear"),
    }
    views = (View(), View(corruption="corruption"))

    def __init__(self, temperature=0.5, corruption=0.6):
        self.temperature = temperature
        self.corruption = corruption

    def check(self):
        """Raise ValueError unless the numbers are in their ranges."""
        check_range(self, "temperature", 0, float("inf"), "()")
        check_range(self, "corruption", 0, 1, "[)")

    def batch_value(self, task, y_true, raw, weight):
        """Return the mean over the rows."""
        one, other = normalize(raw[0]), normalize(raw[1])
        scores = ops.matmul(one, ops.transpose(other)) / self.temperature
        there = ops.ones_like(scores) * weight[None, :]
        own = ops.sum(scores * ops.eye(scores.shape[0], dtype=scores.dtype), axis=1)
        values = log_weighted_sum(scores, there) - own
        return ops.sum(weight * values)


def log_weighted_sum(scores, mass):
    """Return the logarithm of each row's sum of mass times exponentials of scores.

    The mass is brought to a mean of one among the columns that count.
    """
    counted = ops.cast(mass > 0, mass.dtype)
    count, total = ops.sum(counted, axis=1), ops.sum(mass, axis=1)
    scale = ops.where(count > 0, count, 1.0) / ops.where(total > 0, total, 1.0)
    top = ops.stop_gradient(ops.max(ops.where(mass > 0, scores, -1e30), axis=1))
    top = ops.where(count > 0, top, 0.0)
    parts = mass * scale[:, None] * ops.exp(ops.minimum(scores - top[:, None], 0.0))
    whole = ops.sum(parts, axis=1)
    return top + ops.log(ops.where(whole > 0, whole, 1.0))


@forward_the_rest
class SimilarPairs(Wrapper):
    """A loss of pairs that are given, row by row, as two tables side by side.

    Made by ``fit_pairs`` of an estimator.

    Parameters
    ----------
    loss : Loss
        With a ``pair_value``.
    """

    views = (View(part=0), View(part=1))
    pairs_rows = False
    target = "similar pairs"

    def __init__(self, loss):
        self.loss = loss

    def __repr__(self):
        return repr(self.loss)

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum over the pairs."""
        if self.loss.normalizes:
            raw = normalize(raw)
        squares = ops.sum(ops.square(raw[0] - raw[1]), axis=-1)
        values = self.loss.pair_value(y_true[:, 0], root(squares))
        return ops.sum(weight * values)
