"""One search of ``own_loss.py``: a score, a table, a split and an arm, by skloss.

It runs in a process of its own; its argument is a JSON object with these and with the
seconds, its last line another one with what was found.
"""

import json
import sys
import time
import warnings

from score_arms import SCORES
from score_tables import TABLES, split_table
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tables import prepare


def make_pipeline(X, classes, seed):
    """Return what a user hands to the search."""
    from skloss import LossAwareClassifier, LossAwareRegressor

    kind = LossAwareClassifier if classes else LossAwareRegressor
    steps = [("numbers", prepare(X)), ("scale", StandardScaler())]
    return Pipeline([*steps, ("net", kind(random_state=seed))])


def replace_losses(space, losses):
    """Return a space with other losses under the name that it has for them."""
    from skloss.model_selection import LossSpace

    name = next(name for name in space if name.endswith("loss"))
    return space | {name: LossSpace(losses, prefix=name)}


def make_space(pipe, X, y, own, losses):
    """Return the automatic space of a score, with its losses or with others."""
    from skloss.model_selection import loss_space
    from skloss.networks import MLP

    space = {
        "net__loss": loss_space(y, scoring=own, prefix="net__loss"),
        "net__network": [MLP(()), MLP((64, 64))],
        "net__learning_rate": (5e-4, 1.6e-2, "log"),
        "net__l2": (3e-6, 3e-2, "log"),
        "net__dropout": (0.0, 0.5, "linear"),
        "net__epochs": [60],
        "net__lr_schedule": ["cosine"],
    }
    return space if losses is None else replace_losses(space, losses)


def main(asked):
    """Search once, test once, and return what was found."""
    import optuna

    from skloss.model_selection import FusedOptunaSearchCV

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = next(t for t in TABLES[asked["score"]] if t.name == asked["table"])
    score = SCORES[asked["score"]]
    X, X_test, y, y_test = split_table(table, asked["split"], score.spoil)
    arm, own = score.searches[asked["arm"]], score.searches["own"]
    pipe = make_pipeline(X, table.classes, asked["seed"])
    began = time.perf_counter()
    search = FusedOptunaSearchCV(
        pipe,
        make_space(pipe, X, y, own.scoring, arm.losses),
        timeout=asked["seconds"],
        scoring=arm.scoring,
        cv=table.folds(asked["seed"]),
        n_jobs=2,
        random_state=asked["seed"],
        ensemble="greedy",
    ).fit(X, y)
    wall = time.perf_counter() - began
    drawn = search.cv_results_["params"]
    return {
        "value": score.test(search.ensemble_, X_test, y_test),
        "alone": score.test(search, X_test, y_test),
        "inner": float(search.best_score_),
        "wall": wall,
        "trials": len(drawn),
        "losses_tried": sorted({p["net__loss"].split(":")[0] for p in drawn}),
        "best_loss": search.best_params_["net__loss"],
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(main(json.loads(sys.argv[1]))))
