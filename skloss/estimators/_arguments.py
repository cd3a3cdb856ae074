"""Arguments of ``fit`` that it does not take: which, and where they belong."""

import functools
import inspect
from numbers import Number

# What Keras' ``fit`` takes, by another name or in another place here.
ELSEWHERE = {
    "validation_data": " Give X_val= and y_val=.",
    "validation_split": " Set early_stopping=True and validation_fraction= of the "
    "estimator, which set rows aside.",
    "class_weight": " Give each row its weight by sample_weight=.",
}


def explains_arguments(method):
    """Return a method whose errors of a wrong call name the class and the remedy."""

    @functools.wraps(method)
    def explained(self, *args, **kwargs):
        check_arguments(self, method, args, kwargs)
        return method(self, *args, **kwargs)

    return explained


def check_arguments(estimator, method, args, kwargs):
    """Raise TypeError as Python does for a wrong call, with the remedy.

    Parameters
    ----------
    estimator : estimator
    method : function
        Of its class.
    args, kwargs : tuple, dict
        What it is called with.
    """
    signature = inspect.signature(method)
    try:
        signature.bind(estimator, *args, **kwargs)
    except TypeError as error:
        name = next((n for n in kwargs if n not in signature.parameters), None)
        text = f"{type(estimator).__name__}.{method.__name__}() {error}."
        if name is not None:
            text += explain_place(estimator, name, kwargs[name])
        raise TypeError(text) from None


def explain_place(estimator, name, value):
    """Return the end of a message, where an argument belongs; nothing if nowhere."""
    if name in estimator.get_params(deep=False):
        short = isinstance(value, Number | str)
        shown = f"{name}={value!r}" if short else f"{name}=..."
        return (
            f" {name} is a parameter of the estimator: "
            f"{type(estimator).__name__}({shown}), or set_params({shown})."
        )
    return ELSEWHERE.get(name, "")
