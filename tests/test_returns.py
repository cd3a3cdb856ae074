"""What follows a row of a log: against plain loops over its episodes."""

import numpy as np
import pytest

from skloss.estimators._returns import compute_returns, find_following_rows

RNG = np.random.default_rng(2)
N = 60


def make_log(rng, n_episodes=7):
    """Return rewards, whether rows are terminal, and interleaved episodes.

    Some episodes end by a terminal row, others are cut off; one has one row.
    """
    episode = rng.integers(0, n_episodes, N)
    episode[17] = 99
    terminal = np.zeros(N, dtype=bool)
    for own in np.unique(episode)[::2]:
        terminal[np.flatnonzero(episode == own)[-1]] = True
    return rng.normal(size=N), terminal, episode


def follow(episode, terminal):
    """Return the row after each row, -1 at the end, by looking for it."""
    following = []
    for i in range(len(episode)):
        later = [j for j in range(i + 1, len(episode)) if episode[j] == episode[i]]
        following.append(later[0] if later and not terminal[i] else -1)
    return following


def expand(row, following, log, values, discount, steps, decay):
    """Return the target of a row, by the recursion of lambda-returns.

    ``values`` are those of the states that follow the rows.
    """
    rewards, terminal, _ = log
    if terminal[row]:
        return rewards[row]
    after = following[row]
    if steps == 1 or after < 0:
        return rewards[row] + discount * values[row]
    rest = expand(after, following, log, values, discount, steps - 1, decay)
    return rewards[row] + discount * ((1 - decay) * values[row] + decay * rest)


def find_targets(log, values, discount, n_steps=1, trace_decay=None):
    """Return all rows' targets by what is tested."""
    rewards, terminal, episode = log
    following = find_following_rows(episode, terminal)
    found = compute_returns(
        rewards, terminal, following, discount, n_steps, trace_decay
    )
    return found.known + (found.factors * values[found.ahead]).sum(axis=1)


def test_rows_of_interleaved_episodes_follow_each_other():
    for _ in range(5):
        _, terminal, episode = make_log(RNG)
        found = find_following_rows(episode, terminal)
        assert found.tolist() == follow(episode, terminal)


def test_episodes_may_have_names():
    _, terminal, episode = make_log(RNG)
    names = np.char.add("of day ", episode.astype(str))
    assert (
        find_following_rows(names, terminal) == find_following_rows(episode, terminal)
    ).all()


def test_nothing_follows_a_terminal_row_whatever_comes_after_it():
    terminal = np.array([False, True, False, False])
    assert find_following_rows(np.zeros(4), terminal).tolist() == [1, -1, 3, -1]


def test_one_row_is_followed_by_none():
    assert find_following_rows(np.array(["a"]), np.array([False])).tolist() == [-1]


@pytest.mark.parametrize("discount", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("trace_decay", [None, 0.0, 0.5, 1.0])
def test_targets_are_those_of_a_loop_over_rows(trace_decay, discount):
    decay = 1.0 if trace_decay is None else trace_decay
    for n_steps in range(1, 7):
        log, values = make_log(RNG), RNG.normal(size=N)
        following = follow(log[2], log[1])
        expected = [
            expand(row, following, log, values, discount, n_steps, decay)
            for row in range(N)
        ]
        found = find_targets(log, values, discount, n_steps, trace_decay)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_trace_that_does_not_decay_is_the_longest_return():
    log, values = make_log(RNG), RNG.normal(size=N)
    whole = find_targets(log, values, 0.9, 4, 1.0)
    assert (whole == find_targets(log, values, 0.9, 4)).all()


def test_a_trace_that_decays_at_once_is_that_of_one_step():
    log, values = make_log(RNG), RNG.normal(size=N)
    rewards, terminal, _ = log
    found = find_targets(log, values, 0.9, 5, 0.0)
    np.testing.assert_allclose(found, rewards + 0.9 * ~terminal * values, atol=1e-12)


def test_more_steps_than_an_episode_has_are_all_of_its_rewards():
    """Of an episode that ends: nothing is left to be guessed."""
    rewards, terminal = np.array([1.0, 2.0, 4.0]), np.array([False, False, True])
    following = find_following_rows(np.zeros(3), terminal)
    found = compute_returns(rewards, terminal, following, 0.5, n_steps=10)
    assert found.known.tolist() == [1 + 1 + 1, 2 + 2, 4]
    assert (found.factors == 0).all()


def test_an_episode_that_was_cut_off_goes_on_with_a_value():
    rewards, terminal = np.array([1.0, 2.0, 4.0]), np.zeros(3, dtype=bool)
    following = find_following_rows(np.zeros(3), terminal)
    found = compute_returns(rewards, terminal, following, 0.5, n_steps=10)
    assert found.known.tolist() == [3, 4, 4]
    assert found.ahead.tolist() == [[2], [2], [2]]
    assert found.factors.tolist() == [[0.125], [0.25], [0.5]]


def test_lambda_returns_by_hand():
    """Of three steps, with half of the weight passed on at each."""
    rewards, terminal = np.array([1.0, 2.0, 4.0, 8.0]), np.zeros(4, dtype=bool)
    following = find_following_rows(np.zeros(4), terminal)
    found = compute_returns(rewards, terminal, following, 1.0, 3, trace_decay=0.5)
    # 1/2, 1/4 and 1/4 of returns of one, two and three rewards
    assert found.known[0] == 0.5 * 1 + 0.25 * (1 + 2) + 0.25 * (1 + 2 + 4)
    assert found.ahead[0].tolist() == [0, 1, 2]
    assert found.factors[0].tolist() == [0.5, 0.25, 0.25]


def test_weights_of_all_steps_sum_to_the_discounts_left():
    """With a discount of one and no end they are one."""
    _, _, episode = make_log(RNG)
    terminal = np.zeros(N, dtype=bool)
    following = find_following_rows(episode, terminal)
    for decay in (None, 0.0, 0.3, 1.0):
        found = compute_returns(np.zeros(N), terminal, following, 1.0, 6, decay)
        np.testing.assert_allclose(found.factors.sum(axis=1), 1)


def test_one_state_further_on_needs_one_table_only():
    """Where all weight is on the longest return, X holds one more table, not n."""
    log = make_log(RNG)
    following = find_following_rows(log[2], log[1])
    for decay in (None, 1.0):
        found = compute_returns(*log[:2], following, 0.9, 5, decay)
        assert found.ahead.shape == found.factors.shape == (N, 1)
    assert compute_returns(*log[:2], following, 0.9, 5, 0.5).ahead.shape == (N, 5)


def test_without_episodes_returns_are_of_one_step():
    rewards, terminal, _ = make_log(RNG)
    found = compute_returns(rewards, terminal, None, 0.9)
    assert (found.known == rewards).all()
    assert found.ahead[:, 0].tolist() == list(range(N))
    np.testing.assert_array_equal(found.factors[:, 0], 0.9 * ~terminal)
