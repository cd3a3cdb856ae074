"""Values of actions: against value iteration, and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score
from transitions import CORRIDOR, FIVE, actions_of, walk_exactly

from skloss import FittedQRegressor, LossAwareRegressor
from skloss.losses import Quantile

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    "backup", [pytest.param("max", marks=pytest.mark.slow), "double"]
)
def test_a_corridor_by_hand(backup):
    net = actions_of(discount=0.5, backup=backup).fit(**CORRIDOR)
    # to the right: 10; -1 + 5; -1 + 2. To the left then half of the state's best
    expected = [[-0.5, 1], [-0.5, 4], [1, 10]]
    np.testing.assert_allclose(net.q_values(np.eye(3)), expected, atol=5e-3)
    assert net.predict_action(np.eye(3)).tolist() == ["right"] * 3
    np.testing.assert_allclose(net.predict(np.eye(3)), [1, 4, 10], atol=5e-3)
    assert net.actions_.tolist() == ["left", "right"]


@pytest.mark.parametrize("expectile", [0.5, 0.9])
def test_a_corridor_by_expectiles(expectile):
    """Of two actions, each tried as often, it is so much of the better one."""
    P, R = np.zeros((3, 2, 3)), np.full((3, 2, 3), -1.0)
    for s, a, after in [(0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 2), (2, 0, 1)]:
        P[s, a, after] = 1

    def back_up(Q):
        return expectile * Q.max(axis=1) + (1 - expectile) * Q.min(axis=1)

    end = np.zeros((3, 2))
    end[2, 1] = 10.0
    Q = np.zeros((3, 2))
    for _ in range(500):
        Q = end + (P * R).sum(axis=2) + 0.5 * P @ back_up(Q)
    net = actions_of(discount=0.5, backup="expectile", expectile=expectile)
    net.fit(**CORRIDOR)
    np.testing.assert_allclose(net.q_values(np.eye(3)), Q, atol=2e-2)
    assert net.q_values(np.eye(3)).shape == (3, 2)  # the state's own is not among them


def freeze():
    """Return probabilities, rewards, and ends of the slippery lake of 4 by 4.

    OpenAI's: one slides aside as often as one goes where one wants to.
    """
    lake = "SFFFFHFHFFFHHFFG"
    ends = np.array([field in "HG" for field in lake])
    P = np.zeros((16, 4, 16))
    moves = [(0, -1), (1, 0), (0, 1), (-1, 0)]  # left, down, right, up
    for s in np.flatnonzero(~ends):
        for action in range(4):
            for slide in (-1, 0, 1):
                down, right = moves[(action + slide) % 4]
                row = np.clip(s // 4 + down, 0, 3)
                column = np.clip(s % 4 + right, 0, 3)
                P[s, action, 4 * row + column] += 1 / 3
    return P, np.array([field == "G" for field in lake]).astype(float), ends


LAKE, GOAL, ENDS = freeze()


@pytest.fixture(scope="module")
def lake():
    """Return the data of all that can happen on the lake, and a network of it."""
    state, action, after = np.nonzero(LAKE)
    data = {
        "X": np.eye(16)[state],
        "y": GOAL[after],
        "sample_weight": LAKE[state, action, after],
        "action": action,
        "next_X": np.eye(16)[after],
        "terminal": ENDS[after],
    }
    return data, actions_of(discount=0.99, epochs=3000).fit(**data)


def iterate_lake():
    """Return the best actions' values by value iteration."""
    Q = np.zeros((16, 4))
    for _ in range(10_000):
        Q = LAKE @ (GOAL + 0.99 * np.where(ENDS, 0.0, Q.max(axis=1)))
    return Q


def value_on_lake(policy):
    """Return the exact value of a policy."""
    P = LAKE[np.arange(16), policy]
    return np.linalg.solve(np.eye(16) - 0.99 * P * ~ENDS, P @ GOAL)


def test_the_policy_on_the_frozen_lake_is_the_best(lake):
    _, net = lake
    expected = iterate_lake()
    found = value_on_lake(net.predict_action(np.eye(16)))
    np.testing.assert_allclose(found, expected.max(axis=1), atol=1e-3)
    error = net.q_values(np.eye(16)) - expected
    assert np.abs(error[~ENDS]).max() < 0.01


def test_what_a_policy_earns_on_the_frozen_lake(lake):
    """As ``score`` estimates it, in the first state of the only episode."""
    data, net = lake
    first = {"episode": np.zeros(len(data["y"]))}
    found = net.score(**data, **first)
    exact = value_on_lake(net.predict_action(np.eye(16)))[0]
    assert found == pytest.approx(exact, rel=0.03)
    assert found == net.score(**data, **first)
    # also of one that is not the best, by the same rows
    poor = actions_of(discount=0.99, epochs=3000).fit(**data | {"y": -data["y"]})
    policy = poor.predict_action(np.eye(16))
    assert value_on_lake(policy)[0] < 0.5 * exact
    assert poor.score(**data, **first) == pytest.approx(
        value_on_lake(policy)[0], abs=0.03 * exact
    )


