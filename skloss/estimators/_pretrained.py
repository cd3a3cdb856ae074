"""A body whose first weights a transformer has learnt."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skloss import losses
from skloss._engine import Weights, take_body
from skloss._params import Params, is_number
from skloss._params._checks import check_number
from skloss.estimators._memory import Digest
from skloss.estimators._representation_target import Y_OPTIONS

MAX_BODIES = 32
_bodies, _lock = OrderedDict(), threading.Lock()


class Pretrained(Params):
    """The body of a transformer, under the head of a classifier or regressor.

    Its hidden layers, without what makes the representation of them, are where the
    training begins: as they are, or trained on. An unfitted transformer is cloned and
    fitted in each ``fit``, on all rows of it; for rows without a label, -1 beside two
    classes or more or NaN among numbers, it is there alone: the classifier or regressor
    trains on the others.

    One pre-training serves all fits on the same rows: the candidates of a fold that
    differ only in what comes behind it, in any search of this process. That takes a
    ``random_state`` that is a number, of the transformer or else of the estimator.

    Parameters
    ----------
    transformer : LossAwareTransformer or FrozenEstimator
        A fitted one is fitted anew too; within scikit-learn's ``FrozenEstimator`` it is
        taken as it is. Then cross-validation leaks: it has seen the rows that are held
        back, and whatever it was told of them.
    learning_rate_factor : float >= 0, default=1.0
        By which the learning rate is multiplied for the body; 0 leaves it as it is.

    Examples
    --------
    >>> from skloss import LossAwareClassifier, LossAwareTransformer, Pretrained
    >>> body = Pretrained(LossAwareTransformer("info_nce", epochs=50))
    >>> net = LossAwareClassifier(network=body)
    >>> net = net.set_params(network__transformer__loss__corruption=0.3)
    """

    def __init__(self, transformer: Any, learning_rate_factor: float = 1.0):
        self.transformer = transformer
        self.learning_rate_factor = learning_rate_factor

    def _holder_of(self, name, value):
        """Return the transformer's parameters, which searches reach too."""
        if name == "transformer" and hasattr(value, "get_params"):
            return TransformerParams(value)
        return super()._holder_of(name, value)

    def detached(self):
        """Return a copy that shares no transformer with this."""
        return type(self)(copy_unfitted(self.transformer), self.learning_rate_factor)

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        if self.is_frozen or other.is_frozen:  # by its weights, it is what it is
            same = self.unwrapped is other.unwrapped
        else:
            same = repr(self.get_params()) == repr(other.get_params())
        return same and self.learning_rate_factor == other.learning_rate_factor

    def __hash__(self):
        return hash((type(self), self.learning_rate_factor))

    @property
    def is_frozen(self):
        """Whether the transformer is taken as it is."""
        return isinstance(self.transformer, FrozenEstimator)

    @property
    def unwrapped(self):
        """The transformer itself."""
        return self.transformer.estimator if self.is_frozen else self.transformer

    def check(self):
        """Raise for what is no transformer, or no factor.

        Raises
        ------
        TypeError, ValueError
        """
        if getattr(self.unwrapped, "_family", None) != "representation":
            raise TypeError(
                f"Pretrained: transformer={self.transformer!r} must be a "
                f"LossAwareTransformer, or a fitted one within "
                f"sklearn.frozen.FrozenEstimator."
            )
        limits = {"low": 0, "open_high": True}
        check_number("learning_rate_factor", self.learning_rate_factor, **limits)


class TransformerParams:
    """The parameters of a transformer, as those of a value.

    Parameters
    ----------
    transformer : estimator
    """

    def __init__(self, transformer):
        self.transformer = transformer

    def get_params(self):
        """Return the parameters by name."""
        return self.transformer.get_params()

    def copy_with(self, **params):
        """Return an unfitted copy with other parameters."""
        return copy_unfitted(self.transformer).set_params(**params)


def copy_unfitted(transformer):
    """Return a copy as scikit-learn's ``clone`` makes it."""
    if not hasattr(transformer, "get_params"):
        return transformer
    return clone(transformer)


class LearntBody(NamedTuple):
    """The weights of the hidden layers of a transformer.

    Attributes
    ----------
    n_features : int
    weights : Weights
        Flat, without those of the head.
    transformer : LossAwareTransformer or None
        The unfitted one whose body it is.
    """

    n_features: int
    weights: Weights
    transformer: Any = None


def learn_body(settings, X, y, sample_weight) -> Weights:
    """Return the body's weights, learnt on rows, or on the same rows before.

    Parameters
    ----------
    settings : Settings
        With a ``pretrained``.
    X : array-like of shape (n, features)
        Labelled and unlabelled rows.
    y : array-like of shape (n,)
        For a transformer whose loss looks at it.
    sample_weight : array-like of shape (n,), or None

    Raises
    ------
    ValueError
        If a frozen transformer has seen other features.
    """
    pretrained, random_state = settings.pretrained, settings.random_state
    if pretrained.is_frozen:
        body = read_body(pretrained.unwrapped)
        if np.shape(X)[1:] != (body.n_features,):
            raise ValueError(
                f"X has {np.shape(X)[-1]} features, but the transformer that is frozen "
                f"in network= was fitted on {body.n_features}."
            )
        return body.weights
    own = clone(pretrained.transformer)
    if own.random_state is None and is_number(random_state):
        own.set_params(random_state=int(random_state))
    y = y if losses.get(own.loss, own._family).target in Y_OPTIONS else None
    if not is_number(own.random_state) or own.callbacks is not None:
        return read_body(own.fit(X, y, sample_weight)).weights
    key = Digest("md5").hash((own.get_params(), X, y, sample_weight))
    with _lock:
        if key in _bodies:
            _bodies.move_to_end(key)
            return _bodies[key].weights
    unfitted = clone(own)
    body = read_body(own.fit(X, y, sample_weight))
    with _lock:
        # a digest tells functions apart by their identity: they live as long as it
        _bodies[key] = body._replace(transformer=unfitted)
        while len(_bodies) > MAX_BODIES:
            _bodies.popitem(last=False)
    return body.weights


def read_body(transformer) -> LearntBody:
    """Return the body of a fitted transformer."""
    fitted = transformer._get_fitted()
    out = getattr(fitted.outputs, "encoder", fitted.outputs)  # of an autoencoder, half
    weights = take_body(out.network, out.n_features, out.n_raw, out.weights)
    return LearntBody(out.n_features, Weights(weights, out.stored))
