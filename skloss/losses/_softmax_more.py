"""More losses on class scores: polynomial, spherical, sparsemax, one-vs-rest."""

from typing import ClassVar

import numpy as np

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._link import with_order
from skloss.losses._core._softmax_losses import SoftmaxLoss, SoftmaxScore


class Poly1(SoftmaxLoss):
    """Poly-1 loss: cross-entropy with the first term of its series reweighted.

    ``-log v_y + epsilon (1 - v_y)`` with v the softmax (Leng et al. 2022, Eq. 6);
    optax's ``poly_loss_cross_entropy``, whose default epsilon is 2.

    Parameters
    ----------
    epsilon : float > -1, default=1.0
        0 is cross-entropy.
    """

    name = "poly"
    aliases = ("poly1", "poly_loss", "poly_loss_cross_entropy")
    formula = "-log v_y + epsilon (1 - v_y)"
    source = "Leng et al. 2022, Eq. 6"
    search_space: ClassVar = {"epsilon": (-0.9, 4.0, "linear")}

    def __init__(self, epsilon=1.0):
        self.epsilon = epsilon

    def check(self):
        """Raise ValueError unless epsilon > -1."""
        check_range(self, "epsilon", -1, float("inf"), "()")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.sum(y_true * ops.log_softmax(raw), axis=-1)
        return -log_p - self.epsilon * ops.expm1(log_p)

    def pull(self, log_p):
        """Return 1 + epsilon v."""
        return 1 + self.epsilon * ops.exp(log_p)


class Spherical(SoftmaxScore):
    """Spherical score, with its sign turned.

    ``-v_y / |v|`` with v the softmax and |v| its Euclidean norm (Gneiting and Raftery
    2007, Section 4.1). Between -1 and 0.
    """

    name = "spherical"
    aliases = ("spherical_score", "spherical_loss")
    nonnegative = False
    formula = "-v_y / sqrt(sum_k v_k^2)"
    source = "Gneiting and Raftery 2007, Section 4.1"

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        norm = 0.5 * ops.logsumexp(2 * raw, axis=-1)
        return -ops.exp(ops.sum(y_true * raw, axis=-1) - norm)


class Sparsemax(ClassificationLoss):
    """Sparsemax loss, whose probabilities are a projection onto the simplex.

    ``sum_k (p_k - t_k) z_k + (1 - sum_k p_k^2) / 2`` with p = sparsemax(z), the point
    of the probability simplex nearest to z: max(0, z - tau), where tau makes the sum 1
    (Martins and Astudillo 2016, Eq. 18). It is 0 where the true class leads by 1; at
    the optimum p are the probabilities, and the value is half of their Gini impurity.
    Two classes have a quarter of ``modified_huber``. The paper's zeros are 1e-6 here.
    """

    name = "sparsemax"
    aliases = ("sparsemax_loss",)
    formula = "sum_k (p_k - t_k) z_k + (1 - sum_k p_k^2) / 2, p = sparsemax(z)"
    source = "Martins and Astudillo 2016, Eq. 18"
    proper = "strict"
    keeps_order = True
    convex = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per sample.

        p maximises it, so that the gradient is the one with p held constant, and no
        derivative of the sort is asked for.
        """
        p = ops.stop_gradient(sparsemax(raw))
        lead = raw - ops.stop_gradient(ops.max(raw, axis=-1, keepdims=True))
        rest = ops.sum(ops.square(y_true) - ops.square(p), axis=-1)
        return ops.sum((p - y_true) * lead, axis=-1) + 0.5 * rest

    def link(self, scores):
        """Return the sparsemax, floored."""
        return ops.floor_and_normalise(sparsemax(scores))

    def binary_link(self, raw):
        """Return (1 + f) / 2, floored."""
        return ops.clip(0.5 + 0.5 * raw, 1e-6, 1 - 1e-6)

    def constant_for(self, task, prior):
        """Return the class frequencies, which are their own projection."""
        return prior / prior.sum() if task.kind == "multiclass" else 2 * prior - 1


def sparsemax(z):
    """Return the points of the probability simplex nearest to the rows of z.

    The sum of max(0, z - tau) is at least that of z - tau over any k entries, and as
    much for those that stay positive. So tau is the largest of the values that the k
    largest entries would ask for.
    """
    z = z - ops.max(z, axis=-1, keepdims=True)
    size = ops.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    largest = -ops.sort(-z, axis=-1)
    tau = ops.max((ops.cumsum(largest, axis=-1) - 1) / size, axis=-1, keepdims=True)
    return ops.relu(z - tau)


class OneVsRest(ClassificationLoss):
    """Logistic loss of each class against the rest.

    ``sum_k softplus(z_k) - t_k z_k`` (Rifkin and Klautau 2004), LightGBM's
    ``multiclassova`` and CatBoost's ``MultiClassOneVsAll``. The sigmoids, divided by
    their sum, are the probabilities. For two classes and for labels it is
    cross-entropy.
    """

    name = "one_vs_rest"
    aliases = (
        "multiclassova",
        "one_vs_all",
        "ova",
        "ovr",
        "multi_class_one_vs_all",
    )
    formula = "sum_k softplus(z_k) - t_k z_k"
    source = "Rifkin and Klautau 2004"
    proper = "link"
    keeps_order = True
    convex = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the sum over classes."""
        return ops.sum(self.binary(y_true, raw), axis=-1)

    def binary(self, y_true, raw):
        """Return the value per element: softplus(f) - t f."""
        return ops.softplus(raw) - y_true * raw

    def link(self, scores):
        """Return the sigmoids over their sum."""
        p = ops.softmax(ops.log_sigmoid(scores))
        return with_order(ops.floor_and_normalise(p, 1e-7), scores)

    def binary_link(self, raw):
        """Return the sigmoid."""
        return ops.clip(ops.sigmoid(raw), 1e-7, 1 - 1e-7)

    def constant_for(self, task, prior):
        """Return each class's log-odds."""
        if task.kind == "multiclass":
            prior = prior / prior.sum()
        return np.log(prior) - np.log1p(-prior)
