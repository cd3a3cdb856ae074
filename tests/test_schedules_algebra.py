"""Sums, products and sequences of schedules: values by hand, names, refusals."""

import math
import pickle

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
    Product,
    ReduceLROnPlateau,
    Schedule,
    Sequential,
    Step,
    Sum,
    WarmUp,
    get,
    warnings_for,
)

EXAMPLES = [
    0.5 * Cosine(),
    Cosine() * 2,
    Cosine() + 0.1,
    0.1 + Cosine(),
    1 - Cosine(),
    Cosine() - 0.25,
    Cosine() - 0.5 * Step(),
    WarmUp(2) * Cosine(0.1),
    0.9 * Step(0.5, 3) + 0.1 * Exponential(0.9),
    (Cosine() + Step()) * Exponential(),
    Cosine() * (Step() * Exponential()),
    Cosine().followed_by(Exponential(), epochs=3),
    Cosine().followed_by(Step(), 2).followed_by("polynomial", 5),
    WarmUp(2, then=Cosine() * Step(every=2)),
    Sequential(None, None, 2.5) * 0.5,
    Sum("cosine", 0.5),
]


def rates(schedule, epochs=6, steps=7):
    return schedule.values(1.0, epochs, steps)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_value_objects(schedule):
    assert eval(repr(schedule)) == schedule
    assert hash(eval(repr(schedule))) == hash(schedule)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert type(schedule)(**schedule.get_params(deep=False)) == schedule
    schedule.check()


def test_by_hand():
    line = Polynomial()  # 1, 0.75, 0.5, 0.25 over four epochs
    step = Step(factor=0.1, every=2)  # 1, 1, 0.1, 0.1
    for schedule, expected in (
        (0.5 * line, [0.5, 0.375, 0.25, 0.125]),
        (line + 0.1, [1.1, 0.85, 0.6, 0.35]),
        (1 - line, [0, 0.25, 0.5, 0.75]),
        (line - 0.25, [0.75, 0.5, 0.25, 0]),
        (line - step, [0, -0.25, 0.4, 0.15]),
        (line * step, [1, 0.75, 0.05, 0.025]),
        (line + step, [2, 1.75, 0.6, 0.35]),
        (sum([line, step]), [2, 1.75, 0.6, 0.35]),
        (np.float64(0.5) * line, [0.5, 0.375, 0.25, 0.125]),
        # each of the two lines over its own two epochs
        (line.followed_by(line, epochs=2), [1, 0.5, 1, 0.5]),
        (step.followed_by(line, epochs=3), [1, 1, 0.1, 1]),
        (WarmUp(2) * line, [0.5, 0.75, 0.5, 0.25]),
    ):
        np.testing.assert_allclose(schedule.values(0.1, 4), 0.1 * np.array(expected))


@pytest.mark.parametrize("a", [Cosine(0.1), Exponential(0.9), WarmUp(2)], ids=repr)
@pytest.mark.parametrize("b", [Step(0.5, 2), OneCycle(start=0.2)], ids=repr)
def test_pointwise_and_one_after_the_other(a, b):
    np.testing.assert_allclose(rates(a * b), rates(a) * rates(b), rtol=1e-12)
    np.testing.assert_allclose(rates(a + b), rates(a) + rates(b), rtol=1e-12)
    expected = [*rates(a, epochs=2), *rates(b, epochs=4)]
    np.testing.assert_allclose(rates(a.followed_by(b, 2)), expected, rtol=1e-12)


@pytest.mark.parametrize("epochs", [0.01, 1, 2.5, 5])
def test_warm_up_is_a_ramp_followed_by_the_rest(epochs):
    class Ramp(Schedule):
        def curve(self, step, steps_per_epoch, n_steps):
            return (step + 1) / n_steps

    expected = rates(Ramp().followed_by(Cosine(0.1), epochs))
    np.testing.assert_array_equal(rates(WarmUp(epochs, Cosine(0.1))), expected)