def test_a_score_is_what_the_policy_earns_in_the_corridor():
    net = actions_of(discount=0.5).fit(**CORRIDOR)
    # in all states, two rows each; and in the first one
    assert net.score(**CORRIDOR) == pytest.approx((1 + 4 + 10) / 3, abs=0.02)
    found = net.score(**CORRIDOR, episode=np.zeros(6))
    assert found == pytest.approx(1, abs=0.02)
    # by another discount: 10 * 0.8^2 - 1 - 0.8
    found = net.score(**CORRIDOR, episode=np.zeros(6), discount=0.8)
    assert found == pytest.approx(6.4 - 1.8, abs=0.05)
    assert net.score(**CORRIDOR) == net.score(**CORRIDOR)


RISKY = np.array([-2.0, 0.0, 1.5, 3.0, 5.0])  # 1.5 in the mean; the lowest two: -1


def take_risks(risk_level):
    """Return a network: first a step of no worth, then what is safe or what is not."""
    return actions_of(loss=Quantile(FIVE), risk_level=risk_level, discount=0.5).fit(
        np.eye(2)[np.repeat([0, 1], 10)],
        np.concatenate([np.zeros(10), RISKY, np.ones(5)]),
        action=np.tile(np.repeat(["risky", "safe"], 5), 2),
        next_X=np.eye(2)[np.ones(20, dtype=int)],
        terminal=np.repeat([False, True], 10),
    )


def test_the_mean_prefers_the_risky_action():
    net = take_risks(1.0)
    assert net.predict_action(np.eye(2))[1] == "risky"
    found = net.q_values(np.eye(2))
    np.testing.assert_allclose(found, [[0.75, 0.75], [1.5, 1]], atol=0.05)


def test_the_mean_of_the_worst_prefers_the_safe_one():
    net = take_risks(0.4)
    assert net.predict_action(np.eye(2))[1] == "safe"
    found = net.q_values(np.eye(2))
    np.testing.assert_allclose(found, [[0.5, 0.5], [-1, 1]], atol=0.05)


def test_without_action_and_what_follows_it_is_a_plain_regressor():
    X, y = RNG.normal(size=(50, 3)), 5 + RNG.normal(size=50)
    more = {"network": (8,), "epochs": 5, "batch_size": 16, "random_state": 0}
    found = FittedQRegressor(**more).fit(X, y)
    expected = LossAwareRegressor(**more).fit(X, y)
    assert (found.predict(X) == expected.predict(X)).all()
    assert found.score(X, y) == pytest.approx(r2_score(y, expected.predict(X)))
    assert found.history_["loss"] == expected.history_["loss"]


def test_without_action_there_is_one_whose_value_is_that_of_the_state():
    state, reward, after, ends = walk_exactly()
    net = actions_of(discount=1.0)
    net.fit(np.eye(5)[state], reward, next_X=np.eye(5)[after], terminal=ends)
    expected = np.arange(1, 6)[:, None] / 6
    np.testing.assert_allclose(net.q_values(np.eye(5)), expected, atol=1e-3)
    assert len(net.actions_) == 1


@pytest.mark.parametrize(
    "backup",
    [
        "double",
        *(pytest.param(b, marks=pytest.mark.slow) for b in ("max", "expectile")),
    ],
)
def test_without_what_follows_rewards_of_actions_are_learnt(backup):
    """Rewards of three actions in two states, each seen twice: their means."""
    state, action = (np.tile(a.ravel(), 2) for a in np.indices((2, 3)))
    reward = RNG.normal(size=12)
    net = actions_of(backup=backup).fit(np.eye(2)[state], reward, action=action)
    expected = (reward[:6] + reward[6:]).reshape(2, 3) / 2
    np.testing.assert_allclose(net.q_values(np.eye(2)), expected, atol=2e-3)
    assert net.predict_action(np.eye(2)).tolist() == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    "kind",
    [
        np.array([False, True]),
        np.array(["a", "b"]),
        pytest.param(np.array([0.0, 1.0]), marks=pytest.mark.slow),
        pytest.param(np.array([-3, 8]), marks=pytest.mark.slow),
        pd.array(["l", "r"], dtype="string"),
        pd.Categorical(["l", "r"]),
        pytest.param(pd.Series(["l", "r"], dtype=object), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_actions_of_any_kind(kind):
    code = np.tile([0, 1], 3)
    data = CORRIDOR | {"action": kind[code]}
    net = actions_of(epochs=30).fit(**data)
    plain = actions_of(epochs=30).fit(**CORRIDOR | {"action": code})
    assert (net.q_values(np.eye(3)) == plain.q_values(np.eye(3))).all()
    best = plain.predict_action(np.eye(3))
    assert (net.predict_action(np.eye(3)) == np.asarray(kind)[best]).all()
    assert net.score(**data) == plain.score(**CORRIDOR | {"action": code})
