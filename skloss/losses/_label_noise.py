"""Losses for wrong labels: bounded, corrected by a transition matrix, or tempered."""

from typing import ClassVar

import numpy as np

from skloss._params import is_number
from skloss._params._checks import check_range
from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import minimise_constant
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._frequencies import log_odds
from skloss.losses._core._softmax_losses import SoftmaxLoss

# -log 1e-4, in reverse cross-entropy the price of a class whose target is zero
PRICE = 9.210340371976182


class GeneralizedCrossEntropy(SoftmaxLoss):
    """Generalised cross-entropy, between cross-entropy and absolute error.

    ``(1 - v_y^q) / q`` with v the softmax (Zhang and Sabuncu 2018, Eq. 6). It goes to
    cross-entropy as q goes to 0 and to half of ``absolute_error`` as q goes to 1, where
    the probabilities, softmax((1 - q) z), end. Keras' default q is 0.5.

    Parameters
    ----------
    q : float in (0, 1), default=0.7
        Scores stretch with 1 / (1 - q); from about 0.9 they leave the softmax's range.
    """

    name = "gce"
    aliases = (
        "generalized_cross_entropy",
        "categorical_generalized_cross_entropy",
        "lq_loss",
    )
    from_keras: ClassVar = {"CategoricalGeneralizedCrossEntropy": {"q": "q"}}
    formula = "(1 - v_y^q) / q"
    source = "Zhang and Sabuncu 2018, Eq. 6"
    robust = True
    search_space: ClassVar = {"q": (0.2, 0.8, "linear")}

    def __init__(self, q=0.7):
        self.q = q

    def check(self):
        """Raise ValueError unless 0 < q < 1."""
        check_range(self, "q", 0, 1, "()")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.sum(y_true * ops.log_softmax(raw), axis=-1)
        return -ops.expm1(self.q * log_p) / self.q

    def pull(self, log_p):
        """Return v^q."""
        return ops.exp(self.q * log_p)

    def link(self, scores):
        """Return softmax((1 - q) z), which unlike the general form cannot underflow."""
        return ops.floor_and_normalise(ops.softmax((1 - self.q) * scores), 1e-7)

    def constant_for(self, task, prior):
        """Return the log-odds of the frequencies over 1 - q."""
        return log_odds(task, prior) / (1 - self.q)


class SymmetricCrossEntropy(SoftmaxLoss):
    """Symmetric cross-entropy: cross-entropy plus its reverse.

    ``-alpha log v_y + beta A (1 - v_y)`` with v the softmax and A = -log 1e-4 = 9.21
    (Wang et al. 2019, Eq. 8): the reverse cross-entropy -sum_k v_k log t_k, the
    logarithm of zero set to -A. The published code clips at 1e-4, the text takes A
    from 2 to 8 and suggests 4.

    Parameters
    ----------
    alpha : float > 0, default=0.1
        Weight of cross-entropy; 6 was used for a hundred classes.
    beta : float >= 0, default=1.0
        Weight of reverse cross-entropy; 0.1 was used for a hundred classes.
    """

    name = "sce"
    aliases = ("symmetric_cross_entropy", "sce_loss")
    formula = "-alpha log v_y + 9.21 beta (1 - v_y)"
    source = "Wang et al. 2019, Eq. 8"
    robust = True
    search_space: ClassVar = {
        "alpha": (0.05, 10.0, "log"),
        "beta": (0.05, 2.0, "log"),
    }

    def __init__(self, alpha=0.1, beta=1.0):
        self.alpha = alpha
        self.beta = beta

    def check(self):
        """Raise ValueError unless alpha > 0 and beta >= 0."""
        check_range(self, "alpha", 0, float("inf"), "()")
        check_range(self, "beta", 0, float("inf"), "[)")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.sum(y_true * ops.log_softmax(raw), axis=-1)
        return -self.alpha * log_p - PRICE * self.beta * ops.expm1(log_p)

    def pull(self, log_p):
        """Return alpha + A beta v."""
        return self.alpha + PRICE * self.beta * ops.exp(log_p)


