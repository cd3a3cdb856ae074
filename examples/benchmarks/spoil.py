"""What is done to training rows: wrong labels, gross errors, a class made rare.

Each takes X, y and a generator of random numbers, and returns new rows.
"""

import numpy as np

RARE, WRONG, GROSS = 0.03, 0.3, 0.1
FAR = (5.0, 10.0)  # gross errors, in standard deviations of y


def flip_labels(X, y, rng, share=WRONG):
    """Return the rows with a share of the labels another class, all alike likely."""
    classes, places = np.unique(y, return_inverse=True)
    wrong = rng.choice(len(y), round(share * len(y)), replace=False)
    steps = rng.integers(1, len(classes), size=len(wrong))
    places[wrong] = (places[wrong] + steps) % len(classes)
    return X, classes[places]


def add_outliers(X, y, rng, share=GROSS):
    """Return the rows with a share of y far off, above or below."""
    wrong = rng.choice(len(y), round(share * len(y)), replace=False)
    far = rng.uniform(*FAR, size=len(wrong)) * y.std()
    y = y.astype(float)
    y[wrong] += rng.choice([-1.0, 1.0], size=len(wrong)) * far
    return X, y


def thin_positives(X, y, rng, share=RARE):
    """Return all rows of class 0, and so many of class 1 that they are a share."""
    positive = np.flatnonzero(y == 1)
    wanted = round(share / (1 - share) * np.sum(y == 0))
    kept = np.setdiff1d(np.arange(len(y)), rng.permutation(positive)[wanted:])
    return X.iloc[kept], y[kept]
