"""Schedules in place of numbers: what training does with them, epoch by epoch."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import _population, trace_count
from skloss.exceptions import IneffectiveParameterWarning
from skloss.inspection import diagnose, lr_range_test
from skloss.losses import (
    Brier,
    ClassBalanced,
    CrossEntropy,
    CVaR,
    Focal,
    Huber,
    PerTarget,
    Quantile,
    SquaredError,
)
from skloss.schedules import Constant, Cosine, Exponential, Polynomial, Step, WarmUp

EPOCHS = 4
rng = np.random.default_rng(0)
X = rng.normal(size=(90, 3))
y = (X[:, 0] + 0.5 * rng.normal(size=90) > 0).astype(int)
Z = np.stack([X[:, 0] + X[:, 1] ** 2, X @ [1, 2, -1]], axis=1)
# every one acts: see test_each_number_acts
EACH = {
    "l1": 0.01 * Step(0.5, every=1),
    "l2": 0.02 * WarmUp(epochs=3),
    "weight_decay": 0.5 * Cosine(),
    "dropout": 0.5 * Polynomial(),
    "clip_norm": 0.3 * Exponential(0.7),
    "clip_value": 0.05 * Cosine() + 0.02,
    "max_norm": 0.9 * Polynomial() + 0.3,
    "input_noise": 0.4 * WarmUp(epochs=4),
    "mixup": 0.5 * Step(0.3, every=2),
    "weight_averaging": 0.9 * WarmUp(epochs=3),
}
LOSSES = {
    "gamma": ("focal", {"gamma": 3.0 * Polynomial()}),
    "weight of a term": (
        0.8 * CrossEntropy() + 1.0 * Focal(gamma=2.0),
        {"focal__weight": WarmUp(epochs=3), "focal__gamma": 4.0 * Cosine()},
    ),
    "in a wrapper": (CVaR(Focal()), {"alpha": Cosine(0.2), "loss__gamma": 2 * Step()}),
    "delta": ("huber", {"delta": 2.0 * Exponential(0.5)}),
    "levels": (Quantile((0.1, 0.5)), {"quantile": (0.1, 0.9 * Cosine(0.5))}),
    "per target": (
        PerTarget([Huber(), SquaredError()], weights=(1.0, 1.0)),
        {"weights": (1.0, 2 * WarmUp(epochs=4)), "target_0__delta": Polynomial()},
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def given(**params):
    common = {"network": (5,), "epochs": EPOCHS, "batch_size": 32, "random_state": 0}
    return {**common, "learning_rate": 0.01, "dtype": "float32", **params}


def net(**params):
    return LossAwareClassifier(**given(**params))


def value(schedule, epoch, epochs=EPOCHS):
    """Return what stands for a schedule at an epoch, tuples of them included."""
    if isinstance(schedule, tuple):
        return tuple(value(each, epoch, epochs) for each in schedule)
    if isinstance(schedule, float):
        return schedule
    return float(schedule.values(1.0, epochs)[epoch])


def by_hand(estimator, knobs, X, y):
    """Train an epoch at a time, each with plain numbers, going on from the last."""
    for epoch in range(EPOCHS):
        estimator.set_params(**{name: value(s, epoch) for name, s in knobs.items()})
        estimator.partial_fit(X, y)
    return estimator


def assert_same_weights(a, b, rtol=1e-6):
    np.testing.assert_allclose(
        a._fitted.outputs.weights, b._fitted.outputs.weights, rtol=rtol, atol=1e-6
    )


def test_numbers_of_the_estimator_equal_a_training_by_hand():
    annealed = net(**EACH).fit(X, y)
    assert_same_weights(annealed, by_hand(net(), EACH, X, y))


@pytest.mark.slow
def test_each_number_acts():
    """Held at its last value, any of them gives another network."""
    annealed = net(**EACH).fit(X, y)._fitted.outputs.weights
    for name, schedule in EACH.items():
        held = {name: value(schedule, EPOCHS - 1) * Constant()}
        other = net(**{**EACH, **held}).fit(X, y)._fitted.outputs.weights
        assert np.abs(other - annealed).max() > 1e-4, name


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case == "gamma" else pytest.mark.slow)
        for case in LOSSES
    ],
)
def test_numbers_of_the_loss_equal_a_training_by_hand(case):
    loss, knobs = LOSSES[case]
    numbers = case in ("delta", "levels", "per target")
    make = LossAwareRegressor if numbers else LossAwareClassifier
    target = Z if case == "per target" else Z[:, 1] if numbers else y
    knobs = {f"loss__{name}": schedule for name, schedule in knobs.items()}
    own = clone(loss, safe=False)
    annealed = make(own, **given()).set_params(**knobs).fit(X, target)
    own = clone(loss, safe=False)
    plain = by_hand(make(own, **given()), knobs, X, target)
    assert_same_weights(annealed, plain)
    assert annealed.loss_ == plain.loss_
    for name, schedule in knobs.items():
        steps = [value(schedule, epoch) for epoch in range(EPOCHS)]
        np.testing.assert_allclose(annealed.history_[name], steps)


def test_logistic_regression_in_numpy():
    """Gradient descent on a cross-entropy and a Brier score of changing weight."""
    share, decay, l2 = WarmUp(epochs=5), 0.5 * Cosine(), 0.1 * Polynomial()
    loss = CrossEntropy() + share * Brier()
    common = {"network": (), "batch_size": 90, "optimizer": "sgd", "dtype": "float64"}
    common |= {"learning_rate": 0.3, "random_state": 0, "epochs": 7}
    annealed = LossAwareClassifier(loss, l2=l2, weight_decay=decay, **common)
    annealed.fit(X, y)
    still = LossAwareClassifier("cross_entropy", **{**common, "learning_rate": 1e-30})
    w, b = np.split(still.fit(X, y)._fitted.outputs.weights, [3])
    for a, d, s in zip(
        *(schedule.values(1.0, 7) for schedule in (share, decay, l2)), strict=True
    ):
        p = expit(X @ w + b)
        # of softplus(f) - y f, and of 2 (p - y)^2
        slope = (p - y) + a * 4 * (p - y) * p * (1 - p)
        by_w, by_b = X.T @ slope / 90, slope.mean()
        w = w * (1 - 0.3 * d) - 0.3 * (by_w + 2 * s * w)
        b = b - 0.3 * by_b
    np.testing.assert_allclose(annealed._fitted.outputs.weights, [*w, *b], rtol=1e-10)


@pytest.mark.slow
def test_measured_numbers_follow():
    """The class weights of Cui et al. 2019 are made anew of each epoch's beta."""
    X3, y3 = make_classification(90, weights=[0.9], flip_y=0, random_state=0)
    common = {"optimizer": "sgd", "batch_size": 90, "dtype": "float64"}
    beta = 0.99 * Step(0.5, every=2)
    annealed = net(loss=ClassBalanced(beta=beta), **common).fit(X3, y3)
    plain = net(loss=ClassBalanced(), **common, warm_start=True)
    for epoch in range(EPOCHS):
        # a rate of SGD has no memory: an epoch is a fit
        plain.set_params(epochs=1, loss__beta=value(beta, epoch)).fit(X3, y3)
    assert_same_weights(annealed, plain)


