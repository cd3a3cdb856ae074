"""Losses that know how frequent each class is."""

from typing import ClassVar

import numpy as np

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._frequencies import class_frequencies, log_odds
from skloss.losses._core._softmax_losses import SoftmaxLoss


class ImbalanceLoss(ClassificationLoss):
    """A loss whose scores favour rare classes, and that can take the favour back.

    A subclass writes ``adjust_scores``, whose softmax is the posterior of the data as
    given; its own softmax cross-entropy is the loss unless ``pointwise`` says
    otherwise. ``posterior`` chooses what ``predict`` and ``predict_proba`` go by:
    "train" the adjusted scores, "balanced" the scores themselves. In a sum of
    several losses it is always "train".

    Attributes
    ----------
    prior_ : ndarray of shape (classes,) or (labels, 2)
        Weighted class frequencies of the training target.
    """

    proper = "link"
    keeps_order = False
    measured = ("prior_",)
    prior_ = None

    def check(self):
        """Raise ValueError unless posterior is "train" or "balanced"."""
        if self.posterior not in ("train", "balanced"):
            raise ValueError(
                f"{type(self).__name__}: posterior={self.posterior!r} must be 'train' "
                f"or 'balanced'."
            )

    def measure(self, task, y_true, sample_weight):
        """Return the weighted class frequencies, half a row for an absent class."""
        share = class_frequencies(task, y_true, sample_weight).T
        return {"prior_": np.maximum(share, 0.5 / len(y_true))}

    def prior(self, like):
        """Return the class frequencies as a tensor, equal ones before ``measure``."""
        if self.prior_ is None:
            return ops.ones_like(like) / like.shape[-1]
        return ops.cast(self.prior_, like.dtype)

    def adjust_scores(self, scores):
        """Return the scores whose softmax is the posterior of the data as given."""
        raise NotImplementedError(f"{type(self).__name__} must define adjust_scores")

    def pointwise(self, y_true, raw):
        """Return the cross-entropy of the adjusted scores."""
        return -ops.sum(y_true * ops.log_softmax(self.adjust_scores(raw)), axis=-1)

    def scores(self, task, raw):
        """Return what the classes are decided by."""
        if self.posterior == "balanced":
            return raw
        if task.kind == "multiclass":
            return self.adjust_scores(raw)
        pair = self.adjust_scores(as_pair(raw))
        return pair[..., 1] - pair[..., 0]

    def link(self, scores):
        """Return the posterior of the data as given."""
        return ops.floor_and_normalise(ops.softmax(self.adjust_scores(scores)), 1e-7)

    def binary_link(self, raw):
        """Return the probability of class 1 in the data as given."""
        return self.link(as_pair(raw))[..., 1]

    def inverse_link(self, task, raw):
        """Return the probabilities that ``posterior`` asks for."""
        if self.posterior == "train":
            return super().inverse_link(task, raw)
        if task.kind == "multiclass":
            return ops.floor_and_normalise(ops.softmax(raw), 1e-7)
        p = ops.clip(ops.sigmoid(raw), 1e-7, 1 - 1e-7)
        return ops.concatenate([1 - p, p], axis=-1) if task.kind == "binary" else p

    def observed_probabilities(self, task, raw):
        """Return the posterior of the data as given."""
        return super().inverse_link(task, raw)


class LogitAdjusted(ImbalanceLoss):
    """Logit-adjusted cross-entropy.

    ``-log softmax(z + tau log pi)_y`` with pi the class frequencies in the training
    data (Menon et al. 2021, Eq. 10). With ``posterior="train"`` the probabilities are
    softmax(z + tau log pi), those of the data as given, and ``predict`` takes the most
    probable class: then it differs from cross-entropy in its start alone. With
    ``posterior="balanced"`` the scores z decide, for the least balanced error, and the
    probabilities are softmax(z): those of data in which class k is pi_k^tau times
    rarer, balanced at tau = 1.

    Parameters
    ----------
    tau : float >= 0, default=1.0
        0 is cross-entropy.
    posterior : {"train", "balanced"}, default="train"
    """

    name = "logit_adjusted"
    aliases = ("logit_adjustment", "logit_adjusted_cross_entropy", "balanced_softmax")
    formula = "-log softmax(z + tau log pi)_y"
    source = "Menon et al. 2021, Eq. 10"
    convex = True
    search_space: ClassVar = {"tau": (0.5, 2.0, "linear")}

    def __init__(self, tau=1.0, posterior="train"):
        self.tau = tau
        self.posterior = posterior

    def check(self):
        """Raise ValueError unless tau >= 0."""
        super().check()
        check_range(self, "tau", 0, float("inf"), "[)")

    def adjust_scores(self, scores):
        """Return z + tau log pi."""
        return scores + self.tau * ops.log(self.prior(scores))

    def constant_for(self, task, prior):
        """Return the log-odds of the frequencies, less the adjustment."""
        return log_odds(task, prior) - self.tau * prior_log_odds(self, task)


