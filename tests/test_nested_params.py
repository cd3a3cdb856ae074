"""Nested parameters, of all that has them: all or none are set, and nobody else's."""

import inspect
import threading

import keras
import numpy as np
import pytest
from canonical import NET, X, y_binary
from sklearn import config_context
from sklearn.base import clone

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss._params import Params
from skloss.losses import Brier, CrossEntropy, CVaR, Focal, Huber, PerTarget
from skloss.networks import MLP, Body
from skloss.schedules import Cosine, Sequential, Step, WarmUp


def build(units=8, rate=0.1):
    return keras.Sequential([keras.layers.Dense(units)])


def other(size=3):
    return keras.Sequential([keras.layers.Dense(size)])


def heads():
    return [
        ("churn", ClassificationHead(Focal())),
        ("spend", RegressionHead("huber", weight=0.5)),
    ]


# What holds parameters, and a change of which all but the last name can be set.
CASES = {
    "loss": (Focal, {"gamma": 3.0, "gama": 1}),
    "wrapper": (lambda: CVaR(Focal()), {"alpha": 0.5, "loss__gamma": 3, "loss__g": 1}),
    "whole first": (
        lambda: CVaR(Focal()),
        {"loss": Huber(), "loss__delta": 0.1, "loss__gamma": 3},
    ),
    "sum": (
        lambda: 0.5 * CrossEntropy() + 0.5 * Focal(gamma=Cosine()),
        {
            "focal__gamma__final": 0.5,
            "focal__weight": 0.1,
            "cross_entropy": Brier(),
            "brier__weight": 1,
        },
    ),
    "per target": (
        lambda: PerTarget([Huber(), Huber()], weights=(1, 2)),
        {"weights": (3, 4), "target_0__delta": 3.0, "target_2__delta": 1.0},
    ),
    "schedule": (
        lambda: Sequential(WarmUp(), Cosine(), 3),
        {"epochs": 4, "first__epochs": 9, "then__every": 3},
    ),
    "part by name": (
        lambda: WarmUp(then="cosine"),
        {"epochs": 4, "then__final": 0.1, "then__finall": 0.1},
    ),
    "network": (MLP, {"activation": "tanh", "activations": "relu"}),
    "function": (
        lambda: Body(build, units=3),
        {"size": 3, "build_fn": other, "units": 3},
    ),
    "head": (
        lambda: ClassificationHead(Focal(), weight=Cosine()),
        {"weight__final": 0.3, "loss__gamma": 3, "loss__gama": 3},
    ),
    "estimator": (
        lambda: LossAwareClassifier(Focal(), network=Body(build), l2=0.1 * Cosine()),
        {
            "l2__b__final": 0.5,
            "network__units": 3,
            "loss__gamma": 3,
            "optimizer": "sgd",
            "optimizer__momentum": 0.5,
            "optimizer__momentun": 0.3,
        },
    ),
    "name of a loss": (LossAwareClassifier, {"loss": "focal", "loss__gama": 3}),
    "no such loss": (LossAwareClassifier, {"loss": "focall", "loss__gamma": 3}),
    "no such number": (
        lambda: LossAwareClassifier(Focal()),
        {"loss__gamma": 3, "optimizer__beta_1": 3},
    ),
    "callbacks": (
        lambda: LossAwareRegressor(
            Huber(), callbacks=[keras.callbacks.EarlyStopping()]
        ),
        {
            "loss__delta": 3.0,
            "callbacks__earlystopping__patience": 3,
            "callbacks__earlystopping__mod": "min",
        },
    ),
    "constructor that fails": (
        lambda: LossAwareRegressor(
            Huber(), callbacks=[keras.callbacks.ReduceLROnPlateau()]
        ),
        {"loss__delta": 3.0, "callbacks__reducelronplateau__factor": 2.0},
    ),
    "several tasks": (
        lambda: LossAwareMultiTask(heads()),
        {
            "churn__loss__gamma": 3,
            "spend": RegressionHead("mae"),
            "network__activation": "tanh",
            "spend__weight": 3.0,
            "spend__los": "huber",
        },
    ),
    "other heads": (
        lambda: LossAwareMultiTask(heads()),
        {"heads": heads()[:1], "churn__weight": 3.0, "spend__weight": 3.0},
    ),
}


def snapshot(value):
    """Return a value's identity and, of what is in it, everything there is."""
    inside = []
    if isinstance(value, list | tuple):
        inside = [snapshot(one) for one in value]
    elif isinstance(value, dict):
        inside = [(key, snapshot(one)) for key, one in value.items()]
    elif isinstance(value, Params | keras.callbacks.Callback):
        inside = snapshot(vars(value))[1]
    elif hasattr(value, "get_params") and not inspect.isclass(value):
        inside = [(key, snapshot(one)) for key, one in vars(value).items()]
    return id(value), inside


@pytest.mark.parametrize("case", CASES)
def test_all_or_none(case):
    make, changes = CASES[case]
    one = make()
    before, text = snapshot(vars(one)), repr(one)
    with pytest.raises(ValueError, match=r"Did you mean|Valid names|must be|support"):
        one.set_params(**changes)
    assert snapshot(vars(one)) == before
    assert repr(one) == text


