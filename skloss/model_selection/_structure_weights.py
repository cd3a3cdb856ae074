"""Weights of an ensemble by what few rows tell: which structures are good, no more."""

import numpy as np


def weigh_structures(scores, structures, left_out=None):
    """Return weights for the best candidate of each structure, by how good it is.

    The weight is exp(-gap / error): the gap to the best score, in standard errors of
    that score over the folds. Of one fold none is known, and the best counts alone.

    Parameters
    ----------
    scores : ndarray of shape (candidates, folds)
        The best candidate first.
    structures : list
        One for each candidate.
    left_out : int or None, default=None
        A fold that must not count.

    Examples
    --------
    >>> scores = np.array([[3.0, 1.0], [2.0, 1.8], [0.0, 2.0]])  # 2, 1.9 and 1, +-1
    >>> weigh_structures(scores, ["wide", "wide", "deep"]).round(2)
    array([0.73, 0.  , 0.27])
    """
    folds = np.arange(scores.shape[1]) != left_out
    scores = scores[:, folds] if folds.any() else scores
    means, n_folds = scores.mean(axis=1), scores.shape[1]
    firsts = {}
    for i in np.argsort(-means, kind="stable"):
        firsts.setdefault(structures[i], int(i))
    best = next(iter(firsts.values()))
    error = scores[best].std(ddof=1) / np.sqrt(n_folds) if n_folds > 1 else 0.0
    chosen, weights = list(firsts.values()), np.zeros(len(scores))
    gaps = means[best] - means[chosen]
    weights[chosen] = np.exp(-gaps / error) if error > 0 else gaps == 0
    return weights / weights.sum()
