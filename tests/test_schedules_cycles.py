"""Cosines with restarts and triangles: PyTorch's loops, values by hand, edges."""

import math

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from skloss.schedules import CosineRestarts, Cyclic, get


def pytorch_warm_restarts(eta_min, t_0, t_mult, epochs):
    """Restate torch.optim.lr_scheduler.CosineAnnealingWarmRestarts for lr 1."""
    t_cur, t_i, rates = 0, t_0, []
    for _ in range(epochs):
        cosine = (1 + math.cos(math.pi * t_cur / t_i)) / 2
        rates.append(eta_min + (1 - eta_min) * cosine)
        t_cur += 1
        if t_cur >= t_i:
            t_cur, t_i = t_cur - t_i, t_i * t_mult
    return rates


def pytorch_cyclic(base_lr, max_lr, step_size_up, steps):
    """Restate torch.optim.lr_scheduler.CyclicLR, mode "triangular"."""
    total_size, step_ratio, rates = 2.0 * step_size_up, 0.5, []
    for it in range(steps):
        cycle = math.floor(1 + it / total_size)
        x = 1.0 + it / total_size - cycle
        share = x / step_ratio if x <= step_ratio else (x - 1) / (step_ratio - 1)
        rates.append(base_lr + (max_lr - base_lr) * share)
    return rates


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 49])
@pytest.mark.parametrize(
    ("first", "t_mul", "final"),
    [(1, 1, 0.0), (10, 1, 0.0), (7, 1, 0.1), (1, 2, 0.0), (3, 2, 0.1), (5, 3, 0.0)],
)
def test_restarts_are_pytorchs_at_each_epochs_first_step(
    first, t_mul, final, steps_per_epoch
):
    schedule = CosineRestarts(first, t_mul, final)
    rates = schedule.values(1.0, 100, steps_per_epoch)[::steps_per_epoch]
    expected = pytorch_warm_restarts(final, first, t_mul, 100)
    np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=1e-15)


def test_restarts_move_every_step_and_end_cycles_at_the_last_one():
    rates = CosineRestarts(epochs=1, t_mul=2).values(1.0, 7, 10)
    for begin, end in ((0, 10), (10, 30), (30, 70)):
        share = np.arange(end - begin) / (end - begin)
        expected = (1 + np.cos(np.pi * share)) / 2
        np.testing.assert_allclose(rates[begin:end], expected, atol=1e-15)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("steps", "first", "t_mul"), [(977, 10, 2), (49, 1, 10)])
@pytest.mark.slow
def test_restarts_in_single_precision_miss_no_edge(steps, first, t_mul, compiled):
    @tf.function(jit_compile=compiled)
    def curve(step, steps_per_epoch, n_steps, first, t_mul):
        bound = CosineRestarts().bind({"epochs": first, "t_mul": t_mul})
        return bound.multiplier(step, steps_per_epoch, n_steps)

    begin, length, edges = 0, first * steps, []
    while begin < 3_000_000:
        edges += [begin, begin + length - 1]
        begin, length = begin + length, length * t_mul
    constants = [tf.constant(float(x)) for x in (steps, begin)]
    knobs = [tf.constant([float(x)]) for x in (first, t_mul)]
    step = tf.constant(np.array(edges, "float32")[:, None])
    got = curve(step, *constants, *knobs).numpy()[:, 0]
    np.testing.assert_allclose(got[0::2], 1, atol=1e-6)
    np.testing.assert_allclose(got[1::2], 0, atol=2e-3)


def test_cyclic_by_hand():
    # a period of 4 epochs: up by half the way each epoch, and down again
    rates = Cyclic(low=0.2, period=4).values(0.1, 9)
    expected = [0.02, 0.06, 0.1, 0.06, 0.02, 0.06, 0.1, 0.06, 0.02]
    np.testing.assert_allclose(rates, expected)


@pytest.mark.parametrize(
    ("low", "period", "steps"), [(0.25, 10, 8), (0.5, 3, 10), (0.1, 2.5, 4), (1, 2, 3)]
)
def test_cyclic_is_pytorchs(low, period, steps):
    rates = Cyclic(low, period).values(0.3, 23, steps)
    half = period * steps / 2
    expected = pytorch_cyclic(low * 0.3, 0.3, half, 23 * steps)
    np.testing.assert_allclose(rates, expected, rtol=1e-9)


def test_cyclic_is_keras_triangle():
    # Smith's formula as in the CyclicalLearningRate of TensorFlow Addons
    rates = Cyclic(low=0.1, period=6).values(1.0, 20, 5)
    for step, rate in enumerate(rates):
        cycle = math.floor(1 + step / (2 * 15))
        x = abs(step / 15 - 2 * cycle + 1)
        assert rate == pytest.approx(0.1 + 0.9 * max(0, 1 - x))


@pytest.mark.parametrize(
    ("schedule", "knobs"),
    [
        (
            CosineRestarts(),
            {"epochs": [1, 2, 3], "t_mul": [1, 2, 3], "final": [0.0, 0.1, 0.2]},
        ),
        (Cyclic(), {"low": [0.1, 0.5, 0.25], "period": [4.0, 2.5, 10.0]}),
    ],
    ids=repr,
)
def test_population_equals_each_alone(schedule, knobs):
    arrays = {name: np.array(value, "float64") for name, value in knobs.items()}
    step = np.arange(90.0)[:, None]
    together = schedule.bind(arrays).multiplier(step, 9, 90)
    for j in range(3):
        alone = schedule.bind({name: value[j] for name, value in knobs.items()})
        np.testing.assert_allclose(
            ops.convert_to_numpy(together)[:, j], alone.values(1.0, 10, 9), rtol=1e-12
        )


def test_names_and_defaults():
    assert get("cosine_restarts:epochs=5,t_mul=2") == CosineRestarts(5, 2)
    assert get("cyclic:period=4") == Cyclic(period=4)
    assert get("cosine_restarts") == CosineRestarts(10, 1, 0.0)
    assert get("cyclic") == Cyclic(0.25, 10)
    for schedule in (CosineRestarts(5, 2, 0.1), Cyclic(0.1, 2.5)):
        assert eval(repr(schedule)) == schedule
        assert hash(eval(repr(schedule))) == hash(schedule)


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        (CosineRestarts(epochs=0), "epochs"),
        (CosineRestarts(epochs=1.5), "epochs"),
        (CosineRestarts(t_mul=0), "t_mul"),
        (CosineRestarts(t_mul=1.5), "t_mul"),
        (CosineRestarts(final=-0.1), "final"),
        (Cyclic(low=0), "low"),
        (Cyclic(low=1.1), "low"),
        (Cyclic(period=0), "period"),
        (Cyclic(period=math.inf), "period"),
    ],
    ids=repr,
)
def test_check_names_value_reason_and_remedy(schedule, named):
    with pytest.raises(ValueError, match=rf"{named}=.* must be .*default is {named}="):
        schedule.check()
