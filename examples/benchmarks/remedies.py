"""Follow the remedies, from each illness and each pair, and see where they lead.

Nineteen illnesses are planted in a small network on diabetes (the rare class on
breast_cancer), alone and in all pairs that do not contradict each other. What
``diagnose`` offers is set, and the network fitted again, for three rounds. Every case
must end in health, or in words that say what only the user can do; nothing that is set
may be offered. Health is a score as good as that of a network without the illness, on
the rows that it learned, or, of those who overfit, on others.

Run ``python examples/benchmarks/remedies.py [illness ...]``: all cases take a few
minutes. Each is a line in ``examples/output/remedies.jsonl``, with its seed and the
commit, and is not run again at that commit.
"""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import keras
import numpy as np
from keras import layers
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss.inspection import diagnose

OUTPUT = Path(__file__).parents[1] / "output" / "remedies.jsonl"
SEED, ROUNDS, WORSE = 0, 3, 0.15
HEALTHY = {"network": (16,), "learning_rate": 0.01, "epochs": 40, "random_state": SEED}
FEW = 60  # rows of those who overfit


@dataclass(frozen=True)
class Illness:
    """One planted illness; two of one kind contradict each other.

    ``ill`` are parameters, ``spoil`` changes training rows ``(X, y)``.
    """

    kind: str
    ill: dict = field(default_factory=dict)
    spoil: Callable = lambda X, y: (X, y)


def normal(mean=0.0, stddev=0.05):
    return keras.initializers.RandomNormal(mean, stddev)


def dead_body():
    return keras.Sequential(
        [layers.Dense(16, "relu", bias_initializer=keras.initializers.Constant(-10.0))]
    )


def zero_body():
    return keras.Sequential(
        [layers.Dense(16, "relu"), layers.Dense(8, kernel_initializer="zeros")]
    )


def with_outlier(X, y):
    return X, np.concatenate([y[:-1], [1e7]])


def mostly_zero(X, y):
    return X, np.where(y > np.quantile(y, 0.95), y, 0.0)


def with_timestamp(X, y):
    return np.column_stack([X[:, :-1], 1e9 + 1e3 * X[:, -1]]), y


ILLNESSES = {
    "rate too high": Illness("rate", {"learning_rate": 3.0}),
    "rate too low": Illness("rate", {"learning_rate": 1e-6}),
    "dead ReLUs": Illness(
        "network", {"network": MLP((16, 16), kernel_initializer=normal(-0.5))}
    ),
    "dead ReLUs, own body": Illness("network", {"network": dead_body}),
    "deep sigmoids": Illness(
        "network", {"network": MLP((16,) * 8, activation="sigmoid")}
    ),
    "exploding": Illness(
        "network", {"network": MLP((32,) * 8, kernel_initializer=normal(0.0, 1.0))}
    ),
    "layer from zero": Illness("network", {"network": zero_body}),
    "overfitting": Illness("network", {"network": (256, 256)}),
    "y not scaled": Illness(
        "target", {"target_transform": None}, lambda X, y: (X, 1000 * y)
    ),
    "outlier in y": Illness("target", spoil=with_outlier),
    "constant y": Illness("target", spoil=lambda X, y: (X, np.full(len(y), 5.0))),
    "95 % zeros": Illness("target", {"loss": "absolute_error"}, mostly_zero),
    "rare class": Illness("target", {"epochs": 30}),
    "constant X": Illness("features", spoil=lambda X, y: (np.ones_like(X), y)),
    "X times 1e4": Illness("features", spoil=lambda X, y: (1e4 * X, y)),
    "X times 1e-4": Illness("features", spoil=lambda X, y: (1e-4 * X, y)),
    "one of 1e9": Illness("features", spoil=with_timestamp),
    "strong l2": Illness("penalty", {"l2": 10.0}),
    "few epochs": Illness("epochs", {"epochs": 3}),
}


def cases(named):
    """Return the names of each illness, and of each pair of different kinds."""
    pairs = [
        pair
        for pair in combinations(ILLNESSES, 2)
        if ILLNESSES[pair[0]].kind != ILLNESSES[pair[1]].kind
    ]
    every = [*((name,) for name in ILLNESSES), *pairs]
    return [case for case in every if not named or set(case) & set(named)]


