"""Networks come and go in the places of a program; what becomes of each is its own."""

import pickle
from dataclasses import replace

import keras
import numpy as np
import pytest

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Outcome,
    Plan,
    Stream,
    _pool,
    count_steps_computed,
    empty_spare_pools,
    place_members,
    trace_count,
    train_population,
)
from skloss._engine._optimizers import Optimizer
from skloss._engine._pool import Pool
from skloss.losses._core._join_losses import join_losses

TASK, EPOCHS, SIZE, COUNT = losses.Task("binary", 1), 40, 4, 11
rng = np.random.default_rng(0)
X = rng.normal(size=(90, 3))
Y = (X[:, :1] + rng.normal(size=(90, 1)) > 0).astype(float)
HELD = np.arange(70, 90)
DATA = Data(
    X,
    Y,
    [Stream(np.arange(n), np.ones(n), HELD, np.ones(20)) for n in (70, 66)],
)
LOSSES = join_losses(
    [losses.CrossEntropy(), losses.Focal(), losses.Brier(), losses.Hinge()], TASK
)


def member(k, **changes):
    """Return a member that differs from others in everything that may differ."""
    given = {
        "loss": LOSSES[k % 4],
        "schedule": schedules.get(
            ("constant", "cosine", "reduce_on_plateau:patience=2")[k % 3]
        ),
        "optimizer": Optimizer("adam"),
        "learning_rate": 0.003 * (1 + k),
        "l2": 1e-3 * (k % 4),
        "dropout": 0.1 * (k % 3),
        "input_noise": 0.1 * (k % 2),
        "weight_averaging": 0.9,
        "patience": 2.0 + k % 5,
        "stream": k % 2,
        "head_bias": np.zeros(1),
        "class_weight": np.ones(2),
    }
    return Member(**given | changes)


def plan(members, epochs=EPOCHS, network=None, dtype="float32"):
    network = networks.MLP((4,)) if network is None else network
    return Plan(list(members), network, TASK, 16, epochs, dtype, seed=2)


MEMBERS = [member(k) for k in range(COUNT)]


def train(order, compiled=False, **limits):
    """Train members in four places, which they take in an order."""
    own = {number: MEMBERS[number] for number in order}
    pool = Pool(plan(MEMBERS), DATA, own, SIZE, compiled)
    return pool.advance(**limits).take_results()


def assert_same_bits(one, other):
    assert one.n_epochs == other.n_epochs
    assert one.outcome is other.outcome
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.history == other.history


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_neighbours_places_and_moments_change_no_bit(compiled):
    first = train(range(COUNT), compiled)
    assert len({result.n_epochs for result in first.values()}) > 3
    for seed in (1, 2):
        order = np.random.default_rng(seed).permutation(COUNT).tolist()
        other = train(order, compiled)
        assert other.keys() == first.keys()
        for number, result in first.items():
            assert_same_bits(result, other[number])


@pytest.mark.slow
def test_who_waited_is_as_alone():
    for number, result in train(range(COUNT)).items():
        (alone,) = train_population(plan([MEMBERS[number]]), DATA)
        assert result.n_epochs == alone.n_epochs
        assert result.best_epoch == alone.best_epoch
        distance = np.linalg.norm(result.weights - alone.weights)
        assert distance < 1e-5 * np.linalg.norm(alone.weights)
        for name, values in alone.history.items():
            np.testing.assert_allclose(result.history[name], values, 1e-4, 1e-6)


@pytest.mark.slow
def test_what_stopped_is_not_computed_for_long(monkeypatch):
    monkeypatch.setattr(_pool, "STRETCH", 2)

    def steps():
        return np.array(count_steps_computed())

    before = steps()
    results = train(range(COUNT))
    trained, computed = steps() - before
    epochs = [result.n_epochs for result in results.values()]
    assert trained == 5 * sum(epochs)  # 70 and 66 rows are five batches
    assert computed % (5 * SIZE) == 0
    # in batches of four, each would be computed as long as the longest of its four
    batches = [SIZE * max(epochs[k : k + SIZE]) for k in range(0, COUNT, SIZE)]
    assert trained < computed < 5 * sum(batches)


def test_all_rest_at_a_rung_and_go_on_from_there():
    whole = train(range(COUNT))
    pool = Pool(plan(MEMBERS), DATA, dict(enumerate(MEMBERS)), SIZE, False)
    seen = {}
    for rung in (3, 9, EPOCHS):
        results = pool.advance(rung).take_results()
        assert all(result.n_epochs <= rung for result in results.values())
        pool = pickle.loads(pickle.dumps(pool))  # as another process gets it
        seen |= results
    assert not pool.members
    for number, result in whole.items():
        assert_same_bits(result, seen[number])


