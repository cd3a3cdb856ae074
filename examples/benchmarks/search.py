"""How long does a search take? 36 candidates on 5 folds, by four routes.

breast_cancer in a Pipeline with StandardScaler; 30-64-64-1, Adam, batches of 32, 50
epochs; 4 losses x 3 learning rates x 3 L2 penalties on 5 folds are 180 networks. Scores
of the fused search and of scikit-learn's are compared before anything is timed. Routes
take turns; a slow one is timed on a slice and its time per network reported. "Warm"
excludes the tracing and compiling of the first search, which is printed beside it.

Then a search over every loss that fits, and again; and widths and numbers of networks,
with the arithmetic rate beside that of a large matrix product on the same machine: the
two take turns too.

Run ``python examples/benchmarks/search.py [quick]``. A benchmark is not a test: the
exit code is 0 whether or not the targets are met.
"""

import statistics
import sys
import time
import warnings
from itertools import pairwise

import keras
import numpy as np
import tensorflow as tf
from scikeras.wrappers import KerasClassifier
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, loss_space

EPOCHS, BATCH, FOLDS = 50, 32, 5
RATES, PENALTIES = [1e-3, 3e-3, 1e-2], [0.0, 1e-4, 1e-3]
LOSSES = ["cross_entropy", "focal", "brier", "squared_hinge"]
COMMON = {
    "cv": StratifiedKFold(FOLDS, shuffle=True, random_state=0),
    "refit": False,
    "error_score": "raise",
}


def pipeline(net):
    return Pipeline([("scale", StandardScaler()), ("net", net)])


def named(**grid):
    return {f"net__{name}": values for name, values in grid.items()}


def ours(**changes):
    return pipeline(
        LossAwareClassifier(batch_size=BATCH, epochs=EPOCHS, random_state=0, **changes)
    )


def build():
    layers = [keras.Input((30,))]
    layers += [keras.layers.Dense(64, activation="relu") for _ in range(2)]
    return keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])


def theirs():
    return pipeline(
        KerasClassifier(
            model=build,
            loss="binary_crossentropy",
            optimizer="adam",
            batch_size=BATCH,
            epochs=EPOCHS,
            verbose=0,
        )
    )


def mlp():
    return pipeline(
        MLPClassifier(
            (64, 64),
            batch_size=BATCH,
            max_iter=EPOCHS,
            tol=0,
            n_iter_no_change=EPOCHS,
            random_state=0,
        )
    )


FULL = named(loss=LOSSES, learning_rate=RATES, l2=PENALTIES)
ROUTES = {
    "skloss, fused": lambda: FusedGridSearchCV(ours(), FULL, n_jobs=2, **COMMON),
    "skloss, GridSearchCV": lambda: GridSearchCV(
        ours(), named(loss=LOSSES[:2], learning_rate=RATES[:2]), **COMMON
    ),
    "scikeras, GridSearchCV": lambda: GridSearchCV(
        theirs(), named(optimizer__learning_rate=RATES[:1]), **COMMON
    ),
    "MLPClassifier, GridSearchCV(n_jobs=2)": lambda: GridSearchCV(
        mlp(),
        named(learning_rate_init=RATES, alpha=np.geomspace(1e-5, 1e-1, 12).tolist()),
        n_jobs=2,
        **COMMON,
    ),
}


def compare_scores(X, y):
    """Compare the two routes that must agree, on some candidates."""
    grid = named(loss=LOSSES[:2], learning_rate=RATES[:1], dropout=[0.2])
    fused = FusedGridSearchCV(ours(), grid, scoring="roc_auc", **COMMON).fit(X, y)
    plain = GridSearchCV(ours(), grid, scoring="roc_auc", **COMMON).fit(X, y)
    columns = [f"split{k}_test_score" for k in range(FOLDS)]
    apart = max(
        np.abs(fused.cv_results_[name] - plain.cv_results_[name]).max()
        for name in columns
    )
    print(f"largest difference of an AUC, fused to GridSearchCV: {apart:.1e}")
    assert apart <= 1e-4


