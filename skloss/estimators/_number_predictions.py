"""What a fitted regressor predicts, in the user's units."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skloss._params._checks import check_number
from skloss.estimators._available import gives_distribution, gives_quantiles


class NumberPredictions:
    """Numbers, quantiles and distributions, as the loss allows."""

    def predict(self, X):
        """Return the point prediction in the user's units.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        raw = self._raw_outputs(X)
        return self._fitted.target.predict(self._fitted.loss, raw)

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
        check_is_fitted(self)
        if quantiles is None:
            quantiles = self._trained_levels()
        for level in np.atleast_1d(quantiles).tolist():
            check_number(
                "quantiles", level, low=0, high=1, open_low=True, open_high=True
            )
        raw, fitted = self._raw_outputs(X), self._fitted
        return fitted.target.predict_quantiles(fitted.loss, raw, quantiles)

    def _trained_levels(self):
        """Return the quantiles that were trained, refused where there are none."""
        trained = self.loss_.quantile_levels
        if trained is None:
            raise ValueError(
                f"{self.loss_!r} predicts a distribution, which has all quantiles; "
                f"say which, for example quantiles=(0.05, 0.5, 0.95)."
            )
        if not len(trained):
            raise ValueError(
                f"{self.loss_!r} was trained for no quantile that all targets share. "
                f"Refit with the same levels for every target."
            )
        return trained

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
        check_is_fitted(self)
        check_number("level", level, low=0, high=1, open_low=True, open_high=True)
        ends = np.array([(1 - level) / 2, (1 + level) / 2])
        trained = self.loss_.quantile_levels
        if trained is not None and not all(
            np.isclose(trained, end, rtol=0, atol=1e-9).any() for end in ends
        ):
            raise ValueError(
                f"level={level!r} needs the quantiles {ends[0]:g} and {ends[1]:g}, but "
                f"{self.loss_!r} was trained for {trained.tolist()}. Refit with "
                f"loss=Quantile(({ends[0]:g}, 0.5, {ends[1]:g}))."
            )
        return self.predict_quantiles(X, ends)

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
        raw = self._raw_outputs(X)
        return self._fitted.target.predict_dist(self._fitted.loss, raw)
