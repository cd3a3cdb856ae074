"""Weights that make targets: averaged or copied, by loops of NumPy, alone and fused."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold

from skloss import FittedQRegressor, TDValueRegressor
from skloss.losses import Huber, Quantile
from skloss.model_selection import FusedGridSearchCV, TransitionScorer

RNG = np.random.default_rng(7)
N, DISCOUNT, RATE = 30, 0.8, 0.05
X, NEXT, REWARD = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3)), RNG.normal(size=N)
TERMINAL = np.arange(N) % 5 == 4
ACTION = RNG.integers(0, 2, N)
AFTER = {"next_X": NEXT, "terminal": TERMINAL}
PLAIN = {
    "discount": DISCOUNT,
    "network": (),
    "optimizer": "sgd",
    "learning_rate": RATE,
    "target_transform": None,
    "batch_size": N,
    "dtype": "float64",
    "random_state": 0,
}


# -- by hand ---------------------------------------------------------------------------


def with_ones(table):
    return np.hstack([table, np.ones((len(table), 1))])


def unite(weights):
    """Return kernel and bias as one matrix, (features + 1, outputs)."""
    return np.vstack([weights[0], weights[1][None]])


def find_start(net, *data, **columns):
    """Return the weights that training starts from."""
    still = clone(net).set_params(learning_rate=1e-300, epochs=1)
    return unite(still.fit(*data, **columns).model_.get_weights())


def descend(start, slope, average, steps):
    """Return averages and weights of plain gradient descent, and the losses."""
    weights, seen, losses = start, [], []
    averaged = start
    for _ in range(steps):
        step, loss = slope(weights, averaged)
        weights = weights - RATE * step
        seen.append(weights)
        losses.append(loss)
        averaged = average(seen, averaged)
    return averaged, weights, losses


def average_of(momentum):
    """Return the mean of all weights so far, of which the last count most."""

    def average(seen, _):
        share = momentum ** np.arange(len(seen))[::-1]
        return np.average(seen, axis=0, weights=share)

    return average


def copy_each(period):
    def copy(seen, before):
        return seen[-1] if len(seen) % period == 0 else before

    return copy


def slope_of_values(weights, averaged):
    """Return the slope of the mean squared difference, and that."""
    target = REWARD + DISCOUNT * ~TERMINAL * (with_ones(NEXT) @ averaged)[:, 0]
    gap = target - (with_ones(X) @ weights)[:, 0]
    return -2 * with_ones(X).T @ gap[:, None] / N, np.mean(gap**2)


def slope_of_actions(weights, averaged):
    """Return the same of double Q-learning."""
    rows = np.arange(N)
    best = (with_ones(NEXT) @ weights).argmax(axis=1)
    after = (with_ones(NEXT) @ averaged)[rows, best]
    gap = REWARD + DISCOUNT * ~TERMINAL * after
    gap = gap - (with_ones(X) @ weights)[rows, ACTION]
    slope = np.zeros_like(weights)
    for i in rows:
        slope[:, ACTION[i]] -= 2 * gap[i] * with_ones(X)[i] / N
    return slope, np.mean(gap**2)


UPDATES = {
    "slow": (0.05, average_of(0.95)),
    "fast": (0.7, average_of(1 - 0.7)),
    "one": (1.0, copy_each(1)),
    "each step": (1, copy_each(1)),
    "each third": (3, copy_each(3)),
    "each seventh": (7, copy_each(7)),
    "never": (1000, lambda seen, before: before),
}


@pytest.mark.parametrize("name", UPDATES)
def test_values_of_states_by_a_loop(name):
    update, average = UPDATES[name]
    net = TDValueRegressor(**PLAIN, target_update=update, epochs=20)
    start = find_start(net, X, REWARD, **AFTER)
    averaged, _, losses = descend(start, slope_of_values, average, 20)
    net.fit(X, REWARD, **AFTER)
    np.testing.assert_allclose(
        unite(net.model_.get_weights()), averaged, rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(net.history_["loss"], losses, rtol=1e-6)
    np.testing.assert_allclose(
        net.predict(X), (with_ones(X) @ averaged)[:, 0], rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("name", ["fast", "each third"])
def test_values_of_actions_by_a_loop(name):
    update, average = UPDATES[name]
    net = FittedQRegressor(**PLAIN, target_update=update, epochs=20)
    start = find_start(net, X, REWARD, action=ACTION, **AFTER)
    averaged, _, losses = descend(start, slope_of_actions, average, 20)
    net.fit(X, REWARD, action=ACTION, **AFTER)
    np.testing.assert_allclose(
        unite(net.model_.get_weights()), averaged, rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(net.history_["loss"], losses, rtol=1e-6)


def test_steps_are_counted_over_all_epochs():
    """Of two batches an epoch: a copy each three steps is none after the first."""
    few = PLAIN | {"batch_size": N // 2, "target_update": 3}
    net = TDValueRegressor(**few, epochs=1)
    start = find_start(net, X, REWARD, **AFTER)
    found = [
        unite(TDValueRegressor(**few, epochs=e).fit(X, REWARD, **AFTER).model_.weights)
        for e in (1, 2)
    ]
    assert (found[0] == start).all()
    assert np.abs(found[1] - start).max() > 1e-3


def test_one_as_a_share_is_one_as_a_number_of_steps():
    nets = [
        TDValueRegressor(**PLAIN, target_update=update, epochs=8).fit(
            X, REWARD, **AFTER
        )
        for update in (1, 1.0)
    ]
    assert (nets[0].predict(X) == nets[1].predict(X)).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network():
    options = PLAIN | {"network": (8,), "batch_size": 8, "random_state": 3}
    for kind, more in ((TDValueRegressor, {}), (FittedQRegressor, {"action": ACTION})):
        found = [
            kind(**options, epochs=4).fit(X, REWARD, **AFTER, **more).predict(X)
            for _ in range(2)
        ]
        assert (found[0] == found[1]).all()


# -- fused -----------------------------------------------------------------------------


def make_log(n_episodes=12, length=10):
    """Return states of a walk that actions push, and all that is known of each row."""
    rng, rows = np.random.default_rng(1), []
    for episode in range(n_episodes):
        state = rng.normal(size=2)
        for t in range(length):
            action = rng.integers(2)
            after = 0.8 * state + 0.3 * rng.normal(size=2) + (0.5 * action - 0.25)
            ends = t == length - 1 and episode % 2 == 0
            rows.append((state, after, -abs(after[0]), action, ends, episode))
            state = after
    return [np.array(column) for column in zip(*rows, strict=True)]


STATES, AFTERS, REWARDS, ACTIONS, ENDS, EPISODES = make_log()
LOG = {"next_X": AFTERS, "terminal": ENDS, "episode": EPISODES}
SMALL = {
    "discount": 0.9,
    "network": (6,),
    "batch_size": 32,
    "epochs": 4,
    "learning_rate": 0.01,
    "target_update": 0.2,
    "random_state": 0,
}
VALUE, ACT = TDValueRegressor(**SMALL), FittedQRegressor(**SMALL)
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
# name: estimator, grid
GRIDS = {
    "discount": (VALUE, {"discount": [0.5, 0.9, 0.99]}),
    "target_update": (VALUE, {"target_update": [0.01, 0.5, 1.0, 1, 5]}),
    "n_steps": (VALUE, {"n_steps": [1, 3], "trace_decay": [None, 0.5, 1.0]}),
    "loss": (
        VALUE,
        {"loss": [Huber(0.3), Huber(2.0), "expectile:expectile=0.8", Quantile(LEVELS)]},
    ),
    "discount of actions": (ACT, {"discount": [0.5, 0.9]}),
    "update of actions": (ACT, {"target_update": [0.05, 0.9, 2, 6]}),
    "backup": (ACT, {"backup": ["max", "double", "expectile"]}),
    "expectile": (
        FittedQRegressor(**SMALL, backup="expectile"),
        {"expectile": [0.5, 0.7, 0.95]},
    ),
    "risk_level": (
        FittedQRegressor(**SMALL, loss=Quantile(LEVELS)),
        {"risk_level": [0.2, 0.6, 1.0]},
    ),
    "steps of actions": (ACT, {"n_steps": [1, 2], "trace_decay": [None, 0.7]}),
}
QUICK = {"expectile"}


def mean_value(estimator, X, y):
    """Return what any change of the weights changes: a policy may stay the same."""
    return float(np.mean(estimator.predict(X)))


def search(kind, estimator, grid):
    """Return two scores of each candidate on each fold."""
    columns = dict(LOG)
    if isinstance(estimator, FittedQRegressor):
        columns["action"] = ACTIONS
    with config_context(enable_metadata_routing=True):
        found = kind(
            estimator,
            grid,
            cv=GroupKFold(2),
            scoring={"own": TransitionScorer(0.9), "value": mean_value},
            error_score="raise",
            refit=False,
        ).fit(STATES, REWARDS, groups=EPISODES, **columns)
    names = [f"split{i}_test_{name}" for i in range(2) for name in ("own", "value")]
    return np.array([found.cv_results_[name] for name in names]).T


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in GRIDS
    ],
)
def test_fused_is_alone(name):
    estimator, grid = GRIDS[name]
    together = search(FusedGridSearchCV, estimator, grid)
    alone = search(GridSearchCV, estimator, grid)
    np.testing.assert_allclose(together, alone, rtol=1e-4)
    same = {"n_steps": 2, "steps of actions": 1}.get(name, 0)  # of a trace of one step
    same += name == "target_update"  # 1.0 and 1
    same += name == "n_steps"  # a trace of three steps that does not decay
    assert len(np.unique(together[:, 1].round(5))) == len(together) - same


KNOBS = {
    "discount": (VALUE, "discount", 0.9, 0.5, 0.8),
    "target_update": (VALUE, "target_update", 0.05, 0.5, 0.9),
    "copies": (VALUE, "target_update", 5, 2, 3),
    "delta": (
        TDValueRegressor(**SMALL, loss=Huber()),
        "loss__delta",
        0.2,
        0.6,
        1.5,
    ),
    "expectile": (
        FittedQRegressor(**SMALL, backup="expectile"),
        "expectile",
        0.6,
        0.7,
        0.95,
    ),
    "risk_level": (
        FittedQRegressor(**SMALL, loss=Quantile(LEVELS)),
        "risk_level",
        1.0,
        0.3,
        0.6,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "copies" else pytest.mark.slow)
        for name in KNOBS
    ],
)
def test_a_knob_of_one_network_is_no_other_ones(name):
    estimator, knob, own, other, changed = KNOBS[name]
    before = search(FusedGridSearchCV, estimator, {knob: [own, other]})
    after = search(FusedGridSearchCV, estimator, {knob: [own, changed]})
    assert (before[0] == after[0]).all()
    assert (before[1] != after[1])[[1, 3]].all()


@pytest.mark.slow
def test_copies_and_averages_are_trained_together():
    """A network with a share is the same beside one that copies."""
    beside = search(FusedGridSearchCV, VALUE, {"target_update": [0.3, 4]})
    alone = search(FusedGridSearchCV, VALUE, {"target_update": [0.3]})
    np.testing.assert_allclose(beside[0], alone[0], rtol=1e-5)
