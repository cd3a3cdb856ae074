"""Choose the loss of a neural network from inside scikit-learn.

TensorFlow is loaded when an estimator is first used, not on import.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "ClassificationHead": "skloss.estimators._heads",
    "LossAwareClassifier": "skloss.estimators._classifier",
    "LossAwareMultiTask": "skloss.estimators._multi_task",
    "LossAwareRegressor": "skloss.estimators._regressor",
    "MLP": "skloss.networks",
    "RegressionHead": "skloss.estimators._heads",
    "cache_programs": "skloss._tensorflow._program_cache",
    "exceptions": None,
    "losses": None,
    "networks": None,
    "schedules": None,
}

__all__ = [
    "MLP",
    "ClassificationHead",
    "LossAwareClassifier",
    "LossAwareMultiTask",
    "LossAwareRegressor",
    "RegressionHead",
    "cache_programs",
    "exceptions",
    "losses",
    "networks",
    "schedules",
]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    if home is None:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(home), name)


def __dir__():
    return sorted([*globals(), *__all__])
