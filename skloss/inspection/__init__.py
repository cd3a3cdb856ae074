"""What can be learnt about an estimator, its settings and its data.

TensorFlow is loaded when a name that needs it is first used.
"""

import importlib

_HOMES = {
    "CriticalDifferenceDisplay": "_critical_difference",
    "Diagnosis": "_diagnose",
    "DiagnosisCheck": "_diagnosis_checks",
    "LRRangeTest": "_lr_range_test",
    "LossComparisonDisplay": "_comparison_display",
    "LossShapesDisplay": "_loss_shapes",
    "SearchResultsDisplay": "_search_results",
    "TrainingCurvesDisplay": "_training_curves",
    "diagnose": "_diagnose",
    "diagnosis_checks": "_diagnosis_checks",
    "lr_range_test": "_lr_range_test",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
