"""How long does a prediction take? One row, a thousand rows, and an explanation.

Estimators of skloss and scikit-learn's multilayer perceptrons of the same sizes,
30-64-64-1 and the like, are asked in turn in one process, and the median is reported,
because other work on the machine then disturbs them alike. The permutation explainer
of ``shap`` asks for many tables of different lengths; without ``shap`` it is left out.
Its first call, in which numba compiles the explainer, takes seconds whoever is
explained, and is not counted.

Where other work has the cores, a thousand rows take scikit-learn's perceptrons tens of
milliseconds: OpenBLAS waits for its threads. ``OPENBLAS_NUM_THREADS=1`` avoids that.

Further tables say what a row costs with losses whose probabilities follow in closed
form, by iteration and from gradients, and for which numbers of rows NumPy is faster
than TensorFlow's graph: what the constant ``MAX_NUMPY_COST`` was read from.

Run ``python examples/benchmarks/predict_one.py``. A benchmark is not a test: the exit
code is 0 whether or not the targets are met.
"""

import statistics
import time
import warnings
from functools import partial
from importlib.util import find_spec

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss._engine import _predict
from skloss.losses import Brier, CrossEntropy

EPOCHS = 5
TARGETS = {1: 1.5, 1000: 1.2}  # times scikit-learn's
EXPLAINER_TARGET = 3.0
REPETITIONS = {1: 1000, 1000: 300}
LOSSES = {
    "closed form": "focal",
    "Newton's method": "bi_tempered",
    "from gradients": 0.5 * CrossEntropy() + 0.5 * Brier(),
}
NETWORKS = {
    "(64, 64)": MLP((64, 64)),
    "(64, 64), gelu": MLP((64, 64), activation="gelu"),
    "(64, 64), tanh, layer": MLP((64, 64), activation="tanh", normalization="layer"),
    "(512, 512)": MLP((512, 512)),
}


def load(loader):
    X, y = loader(return_X_y=True)
    return StandardScaler().fit_transform(X).astype("float32"), y


def median_seconds(functions, repetitions):
    """Call each in turn, and return each one's median; the first round warms up."""
    times = {name: [] for name in functions}
    for number in range(repetitions + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def make_rows(X, n_rows):
    return np.tile(X, (-(-n_rows // len(X)), 1))[:n_rows]


def compare_with_scikit_learn():
    print(f"{'':<30}{'skloss':>10}{'sklearn':>10}{'ratio':>8}{'target':>8}")
    cases = (
        (load_breast_cancer, LossAwareClassifier, MLPClassifier, "predict_proba"),
        (load_digits, LossAwareClassifier, MLPClassifier, "predict_proba"),
        (load_diabetes, LossAwareRegressor, MLPRegressor, "predict"),
    )
    for loader, ours, theirs, method in cases:
        X, y = load(loader)
        net = ours(epochs=EPOCHS, random_state=0).fit(X, y)
        mlp = theirs(hidden_layer_sizes=(64, 64), max_iter=EPOCHS, random_state=0)
        mlp.fit(X, y)
        for n_rows, target in TARGETS.items():
            rows = make_rows(X, n_rows)
            calls = {
                "skloss": partial(getattr(net, method), rows),
                "sklearn": partial(getattr(mlp, method), rows),
            }
            times = median_seconds(calls, REPETITIONS[n_rows])
            name = f"{loader.__name__[5:]}, {n_rows} row{'s' * (n_rows > 1)}"
            print_ratio(name, times, target)


def print_ratio(name, times, target, unit=1e6, suffix="us"):
    ours, theirs = times.values()
    verdict = "met" if ours / theirs <= target else "missed"
    print(
        f"{name:<30}{unit * ours:>8.0f}{suffix}{unit * theirs:>8.0f}{suffix}"
        f"{ours / theirs:>8.2f}{target:>8.1f}  {verdict}"
    )


def explain():
    if find_spec("shap") is None:
        print("shap is not installed: its permutation explainer is left out")
        return
    import shap

    X, y = load(load_breast_cancer)
    net = LossAwareClassifier(epochs=EPOCHS, random_state=0).fit(X, y)
    mlp = MLPClassifier((64, 64), max_iter=EPOCHS, random_state=0).fit(X, y)

    def explain_by(model):
        explainer = shap.PermutationExplainer(model.predict_proba, X[:20], seed=0)
        return partial(explainer, X[20:25], silent=True)

    calls = {"skloss": explain_by(net), "sklearn": explain_by(mlp)}
    print_ratio("shap, 5 rows", median_seconds(calls, 5), EXPLAINER_TARGET, 1e3, "ms")


def time_links():
    X, y = load(load_digits)
    calls = {}
    for name, loss in LOSSES.items():
        net = LossAwareClassifier(loss, epochs=EPOCHS, random_state=0).fit(X, y)
        calls[name] = partial(net.predict_proba, X[:1])
    for name, seconds in median_seconds(calls, 300).items():
        print(f"{name:<30}{1e6 * seconds:>8.0f}us")


def find_crossover():
    bound = _predict.MAX_NUMPY_COST
    X, y = load(load_breast_cancer)
    print(f"{'':<30}{'rows':>8}{'NumPy':>10}{'graph':>10}  the rule says")
    for name, network in NETWORKS.items():
        net = LossAwareClassifier(network=network, epochs=1, random_state=0).fit(X, y)
        of_table = net._fitted.outputs.of_table
        cost = _predict.networks.NumpyForward(network, X.shape[1], 1).cost
        for n_rows in (1, 10, 100, 300, 1000, 3000):
            rows, times = make_rows(X, n_rows), {}
            for way, limit in (("NumPy", np.inf), ("graph", 0)):
                _predict.MAX_NUMPY_COST = limit
                times |= median_seconds({way: partial(of_table, rows)}, 50)
            rule = "NumPy" if n_rows * cost <= bound else "graph"
            in_numpy, in_graph = (1e6 * value for value in times.values())
            print(f"{name:<30}{n_rows:>8}{in_numpy:>8.0f}us{in_graph:>8.0f}us  {rule}")
    _predict.MAX_NUMPY_COST = bound


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    compare_with_scikit_learn()
    explain()
    print("\none row of ten classes, by the loss's link")
    time_links()
    print("\nraw outputs")
    find_crossover()


if __name__ == "__main__":
    main()