class NormalizedCrossEntropyReverse(ClassificationLoss):
    """Normalised plus reverse cross-entropy, an active and a passive loss.

    ``alpha log v_y / sum_k log v_k + beta A (1 - v_y)`` with v the softmax and
    A = -log 1e-4 = 9.21 (Ma et al. 2020, Eqs. 5 and 9). Over the K possible labels
    its values add up to a constant, which makes it robust to symmetric noise. Its
    risk has no minimum: where it falls towards its infimum the most probable class
    takes all the mass, so there are no probabilities.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Weight of normalised cross-entropy; 10 was used for a hundred classes.
    beta : float > 0, default=1.0
        Weight of reverse cross-entropy; 0.1 was used for a hundred classes.
    """

    name = "nce_rce"
    aliases = ("active_passive", "apl", "normalized_cross_entropy_reverse")
    formula = "alpha log v_y / sum_k log v_k + 9.21 beta (1 - v_y)"
    source = "Ma et al. 2020, Eqs. 5 and 9"
    elicits = "most probable class"
    proper = "order"
    robust = True
    search_space: ClassVar = {
        "alpha": (0.1, 10.0, "log"),
        "beta": (0.1, 2.0, "log"),
    }

    def __init__(self, alpha=1.0, beta=1.0):
        self.alpha = alpha
        self.beta = beta

    def check(self):
        """Raise ValueError unless alpha >= 0 and beta > 0."""
        check_range(self, "alpha", 0, float("inf"), "[)")
        check_range(self, "beta", 0, float("inf"), "()")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.log_softmax(raw)
        true = ops.sum(y_true * log_p, axis=-1)
        share = true / ops.sum(log_p, axis=-1)
        return self.alpha * share - PRICE * self.beta * ops.expm1(true)

    def constant_for(self, task, prior):
        """Return the log-odds of the frequencies: the infimum is not attained."""
        return log_odds(task, prior)


class BiTempered(ClassificationLoss):
    """Bi-tempered logistic loss: a tempered logarithm of a tempered softmax.

    ``sum_k t_k (log_t1 t_k - log_t1 p_k) - (t_k^(2 - t1) - p_k^(2 - t1)) / (2 - t1)``,
    ``p_k = exp_t2(z_k - lambda(z))``, ``log_t x = (x^(1 - t) - 1) / (1 - t)`` and exp_t
    its inverse (Amid et al. 2019, Eqs. 5 to 8). t1 < 1 bounds the loss of an outlier,
    t2 > 1 gives the probabilities heavy tails; they are those of the loss itself. Both
    at 1 are cross-entropy.

    Parameters
    ----------
    t1 : float in [0, 1], default=0.8
    t2 : float >= 1, default=1.2
        The score of a rare class is about -p^(1 - t2): beyond 2 it goes very far out.
    """

    name = "bi_tempered"
    aliases = ("bi_tempered_logistic", "bi_tempered_logistic_loss", "bitempered")
    formula = "-log_t1 p_y - (1 - sum_k p_k^(2 - t1)) / (2 - t1)"
    source = "Amid et al. 2019, Eqs. 5 to 8"
    proper = "strict"
    keeps_order = True
    robust = True
    search_space: ClassVar = {"t1": (0.2, 1.0, "linear"), "t2": (1.0, 2.0, "linear")}

    def __init__(self, t1=0.8, t2=1.2):
        self.t1 = t1
        self.t2 = t2

    def check(self):
        """Raise ValueError unless 0 <= t1 <= 1 <= t2."""
        check_range(self, "t1", 0, 1, "[]")
        check_range(self, "t2", 1, float("inf"), "[)")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = tempered_log_softmax(raw, self.t2)
        log_y = ops.log(ops.maximum(y_true, 1e-30))
        gap = tempered_log(log_y, self.t1) - tempered_log(log_p, self.t1)
        power = 2 - self.t1
        rest = ops.exp(power * log_y) - ops.exp(power * log_p)
        return ops.sum(y_true * gap - rest / power, axis=-1)

    def link(self, scores):
        """Return the tempered softmax."""
        p = ops.exp(tempered_log_softmax(scores, self.t2))
        return ops.floor_and_normalise(p, 1e-7)

    def binary_link(self, raw):
        """Return the tempered softmax's probability of class 1."""
        return self.link(ops.stack([ops.zeros_like(raw), raw], axis=-1))[..., 1]

    def why_apart(self, task):
        """Return that the iteration costs several times as much as other formulas."""
        return "its softmax is found by nine steps of Newton's method"

    def constant_for(self, task, prior):
        """Return the tempered log of the frequencies."""
        if task.kind == "multiclass":
            return tempered_log_of(prior / prior.sum(), self.t2)
        return tempered_log_of(prior, self.t2) - tempered_log_of(1 - prior, self.t2)


