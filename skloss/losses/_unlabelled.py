"""Losses of rows without a label: what a network's own probabilities are to be like.

They stand beside a loss of the rows with one, as ``unlabeled_loss``, and see the
probabilities that follow from that loss.
"""

from typing import ClassVar

from skloss._params._checks import check_range
from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._loss import Loss
from skloss.losses._core._view import PLAIN, View, join_views, select_views
from skloss.losses._core._wrapper import Wrapper, forward_the_rest


class UnlabelledLoss(Loss):
    """A loss of the class probabilities of rows without a label.

    Subclasses define ``of_probabilities``. No gradient passes what stands for the
    missing label.

    Parameters
    ----------
    weight : float >= 0
        Of the mean over the rows without a label, beside the mean of the estimator's
        loss over the rows with one. A schedule makes a ramp of it.
    """

    family = "unlabelled"
    kinds = ("binary", "multiclass")
    elicits = "class probabilities, beside a loss of labels"
    nonnegative = True

    def __mul__(self, weight):
        raise LossTargetError(
            f"{self!r} has a weight of its own, and stands alone beside a loss: it has "
            f"no products and no sums. Set weight=."
        )

    __rmul__ = __add__ = __radd__ = __mul__

    def check(self):
        """Raise ValueError for a weight below zero."""
        check_range(self, "weight", 0, float("inf"), "[)")

    def of_probabilities(self, p):
        """Return the value per row.

        Parameters
        ----------
        p : list of tensor of shape (n, classes)
            Of each view.
        """
        raise NotImplementedError(f"{type(self).__name__} must define of_probabilities")


class CorruptedViews(UnlabelledLoss):
    """A loss whose rows are seen as they are, and with features corrupted."""

    views = (View(), View(corruption="corruption"))

    def check(self):
        """Raise ValueError for a weight or a share that cannot be."""
        super().check()
        check_range(self, "corruption", 0, 1, "[]")


class PseudoLabel(CorruptedViews):
    """Pseudo-labels: rows are taught the label that the network is sure of.

    It is what the row as it is has, and it is taught to the row with some features
    replaced by those of other rows; without corruption this is Lee's own method.

    Parameters
    ----------
    weight : float >= 0, default=1.0
    threshold : float in [0, 1], default=0.8
        Rows whose highest probability is below it are left alone.
    corruption : float in [0, 1], default=0.1
        Share of the features that are replaced.
    """

    name = "pseudo_label"
    aliases = ("fixmatch",)
    formula = "[max p >= threshold] -log q_k, k = argmax p, q of the corrupted row"
    source = "Lee 2013, Eq. 15; with views Sohn et al. 2020, Eq. 4"
    search_space: ClassVar = {
        "weight": (0.1, 10.0, "log"),
        "threshold": (0.6, 0.99, "linear"),
        "corruption": (0.0, 0.5, "linear"),
    }

    def __init__(self, weight=1.0, threshold=0.8, corruption=0.1):
        self.weight = weight
        self.threshold = threshold
        self.corruption = corruption

    def check(self):
        """Raise ValueError for a number that cannot be."""
        super().check()
        check_range(self, "threshold", 0, 1, "[]")

    def of_probabilities(self, p):
        """Return the cross-entropy of the labels that are sure."""
        known, taught = ops.stop_gradient(p[0]), p[1]
        top = ops.max(known, axis=-1, keepdims=True)
        label = ops.cast(known == top, taught.dtype)
        label = label / ops.sum(label, axis=-1, keepdims=True)
        sure = ops.cast(top[..., 0] >= self.threshold, taught.dtype)
        return -sure * ops.sum(label * log(taught), axis=-1)


class Agreement(CorruptedViews):
    """A loss of the distance between what is said of a row as it is, and corrupted."""

    search_space: ClassVar = {
        "weight": (0.1, 10.0, "log"),
        "corruption": (0.0, 0.5, "linear"),
    }

    def __init__(self, weight=1.0, corruption=0.1):
        self.weight = weight
        self.corruption = corruption

    def of_probabilities(self, p):
        """Return the squared distance of the probabilities, summed over classes."""
        return ops.sum(ops.square(ops.stop_gradient(p[0]) - p[1]), axis=-1)


