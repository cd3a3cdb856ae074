"""Losses on the softmax of the scores: the cross-entropy family."""

from typing import ClassVar

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._frequencies import log_odds
from skloss.losses._core._softmax_losses import SoftmaxLoss, SoftmaxScore


class CrossEntropy(SoftmaxLoss):
    """Cross-entropy, the negative log-likelihood of the true class.

    ``-sum_k t_k log softmax(z)_k`` with ``t = (1 - e) one_hot + e / K`` for the label
    smoothing e (Szegedy et al. 2016, Eq. 8); natural logarithm, as scikit-learn's
    ``log_loss``. With smoothing the probabilities are un-smoothed again.

    Parameters
    ----------
    label_smoothing : float in [0, 1), default=0.0
    """

    name = "cross_entropy"
    aliases = (
        "log_loss",
        "binary_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "cross_entropy_loss",
        "bce_with_logits_loss",
        "soft_margin_loss",
        "binary",
        "multiclass",
        "multi_logloss",
    )
    from_keras: ClassVar = {
        "BinaryCrossentropy": {"label_smoothing": "label_smoothing"},
        "CategoricalCrossentropy": {"label_smoothing": "label_smoothing"},
        "SparseCategoricalCrossentropy": {},
    }
    formula = "-sum_k t_k log softmax(z)_k"
    source = "Szegedy et al. 2016, Eq. 8"
    proper = "strict"
    convex = True
    search_space: ClassVar = {"label_smoothing": (0.005, 0.2, "log")}

    def __init__(self, label_smoothing=0.0):
        self.label_smoothing = label_smoothing

    def check(self):
        """Raise ValueError unless 0 <= label_smoothing < 1."""
        check_range(self, "label_smoothing", 0, 1, "[)")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.log_softmax(raw)
        true = ops.sum(y_true * log_p, axis=-1)
        e = self.label_smoothing
        return -(1 - e) * true - e * ops.mean(log_p, axis=-1)

    def binary(self, y_true, raw):
        """Return the value per element: softplus(f) - t f."""
        e = self.label_smoothing
        return ops.softplus(raw) - (y_true * (1 - e) + 0.5 * e) * raw

    def pull(self, log_p):
        """Return 1 - label_smoothing."""
        return (1 - self.label_smoothing) * ops.ones_like(log_p)

    def smoothing(self):
        """Return label_smoothing."""
        return self.label_smoothing

    def binary_link(self, raw):
        """Return the sigmoid, un-smoothed."""
        e = self.label_smoothing
        p = (ops.sigmoid(raw) - 0.5 * e) / (1 - e)
        return ops.clip(p, 1e-7, 1 - 1e-7)

    def constant_for(self, task, prior):
        """Return the log of the smoothed class frequencies."""
        e, k = self.label_smoothing, task.size if task.kind == "multiclass" else 2
        return log_odds(task, prior * (1 - e) + e / k)


class KLDivergence(SoftmaxLoss):
    """Kullback-Leibler divergence of the softmax from the target distribution.

    ``sum_k t_k log(t_k / softmax(z)_k)`` (Kullback and Leibler 1951, Eq. 2.4). For
    one-hot targets it equals cross-entropy.
    """

    name = "kl_divergence"
    aliases = ("kullback_leibler_divergence", "kld", "kl_div", "kl_div_loss")
    from_keras: ClassVar = {"KLDivergence": {}}
    formula = "sum_k t_k log(t_k / softmax(z)_k)"
    source = "Kullback and Leibler 1951, Eq. 2.4"
    proper = "strict"
    convex = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        entropy = ops.sum(y_true * ops.log(ops.maximum(y_true, 1e-30)), axis=-1)
        return entropy - ops.sum(y_true * ops.log_softmax(raw), axis=-1)

    def pull(self, log_p):
        """Return 1."""
        return ops.ones_like(log_p)

    def constant_for(self, task, prior):
        """Return the log of the class frequencies."""
        return log_odds(task, prior)


