"""Losses made for many labels, most of them absent."""

from typing import ClassVar

import numpy as np

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._margin import OneVsRestLoss

FARTHEST = 30.0  # scores, beyond which probabilities no longer change


class AsymmetricLoss(OneVsRestLoss):
    """Asymmetric loss for labels that are mostly absent.

    ``-(1 - p)^gamma_pos log p`` for y = 1 and ``-r^gamma_neg log(1 - r)`` for y = 0
    with p = sigmoid(f), r = max(p - clip, 0) (Ridnik, Ben-Baruch et al. 2021,
    Eq. 4-7). Easy absent labels, p <= clip, count for nothing. With all three at 0 it
    is cross-entropy. The authors' code holds the factors in front of the logarithms
    constant in the gradient; here they are part of the loss.

    p is no probability: where a label occurs in 2 % of the rows, p = 0.36 is best. The
    inverse link gives the probability, exactly. It stays below a bound if
    ``gamma_pos`` is 0 and ``clip`` is not: 0.964 by default.

    In an estimator the score is counted from where the probability is one half
    (``offset_``, found from the knobs), p = sigmoid(f + offset), so that its sign
    decides as for other losses. The bias of the output layer takes up the difference.

    Parameters
    ----------
    gamma_neg : float >= 0, default=4.0
        Focusing of absent labels.
    gamma_pos : float >= 0, default=0.0
        Focusing of present labels; the authors' code has 1.
    clip : float in [0, 1), default=0.05
        Probability below which an absent label is dropped.
    """

    name = "asymmetric_loss"
    aliases = ("asl",)
    formula = "-(1 - p)^g+ log p if y, -r^g- log(1 - r) if not; r = max(p - clip, 0)"
    source = "Ridnik, Ben-Baruch et al. 2021, Eq. 4-7"
    proper = "link"
    measured: ClassVar = ("offset_",)
    search_space: ClassVar = {
        "gamma_neg": (0.0, 6.0, "linear"),
        "gamma_pos": (0.0, 1.0, "linear"),
        "clip": (0.0, 0.2, "linear"),
    }
    offset_ = None

    def __init__(self, gamma_neg=4.0, gamma_pos=0.0, clip=0.05):
        self.gamma_neg = gamma_neg
        self.gamma_pos = gamma_pos
        self.clip = clip

    def check(self):
        """Raise ValueError unless the knobs are in their ranges."""
        check_range(self, "gamma_neg", 0, float("inf"), "[)")
        check_range(self, "gamma_pos", 0, float("inf"), "[)")
        check_range(self, "clip", 0, 1, "[)")

    def measure(self, task, y_true, sample_weight):
        """Return the score of probability one half."""
        return {"offset_": float(self.score_of(0.5))}

    def published_score(self, raw):
        """Return the score as the authors count it."""
        return raw if self.offset_ is None else raw + self.offset_

    def binary(self, y_true, raw):
        """Return the value per element."""
        score = self.published_score(raw)
        log_p, log_q = ops.log_sigmoid(score), ops.log_sigmoid(-score)
        present = -ops.exp(self.gamma_pos * log_q) * log_p
        r, log_rest, counts = self.shift_probability(score, log_q)
        absent = -ops.exp(self.gamma_neg * ops.log(r)) * log_rest
        return y_true * present + (1 - y_true) * ops.where(counts, absent, 0.0)

    def shift_probability(self, score, log_q):
        """Return r (1 where it is 0), log(1 - r) and where r > 0."""
        clip = ops.convert_to_tensor(self.clip, dtype=log_q.dtype)
        excess = ops.sigmoid(score) - clip
        counts = excess > 1e-30
        log_clip = ops.log(ops.where(clip > 0, clip, ops.ones_like(clip)))
        log_sum = log_clip + ops.softplus(log_q - log_clip)
        log_rest = ops.where(clip > 0, log_sum, log_q)
        return ops.where(counts, excess, 1.0), log_rest, counts

    def eta(self, raw):
        """Return the probability that follows from the two slopes."""
        return self.probability_of(self.published_score(raw))

    def probability_of(self, score):
        """Return the same for a score as the authors count it."""
        score = ops.clip(score, -FARTHEST, FARTHEST)
        log_p, log_q = ops.log_sigmoid(score), ops.log_sigmoid(-score)
        p, q = ops.exp(log_p), ops.exp(log_q)
        r, log_rest, counts = self.shift_probability(score, log_q)
        rise = ops.exp(log_q - log_rest) - self.gamma_neg * log_rest * q / r
        rise = ops.where(counts, p * ops.exp(self.gamma_neg * ops.log(r)) * rise, 0.0)
        fall = ops.exp(self.gamma_pos * log_q) * (q - self.gamma_pos * p * log_p)
        return rise / (rise + fall)

    def score_of(self, probability):
        """Return the score of a probability: 64 times closer with every round."""
        low, width = np.full(np.shape(probability), -FARTHEST), 2 * FARTHEST
        steps = np.arange(64.0).reshape(-1, *[1] * np.ndim(probability))
        for _ in range(10):
            width /= 64
            below = np.asarray(self.probability_of(low + width * steps)) <= probability
            low = low + width * (below.sum(axis=0) - 1)
        return low

    def constant_for(self, task, prior):
        """Return the score of the class frequencies."""
        return self.score_of(prior) - (self.offset_ or 0.0)