def seconds(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def time_routes(X, y, repetitions):
    """Print milliseconds per network, scoring included, and the ratios."""
    cold, _ = seconds(lambda: ROUTES["skloss, fused"]().fit(X, y))
    times = {name: [] for name in ROUTES}
    for _ in range(repetitions):
        for name, make in ROUTES.items():
            spent, search = seconds(lambda make=make: make().fit(X, y))
            count = len(search.cv_results_["params"]) * FOLDS
            times[name].append(1e3 * spent / count)
            if name == "skloss, fused":
                scoring = FOLDS * search.cv_results_["mean_score_time"].sum()
                whole = spent
    best = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"\nfirst fused search {cold:.1f} s, later ones {whole:.1f} s: tracing and "
        f"compiling took {cold - whole:.1f} s.\n"
        f"Scoring: {scoring:.1f} s, on a thread beside the training.\n"
    )
    print(f"{'route':40} {'ms per network':>14} {'ratio':>8}")
    for name, value in best.items():
        print(f"{name:40} {value:14.1f} {value / best['skloss, fused']:8.1f}")


def time_losses(X, y):
    """Print what it costs to compare all losses that fit, each a program of its own."""
    losses = list(loss_space(y, include="all").losses)
    search = FusedGridSearchCV(ours(), named(loss=losses), n_jobs=2, **COMMON)
    first, again = (seconds(lambda: search.fit(X, y))[0] for _ in range(2))
    print(
        f"\n{len(losses)} losses on {FOLDS} folds: {first:.1f} s the first time, "
        f"{again:.1f} s the second."
    )


def matrix_products(n=2048):
    """Return the rate of large single-precision products, kept up for a second."""
    a = tf.random.stateless_normal((n, n), seed=(0, 0))
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)))
    multiply()
    count = max(1, round(1 / seconds(lambda: multiply().numpy())[0]))
    spent, _ = seconds(lambda: [multiply().numpy() for _ in range(count)])
    return count * 2 * n**3 / spent


def operations(n_features, widths, batch):
    """Return the multiplications and additions of one step's matrix products."""
    sizes = [n_features, *widths, 1]
    products = [a * b for a, b in pairwise(sizes)]
    return 2 * batch * (3 * sum(products) - products[0])


def time_width(width, n_networks, n_rows, n_features, batch, epochs):
    """Return seconds a network, fused and alone, and two rates.

    The second rate is that of matrix products before and after each fused search.
    """
    X, y = make_classification(n_rows, n_features, random_state=0)
    X = X.astype("float32")
    net = LossAwareClassifier(
        network=(width, width),
        batch_size=batch,
        epochs=epochs,
        dtype="float32",
        random_state=0,
    )
    rates = np.geomspace(1e-4, 1e-2, n_networks // FOLDS).tolist()
    search = FusedGridSearchCV(net, {"learning_rate": rates}, n_jobs=2, **COMMON)
    some = GridSearchCV(net, {"learning_rate": rates[:1]}, **COMMON)
    search.fit(X, y)
    some.fit(X, y)
    products, together, apart = [matrix_products()], [], []
    for _ in range(3):
        together.append(seconds(lambda: search.fit(X, y))[0])
        products.append(matrix_products())
        apart.append(seconds(lambda: some.fit(X, y))[0])
    fused, alone = map(statistics.median, (together, apart))
    steps = epochs * -(-n_rows * (FOLDS - 1) // FOLDS // batch)
    work = n_networks * steps * operations(n_features, (width, width), batch)
    return (
        fused / n_networks,
        alone / FOLDS,
        work / fused,
        statistics.median(products),
    )


def time_widths(counts):
    """Print how the gain of fusion depends on width and number of networks."""
    print("\nmilliseconds a network; GFLOP/s of the search, and of large products\n")
    print("    net   batch   rows networks  fused  alone  gain  GFLOP/s products share")
    cases = [(w, n, 2000, 30, 32, 20) for w in (32, 64, 128, 256) for n in counts]
    cases += [(128, 15, 20_000, 50, 256, 20), (512, 15, 5000, 50, 256, 5)]
    for case in cases:
        width, n_networks, n_rows, _, batch, _ = case
        fused, alone, rate, products = time_width(*case)
        print(
            f"{width:3}-{width:3} {batch:7} {n_rows:6} {n_networks:8} "
            f"{1e3 * fused:6.1f} {1e3 * alone:6.1f} {alone / fused:5.1f} "
            f"{rate / 1e9:8.0f} {products / 1e9:8.0f} {rate / products:5.0%}",
            flush=True,
        )


def main():
    quick = "quick" in sys.argv[1:]
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_breast_cancer(return_X_y=True)
    compare_scores(X, y)
    time_routes(X, y, repetitions=1 if quick else 3)
    time_losses(X, y)
    time_widths((15,) if quick else (15, 60, 240))


if __name__ == "__main__":
    main()