POPULATIONS = [
    (Product(1.0, Cosine()), {"a": [0.5, 1.0, 2.0], "b__final": [0.0, 0.1, 0.2]}),
    (Sum(Step(), 0.1), {"a__every": [1.0, 2.0, 3.0], "b": [0.1, 0.2, 0.3]}),
    (
        Cosine().followed_by(Exponential(), 2),
        {
            "first__final": [0.1, 0.2, 0.3],
            "epochs": [1.0, 2.5, 9.0],
            "then__rate": [0.9, 0.5, 0.2],
        },
    ),
    (WarmUp() * Cosine(), {"a__epochs": [1.0, 2.0, 3.0], "b__final": [0.1, 0.2, 0.3]}),
]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("schedule", "knobs"), POPULATIONS, ids=repr)
def test_population_equals_each_alone(schedule, knobs, compiled):
    assert set(knobs) <= set(schedule.knobs())
    assert set(knobs) <= set(schedule.get_params())

    @tf.function(jit_compile=compiled)
    def together(step, knobs, steps_per_epoch, n_steps):
        return schedule.bind(knobs).multiplier(step, steps_per_epoch, n_steps)

    tensors = {name: tf.constant(value, "float32") for name, value in knobs.items()}
    step = tf.range(42.0)[:, None]
    got = together(step, tensors, tf.constant(7.0), tf.constant(42.0))
    for j in range(3):
        alone = schedule.bind({name: value[j] for name, value in knobs.items()})
        np.testing.assert_allclose(
            ops.convert_to_numpy(got)[:, j], rates(alone), rtol=2e-5, atol=1e-6
        )


def test_structure_has_no_numbers():
    assert (0.5 * Cosine()).structure() == (0.7 * Cosine(0.1)).structure()
    assert (0.5 * Cosine()).structure() != (0.5 + Cosine()).structure()
    assert (0.5 * Cosine()).structure() != (0.5 * Step()).structure()
    assert (Cosine() * Step()).structure() != (Cosine() * 0.5).structure()
    sequences = (Cosine().followed_by("step", n) for n in (2, 3))
    assert len({schedule.structure() for schedule in sequences}) == 1


def test_nested_names():
    schedule = get(WarmUp(3) * Cosine())
    assert schedule.set_params(b__final=0.2) == WarmUp(3) * Cosine(0.2)
    assert schedule.set_params(b="step", b__every=4) == WarmUp(3) * Step(every=4)
    assert schedule.set_params(a=0.5).a == 0.5
    sequence = Sequential("cosine", "step", 2).set_params(then__every=7)
    assert sequence.then == Step(every=7)
    assert get(sequence).first == Cosine()
    with pytest.raises(ValueError, match="'final'"):
        schedule.set_params(b__final=0.1)


# Refusals and warnings


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda p: WarmUp() * p, "Product: b=.*does not tell.*or the plateau schedule"),
        (lambda p: p * Cosine(), "Product: a=.*min_lr would not be the lowest"),
        (lambda p: 0.5 * p, "must be alone"),
        (lambda p: p + 0.1, "Sum: a="),
        (lambda p: Sum(Cosine(), p).check(), "Sum: b="),
        (lambda p: p.followed_by("cosine", 3).check(), "Sequential: first="),
        (lambda p: Cosine().followed_by(p, 3).check(), "Sequential: then=.*plateau"),
        (lambda p: (Cosine() * WarmUp(then=p)).check(), "scores of the ramp"),
    ],
)
def test_a_plateau_schedule_stands_alone(make, reason):
    with pytest.raises(ValueError, match=reason):
        make(ReduceLROnPlateau(patience=3))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (Cosine() * Step(every=0), "every=0"),
        (math.nan * Cosine(), "a=nan must be a schedule or a finite number"),
        (Cosine() + math.inf, "b=inf"),
        (Product(None, 0.5), "a=None"),
        (Cosine().followed_by("step", 0), "Sequential: epochs=0 must be above 0"),
        (Sum("cosin", 1), "Did you mean 'cosine'"),
    ],
)
def test_check(schedule, message):
    with pytest.raises(ValueError, match=message):
        schedule.check()


def test_only_schedules_and_numbers():
    for wrong in ("cosine", None, True):
        with pytest.raises(TypeError):
            Cosine() * wrong
        with pytest.raises(TypeError):
            wrong + Cosine()
        with pytest.raises(TypeError):
            wrong - Cosine()
    with pytest.raises(ValueError, match=r"such as Cosine\(\)"):
        Cosine() * Step


def test_warns_of_what_the_training_does_not_reach():
    (message,) = warnings_for(WarmUp(5), 0.001, epochs=4)
    assert message.startswith("WarmUp: epochs=5, but the training has 4, so that its")
    assert "to, say, 0.4, or raise the estimator's epochs" in message
    (message,) = warnings_for(WarmUp(5, "cosine"), 0.001, epochs=5)
    assert "then='cosine' never begins" in message or "Cosine() never" in message
    assert len(warnings_for(WarmUp(5) * Cosine(), 0.001, epochs=4)) == 1
    assert len(warnings_for(Cosine().followed_by("step", 5), 0.001, epochs=5)) == 1
    late = Constant().followed_by(WarmUp(5), 6)
    assert len(warnings_for(late, 0.001, epochs=10)) == 1
    assert warnings_for(late, 0.001, epochs=11) == []
    assert warnings_for(WarmUp(5), 0.001, epochs=5) == []
    assert warnings_for(WarmUp(5), 0.001) == []
