"""One automatic search of ``worth.py``, and what it scores on the rows set aside.

The wall clock runs from the call of ``fit`` to its end: search, refit and ensemble. The
process has two processors; importing TensorFlow is not counted.
"""

import os
import time
import warnings

from sklearn.metrics import get_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import prepare

CORES = 2
OPTIONS = {"ensemble": "greedy", "n_jobs": CORES}


def run_search(table, split, arm, seconds, seed):
    """Return what the models of a search score on the test rows; less is better.

    Parameters
    ----------
    table : Table
    split : int
    arm : Arm
        How its space differs from that of ``"auto"``, and its options.
    seconds : float
        The ``timeout``.
    seed : int
    """
    keep_processors(CORES)
    from skloss import LossAwareClassifier, LossAwareRegressor
    from skloss.model_selection import FusedOptunaSearchCV

    warnings.simplefilter("ignore")
    X_train, X_test, y_train, y_test = table.split(split)
    net = (LossAwareClassifier if table.classes else LossAwareRegressor)(
        random_state=seed
    )
    pipe = make_pipeline(prepare(X_train), StandardScaler(), net)
    space = "auto"
    if arm.change is not None:
        from skloss.model_selection import auto_space

        space = arm.change(auto_space(pipe, X_train, y_train, scoring=table.scoring))
    search = FusedOptunaSearchCV(
        pipe,
        space,
        timeout=seconds,
        scoring=table.scoring,
        cv=table.folds(seed),
        random_state=seed,
        **OPTIONS | arm.options,
    )
    spent = fit_timed(search, X_train, y_train)
    return spent | describe(search) | score_models(search, table, X_test, y_test)


def fit_timed(search, X, y):
    """Fit a search; return the seconds that it took, and how busy the machine was."""
    start, start_cpu = time.perf_counter(), time.process_time()
    search.fit(X, y)
    return {
        "wall_seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - start_cpu,
        "load": os.getloadavg()[0],
    }


def score_models(search, table, X, y):
    """Return the test scores of what a search ends in; "test" is of its final model."""
    scorer = get_scorer(table.scoring)
    names = {
        "test_refit": "best_estimator_",
        "test_folds": "fold_ensemble_",
        "test_ensemble": "ensemble_",
    }
    found = {
        name: -scorer(getattr(search, model), X, y)
        for name, model in names.items()
        if hasattr(search, model)
    }
    final = "test_refit" if search.ensemble is None else "test_ensemble"
    return {"test": found[final]} | found


def describe(search):
    """Return what a search says of itself: its own scores, trials and winner."""
    outcomes = list(search.cv_results_["outcome"])
    best = {name: str(of) for name, of in search.best_params_.items()}
    best.pop("steps", None)  # those of all candidates, and long
    found = {
        "inner": -search.best_score_,
        "candidates": len(outcomes),
        "pruned": sum(outcome.startswith("pruned") for outcome in outcomes),
        "programs": len(search.programs_),
        "params": best,
    }
    if hasattr(search, "ensemble_weights_"):
        found["members"] = int((search.ensemble_weights_ > 0).sum())
        found["promised"] = -search.ensemble_score_
    return found


def keep_processors(count):
    """Leave this process some of its processors, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
