"""How a population is cut into pools that share programs."""

import numpy as np
import pytest

from skloss import losses, networks, schedules
from skloss._engine import Data, Member, Plan, Stream, _population, make_pools
from skloss._engine._optimizers import Optimizer

TASK = losses.Task("binary", 1)


def population(count, rows=320, epochs=10, width=4):
    rng = np.random.default_rng(0)
    stream = Stream(np.arange(rows), np.ones(rows), np.arange(0), np.ones(0))
    data = Data(rng.normal(size=(rows, 30)), np.ones((rows, 1)), [stream])
    member = Member(
        loss=losses.CrossEntropy(),
        schedule=schedules.get(None),
        optimizer=Optimizer("adam"),
        learning_rate=1e-3,
        head_bias=np.zeros(1),
    )
    plan = Plan(
        members=[member] * count,
        network=networks.MLP((width, width)),
        task=TASK,
        batch_size=32,
        epochs=epochs,
        dtype="float32",
        seed=0,
    )
    return plan, data


def sizes(*given, **options):
    """Return how many networks the pools hold, and how many places they have."""
    own = make_pools(*population(*given, **options))
    numbers = [number for pool in own for number in pool.members]
    assert sorted(numbers) == list(range(len(numbers)))
    return [(len(pool.members), pool.size) for pool in own]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 15, 20, 30, 60])
def test_candidates_on_the_usual_folds_need_no_copies(count):
    assert sizes(count) == [(count, count)]


def test_few_sizes_mean_few_programs():
    places = {size for count in range(1, 65) for _, size in sizes(count)}
    assert len(places) == 19
    assert all(size <= 1.25 * count for n in range(9, 65) for count, size in sizes(n))


def test_pools_that_xla_compiles_are_for_two_threads():
    # 400 epochs of 10 steps: from 3 networks on, 12,000 network steps
    assert sizes(15, epochs=400) == [(8, 8), (7, 8)]
    assert sizes(45, epochs=400) == [(15, 15)] * 3
    assert sizes(180, epochs=400) == [(15, 15)] * 12


def test_copies_that_take_longer_than_a_program_are_left_out():
    # (30 + 128 + 1) * 128 weights, 32 rows: 650,000 multiplications a step
    steps = 5e9 / (32 * (30 * 128 + 128 * 128 + 128))
    below, above = int(0.99 * steps / 10), int(1.01 * steps / 10) + 1
    assert sizes(15, width=128, epochs=below) == [(8, 8), (7, 8)]
    assert sizes(15, width=128, epochs=above) == [(8, 8), (7, 8)]
    assert sizes(14, width=128, epochs=above) == [(7, 7), (7, 7)]


@pytest.fixture(autouse=True)
def as_for_users(monkeypatch):
    """Compile from as many steps on as for users: see ``conftest.compilation``."""
    monkeypatch.setattr(_population, "MIN_COMPILED", 12_000)


@pytest.mark.parametrize(
    ("width", "compiled", "graph"),
    # a step of 32 rows of 128-128: 650,000 multiplications, a third of WIDE_STEP
    [(4, 12_000, 11_900), (128, 9_100, 9_000)],
)
def test_wide_networks_are_compiled_for_fewer_steps(width, compiled, graph):
    for steps, is_compiled in ((compiled, True), (graph, False)):
        own = make_pools(*population(10, epochs=steps // 100, width=width, rows=320))
        assert {pool.compiled for pool in own} == {is_compiled}
