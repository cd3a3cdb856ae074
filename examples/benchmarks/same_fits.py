"""Tell whether two versions fit the same networks, bit for bit.

81 small fits of many kinds: classes and numbers, several heads, weights,
validation, schedules, callbacks, tables of every sort, going on from an earlier fit,
searches. For each a line: its name, its epochs, and short SHA-256 sums of all that it
predicts, of its history, of its diagnosis, and of the ``repr`` of its loss; of a search
the sum of its scores too. What is not offered is "-".

Run it on each version and compare, on one machine and with the same dependencies, since
other processors add in other orders:

    python examples/benchmarks/same_fits.py > before.txt
    python examples/benchmarks/same_fits.py --compare before.txt

The second prints the lines that differ, and fails if there is one. A minute or so.
"""

import hashlib
import re
import sys
import warnings

import keras
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skloss import (
    MLP,
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    losses,
)
from skloss.inspection import diagnose
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedOptunaSearchCV,
    FusedRandomizedSearchCV,
    SuccessiveHalving,
    fused_cross_validate,
    head_scorer,
)
from skloss.schedules import Cosine, ReduceLROnPlateau, WarmUp

NET = {"network": (8,), "batch_size": 32, "epochs": 6, "random_state": 0}
RATE = {"learning_rate": 0.01}
ROWS = 160


def table(load):
    """Return some shuffled rows of a data set, its features scaled."""
    X, y = load(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:ROWS]
    return scale(X[rows])[:, :6], y[rows]


X2, y2 = table(load_breast_cancer)
X3, y3 = table(load_wine)
XR, yr = table(load_diabetes)
labels = np.array(["benign", "malign"])[y2]
both = np.column_stack([y2, X2[:, 0] > 0])  # several labels a row
ranks = pd.Series(pd.Categorical.from_codes(y3, ["low", "high", "mid"], ordered=True))
counts = np.random.default_rng(1).poisson(np.exp(0.5 * XR[:, 2]))
targets = np.column_stack([yr, 1e6 + XR[:, 0]])
outliers = np.where(np.arange(ROWS) % 20, yr, 50 * yr)
weight = np.random.default_rng(2).uniform(0.0, 2.0, ROWS)
people = np.arange(ROWS) // 4  # groups of four rows
frame = pd.DataFrame(X2, columns=[f"x{i}" for i in range(6)])
tasks = np.column_stack([y3, XR[:, 2], X3[:, 0] > 0])
VAL = {"X_val": X2[120:], "y_val": y2[120:]}


def own_class_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def own_cost(y_true, y_pred):
    """Return a cost in the user's units: too little costs three times too much."""
    short = keras.ops.relu(y_true - y_pred)
    return keras.ops.mean(keras.ops.relu(y_pred - y_true) + 3 * short, axis=-1)


def halved(epoch, lr):
    return lr * 0.5 if epoch == 3 else lr


def body(units=8):
    return keras.Sequential([keras.layers.Dense(units, activation="tanh")])


def accuracy(estimator, X, y):
    return np.mean(estimator.predict(X) == y)


class Steps(keras.callbacks.Callback):
    """Acts inside an epoch, so that ``Model.fit`` trains."""

    def on_train_batch_end(self, batch, logs=None):
        """Note the batch."""
        self.last = batch


def classes(X=X2, y=y2, fit=None, **params):
    net = LossAwareClassifier(**NET | RATE | params)
    return net.fit(X, y, **(fit or {})), X


def numbers(y=yr, X=XR, fit=None, **params):
    net = LossAwareRegressor(**NET | RATE | params)
    return net.fit(X, y, **(fit or {})), X


def heads(*pairs, y=None, fit=None, **params):
    y = tasks[:, : len(pairs)] if y is None else y
    net = LossAwareMultiTask(list(pairs), **NET | RATE | params)
    return net.fit(X3, y, **(fit or {})), X3


def again(net, X, y, **params):
    """Return what a second fit leaves, which starts from the first."""
    return net.set_params(warm_start=True, **params).fit(X, y), X


def in_parts(net, X, y, **fit):
    """Return what three calls of ``partial_fit`` leave."""
    for part in np.array_split(np.arange(ROWS), 3):
        net.partial_fit(X[part], y[part], **fit)
    return net, X


