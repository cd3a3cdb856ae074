"""The optimiser that Keras' callbacks see: its moments, found in Keras' own lists."""

import keras
import numpy as np
import pytest

from skloss._engine._mirror import find_moments
from skloss._engine._optimizers import KNOBS, Optimizer
from skloss._engine._stacked_optimizer import StackedOptimizer

# all moments that Keras' sources have, by the end of their variables' names
SPECS = {
    "sgd": [],
    "sgd:momentum=0.9": ["momentum"],
    "rmsprop": ["velocity"],
    "rmsprop:momentum=0.9,centered=True": [
        "velocity",
        "momentum",
        "average_gradient",
    ],
    "adam": ["momentum", "velocity"],
    "adam:amsgrad=True": ["momentum", "velocity", "velocity_hat"],
    "adamw": ["momentum", "velocity"],
    "adamax": ["momentum", "norm"],
    "adagrad": ["accumulator"],
    "adadelta": ["accumulated_grad", "accumulated_delta_var"],
    "lion": ["momentum"],
}
SHAPES = {"kernel": (3, 2), "bias": (2,), "gamma": (2,), "out": (2, 3)}


def built(optimizer):
    """Return weights, two of one shape, and the optimiser built for them."""
    weights = [keras.Variable(np.zeros(s), name=name) for name, s in SHAPES.items()]
    optimizer.build(weights)
    return weights, optimizer


def test_every_allowed_optimizer_is_among_them():
    names = {spec.partition(":")[0] for spec in SPECS}
    assert names == {name.lower() for name in KNOBS}


@pytest.mark.parametrize("spec", SPECS)
def test_moments_are_those_that_keras_names(spec):
    weights, optimizer = built(Optimizer(spec).make())
    moments = find_moments(optimizer, weights)
    names = [[v.path.rpartition("/")[2] for v in moment] for moment in moments]
    assert names == [[f"{name}_{end}" for name in SHAPES] for end in SPECS[spec]]
    # and in the order in which the compiled loop has them
    stacked = StackedOptimizer(Optimizer(spec), (2, 5), "float32").slot_variables[1:]
    assert len(stacked) == len(names)
    for variable, end in zip(stacked, SPECS[spec], strict=True):
        assert variable.path.endswith(f"_{end}")


class InTuples(keras.optimizers.Adam):
    """Keeps a moment where nobody looks for it."""

    def build(self, variables):
        super().build(variables)
        self._velocities = tuple(self._velocities)


class OtherShapes(keras.optimizers.Adagrad):
    """Keeps one number for each row of a weight, as Adafactor does."""

    def build(self, variables):
        super().build(variables)
        weights = [keras.Variable(np.zeros(v.shape[:1])) for v in variables]
        kept = dict(zip(map(id, self._accumulators), weights, strict=True))
        self._variables = [kept.get(id(v), v) for v in self._variables]
        self._accumulators = weights


@pytest.mark.parametrize("cls", [InTuples, OtherShapes])
def test_moments_kept_otherwise_are_refused_by_name(cls):
    weights, optimizer = built(cls())
    with pytest.raises(RuntimeError, match=f"{cls.__name__} of Keras .*Use another"):
        find_moments(optimizer, weights)
