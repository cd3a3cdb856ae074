"""What a representation is learnt from: classes, numbers, similar pairs, or X alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import hstack, issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skloss.estimators._labelled_rows import UNLABELLED, find_labelled
from skloss.estimators._single_target import SingleTarget
from skloss.estimators._table import read_table, validate_table
from skloss.estimators._units import Units, check_size, measure_target, varies
from skloss.exceptions import LossTargetError
from skloss.losses import Loss, Task
from skloss.losses._core import _ops as ops
from skloss.losses._core._column_likelihoods import check_widths
from skloss.losses._pairs import SimilarPairs
from skloss.networks import MLP, Autoencoder

Y_OPTIONS = {
    "classes": {},
    "numbers": {"multi_output": True, "y_numeric": True},
}


@dataclass(frozen=True, eq=False)
class RepresentationTarget(SingleTarget):
    """What y says of the rows, if the loss looks at it.

    Attributes
    ----------
    task : Task
    loss : Loss
    classes : ndarray or None
        The labels, where the loss is of classes; -1 among others is none of them.
    units : Units
        None until the training rows are known.
    offset : float or None
        Of log-densities, below which a row is an outlier.
    """

    task: Task
    loss: Loss
    classes: np.ndarray | None = None
    units: Units | None = None
    offset: float | None = None

    class_weight = np.ones(1)

    @property
    def needs_y(self):
        """Whether the loss looks at y."""
        return self.loss.target in Y_OPTIONS

    # -- reading -------------------------------------------------------------------

    @classmethod
    def read(cls, estimator, settings, X, y, memory):
        """Return features, target, and validated X and y of a new fit."""
        loss, n_components = settings.loss, settings.n_components
        if loss.target not in Y_OPTIONS:
            features, X = memory.recall("rows", lambda: read_table(estimator, X))
        else:
            if y is None:
                raise ValueError(explain_missing(estimator, loss))
            options = Y_OPTIONS[loss.target]
            features, (X, y) = memory.recall(
                loss.target, lambda: read_table(estimator, X, y, **options)
            )
        check_rows(settings, loss, X.shape[0])
        if loss.target not in Y_OPTIONS:
            loss, y = settle_features(loss, X)
        size = y.shape[1] if y.ndim == 2 else 1
        classes = find_classes(loss, y) if loss.target == "classes" else None
        task = Task("representation", size, n_components)
        return features, cls(task, loss, classes), X, y

    def read_more(self, estimator, features, X, y):
        """Return validated X and y of the columns that are known."""
        if not self.needs_y:
            X = validate_table(estimator, features, X)
            return X, choose_target(self.loss, X)
        return validate_table(estimator, features, X, y, **Y_OPTIONS[self.loss.target])

    def check_same(self, earlier):
        """Do nothing: representations may be learnt from other classes, too."""

    def complete_loss(self, settings):
        """Return the loss."""
        return self.loss

    def encode(self, y, loss):
        """Return numbers, or the number of each row's class, as one column."""
        if self.classes is None:
            Y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
            check_size(Y)
            return Y
        y = column_or_1d(y)
        labelled = is_labelled(y, self.classes)
        unseen = np.setdiff1d(y[labelled], self.classes)
        if len(unseen):
            raise ValueError(
                f"y contains classes that were not seen before: {unseen.tolist()}; "
                f"known are {self.classes.tolist()}."
            )
        Y = np.full((len(y), 1), float(UNLABELLED))
        Y[labelled, 0] = np.searchsorted(self.classes, y[labelled])
        return Y

    # -- what training needs -------------------------------------------------------

    def weigh(self, settings, y, weight):
        """Return the target: representations have no class weights."""
        return self

    def with_equal_weights(self):
        """Return the target."""
        return self

    def list_labels(self):
        """Return what the columns stand for."""
        return [self.loss.target or "nothing"] * self.task.size

    def weigh_rows(self, Y):
        """Return None: no row counts more than its sample weight says."""

    def choose_stratum(self, Y, loss):
        """Return the encoded target, and its kind: classes are stratified."""
        return Y, "regression" if self.classes is None else "multiclass"

    def measure_units(self, Y, weight, loss):
        """Return location and scale of numbers; nothing else has a unit."""
        units = Units.none(Y.shape[1])
        if loss.target not in ("numbers", "features"):
            return units
        if loss.target == "features":
            if loss.has_density:
                check_widths(loss.blocks, varies(Y))
        elif not varies(Y).all():
            raise LossTargetError(
                f"loss={loss!r} compares distances between targets, but y is "
                f"{Y[0].tolist()} in all rows that train. Leave out what is constant."
            )
        loc, scale = measure_target(Y, loss, weight)
        return replace(units, loc=loc, scale=scale)

    def choose_network(self, network):
        """Return the network, or what takes its outputs back to the features."""
        if self.loss.target != "features":
            return network
        if not isinstance(network, MLP):
            raise TypeError(
                f"network={network!r} is a function, and loss={self.loss!r} needs a "
                f"network whose layers can be turned round: hidden layer sizes such as "
                f"(64, 64), or an MLP."
            )
        return Autoencoder(network, self.task.n_components, self.loss.variational)

    def find_margins(self, settings, loss):
        """Return that no coordinate is bounded."""
        return np.full(loss.n_raw(self.task), np.inf)

    # -- what transforms -----------------------------------------------------------

    def transform(self, loss, raw):
        """Return representations of shape (n, n_components)."""
        return np.asarray(ops.call_on_arrays(loss.inverse_link, self.task, raw))

    def build_outputs(self, loss, raw, temperature):
        """Return the symbolic output of ``model_``."""
        return loss.inverse_link(self.task, raw)