def tempered_log_of(p, t):
    """Return log_t(p) of NumPy numbers."""
    return np.log(p) if t == 1 else np.expm1((1 - t) * np.log(p)) / (1 - t)


def tempered_log(log_x, t):
    """Return log_t(x) from log x, through t = 1."""
    u = (1 - t) * log_x
    small = ops.abs(u) < 1e-5
    safe = ops.where(small, 1.0, u)
    series = 1 + u * (0.5 + u / 6)
    return log_x * ops.where(small, series, ops.expm1(safe) / safe)


def log_tempered_exp(x, t):
    """Return log exp_t(x) for x <= 0 and t >= 1, through t = 1."""
    u = (1 - t) * x
    small = ops.abs(u) < 1e-5
    safe = ops.where(small, 1.0, u)
    series = 1 - u * (0.5 - u / 3)
    return x * ops.where(small, series, ops.log1p(safe) / safe)


def tempered_log_softmax(z, t):
    """Return the log of exp_t(z - lambda), lambda such that each row sums to one.

    With h the sum at some lambda, h^(1 - t) is increasing and concave in lambda, so
    that Newton's method climbs to the root from below without overshooting; eight
    steps reach float64's precision for t up to 8 and a thousand classes. The ninth
    is the one that gradients pass through: at the root, where the others' part of
    the derivative vanishes, its own is that of the implicit function.
    """
    z = z - ops.stop_gradient(ops.max(z, axis=-1, keepdims=True))
    fixed = ops.stop_gradient(z)
    lam = ops.zeros_like(fixed[..., :1])
    for _ in range(8):
        lam = lam + newton_step(fixed, lam, t)
    lam = ops.stop_gradient(lam)
    return log_tempered_exp(z - lam - newton_step(z, lam, t), t)


def newton_step(z, lam, t):
    """Return Newton's step for h(lambda)^(1 - t) = 1."""
    log_p = log_tempered_exp(z - lam, t)
    # the axis as a tuple: Keras 3.9 cannot tell the shape of a symbolic one otherwise
    log_h = ops.logsumexp(log_p, axis=(-1,), keepdims=True)
    slope = ops.logsumexp(t * log_p, axis=(-1,), keepdims=True)
    return tempered_log(log_h, t) * ops.exp(t * log_h - slope)