class Consistency(Agreement):
    """Consistency: a row is to have the same probabilities with corrupted features.

    Parameters
    ----------
    weight : float >= 0, default=1.0
    corruption : float in [0, 1], default=0.1
        Share of the features that are replaced by those of other rows.
    """

    name = "consistency"
    aliases = ("pi_model",)
    formula = "|p - q|^2, p of the row without a gradient, q of the corrupted row"
    source = "Laine and Aila 2017, Algorithm 1; of corrupted features Bahri et al. 2022"


class MeanTeacher(Agreement):
    """Mean teacher: consistency with what the averaged weights say of the row.

    Of the average of ``weight_averaging``; of 0.99 where that is 0.

    Parameters
    ----------
    weight : float >= 0, default=1.0
    corruption : float in [0, 1], default=0.1
        Share of the features that are replaced by those of other rows.
    """

    name = "mean_teacher"
    formula = "|p - q|^2, p of the row by averaged weights, q of the corrupted row"
    source = "Tarvainen and Valpola 2017, Section 2; views as Bahri et al. 2022"
    views = (View(averaged=True), View(corruption="corruption"))


class Entropy(UnlabelledLoss):
    """Entropy of the probabilities: rows are to lie far from where classes meet.

    Parameters
    ----------
    weight : float >= 0, default=0.1
    """

    name = "entropy"
    formula = "-sum_k p_k log p_k"
    source = "Grandvalet and Bengio 2005, Eq. 6"
    views = PLAIN
    search_space: ClassVar = {"weight": (0.01, 1.0, "log")}

    def __init__(self, weight=0.1):
        self.weight = weight

    def of_probabilities(self, p):
        """Return the entropy."""
        (p,) = p
        return ops.sum(-p * log(p), axis=-1)


@forward_the_rest
class WithUnlabelled(Wrapper):
    """A loss of rows with a label, beside one of rows without: what a network trains.

    Behind the columns of the target comes one that is 1 for rows with a label, else 0.

    Parameters
    ----------
    loss : ClassificationLoss
    unlabelled : UnlabelledLoss
    """

    decomposable = False

    def __init__(self, loss, unlabelled):
        self.loss = loss
        self.unlabelled = unlabelled

    @property
    def views(self):
        """Return the rows as they are, and the views of the loss of unlabelled rows."""
        return join_views({"loss": self.loss, "unlabelled": self.unlabelled})

    @property
    def supervised(self):
        """Return the loss of rows with a label, by which a training is judged."""
        return self.loss

    def why_apart(self, task):
        """Return that equations are solved, or that the loss is of two."""
        return self.loss.why_apart(task) or "it has a part for rows without a label"

    def batch_value(self, task, y_true, raw, weight):
        """Return the sum of both losses' values, each of its own rows."""
        labelled = y_true[:, task.size]
        value = self.loss.batch_value(
            task, y_true[:, : task.size], self.plain(raw), weight * labelled
        )
        own = [view.rename("unlabelled__") for view in self.unlabelled.views]
        p = [
            self.loss.inverse_link(task, select_views(raw, self.views, (view,)))
            for view in own
        ]
        rows = weight * (1 - labelled)
        rest = ops.sum(rows * self.unlabelled.of_probabilities(p))
        return value + self.unlabelled.weight * rest

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss-neutral score per row; lower is better."""
        y_true = y_true[:, : task.size]
        return self.loss.monitor(task, y_true, self.plain(raw), class_weight)

    def plain(self, raw):
        """Return the raw outputs of the rows as they are."""
        return select_views(raw, self.views, PLAIN)


def log(p):
    """Return the logarithm of probabilities, with a bound and a slope at zero."""
    return ops.log(ops.maximum(p, 1e-7))
