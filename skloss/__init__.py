"""Choose the loss of a neural network from inside scikit-learn.

TensorFlow is loaded with the first estimator that is imported here. A fitted one that
was unpickled loads it when it is asked for what NumPy does not compute.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "ClassificationHead": "skloss.estimators._heads",
    "FittedQRegressor": "skloss.estimators._q_regressor",
    "LossAwareClassifier": "skloss.estimators._classifier",
    "LossAwareMultiTask": "skloss.estimators._multi_task",
    "LossAwareRegressor": "skloss.estimators._regressor",
    "LossAwareTransformer": "skloss.estimators._transformer",
    "MLP": "skloss.networks",
    "Pretrained": "skloss.estimators._pretrained",
    "RegressionHead": "skloss.estimators._heads",
    "TDValueRegressor": "skloss.estimators._value_regressor",
    "cache_programs": "skloss._tensorflow._program_cache",
    "exceptions": None,
    "losses": None,
    "networks": None,
    "schedules": None,
    "to_keras": "skloss.estimators._to_keras",
}

__all__ = [
    "MLP",
    "ClassificationHead",
    "FittedQRegressor",
    "LossAwareClassifier",
    "LossAwareMultiTask",
    "LossAwareRegressor",
    "LossAwareTransformer",
    "Pretrained",
    "RegressionHead",
    "TDValueRegressor",
    "cache_programs",
    "exceptions",
    "losses",
    "networks",
    "schedules",
    "to_keras",
]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    if home is None:
        return importlib.import_module(f"{__name__}.{name}")
    value = getattr(importlib.import_module(home), name)
    if home != _HOMES["cache_programs"]:  # which is to be called before
        # here, where the user imports, rather than in the middle of a first fit
        importlib.import_module("skloss._tensorflow").load()
    return value


def __dir__():
    return sorted([*globals(), *__all__])