@pytest.mark.slow
def test_pools_that_are_half_empty_are_put_together():
    own = place_members(
        plan(MEMBERS), DATA, dict(enumerate(MEMBERS)), workers=2, stream=True
    )
    pools = [
        Pool(plan(MEMBERS), DATA, dict(part), SIZE, False)
        for part in (list(enumerate(MEMBERS))[:6], list(enumerate(MEMBERS))[6:])
    ]
    assert own  # a stream of eleven has a place for each at once
    whole, seen, counts = train(range(COUNT)), {}, []
    while any(pool.busy for pool in pools):
        for pool in pools:
            seen |= pool.advance(epochs=5).take_results(states=False)
        empty_spare_pools(pools)
        counts.append(sum(pool.busy for pool in pools))
    assert counts[0] == 2
    assert 1 in counts
    for number, result in whole.items():
        assert_same_bits(result, seen[number])


@pytest.mark.slow
def test_later_networks_and_other_losses_share_the_program():
    expected = train(range(COUNT))
    two = join_losses([losses.CrossEntropy(), losses.Focal()], TASK)
    early = {n: member(n, loss=two[n]) for n in range(2)}
    pool = Pool(plan([]), DATA, early, SIZE, False)
    pool.advance(epochs=5)
    before = trace_count()
    pool.admit(DATA, {n: MEMBERS[n] for n in range(COUNT)})
    results = pool.advance().take_results()
    assert trace_count() == before  # four losses in four places: that of ``expected``
    for number, result in expected.items():
        # in the first five epochs the first two trained in another program
        tolerance = 1e-5 if number in early else 0
        distance = np.linalg.norm(results[number].weights - result.weights)
        assert distance <= tolerance * np.linalg.norm(result.weights)
        assert results[number].n_epochs == result.n_epochs


@pytest.mark.slow
def test_a_kind_that_becomes_frequent_gets_more_places():
    own = plan(MEMBERS)
    options = {"workers": None, "stream": True}

    def places(pools):
        return [(pool.size, len(pool.members)) for pool in pools]

    few = {number: MEMBERS[number] for number in range(3)}
    pools = place_members(own, DATA, few, **options)
    assert places(pools) == [(2, 3)]  # of three under way, 60 % have places
    more = {number: MEMBERS[number] for number in range(3, 6)}
    pools = place_members(own, DATA, more, pools, **options)
    assert places(pools) == [(2, 6)]  # four places are wanted: no more than twice two
    more = {number: MEMBERS[number] for number in range(6, COUNT)}
    pools = place_members(own, DATA, more, pools, **options)
    assert places(pools) == [(2, 6), (5, 5)]  # seven are
    whole, seen = train(range(COUNT)), {}
    for pool in pools:
        seen |= pool.advance().take_results()
    assert {n: result.n_epochs for n, result in seen.items()} == {
        n: result.n_epochs for n, result in whole.items()
    }


class Table(keras.layers.Layer):
    """Looks codes up; raises for one that it does not have, as on a processor."""

    def build(self, shape):
        self.table = self.add_weight(shape=(3, 2), name="kernel")

    def call(self, x):
        import tensorflow as tf

        rows = tf.raw_ops.GatherV2(
            params=self.table, indices=tf.cast(x[:, 0], "int32"), axis=0
        )
        return rows + 0.0 * x[:, 1:3]


def lookup():
    return keras.Sequential([Table(), keras.layers.Dense(3, activation="tanh")])


@pytest.mark.slow
@pytest.mark.parametrize("alone", [False, True])
def test_a_network_that_fails_costs_its_neighbours_nothing(alone):
    codes = np.column_stack([np.arange(90) % 3, X])
    codes[65, 0] = 7  # one code too many, in the rows of one stream only
    data = Data(
        codes,
        Y,
        [
            Stream(rows, np.ones(60), np.zeros(0, int), np.zeros(0))
            for rows in (np.arange(60), np.arange(10, 70), np.arange(5, 65))
        ],
    )
    members = [member(0, stream=k, patience=np.inf, loss=LOSSES[1]) for k in range(3)]
    own = plan(members, 3, networks.Body(lookup))
    pools = (
        [Pool(own, data, {k: one}, 1, False) for k, one in enumerate(members)]
        if alone
        else [Pool(own, data, dict(enumerate(members)), 3, False)]
    )
    results = {}
    for pool in pools:
        results |= pool.advance().take_results()
    assert "7 is not in [0, 3)" in str(results[1].error)
    assert results[1].n_epochs == 0
    for k in (0, 2):
        assert results[k].error is None
        assert results[k].outcome is Outcome.FINISHED
        (expected,) = train_population(replace(own, members=[members[k]]), data)
        np.testing.assert_allclose(results[k].weights, expected.weights, 1e-5, 1e-7)
    with pytest.raises(Exception, match=r"7 is not in \[0, 3\)"):
        train_population(replace(own, members=[members[1]]), data)
