"""What a loss is: a formula on raw outputs, with the facts that belong to it."""

from typing import ClassVar

import numpy as np

from skloss._params import Params
from skloss.exceptions import LossTargetError
from skloss.losses import _ops as ops
from skloss.losses._constant import minimise_constant
from skloss.losses._link import binary_link, multiclass_link


class Loss(Params):
    """Base class of every loss.

    Subclass :class:`ClassificationLoss` or :class:`RegressionLoss`, write
    ``pointwise`` in ``keras.ops`` (or TensorFlow) and state the facts that differ
    from the defaults below. A class with a ``name`` registers itself.

    Attributes
    ----------
    name : str
        What ``loss="..."`` calls it.
    aliases : tuple of str
        Other libraries' names for the same thing.
    from_keras : dict
        Keras' class name to the map from its attributes to our parameters.
    formula, source : str
        The value per sample on raw outputs, and who published it.
    elicits : str
        What the minimiser estimates.
    proper : {"strict", "link", "order", "none"}
        "strict": proper with a fixed link; "link": proper through the inverse link
        that follows from the loss; "order": only the arg max is right; "none".
    robust, convex : bool
        Bounded influence of one sample; convex in the raw outputs.
    gradient_growth : {"bounded", "linear", "exponential"}
    decomposable : bool
        The batch's value is the weighted sum of its samples' values.
    in_user_units : bool
        Targets and predictions are handed over unscaled.
    head_scale : float
        Factor on the initial weights of the output layer.
    global_pace : float
        Factor on the learning rate of the outputs that ``n_global`` counts.
    measured : tuple of str
        Knobs that :meth:`measure` sets from the training target, such as class
        frequencies. They end in an underscore, are None before ``fit`` and no
        parameters: ``clone`` forgets them.
    search_space : dict
        Knob to ``(low, high, "linear" or "log")``.
    """

    registry: ClassVar[dict] = {"classification": {}, "regression": {}}

    name = None
    aliases = ()
    from_keras: ClassVar[dict] = {}
    family = None
    formula = ""
    source = ""
    elicits = "nothing known"
    proper = "none"
    robust = False
    convex = False
    gradient_growth = "bounded"
    decomposable = True
    in_user_units = False
    head_scale = 1.0
    global_pace = 1.0
    measured: ClassVar[tuple] = ()
    search_space: ClassVar[dict] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            Loss.registry[cls.family][cls.name] = cls

    def __mul__(self, weight):
        from skloss.losses._algebra import LossSum

        return LossSum.scaled(self, weight)

    __rmul__ = __mul__

    def __add__(self, other):
        from skloss.losses._algebra import LossSum

        if other == 0:  # so that sum([...]) works
            return self
        if not isinstance(other, Loss):
            return NotImplemented
        return LossSum.joined(self, other)

    def __radd__(self, other):
        return self if other == 0 else NotImplemented

    def knobs(self):
        """Return the numbers, the measured ones included."""
        return {**super().knobs(), **self._known()}

    def structure(self):
        """Return what is left without the numbers."""
        return (*super().structure(), tuple(self._known()))

    def _known(self):
        """Return the measured knobs that have been measured."""
        values = {name: getattr(self, name) for name in self.measured}
        return {name: value for name, value in values.items() if value is not None}

    def measure(self, task, y_true, sample_weight):
        """Return what ``measured`` names, from the training rows alone.

        Parameters
        ----------
        task : Task
        y_true : ndarray of shape (n, task.size)
            The encoded (for numbers: scaled) target.
        sample_weight : ndarray of shape (n,)

        Returns
        -------
        dict
            To be given to ``bind``. By default that of the losses among the parameters.
        """
        knobs = {}
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Loss):
                inner = value.measure(task, y_true, sample_weight)
                knobs.update({f"{name}__{key}": v for key, v in inner.items()})
        return knobs

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError where a function given as a loss cannot be one.

        Parameters
        ----------
        task : Task
        y : ndarray of shape (n, task.size)
            The training target: encoded classes, or numbers in the user's units.
        dtype : {"auto", "float32", "float64"}
        """

    def n_global(self, task):
        """Return how many of the last raw outputs are the same for every row.

        Thresholds, dispersions and other trained numbers that do not depend on X: the
        engine trains their bias only.
        """
        return 0

    def trained(self, task, last):
        """Return by name the trained numbers that do not depend on X.

        Parameters
        ----------
        task : Task
        last : ndarray of shape (n_global(task),)
            The raw outputs that are the same for every row.

        Returns
        -------
        dict of str to ndarray
        """
        return {}

    def pointwise(self, y_true, raw):
        """Return the value per sample, unreduced."""
        raise NotImplementedError(f"{type(self).__name__} must define pointwise")

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the samples' values: what the engine minimises.

        Parameters
        ----------
        task : Task
        y_true : tensor of shape (n, task.size)
        raw : tensor of shape (n, n_raw(task))
        weight : tensor of shape (n,)
        """
        return ops.sum(weight * self.rowwise(task, y_true, raw))

    def check_target(self, task, y):
        """Raise LossTargetError where ``y`` is outside the loss's domain."""


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
    """

    family = "classification"
    elicits = "class probabilities"
    kinds = ("binary", "multiclass", "multilabel")
    ordered = False
    head = "scores"

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
        """Return one decision score a class (one for two classes, one a label)."""
        return raw

    @property
    def has_probabilities(self):
        """Tell whether the loss gives honest probabilities."""
        return self.proper in ("strict", "link")

    def link(self, scores):
        """Return class probabilities from scores of shape (..., classes)."""
        return multiclass_link(self, scores)

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
        if not self.has_probabilities:
            return zero_one_loss(task, y_true, raw)
        p = self.observed_probabilities(task, raw)
        if task.kind == "multilabel":
            p = ops.clip(p, 1e-7, 1 - 1e-7)
            value = -(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))
            return ops.mean(value, axis=-1)
        p = p / class_weight
        p = p / ops.sum(p, axis=-1, keepdims=True)
        if task.kind == "binary":
            y_true = ops.concatenate([1 - y_true, y_true], axis=-1)
        return -ops.log(ops.maximum(ops.sum(y_true * p, axis=-1), 1e-7))

    def best_constant(self, task, y_true, sample_weight):
        """Return the constant raw outputs that minimise the loss, as an array.

        Where the infimum is not attained (``absolute_error``), the log-odds of the
        class frequencies stand in for it.
        """
        prior = np.average(y_true, axis=0, weights=sample_weight)
        return self.constant_for(task, np.clip(prior, 1e-6, 1 - 1e-6))

    def constant_for(self, task, prior):
        """Return the best constant for the class frequencies ``prior``."""
        return minimise_constant(self, task, prior, log_odds(task, prior))


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
        A key of ``DOMAINS``: what y must be.
    nonnegative : bool
        The value is never below zero.
    head : hashable
        What the raw outputs are, where they are more than one number a target; the
        terms of a sum must agree.
    """

    family = "regression"
    kinds = ("regression",)
    target_scaling = "standard"
    nonnegative = True
    head = None
    domain = "real"
    inverse = "identity"
    n_outputs = 1

    def n_raw(self, task):
        """Return the number of raw outputs."""
        return task.size * self.n_outputs

    def split(self, task, raw):
        """Return raw outputs with one axis per target, and one per output if many."""
        if self.n_outputs == 1:
            return raw
        return ops.reshape(raw, (-1, task.size, self.n_outputs))

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

    def monitor_name(self):
        """Return the name of the score that early stopping watches."""
        return "mean_absolute_error"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the loss-neutral score per row; lower is better."""
        return ops.mean(ops.abs(y_true - self.inverse_link(task, raw)), axis=-1)

    def best_constant(self, task, y_true, sample_weight):
        """Return the constant raw outputs that minimise the loss, as an array."""
        return minimise_constant(self, task, y_true, y_true.mean(axis=0), sample_weight)

    def check_target(self, task, y):
        """Raise LossTargetError where ``y`` is outside the loss's domain."""
        bound, inside = DOMAINS[self.domain]
        outside = np.asarray(y)[~inside(np.asarray(y))]
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


