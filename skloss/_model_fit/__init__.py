"""Training by ``keras.Model.fit``, through scikeras.

Its classes are Keras', so that it is loaded when something is asked of it: an estimator
that only predicts loads no Keras.
"""

import importlib


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("skloss._model_fit._keras_fit"), name)
