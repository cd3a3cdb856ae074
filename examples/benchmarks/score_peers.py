"""Peers of ``own_loss.py``: models that have the objective of a score, or none for it.

Gradient boosting of scikit-learn and LightGBM with the objective of the score where
they have one, on a transformed target, with class weights or as they are where they
have none; linear models of the same objective where there is one. Spaces, seconds and
folds are those of ``peers.py``. Names begin with the group in which the best by the
inner folds is chosen: "boosting" is what a user who knows the score would take, "plain"
what one who knows nothing of it would; those who are "told" know how many labels are
wrong.
"""

import time

import numpy as np
from peers import (
    CORES,
    add_prefix,
    make_boosting,
    make_lightgbm,
    make_plain,
    prepare_fold,
    tune,
)
from score_arms import LEVEL, undo_flips
from score_tables import split_table
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import (
    HuberRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import prepare

PENALTIES = np.logspace(-4, 4, 17)
WEIGHTED = {"class_weight": "balanced"}


def boost(classes, **objective):
    """Return what makes gradient boosting of scikit-learn with an objective."""

    def make(seed):
        model, candidates = make_boosting(classes, seed)
        return model.set_params(**objective), candidates

    return make


def light(classes, **objective):
    """Return what makes LightGBM with an objective."""

    def make(seed):
        model, candidates = make_lightgbm(classes, seed)
        return model.set_params(**objective), candidates

    return make


def linear(model, **grid):
    """Return what makes a linear model, its defaults first, then one grid."""

    def make(seed):
        step = type(model).__name__.lower()
        ((name, values),) = grid.items()
        candidates = [{}, *({name: float(value)} for value in values)]
        return make_pipeline(StandardScaler(), model), add_prefix(candidates, step)

    return make


def of_logarithm(make):
    """Return what makes the same model of log(1 + y)."""

    def make_transformed(seed):
        model, candidates = make(seed)
        model = TransformedTargetRegressor(model, func=np.log1p, inverse_func=np.expm1)
        return model, add_prefix(candidates, "regressor")

    return make_transformed


def quantile(level):
    return linear(QuantileRegressor(quantile=level), alpha=np.logspace(-5, 0, 11))


# What is made of predictions of a peer for test rows. Its candidates are compared as
# they are: labels are as likely as before when both are reckoned out and in again.
TOLD = ("boosting", "boosting LightGBM", "linear")
CHANGES = {f"labels/told {name}": undo_flips for name in TOLD}
LOGISTIC = LogisticRegression(max_iter=2000)
PEERS = {
    "mae": {
        "boosting absolute_error": boost(False, loss="absolute_error"),
        "boosting LightGBM mae": light(False, objective="mae"),
        "linear median": quantile(0.5),
    },
    "pinball": {
        "boosting quantile": boost(False, loss="quantile", quantile=LEVEL),
        "boosting LightGBM quantile": light(False, objective="quantile", alpha=LEVEL),
        "linear quantile": quantile(LEVEL),
    },
    "poisson": {
        "boosting poisson": boost(False, loss="poisson"),
        "boosting LightGBM poisson": light(False, objective="poisson"),
        "linear poisson": linear(PoissonRegressor(max_iter=1000), alpha=PENALTIES),
    },
    "msle": {
        "boosting of log": of_logarithm(boost(False)),
        "boosting LightGBM of log": of_logarithm(light(False)),
        "linear of log": of_logarithm(linear(Ridge(), alpha=PENALTIES)),
    },
    "kappa": {
        "boosting rounded": boost(False),
        "boosting classes": boost(True),
        "boosting LightGBM rounded": light(False),
        "boosting LightGBM classes": light(True),
        "linear rounded": linear(Ridge(), alpha=PENALTIES),
    },
    "balanced": {
        "boosting weighted": boost(True, **WEIGHTED),
        "boosting LightGBM weighted": light(True, **WEIGHTED),
        "plain boosting": boost(True),
        "linear weighted": linear(clone(LOGISTIC).set_params(**WEIGHTED), C=PENALTIES),
    },
    "labels": {
        "boosting": boost(True),
        "boosting LightGBM": light(True),
        "linear": linear(LOGISTIC, C=PENALTIES),
        "told boosting": boost(True),
        "told boosting LightGBM": light(True),
        "told linear": linear(LOGISTIC, C=PENALTIES),
    },
    "outliers": {
        "boosting absolute_error": boost(False, loss="absolute_error"),
        "boosting LightGBM huber": light(False, objective="huber"),
        "plain boosting": boost(False),
        "linear huber": linear(HuberRegressor(max_iter=1000), alpha=PENALTIES),
    },
}


def tune_peer(score, table, split, make, seconds, seed, change=None):
    """Return what a tuned peer scores on test rows.

    Parameters
    ----------
    score : Score
    table : Table
    split : int
    make : callable
        From a seed to a model and its candidates, as in ``PEERS``.
    seconds : float
        Of each of two processors.
    seed : int
    change : callable, default=None
        What is made of predictions for test rows.
    """
    X, X_test, y, y_test = split_table(table, split, score.spoil)
    start, start_cpu = time.perf_counter(), time.process_time()
    folds = [prepare_fold(X, y, *rows) for rows in table.folds(seed).split(X, y)]
    model, candidates = make(seed)
    best, inner, finished, failed = tune(
        model, candidates, folds, score.inner(), seconds * CORES
    )
    made = make_pipeline(prepare(X), clone(model).set_params(**best)).fit(X, y)
    return {
        "value": score.test(made, X_test, y_test, change),
        "inner": float(inner),
        "candidates": finished,
        "failed": failed,
        "wall_seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - start_cpu,
        "params": {name: make_plain(value) for name, value in best.items()},
    }
