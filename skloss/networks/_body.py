"""A user's own Keras network as a value: a function with its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from skloss._keras import (
    count_calls,
    flatten_layers,
    get_producer,
    get_producer_inputs,
)
from skloss._params import (
    Params,
    convert_numpy_scalars,
    freeze,
    same,
    unknown_parameter,
)
from skloss._tensorflow import keras

REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Body(Params):
    """A function that returns a Keras network, with its arguments.

    ``network=build`` is short for ``network=Body(build)``. The function is called with
    the arguments, and with ``n_features`` if it takes that. What it returns, any Keras
    layer or model without its output layer, is where training starts: weights that
    it draws follow ``random_state``, weights that it loads are kept as starting values,
    and those of frozen layers (``trainable=False``) stay what they are.

    The inputs of a Sequential or functional model take consecutive blocks of the
    columns of X, as many as their shapes have numbers, in the shape and dtype that they
    ask for. A body without inputs of its own takes X as it is.

    Where the function puts a layer of :func:`~skloss.networks.make_dropout`, the
    estimator's ``dropout`` acts.

    A model that ends in a linear ``Dense`` layer with as many units as the loss has raw
    outputs brings its own head; all others get one.

    Parameters
    ----------
    build_fn : callable
        Called for every fit. At module level, if the estimator is to be pickled.
    **arguments
        Of the function; the others have their defaults. They are parameters, which
        searches reach as ``network__units``.

    Examples
    --------
    >>> import keras
    >>> def build(units=32):
    ...     return keras.Sequential([keras.layers.Dense(units, activation="relu")])
    >>> Body(build, units=8)
    Body(build, units=8)
    >>> Body(build).get_params()["units"]
    32
    """

    GIVEN = ("n_features",)  # what the function is told of the data

    def __init__(self, build_fn: Callable, **arguments: Any):
        self.build_fn = build_fn
        self.arguments = arguments

    def _signature(self):
        try:
            return inspect.signature(self.build_fn).parameters
        except (TypeError, ValueError):  # a builtin, or nothing that can be called
            return {}

    def _defaults(self):
        own = {
            name: p.default
            for name, p in self._signature().items()
            if name not in self.GIVEN and p.kind not in REST
        }
        return {"build_fn": inspect.Parameter.empty, **own}

    def _own_values(self):
        """Return the function and all arguments, by default where none is given."""
        values = {**self._defaults(), **self.arguments, "build_fn": self.build_fn}
        empty = inspect.Parameter.empty
        return {name: value for name, value in values.items() if value is not empty}

    def _set_own(self, name, value):
        if name == "build_fn":
            self.build_fn = value
        else:
            self.arguments = {**self.arguments, name: value}

    def _unknown(self, key):
        return unknown_parameter(key, self, self._defaults())

    def set_params(self, **params):
        """Set the function, whose arguments are then the parameters, or its arguments.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the function has no such argument; the message lists those it has.
        """
        # the function first, which says what arguments there are
        order = sorted(params, key=lambda name: name != "build_fn")
        return super().set_params(**{name: params[name] for name in order})

    def knobs(self):
        """Return no numbers: any argument may change the graph."""
        return {}

    def structure(self):
        """Return the function and all its arguments."""
        return (type(self), self.build_fn, freeze(self._arguments()))

    def _arguments(self):
        return {k: v for k, v in self._own_values().items() if k != "build_fn"}

    def check(self):
        """Raise unless the function can be called with the arguments.

        Raises
        ------
        TypeError
            If it is no function, lacks an argument, or one cannot be hashed.
        ValueError
            If it has no such argument.
        """
        if not callable(self.build_fn) or isinstance(self.build_fn, keras.layers.Layer):
            raise TypeError(
                f"network={self.build_fn!r} must be a function that returns a Keras "
                f"network, such as lambda: keras.Sequential([...])."
            )
        names = self._defaults()
        for name in self.arguments:
            if name not in names:
                raise unknown_parameter(name, self, names)
        missing = set(names) - set(self._own_values())
        if missing:
            name = min(missing)
            raise TypeError(
                f"network={self!r}: the argument {name!r} has no default; give it one, "
                f"or set network__{name}."
            )
        try:
            hash(self.structure())
        except TypeError as error:
            raise TypeError(
                f"network={self!r}: the arguments must be hashable, for networks with "
                f"equal ones share a graph ({error}). Give numbers, strings, tuples or "
                f"lists."
            ) from error

    def __repr__(self):
        defaults = self._defaults()
        shown = [getattr(self.build_fn, "__qualname__", repr(self.build_fn))]
        for name, value in self._arguments().items():
            if name not in defaults or not same(value, defaults[name]):
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def call_function(self, **given):
        """Call the function with its arguments, and what it takes of ``given``."""
        given = {k: v for k, v in given.items() if k in self._signature()}
        return self.build_fn(**convert_numpy_scalars(self._arguments()), **given)

    def make_body(self, n_features: int) -> keras.layers.Layer:
        """Return what the function makes for so many features.

        Returns
        -------
        keras.layers.Layer

        Raises
        ------
        TypeError
            If it returns something else.
        """
        body = self.call_function(n_features=n_features)
        if not isinstance(body, keras.layers.Layer):
            raise TypeError(
                f"network={self!r} returned {type(body).__name__}; it must return a "
                f"Keras model without its output layer."
            )
        return body


def attach_body(network, table, n_raw):
    """Return the symbolic raw outputs of a user's network for a symbolic table.

    Parameters
    ----------
    network : Body
    table : keras.KerasTensor of shape (None, features)
    n_raw : int

    Raises
    ------
    TypeError
        If what the function returned cannot be trained here.
    ValueError
        If its inputs do not take the columns of the table, or its output is not one
        row of numbers a row.
    """
    body = network.make_body(table.shape[1])
    refuse_compiled(network, body)
    body, head = split_head(network, body, n_raw)
    x = body(split_columns(network, body, table))
    shapes = [tuple(part.shape) for part in keras.tree.flatten(x)]
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] is None:
        raise ValueError(
            f"network={network!r} has outputs of shape {shapes}; it must give one "
            f"vector a row: end it with Flatten, a global pooling or Concatenate."
        )
    raw = (head or keras.layers.Dense(n_raw, name="head"))(x)
    refuse_layers(network, body)
    return raw


def refuse_compiled(network, body):
    """Refuse a compiled model: what it was compiled with would be ignored."""
    if getattr(body, "compiled", False):
        raise TypeError(
            f"network={network!r} returned a compiled model, but loss, optimizer and "
            f"metrics are the estimator's. Leave compile out (for a saved model, "
            f"keras.models.load_model(path, compile=False)) and set loss and optimizer "
            f"of the estimator."
        )


def refuse_layers(network, body):
    """Refuse what a compiled step cannot honour."""
    for layer in flatten_layers(body):
        if getattr(layer, "stateful", False):
            raise TypeError(
                f"network={network!r}: the layer {layer.name!r} has stateful=True, but "
                f"rows are shuffled: the state of the batch before means nothing. "
                f"Leave stateful out."
            )
    for variable in body.trainable_variables:
        if getattr(variable, "constraint", None) is not None:
            raise TypeError(
                f"network={network!r}: the weight {variable.path!r} has the constraint "
                f"{type(variable.constraint).__name__}, which is not supported; leave "
                f"it out, and use l2, weight_decay or clip_norm."
            )


def split_head(network, body, n_raw):
    """Return the body without its head, and the head, None where it has none.

    Raises
    ------
    ValueError
        If the last layer is an output layer that gives no raw outputs.
    """
    last, inner = split_last_layer(body)
    activation = getattr(last, "activation", None)
    kind = getattr(activation, "__name__", type(last).__name__.lower())
    units = getattr(last, "units", None)
    if kind == "softmax" or (kind == "sigmoid" and units in (1, n_raw)):
        raise ValueError(
            f"network={network!r} ends in an output layer of its own: {last.name!r} "
            f"with {kind}. The loss works on {n_raw} raw output(s): leave that layer "
            f"out, or make it Dense({n_raw}) without an activation. (If it is meant as "
            f"a hidden layer, put keras.layers.Identity() behind it.)"
        )
    fits = type(last) is keras.layers.Dense and units == n_raw and kind == "linear"
    if fits and last.use_bias and last.trainable and not defines_training(body):
        return inner, last
    return body, None


def defines_training(layer):
    """Tell whether the class of a layer or model has a ``train_step`` of its own."""
    own = getattr(type(layer), "train_step", keras.Model.train_step)
    return own is not keras.Model.train_step


def split_last_layer(body):
    """Return a model's last layer, and the model without it; a layer is its own."""
    if isinstance(body, keras.Sequential) and body.layers:
        first = [
            keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in get_inputs(body)
        ]
        rest = body.layers[:-1] or [keras.layers.Identity()]
        return body.layers[-1], keras.Sequential([*first, *rest])
    if not get_inputs(body):
        return body, keras.layers.Identity()
    if len(body.outputs) != 1:
        return None, None
    last = get_producer(body.outputs[0])
    if count_calls(last) > 1:  # its output is used elsewhere too: it is no head
        return None, None
    before = get_producer_inputs(body.outputs[0])
    whole = len(before) == 1 and isinstance(last, keras.layers.Layer)
    return last, keras.Model(body.input, before[0]) if whole else None


