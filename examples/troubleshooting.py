"""What goes wrong in training, what skloss says of it, and whether its cure works.

Thirteen illnesses are planted, one at a time, in networks on breast_cancer, digits and
diabetes. ``diagnose`` must name the planted one first, and after
``set_params(**diagnosis.remedy)`` the network must score as the healthy one, within
the standard error of that score.

Run ``python examples/troubleshooting.py``: each illness on one table, about a minute.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss.exceptions import IneffectiveParameterWarning
from skloss.inspection import diagnose

TABLES = {
    "breast_cancer": (load_breast_cancer, LossAwareClassifier),
    "digits": (load_digits, LossAwareClassifier),
    "diabetes": (load_diabetes, LossAwareRegressor),
}
CLASSES = ("breast_cancer", "digits")
RARE = {"breast_cancer": (0, [1, 4]), "digits": (8, [*range(18, 24), *range(34, 40)])}


def shuffled_targets(name, X, y, rng):
    """There is nothing to learn."""
    return X, rng.permutation(y)


def small_units(name, X, y, rng):
    """Measure the target in thousandths."""
    return X, 1000 * y


def wrong_labels(name, X, y, rng):
    """Few rows, and half of the labels drawn from a hat."""
    X, y = X[:300], y[:300].copy()
    if name in CLASSES:
        wrong = rng.random(len(y)) < 0.5
        y[wrong] = rng.permutation(y[wrong])
    return X, y


def rare_class(name, X, y, rng):
    """One class is rare, and few features tell it from the others."""
    rare, _ = RARE[name]
    kept = (y != rare) | (rng.random(len(y)) < 0.1)
    return X[kept], y[kept]


@dataclass(frozen=True)
class Illness:
    """One planted illness.

    ``ill`` and ``healthy`` are parameters of the estimator; ``spoil`` changes the
    training rows; ``validated`` gives ``fit`` the test rows to look at.
    """

    ill: dict = field(default_factory=dict)
    healthy: dict = field(default_factory=dict)
    tables: tuple = tuple(TABLES)
    spoil: Callable | None = None
    validated: bool = False
    balanced: bool = False


def normal(mean=0.0, stddev=0.05):
    import keras  # after skloss, which keeps TensorFlow's start-up lines away

    return keras.initializers.RandomNormal(mean, stddev)


DEEP = (64,) * 10
ILLNESSES = {
    "diverged": Illness(
        {"optimizer": "sgd", "learning_rate": 1e4},
        {"optimizer": "sgd", "learning_rate": 0.01},
    ),
    "target_scale": Illness(
        {"target_transform": None}, tables=("diabetes",), spoil=small_units
    ),
    "exploding_gradients": Illness(
        {"network": MLP(DEEP, kernel_initializer=normal(stddev=0.5))},
        {"network": MLP(DEEP, kernel_initializer="he_normal")},
    ),
    "learning_rate_too_high": Illness({"learning_rate": 0.3}),
    "learning_rate_too_low": Illness({"learning_rate": 1e-6}),
    "idle_units": Illness({"network": MLP(kernel_initializer=normal(mean=-0.2))}),
    "vanishing_gradients": Illness(
        {"network": MLP((32,) * 8, activation="sigmoid"), "epochs": 50},
        {"network": MLP((32,) * 8), "epochs": 50},
    ),
    "stalled": Illness({"l2": 1.0}),
    "worse_than_constant": Illness(
        healthy={"early_stopping": True}, spoil=shuffled_targets, validated=True
    ),
    "not_converged": Illness({"epochs": 3}),
    "overfitting": Illness(
        {"network": (256, 256)},
        {"network": (256, 256), "early_stopping": True},
        spoil=wrong_labels,
        validated=True,
    ),
    "imbalance_ignored": Illness(
        {"epochs": 30},
        {"epochs": 30, "class_weight": "balanced"},
        tables=CLASSES,
        spoil=rare_class,
        balanced=True,
    ),
    "cannot_act": Illness(
        # the example of Keras' documentation, at the default learning rate
        {
            "lr_schedule": "reduce_on_plateau:factor=0.2,patience=5,min_lr=0.001",
            "early_stopping": True,
        },
        {
            "lr_schedule": "reduce_on_plateau:factor=0.2,patience=5",
            "early_stopping": True,
        },
    ),
}


def rows(name, illness, seed):
    """Return training and test rows, standardised and spoiled."""
    load, _ = TABLES[name]
    X, y = load(return_X_y=True)
    classes = y if name in CLASSES else None
    X, X_test, y, y_test = train_test_split(X, y, random_state=seed, stratify=classes)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    rng = np.random.default_rng(seed)
    if illness.spoil is not None:
        X, y = illness.spoil(name, X, y, rng)
    if illness.spoil in (shuffled_targets, small_units):
        _, y_test = illness.spoil(name, X_test, y_test, rng)
    if illness.spoil is rare_class:
        columns = RARE[name][1]
        X, X_test = X[:, columns], X_test[:, columns]
    return X, X_test, y, y_test


def score_and_error(name, illness, y, predicted):
    """Return the score, and its standard error by 200 bootstrap samples of the rows."""
    score = r2_score
    if name in CLASSES:
        score = balanced_accuracy_score if illness.balanced else accuracy_score
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(y), size=len(y)) for _ in range(200)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sample may lack a class
        values = [score(y[rows], predicted[rows]) for rows in draws]
    return score(y, predicted), np.std(values)


def treat(name, illness, seed):
    """Plant an illness, diagnose it, and apply the remedy.

    Returns
    -------
    diagnosis : Diagnosis
    scores : dict of str to float
        Of the network "ill", "cured" and "healthy", and the "error" of the last.
    """
    X, X_test, y, y_test = rows(name, illness, seed)
    data = {"X_val": X_test, "y_val": y_test} if illness.validated else {}
    _, estimator = TABLES[name]

    def fitted(net):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", IneffectiveParameterWarning)
            return net.fit(X, y, **data)

    def judged(net):
        return score_and_error(name, illness, y_test, net.predict(X_test))

    ill = fitted(clone(estimator(random_state=seed, **illness.ill)))
    diagnosis = diagnose(ill)
    cured = fitted(clone(ill).set_params(**diagnosis.remedy))
    healthy = fitted(clone(estimator(random_state=seed, **illness.healthy)))
    best, error = judged(healthy)
    scores = {"ill": judged(ill)[0], "cured": judged(cured)[0], "healthy": best}
    return diagnosis, {**scores, "error": error}


def main():
    names = list(TABLES)
    for number, (illness_name, illness) in enumerate(ILLNESSES.items()):
        table = illness.tables[number % len(illness.tables)]
        assert table in names
        diagnosis, scores = treat(table, illness, seed=0)
        print(f"\n--- {illness_name}, planted on {table}\n{diagnosis}")
        print(", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
        assert diagnosis.findings, f"{illness_name} was not found"
        assert diagnosis.findings[0].name == illness_name
        assert scores["cured"] >= scores["healthy"] - scores["error"]
    print(f"\nAll {len(ILLNESSES)} illnesses were named, and cured.")


if __name__ == "__main__":
    main()
