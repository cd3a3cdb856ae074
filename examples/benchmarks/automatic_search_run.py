"""One run of ``automatic_search.py``, in a process of its own.

It runs on older versions of skloss too, so it names only what they have. Its argument
is a JSON object that says what to run; the last line that it prints is another, with
what was measured: seconds by the wall and of all processors.
"""

import json
import sys
import time
from contextlib import suppress

FOLDS, EPOCHS = 5, 100
RATES, PENALTIES = [1e-3, 3e-3, 1e-2], [0.0, 1e-4, 1e-3]
GRID_LOSSES = ["cross_entropy", "focal", "brier", "squared_hinge"]
GRID = {"epochs": 50, "batch_size": 32}
MANY = 100_000


class Spent:
    """Seconds since it was made, by the wall and of all processors, children's too."""

    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), cpu_seconds()

    def named(self, name):
        """Return both, under names that begin with ``name``."""
        return {
            f"{name}_seconds": time.perf_counter() - self.wall,
            f"{name}_cpu_seconds": cpu_seconds() - self.cpu,
        }


def cpu_seconds():
    """Return the processor seconds of this process and of those it started."""
    import psutil

    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += sum(child.cpu_times()[:2])
    return total


def load(name):
    """Return X, y and whether y are classes."""
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, y, name != "diabetes"


def import_skloss():
    """Import all that a search needs, and return how long that took."""
    spent = Spent()
    import optuna
    import tensorflow  # noqa: F401

    from skloss import LossAwareClassifier, LossAwareRegressor  # noqa: F401
    from skloss.model_selection import (  # noqa: F401
        FusedGridSearchCV,
        FusedOptunaSearchCV,
        loss_space,
    )

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return spent.named("import")


def count_programs():
    from skloss._engine import trace_count

    return trace_count()


def count_steps():
    """Return the steps of networks that still trained, and all that were computed.

    Both count one for each step and network; all has the copies and empty places too.
    Where the engine does not count them, they are None.
    """
    from skloss import _engine

    count = getattr(_engine, "count_steps_computed", None)
    return (None, None) if count is None else count()


def choose_losses(y, classes, which):
    """Return the space of losses: the usual ones, or all that give probabilities."""
    from skloss import losses
    from skloss.model_selection import loss_space

    if which == "usual":
        return loss_space(y, prefix="net__loss")
    space = loss_space(y, include="all", prefix="net__loss")
    if classes:
        mute = [
            text
            for text in space.losses
            if not losses.get(text, "classification").has_probabilities
        ]
        space = loss_space(y, include="all", exclude=mute, prefix="net__loss")
    return space


def in_pipeline(net):
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("scale", StandardScaler()), ("net", net)])


def make_search(X, y, classes, what):
    """Return the automatic search: losses, penalties, dropout, rates, schedules."""
    from skloss import LossAwareClassifier, LossAwareRegressor
    from skloss.model_selection import FusedOptunaSearchCV

    kind = LossAwareClassifier if classes else LossAwareRegressor
    net = kind(epochs=EPOCHS, early_stopping=True, random_state=what["seed"])
    space = {
        "net__loss": choose_losses(y, classes, what["losses"]),
        "net__learning_rate": (1e-3, 1e-2, "log"),
        "net__l2": (1e-6, 1e-2, "log"),
        "net__dropout": (0.0, 0.5, "linear"),
        "net__lr_schedule": ["constant", "cosine"],
    }
    return FusedOptunaSearchCV(
        in_pipeline(net),
        space,
        n_trials=what.get("n_trials", MANY),
        timeout=what.get("timeout"),
        cv=FOLDS,
        n_jobs=what.get("n_jobs", 2),
        random_state=what["seed"],
    )


def run_search(what):
    """Search once, and once more where a warm search is asked for."""
    X, y, classes = load(what["data"])
    found = {}
    for name in ("cold", "warm") if what.get("warm") else ("cold",):
        programs, steps, spent = count_programs(), count_steps(), Spent()
        search = make_search(X, y, classes, what).fit(X, y)
        found |= spent.named(name)
        found[f"{name}_programs"] = count_programs() - programs
        found[f"{name}_share"] = share_of(steps, count_steps())
    tried = [params["net__loss"] for params in search.cv_results_["params"]]
    return found | {
        "trials": len(tried),
        "losses": len(search.param_distributions["net__loss"].losses),
        "losses_tried": len({text.split(":")[0] for text in tried}),
        "best_loss": search.best_params_["net__loss"],
        "best_score": search.best_score_,
    }


def run_first_second(what):
    """Search twice, and tell how long TensorFlow's graphs were made in Python."""
    from tensorflow.python.framework import func_graph

    make, traced = func_graph.func_graph_from_py_func, [0.0]

    def make_timed(*args, **kwargs):
        func_graph.func_graph_from_py_func = make  # graphs within are part of this one
        start = time.perf_counter()
        try:
            return make(*args, **kwargs)
        finally:
            traced[0] += time.perf_counter() - start
            func_graph.func_graph_from_py_func = make_timed

    func_graph.func_graph_from_py_func = make_timed
    return run_search(what | {"warm": True}) | {"trace_seconds": traced[0]}


def share_of(before, after):
    """Return the share of the steps between two counts whose network still trained."""
    if None in after:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def our_net(seed):
    from skloss import LossAwareClassifier

    return LossAwareClassifier(network=(64, 64), random_state=seed, **GRID)


def their_net(seed):
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        (64, 64),
        batch_size=GRID["batch_size"],
        max_iter=GRID["epochs"],
        tol=0,
        n_iter_no_change=GRID["epochs"],
        alpha=0,
        random_state=seed,
    )


def run_grid(what):
    """Search 36 candidates on 5 folds without stopping early, twice."""
    import numpy as np
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    X, y, _ = load("breast_cancer")
    rest = {
        "cv": StratifiedKFold(FOLDS, shuffle=True, random_state=0),
        "refit": False,
        "n_jobs": 2,
    }
    if what["net"] == "MLPClassifier":
        net, make = their_net(what["seed"]), GridSearchCV
        penalties = np.geomspace(1e-5, 1e-1, 12).tolist()
        grid = {"net__learning_rate_init": RATES, "net__alpha": penalties}
    else:
        from skloss.model_selection import FusedGridSearchCV

        net, make = our_net(what["seed"]), FusedGridSearchCV
        grid = {
            "net__loss": GRID_LOSSES,
            "net__learning_rate": RATES,
            "net__l2": PENALTIES,
        }
    return time_twice(lambda: make(in_pipeline(net), grid, **rest).fit(X, y))


def run_fit(what):
    """Fit one network twice."""
    X, y, _ = load("breast_cancer")
    make = their_net if what["net"] == "MLPClassifier" else our_net
    return time_twice(lambda: in_pipeline(make(what["seed"])).fit(X, y))


def time_twice(function):
    found = {}
    for name in ("cold", "warm"):
        spent = Spent()
        function()
        found |= spent.named(name)
    return found


RUNS = {
    "search": run_search,
    "first_second": run_first_second,
    "grid": run_grid,
    "fit": run_fit,
}


def main(what):
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)  # all 50 epochs are wanted
    if what.get("cache"):
        from skloss import cache_programs

        cache_programs(what["cache"])
    imported = {} if what.get("net") == "MLPClassifier" else import_skloss()
    print(json.dumps(imported | RUNS[what["run"]](what)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
