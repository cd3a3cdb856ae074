"""Numbers that change by epoch, in populations: alone = together, one program."""

import numpy as np
import pytest

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Plan,
    Stream,
    _population,
    make_pools,
    repack_pools,
    trace_count,
    train_population,
)
from skloss._engine._optimizers import Optimizer

EPOCHS, TASK = 6, losses.Task("binary", 1)
NUMBERS = (
    "l1 l2 weight_decay dropout clip_norm clip_value max_norm input_noise mixup"
).split()
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = (X[:, :1] + 0.3 * rng.normal(size=(60, 1)) > 0).astype(float)
DATA = Data(X, Y, [Stream(np.arange(50), np.ones(50), np.arange(50, 60), np.ones(10))])


def member(loss=None, **changes):
    given = {
        "loss": loss or losses.Focal(gamma=1.0),
        "schedule": schedules.get("cosine"),
        "optimizer": Optimizer("adam"),
        "learning_rate": 0.01,
        "head_bias": np.zeros(1),
        "class_weight": np.ones(2),
    }
    return Member(**{**given, **changes})


def plan(*members, epochs=EPOCHS, **changes):
    common = {"task": TASK, "batch_size": 16, "dtype": "float64", "seed": 3}
    return Plan(
        list(members), networks.get((5,)), epochs=epochs, **{**common, **changes}
    )


def curve(seed, low, high):
    """Return a table of numbers, and the member's number at its end."""
    return np.random.default_rng(seed).uniform(low, high, EPOCHS)


def varying(names, seed):
    """Return the changes of a member whose numbers vary, and a loss's knob."""
    curves = {name: curve(seed + i, 0.05, 0.4) for i, name in enumerate(names)}
    ends = {name: c[-1] for name, c in curves.items()}
    gamma = curve(seed + 50, 0.0, 3.0)
    own = {**curves, "loss__gamma": gamma}
    return {"loss": losses.Focal(gamma=gamma[-1]), "varying": own, **ends}


DIFFERENT = [
    varying(NUMBERS, 0),
    varying(NUMBERS, 100),
    varying(["dropout"], 200),
    {"loss": losses.Focal(gamma=2.5), "l2": 0.1},
    {"varying": {"mixup": curve(7, 0.0, 1.0)}, "mixup": 0.2},
]


def assert_same(one, other):
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-9, atol=1e-12)
    for name, values in one.history.items():
        np.testing.assert_allclose(other.history[name], values, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_different_curves_together_equal_each_alone(compiled, monkeypatch):
    monkeypatch.setattr(_population, "MIN_COMPILED", 0 if compiled else np.inf)
    cases = DIFFERENT if compiled else [DIFFERENT[0], DIFFERENT[1], DIFFERENT[3]]
    together = train_population(plan(*(member(**own) for own in cases)), DATA)
    for own, result in zip(cases, together, strict=True):
        assert_same(train_population(plan(member(**own)), DATA)[0], result)
    weights = [result.weights for result in together]
    assert all(np.abs(a - b).max() > 1e-3 for a in weights[1:] for b in weights[:1])


@pytest.mark.slow
def test_curves_are_no_structure():
    def train(seed, length):
        own = varying(["l2", "dropout"], seed)
        own["varying"] = {n: c[:length] for n, c in own["varying"].items()}
        train_population(plan(member(**own), member(**own)), DATA)

    train(0, EPOCHS)
    before = trace_count()
    train(1, EPOCHS)
    train(2, 3)
    assert trace_count() == before


def operations(own):
    """Return the operations of the program that trains one network."""
    (pool,) = make_pools(plan(member(**own)), DATA)
    pool.trace()
    graph = pool.program().traced.function.graph.as_graph_def()
    bodies = (function.node_def for function in graph.library.function)
    return len(graph.node) + sum(map(len, bodies))


@pytest.mark.slow
def test_what_does_not_vary_costs_nothing():
    """A number that varies costs its row of a table; a plain one no operation."""
    with_one = operations({"varying": {"l2": curve(0, 0, 1)}})
    with_two = operations({"varying": {n: curve(0, 0, 1) for n in ("l1", "l2")}})
    plain = operations({})
    assert plain < with_one < with_two
    assert with_two - with_one <= with_one - plain  # only what both share is more
    (pool,) = make_pools(plan(member(l2=0.1)), DATA)
    pool.fill()
    assert not pool.feed().of_members(pool.places.look_up(pool.members)).varying


@pytest.mark.slow
def test_networks_that_go_on_keep_their_curves():
    """Half way through, some networks leave and the others are put together."""
    members = [member(**own) for own in DIFFERENT]
    whole = train_population(plan(*members), DATA)
    own = plan(*members)
    live = [pool.advance(3) for pool in make_pools(own, DATA)]
    (live,) = [pool.advance(6) for pool in repack_pools(live, {1, 3})]
    results = live.take_results()
    assert set(results) == {0, 2, 4}
    for i, result in results.items():
        assert_same(whole[i], result)


@pytest.mark.slow
def test_validation_sees_the_end():
    """The validation loss of every epoch is that with the member's own numbers."""
    gamma = np.linspace(4.0, 0.5, EPOCHS)
    frozen = {"learning_rate": 1e-300, "varying": {"loss__gamma": gamma}}
    moving = member(losses.Focal(gamma=0.5), **frozen)
    history = train_population(plan(moving), DATA)[0].history
    assert len(set(history["val_loss"])) == 1
    assert len(set(np.round(history["loss"], 6))) == EPOCHS
    still = member(losses.Focal(gamma=0.5), learning_rate=1e-300)
    plain = train_population(plan(still), DATA)[0].history
    assert plain["val_loss"][0] == pytest.approx(history["val_loss"][0], rel=1e-12)
    assert plain["loss"][-1] == pytest.approx(history["loss"][-1], rel=1e-12)
