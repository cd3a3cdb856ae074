"""What a fit is given, checked and encoded, before anything is decided on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skloss._engine import TrainingState, Weights
from skloss._sklearn import safe_indexing
from skloss.estimators._fitted import Fitted
from skloss.estimators._labelled_rows import find_labelled
from skloss.estimators._memory import Memory
from skloss.estimators._pretrained import learn_body
from skloss.estimators._settings import Settings
from skloss.estimators._split import Table, read_sample_weights
from skloss.estimators._table import Features
from skloss.exceptions import LossTargetError
from skloss.losses import Loss


@dataclass(frozen=True, eq=False)
class Reading:
    """Parameters and data of one fit, checked and encoded.

    Attributes
    ----------
    settings : Settings
    features : Features
    target : ClassTarget, NumberTarget or JointTarget
        With class weights, without units.
    loss : Loss
    table : Table
        The training rows, those of early stopping included.
    cost : ndarray of shape (n,), or None
        Further weights of these rows, not used for validation.
    validation : Table or None
        Rows that were given for validation.
    groups : array-like or None
    given, given_validation : tuple of (array-like, array-like)
        X and y as they were given.
    earlier : Fitted or None
        What this fit goes on from.
    start : TrainingState or None
        The state of training to begin with.
    body : Weights or None
        What the hidden layers begin with, where there is no such state.
    memory : Memory
        Of fits on the same data.
    """

    settings: Settings
    features: Features
    target: Any
    loss: Loss
    table: Table
    cost: np.ndarray | None
    validation: Table | None
    groups: Any
    given: tuple
    given_validation: tuple
    earlier: Fitted | None
    start: TrainingState | None
    body: Weights | None
    memory: Memory

    @property
    def goes_on(self):
        """Whether this is a further part of the earlier training, optimiser and all."""
        return self.start is not None and self.start.slots is not None

    def weight_of(self, rows):
        """Return what training rows weigh, by sample and by class."""
        weight = self.table.weight[rows]
        return weight if self.cost is None else weight * self.cost[rows]

    def whole_table(self):
        """Return the rows for training, and after them those given for validation."""
        if self.validation is None:
            return self.table
        return self.table.followed_by(self.validation)


def read_data(
    estimator,
    settings,
    X,
    y,
    sample_weight=None,
    *,
    X_val=None,
    y_val=None,
    sample_weight_val=None,
    groups=None,
    partial=False,
    classes=None,
    memory=None,
):
    """Return what a fit is given, checked and encoded.

    Parameters
    ----------
    estimator : BaseLossAware
        Not changed.
    settings : Settings
    X, y, sample_weight, X_val, y_val, sample_weight_val, groups : as for ``fit``
    partial : bool, default=False
        Whether this is ``partial_fit``, so that classes and columns of an earlier
        call are known.
    classes : array-like, optional
        As for ``partial_fit``.
    memory : Memory, optional
        Of other fits, not partial ones, on the same X, y, sample_weight and groups.

    Raises
    ------
    ValueError, TypeError
        For data that make no sense, with the remedy.
    """
    earlier = estimator.__dict__.get("_fitted")
    if not (partial or settings.warm_start):
        earlier = None
    memory, rows = memory or Memory(), (X, y, sample_weight, groups)
    body, memory, rows = pretrain(estimator, settings, earlier, memory, rows)
    (X, y, sample_weight, groups), given = rows, tuple(rows[:2])
    if partial and earlier is not None:
        target, features = earlier.target, earlier.features
        X, y = target.read_more(estimator, features, X, y)
        if classes is not None:
            target.check_known(classes)
        start = earlier.state or earlier.kept_weights
    else:
        known = {} if classes is None else {"classes": classes}
        kind = estimator._target
        features, target, X, y = kind.read(estimator, settings, X, y, memory, **known)
        start = None
        if earlier is not None:
            check_same_problem(features, target, earlier)
            start = earlier.kept_weights
    weight = read_sample_weights(sample_weight, X)
    if not (partial and earlier is not None):  # later parts keep the first one's
        target = target.weigh(settings, y, weight)
    loss = target.complete_loss(settings)
    validation = read_validation(
        estimator, features, target, loss, X_val, y_val, sample_weight_val
    )
    Y = target.encode(y, loss)
    return Reading(
        settings=settings,
        features=features,
        target=target,
        loss=loss,
        table=Table(X, Y, weight),
        cost=target.weigh_rows(Y),
        validation=validation,
        groups=groups,
        given=given,
        given_validation=(X_val, y_val),
        earlier=earlier,
        start=start,
        body=body,
        memory=memory,
    )


def pretrain(estimator, settings, earlier, memory, rows):
    """Return what hidden layers begin with, and the rows that have a label.

    All rows are for the body. Without ``Pretrained`` there is none, and all are kept.

    Parameters
    ----------
    estimator : BaseLossAware
    settings : Settings
    earlier : Fitted or None
        Of a training to go on from, which has a body already.
    memory : Memory
        Of fits on these rows; that of the labelled ones is returned.
    rows : tuple of array-like
        X, y, sample weights and groups; the last two perhaps None.
    """
    if settings.pretrained is None:
        return None, memory, rows
    body = learn_body(settings, *rows[:3]) if earlier is None else None
    labelled = find_labelled(estimator._family, rows[1])
    if labelled is None:
        return body, memory, rows
    some = [own if own is None else safe_indexing(own, labelled) for own in rows]
    return body, memory.recall("labelled", Memory), some


def check_same_problem(features, target, earlier):
    """Raise ValueError unless weights of an earlier fit are of the same shape."""
    target.check_same(earlier.target)
    sizes = features.count, target.task.size
    before = earlier.features.count, earlier.target.task.size
    if target.task != earlier.target.task or sizes != before:
        raise ValueError(
            f"warm_start=True needs the {before[0]} features and {before[1]} "
            f"columns of y of the previous fit, got {sizes[0]} and {sizes[1]}."
        )


def read_validation(estimator, features, target, loss, X_val, y_val, weight):
    """Return the rows that were given for validation, or None."""
    if X_val is None and y_val is None:
        if weight is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")
        return None
    if X_val is None or (y_val is None and target.needs_y):
        raise ValueError("X_val and y_val must be given together.")
    try:
        X, y = target.read_more(estimator, features, X_val, y_val)
        weight = read_sample_weights(weight, X)
        return Table(X, target.encode(y, loss), weight)
    except ValueError as error:
        kind = LossTargetError if isinstance(error, LossTargetError) else ValueError
        raise kind(
            f"In X_val and y_val: {error} Validation data must be as X and y are: "
            f"the same columns, no other classes. In a Pipeline, "
            f"transform_input=['X_val'] has X_val transformed like X."
        ) from error