def search(cls, *arguments, X=X2, y=y2, estimator=None, fit=None, **more):
    net = LossAwareClassifier(**NET) if estimator is None else estimator
    return cls(net, *arguments, cv=3, **more).fit(X, y, **(fit or {})), X


def scaled(**params):
    return make_pipeline(StandardScaler(), LossAwareClassifier(**NET | RATE | params))


STOP = {"early_stopping": True, "patience": 2, "epochs": 10}
CLASS, NUMBER = ("c", ClassificationHead()), ("n", RegressionHead("huber"))
RATES = {"learning_rate": [0.003, 0.03]}
SCHEDULES = keras.optimizers.schedules
OF_CLASSES = {
    "binary": classes,
    "strings": lambda: classes(y=labels),
    "three classes": lambda: classes(X3, y3),
    "several labels": lambda: classes(y=both),
    "ordered categorical, coral": lambda: classes(X3, ranks, loss="coral"),
    "ordered categorical, corn": lambda: classes(X3, ranks, loss="corn"),
    "focal": lambda: classes(X3, y3, loss="focal:gamma=3"),
    "hinge": lambda: classes(loss="hinge"),
    "tversky": lambda: classes(loss="tversky"),
    "cvar": lambda: classes(loss=losses.CVaR(losses.CrossEntropy())),
    "sum, schedule as knob": lambda: classes(
        loss=losses.CrossEntropy() + WarmUp(epochs=3) * losses.Brier()
    ),
    "Keras loss": lambda: classes(loss=keras.losses.BinaryFocalCrossentropy()),
    "function": lambda: classes(loss=own_class_loss),
    "class_weight balanced": lambda: classes(X3, y3, class_weight="balanced"),
    "class_weight dict": lambda: classes(class_weight={0: 3.0, 1: 1.0}),
    "sample_weight": lambda: classes(fit={"sample_weight": weight}),
    "temperature out of fold": lambda: classes(
        X3, y3, loss="gce", calibration="temperature"
    ),
    "temperature": lambda: classes(calibration="temperature", fit=VAL),
    "early stopping": lambda: classes(**STOP),
    "early stopping, groups": lambda: classes(**STOP, fit={"groups": people}),
    "scored by name": lambda: classes(
        **STOP, validation_scoring="roc_auc", fit={"sample_weight": weight}
    ),
    "scored by function": lambda: classes(**STOP, validation_scoring=accuracy),
    "X_val": lambda: classes(fit=VAL | {"sample_weight_val": weight[120:]}),
    "frame": lambda: classes(frame),
    "sparse": lambda: classes(csr_matrix(np.where(X2 > 0, X2, 0.0))),
}
OF_TRAINING = {
    "cosine": lambda: classes(lr_schedule="cosine"),
    "ReduceLROnPlateau": lambda: classes(
        **STOP, lr_schedule=ReduceLROnPlateau(patience=1, min_delta=0.1)
    ),
    "function of the epoch": lambda: classes(lr_schedule=halved),
    "Keras schedule": lambda: classes(
        learning_rate=0.001, lr_schedule=SCHEDULES.CosineDecay(0.02, 30)
    ),
    "dropout": lambda: classes(dropout=0.3),
    "dropout by schedule": lambda: classes(dropout=0.5 * Cosine()),
    "mixup": lambda: classes(mixup=0.3),
    "input_noise": lambda: classes(input_noise=0.1),
    "weight_averaging": lambda: classes(weight_averaging=0.9),
    "l1, l2": lambda: classes(l1=1e-4, l2=1e-2),
    "adamw, clip_norm": lambda: classes(
        optimizer="adamw", weight_decay=0.1, clip_norm=0.5
    ),
    "sgd, max_norm, clip_value": lambda: classes(
        optimizer="sgd:momentum=0.9", max_norm=1.0, clip_value=0.1
    ),
    "template": lambda: classes(optimizer=keras.optimizers.RMSprop(rho=0.8)),
    "float64": lambda: classes(dtype="float64"),
    "one batch": lambda: classes(batch_size=ROWS),
    "RandomState": lambda: classes(random_state=np.random.RandomState(3)),
    "compiled": lambda: classes(epochs=200, batch_size=2),
    "batch norm": lambda: classes(network=MLP((8,), normalization="batch")),
    "own body": lambda: classes(network=body),
    "own body, Model.fit": lambda: classes(network=body, callbacks=[Steps()]),
    "Model.fit, early stopping": lambda: classes(**STOP, callbacks=[Steps()]),
    "EarlyStopping": lambda: classes(
        callbacks=[keras.callbacks.EarlyStopping("val_loss", min_delta=0.1)], fit=VAL
    ),
    "LearningRateScheduler": lambda: numbers(
        callbacks=[keras.callbacks.LearningRateScheduler(halved)]
    ),
    "warm_start, other data": lambda: again(classes()[0], X2[:100], y2[:100]),
    "warm_start, numbers": lambda: again(numbers()[0], XR, 3 * yr, l2=0.01),
    "partial_fit": lambda: in_parts(
        LossAwareClassifier(**NET), X3, y3, classes=[0, 1, 2]
    ),
    "partial_fit, numbers": lambda: in_parts(LossAwareRegressor(**NET), XR, yr),
}
OF_NUMBERS = {
    "squared_error": numbers,
    "huber, outliers": lambda: numbers(outliers, loss="huber"),
    "three quantiles": lambda: numbers(loss=losses.Quantile((0.1, 0.5, 0.9))),
    "gaussian_nll": lambda: numbers(loss="gaussian_nll"),
    "student_t_nll": lambda: numbers(outliers, loss="student_t_nll"),
    "poisson": lambda: numbers(counts, loss="poisson"),
    "negative_binomial": lambda: numbers(counts, loss="negative_binomial"),
    "several targets": lambda: numbers(targets),
    "a loss for each target": lambda: numbers(
        targets, loss=losses.PerTarget([losses.Huber(), losses.SquaredError()])
    ),
    "uncertainty_weighted": lambda: numbers(
        targets, loss=losses.UncertaintyWeighted(losses.SquaredError())
    ),
    "target_transform=None": lambda: numbers(yr / 100, target_transform=None),
    "function in the user's units": lambda: numbers(loss=own_cost),
    "far from zero": lambda: numbers(1e9 + yr),
    "a sum, early stopping": lambda: numbers(
        **STOP, loss=0.7 * losses.SquaredError() + 0.3 * losses.AbsoluteError()
    ),
    "weights, validation": lambda: numbers(
        fit={"sample_weight": weight, "X_val": XR[120:], "y_val": yr[120:]}
    ),
}
OF_HEADS = {
    "two heads": lambda: heads(CLASS, NUMBER),
    "three heads": lambda: heads(CLASS, NUMBER, ("b", ClassificationHead("hinge"))),
    "uncertainty": lambda: heads(CLASS, NUMBER, loss_weights="uncertainty"),
    "heads, frame, weights": lambda: heads(
        CLASS,
        NUMBER,
        y=pd.DataFrame({"c": labels, "n": yr}),
        fit={"sample_weight": weight},
    ),
    "heads, early stopping": lambda: heads(
        CLASS, NUMBER, **STOP, validation_scoring=head_scorer("n", "r2")
    ),
}
OF_SEARCHES = {
    "Pipeline": lambda: (scaled(record=False).fit(X2, y2), X2),
    "GridSearchCV": lambda: search(GridSearchCV, RATES),
    "FusedGridSearchCV": lambda: search(
        FusedGridSearchCV, RATES | {"loss": ["cross_entropy", "focal:gamma=1"]}
    ),
    "fused, Pipeline, weights": lambda: search(
        FusedGridSearchCV,
        {"lossawareclassifier__dropout": [0.0, 0.3]},
        estimator=scaled(),
        fit={"lossawareclassifier__sample_weight": weight},
    ),
    "fused, early stopping, folds kept": lambda: search(
        FusedGridSearchCV,
        RATES,
        estimator=LossAwareClassifier(**NET | STOP),
        refit="ensemble",
    ),
    "fused, heads": lambda: search(
        FusedGridSearchCV,
        {"n__weight": [0.1, 1.0]},
        X=X3,
        y=tasks[:, :2],
        estimator=LossAwareMultiTask([CLASS, NUMBER], **NET),
    ),
    "FusedRandomizedSearchCV, halving": lambda: search(
        FusedRandomizedSearchCV,
        {"learning_rate": [0.001, 0.01, 0.1]},
        X=XR,
        y=yr,
        estimator=LossAwareRegressor(**NET),
        n_iter=3,
        pruner=SuccessiveHalving(min_epochs=2),
        random_state=0,
    ),
    "FusedOptunaSearchCV": lambda: search(
        FusedOptunaSearchCV,
        {"learning_rate": (1e-3, 1e-1, "log"), "dropout": (0.0, 0.5)},
        n_trials=4,
        batch_size=2,
        random_state=0,
    ),
    "fused_cross_validate": lambda: (
        fused_cross_validate(
            LossAwareClassifier(**NET), X2, y2, cv=3, return_estimator=True
        ),
        X2,
    ),
}
KINDS = OF_CLASSES | OF_TRAINING | OF_NUMBERS | OF_HEADS | OF_SEARCHES
METHODS = ("predict", "predict_proba", "decision_function", "predict_quantiles")


