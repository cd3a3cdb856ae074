"""Predictions of rows by networks that were not trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skloss._sklearn import count_rows
from skloss.model_selection._classifier_ensemble import FoldEnsembleClassifier
from skloss.model_selection._fold_votes import get_target, order_class_weights
from skloss.model_selection._regressor_ensemble import FoldEnsembleRegressor


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """What the network of one fold predicts for the rows that test it.

    Attributes
    ----------
    values : ndarray of shape (n, classes), (n, labels), (n,) or (n, targets)
        Probabilities in single precision, or numbers in double, since single would
        round away what is small beside a large mean.
    classes : ndarray of shape (classes,), or None
        Those that the network knows; None but for classes.
    class_weight : ndarray of shape (classes,), or None
    """

    values: np.ndarray
    classes: np.ndarray | None = None
    class_weight: np.ndarray | None = None


def predict_fold(cell, raw, X):
    """Return what a trained cell predicts for its test rows; None where it cannot.

    Parameters
    ----------
    cell : Cell
        Its net is fitted.
    raw : ndarray or None
        The net's raw outputs for these rows, if they are known.
    X : array-like
        The rows, as the whole Pipeline sees them.
    """
    member = cell.estimator
    if raw is not None:
        member, X = cell.with_outputs(raw, "test")
    if cell.net._family == "regression":
        return FoldPredictions(np.asarray(member.predict(X), np.float64))
    if not hasattr(member, "predict_proba"):
        return None
    p = member.predict_proba(X).astype(np.float32)
    if get_target(member).task.kind == "multilabel":
        return FoldPredictions(p)
    return FoldPredictions(p, member.classes_, order_class_weights(member))


@dataclass(frozen=True, eq=False)
class Pooled:
    """What the networks of a candidate predict for all rows that test one of them.

    Of a row that tests several it is the mean.

    Attributes
    ----------
    values : ndarray of shape (tested rows, ...)
    at_cost : ndarray of shape (tested rows, classes)
        Probabilities multiplied by class weights, by which classes are decided;
        elsewhere the same as ``values``.
    """

    values: np.ndarray
    at_cost: np.ndarray

    def select(self, rows):
        """Return these predictions for some rows only."""
        return Pooled(self.values[rows], self.at_cost[rows])


class Pool:
    """Pools predictions of folds, row by row.

    Parameters
    ----------
    splits : list of (train, test)
    y : array-like
        Of all rows.
    classes : ndarray or None
        All classes of y, sorted; None where y holds no classes.

    Attributes
    ----------
    tested : ndarray of int
        Numbers of the rows that test a network, sorted.
    """

    def __init__(self, splits, y, classes):
        self.splits, self.classes = splits, classes
        self.counts = np.zeros(count_rows(y), int)
        for _, test in splits:
            self.counts[test] += 1
        self.tested = np.flatnonzero(self.counts)

    def tests(self, fold):
        """Return which of the tested rows a fold tests, as a mask."""
        return np.isin(self.tested, self.splits[fold][1])

    def choose_others(self, fold):
        """Return which of the tested rows a fold does not test; all where it tests all.

        Parameters
        ----------
        fold : int or None
            None: no fold is left out.
        """
        tests = np.zeros(len(self.tested), bool) if fold is None else self.tests(fold)
        return tests if tests.all() else ~tests

    def join(self, predictions):
        """Return one candidate's predictions for all tested rows.

        Parameters
        ----------
        predictions : list of FoldPredictions

        Returns
        -------
        Pooled
        """
        values = self.average(predictions)
        weights = [own.class_weight for own in predictions]
        if all(weight is None or np.all(weight == 1) for weight in weights):
            return Pooled(values, values)
        return Pooled(values, self.average([weigh(own) for own in predictions]))

    def spread(self, own):
        """Return predictions of all classes; of one that was not known, zero."""
        if self.classes is None or len(own.classes) == len(self.classes):
            return own
        full = np.zeros((len(own.values), len(self.classes)), own.values.dtype)
        full[:, np.searchsorted(self.classes, own.classes)] = own.values
        return FoldPredictions(full, self.classes)

    def average(self, predictions):
        """Return the mean of what folds give for each row that is tested."""
        parts = [own.values for own in map(self.spread, predictions)]
        total = np.zeros((len(self.counts), *parts[0].shape[1:]), np.float64)
        for (_, test), part in zip(self.splits, parts, strict=True):
            np.add.at(total, test, part)
        total = total[self.tested]
        if self.classes is not None:  # what single precision rounded away, too
            return total / total.sum(axis=1, keepdims=True)
        counts = self.counts[self.tested]
        return total / counts.reshape(-1, *[1] * (total.ndim - 1))


def weigh(own):
    """Return probabilities multiplied by the class weights of the network."""
    p = own.values * own.class_weight
    return FoldPredictions(p / p.sum(axis=1, keepdims=True), own.classes)


class KnownClassifier(FoldEnsembleClassifier):
    """An ensemble whose mean probabilities are known: a scorer asks it for nothing.

    Parameters
    ----------
    estimators : list of estimator
        A network of each candidate in it, for their rule of decision.
    classes : ndarray or None
    values, at_cost : ndarray
        See ``Pooled``.
    """

    def __init__(self, estimators, classes, values, at_cost):
        super().__init__(estimators)
        self.classes, self.values, self.at_cost = classes, values, at_cost

    @property
    def classes_(self):
        """All classes of y; of several labels those of the networks."""
        return super().classes_ if self.classes is None else self.classes

    def _mean_probabilities(self, X, *, at_cost):
        return self.at_cost if at_cost else self.values


class KnownRegressor(FoldEnsembleRegressor):
    """An ensemble whose mean predictions are known: a scorer asks it for nothing.

    Parameters
    ----------
    estimators : list of estimator
    values : ndarray
        See ``Pooled``.
    """

    def __init__(self, estimators, values):
        super().__init__(estimators)
        self.values = values

    def predict(self, X):
        """Return the predictions that are known."""
        return self.values
