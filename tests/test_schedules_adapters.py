"""Functions and Keras' schedules as learning-rate schedules, against Keras itself."""

import math
import pickle
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras.optimizers import schedules as theirs

from skloss.schedules import (
    Cosine,
    FunctionSchedule,
    KerasSchedule,
    Product,
    Sequential,
    Sum,
    WarmUp,
    get,
)

KERAS = [
    theirs.CosineDecay(0.1, 60),
    theirs.CosineDecay(0.1, 50, alpha=0.1, warmup_target=0.5, warmup_steps=10),
    theirs.CosineDecayRestarts(0.1, 10, t_mul=2.0, m_mul=0.9, alpha=0.01),
    theirs.ExponentialDecay(0.1, 10, 0.9, staircase=True),
    theirs.InverseTimeDecay(0.1, 10, 0.5),
    theirs.PiecewiseConstantDecay([10, 30], [0.1, 0.05, 0.01]),
    theirs.PolynomialDecay(0.1, 20, 0.01, power=2.0, cycle=True),
]


class OneOver(theirs.LearningRateSchedule):
    def __call__(self, step):
        return 1.0 / (1.0 + keras.ops.cast(step, "float32"))


class Always(theirs.LearningRateSchedule):
    def __call__(self, step):
        return 0.25


@pytest.mark.parametrize(
    "schedule", [*KERAS, OneOver(), Always()], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("learning_rate", [0.001, 0.3])
def test_a_keras_schedule_gives_its_own_rates(schedule, learning_rate):
    expected = [float(schedule(step)) for step in range(60)]
    rates = get(schedule).values(learning_rate, 6, 10)
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def keras_callback_rates(function, learning_rate, epochs):
    """Drive Keras' own callback with a fake model; return the rate of each epoch."""
    callback = keras.callbacks.LearningRateScheduler(function)
    optimizer = SimpleNamespace(learning_rate=np.float64(learning_rate))
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    rates = []
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch)
        rates.append(float(optimizer.learning_rate))
    return rates


def halves(epoch, lr):
    return lr if epoch < 2 else lr / 2


