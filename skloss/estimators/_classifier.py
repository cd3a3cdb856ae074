"""``LossAwareClassifier``: a Keras network whose loss is a hyperparameter."""

from sklearn.base import ClassifierMixin

from skloss import losses
from skloss.estimators._base import BaseLossAware
from skloss.estimators._class_predictions import ClassPredictions
from skloss.estimators._class_target import ClassTarget
from skloss.estimators._fit_network import fit_network
from skloss.estimators._fitted_attributes import FittedAttribute
from skloss.estimators._labelled_rows import keep_scored
from skloss.estimators._scikeras import Conversions


class LossAwareClassifier(
    ClassPredictions, ClassifierMixin, Conversions, BaseLossAware
):
    """Classifier on a Keras network whose loss is a hyperparameter.

    The loss brings the head, the target's encoding, the decision rule and the
    probabilities that belong to it. Binary, multiclass and multilabel targets.

    A schedule may stand for any number from ``l1`` to ``weight_averaging``, and of the
    loss: ``dropout=0.5 * Cosine()``,
    ``CrossEntropy() + WarmUp(epochs=20) * Brier()``. It gives the number of each
    epoch, ``schedule.values(1.0, epochs)``. Only training sees these: validation and
    predictions see the loss of the last of ``epochs``, also after early stopping.

    Parameters
    ----------
    loss : str, Loss, keras.losses.Loss or callable, default="cross_entropy"
        A name, a name with knobs such as ``"focal:gamma=3"``, a loss of
        ``skloss.losses`` or a weighted sum of them, a Keras loss, or a function
        ``f(y_true, y_pred)``. "auto": what
        :func:`~skloss.model_selection.recommend_losses` finds in the rows of each fit
        without a score, one that gives probabilities; it is ``loss_`` then.
    network : tuple of int, MLP, callable or Body, default=(64, 64)
        Hidden layer sizes, an :class:`~skloss.networks.MLP`, or a function that
        returns a Keras model without its output layer, whose arguments are parameters
        (``network__units``); see :class:`~skloss.networks.Body`.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        A name, also with numbers (``"sgd:momentum=0.9"``), or a template.
    learning_rate : float, default=1e-3
    lr_schedule : str, Schedule, function or Keras schedule, default=None
        For example ``"cosine"``, ``WarmUp(epochs=3) * Step()``, a function of
        ``(epoch, lr)``, or a Keras schedule, whose rates replace ``learning_rate``.
    l1, l2 : float, default=0.0
        Penalties ``l1 * sum|w|`` and ``l2 * sum w^2`` on kernels. Without any, the
        probabilities of 100 epochs are often too sure: try ``l2=1e-3``.
    weight_decay : float, default=0.0
        Decoupled decay of kernels (Loshchilov and Hutter 2019), times the rate.
    dropout : float in [0, 1), default=0.0
        Share of each hidden layer's outputs that a training step drops. In a network
        of your own, what :func:`~skloss.networks.make_dropout` returns drops it.
    clip_norm, clip_value : float, default=None
        Largest global norm of a gradient; largest size of each of its elements.
    max_norm : float, default=None
        Largest norm of a hidden unit's incoming weights, which are scaled back to it
        after a step (Srivastava et al. 2014, Section 5.1).
    input_noise : float, default=0.0
        Standard deviation, in units of X, of normal noise on the features of a training
        row (Bishop 1995). Scale them before. Also on the zeros of a sparse X.
    mixup : float, default=0.0
        Mix each training row with another, the shares drawn from Beta(a, a) once a
        batch (Zhang et al. 2018, Eq. 1), a usually from 0.1 to 1. A mixed row counts as
        both rows' targets, with these shares; "loss" in ``history_`` is that of mixed
        rows.
    weight_averaging : float in [0, 1), default=0.0
        Predict, validate and stop by the moving average of the weights over the steps,
        of this momentum (Kingma and Ba 2015, Section 7.2), usually 0.9 to 0.999.
    batch_size : int or "auto", default="auto"
        "auto": 64 up to 1,024 rows, 128 up to 100,000, 256 above.
    epochs : int, default=100
    class_weight : dict or "balanced", default=None
        Costs: ``predict`` minimises the weighted risk, ``predict_proba`` remains the
        posterior of the data as given.
    unlabeled_loss : str, UnlabelledLoss or None, default=None
        What rows without a label are to teach: "pseudo_label", "consistency",
        "mean_teacher", "entropy", a name with numbers such as
        ``"pseudo_label:threshold=0.9"``, or an object of ``skloss.losses``, by the
        probabilities that belong to ``loss``. Of an epoch each such row is part once,
        and rows with a label as often as makes both about as many. Class weights,
        validation, calibration and ``score`` know labelled rows only; for searches
        there is :class:`~skloss.model_selection.LabelledSplit`. "mean_teacher" averages
        weights by ``weight_averaging``, 0.99 where that is 0.
    unlabeled_label : object, default=-1
        What stands for a missing label in y, a number or a text. Beside one other
        value it is an ordinary class. None: nothing does.
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
    validation_scoring : str or callable, default=None
        A scikit-learn scorer, or a function ``scorer(estimator, X, y)``, that scores
        the validation rows after each epoch, with their weights if it takes weights;
        early stopping and ``ReduceLROnPlateau`` watch it. None: the score above.
    callbacks : list of keras.callbacks.Callback, default=None
        Every fit has copies of its own, ``callbacks_``; a class, or a function without
        arguments, is called for each. Two networks of a search must not write to one
        path. Those that act inside an epoch train slower, by ``Model.fit``.
    dtype : {"auto", "float32", "float64"}, default="auto"
        "auto": float64 where one batch holds all rows.
    warm_start : bool, default=False
        Start from the weights of the previous fit.
    random_state : int, RandomState or None, default=None
        Seeds initial weights, batches, dropout and the validation split.
    record : bool, default=True
        Record each layer's norms and what else :func:`skloss.inspection.diagnose`
        reads, and warn of its first finding.
    verbose : int, default=0
        From 1: a bar in terminals and notebooks, elsewhere a line about once a second.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.
    loss_ : Loss
        The loss that predicts: its schedules have become their last values.
    transduction_ : ndarray of shape (n_samples,)
        The labels of the training rows: as given, and predicted where there was none.
        Only where some had none, and ``unlabeled_loss`` is set.
    temperature_ : float
        What log-probabilities are divided by; 1.0 without calibration.
    n_epochs_ : int
    history_ : dict of lists
        Per epoch: "loss", "learning_rate" (at its first step), "gradient_norm" (mean
        over steps), and with validation data "val_loss" and "val_log_loss" or
        "val_zero_one_loss", or the score that ``validation_scoring`` names, such as
        "val_roc_auc", in its own sign. Penalties are not part of the losses. Numbers
        that are schedules, by name, such as "dropout" or "loss__gamma".
    training_record_ : TrainingRecord
        What ``diagnose`` reads; with ``record=True``.
    callbacks_ : list of keras.callbacks.Callback
        The last fit's own, with what they collected, but without a model. Pickles and
        copies of a fitted estimator lack those that cannot be pickled, and these among
        ``callbacks`` too.
    outcome_ : Outcome
    trained_by_ : str
        Whether the network trained stacked with others, and why not.
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
    _target = ClassTarget

    classes_ = FittedAttribute(lambda f: f.target.classes, "The classes, sorted.")
    transduction_ = FittedAttribute(
        lambda f: f.transduction, "The labels of the training rows."
    )
    temperature_ = FittedAttribute(
        lambda f: f.temperature, "What log-probabilities are divided by."
    )

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
        clip_value=None,
        max_norm=None,
        input_noise=0.0,
        mixup=0.0,
        weight_averaging=0.0,
        batch_size="auto",
        epochs=100,
        class_weight=None,
        unlabeled_loss=None,
        unlabeled_label=-1,
        calibration=None,
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
        self.mixup = mixup
        self.weight_averaging = weight_averaging
        self.batch_size = batch_size
        self.epochs = epochs
        self.class_weight = class_weight
        self.unlabeled_loss = unlabeled_loss
        self.unlabeled_label = unlabeled_label
        self.calibration = calibration
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
        """Return scikit-learn's tags: multilabel, and multiclass as the loss allows."""
        tags = super().__sklearn_tags__()
        loss = self._value_object("loss")
        kinds = loss.kinds if loss is not None else losses.ClassificationLoss.kinds
        tags.classifier_tags.multi_class = "multiclass" in kinds
        tags.classifier_tags.multi_label = "multilabel" in kinds
        return tags

    def score(self, X, y, sample_weight=None):
        """Return the accuracy; of rows without a label none, if they may train.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        rows = keep_scored(self._get_fitted(), (X, y, sample_weight))
        return super().score(*rows)

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
        self._fitted = fit_network(
            self, X, y, sample_weight, partial=True, classes=classes
        )
        return self
