"""The body of the network: an MLP by default, or a user's own in Keras.

The loss brings the head, a linear layer with as many raw outputs as it needs.
"""

import importlib

from skloss.networks._autoencoder import Autoencoder as Autoencoder
from skloss.networks._body import Body
from skloss.networks._build import build as build
from skloss.networks._build import build_private as build_private
from skloss.networks._build import draw_values as draw_values
from skloss.networks._build import get as get
from skloss.networks._build import get_leaf_layers as get_leaf_layers
from skloss.networks._build import get_unchecked as get_unchecked
from skloss.networks._build import head_of as head_of
from skloss.networks._build import initial_values as initial_values
from skloss.networks._build import is_mask as is_mask
from skloss.networks._build import is_stored as is_stored
from skloss.networks._build import python_random_untouched as python_random_untouched
from skloss.networks._build import structure as structure
from skloss.networks._make_dropout import make_dropout
from skloss.networks._make_dropout import (
    refuse_ignored_dropout as refuse_ignored_dropout,
)
from skloss.networks._mlp import MLP
from skloss.networks._numpy_forward import NumpyForward as NumpyForward
from skloss.networks._numpy_forward import can_compute as can_compute
from skloss.networks._periodic import are_frequencies as are_frequencies
from skloss.networks._periodic import is_kernel as is_kernel

__all__ = ["MLP", "Body", "make_dropout"]


def __getattr__(name):
    if name != "StackedDropout":  # a layer, whose definition loads Keras
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("skloss.networks._stacked_dropout").StackedDropout