# What y must be, from the widest to the narrowest.
DOMAINS = {
    "real": ("finite y", np.isfinite),
    "nonnegative": ("y >= 0", lambda y: y >= 0),
    "positive": ("y > 0", lambda y: y > 0),
    "count": ("integers y >= 0", lambda y: (y >= 0) & (y == np.floor(y))),
    "unit": ("0 <= y <= 1", lambda y: (y >= 0) & (y <= 1)),
    "open_unit": ("0 < y < 1", lambda y: (y > 0) & (y < 1)),
}


def class_frequencies(task, y_true, sample_weight):
    """Return the weighted share of each class, of shape (classes,) or (2, labels)."""
    share = np.average(y_true, axis=0, weights=sample_weight)
    if task.kind == "multiclass":
        return share
    return np.concatenate([1 - share, share]).reshape(2, -1).squeeze()


def zero_one_loss(task, y_true, raw):
    """Return 1 per wrong row (the share of wrong labels for multilabel)."""
    if task.kind == "multiclass":
        wrong = ops.argmax(raw, axis=-1) != ops.argmax(y_true, axis=-1)
        return ops.cast(wrong, raw.dtype)
    wrong = (raw > 0) != (y_true > 0.5)
    return ops.mean(ops.cast(wrong, raw.dtype), axis=-1)


def log_odds(task, prior):
    """Return log-probabilities (multiclass) or log-odds (binary, per label)."""
    if task.kind == "multiclass":
        return np.log(prior / prior.sum())
    return np.log(prior) - np.log1p(-prior)
