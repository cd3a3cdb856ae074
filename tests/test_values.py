"""Values of states, and scores: against linear equations, loops, and by hand."""

import numpy as np
import pytest
from sklearn.metrics import r2_score
from transitions import FIVE, TABLE, WALK, values_of, walk_exactly

from skloss import FittedQRegressor, LossAwareRegressor, TDValueRegressor
from skloss.losses import Quantile

RNG = np.random.default_rng(3)

# -- values of states ------------------------------------------------------------------


def walk(n_episodes, rng):
    """Return the steps of random walks from the middle, and their episodes."""
    rows = []
    for episode in range(n_episodes):
        state = 2
        while 0 <= state <= 4:
            after = state + rng.choice([-1, 1])
            ends = after in (-1, 5)
            rows.append((state, float(after == 5), np.clip(after, 0, 4), ends, episode))
            state = after
    return [np.array(column) for column in zip(*rows, strict=True)]


def test_the_random_walk_of_sutton_and_barto():
    """Example 6.2: the values are 1/6 to 5/6."""
    state, reward, after, ends = walk_exactly()
    net = values_of(discount=1.0)
    net.fit(np.eye(5)[state], reward, next_X=np.eye(5)[after], terminal=ends)
    np.testing.assert_allclose(net.predict(np.eye(5)), np.arange(1, 6) / 6, atol=1e-3)


@pytest.mark.slow
def test_two_thousand_random_walks():
    state, reward, after, ends, _ = walk(2000, RNG)
    net = values_of(discount=1.0, batch_size=len(state))
    net.fit(np.eye(5)[state], reward, next_X=np.eye(5)[after], terminal=ends)
    error = net.predict(np.eye(5)) - np.arange(1, 6) / 6
    assert np.sqrt(np.mean(error**2)) <= 0.02


def make_chain(seed):
    """Return transition probabilities, mean rewards, and a discount."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 16))
    P = rng.dirichlet(np.full(n, 0.5), n)
    R = rng.normal(size=(n, n)) * rng.uniform(0.1, 100) + 50 * rng.normal()
    return P, R, rng.uniform(0.7, 0.99)


def solve(P, R, discount):
    """Return the values of a chain from its linear equations."""
    return np.linalg.solve(np.eye(len(P)) - discount * P, (P * R).sum(axis=1))


@pytest.mark.parametrize(
    "seed",
    [pytest.param(s, marks=() if s < 3 else pytest.mark.slow) for s in range(23)],
)
def test_values_of_a_chain_are_those_of_its_equations(seed):
    P, R, discount = make_chain(seed)
    state, after = (a.ravel() for a in np.indices(P.shape))
    X = np.eye(len(P))
    net = values_of(discount=discount, epochs=2000)
    net.fit(X[state], R.ravel(), sample_weight=P.ravel(), next_X=X[after])
    expected = solve(P, R, discount)
    error = np.abs(net.predict(X) - expected).max()
    assert error <= 0.02 * np.ptp(expected)


@pytest.mark.slow
def test_values_of_sampled_rows_are_those_of_their_own_equations():
    P, R, _ = make_chain(1)
    n, discount = len(P), 0.9
    state = np.append(np.arange(n), RNG.integers(0, n, 300))
    after = np.array([RNG.choice(n, p=P[s]) for s in state])
    reward = R[state, after] + RNG.normal(size=len(state))
    X = np.eye(n)
    net = values_of(discount=discount, batch_size=len(state))
    net.fit(X[state], reward, next_X=X[after])
    counts, earned = np.zeros((n, n)), np.zeros(n)
    np.add.at(counts, (state, after), 1)
    np.add.at(earned, state, reward)
    visits = counts.sum(axis=1)
    own = np.linalg.solve(
        np.eye(n) - discount * counts / visits[:, None], earned / visits
    )
    assert np.abs(net.predict(X) - own).max() <= 0.02 * np.ptp(own)


def solve_returns(log, discount, n_steps, decay):
    """Return the values at which each state's mean target is its value."""
    state, reward, after, ends, episode = log
    following = {}
    for i in range(len(state) - 1):
        if episode[i] == episode[i + 1] and not ends[i]:
            following[i] = i + 1

    def target(i, steps):
        """Return a row's known part, and its coefficients of the states' values."""
        if ends[i]:
            return reward[i], np.zeros(5)
        one = np.eye(5)[after[i]]
        if steps == 1 or i not in following:
            return reward[i], discount * one
        known, rest = target(following[i], steps - 1)
        known = reward[i] + discount * decay * known
        return known, discount * ((1 - decay) * one + decay * rest)

    A, b = np.eye(5), np.zeros(5)
    for s in range(5):
        rows = np.flatnonzero(state == s)
        found = [target(i, n_steps) for i in rows]
        b[s] = np.mean([known for known, _ in found])
        A[s] -= np.mean([rest for _, rest in found], axis=0)
    return np.linalg.solve(A, b)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_steps", "trace_decay"),
    [
        (3, None),
        pytest.param(4, 0.5, marks=pytest.mark.slow),
        pytest.param(2, 0.8, marks=pytest.mark.slow),
    ],
)
def test_returns_of_several_steps_have_their_own_fixed_point(n_steps, trace_decay):
    log = walk(40, RNG)
    state, reward, after, ends, episode = log
    many = {"n_steps": n_steps, "trace_decay": trace_decay, "batch_size": len(state)}
    net = values_of(discount=0.9, **many)
    net.fit(
        *(np.eye(5)[state], reward),
        **{"next_X": np.eye(5)[after], "terminal": ends, "episode": episode},
    )
    expected = solve_returns(log, 0.9, n_steps, trace_decay or 1.0)
    np.testing.assert_allclose(net.predict(np.eye(5)), expected, atol=2e-3)
    # and not the one of one step
    assert np.abs(solve_returns(log, 0.9, 1, 1.0) - expected).max() > 0.01