class Focal(SoftmaxLoss):
    """Focal loss: cross-entropy that passes over what is already right.

    ``-(1 - v_y)^gamma log v_y`` with v the softmax (Lin et al. 2017, Eq. 4). The
    softmax itself is not its probability; the link (Charoenphakdee et al. 2021,
    Theorem 11) is applied, so probabilities are honest without calibration. Keras'
    version multiplies by alpha = 0.25; use ``class_weight`` for that purpose.

    Parameters
    ----------
    gamma : float >= 0, default=2.0
        0 is cross-entropy.
    """

    name = "focal"
    aliases = (
        "focal_loss",
        "binary_focal_crossentropy",
        "categorical_focal_crossentropy",
        "sigmoid_focal_loss",
    )
    from_keras: ClassVar = {
        "BinaryFocalCrossentropy": {"gamma": "gamma"},
        "CategoricalFocalCrossentropy": {"gamma": "gamma"},
    }
    formula = "-(1 - v_y)^gamma log v_y"
    source = "Lin et al. 2017, Eq. 4"
    search_space: ClassVar = {"gamma": (0.25, 5.0, "log")}

    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def check(self):
        """Raise ValueError unless gamma >= 0."""
        check_range(self, "gamma", 0, float("inf"), "[)")

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.sum(y_true * ops.log_softmax(raw), axis=-1)
        return -ops.exp(self.gamma * ops.log_expm1_neg(log_p)) * log_p

    def pull(self, log_p):
        """Return (1 - v)^gamma - gamma v (1 - v)^(gamma - 1) log v."""
        log_q = ops.log_expm1_neg(log_p)
        q = -ops.expm1(ops.minimum(log_p, -1e-30))
        tail = q - self.gamma * ops.exp(log_p) * log_p
        return ops.exp((self.gamma - 1) * log_q) * ops.maximum(tail, 1e-30)


class AbsoluteErrorOnProbabilities(SoftmaxLoss):
    """Mean absolute error between one-hot target and softmax.

    ``sum_k |t_k - v_k| = 2 (1 - v_y)`` (Ghosh et al. 2017, Theorem 1: robust to
    symmetric label noise). Its minimiser puts all mass on one class, so there are no
    probabilities; it underfits many classes. Keras' ``mae`` divides it by K.
    """

    name = "absolute_error"
    aliases = ("mae", "mean_absolute_error", "l1_loss")
    from_keras: ClassVar = {"MeanAbsoluteError": {}}
    formula = "2 (1 - v_y)"
    source = "Ghosh et al. 2017, Theorem 1"
    elicits = "most probable class"
    proper = "order"
    robust = True

    def __init__(self):
        pass

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        log_p = ops.sum(y_true * ops.log_softmax(raw), axis=-1)
        return -2 * ops.expm1(log_p)

    def pull(self, log_p):
        """Return 2 v."""
        return 2 * ops.exp(log_p)

    def constant_for(self, task, prior):
        """Return the log-odds of the frequencies: the infimum is not attained."""
        return log_odds(task, prior)


class Brier(SoftmaxScore):
    """Brier score: squared error between one-hot target and softmax.

    ``sum_k (t_k - v_k)^2`` (Brier 1950, Eq. 2). For two classes it is twice
    scikit-learn's ``brier_score_loss``; Keras' ``mse`` divides it by K.
    """

    name = "brier"
    aliases = ("mse", "mean_squared_error", "squared_error", "brier_score", "mse_loss")
    from_keras: ClassVar = {"MeanSquaredError": {}}
    formula = "sum_k (t_k - v_k)^2"
    source = "Brier 1950, Eq. 2"

    def pointwise(self, y_true, raw):
        """Return the value per sample."""
        return ops.sum(ops.square(y_true - ops.softmax(raw)), axis=-1)
