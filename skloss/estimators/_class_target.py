"""A target of classes: everything about it that a fit and a prediction need."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skloss.estimators._automatic_loss import find_loss
from skloss.estimators._calibration import divide_by_temperature
from skloss.estimators._class_codes import (
    densify_target,
    derive_task,
    encode_classes,
    is_ordered,
    rank_classes,
)
from skloss.estimators._class_weight import compute_class_weights, get_row_weights
from skloss.estimators._single_target import SingleTarget
from skloss.estimators._table import read_table, validate_table
from skloss.estimators._units import Units
from skloss.losses import Loss, Task
from skloss.losses._core import _ops as ops


@dataclass(frozen=True, eq=False)
class ClassTarget(SingleTarget):
    """Two classes, several, or several labels.

    Attributes
    ----------
    task : Task
    classes : ndarray of shape (n_classes,)
        Sorted.
    ranked : ndarray of shape (n_classes,)
        In the order of the loss's columns.
    loss : Loss
        That of the fit; as settings have it, or found in the rows.
    class_weight : ndarray of shape (n_classes,)
        In that order too; (1,) for several labels. None until the rows are known.
    units : Units
        A class has no unit: nothing is shifted or scaled.
    """

    task: Task
    classes: np.ndarray
    ranked: np.ndarray
    loss: Loss
    class_weight: np.ndarray | None = None
    units: Units | None = None

    # -- reading -------------------------------------------------------------------

    @classmethod
    def read(cls, estimator, settings, X, y, memory, classes=None):
        """Return features, target, and validated X and y of a new fit.

        Parameters
        ----------
        estimator : BaseLossAware
        settings : Settings
        X, y : array-like
        memory : Memory
        classes : array-like, optional
            All classes, where y need not hold each of them.

        Raises
        ------
        ValueError, TypeError
            For a table or a target that cannot be, or not with this loss.
        """
        given = y

        def read_classes():
            features, (table, target) = read_table(estimator, X, y, multi_output=True)
            target = densify_target(target)
            return features, table, target, *derive_task(target, classes)

        features, X, y, task, classes = memory.recall("classes", read_classes)
        ordered = task.kind == "multiclass" and is_ordered(given)
        loss = find_loss(settings, X, y, task, memory, ordered=ordered)
        ranked = classes
        if loss.ordered and task.kind == "multiclass":
            ranked = rank_classes(given, classes)
        if task.kind not in loss.kinds:
            raise ValueError(
                f"loss={settings.given['loss']!r} is for {' or '.join(loss.kinds)} "
                f"targets; y is {task.kind}. Use loss='cross_entropy'."
            )
        return features, cls(task, classes, ranked, loss), X, y

    def read_more(self, estimator, features, X, y):
        """Return validated X and y of the columns and classes that are known."""
        X, y = validate_table(estimator, features, X, y, multi_output=True)
        return X, densify_target(y)

    def check_known(self, classes):
        """Raise ValueError if ``classes`` are not those that are known."""
        if not np.array_equal(np.unique(classes), self.classes):
            raise ValueError(
                f"classes={list(classes)!r} differ from those of the first call, "
                f"{self.classes.tolist()}."
            )

    def check_same(self, earlier):
        """Raise ValueError unless the classes are those of an earlier fit."""
        if not np.array_equal(earlier.ranked, self.ranked):
            raise ValueError(
                f"warm_start=True needs the same classes as the previous fit, "
                f"{earlier.ranked.tolist()}, got {self.ranked.tolist()}."
            )

    def encode(self, y, loss):
        """Return the columns of the loss for a validated y."""
        return encode_classes(densify_target(y), self.task, self.ranked)

    # -- what training needs -------------------------------------------------------

    def weigh(self, settings, y, weight):
        """Return the target with the weight of each class."""
        weights = compute_class_weights(
            settings.class_weight, self.task, self.ranked, y, weight
        )
        return replace(self, class_weight=weights)

    def with_equal_weights(self):
        """Return the target with classes that all weigh the same."""
        return replace(self, class_weight=np.ones(len(self.classes)))

    def list_labels(self):
        """Return what the columns stand for."""
        return self.ranked.tolist()

    def weigh_rows(self, Y):
        """Return each row's class weight, besides the sample weights."""
        return get_row_weights(self.class_weight, Y, self.task)

    def measure_units(self, Y, weight, loss):
        """Return units that change nothing."""
        return Units.none(Y.shape[1])

    # -- what predicts -------------------------------------------------------------

    def columns(self):
        """Return where the loss has the columns of ``classes``."""
        return np.argsort(self.ranked)

    def scores(self, loss, raw):
        """Return raw scores: of shape (n,) for two classes, else one column each."""
        scores = np.asarray(ops.call_on_arrays(loss.scores, self.task, raw))
        return scores[:, 0] if self.task.kind == "binary" else scores[:, self.columns()]

    def decide(self, scores):
        """Return the classes for scores."""
        if self.task.kind == "multilabel":
            return (scores > 0).astype(int)
        code = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        return self.classes[code]

    def probabilities(self, loss, raw):
        """Return probabilities in the loss's order, class weights undone."""
        p = np.asarray(ops.call_on_arrays(loss.inverse_link, self.task, raw))
        if self.task.kind == "multilabel" or np.all(self.class_weight == 1):
            return p
        p = p / self.class_weight
        return p / p.sum(axis=1, keepdims=True)

    def predict_proba(self, loss, raw, temperature):
        """Return probabilities in the order of ``classes``."""
        p = self.probabilities(loss, raw)
        p = np.asarray(
            ops.call_on_arrays(divide_by_temperature, p, temperature, self.task)
        )
        return p if self.task.kind == "multilabel" else p[:, self.columns()]

    def build_outputs(self, loss, raw, temperature):
        """Return the symbolic output of ``model_``, in the order of ``classes``."""
        if not loss.has_probabilities:
            return self.order_outputs(loss.scores(self.task, raw))
        p = loss.inverse_link(self.task, raw)
        if not np.all(self.class_weight == 1):
            p = p * (1 / self.class_weight).astype(p.dtype)
            p = p / ops.sum(p, axis=-1, keepdims=True)
        return self.order_outputs(divide_by_temperature(p, temperature, self.task))

    def order_outputs(self, values):
        """Return symbolic columns of the loss in the order of ``classes``."""
        if np.array_equal(self.ranked, self.classes):
            return values
        return ops.take(values, self.columns(), axis=-1)
