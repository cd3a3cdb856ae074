"""Greedy selection of an ensemble from a library of models.

Caruana, Niculescu-Mizil, Crew and Ksikes 2004, Sections 2 and 2.1: again and again the
model is added, with replacement, with which the mean scores best.
"""

import numpy as np

MOST_ROUNDS, PATIENCE = 25, 5


def choose_weights(score, library, rounds=MOST_ROUNDS):
    """Return the weight of each model of a library, with sum 1.

    An addition may lower the score: two models may be better than one in other shares
    than halves. The best of all means counts, and when five additions gave no better
    one, it ends. Of equal additions the first model counts, of equal means the smaller.

    Parameters
    ----------
    score : callable
        ``score(values)`` of a mean of predictions, the higher the better; NaN counts
        as the lowest.
    library : ndarray of shape (models, ...)
        The models' predictions.
    rounds : int, default=25
        Additions, at most.

    Returns
    -------
    ndarray of shape (models,)
        Zeros, where not even one model has a score.

    Examples
    --------
    >>> y = np.array([1.0, 2.0, 3.0])
    >>> library = np.array([[1.5, 2.5, 3.5], [0.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
    >>> choose_weights(lambda values: -np.square(values - y).mean(), library)
    array([0.66666667, 0.33333333, 0.        ])
    """
    counts, total = np.zeros(len(library)), np.zeros_like(library[0])
    best, weights, found = -np.inf, counts, 0
    for size in range(1, rounds + 1):
        scores = np.array([score((total + own) / size) for own in library])
        scores[np.isnan(scores)] = -np.inf
        k = int(scores.argmax())
        if scores[k] == -np.inf or size > found + PATIENCE:
            break
        total = total + library[k]
        counts[k] += 1
        if scores[k] > best:
            best, weights, found = scores[k], counts / size, size
    return weights
