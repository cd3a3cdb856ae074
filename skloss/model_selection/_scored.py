"""The scores of one candidate on one fold, and how its training went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of one candidate on one fold, and how its training went.

    Attributes
    ----------
    test_scores, train_scores : float or dict of str to float
        None before they are known.
    fit_time, score_time : float
        Seconds; where networks trained together, a share each.
    epochs : int
    outcome : str
    resolved_loss : str
    error : str, optional
    curve : list of float
        The monitored score of rows set aside, epoch by epoch.
    estimator : estimator, optional
        Fitted; in the end of the best candidates only.
    predictions : FoldPredictions, optional
        Those of the test rows, where an ensemble is wanted; as long as ``estimator``.
    """

    test_scores: float | dict[str, float] | None = None
    train_scores: float | dict[str, float] | None = None
    fit_time: float = 0.0
    score_time: float = 0.0
    epochs: int = 0
    outcome: str = "not trained"
    resolved_loss: str = ""
    error: str | None = None
    curve: list[float] = field(default_factory=list)
    estimator: Any = None
    predictions: Any = None


def mean_score(folds, metric=None):
    """Return the mean of a metric over folds; NaN where a fold has none."""
    return float(np.mean([get_score(fold.test_scores, metric) for fold in folds]))


def get_score(scores, metric):
    """Return one of a fold's scores; NaN where there is none."""
    if isinstance(scores, dict):
        # which metrics a callable gives, and whether refit is among them, is seen last
        return scores.get(metric or next(iter(scores)), np.nan)
    return np.nan if scores is None else scores
