"""Schedules as values: names, nested parameters, refusals."""

import math

import numpy as np
import pytest
from keras import ops

from skloss.schedules import (
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    Polynomial,
    ReduceLROnPlateau,
    Schedule,
    Step,
    WarmUp,
    get,
)

NAMES = {
    "constant": Constant,
    "cosine": Cosine,
    "exponential": Exponential,
    "step": Step,
    "polynomial": Polynomial,
    "warm_up": WarmUp,
    "one_cycle": OneCycle,
    "reduce_on_plateau": ReduceLROnPlateau,
}


def test_repr_shows_what_differs_from_the_default():
    assert repr(WarmUp(then=Cosine(final=0.1))) == "WarmUp(then=Cosine(final=0.1))"
    assert repr(Step(factor=0.1)) == "Step()"


def test_knobs_reach_the_nested_schedule():
    assert WarmUp(then=Cosine(final=0.1)).knobs() == {"epochs": 5, "then__final": 0.1}
    assert get("warm_up:then=step").structure() == WarmUp(2, Step(0.3, 4)).structure()
    assert WarmUp(then=Step()).structure() != WarmUp(then=Cosine()).structure()


@pytest.mark.parametrize(("name", "cls"), NAMES.items())
def test_get_a_name(name, cls):
    assert get(name) == cls()
    assert Schedule.registry[name] is cls


def test_get():
    cosine = Cosine(final=0.3)
    assert get(None) == Constant()
    assert get(cosine) is cosine
    assert get("cosine:final=0.01") == Cosine(final=0.01)
    assert get("step:factor=0.5, every=3") == Step(0.5, 3)
    assert get("warm_up:epochs=3,then=cosine") == WarmUp(3, Cosine())
    assert get(WarmUp(then="step:every=2")) == WarmUp(then=Step(every=2))
    assert get(WarmUp(then=WarmUp(then="step"))) == WarmUp(then=WarmUp(then=Step()))


def test_get_does_not_change_what_it_is_given():
    warm_up = WarmUp(then="cosine")
    get(warm_up)
    assert warm_up.then == "cosine"


def test_nested_parameters_turn_a_name_into_its_schedule():
    assert WarmUp().set_params(then__final=0.2, then="cosine", epochs=2) == WarmUp(
        2, Cosine(0.2)
    )
    assert WarmUp(then="step").set_params(then__every=7).then == Step(every=7)
    with pytest.raises(ValueError, match="'final'"):
        WarmUp(then="cosine").set_params(then__finall=0.2)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cosin", "Unknown learning-rate schedule 'cosin'. Did you mean 'cosine'"),
        ("ReduceLROnPlateau", "Did you mean 'reduce_on_plateau'"),
        ("warmup", "'warm_up'"),
        ("cosine:finall=0.1", "'finall'.*Did you mean 'final'"),
        ("cosine:0.1", "knob=value"),
        ("constant:final=0.1", "'final'"),
        (0.1, "0.1 is not a learning-rate schedule.*'cosine'"),
        (Cosine, "is not a learning-rate schedule.*Cosine\\(\\)"),
    ],
)
def test_get_refuses(spec, message):
    with pytest.raises(ValueError, match=message):
        get(spec)


def test_a_new_schedule_registers_itself(monkeypatch):
    monkeypatch.setattr(Schedule, "registry", dict(Schedule.registry))

    class Half(Schedule):
        name = "half"

        def curve(self, step, steps_per_epoch, n_steps):
            return ops.where(2.0 * step < n_steps, 1.0, 0.5)

    class Unnamed(Half):
        pass

    assert type(get("half")) is Half
    np.testing.assert_array_equal(get("half").values(1.0, 4), [1, 1, 0.5, 0.5])


# Refusals and warnings


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        (Cosine(final=-0.1), "final"),
        (Cosine(final=1.1), "final"),
        (Cosine(final="0.1"), "final"),
        (Cosine(final=True), "final"),
        (Cosine(final=None), "final"),
        (Exponential(rate=0), "rate"),
        (Exponential(rate=1.1), "rate"),
        (Exponential(rate=math.nan), "rate"),
        (Step(factor=1), "factor"),
        (Step(factor=0.0), "factor"),
        (Step(every=0), "every"),
        (Step(every=2.5), "every"),
        (Step(every=math.inf), "every"),
        (Step(every=math.nan), "every"),
        (Polynomial(power=0), "power"),
        (Polynomial(power=-1), "power"),
        (Polynomial(final=-1), "final"),
        (WarmUp(epochs=0), "epochs"),
        (WarmUp(epochs=-3), "epochs"),
        (WarmUp(epochs=math.inf), "epochs"),
        (WarmUp(then=Cosine(final=2)), "final"),
        (WarmUp(then="step:every=0"), "every"),
        (OneCycle(warm_up_fraction=1.0), "warm_up_fraction"),
        (OneCycle(warm_up_fraction=-0.1), "warm_up_fraction"),
        (OneCycle(start=0), "start"),
        (OneCycle(start=25), "start"),
        (OneCycle(final=1e4), "final"),
        (ReduceLROnPlateau(factor=1.0), "factor"),
        (ReduceLROnPlateau(factor=0), "factor"),
        (ReduceLROnPlateau(patience=-1), "patience"),
        (ReduceLROnPlateau(patience=1.5), "patience"),
        (ReduceLROnPlateau(min_delta=-1e-4), "min_delta"),
        (ReduceLROnPlateau(cooldown=-1), "cooldown"),
        (ReduceLROnPlateau(min_lr=-1e-4), "min_lr"),
    ],
    ids=repr,
)
def test_check_names_value_reason_and_remedy(schedule, named):
    with pytest.raises(ValueError, match=rf"{named}=.* must be .*default is {named}="):
        schedule.check()


def test_edges_that_are_allowed():
    for schedule in (
        Cosine(final=1),
        Exponential(rate=1.0),
        Step(every=np.int64(1)),
        Step(factor=np.float32(0.5)),
        OneCycle(warm_up_fraction=0.0, final=0.0, start=1),
        ReduceLROnPlateau(patience=0, cooldown=0.0, min_delta=0),
    ):
        schedule.check()


@pytest.mark.parametrize(
    "then",
    [
        ReduceLROnPlateau(),
        "reduce_on_plateau:patience=3",
        WarmUp(then="reduce_on_plateau"),
    ],
    ids=repr,
)
def test_plateau_after_warm_up_is_refused(then):
    with pytest.raises(ValueError, match=r"then=.*plateau.*Use then='cosine'"):
        WarmUp(then=then).check()


def test_check_refuses_an_unknown_name_after_warm_up():
    with pytest.raises(ValueError, match="Did you mean 'cosine'"):
        WarmUp(then="cosin").check()


def test_values_checks():
    with pytest.raises(ValueError, match="every=0"):
        Step(every=0).values(0.1, 3)


def test_only_plateau_monitors():
    assert [name for name, cls in NAMES.items() if cls.monitors] == [
        "reduce_on_plateau"
    ]
