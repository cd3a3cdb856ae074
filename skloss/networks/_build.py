"""From what a user gives as a network to a Keras model with a head."""

import random
import threading
from collections.abc import Callable
from contextlib import contextmanager

import numpy as np

from skloss._keras import flatten_layers, get_producer
from skloss._params import is_number
from skloss._tensorflow import keras, start
from skloss.networks._autoencoder import JOINED
from skloss.networks._body import Body, attach_body
from skloss.networks._make_dropout import dropout_made_by
from skloss.networks._mlp import HEAD, MLP

_building = threading.RLock()  # Keras' dtype policy and source of seeds are global


def get(spec):
    """Return the network for a tuple of sizes, an :class:`MLP`, a function or a Body.

    Raises
    ------
    TypeError
        If ``spec`` is none of these, or a function that cannot be called as it should.
    ValueError
        If a parameter makes no sense.
    """
    network = get_unchecked(spec)
    network.check()
    return network


def get_unchecked(spec):
    """Return the network for ``spec``, whatever its parameters."""
    if isinstance(spec, MLP | Body):
        return spec
    if is_number(spec):
        return MLP((spec,))
    if isinstance(spec, tuple | list | np.ndarray):
        return MLP(tuple(spec))
    if isinstance(spec, Callable):
        return Body(spec)
    raise TypeError(
        f"network={spec!r} must be hidden layer sizes such as (64, 64), an MLP, or "
        f"a function that returns a Keras model without its output layer."
    )


def structure(network):
    """Return what identifies the graph of a network."""
    return network.structure()


def build(network, n_features, n_raw, dtype, dropout_layer, seed=0):
    """Return a Keras model: the body with a linear head of ``n_raw`` outputs.

    Parameters
    ----------
    network : MLP or Body
    n_features, n_raw : int
    dtype : {"float32", "float64"}
    dropout_layer : callable or None
        Makes the dropout layers, of an MLP or where a user's function asks for one.
    seed : int, default=0
        Of the weights that Keras draws.

    Raises
    ------
    TypeError, ValueError
        If a user's function does not return what can be trained.
    """
    start()
    with _building, python_random_untouched():
        random.seed(seed)
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(dtype)
        try:
            inputs = keras.Input((n_features,), dtype=dtype)
            if isinstance(network, Body):
                with dropout_made_by(dropout_layer):
                    raw = attach_body(network, inputs, n_raw)
            else:
                raw = network.attach_head(inputs, n_raw, dropout_layer, dtype)
            model = keras.Model(inputs, raw)
            make_late_weights(model)
            return model
        finally:
            keras.config.set_dtype_policy(policy)


def make_late_weights(model):
    """Have layers make their weights that do so where numbers pass for the first time.

    Such as a ``PReLU`` that is the activation of a ``Dense``, which tells its shape
    without calling it.
    """
    if not all(layer.built for layer in flatten_layers(model)):
        model(np.zeros((1, *model.input.shape[1:]), model.input.dtype))


def build_private(network, *arguments):
    """Return a model as ``build`` does, whose weights may be assigned to.

    The layers that a user's function returns at every call are the user's: copies
    stand for them.

    Raises
    ------
    TypeError
        If such layers cannot be copied.
    """
    model = build(network, *arguments)
    if not isinstance(network, Body):
        return model
    others = {id(variable) for variable in build(network, *arguments).variables}
    if not any(id(variable) in others for variable in model.variables):
        return model
    try:
        return keras.models.clone_model(model)
    except Exception as error:
        raise TypeError(
            f"network={network!r} returns the same layers at every call, and they "
            f"cannot be copied: {error}. Make them inside the function."
        ) from error


def head_of(model):
    """Return the output layer of a model that ``build`` made; a decoder's."""
    last = get_producer(model.outputs[0])
    return model.get_layer(HEAD) if last.name == JOINED else last


def is_mask(variable):
    """Tell whether a variable is the mask of one of our dropout layers."""
    return variable.name == "stacked_dropout_mask"


def is_stored(variable):
    """Tell whether a variable is a moving statistic or a frozen weight.

    Others that are not trained are a dropout's mask or seed.
    """
    return not is_mask(variable) and variable.name != "seed_generator_state"


def get_leaf_layers(model):
    """Return the model's innermost layers."""
    return [
        layer
        for layer in flatten_layers(model, include_self=False)
        if not flatten_layers(layer, include_self=False)
    ]


def initial_values(model, network, remake, seed):
    """Return a first value for every weight: drawn anew, or a user's own.

    Weights of layers that do not keep the initialisers that drew them, which those of
    an ``MLP`` do, are drawn by building the model again.

    Parameters
    ----------
    model : keras.Model
        That ``build`` made of ``network``.
    network : MLP or Body
    remake : callable
        Builds the model again, ``remake(seed=seed)``.
    seed : int

    Returns
    -------
    dict of int to ndarray
        ``id`` of the model's variable to its value, the same for the same seed.

    Raises
    ------
    TypeError
        If a user's function returns another model than before.
    """
    values = {} if isinstance(network, Body) else draw_values(model, seed)
    weights = [v for v in model.variables if v.trainable or is_stored(v)]
    if all(id(variable) in values for variable in weights):
        return values
    again = remake(seed=seed)
    pairs = list(zip(model.variables, again.variables, strict=False))
    same_sizes = all(a.shape == b.shape for a, b in pairs)
    if len(model.variables) != len(again.variables) or not same_sizes:
        raise TypeError(
            f"network={network!r} returned a model of other weights than before; what "
            f"it returns may depend on its arguments only."
        )
    return {id(own): np.asarray(new.value) for own, new in pairs} | values


def draw_values(model, seed):
    """Draw a fresh value for the weights whose layers keep their initialisers."""
    rng = np.random.default_rng(seed)
    values = {}
    for layer in get_leaf_layers(model):
        for variable in layer.weights:
            initializer = getattr(layer, f"{variable.name}_initializer", None)
            if not isinstance(initializer, keras.initializers.Initializer):
                continue
            own = int(rng.integers(1, 2**31 - 1))
            config = initializer.get_config()
            if config.get("seed", 0) is None:
                initializer = type(initializer).from_config({**config, "seed": own})
            value = initializer(variable.shape, dtype=variable.dtype)
            values[id(variable)] = np.asarray(value)
    return values


@contextmanager
def python_random_untouched():
    """Put Python's global random state back: Keras' initialisers draw from it."""
    with _building:
        state = random.getstate()
    try:
        yield
    finally:
        with _building:
            random.setstate(state)
