"""How often each class occurs, and the scores that say the same."""

import numpy as np


def class_frequencies(task, y_true, sample_weight):
    """Return the weighted share of each class, of shape (classes,) or (2, labels)."""
    share = np.average(y_true, axis=0, weights=sample_weight)
    if task.kind == "multiclass":
        return share
    return np.concatenate([1 - share, share]).reshape(2, -1).squeeze()


def log_odds(task, prior):
    """Return log-probabilities (multiclass) or log-odds (binary, per label)."""
    if task.kind == "multiclass":
        return np.log(prior / prior.sum())
    return np.log(prior) - np.log1p(-prior)
