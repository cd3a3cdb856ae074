"""``fit``: what surrounds the training of one network."""

from typing import ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length

from skloss._callbacks._epoch_tasks import (
    CallbackSupportMixin,
    EpochTasks,
    with_callbacks,
)
from skloss._warn_once import warn_once
from skloss.estimators._arguments import explains_arguments
from skloss.estimators._callback_plan import with_callbacks as with_keras_callbacks
from skloss.estimators._job import set_aside
from skloss.estimators._validation_scorer import Judge
from skloss.exceptions import IneffectiveParameterWarning, LossTargetError


class Fit(CallbackSupportMixin):
    """The ``fit`` of all estimators."""

    # Splitters ask for groups too. Who splits by them need not say each time that
    # the validation rows of early stopping are not to be; ``set_fit_request`` says so.
    __metadata_request__fit: ClassVar = {"groups": False}

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
        val = X_val, y_val, sample_weight_val
        job = self._plan_fit(X, y, sample_weight, *val, groups=groups)
        tasks = EpochTasks(self, job, X, y, sample_weight)
        self._train(job)
        tasks.end()
        return self

    def _plan_fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        *,
        groups=None,
        epochs=None,
    ):
        """Return the job that ``fit`` trains, for ``epochs`` if given."""
        val = X_val, y_val, sample_weight_val
        epochs = epochs or self.epochs
        job = self._job_of_fit(X, y, sample_weight, val, groups=groups, epochs=epochs)
        stream = job.data.streams[0]
        held = stream.val_rows
        if self.validation_scoring is not None and len(held):
            if X_val is None:
                X_val, y_val = _safe_indexing(X, held), _safe_indexing(y, held)
            y_val = y_val.toarray() if issparse(y_val) else y_val
            scorer = Judge(self, X_val, y_val, stream.val_weight)
            job.plan.members[0].scorer = scorer
        return with_keras_callbacks(self, job)

    def _validation_rows(self, Y, weight, given, groups, rng):
        """Return row numbers for training and for validation (of the stacked table)."""
        check_consistent_length(weight, groups)
        if not given and self.early_stopping:
            fraction = self.validation_fraction
            Y, kind = self._stratum(Y)
            return set_aside(Y, weight, fraction, kind, rng, groups)
        if groups is not None:
            warn_once(
                "groups has no effect: they keep together rows that early stopping "
                "sets aside. Set early_stopping=True, or leave out groups or X_val.",
                IneffectiveParameterWarning,
            )
        rows = np.flatnonzero(weight > 0)
        return rows, np.arange(len(weight), len(Y) if given else len(weight))

    def _stratum(self, Y):
        """Return the encoded target whose classes are stratified, and its kind."""
        return Y, self._task.kind

    def _validation_table(self, X_val, y_val, sample_weight_val):
        """Return validated X_val, encoded y_val and weights, or None."""
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val was given without X_val and y_val.")
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val must be given together.")
        try:
            X_val, y_val = self._check_table(X_val, y_val, reset=False)
            weight = self._weights(sample_weight_val, X_val)
            return X_val, self._encoded(y_val), weight
        except ValueError as error:
            kind = LossTargetError if isinstance(error, LossTargetError) else ValueError
            raise kind(
                f"In X_val and y_val: {error} Validation data must be as X and y are: "
                f"the same columns, no other classes. In a Pipeline, "
                f"transform_input=['X_val'] has X_val transformed like X."
            ) from error