class VectorScaling(ImbalanceLoss):
    """Vector-scaling loss: scores multiplied and shifted, class by class.

    ``-log softmax(d z + tau log pi)_y``, ``d_k = (pi_k / max pi)^gamma`` with pi the
    class frequencies in the training data (Kini et al. 2021, Eq. 1 and Section 5).
    With ``posterior="train"`` the probabilities softmax(d z + tau log pi) are those of
    the data as given. With ``posterior="balanced"`` the scores z decide, as published,
    and there are no probabilities.

    Parameters
    ----------
    gamma : float >= 0, default=0.15
        0 is ``logit_adjusted``.
    tau : float >= 0, default=1.0
    posterior : {"train", "balanced"}, default="train"
    """

    name = "vector_scaling"
    aliases = ("vs", "vs_loss", "vector_scaling_loss")
    formula = "-log softmax((pi / max pi)^gamma z + tau log pi)_y"
    source = "Kini et al. 2021, Eq. 1"
    convex = True
    search_space: ClassVar = {
        "gamma": (0.05, 0.3, "linear"),
        "tau": (0.5, 2.0, "linear"),
    }

    def __init__(self, gamma=0.15, tau=1.0, posterior="train"):
        self.gamma = gamma
        self.tau = tau
        self.posterior = posterior

    def check(self):
        """Raise ValueError unless gamma and tau are at least 0."""
        super().check()
        check_range(self, "gamma", 0, float("inf"), "[)")
        check_range(self, "tau", 0, float("inf"), "[)")

    @property
    def has_probabilities(self):
        """Tell whether ``posterior`` is "train"."""
        return self.posterior == "train"

    def adjust_scores(self, scores):
        """Return (pi / max pi)^gamma z + tau log pi."""
        log_prior = ops.log(self.prior(scores))
        top = ops.max(log_prior, axis=-1, keepdims=True)
        factor = ops.exp(self.gamma * (log_prior - top))
        return factor * scores + self.tau * log_prior

    def constant_for(self, task, prior):
        """Return the constant whose adjusted scores are the frequencies' log-odds."""
        gap = log_odds(task, prior) - self.tau * prior_log_odds(self, task)
        if self.prior_ is None:
            return gap
        share = np.asarray(self.prior_)
        factor = (share / share.max(axis=-1, keepdims=True)) ** self.gamma
        if task.kind == "multiclass":
            return gap / factor
        return gap / np.atleast_1d(factor[..., 1])


class LDAM(ImbalanceLoss, SoftmaxLoss):
    """Label-distribution-aware margin loss.

    ``-log softmax(z - m_y e_y)_y`` with the margin ``m_k = C (n_min / n_k)^(1/4)``, n
    the class counts (Cao et al. 2019, Eqs. 11 and 13). The paper has it on cosines
    times 30; here it acts on the network's own scores. Its weighting of rare classes
    late in training is no part of it. With v the softmax of z and c = 1 - exp(-m), the
    probabilities are proportional to v (1 - c v) with ``posterior="train"``; with
    ``posterior="balanced"`` the scores z decide, as published, and there are none.

    Parameters
    ----------
    max_margin : float > 0, default=0.5
        C, the margin of the rarest class.
    posterior : {"train", "balanced"}, default="train"
    """

    name = "ldam"
    aliases = ("ldam_loss", "label_distribution_aware_margin")
    formula = "-log softmax(z - m_y e_y)_y, m_k = C (n_min / n_k)^(1/4)"
    source = "Cao et al. 2019, Eqs. 11 and 13"
    convex = True
    search_space: ClassVar = {"max_margin": (0.1, 1.0, "log")}

    def __init__(self, max_margin=0.5, posterior="train"):
        self.max_margin = max_margin
        self.posterior = posterior

    def check(self):
        """Raise ValueError unless max_margin > 0."""
        super().check()
        check_range(self, "max_margin", 0, float("inf"), "()")

    @property
    def has_probabilities(self):
        """Tell whether ``posterior`` is "train"."""
        return self.posterior == "train"

    def margins(self, like):
        """Return the margin of each class."""
        prior = self.prior(like)
        least = ops.min(prior, axis=-1, keepdims=True)
        return self.max_margin * ops.sqrt(ops.sqrt(least / prior))

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.log_softmax(raw - self.margins(raw) * y_true)
        return -ops.sum(y_true * log_p, axis=-1)

    def pull(self, log_p):
        """Return 1 / (1 - c v)."""
        kept = ops.expm1(-self.margins(log_p)) * ops.exp(log_p)
        return 1 / (1 + kept)

    def adjust_scores(self, scores):
        """Return log v less the log of the pull."""
        log_p = ops.log_softmax(scores)
        return log_p - ops.log(self.pull(log_p))


