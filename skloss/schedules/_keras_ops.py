"""``keras.ops``, loaded on first use."""

import importlib


def __getattr__(name):
    home = importlib.import_module("skloss._tensorflow")
    home.start()
    return getattr(home.keras.ops, name)
