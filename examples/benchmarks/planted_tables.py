"""Twelve tables with one thing planted in each, and the score that judges it.

What is planted, and by which score a loss is judged on it, was written down before
anything was run. All have the same six columns and a signal that bends and interacts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import cohen_kappa_score, make_scorer, mean_pinball_loss
from sklearn.preprocessing import StandardScaler

ROWS = 1_000


@dataclass(frozen=True)
class PlantedTable:
    """A table: what is planted, how y is drawn, and the score that judges losses.

    Parameters
    ----------
    name : str
    draw : callable
        From a generator, X and the signal (of variance 1) to y.
    scoring : str or callable
    classes : bool
    """

    name: str
    draw: Callable
    scoring: object
    classes: bool

    def make(self, seed):
        """Return X, an array, and y."""
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(ROWS, 6))
        signal = X[:, 0] + np.sin(2 * X[:, 1]) + 0.5 * X[:, 2] * X[:, 3]
        return X, self.draw(rng, X, (signal - signal.mean()) / signal.std())

    def prepare(self, X):
        """Return the steps before a network."""
        return [StandardScaler()]


def draw_classes(rng, odds):
    """Return 0 and 1 by log-odds."""
    return (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)


def draw_noisy_labels(rng, X, signal):
    y = draw_classes(rng, 8 * signal)
    return np.where(rng.random(len(y)) < 0.25, 1 - y, y)


def draw_outliers(rng, X, signal):
    y = signal + 0.3 * rng.normal(size=len(X))
    far = rng.random(len(y)) < 0.1
    return y + far * rng.choice([-1, 1], len(y)) * rng.uniform(5, 10, len(y)) * y.std()


def draw_counts(rng, X, signal):
    return rng.poisson(np.exp(0.5 + 0.7 * signal)).astype(float)


def draw_dispersed(rng, X, signal):
    mean = np.exp(1 + 0.7 * signal) * rng.gamma(1.0, 1.0, len(X))
    return rng.poisson(mean).astype(float)


def draw_zeros(rng, X, signal):
    return rng.poisson(np.exp(1 + 0.6 * signal)) * (rng.random(len(X)) < 0.6) * 1.0


def draw_skewed(rng, X, signal):
    return np.exp(0.8 * signal) * rng.gamma(2.0, 0.5, len(X))


def draw_shares(rng, X, signal):
    share = 1 / (1 + np.exp(-signal))
    return rng.beta(8 * share, 8 * (1 - share))


def draw_grades(rng, X, signal):
    return np.digitize(signal + 0.5 * rng.normal(size=len(X)), [-1.5, -0.5, 0.5, 1.5])


def draw_rare(rng, X, signal):
    return draw_classes(rng, 2 * signal - 5)


def draw_heavy_tails(rng, X, signal):
    return signal + 0.5 * rng.standard_t(2.5, len(X))


def draw_spread(rng, X, signal):
    return signal + 0.6 * np.exp(0.8 * X[:, 4]) * rng.normal(size=len(X))


def draw_clean(rng, X, signal):
    return draw_classes(rng, 4 * signal)


KAPPA = make_scorer(cohen_kappa_score, weights="quadratic")
PINBALL = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
POISSON, GAMMA = "neg_mean_poisson_deviance", "neg_mean_gamma_deviance"
MAE, RMSE = "neg_mean_absolute_error", "neg_root_mean_squared_error"
PLANTED = (
    PlantedTable("wrong labels", draw_noisy_labels, "accuracy", classes=True),
    PlantedTable("outliers", draw_outliers, MAE, classes=False),
    PlantedTable("counts", draw_counts, POISSON, classes=False),
    PlantedTable("over-dispersion", draw_dispersed, POISSON, classes=False),
    PlantedTable("excess zeros", draw_zeros, POISSON, classes=False),
    PlantedTable("positive skew", draw_skewed, GAMMA, classes=False),
    PlantedTable("shares", draw_shares, RMSE, classes=False),
    PlantedTable("ordered classes", draw_grades, KAPPA, classes=True),
    PlantedTable("imbalance", draw_rare, "balanced_accuracy", classes=True),
    PlantedTable("heavy tails", draw_heavy_tails, MAE, classes=False),
    PlantedTable("a quantile", draw_spread, PINBALL, classes=False),
    PlantedTable("clean", draw_clean, "neg_log_loss", classes=True),
)
