"""Schedules in training: the rates that the networks see, against Keras and PyTorch."""

import math
import pickle
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import _population, trace_count
from skloss.exceptions import IneffectiveParameterWarning
from skloss.model_selection import FusedGridSearchCV
from skloss.schedules import (
    Cosine,
    OneCycle,
    ReduceLROnPlateau,
    Schedule,
    Sequential,
    Step,
    WarmUp,
    get,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3))
y = (X[:, 0] + 0.5 * RNG.normal(size=100) > 0).astype(int)
EPOCHS, STEPS = 6, 4


def net(schedule=None, **params):
    given = {"network": (4,), "epochs": EPOCHS, "batch_size": 25, "random_state": 0}
    return LossAwareClassifier(lr_schedule=schedule, **{**given, **params})


def rates(schedule, **params):
    """Return the rate of each epoch's first step, as a fit records it."""
    return np.array(net(schedule, **params).fit(X, y).history_["learning_rate"])


def thirds(epoch, lr):
    return lr / 3 if epoch % 2 else lr


SCHEDULES = [
    "cosine_restarts:epochs=2",
    "cyclic:period=4",
    WarmUp(1.5) * Cosine(0.1),
    0.5 * Step(0.5, 2) + 0.25,
    Cosine(0.1).followed_by("exponential", 2),
    thirds,
    WarmUp(2) * keras.optimizers.schedules.InverseTimeDecay(0.1, 4, 0.5),
    WarmUp(2, then=thirds),
]


@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_sees_the_values(schedule, compiled, monkeypatch):
    monkeypatch.setattr(_population, "MIN_COMPILED", 0 if compiled else np.inf)
    expected = get(schedule).values(0.001, EPOCHS, STEPS)[::STEPS]
    np.testing.assert_allclose(rates(schedule), expected, rtol=1e-5)


def test_a_keras_schedule_trains_as_keras_does():
    own = keras.optimizers.schedules.CosineDecay(
        0.1, 30, alpha=0.1, warmup_target=0.5, warmup_steps=10
    )
    expected = [float(own(STEPS * epoch)) for epoch in range(EPOCHS)]
    np.testing.assert_allclose(rates(own), expected, rtol=1e-5)


# Keras' and PyTorch's numbers on the validation curve of a real training


def keras_plateau(schedule, curve, learning_rate):
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", mode="min", **schedule.get_params()
    )
    optimizer = SimpleNamespace(learning_rate=np.float64(learning_rate))
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    callback.on_train_begin()
    found = []
    for epoch, score in enumerate(curve):
        found.append(float(optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"val_loss": score})
    return found


def pytorch_plateau(schedule, curve, learning_rate):
    """Restate torch.optim.lr_scheduler.ReduceLROnPlateau, threshold_mode "abs".

    It reduces after more than ``patience`` bad epochs, Keras after as many.
    """
    best, bad, found = math.inf, 0, []
    for score in curve:
        found.append(learning_rate)
        if score < best - schedule.min_delta:
            best, bad = score, 0
        else:
            bad += 1
        if bad > schedule.patience - 1:
            learning_rate = max(learning_rate * schedule.factor, schedule.min_lr)
            bad = 0
    return found


def pytorch_recursion(schedule, epochs, steps):
    """Restate the chained forms of CosineAnnealingLR, StepLR and OneCycleLR."""
    found, rate = [], 1.0
    for epoch in range(epochs):
        if isinstance(schedule, OneCycle):
            peak, last, s = 0.3 * epochs * steps - 1, epochs * steps - 1, epoch * steps
            begin, end, share = schedule.start, 1.0, s / peak
            if s > peak:
                begin, end = 1.0, schedule.start * schedule.final
                share = (s - peak) / (last - peak)
            rate = end + (begin - end) / 2 * (math.cos(math.pi * share) + 1)
        elif epoch and isinstance(schedule, Step):
            rate = rate * schedule.factor if epoch % schedule.every == 0 else rate
        elif epoch:
            now, before = (
                1 + math.cos(math.pi * e / epochs) for e in (epoch, epoch - 1)
            )
            rate = schedule.final + now / before * (rate - schedule.final)
        found.append(rate)
    return found


PLATEAUS = [
    ReduceLROnPlateau(factor=0.5, patience=2),
    ReduceLROnPlateau(factor=0.5, patience=3, min_delta=0.01, min_lr=0.01),
    ReduceLROnPlateau(factor=0.2, patience=1, min_delta=0.005),
    ReduceLROnPlateau(factor=0.5, patience=2, min_delta=0.003, cooldown=2),
]