def test_of_whole_episodes_the_mean_return_is_left():
    state, reward, after, ends, episode = walk(40, RNG)
    net = values_of(discount=0.9, n_steps=1000, batch_size=len(state))
    net.fit(
        *(np.eye(5)[state], reward),
        **{"next_X": np.eye(5)[after], "terminal": ends, "episode": episode},
    )
    total = np.zeros(len(state))
    for i in reversed(range(len(state))):
        total[i] = reward[i] + (0 if ends[i] else 0.9 * total[i + 1])
    expected = [total[state == s].mean() for s in range(5)]
    np.testing.assert_allclose(net.predict(np.eye(5)), expected, atol=2e-3)


def go_on(rewards):
    """Return steps from a first state to a second, where one of the rewards ends all.

    States are the rows of the unit matrix.
    """
    n = len(rewards)
    state = np.repeat([0, 1], n)
    return {
        "X": np.eye(2)[state],
        "y": np.append(np.zeros(n), rewards),
        "next_X": np.eye(2)[np.ones(2 * n, dtype=int)],
        "terminal": state == 1,
    }


@pytest.mark.slow
def test_quantiles_of_the_return_are_passed_on():
    """One of five rewards: each is a quantile, and of the state before 0.5 times it."""
    net = values_of(loss=Quantile(FIVE), discount=0.5).fit(**go_on(np.arange(1.0, 6)))
    np.testing.assert_allclose(net.predict(np.eye(2)), [1.5, 3], atol=0.03)
    # the model gives the middle one
    middle = net.model_.predict(np.eye(2), verbose=0)
    np.testing.assert_allclose(middle.ravel(), [1.5, 3], atol=0.03)


@pytest.mark.slow
def test_expectiles_are_passed_on():
    """Of 0 and 1 the expectile 0.8 is 0.8."""
    net = values_of(loss="expectile:expectile=0.8", discount=0.5)
    net.fit(**go_on([0.0, 1.0]))
    np.testing.assert_allclose(net.predict(np.eye(2)), [0.4, 0.8], atol=2e-3)


@pytest.mark.parametrize(
    "loss",
    [
        "squared_error",
        *(
            pytest.param(loss, marks=pytest.mark.slow)
            for loss in ("huber", "poisson", Quantile(0.3))
        ),
    ],
)
def test_without_what_follows_it_is_a_plain_regressor(loss):
    X, y = RNG.normal(size=(50, 3)), RNG.gamma(2.0, size=50)
    more = {"network": (8,), "epochs": 5, "batch_size": 16, "random_state": 0}
    found = TDValueRegressor(loss, **more).fit(X, y)
    expected = LossAwareRegressor(loss, **more).fit(X, y)
    assert (found.predict(X) == expected.predict(X)).all()
    assert found.history_["loss"] == expected.history_["loss"]


# -- scores ----------------------------------------------------------------------------


