"""The table of values at the head of the module of Loss is how values are called."""

import itertools
import re

import numpy as np
import pytest

from skloss.losses import ClassificationLoss, RegressionLoss, Task
from skloss.losses._core import _loss

VALUES = {"batch_value", "rowwise", "columnwise", "binary", "pointwise"}
FAMILIES = {"classification": ClassificationLoss, "regression": RegressionLoss}
TABLE = _loss.__doc__.partition("Which value to override\n")[2]
ROWS = re.findall(r"^``(\w+)`` +(\w+) +(.*)$", TABLE, flags=re.MULTILINE)

# which values are called one after the other, by the table
CLASSES = ["batch_value", "rowwise", "binary", "pointwise"]
CHAINS = [
    (Task("multiclass", 3), ["batch_value", "rowwise", "pointwise"]),
    (Task("binary", 1), CLASSES),
    (Task("multilabel", 2), CLASSES),
    (Task("regression", 2), ["batch_value", "rowwise", "columnwise", "pointwise"]),
]


def called_by_default(task):
    """Return the value methods that a loss of one formula goes through, in order."""
    calls = []

    class Watched(FAMILIES[task.family]):
        def __getattribute__(self, name):
            if name in VALUES:
                calls.append(name)
            return super().__getattribute__(name)

        def pointwise(self, y_true, raw):
            return (y_true - raw)[..., 0] if task.family == "classification" else raw

    zeros = np.zeros((5, task.size))
    Watched().batch_value(task, zeros, zeros, np.ones(5))
    return calls


@pytest.mark.parametrize(("task", "chain"), CHAINS, ids=str)
def test_each_default_calls_the_next(task, chain):
    assert called_by_default(task) == chain


def test_the_table_names_each_value_of_each_family():
    assert {name for name, _, _ in ROWS} == VALUES
    for name, family, _ in ROWS:
        of = FAMILIES.values() if family == "both" else [FAMILIES[family]]
        assert all(callable(getattr(cls, name)) for cls in of)
    for family, cls in FAMILIES.items():
        listed = {name for name, of, _ in ROWS if of in (family, "both")}
        assert listed == {name for name in VALUES if hasattr(cls, name)}


def test_the_table_says_what_is_called():
    """The first method that a row of the table names after its own is the next one."""
    text = {(name, family): rest for name, family, rest in ROWS}
    lines = TABLE.splitlines()
    for task, chain in CHAINS:
        for caller, callee in itertools.pairwise(chain):
            key = (caller, "both" if caller == "batch_value" else task.family)
            first = next(i for i, x in enumerate(lines) if text[key] in x)
            row = lines[first : first + 3]
            end = next((i for i, x in enumerate(row) if i and x[0] in "`="), 3)
            assert f"``{callee}``" in " ".join(row[:end]), (key, callee)