@dataclass(frozen=True, eq=False)
class PairTarget(RepresentationTarget):
    """Whether the rows of two tables are similar, row by row."""

    needs_y = True

    def measure_units(self, Y, weight, loss):
        """Return no unit: 0 and 1 are what they are."""
        return Units.none(Y.shape[1])

    @classmethod
    def read(cls, estimator, settings, X, y, memory):
        """Return features of one table, target, both tables side by side, and y."""
        loss = settings.loss
        if not hasattr(loss, "pair_value"):
            raise LossTargetError(
                f"loss={loss!r} says nothing of given pairs; loss='contrastive' does."
            )
        left, right = X
        features, left = read_table(estimator, left)
        right = validate_table(estimator, features, right)
        y = column_or_1d(y, warn=True)
        check_consistent_length(left, right, y)
        if not np.isin(y, (0, 1)).all():
            raise LossTargetError(
                f"similar must be True or 1 for similar pairs and False or 0 for "
                f"others, got {np.unique(y).tolist()[:5]}."
            )
        if len(np.unique(y)) < 2:
            raise LossTargetError(
                f"All pairs have similar={y[0]!r}, so nothing says what is "
                f"{'apart' if y[0] else 'alike'}. Give pairs of both kinds."
            )
        task = Task("representation", 1, settings.n_components)
        target = cls(task, SimilarPairs(loss))
        return features, target, join_tables(left, right), np.asarray(y, float)


def settle_features(loss, X):
    """Return the loss for the columns of X, and what stands for y.

    Raises
    ------
    LossTargetError
        If a loss of the columns is a term of a sum.
    """
    Y = choose_target(loss, X)
    if loss.target != "features":
        return loss, Y
    if not hasattr(loss, "settle"):
        raise LossTargetError(
            f"loss={loss!r} is a sum with a loss of the columns of X, which can stand "
            f"alone only."
        )
    return loss.settle(Y), Y


def choose_target(loss, X):
    """Return what stands for y where none is needed: X itself, or nothing."""
    if loss.target != "features":
        return np.zeros(X.shape[0])
    return np.asarray(X.toarray() if issparse(X) else X, np.float64)


def join_tables(left, right):
    """Return two tables side by side."""
    if issparse(left) or issparse(right):
        return hstack([left, right], format="csr")
    return np.hstack([left, right])


def explain_missing(estimator, loss):
    """Return the text on a y that is not given, as scikit-learn begins it."""
    return (
        f"This {type(estimator).__name__} estimator requires y to be passed, but the "
        f"target y is None. loss={loss!r} learns from {loss.target}; loss='info_nce' "
        f"needs none."
    )


def check_rows(settings, loss, n_rows):
    """Raise ValueError where no batch can hold two rows."""
    if n_rows < 2:
        raise ValueError(
            f"Found array with {n_rows} sample(s) while a minimum of 2 is required: "
            f"loss={loss!r} compares rows with each other."
        )
    if settings.batch_size == 1:
        raise ValueError(
            f"batch_size=1 leaves loss={loss!r} no other row to compare with; it "
            f"compares the rows of a batch: give 64, or 'auto'."
        )


def find_classes(loss, y):
    """Return the labels of y.

    -1 beside two or more others marks rows without a label.

    Raises
    ------
    LossTargetError
        If there is one class, or no class has two rows.
    """
    known = np.any(y != UNLABELLED)
    rows = find_labelled("classification", y) if known else None
    y = y if rows is None else y[rows]
    classes, counts = np.unique(y, return_counts=True)
    if counts.max() > 1:
        check_classification_targets(y)
    if len(classes) < 2:
        raise LossTargetError(
            f"loss={loss!r} needs rows of two classes at least; y has {classes[0]!r} "
            f"only. loss='info_nce' needs no y."
        )
    if counts.max() < 2:
        raise LossTargetError(
            f"loss={loss!r} needs classes with two rows at least, and each of the "
            f"{len(classes)} classes of y has one. Is y a column of numbers? For these "
            f"there is loss='target_distance'."
        )
    return classes


def is_labelled(y, classes):
    """Return which rows have a label, where the labels are known."""
    if y.dtype.kind not in "iuf" or UNLABELLED in classes:
        return np.ones(len(y), dtype=bool)
    return y != UNLABELLED
