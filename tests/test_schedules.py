"""Learning-rate schedules: hand-computed values, PyTorch's loops, populations."""

import math
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from skloss.schedules import (
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    Polynomial,
    ReduceLROnPlateau,
    Step,
    WarmUp,
)
from skloss.schedules._decay import whole

EXAMPLES = [
    Constant(),
    Cosine(),
    Cosine(final=0.1),
    Exponential(rate=0.9),
    Step(factor=0.5, every=3),
    Polynomial(power=2.0, final=0.01),
    WarmUp(),
    WarmUp(epochs=2, then="exponential"),
    WarmUp(epochs=2.5, then=Cosine(final=0.1)),
    WarmUp(epochs=1, then=OneCycle(start=0.1)),
    OneCycle(warm_up_fraction=0.4, start=0.1, final=0.01),
    ReduceLROnPlateau(factor=0.2, patience=5, min_lr=1e-5),
]


def rows(n, dtype="float64"):
    return np.arange(n, dtype=dtype)[:, None]


def multipliers(schedule, epochs, steps_per_epoch, beyond=0):
    n = epochs * steps_per_epoch
    result = schedule.multiplier(rows(n + beyond), steps_per_epoch, n)
    return ops.convert_to_numpy(result)[:, 0]


# Values by hand


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), [1, 1, 1, 1]),
        (Cosine(), [1, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125)]),
        (Cosine(final=0.2), [1, 0.6 + 0.4 * math.sqrt(0.5), 0.6, 0.31715729]),
        (Exponential(rate=0.5), [1, 0.5, 0.25, 0.125]),
        (Step(factor=0.1, every=2), [1, 1, 0.1, 0.1]),
        (Polynomial(), [1, 0.75, 0.5, 0.25]),
        (Polynomial(power=2, final=0.2), [1, 0.65, 0.4, 0.25]),
        (WarmUp(epochs=2), [0.5, 1, 1, 1]),
        (WarmUp(epochs=2, then=Polynomial()), [0.5, 1, 1, 0.5]),
        (OneCycle(0.5, start=0.2, final=0.1), [0.2, 1, 0.51, 0.02]),
    ],
)
def test_by_hand(schedule, expected):
    np.testing.assert_allclose(schedule.values(0.1, 4), 0.1 * np.array(expected))


def test_defaults():
    assert Cosine().final == 0
    assert Exponential().rate == 0.95
    assert (Step().factor, Step().every) == (0.1, 30)
    assert (Polynomial().power, Polynomial().final) == (1, 0)
    assert (WarmUp().epochs, WarmUp().then) == (5, None)
    keras_defaults = keras.callbacks.ReduceLROnPlateau(mode="min")
    for name, value in ReduceLROnPlateau().get_params().items():
        assert getattr(keras_defaults, name) == value