def get_inputs(body):
    """Return a model's symbolic inputs, in order; none if it takes what comes."""
    if isinstance(body, keras.Sequential) and not body.built:
        return []
    return list(getattr(body, "inputs", None) or [])


def split_columns(network, body, table):
    """Return what a body's inputs receive: consecutive blocks of the table's columns.

    Raises
    ------
    ValueError
        If the inputs do not take as many columns as there are.
    """
    wanted = get_inputs(body)
    if not wanted:
        return table
    shapes = [tuple(x.shape[1:]) for x in wanted]
    sizes = count_columns(shapes, table.shape[1])
    if sum(sizes) != table.shape[1]:
        names = ", ".join(
            f"{x.name!r} {s}" for x, s in zip(wanted, shapes, strict=True)
        )
        raise ValueError(
            f"network={network!r} takes {sum(sizes)} columns in its inputs {names}, "
            f"but X has {table.shape[1]}. Inputs take consecutive blocks of columns; "
            f"give their shapes, or take n_features as an argument of the function."
        )
    found, begin = [], 0
    for x, shape, size in zip(wanted, shapes, sizes, strict=True):
        block = table if len(wanted) == 1 else table[:, begin : begin + size]
        if tuple(block.shape[1:]) != shape:
            rest = -1 if None in shape else None
            shape = [rest if n is None else n for n in shape]
            block = keras.layers.Reshape(shape)(block)
        if "int" in x.dtype:
            block = keras.ops.cast(block, x.dtype)
        found.append(block)
        begin += size
    if isinstance(body, keras.Sequential):
        return found[0]
    return keras.tree.pack_sequence_as(body.input, found)


def count_columns(shapes, n_features):
    """Return the columns of each shape; one open dimension takes what is left."""
    sizes, is_open = [], []
    for shape in shapes:
        size = 1
        for n in shape:
            size *= n or 1
        sizes.append(size)
        is_open.append(shape.count(None) == 1)
    if sum(is_open) == 1:
        number = is_open.index(True)
        left = n_features - sum(sizes) + sizes[number]
        sizes[number] *= max(left // sizes[number], 1)
    return sizes