def test_a_constant_schedule_is_the_number():
    numbers = {"dropout": 0.3, "l2": 0.01, "loss__gamma": 2.5, "weight_averaging": 0.5}
    plain = net(loss=Focal(), **{"dropout": 0}).set_params(**numbers).fit(X, y)
    constant = {name: number * Constant() for name, number in numbers.items()}
    same = net(loss=Focal()).set_params(**constant).fit(X, y)
    assert np.array_equal(plain._fitted.outputs.weights, same._fitted.outputs.weights)
    assert plain.history_ == {k: same.history_[k] for k in plain.history_}
    assert plain.loss_ == same.loss_


def test_other_numbers_curves_and_lengths_share_a_program():
    def fit(epochs, dropout, gamma):
        own = net(loss=Focal(gamma=gamma), dropout=dropout, epochs=epochs)
        return own.fit(X, y).history_["dropout"]

    fit(4, 0.5 * Cosine(), Polynomial())
    before = trace_count()
    assert fit(6, 0.3 * WarmUp(epochs=3), 2 * Step(every=1))[:3] == pytest.approx(
        [0.1, 0.2, 0.3]
    )
    assert trace_count() == before


@pytest.mark.slow
def test_compiled_equals_the_graph(monkeypatch):
    found = []
    for least in (0, np.inf):
        monkeypatch.setattr(_population, "MIN_COMPILED", least)
        loss = Focal(gamma=2 * Cosine()) + WarmUp(epochs=3) * CrossEntropy()
        found.append(net(loss=loss, **EACH, dtype="float64").fit(X, y))
    assert_same_weights(*found, rtol=1e-9)


# -- after the horizon, going on, and what is left -------------------------------------


def test_the_last_value_holds_after_the_horizon():
    long = net(dropout=0.5 * Polynomial(), epochs=2)
    for _ in range(4):
        long.partial_fit(X, y)
    assert long.history_["dropout"] == [0.5, 0.25, 0.25, 0.25]


def test_a_warm_start_begins_anew():
    warm = net(l2=0.1 * Polynomial(), warm_start=True).fit(X, y)
    expected = [0.1, 0.075, 0.05, 0.025]
    assert warm.fit(X, y).history_["l2"] == pytest.approx(expected)