def plain(value):
    """Return a value as bytes that say its type, shape and every bit."""
    if isinstance(value, dict):
        return b"".join(k.encode() + plain(v) for k, v in sorted(value.items()))
    if isinstance(value, list | tuple):
        return b"".join(map(plain, value))
    array = np.asarray(value)
    if array.dtype == object:
        return repr(array.tolist()).encode()
    return f"{array.dtype}{array.shape}".encode() + array.tobytes()


def short_sum(content):
    return hashlib.sha256(content).hexdigest()[:12]


def text_sum(value):
    """Return the sum of a ``repr``, without the addresses of functions."""
    return short_sum(re.sub(r" at 0x[0-9a-f]+", "", repr(value)).encode())


def predictions(estimator, X):
    """Return all that a fitted estimator predicts, by method."""
    found = {}
    for method in METHODS:
        if hasattr(estimator, method):
            levels = {"quantiles": (0.1, 0.9)} if method == "predict_quantiles" else {}
            found[method] = getattr(estimator, method)(X, **levels)
    if hasattr(estimator, "predict_dist"):
        found["mean"] = estimator.predict_dist(X).mean()
    for name, head in getattr(estimator, "named_estimators_", {}).items():
        found[name] = predictions(head, X)
    return found


def sums(fitted, X):
    """Return a line's parts about an estimator, a search or a cross-validation."""
    if isinstance(fitted, dict):
        scores = {k: v for k, v in fitted.items() if k.startswith("test_")}
        parts = [part for net in fitted["estimator"] for part in sums(net, X)]
        return [f"scores={short_sum(plain(scores))}", *parts]
    parts = []
    results = getattr(fitted, "cv_results_", None)
    if results is not None:
        scores = {k: v for k, v in results.items() if "_test_score" in k}
        parts.append(f"scores={short_sum(plain(scores))}")
    parts.append(f"predicts={short_sum(plain(predictions(fitted, X)))}")
    net = getattr(fitted, "best_estimator_", fitted)
    net = net[-1] if hasattr(net, "steps") else net
    history = {k: np.float64(v) for k, v in getattr(net, "history_", {}).items()}
    recorded = hasattr(net, "training_record_")
    values = {
        "history": short_sum(plain(history)) if history else "-",
        "diagnosis": text_sum(diagnose(net)) if recorded else "-",
        "epochs": getattr(net, "n_epochs_", "-"),
        "loss": text_sum(net.loss_) if hasattr(net, "loss_") else "-",
    }
    return parts + [f"{name}={value}" for name, value in values.items()]


def main(before=None):
    """Print a line for each kind of fit, or those that differ from earlier ones."""
    differ = []
    for name, fit in KINDS.items():
        line = f"{name:34} {' '.join(sums(*fit()))}"
        if before is None:
            print(line, flush=True)
        elif line not in before:
            differ.append(name)
            earlier = [old for old in before if old.startswith(f"{name:34}")]
            print(*(f"- {old}" for old in earlier), f"+ {line}", sep="\n", flush=True)
    if before is not None:
        print(f"{len(KINDS) - len(differ)} of {len(KINDS)} fits are the same.")
    return len(differ) > 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # short fits are not meant to converge
    if sys.argv[1:2] == ["--compare"]:
        with open(sys.argv[2]) as file:
            sys.exit(main(file.read().splitlines()))
    main()
