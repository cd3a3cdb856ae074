"""What a fit is given, checked and encoded, before anything is decided on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from skloss._engine import TrainingState, Weights
from skloss.estimators._fitted import Fitted
from skloss.estimators._labelled_rows import (
    Others,
    explain_unlabelled,
    find_labelled,
    find_others,
    keep_labelled,
    take_rows,
)
from skloss.estimators._memory import Memory
from skloss.estimators._pretrained import learn_body
from skloss.estimators._settings import Settings
from skloss.estimators._split import Table, read_sample_weights
from skloss.estimators._table import Features, validate_table
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
    others : Others or None
        Rows without a label that train, too.
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
    others: Others | None
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
    **columns,
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
    **columns : dict
        What else the target of the estimator knows of each row.

    Raises
    ------
    ValueError, TypeError
        For data that make no sense, with the remedy.
    """
    goes_on = partial or settings.warm_start
    earlier = estimator.__dict__.get("_fitted") if goes_on else None
    memory, rows = memory or Memory(), (X, y, sample_weight, groups)
    body = pretrain(settings, earlier, rows)
    more = partial and earlier is not None
    known = getattr(earlier.target, "classes", None) if more else classes
    memory, rows, others = separate(estimator, settings, known, memory, rows)
    (X, y, sample_weight, groups), given = rows, tuple(rows[:2])
    if more:
        target, features = earlier.target, earlier.features
        X, y = target.read_more(estimator, features, X, y)
        if classes is not None:
            target.check_known(classes)
        start = earlier.state or earlier.kept_weights
    else:
        columns |= {} if classes is None else {"classes": classes}
        read = estimator._target.read
        features, target, X, y = read(estimator, settings, X, y, memory, **columns)
        start = get_start(features, target, earlier)
    weight = read_sample_weights(sample_weight, X)
    if not more:  # later parts keep the first one's
        target = target.weigh(settings, y, weight)
    loss = target.complete_loss(settings)
    held = drop_unlabelled(settings, target, (X_val, y_val, sample_weight_val))
    Y = target.encode(y, loss)
    return Reading(
        settings=settings,
        features=features,
        target=target,
        loss=loss,
        table=Table(X, Y, weight),
        cost=target.weigh_rows(Y),
        others=others and read_others(estimator, settings, features, loss, *others),
        validation=read_validation(estimator, features, target, loss, *held),
        groups=groups,
        given=given,
        given_validation=held[:2],
        earlier=earlier,
        start=start,
        body=body,
        memory=memory,
    )


def pretrain(settings, earlier, rows):
    """Return what hidden layers begin with, learnt on all rows; perhaps None."""
    if settings.pretrained is None or earlier is not None:
        return None
    return learn_body(settings, *rows[:3])


def separate(estimator, settings, classes, memory, rows):
    """Return the rows that have a label, and those that have none.

    Parameters
    ----------
    estimator : BaseLossAware
    settings : Settings
    classes : array-like or None
        Where they are known.
    memory : Memory
        Of fits on these rows; that of the labelled ones is returned.
    rows : tuple of array-like
        X, y, sample weights and groups; the last two perhaps None.

    Returns
    -------
    memory : Memory
    rows : sequence of array-like
        Of those with a label.
    others : tuple of (sequence of array-like, ndarray, array-like), or None
        The same of those without, their numbers, and the whole y; None where there are
        none, or they do not train.
    """
    label, unlabeled_loss = settings.unlabeled_label, settings.unlabeled_loss
    family = estimator._family
    if family == "regression" and settings.pretrained is None:
        return memory, rows, None
    labelled = find_labelled(family, rows[1], label, classes)
    if labelled is None:
        return memory, rows, None
    if unlabeled_loss is None and settings.pretrained is None:
        raise ValueError(explain_unlabelled(label))
    others = None
    if unlabeled_loss is not None:
        check_lengths(*rows)
        numbers = find_others(labelled, len(rows[1]))
        others = take_rows(rows, numbers), numbers, rows[1]
    memory = memory.recall(("labelled", repr(label)), Memory)
    return memory, take_rows(rows, labelled), others


def check_lengths(X, y, sample_weight, groups):
    """Raise ValueError for rows of which some would be taken by another's label."""
    check_consistent_length(X, y, groups)
    if sample_weight is not None:
        read_sample_weights(sample_weight, X)


def read_others(estimator, settings, features, loss, rows, numbers, y):
    """Return the rows without a label, checked."""
    if not loss.has_probabilities:
        raise LossTargetError(
            f"unlabeled_loss={settings.given['unlabeled_loss']!r} learns from class "
            f"probabilities, and loss={loss!r} has none. Use loss='cross_entropy'."
        )
    X, _, sample_weight, _ = rows
    X = validate_table(estimator, features, X)
    weight = np.zeros(X.shape[0])
    if sample_weight is None or np.any(np.asarray(sample_weight) != 0):
        weight = read_sample_weights(sample_weight, X)
        weight = weight / weight[weight > 0].mean()
    return Others(X, weight, np.asarray(y).reshape(-1), numbers)


def drop_unlabelled(settings, target, held):
    """Return X, y and weights of the validation rows that have a label."""
    if not settings.learns_without_labels or held[1] is None:
        return held
    try:
        return keep_labelled(held, target.classes, settings.unlabeled_label)
    except ValueError as error:
        raise ValueError(f"In X_val and y_val: {error}") from error


def get_start(features, target, earlier):
    """Return the weights of an earlier fit to begin with, or None without one."""
    if earlier is None:
        return None
    check_same_problem(features, target, earlier)
    return earlier.kept_weights


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