@pytest.mark.slow
def test_validation_sees_the_loss_of_the_last_epoch():
    """Also where the network stops early: its weights and its link were chosen so."""
    loss = SquaredError() + 9 * WarmUp(epochs=20) * Huber(delta=1.0)
    fit = {"X_val": X[:30], "y_val": Z[:30, 1]}
    params = given(learning_rate=1.0, epochs=20, target_transform=None)
    stopped = LossAwareRegressor(loss, early_stopping=True, patience=2, **params)
    stopped.fit(X[30:], Z[30:, 1], **fit)
    assert stopped.n_epochs_ < 20
    assert repr(stopped.loss_) == "1.0 * SquaredError() + 9.0 * Huber(delta=1.0)"
    r = np.abs(stopped.predict(X[:30]) - Z[:30, 1])
    huber = np.where(r <= 1, r**2 / 2, r - 0.5)
    best = int(np.argmin(stopped.history_["val_mean_absolute_error"]))
    expected = np.mean(r**2 + 9 * huber)
    assert stopped.history_["val_loss"][best] == pytest.approx(expected, rel=1e-5)
    assert len(stopped.history_["loss__huber__weight"]) == stopped.n_epochs_
    again = pickle.loads(pickle.dumps(stopped))
    assert again.loss_ == stopped.loss_
    assert again.history_ == stopped.history_


@pytest.mark.parametrize(
    "target",
    [y, pytest.param(np.digitize(X[:, 0], [-0.5, 0.5]), marks=pytest.mark.slow)],
)
def test_a_sum_with_a_link_of_its_own_is_validated(target):
    """The link follows from gradients, in double precision, whatever the network's."""
    loss = CrossEntropy() + WarmUp(epochs=3) * Brier()
    own = net(loss=loss).fit(X, target, X_val=X[:40], y_val=target[:40])
    expected = log_loss(target[:40], own.predict_proba(X[:40]))
    assert own.history_["val_log_loss"][-1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_probabilities_are_those_of_the_last_epochs_link():
    annealed = net(loss=Focal(gamma=5.0 * Polynomial())).fit(X, y)
    plain = net(loss=Focal(gamma=1.25)).fit(X, y)
    plain._fitted = replace(plain._fitted, outputs=annealed._fitted.outputs)
    np.testing.assert_array_equal(plain.predict_proba(X), annealed.predict_proba(X))


@pytest.mark.slow
def test_a_schedule_that_holds_training_back_is_found():
    """By its largest value; the advice has it as the user wrote it."""
    held = {"l2": 50 * Cosine(), "dropout": 0.9 * Polynomial()}
    found = diagnose(net(**held, weight_decay=0 * Cosine(), epochs=20).fit(X, y))
    (stalled,) = [f for f in found.findings if f.name == "stalled"]
    assert stalled.remedy == {"l2": 0.0, "dropout": 0.0}
    assert "l2=50.0 * Cosine(), dropout=0.9 * Polynomial()." in stalled.advice


def test_a_warm_up_that_is_not_reached_is_warned_of():
    loss = CrossEntropy() + WarmUp(epochs=20) * Brier()
    with pytest.warns(IneffectiveParameterWarning, match="loss__brier__weight=WarmUp"):
        net(loss=loss).fit(X, y)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The lowest loss is at:UserWarning")
def test_lr_range_test_sees_the_first_epochs():
    seen = []

    class Watched(Focal):
        def check(self):
            seen.append(self.gamma)

    own = net(loss=Watched(gamma=Polynomial()), epochs=10)
    lr_range_test(own, X, y, epochs=2, n=3)
    assert sorted(set(np.round(seen, 6))) == pytest.approx(np.arange(1, 11) / 10)


def test_the_users_objects_stay_as_they_are():
    loss, dropout = Focal(gamma=2 * Cosine()), 0.5 * Cosine()
    own = net(loss=loss, dropout=dropout).fit(X, y)
    assert own.loss is loss
    assert own.dropout is dropout
    assert loss == Focal(gamma=2 * Cosine())
    assert repr(clone(own)) == repr(own)


def test_no_finding_compares_epochs_of_different_losses():
    """A loss whose weight falls falls too: that it did so last means nothing."""
    loss = 10 * Polynomial() * CrossEntropy() + 0.01 * Brier()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own = net(loss=loss, epochs=10).fit(X, y)
    base = y.mean()
    entropy = -base * np.log(base) - (1 - base) * np.log(1 - base)
    expected = 1.0 * entropy + 0.01 * 2 * base * (1 - base)
    assert own.training_record_.constant_loss == pytest.approx(expected, rel=1e-5)
