"""``keras.ops``, loaded on first use."""

import importlib


def __getattr__(name):
    return getattr(importlib.import_module("keras").ops, name)
