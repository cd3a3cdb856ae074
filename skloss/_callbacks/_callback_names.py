"""Nested names of callbacks: ``callbacks__earlystopping__patience``."""

import inspect
from collections import Counter

from skloss._params import convert_numpy_scalars, split_names


def check_callbacks(callbacks):
    """Raise TypeError unless ``callbacks`` can be a list of Keras' callbacks.

    What classes and functions make is checked when they have made it.
    """
    if callbacks is None:
        return
    if not isinstance(callbacks, list | tuple):
        raise TypeError(
            f"callbacks={callbacks!r} must be a list of keras.callbacks.Callback."
        )
    for callback in callbacks:
        if not callable(callback) and not is_callback(callback):
            raise TypeError(
                f"callbacks: {callback!r} must be a keras.callbacks.Callback, or a "
                f"class or function without arguments that makes one."
            )


def is_callback(value):
    """Tell whether a value is a callback of Keras.

    Reading parameters must not load TensorFlow where there is none of Keras' objects.
    """
    if not hasattr(value, "set_model"):
        return False
    import keras

    return isinstance(value, keras.callbacks.Callback)


def name_callbacks(callbacks):
    """Return the callbacks by name, as ``make_pipeline`` names steps.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback, classes and functions, or None

    Returns
    -------
    list of (str, object)
        Names are those of the classes in lower case, numbered where one occurs again.
    """
    names = [
        getattr(callback, "__name__", type(callback).__name__).lower()
        for callback in callbacks or ()
    ]
    counts, seen, found = Counter(names), Counter(), []
    for name, callback in zip(names, callbacks or (), strict=True):
        seen[name] += 1
        number = f"-{seen[name]}" if counts[name] > 1 else ""
        found.append((f"{name}{number}", callback))
    return found


def get_constructor_params(callback):
    """Return the constructor's arguments of a callback, as far as it keeps them all.

    Only then can it be made anew with one of them changed: setting an attribute would
    leave alone what the constructor made of it.
    """
    cls = callback if inspect.isclass(callback) else type(callback)
    if not inspect.isclass(callback) and not is_callback(callback):
        return {}  # a function, or another object, that makes one
    try:
        signature = inspect.signature(cls)
    except ValueError:  # a class that Python does not know the arguments of
        return {}
    several = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    parameters = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind not in several
    }
    if inspect.isclass(callback):
        given = parameters.values()
        return {} if inspect.Parameter.empty in given else parameters
    if not all(hasattr(callback, name) for name in parameters):
        return {}
    return {name: getattr(callback, name) for name in parameters}


def get_nested_params(callbacks):
    """Return all nested parameters by name."""
    return {
        f"{name}__{key}": value
        for name, callback in name_callbacks(callbacks)
        for key, value in get_constructor_params(callback).items()
    }


def change_callbacks(callbacks, changes):
    """Return a new list in which callbacks are made anew with other arguments.

    Parameters
    ----------
    callbacks : list
    changes : dict
        ``{"earlystopping__patience": 3}``; the names are known.
    """
    _, nested = split_names(changes)
    made = []
    for name, callback in name_callbacks(callbacks):
        if name in nested:
            cls = callback if inspect.isclass(callback) else type(callback)
            own = {**get_constructor_params(callback), **nested[name]}
            callback = cls(**convert_numpy_scalars(own))
        made.append(callback)
    return made
