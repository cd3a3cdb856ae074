"""What a column of numbers, and what is left of it by a quick model, say of a loss."""

import numpy as np

from skloss._advice._baseline import Baseline, draw_rows
from skloss._advice._evidence import COMPLEXITY, PROBLEM, Evidence
from skloss._advice._likelihoods import (
    LEAST_NATS,
    LEAST_Z,
    compare_likelihoods,
    fit_likelihoods,
)

FEWEST_ROWS = 30  # for a cross-validated model whose residuals say anything
FEW_ROWS = 1_000
FAR, SHARE_FAR = 6.0, 0.01
REAL = "normal", "laplace", "student_t"
VARYING = "normal, spread by row", "student_t, spread by row"
#: From a kind of values to what every y must be.
KINDS = {
    "counts": lambda y: y.min() >= 0 and np.array_equal(y, np.floor(y)),
    "shares in (0, 1)": lambda y: y.min() > 0 and y.max() < 1,
    "shares in [0, 1]": lambda y: y.min() >= 0 and y.max() <= 1,
    "positive numbers": lambda y: y.min() > 0,
    "numbers from 0 on": lambda y: y.min() >= 0,
}


def measure_numbers(X, y):
    """Return the evidence on a column of numbers, and its likelihoods.

    Parameters
    ----------
    X : array-like of shape (n, columns)
        Of numbers, missing ones allowed; dense or sparse.
    y : ndarray of shape (n,)

    Returns
    -------
    evidence : list of Evidence
    likelihoods : dict of str to ndarray
        See ``fit_likelihoods``; empty where there is nothing to fit.
    """
    evidence = [describe_values(y), count_few_rows(len(y))]
    X, y = draw_rows(X, np.asarray(y, np.float64))
    if len(y) < FEWEST_ROWS or len(np.unique(y)) < 3:
        return evidence, {}
    baseline = Baseline(X, y)
    residuals = y - baseline.median
    if not np.any(residuals):
        return evidence, {}
    likelihoods = fit_likelihoods(y, baseline)
    evidence += [
        find_outliers(residuals),
        find_heavy_tails(likelihoods),
        find_varying_spread(likelihoods),
    ]
    if "poisson" in likelihoods:
        evidence += [find_overdispersion(likelihoods), find_zeros(y, likelihoods)]
    if "gamma" in likelihoods:
        evidence.append(find_skew(likelihoods))
    return evidence, likelihoods


def describe_values(y):
    """Return which numbers y holds."""
    kind = next((kind for kind, holds in KINDS.items() if holds(y)), "any numbers")
    low, high = float(np.min(y)), float(np.max(y))
    text = f"y holds {kind}, from {low:.6g} to {high:.6g}."
    restricted = kind != "any numbers"
    return Evidence(kind, low, 0.0, restricted, text, "", PROBLEM)


def count_few_rows(n_rows):
    """Return whether rows are few."""
    text = f"{n_rows:,} rows: " + (
        "few, so l2 and dropout matter as much as the loss."
        if n_rows < FEW_ROWS
        else "enough for what a loss adds to be seen."
    )
    few = n_rows < FEW_ROWS
    return Evidence("few rows", n_rows, FEW_ROWS, few, text, "", COMPLEXITY)


def find_outliers(residuals):
    """Return whether some rows are far from what a quick model predicts."""
    centred = np.abs(residuals - np.median(residuals))
    deviation = 1.4826 * np.median(centred)
    share = float(np.mean(centred > FAR * deviation))
    text = (
        f"{share:.1%} of the residuals are more than {FAR:g} robust standard "
        f"deviations off (from {SHARE_FAR:.0%} on: outliers)."
    )
    source = "Rousseeuw and Croux 1993"
    return Evidence("outliers", share, SHARE_FAR, share >= SHARE_FAR, text, source)


def weigh_gain(name, likelihoods, better, worse, what, source):
    """Return whether one group of distributions fits better than another."""
    first, second = (find_best(likelihoods, group) for group in (better, worse))
    gain = compare_likelihoods(likelihoods[first], likelihoods[second])
    text = (
        f"{what}: log-likelihood of {first} less that of {second}, {gain.nats:+.2f} "
        f"nats a row, {gain.z:.1f} standard errors (from {LEAST_NATS:+g} and "
        f"{LEAST_Z:g} on: {name})."
    )
    return Evidence(name, gain.nats, LEAST_NATS, gain.counts, text, source)


def find_best(likelihoods, names):
    """Return which of some distributions fits best."""
    return max(names, key=lambda name: likelihoods[name].mean())


def find_heavy_tails(likelihoods):
    """Return whether residuals have heavier tails than normal ones."""
    return weigh_gain(
        *("heavy tails", likelihoods, ("laplace", "student_t"), ("normal",)),
        *("Tails", "Lange, Little and Taylor 1989; Vuong 1989"),
    )


def find_varying_spread(likelihoods):
    """Return whether some rows are known better than others."""
    return weigh_gain(
        *("spread by row", likelihoods, VARYING, REAL),
        *("Spread", "Nix and Weigend 1994; Vuong 1989"),
    )


def find_overdispersion(likelihoods):
    """Return whether counts vary more than Poisson's."""
    return weigh_gain(
        *("over-dispersion", likelihoods, ("negative_binomial",), ("poisson",)),
        *("Counts", "Cameron and Trivedi 1990; Vuong 1989"),
    )


def find_zeros(y, likelihoods):
    """Return whether there are more zeros than counts explain."""
    return weigh_gain(
        *("excess zeros", likelihoods, ("zero_inflated_poisson",), ("poisson",)),
        *(f"Zeros ({np.mean(y == 0):.0%} of y)", "Lambert 1992; Vuong 1989"),
    )


def find_skew(likelihoods):
    """Return whether positive numbers scatter in proportion to their size."""
    return weigh_gain(
        *("skew", likelihoods, ("gamma", "log_normal"), (*REAL, *VARYING)),
        *("Skew", "Manning and Mullahy 2001; Vuong 1989"),
    )
