"""What remains of a fit: all that predicts, and all that a further fit needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from skloss import networks
from skloss._engine import (
    Outcome,
    TrainingState,
    build_exported_model,
    count_weights,
    predict_raw,
)
from skloss.estimators._output_bounds import OutputBounds
from skloss.estimators._settings import Settings
from skloss.estimators._table import Features, validate_features
from skloss.losses import Loss


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured on the training rows, and stays while training goes on.

    Attributes
    ----------
    of_loss : dict
        What ``loss.measured`` names.
    curves : dict of str to ndarray
        The same where it changes by epoch.
    gain : dict
        Of a loss in the user's units.
    """

    of_loss: dict
    curves: dict
    gain: dict


@dataclass(frozen=True, eq=False)
class NetworkOutputs:
    """The raw outputs of a trained network.

    Attributes
    ----------
    network : MLP or Body
    weights, stored : ndarray
        Flat rows: what was trained, and moving statistics.
    n_features, n_raw : int
    dropout : float
        For the layers of the exported model.
    """

    network: Any
    weights: np.ndarray
    stored: np.ndarray
    n_features: int
    n_raw: int
    dropout: float

    @property
    def source(self):
        """The trained network itself."""
        return self

    def of(self, X, check):
        """Return raw outputs of shape (n, n_raw) in float64, for a checked table."""
        return self.of_table(check(X))

    def of_table(self, X):
        """Return raw outputs for a table that is checked already."""
        raw = predict_raw(
            self.network,
            X,
            self.weights,
            self.stored,
            self.n_raw,
            is_sparse=not isinstance(X, np.ndarray),
        )
        return raw.astype(np.float64)

    def export(self, link):
        """Return a new Keras model that gives ``link`` of the raw outputs."""
        return build_exported_model(
            self.network, self.n_features, self.n_raw, self, self.dropout, link
        )


@dataclass(frozen=True, eq=False)
class CodecOutputs:
    """The outputs of the encoder of an autoencoder, and its decoder.

    Attributes
    ----------
    encoder, decoder : NetworkOutputs
    weights, stored : ndarray
        Of the whole, flat rows.
    n_raw : int
        Of the whole.
    """

    encoder: NetworkOutputs
    decoder: NetworkOutputs
    weights: np.ndarray
    stored: np.ndarray
    n_raw: int

    @property
    def source(self):
        """The trained network itself."""
        return self

    def of(self, X, check):
        """Return the latent outputs, for a checked table."""
        return self.encoder.of(X, check)

    def of_table(self, X):
        """Return the latent outputs for a table that is checked already."""
        return self.encoder.of_table(X)

    def export(self, link):
        """Return a new Keras model of the encoder."""
        return self.encoder.export(link)


def make_outputs(network, result, n_features, n_raw, dropout):
    """Return what gives the outputs of a trained network.

    Parameters
    ----------
    network : MLP or Body
    result : Result
    n_features, n_raw : int
    dropout : float
    """
    if not isinstance(network, networks.Autoencoder):
        kept = result.weights, result.stored
        return NetworkOutputs(network, *kept, n_features, n_raw, dropout)
    weights, stored, halves = result.weights, result.stored, []
    for own, n_inputs, n_outputs in network.list_halves(n_features, n_raw):
        counts = count_weights(own, n_inputs, n_outputs, weights.dtype.name)
        kept = weights[: counts[0]], stored[: counts[1]]
        halves.append(NetworkOutputs(own, *kept, n_inputs, n_outputs, dropout))
        weights, stored = weights[counts[0] :], stored[counts[1] :]
    return CodecOutputs(*halves, result.weights, result.stored, n_raw)


@dataclass(frozen=True, eq=False)
class KnownOutputs:
    """The raw outputs of one table, which are known; others are asked of a network.

    Attributes
    ----------
    table : array-like
    raw : ndarray of shape (n, n_raw)
    otherwise : NetworkOutputs or None
        None: there is no network yet.
    """

    table: Any
    raw: np.ndarray
    otherwise: Any = None

    @property
    def source(self):
        """The trained network behind."""
        return self.otherwise.source

    def of(self, X, check):
        """Return the raw outputs that are known, or the network's."""
        if X is self.table:
            return self.raw
        if self.otherwise is None:
            raise NotFittedError("Only the outputs of the validation rows are known.")
        return self.otherwise.of(X, check)


