"""``LossAwareTransformer``: a Keras network that learns a representation of rows."""

import copy
from dataclasses import replace

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skloss._callbacks._epoch_tasks import with_callbacks
from skloss._params._checks import check_number
from skloss.estimators._arguments import explains_arguments
from skloss.estimators._base import BaseLossAware
from skloss.estimators._density import RowDensities, find_offset
from skloss.estimators._fit_network import fit_network
from skloss.estimators._fitted_attributes import FittedAttribute
from skloss.estimators._representation_target import (
    Y_OPTIONS,
    PairTarget,
    RepresentationTarget,
)


class LossAwareTransformer(
    RowDensities, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseLossAware
):
    """Transformer on a Keras network that learns a representation of the rows.

    A step before any estimator. What rows are to be like each other the loss says: of
    one class (``"contrastive"``, ``"triplet"``, ``"supervised_contrastive"``), of near
    targets (``"target_distance"``), or the same row twice with corrupted features
    (``"info_nce"``), which needs no y. Or a few numbers are to say as much of a row as
    they can: ``"reconstruction"`` is an autoencoder, denoising with ``noise`` or
    ``corruption``, ``"elbo"`` a variational one, which is a density of rows, draws
    samples from it and finds outliers.

    Rows without a label, -1 beside two classes or more, count for what needs none: in
    ``SupervisedContrastive() + 0.3 * InfoNCE()`` for the second term.

    A schedule may stand for any number from ``l1`` to ``weight_averaging``, and of the
    loss, as in :class:`~skloss.LossAwareClassifier`.

    Parameters
    ----------
    loss : str or Loss, default="info_nce"
        A name, a name with knobs such as ``"contrastive:margin=2"``, a
        :class:`~skloss.losses.RepresentationLoss` or a weighted sum of some.
    n_components : int, default=16
        Number of dimensions of the representation.
    contamination : float in (0, 0.5], default=0.1
        Share of the training rows that are to be outliers; for ``"elbo"``, whose
        methods ``predict`` and ``decision_function`` follow scikit-learn's detectors.
    network : tuple of int, MLP, callable or Body, default=(64, 64)
        Hidden layer sizes, an :class:`~skloss.networks.MLP`, or a function that
        returns a Keras model without its output layer; see
        :class:`~skloss.networks.Body`. Autoencoders take sizes or an MLP, whose mirror
        image leads back to the rows.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        A name, also with numbers (``"sgd:momentum=0.9"``), or a template.
    learning_rate : float, default=1e-3
    lr_schedule : str, Schedule, function or Keras schedule, default=None
    l1, l2 : float, default=0.0
        Penalties ``l1 * sum|w|`` and ``l2 * sum w^2`` on kernels.
    weight_decay : float, default=0.0
        Decoupled decay of kernels, times the rate.
    dropout : float in [0, 1), default=0.0
        Share of each hidden layer's outputs that a training step drops, in each view
        anew.
    clip_norm, clip_value : float, default=None
        Largest global norm of a gradient; largest size of each of its elements.
    max_norm : float, default=None
        Largest norm of a hidden unit's incoming weights.
    input_noise : float, default=0.0
        Standard deviation, in units of X, of normal noise on the features, the same in
        all views of a row.
    weight_averaging : float in [0, 1), default=0.0
        Transform, validate and stop by the moving average of the weights.
    batch_size : int or "auto", default="auto"
        Rows that are compared with each other. Those of a class come in pairs, drawn
        anew in each epoch, so that a batch holds two rows of some class. "auto": 64 up
        to 1,024 rows, 128 up to 100,000, 256 above.
    epochs : int, default=100
    early_stopping : bool, default=False
        Stop when the loss of the validation rows has not improved for ``patience``
        epochs, and keep the best weights.
    validation_fraction : float in (0, 1), default=0.1
        Share set aside for early stopping without ``X_val``.
    patience : int, default=10
    validation_scoring : callable, default=None
        A function ``scorer(estimator, X, y)`` that scores the validation rows after
        each epoch; it may call ``estimator.transform(X)``. None: the loss.
    callbacks : list of keras.callbacks.Callback, default=None
    dtype : {"auto", "float32", "float64"}, default="auto"
        "auto": float64 where one batch holds all rows.
    warm_start : bool, default=False
        Start from the weights of the previous fit.
    random_state : int, RandomState or None, default=None
        Seeds initial weights, batches, views, dropout and the validation split.
    record : bool, default=True
        Record each layer's norms for :func:`skloss.inspection.diagnose`.
    verbose : int, default=0

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.
    loss_ : Loss
        Of autoencoders with ``blocks``, the likelihoods of the columns.
    loss_parameters_ : dict of str to ndarray
        Under ``"elbo"`` "log_variance" of the Gaussian columns, standardised.
    offset_ : float
        Only under ``"elbo"``: the log-density below which rows are outliers.
    n_epochs_ : int
    history_ : dict of lists
        Per epoch: "loss", "learning_rate", "gradient_norm", and with validation data
        "val_loss", of views that are the same in every epoch.
    outcome_ : Outcome
    model_ : keras.Model
        Gives what ``transform`` gives.

    Notes
    -----
    A sample weight multiplies all pairs of its row. Only under ``"contrastive"`` and
    ``"target_distance"``, whose pairs hold a row and itself, and ``"reconstruction"``
    is a weight of two the same as a row given twice: the other losses leave out such
    pairs, or corrupt or draw for each row by itself.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skloss import LossAwareTransformer
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> net = LossAwareTransformer("supervised_contrastive", random_state=0)
    >>> pipe = make_pipeline(net.set_params(epochs=20), KNeighborsClassifier())
    >>> bool(pipe.fit(X[:900], y[:900]).score(X[900:], y[900:]) > 0.9)
    True
    """

    _family = "representation"
    _target = RepresentationTarget

    def __init__(
        self,
        loss="info_nce",
        *,
        n_components=16,
        contamination=0.1,
        network=(64, 64),
        optimizer="adam",
        learning_rate=1e-3,
        lr_schedule=None,
        l1=0.0,
        l2=0.0,
        weight_decay=0.0,
        dropout=0.0,
        clip_norm=None,
        clip_value=None,
        max_norm=None,
        input_noise=0.0,
        weight_averaging=0.0,
        batch_size="auto",
        epochs=100,
        early_stopping=False,
        validation_fraction=0.1,
        patience=10,
        validation_scoring=None,
        callbacks=None,
        dtype="auto",
        warm_start=False,
        random_state=None,
        record=True,
        verbose=0,
    ):
        self.loss = loss
        self.n_components = n_components
        self.contamination = contamination
        self.network = network
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.lr_schedule = lr_schedule
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.max_norm = max_norm
        self.input_noise = input_noise
        self.weight_averaging = weight_averaging
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.validation_scoring = validation_scoring
        self.callbacks = callbacks
        self.dtype = dtype
        self.warm_start = warm_start
        self.random_state = random_state
        self.record = record
        self.verbose = verbose

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: whether y is needed, and of which kind."""
        tags = super().__sklearn_tags__()
        loss = self._value_object("loss")
        target = None if loss is None else loss.target
        tags.target_tags.required = target in Y_OPTIONS
        tags.target_tags.multi_output = target == "numbers"
        if loss is not None and loss.has_density:
            tags.estimator_type = "outlier_detector"
        return tags

    @explains_arguments
    @with_callbacks
    def fit(
        self,
        X,
        y=None,
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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Classes or numbers, as the loss asks. -1 beside two other classes or more
            is a row without a label. What a loss does not need it does not look at.
        sample_weight : array-like of shape (n_samples,), default=None
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never on both sides of the split that
            ``early_stopping`` makes.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation data; without ``early_stopping`` they are only recorded.

        Returns
        -------
        self

        Raises
        ------
        LossTargetError
            If y has one class, or no class two rows; if numbers are constant.
        ValueError, TypeError
            Before training, for parameters or data that make no sense.
        """
        check_number(
            "contamination", self.contamination, low=0, high=0.5, open_low=True
        )
        return self._fit_network(
            X,
            y,
            sample_weight,
            groups=groups,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )

    def _finish_fit(self, fitted, X, sample_weight):
        """Return what a fit left, of a density with the bound of outliers."""
        if not fitted.loss.has_density:
            return fitted
        offset = find_offset(self, fitted, X, sample_weight, self.contamination)
        return replace(fitted, target=replace(fitted.target, offset=offset))

    offset_ = FittedAttribute(
        lambda fitted: fitted.target.offset,
        "Log-density below which rows are outliers.",
    )

    def fit_pairs(self, X_left, X_right, similar, sample_weight=None):
        """Fit the network on pairs of rows that are known to be similar, or not.

        Parameters
        ----------
        X_left, X_right : array-like or CSR matrix of shape (n_pairs, n_features)
            The first and the second row of each pair.
        similar : array-like of bool of shape (n_pairs,)
        sample_weight : array-like of shape (n_pairs,), default=None

        Returns
        -------
        self

        Raises
        ------
        LossTargetError
            If the loss says nothing of given pairs; if all are similar, or none.
        """
        reader = copy.copy(self)
        reader._target = PairTarget
        tables = X_left, X_right
        self._fitted = fit_network(reader, tables, similar, sample_weight)
        return self

    def transform(self, X):
        """Return the representation of rows.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Unit vectors for losses of cosines.
        """
        fitted = self._get_fitted()
        return fitted.target.transform(fitted.loss, fitted.raw_outputs(self, X))

    def pair_distance(self, X_left, X_right):
        """Return the Euclidean distance of the representations of pairs of rows.

        Parameters
        ----------
        X_left, X_right : array-like or CSR matrix of shape (n_pairs, n_features)

        Returns
        -------
        ndarray of shape (n_pairs,)
        """
        fitted = self._get_fitted()
        left, right = (
            fitted.target.transform(fitted.loss, fitted.raw_outputs(self, X))
            for X in (X_left, X_right)
        )
        if left.shape != right.shape:
            raise ValueError(
                f"X_left has {len(left)} rows and X_right {len(right)}, but they are "
                f"pairs, row by row."
            )
        return np.linalg.norm(left - right, axis=1)

    @property
    def _n_features_out(self):
        """Return the number of columns, for ``get_feature_names_out``."""
        return self._get_fitted().target.task.n_components
