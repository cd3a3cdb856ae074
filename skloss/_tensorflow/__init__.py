"""TensorFlow and Keras, which are loaded when one of these names is first asked for.

What is private in TensorFlow is used in this folder and nowhere else in the package: it
is about how TensorFlow starts, about its global state (and the part of Keras' that is
like it), and about what it keeps on disk.
"""

import importlib

__all__ = ["QuietAtFirst", "keras", "quietly", "start", "start_compiler", "tf"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}._loaded"), name)