@dataclass(frozen=True, eq=False)
class PartOfOutputs:
    """Some of the raw outputs of a network with several heads.

    Attributes
    ----------
    whole : NetworkOutputs or KnownOutputs
    place : list of int
    """

    whole: Any
    place: list

    @property
    def source(self):
        """The trained network behind, with all its heads."""
        return self.whole.source

    def of(self, X, check):
        """Return these columns of the raw outputs."""
        return self.whole.of(X, check)[:, self.place]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What remains of a fit. Nothing in it is ever changed.

    Another view of a fitted network is a copy with another field: known ``outputs``,
    one of several heads.

    Attributes
    ----------
    settings : Settings
        Those of the fit, whatever the estimator's parameters are now.
    features : Features
    target : ClassTarget, NumberTarget or JointTarget
    loss : Loss
        The loss that predicts, measured numbers included.
    measured : Measured
    seed : int
    outputs : NetworkOutputs, KnownOutputs or PartOfOutputs
        None before training.
    bounds : OutputBounds or None
        Between which raw outputs are held; None before training, and where they are
        not.
    histories : tuple of dict of str to list
        One of each part of the training.
    n_epochs, best_epoch : int
        Epochs trained; the epoch (from 1) whose weights predict.
    outcome : Outcome
    trained_by : str
        Which way, and why.
    temperature : float
        What log-probabilities are divided by.
    record : TrainingRecord or None
    callbacks : list of keras.callbacks.Callback
        This training's own.
    state : TrainingState or None
        Everything needed to go on training; None where it was not kept.
    transduction : ndarray of shape (n_samples,), or None
        The labels of the training rows, where some had none.
    """

    settings: Settings
    features: Features
    target: Any
    loss: Loss
    measured: Measured
    seed: int
    outputs: Any = None
    bounds: OutputBounds | None = None
    histories: tuple = ()
    n_epochs: int = 0
    best_epoch: int = 0
    outcome: Outcome = Outcome.FINISHED
    trained_by: str = ""
    temperature: float = 1.0
    record: Any = None
    callbacks: list = field(default_factory=list)
    state: TrainingState | None = None
    transduction: np.ndarray | None = None

    # -- what predicts -------------------------------------------------------------

    def raw_outputs(self, estimator, X):
        """Return the raw outputs for a table, which is checked first, within bounds.

        Parameters
        ----------
        estimator : BaseLossAware
            For the texts of errors.
        X : array-like of shape (n, features)

        Returns
        -------
        ndarray of shape (n, n_raw)
        """
        raw = self.outputs.of(
            X, lambda X: validate_features(estimator, self.features, X)
        )
        return raw if self.bounds is None else self.bounds.hold(raw)

    def link(self, raw):
        """Return the symbolic output of the Keras model for symbolic raw outputs."""
        if self.bounds is not None:
            raw = self.bounds.hold_symbolic(raw)
        return self.target.build_outputs(self.loss, raw, self.temperature)

    def export(self):
        """Return the network, head and link included, as a new Keras model."""
        with networks.python_random_untouched():
            return self.outputs.source.export(self.link)

    def remember(self, name, make):
        """Return what is made of this once, and asked for often: a model, heads.

        It is part of no comparison, copy or pickle: it can be made again.
        """
        if name not in self.__dict__:
            self.__dict__.setdefault(name, make())
        return self.__dict__[name]

    def with_known_outputs(self, table, raw):
        """Return a view whose raw outputs for ``table`` are known."""
        return replace(self, outputs=KnownOutputs(table, raw, self.outputs))

    def __getstate__(self):
        """Leave out what is remembered: it is made again from the weights."""
        return {name: v for name, v in vars(self).items() if name in FIELDS}

    # -- what is read --------------------------------------------------------------

    @property
    def history(self):
        """The history of all parts of the training, by the names of the last part."""
        last = self.histories[-1]
        return {
            name: [value for part in self.histories for value in part.get(name, [])]
            for name in last
        }

    @property
    def loss_parameters(self):
        """The loss's trained numbers that do not depend on X, by name."""
        source, n_global = self.outputs.source, self.loss.n_global(self.target.task)
        bias = source.weights[-source.n_raw :]
        last = bias[len(bias) - n_global :].astype(np.float64)
        return self.loss.trained(self.target.task, last)

    # -- going on ------------------------------------------------------------------

    @property
    def kept_weights(self):
        """The state that ``warm_start`` goes on from: the weights that were kept."""
        source = self.outputs.source
        return TrainingState(weights=source.weights, stored=source.stored)


FIELDS = frozenset(Fitted.__dataclass_fields__)
