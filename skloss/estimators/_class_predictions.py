"""From raw outputs to classes and honest probabilities."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skloss.estimators._available import gives_probabilities
from skloss.estimators._calibration import tempered
from skloss.losses._core import _ops as ops


class ClassPredictions:
    """What a fitted classifier predicts, by the loss's own link and decision rule."""

    def _columns(self):
        """Return where the loss has the columns of ``classes_``."""
        return np.argsort(self._ranked)

    def decision_function(self, X):
        """Return raw scores: positive for ``classes_[1]``, or one column a class.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
        """
        raw = self._raw(X)
        scores = np.asarray(self.loss_.scores(self._task, raw))
        if self._task.kind == "binary":
            return scores[:, 0]
        return scores[:, self._columns()]

    def predict(self, X):
        """Return the class of least weighted risk for each row.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        scores = self.decision_function(X)
        if self._task.kind == "multilabel":
            return (scores > 0).astype(int)
        code = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        return self.classes_[code]

    @available_if(gives_probabilities)
    def predict_proba(self, X):
        """Return class probabilities through the loss's own inverse link.

        Class weights are undone: these are probabilities of the data as given.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        """
        p = self._probabilities(self._raw(X))
        p = np.asarray(tempered(p, self.temperature_, self._task))
        return p if self._task.kind == "multilabel" else p[:, self._columns()]

    def _probabilities(self, raw):
        """Return probabilities in the loss's order, class weights undone."""
        p = np.asarray(self.loss_.inverse_link(self._task, raw))
        if self._task.kind == "multilabel" or np.all(self._class_weight == 1):
            return p
        p = p / self._class_weight
        return p / p.sum(axis=1, keepdims=True)

    @available_if(gives_probabilities)
    def predict_log_proba(self, X):
        """Return the logarithm of ``predict_proba``."""
        return np.log(self.predict_proba(X))

    def _finish(self, raw):
        """Return the symbolic output of ``model_``."""
        if not self.loss_.has_probabilities:
            return raw
        p = self.loss_.inverse_link(self._task, raw)
        if not np.all(self._class_weight == 1):
            p = p * (1 / self._class_weight).astype(p.dtype)
            p = p / ops.sum(p, axis=-1, keepdims=True)
        p = tempered(p, self.temperature_, self._task)
        if self._ranked is self.classes_:
            return p
        return ops.take(p, self._columns(), axis=-1)
