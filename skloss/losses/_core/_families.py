"""The two families of losses: on class scores, and on numbers."""

import numpy as np
from scipy.special import logit

from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import minimise_constant, minimise_rows, objective
from skloss.losses._core._domains import bound_and_outside
from skloss.losses._core._frequencies import log_odds
from skloss.losses._core._link import (
    SOLVED_LINK,
    binary_link,
    decision_scores,
    multiclass_link,
)
from skloss.losses._core._loss import Loss
from skloss.losses._core._scores import log_loss, undo_class_weight, zero_one_loss

# of what ``inverse`` turns into y; below exp(-30) amounts count as zero
RAW_OF = {
    "identity": lambda y: y,
    "exp": lambda y: np.log(np.maximum(y, np.exp(-30.0))),
    "expm1": np.log1p,
    "sigmoid": lambda y: logit(np.clip(y, 1e-12, 1 - 1e-12)),
}


class ClassificationLoss(Loss):
    """A loss on class scores.

    ``pointwise(y_true, raw)`` takes one-hot targets and raw scores of shape
    (..., classes) and reduces the last axis. A binary target has one raw output f,
    and the same formula sees the scores (0, f); each label of a multilabel target is
    such a pair.

    Attributes
    ----------
    ordered : bool
        The columns of ``y_true`` are the classes in rank order.
    head : str
        What the raw outputs of several classes are, "scores" if there is one a class;
        the terms of a sum must agree.
    nonnegative : bool
        The value is never below zero.
    keeps_order : bool
        The probabilities that follow from the loss have the order of the raw scores
        (of one raw output: even odds at 0), which then decide by themselves. Where
        they need not, they decide.
    decision : str or None
        What is decided with the probabilities of ordered classes (see ``decide``);
        None where the most probable class is.
    """

    family = "classification"
    elicits = "class probabilities"
    kinds = ("binary", "multiclass", "multilabel")
    ordered = False
    head = "scores"
    nonnegative = True
    keeps_order = False
    decision = None

    def n_raw(self, task):
        """Return the number of raw outputs."""
        return task.size

    def binary(self, y_true, raw):
        """Return the value per element for 0/1 targets and one raw output each."""
        scores = ops.stack([ops.zeros_like(raw), raw], axis=-1)
        return self.pointwise(ops.stack([1 - y_true, y_true], axis=-1), scores)

    def rowwise(self, task, y_true, raw):
        """Return the value per row, the mean over labels where there are several."""
        if task.kind == "multiclass":
            return self.pointwise(y_true, raw)
        return ops.mean(self.binary(y_true, raw), axis=-1)

    def scores(self, task, raw):
        """Return one decision score a class (one for two classes, one a label).

        They choose the most probable class, where there are probabilities.
        """
        if self.keeps_order:
            return raw
        return self.choose_by_probabilities(
            lambda: decision_scores(self, task, raw),
            lambda: self.scores_without_probabilities(task, raw),
        )

    def scores_without_probabilities(self, task, raw):
        """Return the decision scores where there are no probabilities to decide by."""
        return raw

    def decide(self, p):
        """Return scores whose arg max is the decision on classes of probability p."""
        return ops.log(p)

    @property
    def has_probabilities(self):
        """Tell whether the loss gives honest probabilities."""
        return self.proper in ("strict", "link")

    def choose_by_probabilities(self, there, none):
        """Return ``there()`` if the loss gives probabilities, else ``none()``."""
        return there() if self.has_probabilities else none()

    def link(self, scores):
        """Return class probabilities from scores of shape (..., classes)."""
        return multiclass_link(self, scores)

    def why_apart(self, task):
        """Return that equations are solved, where that is the link of the classes."""
        general = type(self).link is ClassificationLoss.link
        if task.kind == "multiclass" and self.has_probabilities and general:
            return SOLVED_LINK
        return None

    def binary_link(self, raw):
        """Return the probability of class 1 from one raw output, elementwise."""
        return binary_link(self, raw)

    def inverse_link(self, task, raw):
        """Return probabilities: (n, 2), (n, classes), or (n, labels) of label 1."""
        if task.kind == "multiclass":
            return self.link(raw)
        p = self.binary_link(raw)
        return ops.concatenate([1 - p, p], axis=-1) if task.kind == "binary" else p

    def observed_probabilities(self, task, raw):
        """Return the probabilities of the labels as given, shaped as ``inverse_link``.

        They differ from it where the loss is asked about another population, with
        clean labels or balanced classes, than the one at hand.
        """
        return self.inverse_link(task, raw)

    def monitor_name(self):
        """Return the name of the score that early stopping watches."""
        return "log_loss" if self.has_probabilities else "zero_one_loss"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss-neutral score per row; lower is better."""

        def log_loss_of_rows():
            p = self.observed_probabilities(task, raw)
            return log_loss(task, y_true, undo_class_weight(task, p, class_weight))

        return self.choose_by_probabilities(
            log_loss_of_rows,
            lambda: zero_one_loss(
                task, y_true, self.scores_without_probabilities(task, raw)
            ),
        )

    def best_constant(self, task, y_true, sample_weight):
        """Return the constant raw outputs that minimise the loss, as an array.

        Where the infimum is not attained (``absolute_error``), the log-odds of the
        class frequencies stand in for it: far out nothing would be learnt.
        """
        prior = np.average(y_true, axis=0, weights=sample_weight)
        return self.constant_for(task, np.clip(prior, 1e-6, 1 - 1e-6))

    def start_for(self, task, prior):
        """Return where the search for the best constant starts: at the log-odds."""
        return log_odds(task, prior)

    def constant_for(self, task, prior):
        """Return the best constant for the class frequencies ``prior``.

        The start of the search, where the loss falls without end.
        """
        start = self.start_for(task, prior)
        optimum = minimise_constant(self, task, prior, start)
        if np.abs(optimum - start).max() < 1:
            return optimum
        # A search that ran away stopped where it did by chance. If the loss still falls
        # as far again, there is no minimum, and the start is the better place.
        y, value = objective(self, task, prior, None)
        here, beyond = (
            float(value(ops.convert_to_tensor(np.tile(z, (len(y), 1)))))
            for z in (optimum, 2 * optimum - start)
        )
        return optimum if here < beyond else start


class RegressionLoss(Loss):
    """A loss on numbers.

    ``pointwise(y_true, raw)`` is elementwise for one raw output a target; with
    ``n_outputs`` raw outputs a target, ``raw`` has them on a last axis of its own.

    Attributes
    ----------
    target_scaling : {"standard", "robust", "scale", "none"}
        How ``target_transform="auto"`` scales y: mean and standard deviation, median
        and IQR / 1.349 (a standard deviation under normality), mean of |y| alone, not.
    domain : {"real", "nonnegative", "positive", "count", "unit", "open_unit"}
        What y must be.
    nonnegative : bool
        The value is never below zero.
    head : hashable
        What the raw outputs are, where they are more than one number a target; the
        terms of a sum must agree.
    exponential : tuple of int
        Which of a target's raw outputs an exponential makes a prediction of, or the
        scale of a distribution; by default the first where ``inverse`` is one.
    """

    family = "regression"
    kinds = ("regression",)
    target_scaling = "standard"
    nonnegative = True
    head = None
    domain = "real"
    inverse = "identity"
    n_outputs = 1

    @property
    def exponential(self):
        """Return which raw outputs of a target an exponential acts on."""
        return (0,) if self.inverse in ("exp", "expm1") else ()

    def n_raw(self, task):
        """Return the number of raw outputs."""
        return task.size * self.n_outputs

    def split(self, task, raw):
        """Return raw outputs with one axis per target, and one per output if many."""
        if self.n_outputs == 1:
            return raw
        return ops.reshape(raw, (-1, task.size, self.n_outputs))

    def outputs(self, task, columns):
        """Return the numbers of the raw outputs that belong to some columns of y.

        Parameters
        ----------
        task : Task
        columns : ndarray of bool of shape (task.size,)
        """
        return self._numbers_by_target(task)[columns].ravel()

    def exponential_outputs(self, task):
        """Return the numbers of all targets' ``exponential`` raw outputs."""
        return self._numbers_by_target(task)[:, list(self.exponential)].ravel()

    def _numbers_by_target(self, task):
        """Return the numbers of the raw outputs of each target, a row for each."""
        numbers = np.asarray(self.split(task, np.arange(self.n_raw(task))[None]))
        return numbers.reshape(task.size, -1)

    def rowwise(self, task, y_true, raw):
        """Return the value per row, the mean over targets."""
        return ops.mean(self.columnwise(task, y_true, raw), axis=-1)

    def columnwise(self, task, y_true, raw):
        """Return the value per row and target."""
        return self.pointwise(y_true, self.split(task, raw))

    def point(self, raw):
        """Return the point prediction from the (split) raw outputs of a target."""
        return ops.exp(raw) if self.inverse == "exp" else raw

    def inverse_link(self, task, raw):
        """Return point predictions of shape (n, targets), in the scaled units."""
        return self.point(self.split(task, raw))

    def distribution(self, raw, loc, scale):
        """Return the predicted distribution in the user's units, where there is one.

        Parameters
        ----------
        raw : ndarray
            Raw outputs, split: (n, targets), or (n, targets, outputs).
        loc, scale : ndarray of shape (targets,)
            The target was seen as (y - loc) / scale.

        Returns
        -------
        frozen distribution of ``scipy.stats``, of shape (n, targets)
        """
        raise NotImplementedError(f"{self!r} predicts no distribution")

    @property
    def has_distribution(self):
        """Tell whether the loss predicts a distribution."""
        return type(self).distribution is not RegressionLoss.distribution

    # The levels that were trained; None where a distribution has them all.
    quantile_levels = None

    @property
    def has_quantiles(self):
        """Tell whether the loss predicts quantiles."""
        return self.has_distribution

    def predict_quantiles(self, raw, levels, loc=0.0, scale=1.0):
        """Return predicted quantiles in the user's units, where there are any.

        Parameters
        ----------
        raw, loc, scale : as for ``distribution``
        levels : float or array-like of shape (levels,)

        Returns
        -------
        ndarray of shape (n, targets, levels)
        """
        law = self.distribution(raw, loc, scale)
        return np.stack([law.ppf(level) for level in np.atleast_1d(levels)], axis=-1)

    def monitor_name(self):
        """Return the name of the score that early stopping watches."""
        return "mean_absolute_error"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss-neutral score per row; lower is better."""
        return ops.mean(ops.abs(y_true - self.inverse_link(task, raw)), axis=-1)

    def best_constant(self, task, y_true, sample_weight):
        """Return the constant raw outputs that minimise the loss, as an array.

        The search begins at the means of the targets, other outputs at 0.
        """
        start = np.zeros((task.size, self.n_outputs))
        start[:, 0] = y_true.mean(axis=0)
        return minimise_constant(self, task, y_true, start.ravel(), sample_weight)

    def saturated(self, task, y_true, constant):
        """Return the raw outputs of a model that is free for every row.

        By default a target's first one predicts y, and all others are the best
        constant's; where ``inverse`` has no known inverse, all are searched for.

        Parameters
        ----------
        task : Task
        y_true : ndarray of shape (n, targets)
        constant : ndarray of shape (n_raw,)
            The best constant.

        Returns
        -------
        ndarray of shape (n, n_raw)
        """
        raw = np.tile(np.asarray(constant, np.float64), (len(y_true), 1))
        if self.inverse not in RAW_OF:
            return minimise_rows(self, task, y_true, raw)
        raw = raw.reshape(len(y_true), task.size, self.n_outputs)
        raw[..., 0] = RAW_OF[self.inverse](y_true)
        return raw.reshape(len(y_true), -1)

    def check_target(self, task, y):
        """Raise LossTargetError where ``y`` is outside the loss's domain."""
        bound, outside = bound_and_outside(self.domain, y)
        if outside.size:
            fits = [
                cls.name
                for cls in Loss.registry["regression"].values()
                if cls.domain == "real"
            ]
            raise LossTargetError(
                f"{self!r} needs {bound}, got {outside.min():g}. Use a loss for real "
                f"targets ({', '.join(map(repr, sorted(fits)))}), or shift y."
            )
