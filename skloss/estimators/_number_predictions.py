"""What a fitted regressor predicts, in the user's units."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skloss._params._checks import check_number
from skloss.estimators._available import gives_distribution, gives_quantiles
from skloss.estimators._fitted import Fitted
from skloss.losses import Loss


class NumberPredictions:
    """Numbers, quantiles and distributions, as the loss allows."""

    def predict(self, X):
        """Return the point prediction in the user's units.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        fitted = self._get_fitted()
        return fitted.target.predict(fitted.loss, fitted.raw_outputs(self, X))

    @available_if(gives_quantiles)
    def predict_quantiles(self, X, quantiles=None):
        """Return predicted quantiles in the user's units, in the order asked for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        quantiles : float or tuple of float in (0, 1), default=None
            Among the trained levels for ``loss=Quantile(...)``, all of them by
            default; any for a distribution. ``PerTarget(...)`` needs losses that all
            give quantiles; by default those that every target was trained for.

        Returns
        -------
        ndarray of shape (n_samples, levels) or (n_samples, n_targets, levels)
        """
        fitted = self._get_fitted()
        if quantiles is None:
            quantiles = get_trained_levels(fitted.loss)
        for level in np.atleast_1d(quantiles).tolist():
            check_number(
                "quantiles", level, low=0, high=1, open_low=True, open_high=True
            )
        return predict_quantiles(self, fitted, X, quantiles)

    @available_if(gives_quantiles)
    def predict_interval(self, X, level=0.9):
        """Return central prediction intervals in the user's units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        level : float in (0, 1), default=0.9
            Nominal coverage. For ``loss=Quantile(...)`` both of its ends,
            ``(1 - level) / 2`` and ``(1 + level) / 2``, must have been trained.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
        """
        fitted = self._get_fitted()
        check_number("level", level, low=0, high=1, open_low=True, open_high=True)
        ends = np.array([(1 - level) / 2, (1 + level) / 2])
        trained = fitted.loss.quantile_levels
        if trained is not None and not all(
            np.isclose(trained, end, rtol=0, atol=1e-9).any() for end in ends
        ):
            raise ValueError(
                f"level={level!r} needs the quantiles {ends[0]:g} and {ends[1]:g}, but "
                f"{fitted.loss!r} was trained for {trained.tolist()}. Refit with "
                f"loss=Quantile(({ends[0]:g}, 0.5, {ends[1]:g}))."
            )
        return predict_quantiles(self, fitted, X, ends)

    @available_if(gives_distribution)
    def predict_dist(self, X):
        """Return the predicted distribution of each row in the user's units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        frozen distribution of ``scipy.stats``
            Of shape (n_samples,) or (n_samples, n_targets): ``.mean()``, ``.ppf(0.9)``,
            ``.logpdf(y)`` and so on work row by row.
        """
        fitted = self._get_fitted()
        return fitted.target.predict_dist(fitted.loss, fitted.raw_outputs(self, X))


def predict_quantiles(estimator, fitted: Fitted, X, quantiles) -> np.ndarray:
    """Return quantiles, each in (0, 1), of what a fit left."""
    raw = fitted.raw_outputs(estimator, X)
    return fitted.target.predict_quantiles(fitted.loss, raw, quantiles)


def get_trained_levels(loss: Loss) -> np.ndarray:
    """Return the quantiles that a loss trains, refused where there are none."""
    trained = loss.quantile_levels
    if trained is None:
        raise ValueError(
            f"{loss!r} predicts a distribution, which has all quantiles; "
            f"say which, for example quantiles=(0.05, 0.5, 0.95)."
        )
    if not len(trained):
        raise ValueError(
            f"{loss!r} was trained for no quantile that all targets share. "
            f"Refit with the same levels for every target."
        )
    return trained
