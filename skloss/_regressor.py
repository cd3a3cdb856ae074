"""``LossAwareRegressor``: a Keras network whose loss is a hyperparameter."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skloss._available import gives_distribution, gives_quantiles
from skloss._base import BaseLossAware
from skloss._targets import target_scale
from skloss._validation import check_choice, check_number
from skloss.losses import Task


class LossAwareRegressor(RegressorMixin, BaseLossAware):
    """Regressor on a Keras network whose loss is a hyperparameter.

    The loss brings the head, the scaling of the target and the link. One or several
    targets.

    Parameters
    ----------
    loss : str, Loss, keras.losses.Loss or callable, default="squared_error"
        A name, a name with knobs such as ``"huber:delta=0.5"``, a loss of
        ``skloss.losses`` or a weighted sum of them, a Keras loss, or a function
        ``f(y_true, y_pred)``, which sees y in the user's units.
    network : tuple of int, MLP or callable, default=(64, 64)
        Hidden layer sizes, an :class:`~skloss.networks.MLP`, or a function that
        returns a Keras model without its output layer.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        A name, also with numbers (``"sgd:momentum=0.9"``), or a template.
    learning_rate : float, default=1e-3
    lr_schedule : str or Schedule, default=None
        For example ``"cosine"`` or ``ReduceLROnPlateau(patience=3)``.
    l1, l2 : float, default=0.0
        Penalties ``l1 * sum|w|`` and ``l2 * sum w^2`` on kernels.
    weight_decay : float, default=0.0
        Decoupled decay of kernels (Loshchilov and Hutter 2019), times the rate.
    dropout : float in [0, 1), default=0.0
        Share of each hidden layer's outputs that a training step drops.
    clip_norm : float, default=None
        Largest global norm of a gradient.
    batch_size : int or "auto", default="auto"
        "auto": 64 up to 1,024 rows, 128 up to 8,192, 256 up to 30,000, 512 up to
        100,000, 1,024 above.
    epochs : int, default=100
    target_transform : "auto" or None, default="auto"
        "auto": networks see y scaled as the loss asks (standardised, by median and
        IQR for robust losses, divided by its mean under a log link); None: as it is.
        Predictions are in the user's units either way.
    early_stopping : bool, default=False
        Stop when the validation score has not improved for ``patience`` epochs, and
        keep the best weights. The score is the mean absolute error of the scaled
        target, or the one that belongs to what the loss elicits.
    validation_fraction : float in (0, 1), default=0.1
        Share set aside for early stopping without ``X_val``.
    patience : int, default=10
    callbacks : list of keras.callbacks.Callback, default=None
        Every fit has copies of its own; a class, or a function without arguments, is
        called for each. Those that act inside an epoch train slower, by ``Model.fit``.
    dtype : {"auto", "float32", "float64"}, default="auto"
        "auto": float64 where one batch holds all rows.
    warm_start : bool, default=False
        Start from the weights of the previous fit.
    random_state : int, RandomState or None, default=None
        Seeds initial weights, batches, dropout and the validation split.
    verbose : int, default=0
        Print progress about once a second.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.
    loss_ : Loss
    loss_parameters_ : dict of str to ndarray
        Trained numbers of the loss that do not depend on X, such as "dispersion" of
        ``NegativeBinomial`` or "log_variance" of ``UncertaintyWeighted``.
    n_epochs_ : int
    history_ : dict of lists
        Per epoch: "loss", "learning_rate" (at its first step), "gradient_norm" (mean
        over steps), and with validation data "val_loss" and the monitored score.
        Losses are in scaled units, without penalties.
    outcome_ : Outcome
    model_ : keras.Model
        Gives what ``predict`` gives.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = LossAwareRegressor(loss="huber", epochs=30, random_state=0)
    >>> bool(make_pipeline(StandardScaler(), net).fit(X, y).score(X, y) > 0.4)
    True
    """

    _family = "regression"

    def __init__(
        self,
        loss="squared_error",
        *,
        network=(64, 64),
        optimizer="adam",
        learning_rate=1e-3,
        lr_schedule=None,
        l1=0.0,
        l2=0.0,
        weight_decay=0.0,
        dropout=0.0,
        clip_norm=None,
        batch_size="auto",
        epochs=100,
        target_transform="auto",
        early_stopping=False,
        validation_fraction=0.1,
        patience=10,
        callbacks=None,
        dtype="auto",
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.loss = loss
        self.network = network
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.lr_schedule = lr_schedule
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.epochs = epochs
        self.target_transform = target_transform
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.callbacks = callbacks
        self.dtype = dtype
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: several targets, positive as the loss asks."""
        tags = super().__sklearn_tags__()
        loss = self._value_object("loss")
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = loss is not None and loss.domain != "real"
        return tags

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the network.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation data; without ``early_stopping`` they are only recorded.

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
        return self._train(self._plan_fit(X, y, sample_weight, *val))

    def _plan_fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        *,
        epochs=None,
    ):
        """Return the job that ``fit`` trains, for ``epochs`` if given."""
        self._check_before()
        earlier = self._earlier()
        X, Y = self._prepare(X, y, reset=True)
        start = self._warm(earlier)
        weight = self._weights(sample_weight, X)
        val = self._validation_table(X_val, y_val, sample_weight_val)
        if val is not None:
            val = (val[0], self._encoded(val[1]), val[2])
        epochs = epochs or self.epochs
        return self._job(X, Y, weight, val, epochs=epochs, start=start)

    def partial_fit(self, X, y, sample_weight=None):
        """Train one more epoch, keeping optimiser state and target scaling.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``

        Returns
        -------
        self
        """
        self._check_before(partial=True)
        first = not hasattr(self, "_result")
        X, Y = self._prepare(X, y, reset=first)
        state = None if first else self._result.state
        seed = None if first else self._seed
        weight = self._weights(sample_weight, X)
        job = self._job(X, Y, weight, None, epochs=1, start=state, seed=seed)
        return self._train(job)

    def _check_before(self, *, partial=False):
        super()._check_before(partial=partial)
        check_choice("target_transform", self.target_transform, ("auto", None))
        self._class_weight = np.ones(1)

    def _earlier(self):
        if not (self.warm_start and hasattr(self, "_result")):
            return None
        return self._task, self._result, self.n_features_in_

    def _warm(self, earlier):
        if earlier is None:
            return None
        task, result, n_features = earlier
        if task != self._task or n_features != self.n_features_in_:
            raise ValueError(
                f"warm_start=True needs the {n_features} features and {task.size} "
                f"targets of the previous fit, got {self.n_features_in_} and "
                f"{self._task.size}."
            )
        return self._warm_state(result)

    def _prepare(self, X, y, *, reset):
        X, y = self._check_table(X, y, reset=reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if reset:
            self._one_target = y.ndim == 1
            self._task = Task("regression", 1 if y.ndim == 1 else y.shape[1])
        return X, self._encoded(y)

    def _encoded(self, y):
        """Return y as float columns inside the loss's domain."""
        Y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        if Y.shape[1] != self._task.size:
            raise ValueError(
                f"y has {Y.shape[1]} targets, but the estimator has {self._task.size}."
            )
        self.loss_.check_target(self._task, Y)
        return Y

    def _scaling(self, Y, weight):
        if self.target_transform is None:
            return super()._scaling(Y, weight)
        return target_scale(Y, self.loss_, weight)

    def predict(self, X):
        """Return the point prediction in the user's units.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        raw = self._raw(X)
        scaled = np.asarray(self.loss_.inverse_link(self._task, raw))
        y = scaled * self._scale + self._loc
        return y[:, 0] if self._one_target else y

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
        raw = np.asarray(self.loss_.split(self._task, self._raw(X)))
        y = self.loss_.predict_quantiles(raw, quantiles, self._loc, self._scale)
        return y[:, 0] if self._one_target else y

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
        check_is_fitted(self)
        raw = np.asarray(self.loss_.split(self._task, self._raw(X)))
        loc, scale = self._loc, self._scale
        if self._one_target:
            raw, loc, scale = raw[:, 0], loc[0], scale[0]
        return self.loss_.distribution(raw, loc, scale)

    def _finish(self, raw):
        """Return the symbolic output of ``model_``."""
        scaled = self.loss_.inverse_link(self._task, raw)
        dtype = str(raw.dtype)
        return scaled * self._scale.astype(dtype) + self._loc.astype(dtype)