def test_a_score_is_minus_the_squared_bellman_error():
    net = values_of(discount=0.9, epochs=20).fit(**WALK)
    values = net.predict(np.eye(5))
    for discount in (0.9, 0.3):
        total, mass, weight = 0.0, 0.0, RNG.uniform(0, 1, 10)
        for i, (s, reward, after, ends) in enumerate(zip(*walk_exactly(), strict=True)):
            later = 0.0 if ends else discount * values[after]
            total += weight[i] * (reward + later - values[s]) ** 2
            mass += weight[i]
        found = net.score(**WALK, sample_weight=weight, discount=discount)
        assert found == pytest.approx(-total / mass)
        if discount == 0.9:
            assert found == net.score(**WALK, sample_weight=weight)


@pytest.mark.slow
def test_a_score_without_what_follows_is_r2():
    X, y, weight = RNG.normal(size=(40, 2)), RNG.normal(size=40), RNG.uniform(size=40)
    net = TDValueRegressor(network=(4,), epochs=3, random_state=0).fit(X, y)
    expected = r2_score(y, net.predict(X), sample_weight=weight)
    assert net.score(X, y, weight) == pytest.approx(expected)
    action = RNG.integers(0, 3, 40)
    net = FittedQRegressor(network=(4,), epochs=3, random_state=0)
    net.fit(X, y, action=action)
    values = [net.q_values(X)[i, action[i]] for i in range(40)]
    expected = r2_score(y, values, sample_weight=weight)
    assert net.score(X, y, weight, action=action) == pytest.approx(expected)


# -- units -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*one value only")
def test_rewards_that_are_all_the_same():
    """Of three states in a row, and an end: 1, 1.9, 2.71."""
    data = {
        "X": np.eye(3),
        "y": np.ones(3),
        "next_X": np.roll(np.eye(3), -1, axis=0),
        "terminal": [0, 0, 1],
    }
    net = values_of(discount=0.9).fit(**data)
    np.testing.assert_allclose(net.predict(np.eye(3)), [2.71, 1.9, 1], atol=2e-3)
    # without an end all are worth 1 / (1 - 0.9)
    net.fit(**data | {"terminal": None})
    np.testing.assert_allclose(net.predict(np.eye(3)), 10, atol=1e-5)


@pytest.mark.parametrize(
    "kind",
    [TDValueRegressor, pytest.param(FittedQRegressor, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    ("factor", "shift"),
    [
        (1.0, 1e6),
        (1e-9, 0.0),
        pytest.param(1e9, 0.0, marks=pytest.mark.slow),
        pytest.param(1e-3, -50.0, marks=pytest.mark.slow),
    ],
)
def test_units_of_rewards_are_nothing_to_a_network(kind, factor, shift):
    P, R, _ = make_chain(0)
    R, discount = (R - R.mean()) / R.std(), 0.8
    state, after = (a.ravel() for a in np.indices(P.shape))
    X = np.eye(len(P))
    net = kind(**TABLE | {"discount": discount, "dtype": "float64"})
    reward = factor * R + shift
    net.fit(X[state], reward.ravel(), sample_weight=P.ravel(), next_X=X[after])
    expected = solve(P, reward, discount)
    error = np.abs(net.predict(X) - expected).max()
    assert error <= 0.02 * np.ptp(expected)


@pytest.mark.slow
def test_units_in_single_precision():
    P, R, _ = make_chain(0)
    R = 1e6 + (R - R.mean()) / R.std()
    state, after = (a.ravel() for a in np.indices(P.shape))
    X = np.eye(len(P))
    net = values_of(discount=0.5, dtype="float32")
    net.fit(X[state], R.ravel(), sample_weight=P.ravel(), next_X=X[after])
    expected = solve(P, R, 0.5)
    assert np.abs(net.predict(X) - expected).max() <= 0.02 * np.ptp(expected)


def test_no_transform_sees_the_rewards_themselves():
    net = values_of(discount=1.0, target_transform=None).fit(**WALK)
    np.testing.assert_allclose(net.predict(np.eye(5)), np.arange(1, 6) / 6, atol=1e-3)


def test_a_plain_number_is_where_training_starts():
    """With rewards of 1, no end, and nothing learnt: 1 / (1 - 0.75)."""
    y = np.tile([0.0, 2.0], 5)
    net = values_of(discount=0.75, epochs=1, learning_rate=1e-300)
    net.fit(np.zeros((10, 1)), y, next_X=np.zeros((10, 1)))
    np.testing.assert_allclose(net.predict(np.zeros((2, 1))), 4.0)