FUNCTIONS = {
    "recursive": halves,
    "of the epoch": lambda epoch, lr: 0.1 / (1 + epoch),
    "one argument": lambda epoch: 0.1 * math.exp(-epoch),
    "both": lambda epoch, lr: lr * 0.9**epoch,
    "numpy": lambda epoch, lr: np.float32(lr) * np.float32(0.5),
    "an optional argument": lambda epoch, lr=7.0: lr * 0.5,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_gives_the_rates_of_keras_callback(function):
    expected = keras_callback_rates(function, 0.3, 8)
    np.testing.assert_allclose(get(function).values(0.3, 8), expected, rtol=1e-12)
    stairs = get(function).values(0.3, 8, 5)
    np.testing.assert_allclose(stairs, np.repeat(expected, 5), rtol=1e-12)


def test_a_function_that_returns_a_tensor():
    # as in the example of Keras' documentation
    def scheduler(epoch, lr):
        return lr if epoch < 2 else lr * keras.ops.exp(-0.1)

    rates = get(scheduler).values(0.1, 4)
    expected = 0.1 * np.exp([0, 0, -0.1, -0.2])
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_in_compositions():
    own = theirs.InverseTimeDecay(0.1, 10, 0.5)
    alone = np.array([float(own(step)) for step in range(12)])
    ramp = np.minimum(np.arange(1, 13) / 4, 1)
    for schedule in (WarmUp(1) * own, own * WarmUp(1), Product(WarmUp(1), own)):
        assert schedule.absolute
        np.testing.assert_allclose(schedule.values(0.001, 3, 4), ramp * alone, 1e-5)
    half = (0.5 * get(own)).values(7.0, 3, 4)
    np.testing.assert_allclose(half, 0.5 * alone, rtol=1e-5)
    both = (get(own) + own).values(0.001, 3, 4)
    np.testing.assert_allclose(both, 2 * alone, rtol=1e-5)
    # each begins at its own epoch 0, with the rate as given
    after = Cosine().followed_by(halves, epochs=1.5).values(0.8, 5, 2)
    first = 0.4 * (1 + np.cos(np.pi * np.arange(3) / 3))
    rest = [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2]
    np.testing.assert_allclose(after, [*first, *rest], rtol=1e-9)
    assert not (WarmUp(2) * get(halves)).absolute
    # asked for the rates of its own steps only: this one ends at 0
    decay = get(theirs.CosineDecay(0.1, 20)).followed_by(Always(), epochs=2)
    np.testing.assert_allclose(decay.values(0.001, 3, 10)[20:], 0.25)


def test_a_table_is_numbers_and_structure():
    table = get(halves).settle(0.1, 5, 40)
    other = get(lambda epoch: 1.0).settle(0.1, 5, 40)
    assert table.structure() == other.structure()
    assert table.structure() != get(halves).settle(0.1, 5, 45).structure()
    assert table.structure() != get(Always()).settle(0.1, 1, 8).structure()
    assert pickle.loads(pickle.dumps(table)).structure() == table.structure()
    knobs = table.knobs()
    np.testing.assert_allclose(knobs["numbers"], [1, 1, *0.5 ** np.arange(1, 7)])


def test_a_table_in_a_population_and_after_its_end():
    tables = [get(f).settle(1.0, 3, 12) for f in (halves, lambda epoch: epoch + 1)]
    rows = np.stack([t.knobs()["numbers"] for t in tables])
    step = np.arange(20, dtype="float32")[:, None]
    together = tables[0].bind({"numbers": rows}).multiplier(step, 3, 12)
    expected = [np.repeat([1, 1, 0.5, 0.25], 3), np.repeat([1, 2, 3, 4], 3)]
    np.testing.assert_allclose(np.asarray(together)[:12].T, expected)
    np.testing.assert_allclose(np.asarray(together)[12:].T, [[0.25] * 8, [4] * 8])


def test_get():
    assert get(halves) == FunctionSchedule(halves)
    assert isinstance(get(KERAS[0]), KerasSchedule)
    assert get(halves).set_params(function=max) == FunctionSchedule(max)
    with pytest.raises(ValueError, match="is not a learning-rate schedule"):
        get(theirs.CosineDecay)


# Refusals


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.0"),
        (-1, "-1"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (None, "None"),
        ("0.1", "'0.1'"),
        (True, "True"),
        (np.ones(2), "array"),
    ],
)
def test_a_function_with_a_value_that_is_no_rate(value, shown):
    function = get(lambda epoch, lr: value if epoch == 3 else lr)
    function.values(0.1, 3)
    with pytest.raises(ValueError, match=rf"gave {shown}.* for epoch 3 .*finite"):
        function.values(0.1, 4)


def test_a_function_of_other_arguments():
    for wrong in (lambda: 0.1, lambda epoch, lr, more: 0.1, lambda *, epoch: 0.1):
        with pytest.raises(ValueError, match=r"it must take \(epoch, lr\)"):
            get(wrong).check()


def test_a_keras_schedule_that_ends_too_early():
    with pytest.raises(ValueError, match=r"CosineDecay.*rate 0 at step 20 of 30, in "):
        get(theirs.CosineDecay(0.1, 20)).values(0.1, 3, 10)


def test_rates_and_multiples_do_not_mix():
    own = get(KERAS[0])
    with pytest.raises(ValueError, match="adds a rate and a multiple"):
        Sum(own, 0.5).check()
    with pytest.raises(ValueError, match="adds a rate and a multiple"):
        own + Cosine()
    with pytest.raises(ValueError, match="multiplies two rates"):
        own * own
    for mixed in (WarmUp(2, then=KERAS[0]), Sequential(own, Cosine(), 2)):
        with pytest.raises(ValueError, match=r"multiply them, as in WarmUp\(\) \*"):
            mixed.check()
    own.followed_by(KERAS[1], 2).check()


def test_multipliers_are_known_in_a_training_only():
    for schedule in (get(halves), get(KERAS[0])):
        with pytest.raises(ValueError, match=r"use values\(learning_rate"):
            schedule.multiplier(np.zeros((1, 1)), 1, 1)
