"""What a fitted multi-task network predicts, and its heads as estimators."""

import copy

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skloss._engine import select_outputs
from skloss.estimators._columns import columns_of


def any_probabilities(net):
    """Tell whether a head gives probabilities; explain where none does."""
    if any(
        getattr(head.as_object(), "has_probabilities", False)
        for _, head in net._pairs()
    ):
        return True
    raise AttributeError(
        "No head predicts classes with a loss that gives probabilities, so there is "
        "no predict_proba."
    )


class HeadPredictions:
    """Predictions of all heads, from one forward pass."""

    # -- the heads -----------------------------------------------------------------

    def _head(self, name, raw_of):
        """Return a head that reads its columns of the raw outputs of all."""
        check_is_fitted(self)
        place = self.loss_.places()[list(self._heads).index(name)]
        view = copy.copy(self._heads[name])
        view._raw = lambda X: raw_of(X)[:, place]
        view._result = None  # fitted, in the eyes of scikit-learn
        return view

    def _each(self, X, call):
        """Return ``call(head)`` by name, for heads that know their raw outputs of X."""
        raw = self._raw(X)
        return {name: call(self._head(name, lambda _: raw)) for name in self._heads}

    @property
    def named_estimators_(self):
        """The heads by name: fitted estimators on the shared body."""
        check_is_fitted(self)
        if "_named" not in self.__dict__:
            places = dict(zip(self._heads, self.loss_.places(), strict=True))
            self._named = Bunch(**{n: self._alone(n, p) for n, p in places.items()})
        return self._named

    def _alone(self, name, place):
        """Return a head with weights of its own: the body's and its outputs'."""
        head, result = copy.copy(self._heads[name]), copy.copy(self._result)
        n_raw = self.loss_.n_raw(self._task)
        result.weights = select_outputs(
            self._network, self.n_features_in_, result.weights, n_raw, place
        )
        result.trained_by = f"as head {name!r} of several: {result.trained_by}"
        result.layers, result.curve = {}, []
        result.state = self._warm_state(result)
        head._keep(result, self, self._seed)
        return head

    # -- predicting ----------------------------------------------------------------

    def predict(self, X):
        """Return each head's prediction.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_heads)
            As y was in ``fit``, its columns in the same order. An array is of objects
            where some heads predict strings and some numbers.
        """
        found = self._each(X, lambda head: head.predict(X))
        return self._container.filled(found, X)

    @available_if(any_probabilities)
    def predict_proba(self, X):
        """Return class probabilities of the heads whose losses give them.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_classes)
        """
        found = self._each(
            X, lambda h: h.predict_proba(X) if hasattr(h, "predict_proba") else None
        )
        return {name: p for name, p in found.items() if p is not None}

    def score(self, X, y, sample_weight=None):
        """Return the mean over the heads of accuracy (classes) and R2 (numbers).

        Parameters
        ----------
        X, y : as in ``fit``
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        found = self._each(X, lambda head: head)
        columns = columns_of(y, list(found))
        scores = [h.score(X, columns[n], sample_weight) for n, h in found.items()]
        return float(np.mean(scores))

    def _finish(self, raw):
        """Return the symbolic outputs of ``model_`` by head."""
        pieces = zip(self._heads.items(), self.loss_.pieces(raw), strict=True)
        return {name: head._finish(own) for (name, head), own in pieces}
