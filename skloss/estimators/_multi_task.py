"""``LossAwareMultiTask``: one body, several heads, the sum of their losses."""

from typing import ClassVar

from skloss.estimators._base import BaseLossAware
from skloss.estimators._classifier import LossAwareClassifier
from skloss.estimators._head_params import HeadParams
from skloss.estimators._head_predictions import HeadPredictions
from skloss.estimators._joint_target import JointTarget
from skloss.estimators._regressor import LossAwareRegressor


class LossAwareMultiTask(HeadPredictions, HeadParams, BaseLossAware):
    """One network for several targets: shared layers, and a head with a loss for each.

    The losses of the heads, times their weights, are added and trained together
    (Caruana 1997). Each head has the encoding, scaling, probabilities and rule of
    prediction that its loss brings to a :class:`LossAwareClassifier` or
    :class:`LossAwareRegressor`.

    Parameters
    ----------
    heads : list of (str, ClassificationHead or RegressionHead)
        The name is that of the column of y, and of the parameters: ``churn__loss``,
        ``churn__loss__gamma``, ``spend__weight``. The weights are factors on the means
        of the losses, of scaled targets, in the sum that is minimised.
    loss_weights : "uncertainty" or None, default=None
        "uncertainty": minimise ``sum_j c_j exp(-s_j) L_j + s_j / 2`` with a trained
        s_j for each head, and c_j = 1 for classes and 1/2 for numbers (Kendall, Gal and
        Cipolla 2018, Eqs. 7 and 10, with s = log sigma^2), in place of the heads'
        weights, which must be 1.
    network : tuple of int, MLP, callable or Body, default=(64, 64)
        The shared layers, without output layer, as for
        :class:`LossAwareClassifier`. So are the parameters below, where nothing else
        is said.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
    learning_rate : float, default=1e-3
    lr_schedule : str, Schedule, function or Keras schedule, default=None
    l1, l2, weight_decay : float, default=0.0
        Of all kernels, those of the heads included.
    dropout : float in [0, 1), default=0.0
    clip_norm, clip_value, max_norm : float, default=None
    input_noise, mixup : float, default=0.0
    weight_averaging : float in [0, 1), default=0.0
    batch_size : int or "auto", default="auto"
    epochs : int, default=100
    early_stopping : bool, default=False
        The score is the weighted mean of the scores that the heads' losses have alone:
        log-loss (or error rate) and mean absolute error of the scaled target.
    validation_fraction : float in (0, 1), default=0.1
        Share set aside, stratified by the first head that predicts classes.
    patience : int, default=10
    validation_scoring : callable, default=None
        A function ``scorer(estimator, X, y)``, such as
        :func:`~skloss.model_selection.head_scorer`, that scores the validation rows
        after each epoch. None: the score above.
    callbacks : list of keras.callbacks.Callback, default=None
    dtype : {"auto", "float32", "float64"}, default="auto"
    warm_start : bool, default=False
    random_state : int, RandomState or None, default=None
    record : bool, default=True
    verbose : int, default=0

    Attributes
    ----------
    named_estimators_ : Bunch
        Each head by name: a fitted :class:`LossAwareClassifier` or
        :class:`LossAwareRegressor` with a copy of the shared layers and its own output
        layer. It has these parameters and can be cloned, which gives the network of
        this one task; ``history_`` and ``n_epochs_`` are those of the common training.
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.
    loss_parameters_ : dict of str to float or ndarray
        Trained numbers that do not depend on X, such as "churn__log_variance".
    n_epochs_, history_, training_record_, callbacks_, outcome_, trained_by_
        As in :class:`LossAwareRegressor`; "loss" is the sum that is minimised.
    model_ : keras.Model
        Gives a dict of what the heads' ``model_`` give.

    Notes
    -----
    A target has no class weights: they would weigh the rows for all heads; use
    ``sample_weight``, which does. Rows with a missing target are refused. Folds are
    not stratified; ``cv=list(StratifiedKFold(5).split(X, y["churn"]))`` does it.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import ClassificationHead, LossAwareMultiTask, RegressionHead
    >>> X, progression = load_diabetes(return_X_y=True)
    >>> y = pd.DataFrame({"progression": progression, "severe": progression > 200})
    >>> heads = [("severe", ClassificationHead()), ("progression", RegressionHead())]
    >>> net = LossAwareMultiTask(heads, epochs=30, random_state=0)
    >>> model = make_pipeline(StandardScaler(), net).fit(X, y)
    >>> list(model.predict(X).columns)
    ['progression', 'severe']
    >>> bool(model.score(X, y) > 0.6)
    True
    """

    _target = JointTarget
    _kinds: ClassVar = {
        "classification": LossAwareClassifier,
        "regression": LossAwareRegressor,
    }

    def __init__(
        self,
        heads,
        *,
        loss_weights=None,
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
        self.heads = heads
        self.loss_weights = loss_weights
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
        """Return scikit-learn's tags: y has columns, also where it is one."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags
