"""A target of numbers: everything about it that a fit and a prediction need."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils.validation import column_or_1d

from skloss.estimators._automatic_loss import find_loss
from skloss.estimators._single_target import SingleTarget
from skloss.estimators._table import read_table, validate_table
from skloss.estimators._units import (
    Units,
    check_size,
    is_resolved,
    measure_target,
    varies,
)
from skloss.losses import Loss, Task
from skloss.losses._core import _ops as ops


@dataclass(frozen=True, eq=False)
class NumberTarget(SingleTarget):
    """One number, or several.

    Attributes
    ----------
    task : Task
    one_dimensional : bool
        Whether y was of shape (n,), as predictions are then.
    transform : "auto" or None
        Whether the network sees the numbers scaled.
    loss : Loss
        That of the fit; as settings have it, or found in the rows.
    units : Units
        None until the training rows are known.
    """

    task: Task
    one_dimensional: bool
    transform: str | None
    loss: Loss
    units: Units | None = None

    class_weight = np.ones(1)

    # -- reading -------------------------------------------------------------------

    @classmethod
    def read(cls, estimator, settings, X, y, memory):
        """Return features, target, and validated X and y of a new fit."""
        features, (X, y) = memory.recall(
            "numbers",
            lambda: read_table(estimator, X, y, multi_output=True, y_numeric=True),
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        size = 1 if y.ndim == 1 else y.shape[1]
        task = Task("regression", size)
        loss = find_loss(settings, X, y, task, memory)
        target = cls(task, y.ndim == 1, settings.target_transform, loss)
        return features, target, X, y

    def read_more(self, estimator, features, X, y):
        """Return validated X and y of the columns and targets that are known."""
        return validate_table(
            estimator, features, X, y, multi_output=True, y_numeric=True
        )

    def check_same(self, earlier):
        """Do nothing: that the number of targets is the same is checked for all."""

    def encode(self, y, loss):
        """Return y as float columns inside the loss's domain."""
        Y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        if Y.shape[1] != self.task.size:
            raise ValueError(
                f"y has {Y.shape[1]} targets, but the estimator has {self.task.size}."
            )
        check_size(Y)
        loss.check_target(self.task, Y)
        return Y

    # -- what training needs -------------------------------------------------------

    def weigh(self, settings, y, weight):
        """Return the target: numbers have no class weights."""
        return self

    def with_equal_weights(self):
        """Return the target."""
        return self

    def list_labels(self):
        """Return what the columns stand for."""
        return ["a number"]

    def weigh_rows(self, Y):
        """Return None: no row counts more than its sample weight says."""

    def measure_units(self, Y, weight, loss):
        """Return location and scale of each column, and which columns vary."""
        units = Units.none(Y.shape[1])
        if self.transform is not None:
            units = Units(*measure_target(Y, loss, weight), units.varies)
        return replace(units, varies=varies(Y))

    # -- what predicts -------------------------------------------------------------

    def shape_like_y(self, values):
        """Return values of shape (n, targets, ...) as y was given."""
        return values[:, 0] if self.one_dimensional else values

    def predict(self, loss, raw):
        """Return the point prediction in the user's units."""
        scaled = np.asarray(ops.call_on_arrays(loss.inverse_link, self.task, raw))
        return self.shape_like_y(scaled * self.units.scale + self.units.loc)

    def predict_quantiles(self, loss, raw, quantiles):
        """Return quantiles in the user's units."""
        parts = np.asarray(ops.call_on_arrays(loss.split, self.task, raw))
        loc, scale = self.units.loc, self.units.scale
        values = ops.call_on_arrays(
            loss.predict_quantiles, parts, quantiles, loc, scale
        )
        return self.shape_like_y(values)

    def predict_dist(self, loss, raw):
        """Return the distribution of each row in the user's units."""
        parts = np.asarray(ops.call_on_arrays(loss.split, self.task, raw))
        loc, scale = self.units.loc, self.units.scale
        if self.one_dimensional:
            parts, loc, scale = parts[:, 0], loc[0], scale[0]
        return ops.call_on_arrays(loss.distribution, parts, loc, scale)

    def build_outputs(self, loss, raw, temperature):
        """Return the symbolic output of ``model_``.

        In double precision where single would round away what the network learned.
        """
        scaled, dtype = loss.inverse_link(self.task, raw), str(raw.dtype)
        loc, scale = self.units.loc, self.units.scale
        if not is_resolved(loc, scale, dtype).all():
            dtype = "float64"
            scaled = ops.cast(scaled, dtype)
        return scaled * scale.astype(dtype) + loc.astype(dtype)
