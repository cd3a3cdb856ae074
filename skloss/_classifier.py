"""``LossAwareClassifier``: a Keras network whose loss is a hyperparameter."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skloss import losses
from skloss._available import gives_probabilities
from skloss._base import BaseLossAware
from skloss._calibration import best_temperature, check_calibration, tempered, unseen
from skloss._class_weight import class_weights, row_weights
from skloss._targets import (
    class_order,
    classification_task,
    dense_target,
    encode_classes,
)
from skloss._validation import check_choice
from skloss.losses import _ops as ops


class LossAwareClassifier(ClassifierMixin, BaseLossAware):
    """Classifier on a Keras network whose loss is a hyperparameter.

    The loss brings the head, the target's encoding, the decision rule and the
    probabilities that belong to it. Binary, multiclass and multilabel targets.

    Parameters
    ----------
    loss : str, Loss, keras.losses.Loss or callable, default="cross_entropy"
        A name, a name with knobs such as ``"focal:gamma=3"``, a loss of
        ``skloss.losses`` or a weighted sum of them, a Keras loss, or a function
        ``f(y_true, y_pred)``.
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
    class_weight : dict or "balanced", default=None
        Costs: ``predict`` minimises the weighted risk, ``predict_proba`` remains the
        posterior of the data as given.
    calibration : "temperature" or None, default=None
        "temperature": divide the log-probabilities by the number with which their
        log-loss is lowest (Guo et al. 2017), on the validation rows, or, without any,
        out of fold: five more networks are trained at once. For losses that training
        does not bring to their optimum, such as ``gce`` and ``sce``.
    early_stopping : bool, default=False
        Stop when the validation score has not improved for ``patience`` epochs, and
        keep the best weights. The score is the log-loss (the error rate for losses
        without probabilities), whatever the loss.
    validation_fraction : float in (0, 1), default=0.1
        Share set aside, stratified, for early stopping without ``X_val``.
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
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.
    loss_ : Loss
    temperature_ : float
        What log-probabilities are divided by; 1.0 without calibration.
    n_epochs_ : int
    history_ : dict of lists
        Per epoch: "loss", "learning_rate" (at its first step), "gradient_norm" (mean
        over steps), and with validation data "val_loss" and "val_log_loss" or
        "val_zero_one_loss". Penalties are not part of the losses.
    outcome_ : Outcome
    model_ : keras.Model
        Gives what ``predict_proba`` gives, or the raw scores without probabilities.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> net = LossAwareClassifier(loss="focal", epochs=30, random_state=0)
    >>> bool(make_pipeline(StandardScaler(), net).fit(X, y).score(X, y) > 0.95)
    True
    """

    _family = "classification"

    def __init__(
        self,
        loss="cross_entropy",
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
        class_weight=None,
        calibration=None,
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
        self.class_weight = class_weight
        self.calibration = calibration
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.callbacks = callbacks
        self.dtype = dtype
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: multilabel, and multiclass as the loss allows."""
        tags = super().__sklearn_tags__()
        loss = self._value_object("loss")
        kinds = loss.kinds if loss is not None else losses.ClassificationLoss.kinds
        tags.classifier_tags.multi_class = "multiclass" in kinds
        tags.classifier_tags.multi_label = "multilabel" in kinds
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Losses of ordered classes take the ranks from an ordered pandas
            categorical, else from the sorted classes.
        sample_weight : array-like of shape (n_samples,), default=None
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation data; without ``early_stopping`` they are only recorded.

        Returns
        -------
        self

        Raises
        ------
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
        X, y = self._prepare(X, y, classes=None)
        start = self._warm(earlier)
        weight = self._weights(sample_weight, X)
        self._class_weight = self._weights_of_classes(y, weight)
        val = self._validation_table(X_val, y_val, sample_weight_val)
        if val is not None:
            encoded = encode_classes(dense_target(val[1]), self._task, self._ranked)
            val = (val[0], encoded, val[2])
        Y = encode_classes(y, self._task, self._ranked)
        cost = self._row_weight(Y)
        epochs = epochs or self.epochs
        return self._job(X, Y, weight, val, epochs=epochs, cost=cost, start=start)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one more epoch, keeping the optimiser's state.

        Parameters
        ----------
        X, y : as in ``fit``
        classes : array-like, default=None
            All classes; needed at the first call if ``y`` lacks one.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        self._check_before(partial=True)
        if not hasattr(self, "_result"):
            X, y = self._prepare(X, y, classes)
            state, seed = None, None
        else:
            X, y = self._check_table(X, y, reset=False)
            y = dense_target(y)
            state, seed = self._result.state, self._seed
            if classes is not None and not np.array_equal(
                np.unique(classes), self.classes_
            ):
                raise ValueError(
                    f"classes={list(classes)!r} differ from those of the first call, "
                    f"{self.classes_.tolist()}."
                )
        weight = self._weights(sample_weight, X)
        if state is None:
            self._class_weight = self._weights_of_classes(y, weight)
        Y = encode_classes(y, self._task, self._ranked)
        cost = self._row_weight(Y)
        job = self._job(X, Y, weight, None, epochs=1, cost=cost, start=state, seed=seed)
        return self._train(job)

    def _check_before(self, *, partial=False):
        super()._check_before(partial=partial)
        check_choice("calibration", self.calibration, ("temperature", None))
        self.temperature_ = 1.0  # until the network is trained
        if self.calibration is not None:
            check_calibration(self.calibration, self.loss, self.loss_, partial)

    def _calibrate(self, plan, data):
        """Set the temperature."""
        if self.calibration is None:
            return
        rows, weight, raw = unseen(plan, data, self._raw_of)
        p = self._probabilities(raw)
        self.temperature_ = best_temperature(p, data.Y[rows], weight, self._task)

    def _earlier(self):
        """Return classes, task and result of the previous fit, for warm_start."""
        if not (self.warm_start and hasattr(self, "_result")):
            return None
        return self._ranked, self._task, self._result, self.n_features_in_

    def _warm(self, earlier):
        """Return the state to start from, or refuse another problem."""
        if earlier is None:
            return None
        classes, task, result, n_features = earlier
        if task != self._task or not np.array_equal(classes, self._ranked):
            raise ValueError(
                f"warm_start=True needs the same classes as the previous fit, "
                f"{classes.tolist()}, got {self._ranked.tolist()}."
            )
        if n_features != self.n_features_in_:
            raise ValueError(
                f"warm_start=True needs the {n_features} features of the previous "
                f"fit, got {self.n_features_in_}."
            )
        return self._warm_state(result)

    def _prepare(self, X, y, classes):
        given = y
        X, y = self._check_table(X, y, reset=True)
        y = dense_target(y)
        self._task, self.classes_ = classification_task(y, classes)
        self._ranked = self.classes_  # in the order of the loss's columns
        if self.loss_.ordered and self._task.kind == "multiclass":
            self._ranked = class_order(given, self.classes_)
        if self._task.kind not in self.loss_.kinds:
            raise ValueError(
                f"loss={self.loss!r} is for {' or '.join(self.loss_.kinds)} targets; "
                f"y is {self._task.kind}. Use loss='cross_entropy'."
            )
        return X, y

    def _weights_of_classes(self, y, weight):
        """Return the weight of each class, in the loss's order."""
        return class_weights(self.class_weight, self._task, self._ranked, y, weight)

    def _row_weight(self, Y):
        """Return each row's class weight."""
        return row_weights(self._class_weight, Y, self._task)

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
        if self._task.kind == "multilabel":
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
