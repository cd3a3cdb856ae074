"""What is kept of a trained and scored cell."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Scored:
    """What is kept of a cell: its scores, and what explains them.

    Attributes
    ----------
    test_scores, train_scores : float or dict of str to float
    fit_time, score_time : float
        Seconds; where networks trained together, an equal share each.
    epochs : int
    outcome : str
    resolved_loss : str
    error : str, optional
    curve : list of float
        The monitored score of rows set aside, epoch by epoch.
    estimator : estimator, optional
        Fitted; of the best candidate only.
    """

    test_scores: object = None
    train_scores: object = None
    fit_time: float = 0.0
    score_time: float = 0.0
    epochs: int = 0
    outcome: str = "not trained"
    resolved_loss: str = ""
    error: str | None = None
    curve: list = field(default_factory=list)
    estimator: object = None


def mean_score(folds, metric=None):
    """Return the mean of a metric over folds; NaN where a fold has none."""
    return float(np.mean([score_of(fold.test_scores, metric) for fold in folds]))


def score_of(scores, metric):
    """Return one score of a cell's; NaN where there is none."""
    if isinstance(scores, dict):
        # which metrics a callable gives, and whether refit is among them, is seen last
        return scores.get(metric or next(iter(scores)), np.nan)
    return np.nan if scores is None else scores