# PyTorch's formulas, epoch by epoch and step by step


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 49])
@pytest.mark.parametrize(
    ("schedule", "epoch_value"),
    [
        # CosineAnnealingLR with eta_min = final * lr and T_max = epochs
        (
            Cosine(final=0.05),
            lambda e, n: 0.05 + 0.95 * (1 + math.cos(math.pi * e / n)) / 2,
        ),
        (Exponential(rate=0.9), lambda e, n: 0.9**e),
        (Step(factor=0.3, every=4), lambda e, n: 0.3 ** (e // 4)),
        (Polynomial(power=0.9), lambda e, n: (1 - min(e, n) / n) ** 0.9),
    ],
)
def test_first_step_of_each_epoch_is_pytorchs_value(
    schedule, epoch_value, steps_per_epoch
):
    epochs = 13
    firsts = multipliers(schedule, epochs, steps_per_epoch)[::steps_per_epoch]
    expected = [epoch_value(e, epochs) for e in range(epochs)]
    np.testing.assert_allclose(firsts, expected, rtol=1e-12)


@pytest.mark.parametrize("schedule", [Exponential(), Step(factor=0.3, every=4)])
def test_stairs_are_flat_within_an_epoch(schedule):
    stairs = multipliers(schedule, 9, 7).reshape(9, 7)
    np.testing.assert_array_equal(stairs, np.repeat(stairs[:, :1], 7, axis=1))
    assert len(np.unique(stairs)) == (9 if isinstance(schedule, Exponential) else 3)


def test_smooth_schedules_move_every_step():
    for schedule in (Cosine(), Polynomial()):
        assert (np.diff(multipliers(schedule, 3, 5)) < 0).all()


def pytorch_one_cycle(max_lr, total, pct_start, div_factor, final_div_factor):
    """Restate torch.optim.lr_scheduler.OneCycleLR, two phases, anneal 'cos'."""
    initial = max_lr / div_factor
    phases = [
        (float(pct_start * total) - 1, initial, max_lr),
        (total - 1, max_lr, initial / final_div_factor),
    ]
    rates = []
    for step in range(total):
        begin = 0.0
        for i, (end, start_lr, end_lr) in enumerate(phases):
            if step <= end or i == len(phases) - 1:
                share = (step - begin) / (end - begin)
                cos_out = math.cos(math.pi * share) + 1
                rates.append(end_lr + (start_lr - end_lr) / 2.0 * cos_out)
                break
            begin = end
    return rates


@pytest.mark.parametrize(("epochs", "steps"), [(1, 1), (1, 7), (10, 1), (8, 13)])
@pytest.mark.parametrize(
    ("pct_start", "div", "final_div"),
    [(0.3, 25, 1e4), (0.25, 10, 100), (0.95, 2, 5), (0.01, 25, 1e4), (0.0, 4, 10)],
)
def test_one_cycle_is_pytorchs(epochs, steps, pct_start, div, final_div):
    schedule = OneCycle(pct_start, start=1 / div, final=1 / final_div)
    expected = pytorch_one_cycle(0.02, epochs * steps, pct_start, div, final_div)
    np.testing.assert_allclose(
        schedule.values(0.02, epochs, steps), expected, rtol=1e-9, atol=1e-18
    )


def test_one_cycle_defaults_are_pytorchs():
    expected = pytorch_one_cycle(0.1, 90, 0.3, 25.0, 1e4)
    np.testing.assert_allclose(OneCycle().values(0.1, 9, 10), expected, rtol=1e-9)
    assert np.argmax(expected) == 26  # 0.3 * 90 - 1


def test_one_cycle_with_a_ramp_of_one_step_starts_at_the_top():
    # warm_up_fraction * n_steps == 1, where PyTorch raises ZeroDivisionError
    for dtype in ("float32", "float64"):
        curve = OneCycle(warm_up_fraction=0.1).multiplier(rows(10, dtype), 1, 10)
        curve = ops.convert_to_numpy(curve)[:, 0]
        assert curve[0] == pytest.approx(1)
        assert (np.diff(curve) < 0).all()


# Warm-up


def test_warm_up_then_cosine():
    got = multipliers(WarmUp(epochs=3, then=Cosine(final=0.1)), 10, 4)
    ramp = [(s + 1) / 12 for s in range(12)]
    rest = [0.1 + 0.9 * (1 + math.cos(math.pi * s / 28)) / 2 for s in range(28)]
    np.testing.assert_allclose(got, ramp + rest, rtol=1e-12)


@pytest.mark.parametrize("then", [Step(every=2), Exponential(), OneCycle()])
def test_warm_up_runs_the_rest_over_the_remaining_horizon(then):
    got = multipliers(WarmUp(epochs=3, then=then), 10, 7)
    np.testing.assert_allclose(got[21:], multipliers(then, 7, 7), rtol=1e-12)


def test_warm_up_of_a_part_of_an_epoch_takes_whole_steps():
    got = multipliers(WarmUp(epochs=0.25, then=Exponential(rate=0.5)), 2, 10)
    np.testing.assert_allclose(got, [0.5] + 11 * [1] + 8 * [0.5])


def test_warm_up_longer_than_the_training_only_ramps():
    got = multipliers(WarmUp(epochs=5, then="polynomial"), 2, 3)
    np.testing.assert_allclose(got, np.arange(1, 7) / 15)


def test_warm_up_shorter_than_a_step_takes_one():
    got = multipliers(WarmUp(epochs=0.01, then="polynomial"), 2, 3)
    np.testing.assert_allclose(got, [1, 1, 0.8, 0.6, 0.4, 0.2])


# The horizon


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_constant_after_the_horizon(schedule):
    curve = multipliers(schedule, 6, 4, beyond=30)
    np.testing.assert_allclose(curve[24:], np.full(30, curve[24]), rtol=1e-14)
    assert np.isfinite(curve).all()
    assert (curve >= 0).all()


@pytest.mark.parametrize(
    ("schedule", "end"),
    [
        (Cosine(final=0.03), 0.03),
        (Polynomial(power=0.7, final=0.03), 0.03),
        (OneCycle(start=0.2, final=0.1), 0.02),
        (Exponential(rate=0.9), 0.9**6),
        (Step(factor=0.5, every=2), 0.125),
        (WarmUp(epochs=2, then=Cosine(final=0.03)), 0.03),
    ],
)
def test_end_value(schedule, end):
    assert multipliers(schedule, 6, 4, beyond=9)[-1] == pytest.approx(end, rel=1e-9)


# Populations, dtypes and graphs

POPULATIONS = [
    (Cosine(), {"final": [0.0, 0.1, 0.5]}),
    (Exponential(), {"rate": [0.9, 0.5, 1.0]}),
    (Step(), {"factor": [0.1, 0.5, 0.9], "every": [1.0, 2.0, 30.0]}),
    (Polynomial(), {"power": [1.0, 2.0, 0.5], "final": [0.0, 0.1, 0.2]}),
    (WarmUp(), {"epochs": [1.0, 2.0, 9.0]}),
    (
        WarmUp(then=Cosine()),
        {"epochs": [1.0, 2.0, 9.0], "then__final": [0.0, 0.1, 0.2]},
    ),
    (WarmUp(then=OneCycle()), {"epochs": [1.0, 2.0, 4.0]}),
    (
        OneCycle(),
        {
            "warm_up_fraction": [0.0, 0.3, 0.6],
            "start": [0.1, 0.2, 0.04],
            "final": [0.1, 0.01, 1e-4],
        },
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numpy", "graph"])
@pytest.mark.parametrize(("schedule", "knobs"), POPULATIONS, ids=repr)
def test_population_equals_each_alone(schedule, knobs, kind):
    epochs, spe = 6, 7
    n = epochs * spe
    dtype, rtol = ("float64", 1e-12) if kind == "numpy" else ("float32", 2e-5)
    arrays = {name: np.array(v, dtype) for name, v in knobs.items()}

    def together(step, arrays, spe, n):
        return schedule.bind(arrays).multiplier(step, spe, n)

    if kind == "graph":
        together = tf.function(together)
        tensors = {name: tf.constant(v) for name, v in arrays.items()}
        got = together(
            tf.constant(rows(n, dtype)), tensors, *map(tf.constant, (7.0, 42.0))
        )
    else:
        got = together(rows(n), arrays, spe, n)
    got = ops.convert_to_numpy(got)
    assert got.shape == (n, 3)
    assert got.dtype == dtype
    for j in range(3):
        alone = schedule.bind({name: v[j] for name, v in knobs.items()})
        expected = multipliers(alone, epochs, spe)
        np.testing.assert_allclose(got[:, j], expected, rtol=rtol, atol=1e-6)
    assert not np.allclose(got[:, 0], got[:, 1])  # the numbers are not ignored


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_result_has_the_dtype_of_the_step(schedule):
    for dtype in ("float32", "float64"):
        result = schedule.multiplier(rows(6, dtype), 3, 6)
        assert keras.backend.standardize_dtype(result.dtype) == dtype
        assert result.shape == (6, 1)


@pytest.mark.parametrize("steps_per_epoch", [1, 3, 41, 47, 49, 55, 61])
def test_stairs_in_single_precision_with_constants_in_the_graph(steps_per_epoch):
    # Grappler may turn x / 49 into x * (1 / 49), which is below 1 at x = 49.
    epochs = 60
    n = epochs * steps_per_epoch

    @tf.function
    def stairs(step):
        return Step(factor=0.5, every=7).multiplier(step, steps_per_epoch, n)

    got = stairs(tf.constant(rows(n, "float32"))).numpy()[:, 0]
    expected = [0.5 ** (s // steps_per_epoch // 7) for s in range(n)]
    np.testing.assert_array_equal(got, np.array(expected, "float32"))


@pytest.mark.parametrize("steps_per_epoch", [41, 47, 49, 55, 61])
def test_whole_survives_a_rounded_reciprocal(steps_per_epoch):
    class Reciprocal(float):
        def __rtruediv__(self, x):
            return x * tf.constant(1 / self, "float32")

    step = tf.constant(np.arange(60 * steps_per_epoch, dtype="float32"))
    got = whole(step, Reciprocal(steps_per_epoch)).numpy()
    np.testing.assert_array_equal(got, np.repeat(np.arange(60), steps_per_epoch))


def test_changing_numbers_does_not_retrace():
    traces = []

    @tf.function
    def curve(step, final, n):
        traces.append(1)
        return Cosine().bind({"final": final}).multiplier(step, 5.0, n)

    for final, n in ((0.1, 10.0), (0.2, 20.0)):
        curve(tf.constant(rows(4, "float32")), tf.constant([final]), tf.constant(n))
    assert len(traces) == 1


def test_plateau_multiplies_by_one_and_has_no_values():
    schedule = ReduceLROnPlateau()
    np.testing.assert_array_equal(multipliers(schedule, 2, 3), np.ones(6))
    with pytest.raises(ValueError, match="depend on the validation score"):
        schedule.values(0.1, 10)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_round_trips(schedule):
    assert eval(repr(schedule)) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(eval(repr(schedule))) == hash(schedule)
    assert type(schedule)(**schedule.get_params(deep=False)) == schedule
    schedule.check()
