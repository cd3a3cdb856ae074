"""``LossAwareMultiTask``: one body, several heads, the sum of their losses."""

import copy
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skloss._base import BaseLossAware
from skloss._classifier import LossAwareClassifier
from skloss._columns import Container, check_names, columns_of
from skloss._engine import with_outputs
from skloss._heads import Head
from skloss._regressor import LossAwareRegressor
from skloss._validation import check_choice
from skloss.exceptions import LossTargetError
from skloss.losses import Task
from skloss.losses._multi_task import (
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


def any_probabilities(net):
    """Tell whether a head gives probabilities; explain where none does."""
    if any(
        head.family == "classification" and head.as_object().has_probabilities
        for _, head in net._pairs()
    ):
        return True
    raise AttributeError(
        "No head predicts classes with a loss that gives probabilities, so there is "
        "no predict_proba."
    )


class LossAwareMultiTask(BaseLossAware):
    """placeholder"""

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

    # -- parameters of the heads ---------------------------------------------------

    def _pairs(self):
        """Return the heads as pairs, none where they are no such thing."""
        try:
            return [(name, head) for name, head in self.heads if isinstance(head, Head)]
        except (TypeError, ValueError):
            return []  # values are judged at fit; here only names are asked for

    def get_params(self, deep=True):
        """Get parameters, with ``deep`` those of the heads as ``name__loss``.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        params = super().get_params(deep)
        for name, head in self._pairs() if deep else ():
            params[name] = head
            inner = head.get_params()
            params.update({f"{name}__{key}": value for key, value in inner.items()})
        return params

    def set_params(self, **params):
        """Set parameters; a head by its name, its parameters as ``name__loss``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is unknown; the message offers the nearest valid ones.
        """
        if "heads" in params:
            self.heads = params.pop("heads")
        heads, nested, others = dict(self._pairs()), {}, {}
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if name not in heads:
                others[key] = value
            elif rest:
                nested.setdefault(name, {})[rest] = value
            else:
                heads[name] = value
                self.heads = [(n, heads[n]) for n, _ in self.heads]
        super().set_params(**others)
        for name, changes in nested.items():
            heads[name].set_params(**changes)
        return self

    @property
    def loss(self):
        """The losses of the heads by name."""
        return {name: head.loss for name, head in self._pairs()}

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
        self._heads = {}
        for name, head in self.heads:
            with in_head(name):
                head.check()
                own = clone(head).get_params(deep=False)
                del own["weight"]
                estimator = KINDS[head.family](**own, **shared)
                estimator._check_loss()
            self._heads[name] = estimator
        self._check_weights()

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
            loss = self._heads[name].loss_
            if head.weight != 1:
                raise ValueError(
                    f"weight={head.weight!r} of head {name!r} has no effect with "
                    f"loss_weights='uncertainty', which trains the weights. Leave it "
                    f"at 1.0, or set loss_weights=None."
                )
            if not (loss.decomposable and getattr(loss, "nonnegative", True)):
                raise LossTargetError(
                    f"loss={head.loss!r} of head {name!r} can be negative, or has no "
                    f"value for each row, so that loss_weights='uncertainty' cannot "
                    f"weigh it. Choose another loss, or set loss_weights=None."
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
        names = list(self._heads)
        columns = columns_of(y, names)
        table = validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32]
        )
        encoded, ranked = [], []
        for name, estimator in self._heads.items():
            with in_head(name):
                own, labels = prepared(estimator, X, columns[name])
            encoded.append(own)
            ranked += [f"{name}={label}" for label in labels]
        tasks = [estimator._task for estimator in self._heads.values()]
        self._task = Task("regression", sum(task.size for task in tasks))
        self._ranked = np.array(ranked)
        classes = [n for n, e in self._heads.items() if hasattr(e, "classes_")]
        self._container = Container(y, names, classes)
        kind = UncertaintyWeightedTasks if self.loss_weights else MultiTaskLoss
        self.loss_ = kind(
            tuple((n, float(h.weight), self._heads[n].loss_) for n, h in self.heads),
            tuple(tasks),
        )
        return table, np.hstack(encoded)

    def _check_table(self, X, y, *, reset):
        """Return validated X, and y as validated columns by name."""
        columns, table = columns_of(y, list(self._heads)), self._features(X)
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
        """Return each head's location and scale."""
        pairs = zip(self._heads.values(), self.loss_.columns(), strict=True)
        parts = [head._scaling(Y[:, columns], weight) for head, columns in pairs]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))

    def _member(self, Y, weight, start):
        """Return the network's own hyperparameters; tell the heads what they need."""
        self._class_weight = np.ones(1)
        units = self._scaling(Y, weight) if start is None else (self._loc, self._scale)
        columns = self.loss_.columns()
        self.loss_ = self.loss_.in_one_scale(*units)
        member = super()._member(Y, weight, start)
        for (name, head), loss, own in zip(
            self._heads.items(), self.loss_.losses, columns, strict=True
        ):
            head.loss_ = loss.loss if isinstance(loss, InUserUnits) else loss
            head._loc, head._scale = self._loc[own], self._scale[own]
        return member

    def _keep(self, result, member, seed, history=None):
        super()._keep(result, member, seed, history)
        self.__dict__.pop("_named", None)

    # -- the heads -----------------------------------------------------------------

    def _head(self, name, raw_of):
        """Return a head that reads its columns of the raw outputs of all."""
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
        result.weights = with_outputs(
            self._network, self.n_features_in_, result.weights, n_raw, place
        )
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
        return self._container.filled(self._each(X, lambda head: head.predict(X)), X)

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
        check_is_fitted(self)
        columns = columns_of(y, list(self._heads))
        raw = self._raw(X)
        heads = {name: self._head(name, lambda _: raw) for name in self._heads}
        scores = [
            head.score(X, columns[name], sample_weight) for name, head in heads.items()
        ]
        return float(np.mean(scores))

    def _finish(self, raw):
        """Return the symbolic outputs of ``model_`` by head."""
        pieces = zip(self._heads.items(), self.loss_.pieces(raw), strict=True)
        return {name: head._finish(own) for (name, head), own in pieces}
