"""What a quick model of scikit-learn predicts of rows that it was not trained on.

Evidence on a loss is read off residuals, so the model must follow curves and steps, and
must not see the row: gradient boosting of a few trees, cross-validated on three folds.
"""

from functools import cached_property

import numpy as np
from scipy.sparse import issparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample
from threadpoolctl import threadpool_limits

MOST_ROWS = 2_000  # more hardly change what is read off them
MOST_COLUMNS, COMPONENTS = 200, 50
FOLDS, SEED = 3, 0
# A quarter of the time of 60 trees of scikit-learn's defaults, and as good out-of-fold.
BOOSTING = {
    **{"max_iter": 30, "learning_rate": 0.2, "max_leaf_nodes": 15, "max_bins": 64},
    "random_state": SEED,
}


def draw_rows(X, y, *, stratify=None):
    """Return at most ``MOST_ROWS`` rows of a table and its target, always the same."""
    if len(y) <= MOST_ROWS:
        return X, y
    return resample(
        X, y, replace=False, n_samples=MOST_ROWS, random_state=SEED, stratify=stratify
    )


def reduce_columns(X):
    """Return what makes many or sparse columns few and dense, as a list of steps."""
    n_columns = X.shape[1]
    if issparse(X):
        n_components = min(COMPONENTS, n_columns - 1)
        return [TruncatedSVD(n_components, random_state=SEED)] if n_components else []
    if n_columns <= MOST_COLUMNS:
        return []
    n_components = min(COMPONENTS, len(X) // FOLDS)
    pca = PCA(n_components, random_state=SEED)
    return [SimpleImputer(), StandardScaler(), pca]


def cross_predict(model, X, y, **arguments):
    """Return out-of-fold predictions, made in one thread.

    So few rows need no more, and threads of OpenMP that wait for each other take a
    hundred times as long where other processes have the cores.
    """
    with threadpool_limits(1, user_api="openmp"):
        return cross_val_predict(model, X, y, **arguments)


def predict_probabilities(X, y):
    """Return out-of-fold probabilities, the classes sorted.

    Parameters
    ----------
    X : array-like of shape (n, columns)
        Of numbers, missing ones allowed; dense or sparse.
    y : ndarray of shape (n,)
        At least three rows of each class.
    """
    model = make_pipeline(
        *reduce_columns(X),
        HistGradientBoostingClassifier(**BOOSTING),
    )
    cv = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    return cross_predict(model, X, y, cv=cv, method="predict_proba")


class Baseline:
    """Out-of-fold predictions of a column of numbers, each made when first asked for.

    Parameters
    ----------
    X : array-like of shape (n, columns)
        Of numbers, missing ones allowed; dense or sparse.
    y : ndarray of shape (n,)
    """

    def __init__(self, X, y):
        self.X, self.y = X, y

    def predict(self, target, loss="squared_error"):
        """Return out-of-fold predictions of a target by a loss of boosting."""
        model = make_pipeline(
            *reduce_columns(self.X),
            HistGradientBoostingRegressor(loss=loss, **BOOSTING),
        )
        cv = KFold(FOLDS, shuffle=True, random_state=SEED)
        return cross_predict(model, self.X, target, cv=cv)

    @cached_property
    def mean(self):
        """Conditional means."""
        return self.predict(self.y)

    @cached_property
    def median(self):
        """Conditional medians."""
        return self.predict(self.y, "absolute_error")

    @cached_property
    def positive_mean(self):
        """Conditional means above zero, of a target that is nowhere below."""
        loss = "gamma" if self.y.min() > 0 else "poisson"
        return np.maximum(self.predict(self.y, loss), 1e-3 * self.y.mean())

    @cached_property
    def log_mean(self):
        """Conditional means of the logarithm of a positive target."""
        return self.predict(np.log(self.y))

    @cached_property
    def spread(self):
        """Conditional geometric means of the distance from the mean."""
        distance = np.abs(self.y - self.mean)
        floor = 1e-3 * np.median(distance) + np.finfo(float).tiny
        return np.exp(self.predict(np.log(distance + floor)))