class ClassBalanced(ImbalanceLoss, SoftmaxLoss):
    """Cross-entropy weighted by the effective number of samples of each class.

    ``-w_y log v_y`` with v the softmax and w proportional to
    ``(1 - beta) / (1 - beta^n)``, n the class counts (Cui et al. 2019, Eq. 4), with
    mean one over classes. A row counts as often as its sample weight says. With
    ``posterior="train"`` the probabilities, proportional to v / w, are those of the
    data as given, and ``predict`` takes the most probable class; with
    ``posterior="balanced"`` both go by v, the posterior of the reweighted data.

    Parameters
    ----------
    beta : float in (0, 1), default=0.999
        Near 0 all classes weigh the same; near 1 each weighs 1 / n.
    posterior : {"train", "balanced"}, default="train"

    Attributes
    ----------
    weight_ : ndarray of shape (classes,) or (labels, 2)
    """

    name = "class_balanced"
    aliases = ("effective_number", "class_balanced_loss", "cb_loss")
    formula = "-w_y log v_y, w_k ~ (1 - beta) / (1 - beta^n_k)"
    source = "Cui et al. 2019, Eq. 4"
    convex = True
    measured = ("weight_",)
    weight_ = None
    search_space: ClassVar = {"beta": (0.9, 0.9999, "linear")}

    def __init__(self, beta=0.999, posterior="train"):
        self.beta = beta
        self.posterior = posterior

    def check(self):
        """Raise ValueError unless 0 < beta < 1."""
        super().check()
        check_range(self, "beta", 0, 1, "()")

    def measure(self, task, y_true, sample_weight):
        """Return the weight of each class."""
        share = super().measure(task, y_true, sample_weight)["prior_"]
        weight = 1 / -np.expm1(share * np.sum(sample_weight) * np.log(self.beta))
        return {"weight_": weight / weight.mean(axis=-1, keepdims=True)}

    def pull(self, log_p):
        """Return w."""
        weight = 1.0 if self.weight_ is None else ops.cast(self.weight_, log_p.dtype)
        return weight * ops.ones_like(log_p)

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.log_softmax(raw)
        return -ops.sum(y_true * self.pull(log_p) * log_p, axis=-1)

    def adjust_scores(self, scores):
        """Return z - log w."""
        return scores - ops.log(self.pull(scores))

    def constant_for(self, task, prior):
        """Return the log-odds of the weighted frequencies."""
        if self.weight_ is None:
            return log_odds(task, prior)
        gap = np.log(self.weight_)
        if task.kind == "multiclass":
            return log_odds(task, prior) + gap
        return log_odds(task, prior) + np.atleast_1d(gap[..., 1] - gap[..., 0])


def as_pair(raw):
    """Return the scores (0, f) of one raw output f."""
    return ops.stack([ops.zeros_like(raw), raw], axis=-1)


def prior_log_odds(loss, task):
    """Return the logarithms (multiclass) or log-odds of the measured frequencies."""
    if loss.prior_ is None:
        return 0.0
    log_prior = np.log(loss.prior_)
    if task.kind == "multiclass":
        return log_prior
    return np.atleast_1d(log_prior[..., 1] - log_prior[..., 0])
