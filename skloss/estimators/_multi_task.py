"""``LossAwareMultiTask``: one body, several heads, the sum of their losses."""

from contextlib import contextmanager

import numpy as np
from sklearn.base import clone

from skloss._params._checks import check_choice
from skloss.estimators import _varying as annealing
from skloss.estimators._base import BaseLossAware
from skloss.estimators._classifier import LossAwareClassifier
from skloss.estimators._columns import Container, check_names, columns_of
from skloss.estimators._head_params import HeadParams
from skloss.estimators._head_predictions import HeadPredictions
from skloss.estimators._heads import Head
from skloss.estimators._regressor import LossAwareRegressor
from skloss.estimators._table import validated_table
from skloss.exceptions import LossTargetError
from skloss.losses import Task
from skloss.losses._core._multi_task_loss import (
    InUserUnits,
    MultiTaskLoss,
    UncertaintyWeightedTasks,
)

KINDS = {"classification": LossAwareClassifier, "regression": LossAwareRegressor}
OWN = ("heads", "loss_weights", "callbacks", "validation_scoring")


@contextmanager
def in_head(name):
    """Say of which head an error is."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"Head {name!r}: {error}") from error


def prepared(estimator, X, column):
    """Return a head's encoded target, and what its columns stand for.

    Parameters
    ----------
    estimator : LossAwareClassifier or LossAwareRegressor
        Learns its classes and features.
    X : array-like of shape (n, features)
    column : array-like of shape (n,)
    """
    if estimator._family == "regression":
        estimator._class_weight = np.ones(1)
        return estimator._prepare(X, column, reset=True)[1], ["a number"]
    estimator.temperature_ = 1.0
    _, y = estimator._prepare(X, column, classes=None)
    estimator._class_weight = np.ones(len(estimator.classes_))
    return estimator._encoded(y), estimator._ranked


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

    # -- fitting -------------------------------------------------------------------

    def _check_loss(self):
        """Make an estimator for each head, refused where it cannot be one."""
        if not isinstance(self.heads, list | tuple) or not self.heads:
            raise TypeError(
                f"heads={self.heads!r} must be a list of (name, head), such as "
                f"[('churn', ClassificationHead()), ('spend', RegressionHead())]."
            )
        for pair in self.heads:
            if not (
                isinstance(pair, list | tuple)
                and len(pair) == 2
                and isinstance(pair[1], Head)
            ):
                raise TypeError(
                    f"heads: {pair!r} must be a pair of a name and a "
                    f"ClassificationHead or RegressionHead."
                )
        check_names([name for name, _ in self.heads], super().get_params(deep=False))
        shared = self.get_params(deep=False)
        shared = {name: value for name, value in shared.items() if name not in OWN}
        self._planned, self._curves = {}, annealing.curves_of(self)
        for name, head in self.heads:
            with in_head(name):
                head.check()
                own = clone(head).get_params(deep=False)
                weight = own.pop("weight")
                estimator = KINDS[head.family](**own, **shared)
                estimator._check_loss()
                changing = annealing.of_head(estimator, weight)
            self._planned[name] = estimator
            self._curves |= {f"loss__{name}__{k}": c for k, c in changing.items()}
        self._check_weights()
        self._check_scoring()

    def _check_weights(self):
        check_choice("loss_weights", self.loss_weights, (None, "uncertainty"))
        weights = {name: head.weight for name, head in self.heads}
        if not any(weights.values()):
            raise ValueError(
                f"The weights of all heads are zero, {weights}, so there is nothing to "
                f"train; give at least one a positive weight."
            )
        if self.loss_weights is None:
            return
        for name, head in self.heads:
            loss = self._planned[name].loss_
            if head.weight != 1:
                raise ValueError(
                    f"weight={head.weight!r} of head {name!r} has no effect with "
                    f"loss_weights='uncertainty', which trains the weights. Leave it "
                    f"at 1.0, or set loss_weights=None."
                )
            if not (loss.decomposable and loss.nonnegative):
                raise LossTargetError(
                    f"loss={head.loss!r} of head {name!r} can be negative, or has no "
                    f"value for each row, so that loss_weights='uncertainty' cannot "
                    f"weigh it. Choose another loss, or set loss_weights=None."
                )

    def _check_scoring(self):
        classes = [n for n, head in self.heads if head.family == "classification"]
        if classes and isinstance(self.validation_scoring, str):
            raise ValueError(
                f"validation_scoring={self.validation_scoring!r} scores one kind of "
                f"target. Say of which head, for example head_scorer({classes[0]!r}, "
                f"{self.validation_scoring!r}) of skloss.model_selection."
            )

    def _job_of_fit(self, X, y, sample_weight, val, *, groups, epochs):
        """Return the job that ``fit`` trains, without a judge."""
        self._check_before()
        earlier = self._earlier()
        X, Y = self._prepare(X, y)
        start = self._warm(earlier)
        weight = self._weights(sample_weight, X)
        val = self._validation_table(*val)
        return self._job(X, Y, weight, val, epochs=epochs, groups=groups, start=start)

    def _prepare(self, X, y):
        """Return X and the encoded columns of all heads, side by side."""
        table = validated_table(self, X)
        heads = self._planned
        columns, container = columns_of(y, list(heads)), Container(y, self.heads)
        encoded, ranked = [], []
        for name, estimator in heads.items():
            with in_head(name):
                own, labels = prepared(estimator, X, columns[name])
            encoded.append(own)
            ranked += [f"{name}={label}" for label in labels]
        # until here an earlier fit stays as it is
        self._heads, self._container = heads, container
        self._ranked = np.array(ranked)
        tasks = tuple(estimator._task for estimator in heads.values())
        self._task = Task("regression", sum(task.size for task in tasks))
        kind = UncertaintyWeightedTasks if self.loss_weights else MultiTaskLoss
        terms = [(n, self._last_weight(n, h), heads[n].loss_) for n, h in self.heads]
        self.loss_ = kind(tuple(terms), tasks)
        return table, np.hstack(encoded)

    def _last_weight(self, name, head):
        """Return the weight of a head, a schedule's in the last epoch."""
        curve = self._curves.get(f"loss__{name}__weight")
        return float(head.weight if curve is None else curve[-1])

    def _check_table(self, X, y, *, reset):
        """Return validated X, and y as validated columns by name."""
        table, columns = self._features(X), columns_of(y, list(self._heads))
        for name, estimator in self._heads.items():
            with in_head(name):
                columns[name] = estimator._check_table(X, columns[name], reset=reset)[1]
        return table, columns

    def _encoded(self, columns):
        """Return the encoded columns of all heads, side by side."""
        return np.hstack(
            [
                estimator._encoded(columns[name])
                for name, estimator in self._heads.items()
            ]
        )

    def _stratum(self, Y):
        """Return the columns of the first head that predicts classes."""
        for columns, task in zip(self.loss_.columns(), self.loss_.tasks(), strict=True):
            if task.kind != "regression":
                return Y[:, columns], task.kind
        return super()._stratum(Y)

    def _scaling(self, Y, weight):
        """Return each head's location and scale, and which columns vary."""
        pairs = zip(self._heads.values(), self.loss_.columns(), strict=True)
        parts = [head._scaling(Y[:, columns], weight) for head, columns in pairs]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))

    def _in_user_units(self):
        """Return which columns a head's function sees in the user's units."""
        return self.loss_.in_user_units_by_column()

    def _member(self, Y, weight, start, new, dtype):
        """Return the network's own hyperparameters; tell the heads what they need."""
        self._class_weight = np.ones(1)
        columns = self.loss_.columns()
        self.loss_ = self.loss_.in_one_scale(self._loc, self._scale)
        member = super()._member(Y, weight, start, new, dtype)
        for head, loss, own in zip(
            self._heads.values(), self.loss_.losses, columns, strict=True
        ):
            head.loss_ = loss.loss if isinstance(loss, InUserUnits) else loss
            head._loc, head._scale = self._loc[own], self._scale[own]
            head._moves, head._gain = self._moves[own], self._gain
        return member

    def _keep(self, result, member, seed, history=None):
        super()._keep(result, member, seed, history)
        self.__dict__.pop("_named", None)