class ForwardCorrection(ClassificationLoss):
    """Cross-entropy on labels flipped at known rates.

    ``-log sum_k v_k Q_ky`` with v the softmax and Q_ky the probability that class k
    is labelled y (Patrini et al. 2017, Theorem 2). v estimates the probabilities of
    the clean classes; they are what ``predict_proba`` gives, while early stopping
    scores the labels as they are, by v Q. ``class_weight`` weighs the labels as they
    are and cannot be undone exactly.

    Parameters
    ----------
    transition : float in [0, 1) or matrix of shape (classes, classes), default=0.0
        A number is the rate of symmetric noise: a label is wrong with this
        probability, each wrong class equally likely. A matrix has a row for each
        clean class, summing to one, in the order of ``classes_``; a tuple of tuples
        keeps the loss's ``repr`` readable.
    """

    name = "forward_correction"
    aliases = ("forward", "forward_loss")
    formula = "-log sum_k v_k Q_ky"
    source = "Patrini et al. 2017, Theorem 2"
    robust = True
    elicits = "clean class probabilities"
    proper = "link"
    search_space: ClassVar = {"transition": (0.05, 0.4, "linear")}

    def __init__(self, transition=0.0):
        self.transition = transition

    def check(self):
        """Raise ValueError unless a rate is in [0, 1) or rows are distributions."""
        if is_number(self.transition):
            check_range(self, "transition", 0, 1, "[)")
            return
        q = np.asarray(self.transition, dtype=np.float64)
        square = q.ndim == 2 and q.shape[0] == q.shape[1]
        if not (square and (q >= 0).all() and np.allclose(q.sum(axis=1), 1)):
            raise ValueError(
                f"ForwardCorrection: transition={self.transition!r} must be a rate or "
                f"a square matrix whose rows are probabilities that sum to one."
            )
        if np.linalg.matrix_rank(q) < len(q):
            raise ValueError(
                f"ForwardCorrection: transition={self.transition!r} has no inverse: "
                f"the labels do not tell the clean classes apart."
            )

    def measure(self, task, y_true, sample_weight):
        """Raise LossTargetError unless the matrix has a row for each class."""
        n_classes = task.size if task.kind == "multiclass" else 2
        if not is_number(self.transition) and len(self.transition) != n_classes:
            raise LossTargetError(
                f"{self!r} needs {len(self.transition)} classes, y has {n_classes}. "
                f"Give a matrix of {n_classes} rows, or a rate."
            )
        return {}

    def matrix(self, n_classes, dtype):
        """Return Q as a tensor."""
        if not isinstance(self.transition, tuple | list | np.ndarray):
            wrong = self.transition / (n_classes - 1)
            same = ops.eye(n_classes, dtype=dtype)
            return (1 - self.transition) * same + wrong * (1 - same)
        return ops.convert_to_tensor(np.asarray(self.transition), dtype=dtype)

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        q = self.matrix(raw.shape[-1], raw.dtype)
        column = ops.matmul(y_true, ops.transpose(q))  # Q_ky for each clean class k
        possible = column > 0  # what is not has no share, however far out
        log_q = ops.where(
            possible, ops.log(ops.where(possible, column, 1.0)), -float("inf")
        )
        return -ops.logsumexp(ops.log_softmax(raw) + log_q, axis=-1)

    def scores(self, task, raw):
        """Return the raw scores: the clean classes' probabilities have their order."""
        return raw

    def link(self, scores):
        """Return the softmax: the clean classes' probabilities."""
        return ops.floor_and_normalise(ops.softmax(scores), 1e-7)

    def binary_link(self, raw):
        """Return the sigmoid: the probability of the clean class 1."""
        return ops.clip(ops.sigmoid(raw), 1e-7, 1 - 1e-7)

    def observed_probabilities(self, task, raw):
        """Return v Q, the probabilities of the labels as they are."""
        p = self.inverse_link(task, raw)
        if task.kind == "multilabel":
            q = self.matrix(2, p.dtype)
            return q[0, 1] + p * (q[1, 1] - q[0, 1])
        return ops.matmul(p, self.matrix(p.shape[-1], p.dtype))

    def constant_for(self, task, prior):
        """Return the log-odds of the clean frequencies.

        If the given noise alone makes a class more frequent than it is, there are
        none, and a search finds where the loss no longer falls.
        """
        if task.kind == "multiclass":
            clean = self.clean(prior / prior.sum())
        else:
            pairs = np.stack([1 - prior, prior], axis=-1)
            clean = np.stack([self.clean(pair)[1] for pair in pairs])
        start = log_odds(task, np.clip(clean, 1e-3, 1 - 1e-3))
        if np.allclose(clean, np.clip(clean, 1e-3, 1 - 1e-3)):
            return start
        return minimise_constant(self, task, prior, start)

    def clean(self, prior):
        """Return the frequencies that the noise turns into ``prior``."""
        return np.linalg.solve(np.asarray(self.matrix(len(prior), "float64")).T, prior)
