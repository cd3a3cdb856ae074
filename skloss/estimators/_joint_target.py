"""The targets of several heads: everything that a fit and predictions need."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skloss._params._checks import check_choice
from skloss._params._value_object import separate_value
from skloss.estimators._automatic_loss import is_automatic
from skloss.estimators._columns import Container, check_names, split_by_head
from skloss.estimators._heads import Head
from skloss.estimators._memory import Memory
from skloss.estimators._single_target import BaseTarget
from skloss.estimators._table import read_table, validate_table
from skloss.estimators._units import Units
from skloss.estimators._varying import compute_curves, compute_head_curves
from skloss.exceptions import LossTargetError
from skloss.losses import Loss, Task
from skloss.losses._core._multi_task_loss import (
    InUserUnits,
    MultiTaskLoss,
    UncertaintyWeightedTasks,
)

OWN = ("heads", "loss_weights", "callbacks", "validation_scoring")


@dataclass(frozen=True, eq=False)
class PlannedHead:
    """One head before its column of y is known.

    Attributes
    ----------
    estimator : LossAwareClassifier or LossAwareRegressor
        Not fitted: the network of this one task.
    loss : Loss
    weight : float
        In the last epoch.
    curves : dict of str to ndarray of shape (epochs, ...)
        Of the numbers that are schedules, by the head's own names.
    """

    estimator: Any
    loss: Loss
    weight: float
    curves: dict

    @property
    def given_loss(self):
        """The loss as it was given."""
        return self.estimator.loss

    def settings(self, settings):
        """Return the settings of the head's own estimator, from those of all heads."""
        given = self.estimator.get_params(deep=False)
        return replace(
            settings,
            estimator=type(self.estimator).__name__,
            given={**settings.given, **given},
            loss=self.loss,
            heads={},
            curves=self.curves,
            target_transform=given.get("target_transform", "auto"),
            output_margin=given.get("output_margin"),
        )


def refuse_automatic(loss):
    """Raise ValueError for a head whose loss would have to be found."""
    if is_automatic(loss):
        raise ValueError(
            f"loss={loss!r} is found for an estimator of one target only. Name the "
            f"loss: skloss.model_selection.recommend_losses(X, y) says which, for the "
            f"column of this head."
        )


@dataclass(frozen=True, eq=False)
class JointTarget(BaseTarget):
    """One column for each head.

    Attributes
    ----------
    task : Task
        Of all columns, side by side: numbers, whatever they stand for.
    heads : dict of str to PlannedHead
    targets : dict of str to ClassTarget or NumberTarget
    container : Container
        What y was, as predictions are then.
    units : Units
        Of all columns. None until the training rows are known.
    """

    task: Task
    heads: dict
    targets: dict
    container: Container
    units: Units | None = None

    class_weight = np.ones(1)
    transform = "auto"

    # -- reading -------------------------------------------------------------------

    @staticmethod
    def read_loss(estimator):
        """Return no loss, the heads, and what of their losses changes by epoch.

        Raises
        ------
        ValueError, TypeError
            For heads, or a parameter of one, that cannot be.
        """
        check_pairs(estimator)
        shared = estimator.get_params(deep=False)
        shared = separate_value({n: v for n, v in shared.items() if n not in OWN})
        heads, curves = {}, compute_curves(estimator)
        for name, head in estimator.heads:
            with in_head(name):
                head.check()
                params = clone(head).get_params(deep=False)
                weight = params.pop("weight")
                refuse_automatic(params["loss"])
                alone = estimator._kinds[head.family](**params, **shared)
                loss, _, of_loss = alone._target.read_loss(alone)
                epochs = int(estimator.epochs)
                changing = compute_head_curves(of_loss, weight, epochs)
            curves |= {f"loss__{name}__{k}": c for k, c in changing.items()}
            last = changing["weight"][-1] if "weight" in changing else weight
            heads[name] = PlannedHead(alone, loss, float(last), of_loss)
        check_weights(estimator, heads)
        check_scoring(estimator)
        return None, heads, curves

    @classmethod
    def read(cls, estimator, settings, X, y, memory):
        """Return features, target, validated X, and y as columns by name."""
        features, table = read_table(estimator, X)
        heads, targets, columns = settings.heads, {}, {}
        given = split_by_head(y, list(heads))
        container = Container(y, estimator.heads)
        for name, head in heads.items():
            with in_head(name):
                _, target, _, columns[name] = head.estimator._target.read(
                    head.estimator, head.settings(settings), X, given[name], Memory()
                )
                targets[name] = target.with_equal_weights()
        size = sum(target.task.size for target in targets.values())
        target = cls(Task("regression", size), heads, targets, container)
        return features, target, table, columns

    def read_more(self, estimator, features, X, y):
        """Return validated X, and y as columns by name, of the heads that are known."""
        table = validate_table(estimator, features, X)
        columns = split_by_head(y, list(self.heads))
        for name, target in self.targets.items():
            with in_head(name):
                head = self.heads[name].estimator
                columns[name] = target.read_more(head, features, X, columns[name])[1]
        return table, columns

    def check_same(self, earlier):
        """Raise ValueError unless heads and classes are those of an earlier fit."""
        mine, theirs = self.list_labels(), earlier.list_labels()
        if mine != theirs:
            raise ValueError(
                f"warm_start=True needs the same classes as the previous fit, "
                f"{theirs}, got {mine}."
            )

    def list_labels(self):
        """Return what each column stands for."""
        return [
            f"{name}={label}"
            for name, target in self.targets.items()
            for label in target.list_labels()
        ]

    def complete_loss(self, settings):
        """Return the sum of the heads' losses, whose tasks are known now."""
        kind = UncertaintyWeightedTasks if settings.loss_weights else MultiTaskLoss
        terms = tuple((n, head.weight, head.loss) for n, head in self.heads.items())
        return kind(terms, tuple(target.task for target in self.targets.values()))

    def encode(self, columns, loss):
        """Return the encoded columns of all heads, side by side."""
        parts = []
        for name, target in self.targets.items():
            with in_head(name):
                parts.append(target.encode(columns[name], self.heads[name].loss))
        return np.hstack(parts)

    # -- what training needs -------------------------------------------------------

    def weigh(self, settings, y, weight):
        """Return the target: class weights would weigh the rows for all heads."""
        return self

    def weigh_rows(self, Y):
        """Return None: no row counts more than its sample weight says."""

    def choose_network(self, network):
        """Return the network as it is given."""
        return network

    def choose_stratum(self, Y, loss):
        """Return the columns of the first head that predicts classes, and its kind."""
        for columns, task in zip(loss.columns(), loss.tasks(), strict=True):
            if task.kind != "regression":
                return Y[:, columns], task.kind
        return Y, self.task.kind

    def measure_units(self, Y, weight, loss):
        """Return the units of all heads' columns."""
        parts = [
            target.measure_units(Y[:, columns], weight, own)
            for target, columns, own in zip(
                self.targets.values(),
                loss.columns(),
                get_head_losses(loss),
                strict=True,
            )
        ]
        return Units(
            np.concatenate([part.loc for part in parts]),
            np.concatenate([part.scale for part in parts]),
            np.concatenate([part.varies for part in parts]),
        )

    def with_units(self, units):
        """Return the target, and those of its heads, with their units."""
        targets, begin = {}, 0
        for name, target in self.targets.items():
            end = begin + target.task.size
            targets[name] = target.with_units(units.of(slice(begin, end)))
            begin = end
        return replace(self, units=units, targets=targets)

    def find_columns_in_user_units(self, loss):
        """Return which columns a head's function sees in the user's units."""
        return loss.in_user_units_by_column()

    def find_margins(self, settings, loss):
        """Return how far each raw output may leave its range, as its head says."""
        margin = np.full(loss.n_raw(self.task), np.inf)
        for head, target, own, place in zip(
            settings.heads.values(),
            self.targets.values(),
            get_head_losses(loss),
            loss.places(),
            strict=True,
        ):
            margin[place] = target.find_margins(head.settings(settings), own)
        return margin

    def in_one_scale(self, loss):
        """Return the loss for raw outputs that are all scaled, functions included."""
        return loss.in_one_scale(self.units.loc, self.units.scale)

    # -- what predicts -------------------------------------------------------------

    def build_outputs(self, loss, raw, temperature):
        """Return the symbolic outputs of ``model_`` by head."""
        parts = zip(
            self.targets.items(), get_head_losses(loss), loss.pieces(raw), strict=True
        )
        return {
            name: target.build_outputs(own, piece, temperature)
            for (name, target), own, piece in parts
        }


