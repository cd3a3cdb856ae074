"""The average of fitted regressors: the networks of a search's folds."""

from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from skloss.model_selection._fit_arguments import capture_table
from skloss.model_selection._fold_ensemble import FoldEnsemble, all_have
from skloss.model_selection._last_step import get_last_step


class FoldEnsembleRegressor(RegressorMixin, FoldEnsemble):
    """Average of fitted regressors, such as those of the folds of one search.

    It is fitted as it is made; it cannot be fitted again.

    Parameters
    ----------
    estimators : list of fitted LossAwareRegressor, or of pipelines ending in one
    weights : array-like of shape (n_estimators,), default=None
        What each member counts, not negative; by default all count alike.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_validate
    >>> from skloss import LossAwareRegressor
    >>> from skloss.model_selection import FoldEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = LossAwareRegressor("gaussian_nll", network=(16,), epochs=20)
    >>> folds = cross_validate(net, X, y, cv=3, return_estimator=True)
    >>> FoldEnsembleRegressor(folds["estimator"]).predict_interval(X, 0.8).shape
    (442, 2)
    """

    _family, _other = "regression", "Regressor"

    def predict(self, X):
        """Return the mean of the members' predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        return self._average([member.predict(X) for member in self._members()])

    @available_if(all_have("predict_quantiles"))
    def predict_quantiles(self, X, quantiles=None):
        """Return the mean of the members' quantiles, level by level.

        Parameters
        ----------
        X, quantiles : as for ``LossAwareRegressor.predict_quantiles``

        Returns
        -------
        ndarray of shape (n_samples, levels) or (n_samples, n_targets, levels)
        """
        return self._mean_of("predict_quantiles", X, quantiles)

    @available_if(all_have("predict_interval"))
    def predict_interval(self, X, level=0.9):
        """Return the mean of the members' central prediction intervals.

        Parameters
        ----------
        X, level : as for ``LossAwareRegressor.predict_interval``

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
        """
        return self._mean_of("predict_interval", X, level)

    def _mean_of(self, method, X, argument):
        """Return the mean of what a method of the last steps gives."""
        return self._average(
            [
                getattr(get_last_step(member), method)(
                    capture_table(member, X), argument
                )
                for member in self._members()
            ]
        )
