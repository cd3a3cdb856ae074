"""What the estimators share: ``fit``, and what scikit-learn asks of an estimator."""

import copy
from dataclasses import replace
from typing import ClassVar

from sklearn.utils.validation import check_is_fitted

from skloss._callbacks._callback_copies import select_picklable
from skloss._callbacks._epoch_tasks import (
    CallbackSupportMixin,
    EpochTasks,
    with_callbacks,
)
from skloss.estimators._arguments import explains_arguments
from skloss.estimators._fit_network import fit_network
from skloss.estimators._fitted_attributes import FittedAttributes
from skloss.estimators._nested import NestedParams


class BaseLossAware(FittedAttributes, CallbackSupportMixin, NestedParams):
    """Base class of the estimators.

    A subclass says what it predicts: ``_target``, the class that reads y.
    """

    # Splitters ask for groups too. Who splits by them need not say each time that
    # the validation rows of early stopping are not to be; ``set_fit_request`` says so.
    __metadata_request__fit: ClassVar = {"groups": False}
    _target = None

    def __sklearn_tags__(self):
        """Return scikit-learn's tags, as the loss allows."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @explains_arguments
    @with_callbacks
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        groups=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the network.

        A fit that fails leaves the estimator as it was.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Losses of ordered classes take the ranks from an ordered pandas
            categorical, else from the sorted classes.
        sample_weight : array-like of shape (n_samples,), default=None
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never on both sides of the split that
            ``early_stopping`` makes. With metadata routing, they come here from a
            search over grouped folds only after ``set_fit_request(groups=True)``.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation data; without ``early_stopping`` they are only recorded. In a
            Pipeline, ``transform_input=["X_val"]`` has the earlier steps transform
            them (scikit-learn >= 1.6, with metadata routing).

        Returns
        -------
        self

        Raises
        ------
        LossTargetError
            If y is outside the loss's domain.
        ValueError, TypeError
            Before training, for parameters or data that make no sense.
        """
        return self._fit_network(
            X,
            y,
            sample_weight,
            groups=groups,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )

    def _fit_network(self, X, y, sample_weight, **data):
        """Fit the network, and tell scikit-learn's callbacks of it."""
        tasks = EpochTasks(self, X, y, sample_weight)
        fitted = fit_network(self, X, y, sample_weight, **data, tasks=tasks)
        self._fitted = self._finish_fit(fitted, X, sample_weight)
        tasks.end()
        return self

    def _finish_fit(self, fitted, X, sample_weight):
        """Return what a fit left, with what an estimator adds to it."""
        return fitted

    def _get_fitted(self):
        """Return what the fit left.

        A prediction asks once and goes on with the answer: a fit in another thread may
        put another one in its place meanwhile, and two must not be mixed.
        """
        fitted = self.__dict__.get("_fitted")
        if fitted is None:
            check_is_fitted(self)  # raises; asked each time, its tags take long
        return fitted

    def to_keras(self):
        """Return the fitted network, head and link included, as a new Keras model.

        It shares nothing with the estimator: train it, change it, or save it, which
        Keras loads without skloss.

        Returns
        -------
        keras.Model
            Not compiled. Takes the features, in the estimator's ``dtype``, and gives
            what ``predict_proba`` gives, or ``decision_function`` without
            probabilities; of a regressor what ``predict`` gives, in float64 where
            float32 would not resolve it (a y near 1e8 that varies by 1).

        See Also
        --------
        skloss.to_keras : Takes a Pipeline, or an ensemble of a search, too.
        """
        return self._get_fitted().export()

    def __getstate__(self):
        """Leave out callbacks that hold open files, locks or lambdas, once fitted.

        What predicts must travel. Before, nothing may get lost that ``fit`` would call.
        """
        state = dict(super().__getstate__())
        if "_fitted" in state:
            fitted = state["_fitted"]
            callbacks = select_picklable(fitted.callbacks)
            state["_fitted"] = replace(fitted, callbacks=callbacks)
            state["callbacks"] = select_picklable(state["callbacks"])
        return state

    def __copy__(self):
        """Share everything, callbacks that cannot be pickled too."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied


def with_fitted(estimator, fitted):
    """Return a copy of an estimator that holds what another fit, or view, left."""
    view = copy.copy(estimator)
    view._fitted = fitted
    return view