def get_head_losses(loss):
    """Return the heads' own losses of a joint one, which see their own units."""
    return [one.loss if isinstance(one, InUserUnits) else one for one in loss.losses]


@contextmanager
def in_head(name):
    """Say of which head an error is."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"Head {name!r}: {error}") from error


def check_pairs(estimator):
    """Raise TypeError or ValueError unless ``heads`` are pairs of a name and a head."""
    heads = estimator.heads
    if not isinstance(heads, list | tuple) or not heads:
        raise TypeError(
            f"heads={heads!r} must be a list of (name, head), such as "
            f"[('churn', ClassificationHead()), ('spend', RegressionHead())]."
        )
    for pair in heads:
        if not (
            isinstance(pair, list | tuple)
            and len(pair) == 2
            and isinstance(pair[1], Head)
        ):
            raise TypeError(
                f"heads: {pair!r} must be a pair of a name and a "
                f"ClassificationHead or RegressionHead."
            )
    check_names([name for name, _ in heads], estimator.get_params(deep=False))


def check_weights(estimator, heads):
    """Raise ValueError for weights of the heads with which nothing can be trained."""
    check_choice("loss_weights", estimator.loss_weights, (None, "uncertainty"))
    weights = {name: head.weight for name, head in estimator.heads}
    if not any(weights.values()):
        raise ValueError(
            f"The weights of all heads are zero, {weights}, so there is nothing to "
            f"train; give at least one a positive weight."
        )
    if estimator.loss_weights is None:
        return
    for name, head in estimator.heads:
        loss = heads[name].loss
        if head.weight != 1:
            raise ValueError(
                f"weight={head.weight!r} of head {name!r} has no effect with "
                f"loss_weights='uncertainty', which trains the weights. Leave it "
                f"at 1.0, or set loss_weights=None."
            )
        if not (loss.decomposable and loss.nonnegative):
            raise LossTargetError(
                f"loss={head.loss!r} of head {name!r} can be negative, or has no "
                f"value for each row, so that loss_weights='uncertainty' cannot "
                f"weigh it. Choose another loss, or set loss_weights=None."
            )


def check_scoring(estimator):
    """Raise ValueError for a scorer by name where a head predicts classes."""
    scoring = estimator.validation_scoring
    classes = [n for n, head in estimator.heads if head.family == "classification"]
    if classes and isinstance(scoring, str):
        raise ValueError(
            f"validation_scoring={scoring!r} scores one kind of "
            f"target. Say of which head, for example head_scorer({classes[0]!r}, "
            f"{scoring!r}) of skloss.model_selection."
        )
