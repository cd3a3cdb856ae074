"""What losses on the softmax of the scores share."""

from skloss.losses._core import _ops as ops
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._frequencies import log_odds


def pull_link(log_p, pull, smoothing):
    """Return the inverse link of a sum of softmax losses, in closed form.

    Where the loss of true class y depends on the scores through v_y alone its
    gradient is A_y (v - e_y), with the *pull* A_y = -phi'(v_y) v_y; label smoothing
    adds c (v - 1/K). Setting the conditional expectation to zero gives
    eta_i = (s v_i - c / K) / A_i with s from sum eta = 1.

    Parameters
    ----------
    log_p : tensor of shape (..., K)
        The log-softmax of the scores.
    pull : tensor of shape (..., K)
    smoothing : float
        c.
    """
    n_classes = log_p.shape[-1]
    pull = ops.maximum(pull, 1e-30)
    share = smoothing / n_classes
    ratio = ops.exp(log_p) / pull
    total = 1 + share * ops.sum(1 / pull, axis=-1, keepdims=True)
    s = total / ops.sum(ratio, axis=-1, keepdims=True)
    return ops.floor_and_normalise(s * ratio - share / pull, 1e-7)


class SoftmaxLoss(ClassificationLoss):
    """A loss phi(v_y) of the softmax probability of the true class."""

    proper = "link"
    keeps_order = True

    def pull(self, log_p):
        """Return A_i = -phi'(v_i) v_i for each class, from the log-softmax."""
        raise NotImplementedError

    def smoothing(self):
        """Return the weight c of the pull towards equal scores."""
        return 0.0

    def link(self, scores):
        """Return class probabilities in closed form."""
        log_p = ops.log_softmax(scores)
        return pull_link(log_p, self.pull(log_p), self.smoothing())

    def binary_link(self, raw):
        """Return the probability of class 1 in closed form."""
        return self.link(ops.stack([ops.zeros_like(raw), raw], axis=-1))[..., 1]


class SoftmaxScore(ClassificationLoss):
    """A strictly proper score of the softmax: the softmax is its probability."""

    proper = "strict"
    keeps_order = True

    def __init__(self):
        pass

    def link(self, scores):
        """Return the softmax, floored."""
        return ops.floor_and_normalise(ops.softmax(scores))

    def binary_link(self, raw):
        """Return the sigmoid, floored."""
        return ops.clip(ops.sigmoid(raw), 1e-6, 1 - 1e-6)

    def constant_for(self, task, prior):
        """Return the log of the class frequencies."""
        return log_odds(task, prior)
