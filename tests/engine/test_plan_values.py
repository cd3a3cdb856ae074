"""The values that go into the engine and come out: replaced, pickled, not changed."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from test_population import member, plan, table

from skloss._engine import train_population


def test_a_table_that_replaces_another_is_read_anew():
    data = table()
    data.as_tensors("float32", "float32")
    other = replace(data, X=data.X + 1.0, Y=1.0 - data.Y)
    (X,), Y = other.as_tensors("float32", "float32")
    np.testing.assert_array_equal(X, (data.X + 1.0).astype("float32"))
    np.testing.assert_array_equal(Y, (1.0 - data.Y).astype("float32"))


def test_a_target_far_from_zero_is_scaled_in_double_precision():
    one = member(0, loc=np.array([1e8, 0.0]), scale=np.array([2.0, 1.0]))
    Y = np.array([[100_000_001, 3], [100_000_000, 4]])
    np.testing.assert_array_equal(one.scaled_target(Y), [[0.5, 3.0], [0.0, 4.0]])


def test_a_pickled_state_goes_on_as_the_state_itself():
    data = table()
    first = train_population(plan([member(0)], epochs=1), data)[0].state
    copy = pickle.loads(pickle.dumps(first))
    ends = [
        train_population(plan([member(0, start=state)], epochs=1), data)[0]
        for state in (first, copy)
    ]
    np.testing.assert_array_equal(ends[0].weights, ends[1].weights)
    assert ends[0].n_epochs == first.epoch + 1 == 2
    whole = train_population(plan([member(0)], epochs=2), data)[0]
    np.testing.assert_array_equal(ends[0].weights, whole.weights)


def test_nothing_is_patched_into_a_value():
    data, one = table(), member(0)
    whole = plan([one], epochs=1)
    result = train_population(whole, data)[0]
    values = (
        (data, "X"),
        (data.streams[0], "rows"),
        (one, "start"),
        (whole, "epochs"),
        (result, "state"),
        (result.state, "epoch"),
    )
    for value, name in values:
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)
