"""Searches over losses and all else, with all networks in one graph.

TensorFlow and Optuna are loaded when a name that needs them is first used.
"""

import importlib

_HOMES = {
    "AutoSpace": "_auto_space",
    "FoldEnsembleClassifier": "_classifier_ensemble",
    "FoldEnsembleRegressor": "_regressor_ensemble",
    "FusedGridSearchCV": "_search",
    "FusedOptunaSearchCV": "_optuna",
    "FusedRandomizedSearchCV": "_search",
    "LabelledSplit": "_labelled_split",
    "LossComparison": "_loss_comparison",
    "LossSpace": "_spaces",
    "SuccessiveHalving": "_pruning",
    "auto_space": "_auto_space",
    "TablesComparison": "_compare_tables",
    "TransitionScorer": "_transitions",
    "compare_losses": "_compare_losses",
    "compare_tables": "_compare_tables",
    "fused_cross_validate": "_cross_validate",
    "head_scorer": "_head_scorer",
    "loss_space": "_fitting_losses",
    "recommend_losses": "_recommend_losses",
    "suggest_from": "_suggest",
    "suggest_params": "_suggest",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
