"""Splits of rows of which some have no label: these always train, and never test."""

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import type_of_target

from skloss._sklearn import safe_indexing
from skloss.estimators._labelled_rows import UNLABELLED, check_label, find_labelled


class LabelledSplit:
    """A splitter that scores labelled rows alone, and lets all others train.

    For every search and cross-validation of scikit-learn and skloss whose estimator
    learns from rows without a label: ``unlabeled_loss=...``,
    ``network=Pretrained(...)``, a ``LossAwareTransformer`` before another step,
    scikit-learn's semi-supervised ones. The labelled rows are split by another
    splitter; to each of its training parts are added all rows without a label.

    Parameters
    ----------
    cv : int or splitter, default=5
        Of the labelled rows; a number is of folds, stratified where y holds classes.
    unlabeled_label : object, default=-1
        What stands for a missing class, beside two classes or more; a missing number
        is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from skloss.model_selection import LabelledSplit
    >>> y = np.array([0, 1, 0, 1, -1, -1])
    >>> for train, test in LabelledSplit(2).split(np.zeros((6, 1)), y):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 4 5] [2 3]
    """

    def __init__(self, cv=5, *, unlabeled_label=UNLABELLED):
        self.cv = cv
        self.unlabeled_label = unlabeled_label

    def __repr__(self):
        default = self.unlabeled_label is UNLABELLED
        more = "" if default else f", unlabeled_label={self.unlabeled_label!r}"
        return f"LabelledSplit({self.cv!r}{more})"

    def split(self, X, y, groups=None):
        """Yield the numbers of the rows that train, and of those that test.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        groups : array-like of shape (n_samples,), default=None

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            If y is not given.
        """
        cv, rows = self._read(y)
        own = [part if part is None else safe_indexing(part, rows) for part in (X, y)]
        groups = None if groups is None else safe_indexing(groups, rows)
        others = np.setdiff1d(np.arange(len(y)), rows)
        for train, test in cv.split(*own, groups):
            yield np.sort(np.concatenate([rows[train], others])), rows[test]

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits."""
        if y is None:
            return check_cv(self.cv).get_n_splits()
        cv, rows = self._read(y)
        own = [None if part is None else safe_indexing(part, rows) for part in (X, y)]
        groups = None if groups is None else safe_indexing(groups, rows)
        return cv.get_n_splits(*own, groups)

    def _read(self, y):
        """Return the splitter of the labelled rows, and their numbers."""
        if y is None:
            raise ValueError(f"{self!r} needs y: it says which rows have a label.")
        numbers = np.asarray(y).dtype.kind == "f" and is_continuous(y)
        check_label(self.unlabeled_label)
        family = "regression" if numbers else "classification"
        rows = find_labelled(family, y, self.unlabeled_label)
        if rows is None:
            rows = np.arange(len(y))
        labelled = safe_indexing(y, rows)
        return check_cv(self.cv, labelled, classifier=not numbers), rows


def is_continuous(y):
    """Tell whether y holds numbers: some of them missing, or no whole ones."""
    y = np.asarray(y)
    known = y[~np.isnan(y).reshape(len(y), -1).any(axis=1)]
    return len(known) < len(y) or type_of_target(known).startswith("continuous")