def rows(names):
    """Return the training rows, spoiled, and test rows."""
    rare = "rare class" in names
    X, y = (load_breast_cancer if rare else load_diabetes)(return_X_y=True)
    if rare:
        X, kept = X[:, [1, 4]], (y != 0)
        kept |= np.random.default_rng(SEED).random(len(y)) < 0.1
        X, y = X[kept], y[kept]
    X, X_test, y, y_test = train_test_split(
        X, y, random_state=SEED, stratify=y if rare else None
    )
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    if "overfitting" in names:
        X, y = X[:FEW], y[:FEW]
    for name in names:
        X, y = ILLNESSES[name].spoil(X, y)
        if ILLNESSES[name].kind == "features":
            X_test, _ = ILLNESSES[name].spoil(X_test, y_test)
        if name == "y not scaled":
            y_test = 1000 * y_test
    return X, X_test, y, y_test


def network_for(names):
    """Return the ill network, and the one without the illnesses."""
    made = LossAwareClassifier if "rare class" in names else LossAwareRegressor
    params = {}
    for name in names:
        params |= ILLNESSES[name].ill
    healthy = made(**HEALTHY)
    if "rare class" in names:
        healthy.set_params(class_weight="balanced")
    if "overfitting" in names:
        healthy.set_params(early_stopping=True)
    return made(**(HEALTHY | params)), healthy


def follow(names):
    """Return what was found and offered in each round, and how it ended."""
    X, X_test, y, y_test = rows(names)
    net, healthy = network_for(names)
    data = {"X_val": X_test, "y_val": y_test} if "overfitting" in names else {}
    found, offered = [], []
    for number in range(ROUNDS + 1):
        diagnosis, present = diagnose(net.fit(X, y, **data)), net.get_params()
        for name, value in diagnosis.remedy.items():
            assert not isinstance(value, str | float) or present.get(name) != value
        found.append([one.name for one in diagnosis.findings])
        offered.append(diagnosis.remedy)
        if not diagnosis.remedy or number == ROUNDS:
            break
        net = clone(net).set_params(**diagnosis.remedy)
    end, advice = "health", ""
    if diagnosis.remedy:
        end = "NOT CURED"
    elif diagnosis:
        end, advice = "words", diagnosis.findings[0].advice
    own = judged(names, net, *((X_test, y_test) if data else (X, y)))
    clean = rows([name for name in names if name in ("overfitting", "rare class")])
    healthy.fit(*clean[::2])
    best = judged(names, healthy, *(clean[1::2] if data else clean[::2]))
    if end == "health" and own < best - WORSE:
        end = "NOT SAID"
    return {
        "found": found,
        "offered": offered,
        "end": end,
        "advice": advice,
        "score": round(own, 3),
        "healthy": round(best, 3),
    }


def judged(names, net, X, y):
    """Return R2, or where a class is rare the balanced accuracy."""
    score = balanced_accuracy_score if "rare class" in names else r2_score
    return float(score(y, net.predict(X)))


def commit():
    """Return the commit of the working tree, marked where it has changes."""
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def shown(case, row):
    """Print a case: a line for each round, and one for its end."""
    print(f"\n{' + '.join(case)}")
    for found, offered in zip(row["found"], row["offered"], strict=True):
        settings = ", ".join(f"{name}={value!r}" for name, value in offered.items())
        print(f"  found {', '.join(found) or 'nothing'}; offered {settings or '-'}")
    print(f"  {row['end']}: score {row['score']}, healthy {row['healthy']}")
    if row["advice"]:
        print(f"  {row['advice']}")


def main(named):
    unknown = set(named) - set(ILLNESSES)
    if unknown:
        sys.exit(f"No such illness: {unknown}. There are {list(ILLNESSES)}.")
    warnings.simplefilter("ignore")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.touch()
    key, ends = {"seed": SEED, "commit": commit()}, {}
    lines = map(json.loads, OUTPUT.read_text("utf-8").splitlines())
    done = {tuple(row["case"]): row for row in lines if key.items() <= row.items()}
    for case in cases(named):
        if case not in done:
            done[case] = {"case": case, **key, **follow(case)}
            with OUTPUT.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(done[case])}\n")
        shown(case, done[case])
        ends.setdefault(done[case]["end"], []).append(" + ".join(case))
    print(f"\n{ {end: len(those) for end, those in ends.items()} }")
    assert set(ends) <= {"health", "words"}, ends


if __name__ == "__main__":
    main(sys.argv[1:])