@pytest.mark.parametrize("case", CASES)
def test_the_others_can_be_set(case):
    """In any order: whole values first, however they are given."""
    make, changes = CASES[case]
    *fine, _ = changes.items()
    for order in (fine, reversed(fine)):
        values = make().set_params(**dict(order)).get_params()
        numbers = {name: v for name, v in fine if isinstance(v, int | float)}
        assert {name: values[name] for name in numbers} == numbers


def test_a_fitted_estimator_is_as_it_was():
    net = LossAwareClassifier(Focal(), **NET).fit(X, y_binary)
    expected, before = net.predict_proba(X), snapshot(vars(net))
    with pytest.raises(ValueError, match="Did you mean 'gamma'"):
        net.set_params(loss__gamma=5, epochs=9, loss__gama=3)
    assert snapshot(vars(net)) == before
    assert np.array_equal(net.predict_proba(X), expected)


def test_who_shares_a_value_keeps_it():
    loss, schedule, network = Focal(), Cosine(), MLP((8,))
    net = LossAwareClassifier(loss, network=network, lr_schedule=schedule, l2=schedule)
    same = LossAwareClassifier(loss, network=network, lr_schedule=schedule)
    net.set_params(
        loss__gamma=5, network__activation="tanh", lr_schedule__final=0.3, l2__final=0.1
    )
    assert (loss, schedule, network) == (Focal(), Cosine(), MLP((8,)))
    assert (same.loss, same.lr_schedule) == (Focal(), Cosine())
    assert (net.loss, net.lr_schedule, net.l2) == (Focal(5), Cosine(0.3), Cosine(0.1))

    given = heads()
    several = LossAwareMultiTask(given)
    copied = clone(several)
    several.set_params(churn__loss__gamma=5, spend__weight=2.0)
    assert given == heads() == copied.heads
    assert several.heads[0][1].loss == Focal(5)
    assert several.get_params()["spend__weight"] == 2.0

    inner = Focal()
    outer = CVaR(inner)
    assert outer.set_params(loss__gamma=5) is outer
    assert (inner, outer) == (Focal(), CVaR(Focal(5)))


def test_what_is_not_named_stays_the_same_object():
    loss, network = Focal(), MLP((8,))
    net = LossAwareMultiTask(heads(), network=network)
    before = net.heads
    net.set_params(network__activation="tanh")
    assert net.heads is before
    assert LossAwareClassifier(loss).set_params(epochs=3).loss is loss


def test_a_schedule_of_a_weight_has_names_too():
    loss = CrossEntropy() + Step() * Brier()
    assert loss.get_params()["brier__weight__every"] == Step().every
    loss.set_params(brier__weight__every=7, brier__weight__factor=0.5)
    assert loss == CrossEntropy() + Step(factor=0.5, every=7) * Brier()


def test_a_name_of_a_part_has_names_too():
    assert WarmUp(then="cosine").get_params()["then__final"] == Cosine().final
    assert "then__final" not in WarmUp(then="cosin").get_params()


def test_the_error_says_what_is_wrong_with_the_value():
    with pytest.raises(ValueError, match="Did you mean 'focal'"):
        LossAwareClassifier("focall").set_params(loss__gamma=3)


class WithMore(LossAwareClassifier):
    """An estimator of a user's, with a parameter of its own."""

    def __init__(self, more=1, *, loss="focal", callbacks=None):
        super().__init__(loss, callbacks=callbacks)
        self.more = more


def test_a_clone_forgets_nothing_and_shares_callbacks_alone():
    holds_a_lock = keras.callbacks.Callback()
    holds_a_lock.lock = threading.Lock()  # which cannot be copied
    net = WithMore([1, 2], loss=Focal(3.0), callbacks=[holds_a_lock])
    with config_context(enable_metadata_routing=True):
        net.set_fit_request(sample_weight=True)
    copied = clone(net)
    assert type(copied) is WithMore
    assert copied.get_params(deep=False) == net.get_params(deep=False)
    assert str(copied.get_metadata_routing()) == str(net.get_metadata_routing())
    assert copied.callbacks is not net.callbacks
    assert copied.callbacks[0] is holds_a_lock
    assert copied.loss is not net.loss
    assert copied.more is not net.more


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": None},
        {"network": None},
        {"optimizer": 3},
        {"lr_schedule": 3},
        {"callbacks": 3},
        {"callbacks": [3]},
    ],
    ids=str,
)
def test_parameters_can_be_read_and_set_whatever_their_values(wrong):
    net = LossAwareClassifier(**wrong)
    assert net.get_params().items() >= wrong.items()
    (name,) = wrong
    assert net.set_params(epochs=3).get_params()[name] is wrong[name]
    with pytest.raises((TypeError, ValueError)):
        net.set_params(**{f"{name}__one__more": 3})
    assert clone(net).get_params().keys() == net.get_params().keys()


def test_an_array_without_dimension_is_a_number():
    loss = Focal(np.array(3.0))
    assert loss == Focal(np.array(3.0)) != Focal(np.array(2.0))
    assert hash(loss) == hash(clone(loss))
