"""How long does one fit take? One small network, trained by four libraries.

The same fit everywhere: breast_cancer, standardised; 30-64-64-1; cross-entropy;
Adam at 1e-3; batches of 32; 50 epochs; no validation and no penalty. The libraries
take turns in one process and the median is reported, because other work on the
machine then disturbs them all alike. Each later fit of skloss has another
``random_state``. The first fit is timed in processes of its own, TensorFlow already
imported, what is left to build and trace included.

``keras.wrappers`` encodes two classes as two columns, so there the output layer has
two units.

Run ``python examples/benchmarks/single_fit.py [repetitions]``. A benchmark is not a
test: the exit code is 0 whether or not the targets are met.
"""

import statistics
import subprocess
import sys
import time
import warnings
from functools import partial

import keras
import numpy as np
from keras.wrappers import SKLearnClassifier
from scikeras.wrappers import KerasClassifier
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier

EPOCHS, BATCH = 50, 32
UNRECORDED = "skloss, record=False"
FIRST_FITS = 3


def load():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X).astype("float32"), y


def build(outputs=1, activation="sigmoid"):
    layers = [keras.Input((30,))]
    layers += [keras.layers.Dense(64, activation="relu") for _ in range(2)]
    layers += [keras.layers.Dense(outputs, activation=activation)]
    return keras.Sequential(layers)


def build_for_wrappers(X, y):
    model = build(2, "softmax")
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy")
    return model


def make_skloss(seed, record=True):
    return LossAwareClassifier(
        "cross_entropy",
        network=(64, 64),
        optimizer="adam",
        learning_rate=1e-3,
        batch_size=BATCH,
        epochs=EPOCHS,
        random_state=seed,
        record=record,
    )


def make_scikeras(seed):
    return KerasClassifier(
        model=build,
        loss="binary_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=1e-3,
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
    )


def make_keras_wrapper(seed):
    fit_kwargs = {"batch_size": BATCH, "epochs": EPOCHS, "verbose": 0}
    return SKLearnClassifier(build_for_wrappers, fit_kwargs=fit_kwargs)


def make_mlp(seed):
    return MLPClassifier(
        (64, 64),
        batch_size=BATCH,
        max_iter=EPOCHS,
        tol=0,
        n_iter_no_change=10**6,
        alpha=0,
        random_state=seed,
    )


LIBRARIES = {
    "skloss": make_skloss,
    "scikeras": make_scikeras,
    "keras.wrappers": make_keras_wrapper,
    "MLPClassifier": make_mlp,
}
# apart from the others, whose threads spin on after a fit and slow the next down
RECORDING = {
    "skloss": make_skloss,
    UNRECORDED: partial(make_skloss, record=False),
}


def seconds(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def first_fit(name):
    """Time the first fit of a fresh process, its imports excluded."""
    command = [sys.executable, __file__, "--first", name]
    times = []
    for _ in range(FIRST_FITS):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        times.append(float(done.stdout.split()[-1]))
    return statistics.median(times)


def later_fits(makers, X, y, repetitions):
    """Time every maker's fit in turn; the first round only warms up."""
    times = {name: [] for name in makers}
    for seed in range(repetitions + 1):
        for name, make in makers.items():
            elapsed = seconds(make(seed).fit, X, y)
            if seed > 0:
                times[name].append(elapsed)
    return {name: statistics.median(values) for name, values in times.items()}


def predictors(X, y):
    """Return what predicts probabilities, by name, each fitted on the same data."""
    fitted = {name: make(0).fit(X, y) for name, make in LIBRARIES.items()}
    model = fitted["skloss"].model_
    return {
        "skloss": fitted["skloss"].predict_proba,
        "keras.Model.predict": lambda Z: model.predict(Z, verbose=0),
        "keras.Model.predict, batches of 8,192": lambda Z: model.predict(
            Z, batch_size=8192, verbose=0
        ),
        "scikeras": fitted["scikeras"].predict_proba,
        "MLPClassifier": fitted["MLPClassifier"].predict_proba,
    }


def prediction_times(functions, Z, repetitions):
    for predict in functions.values():
        predict(Z)
    times = {name: [] for name in functions}
    for _ in range(repetitions):
        for name, predict in functions.items():
            times[name].append(seconds(predict, Z))
    return {name: statistics.median(values) for name, values in times.items()}


def print_times(title, times, unit=1.0, suffix="s"):
    print(f"\n{title}")
    for name, value in times.items():
        ratio = times["skloss"] / value
        print(
            f"  {name:<38}{value * unit:10.3f} {suffix:<3} skloss / this: {ratio:.3f}"
        )


def print_targets(rows):
    print(f"\n{'ratio':<46}{'measured':>10}{'target':>10}")
    for label, measured, target in rows:
        verdict = "met" if measured <= target else "missed"
        print(f"{label:<46}{measured:>10.3f}{target:>10.3f}  {verdict}")


def main(repetitions=7):
    X, y = load()
    many = np.random.default_rng(0).normal(size=(100_000, 30)).astype("float32")
    first = {name: first_fit(name) for name in ("skloss", "scikeras")}
    print_times(f"first fit of a process, median of {FIRST_FITS}", first)
    later = later_fits(LIBRARIES, X, y, repetitions)
    print_times(f"later fits, median of {repetitions}", later)
    recording = later_fits(RECORDING, X, y, 3 * repetitions)
    print_times(f"with and without the record, {3 * repetitions} times", recording)
    functions = predictors(X, y)
    one_row = prediction_times(functions, X[:1], 30)
    print_times("probabilities of one row", one_row, 1e3, "ms")
    big = prediction_times(functions, many, 3)
    print_times("probabilities of 100,000 rows", big, 1e3, "ms")
    keras_row = one_row["keras.Model.predict"]
    print_targets(
        [
            (
                "later fit / MLPClassifier",
                later["skloss"] / later["MLPClassifier"],
                0.9,
            ),
            (
                "later fit / unrecorded",
                recording["skloss"] / recording[UNRECORDED],
                1.1,
            ),
            ("later fit / scikeras", later["skloss"] / later["scikeras"], 1 / 12),
            (
                "first fit / scikeras, first fit",
                first["skloss"] / first["scikeras"],
                0.6,
            ),
            ("one row / keras.Model.predict", one_row["skloss"] / keras_row, 1 / 20),
        ]
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)  # all 50 epochs are wanted
    if sys.argv[1:2] == ["--first"]:
        print(seconds(LIBRARIES[sys.argv[2]](0).fit, *load()))
    else:
        main(*map(int, sys.argv[1:2]))
