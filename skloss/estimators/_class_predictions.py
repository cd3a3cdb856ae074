"""What a fitted classifier predicts."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skloss.estimators._available import gives_probabilities


class ClassPredictions:
    """Classes, scores and probabilities, by the loss's own link and decision rule."""

    def decision_function(self, X):
        """Return raw scores: positive for ``classes_[1]``, or one column a class.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
        """
        fitted = self._get_fitted()
        return fitted.target.scores(fitted.loss, fitted.raw_outputs(self, X))

    def predict(self, X):
        """Return the class of least weighted risk for each row.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        fitted = self._get_fitted()
        target, raw = fitted.target, fitted.raw_outputs(self, X)
        return target.decide(target.scores(fitted.loss, raw))

    @available_if(gives_probabilities)
    def predict_proba(self, X):
        """Return class probabilities through the loss's own inverse link.

        Class weights are undone: these are probabilities of the data as given.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        """
        fitted = self._get_fitted()
        raw = fitted.raw_outputs(self, X)
        return fitted.target.predict_proba(fitted.loss, raw, fitted.temperature)

    @available_if(gives_probabilities)
    def predict_log_proba(self, X):
        """Return the logarithm of ``predict_proba``."""
        return np.log(self.predict_proba(X))
