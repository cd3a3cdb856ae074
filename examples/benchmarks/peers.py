"""What an automatic search is compared to: four usual models, each tuned for its time.

A linear model over a grid of penalties; a multilayer perceptron, gradient boosting of
scikit-learn and LightGBM by random search, their defaults first, over spaces as wide as
those of published comparisons (Grinsztajn et al. 2022, Gorishniy et al. 2021). Each
candidate is scored by five-fold cross-validation with the metric of the table; the
fold's rows are prepared once, for all candidates.

A peer has twice the seconds of a search on two cores, counted as processor seconds of
its process, which has one thread, so that peers may run side by side. A candidate is
begun while there is time, and dropped if the time ends before its last fold; the
defaults are always finished, and the fit of the best on all rows is given on top.
"""

import time
import warnings

import numpy as np
from scipy.stats import loguniform, uniform
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import ParameterSampler
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import prepare

CORES = 2
MANY = 1_000_000
WIDTHS = [(64,), (256,), (64, 64), (256, 256), (128, 128, 128), (512, 256)]


class LogInteger:
    """A distribution of integers whose logarithm is uniform, both ends included."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def rvs(self, size=None, random_state=None):
        """Return one integer."""
        found = loguniform(self.low, self.high + 1).rvs(random_state=random_state)
        return int(found)


def make_linear(classes, seed):
    """Return a linear model and its grid, scikit-learn's penalty first."""
    if classes:
        model = LogisticRegression(max_iter=2000)
        grid = [{"C": penalty} for penalty in [1.0, *np.logspace(-4, 4, 25)]]
    else:
        model = Ridge()
        grid = [{"alpha": penalty} for penalty in [1.0, *np.logspace(-5, 5, 31)]]
    step = type(model).__name__.lower()
    return make_pipeline(StandardScaler(), model), add_prefix(grid, step)


def make_mlp(classes, seed):
    """Return a perceptron, behind scalers of inputs and targets, and its candidates."""
    space = {
        "hidden_layer_sizes": [(100,), *WIDTHS],
        "activation": ["relu", "relu", "tanh"],
        "alpha": loguniform(1e-6, 1e1),
        "learning_rate_init": loguniform(1e-4, 1e-2),
        "batch_size": [32, 64, 128, "auto"],
        "early_stopping": [False, True],
        "max_iter": [50, 200, 500],
    }
    candidates = draw(space, seed)
    if classes:
        net = MLPClassifier(random_state=seed)
        model = make_pipeline(StandardScaler(), net)
        return model, add_prefix(candidates, "mlpclassifier")
    net = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed))
    model = TransformedTargetRegressor(net, transformer=StandardScaler())
    return model, add_prefix(candidates, "regressor__mlpregressor")


def make_boosting(classes, seed):
    """Return scikit-learn's gradient boosting and its candidates."""
    space = {
        "learning_rate": loguniform(1e-2, 0.5),
        "max_iter": LogInteger(30, 1000),
        "max_leaf_nodes": LogInteger(3, 127),
        "min_samples_leaf": LogInteger(1, 100),
        "l2_regularization": loguniform(1e-6, 1e2),
        "max_features": uniform(0.3, 0.7),
        "early_stopping": [False],
    }
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(random_state=seed), draw(space, seed)


def make_lightgbm(classes, seed):
    """Return LightGBM and its candidates."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    space = {
        "learning_rate": loguniform(5e-3, 0.5),
        "n_estimators": LogInteger(30, 1000),
        "num_leaves": LogInteger(3, 127),
        "min_child_samples": LogInteger(1, 100),
        "subsample": uniform(0.4, 0.6),
        "colsample_bytree": uniform(0.3, 0.7),
        "reg_alpha": loguniform(1e-8, 1e1),
        "reg_lambda": loguniform(1e-8, 1e2),
    }
    kind = LGBMClassifier if classes else LGBMRegressor
    model = kind(random_state=seed, n_jobs=1, subsample_freq=1, verbose=-1)
    return model, draw(space, seed)


PEERS = {
    "linear": make_linear,
    "MLP": make_mlp,
    "HistGradientBoosting": make_boosting,
    "LightGBM": make_lightgbm,
}


def draw(space, seed):
    """Yield the defaults, which set nothing, and then what is drawn from a space."""
    yield {}
    yield from ParameterSampler(space, MANY, random_state=seed)


def add_prefix(candidates, step):
    """Yield candidates with the names that a step's parameters have outside."""
    for params in candidates:
        yield {f"{step}__{name}": value for name, value in params.items()}


def tune(model, candidates, folds, scorer, seconds):
    """Return the best candidate, its score, and how many were finished and failed.

    Parameters
    ----------
    model : estimator
    candidates : iterator of dict
    folds : list of tuple
        X_train, y_train, X_test and y_test of each fold, prepared.
    scorer : callable
        More is better.
    seconds : float
        Of the processor; no fold is begun after them, but for the first candidate's.
    """
    best, best_score, finished, failed = {}, -np.inf, 0, 0
    start = time.process_time()
    for params in candidates:
        scores = []
        for X_train, y_train, X_test, y_test in folds:
            if finished and time.process_time() - start >= seconds:
                return best, best_score, finished, failed
            try:
                fitted = clone(model).set_params(**params).fit(X_train, y_train)
                scores.append(scorer(fitted, X_test, y_test))
            except ValueError:  # a network diverged: scikit-learn refuses what it says
                scores.append(-np.inf)
                failed += 1
                break
        score = np.mean(scores)
        finished += 1
        if score > best_score:
            best, best_score = params, score
    return best, best_score, finished, failed


def run_peer(table, split, peer, seconds, seed):
    """Return what a tuned peer scores on the test rows of a split; less is better."""
    warnings.simplefilter("ignore")  # of networks that would train for longer
    X_train, X_test, y_train, y_test = table.split(split)
    scorer = get_scorer(table.scoring)
    start, start_cpu = time.perf_counter(), time.process_time()
    folds = [
        prepare_fold(X_train, y_train, *rows)
        for rows in table.folds(seed).split(X_train, y_train)
    ]
    model, candidates = PEERS[peer](table.classes, seed)
    best, inner, finished, failed = tune(
        model, candidates, folds, scorer, seconds * CORES
    )
    if not np.isfinite(inner):
        raise RuntimeError(f"No candidate of {peer} could be scored on {table.name}.")
    model = make_pipeline(prepare(X_train), clone(model).set_params(**best))
    model.fit(X_train, y_train)
    return {
        "test": -scorer(model, X_test, y_test),
        "inner": -inner,
        "candidates": finished,
        "failed": failed,
        "wall_seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - start_cpu,
        "params": {name: make_plain(value) for name, value in best.items()},
    }


def prepare_fold(X, y, train, test):
    """Return the prepared rows of a fold, by what its training rows say."""
    rows, others = X.iloc[train], X.iloc[test]
    step = prepare(X).fit(rows)
    return step.transform(rows), y[train], step.transform(others), y[test]


def make_plain(value):
    """Return a parameter as JSON has it."""
    return value.item() if isinstance(value, np.generic) else value
