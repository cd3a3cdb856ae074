"""What y must be: the domains of regression losses."""

import numpy as np

# From the widest to the narrowest.
DOMAINS = {
    "real": ("finite y", np.isfinite),
    "nonnegative": ("y >= 0", lambda y: y >= 0),
    "positive": ("y > 0", lambda y: y > 0),
    "count": ("integers y >= 0", lambda y: (y >= 0) & (y == np.floor(y))),
    "unit": ("0 <= y <= 1", lambda y: (y >= 0) & (y <= 1)),
    "open_unit": ("0 < y < 1", lambda y: (y > 0) & (y < 1)),
}


def bound_and_outside(domain, y):
    """Return the domain in words, and the values of ``y`` outside it."""
    bound, inside = DOMAINS[domain]
    y = np.asarray(y)
    return bound, y[~inside(y)]


def widest(domains):
    """Return the widest of several domains."""
    return min(domains, key=list(DOMAINS).index)


def narrowest(domains):
    """Return the narrowest of several domains."""
    return max(domains, key=list(DOMAINS).index)
