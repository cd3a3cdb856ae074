"""Classes that some folds lack: scorers that take ``labels`` get those of the whole y.

scikit-learn's search leaves such scorers to guess the classes from a fold's rows, which
fails wherever a fold's training or test rows lack one.
"""

import functools

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from skloss._sklearn import (
    get_scorers_by_name,
    is_multimetric,
    replace_scorers,
    response_methods,
    score_function,
    scorer_with,
    takes_labels,
)
from skloss._warn_user import warn_user

FLOOR = 1e-6  # of a probability, as of the losses' own


class RareClasses:
    """The classes by which folds are scored, and which of them the folds lack.

    Parameters
    ----------
    y : array-like
        Of one class a row.
    splits : list of (train, test)

    Attributes
    ----------
    tested : list of set
        Of each fold the classes of its test rows. What no fold tests need be no class:
        it may stand for a missing label.
    classes : ndarray
        Those of all test rows, sorted.
    unseen : list of set
        Of each fold those that its training rows lack.
    """

    def __init__(self, y, splits):
        y = column_or_1d(y)
        self.tested = [set(y[test]) for _, test in splits]
        self.classes = np.unique(np.concatenate([y[test] for _, test in splits]))
        self.unseen = [set(self.classes) - set(y[train]) for train, _ in splits]

    def warn(self, names):
        """Name the classes that no training row of a fold has.

        Parameters
        ----------
        names : list of str
            Of the scores that this matters to.
        """
        unseen = sorted(set().union(*self.unseen))
        folds = [fold for fold, own in enumerate(self.unseen) if own]
        if unseen:
            warn_user(
                f"The training rows of folds {folds} lack the classes "
                f"{np.array(unseen).tolist()}, whose probability there is 0 (at least "
                f"{FLOOR}) in the scores {names}. Make fewer or stratified folds, or "
                f"join classes.",
                UserWarning,
            )

    def choose_scorer(self, scorer, estimator, fold):
        """Return the scorer for a fold: with all labels, where the fold lacks some.

        Parameters
        ----------
        scorer : callable
        estimator : BaseLossAware
            Fitted on the fold.
        fold : int
        """
        known = getattr(estimator, "classes_", self.classes)
        classes = np.union1d(self.classes, known)
        if self.tested[fold] == set(classes) == set(known):
            return scorer
        if is_multimetric(scorer):
            scorers = get_scorers_by_name(scorer).items()
            own = {
                name: self.give_labels(one, estimator, classes) for name, one in scorers
            }
            return replace_scorers(scorer, own)
        return self.give_labels(scorer, estimator, classes)

    def give_labels(self, scorer, estimator, classes):
        """Return a scorer that knows all classes, if it takes them and can be used."""
        if not takes_labels(scorer):
            return scorer
        has = [name for name in response_methods(scorer) if hasattr(estimator, name)]
        if not has:
            return scorer
        spread = spread_scores if has[0] == "decision_function" else spread_shares
        known = estimator.classes_

        def with_all_classes(function):
            @functools.wraps(function)
            def scored(y, found, **params):
                if len(known) < len(classes):
                    found = spread(known, found, classes)
                return function(y, found, **params)

            return scored

        return scorer_with(scorer, with_all_classes, labels=classes)


def find_rare_classes(scorer, y, splits):
    """Return the RareClasses of a y, and warn; None where no scorer wants labels.

    Parameters
    ----------
    scorer : callable
    y : array-like
    splits : list of (train, test)
    """
    scorers = {None: scorer}
    if is_multimetric(scorer):
        scorers = get_scorers_by_name(scorer)
    names = [
        name or score_function(one).__name__
        for name, one in scorers.items()
        if takes_labels(one)
    ]
    if not names or type_of_target(y) not in ("binary", "multiclass"):
        return None
    rare = RareClasses(y, splits)
    rare.warn(names)
    return rare


def spread_shares(known, p, classes):
    """Return the probabilities of all classes, from those of the known ones."""
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    full = np.zeros((len(p), len(classes)))
    full[:, np.searchsorted(classes, known)] = p
    full = np.maximum(full, FLOOR)
    return full / full.sum(axis=1, keepdims=True)


def spread_scores(known, scores, classes):
    """Return the scores of all classes: of an unknown one below all known."""
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    lowest = np.nextafter(scores.min(axis=1, keepdims=True), -np.inf)
    full = np.repeat(lowest, len(classes), axis=1)
    full[:, np.searchsorted(classes, known)] = scores
    return full