@pytest.mark.parametrize("schedule", [*PLATEAUS, Cosine(0.1), Step(0.3, 7), OneCycle()])
def test_keras_and_pytorch_numbers_epoch_by_epoch(schedule):
    epochs = 40
    fitted = net(schedule, epochs=epochs, learning_rate=0.1)
    history = fitted.fit(X[:75], y[:75], X_val=X[75:], y_val=y[75:]).history_
    seen = np.array(history["learning_rate"])
    if not schedule.monitors:
        expected = 0.1 * np.array(pytorch_recursion(schedule, epochs, steps=3))
        ours = schedule.values(0.1, epochs, 3)[::3]
        np.testing.assert_allclose(ours, expected, rtol=1e-9)
        np.testing.assert_allclose(seen, expected, rtol=1e-4)  # single precision
        return
    curve = history["val_log_loss"]
    assert len(set(seen)) > 2  # it acts
    np.testing.assert_allclose(seen, keras_plateau(schedule, curve, 0.1), rtol=1e-5)
    if schedule.cooldown == 0:
        expected = pytorch_plateau(schedule, curve, 0.1)
        np.testing.assert_allclose(seen, expected, rtol=1e-5)


# One program, any numbers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (WarmUp(2) * Cosine(), WarmUp(3) * Cosine(0.1)),
        (0.5 * Cosine(), 0.7 * Cosine(0.2)),
        (Sequential("cosine", "step", 2), Sequential("cosine", Step(0.5, 2), 3.5)),
        (thirds, lambda epoch, lr: 0.002),
        ("cosine_restarts:epochs=2", "cosine_restarts:epochs=1,t_mul=2"),
        (
            keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9),
            keras.optimizers.schedules.CosineDecay(0.1, 100),
        ),
    ],
)
def test_other_numbers_do_not_retrace(first, second):
    a = rates(first)
    traces = trace_count()
    b = rates(second)
    assert trace_count() == traces
    assert not np.allclose(a, b)


def test_fused_equals_alone():
    decay = keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.9)
    grid = {"lr_schedule": [thirds, lambda epoch: 0.01, WarmUp(2) * Cosine(), decay]}
    search = FusedGridSearchCV(net(), grid, cv=2, error_score="raise").fit(X, y)
    for params, fold in zip(search.cv_results_["params"], range(4), strict=True):
        alone = clone(net()).set_params(**params)
        scores = []
        for train, test in StratifiedKFold(2).split(X, y):
            scores.append(clone(alone).fit(X[train], y[train]).score(X[test], y[test]))
        assert search.cv_results_["mean_test_score"][fold] == np.mean(scores)


@pytest.mark.parametrize("schedule", [thirds, WarmUp(2) * Cosine(), SCHEDULES[6]])
def test_partial_fits_are_one_fit(schedule):
    whole = net(schedule).fit(X, y)
    pieces = net(schedule)
    for _ in range(EPOCHS):
        pieces.partial_fit(X, y)
    assert pieces.history_ == whole.history_


def test_parameters_and_pickles():
    given = net(WarmUp(2) * Cosine()).set_params(lr_schedule__b__final=0.2)
    assert given.lr_schedule == WarmUp(2) * Cosine(0.2)
    assert given.get_params()["lr_schedule__a__epochs"] == 2
    fitted = net(thirds).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


# Refused, or warned of, before training


class Negative(Schedule):
    def curve(self, step, steps_per_epoch, n_steps):
        return 1.0 - step / 10.0


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (Cosine() + (-0.5), r"Cosine\(\) \+ -0.5 gives.* 0 at step 12 of 24, in epoch"),
        (-1 * Cosine(), "rate -0.001 at step 0 of 24.*above 0"),
        (Negative(), "rate 0 at step 10 of 24, in epoch 2 of 6"),
        (lambda epoch, lr: lr - 0.0004, "gave -0.00019.* for epoch 2"),
        (keras.optimizers.schedules.CosineDecay(0.1, 10), "at step 10 of 24"),
        (WarmUp(then=ReduceLROnPlateau()), "scores of the ramp"),
        (lambda: 0.1, r"it must take \(epoch, lr\)"),
    ],
)
@pytest.mark.parametrize("make", [net, None])
def test_refused_before_training(schedule, message, make):
    estimator = net(schedule)
    if make is None:
        given = estimator.get_params(deep=False)
        shared = ("network", "epochs", "batch_size", "lr_schedule", "random_state")
        estimator = LossAwareRegressor(**{name: given[name] for name in shared})
    traces = trace_count()
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert trace_count() == traces


def test_a_keras_schedule_leaves_no_place_for_learning_rate():
    own = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)
    for schedule in (own, WarmUp(2) * own):
        with pytest.raises(
            ValueError, match=r"learning_rate=0.01 has no effect.*0\.001"
        ):
            net(schedule, learning_rate=0.01).fit(X, y)
    assert rates(own)[0] == pytest.approx(0.1)


def test_warns_of_a_warm_up_longer_than_the_training():
    with pytest.warns(IneffectiveParameterWarning, match="epochs=7, but.* has 6"):
        net(WarmUp(7)).fit(X, y)
    with pytest.warns(IneffectiveParameterWarning, match="then=.*never begins"):
        net("warm_up:epochs=6,then=cosine").fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(WarmUp(6), record=False).fit(X, y)
