"""Dropout in a network of a user's own, at the estimator's rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from skloss._tensorflow import keras

_maker = ContextVar("make_dropout", default=None)


def make_dropout() -> keras.layers.Layer:
    """Return a dropout layer whose rate is the ``dropout`` of the estimator.

    For functions that are given as ``network``, which call it once for each place where
    units are dropped. ``keras.layers.Dropout(0.2)`` is part of such a network: its rate
    is fixed, another one is another network to compile, and the estimator's ``dropout``
    does not reach it. The layer returned here takes no rate: it drops the share of its
    inputs that ``dropout`` says, a number or a schedule, which a fused search varies
    within one program, and draws the same noise for all candidates. As for Keras'
    layer, what remains is divided by the share that remains, and nothing is dropped in
    predictions.

    What is returned depends on what the network is built for. In the exported
    ``model_`` it is Keras' own ``Dropout``, with the rate of the last epoch, so that
    the model is saved and loaded without skloss. Outside of a function that skloss
    calls nobody knows a rate, and nothing is dropped.

    Returns
    -------
    keras.layers.Layer

    Raises
    ------
    ValueError
        By the layer, if a length of its input, but for the number of rows, is unknown.

    Examples
    --------
    >>> import keras
    >>> from skloss import LossAwareClassifier, networks
    >>> def build(units=32):
    ...     return keras.Sequential(
    ...         [keras.layers.Dense(units, activation="relu"), networks.make_dropout()]
    ...     )
    >>> net = LossAwareClassifier(network=build, dropout=0.2)
    """
    maker = _maker.get()
    return keras.layers.Identity() if maker is None else maker()


def refuse_ignored_dropout(dropout, network):
    """Raise the error for a rate beside a body in which no layer has it."""
    raise ValueError(
        f"dropout={dropout!r} has no place in network={network!r}, which has no layer "
        f"of that rate. Put skloss.networks.make_dropout() where units shall be "
        f"dropped (keras.layers.Dropout has a rate of its own), or set dropout=0.0."
    )


@contextmanager
def dropout_made_by(maker: Callable | None) -> Iterator[None]:
    """Have ``make_dropout`` return what ``maker`` makes."""
    token = _maker.set(maker)
    try:
        yield
    finally:
        _maker.reset(token)
