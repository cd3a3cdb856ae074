"""Invariants of the engine: fused = alone, knobs stay at home, NaN is contained."""

import gc

import numpy as np
import pytest

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Outcome,
    Plan,
    Stream,
    trace_count,
    train_population,
)
from skloss._engine._optimizers import Optimizer

N, TASK = 448, losses.Task("binary", 1)
KINDS = (
    (losses.CrossEntropy(), None),
    (losses.Focal(), "cosine"),
    (losses.Brier(), "reduce_on_plateau:patience=2"),
    (losses.Square(), "one_cycle"),
    (losses.CrossEntropy(label_smoothing=0.1), "step:every=5"),
    (losses.SquaredHinge(), "warm_up:epochs=3"),
    (0.5 * losses.CrossEntropy() + 1.0 * losses.Focal(gamma=1.0), "exponential"),
)


def table(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, 30))
    Y = (X[:, :1] + 0.5 * rng.normal(size=(N, 1)) > 0).astype(float)
    # folds of unequal size, of 14 and of 13 steps an epoch
    sizes = (398, 391, 416)
    held = np.arange(416, N)
    streams = [
        Stream(np.arange(n), np.ones(n), held[: 32 - i], np.ones(32 - i))
        for i, n in enumerate(sizes)
    ]
    return Data(X, Y, streams)


def member(k, **changes):
    loss, schedule = KINDS[k]
    values = {
        "loss": loss,
        "schedule": schedules.get(schedule),
        "optimizer": Optimizer("adam"),
        "learning_rate": 1e-3 * (1 + k),
        "l1": 1e-5 * k,
        "l2": 1e-4 * k,
        "weight_decay": 1e-3 * k,
        "dropout": 0.05 * k,
        "clip_norm": (np.inf, 0.5)[k % 2],
        "clip_value": (np.inf, 0.01)[k // 2 % 2],
        "max_norm": (1.0, np.inf, 2.0)[k % 3],
        "input_noise": 0.02 * k,
        "mixup": 0.1 * (k % 4),
        "weight_averaging": (0.9, 0.0)[k % 2],
        "patience": (np.inf, np.inf, np.inf, 4, np.inf, 5, 6)[k],
        "stream": k % 3,
        "head_bias": np.zeros(1),
        "class_weight": np.ones(2),
    }
    return Member(**{**values, **changes})


def plan(members, epochs=50, **changes):
    values = {
        "network": networks.get((64, 64)),
        "task": TASK,
        "batch_size": 32,
        "dtype": "float32",
        "seed": 7,
    }
    return Plan(members, epochs=epochs, **{**values, **changes})


def distance(a, b):
    """Return the largest relative distance over the tensors of a 30-64-64-1 net."""
    cuts = np.cumsum([30 * 64, 64, 64 * 64, 64, 64])
    pairs = zip(np.split(a, cuts), np.split(b, cuts), strict=True)
    return max(np.linalg.norm(x - y) / np.linalg.norm(y) for x, y in pairs)


@pytest.mark.slow
def test_fused_equals_alone():
    data = table()
    together = train_population(plan([member(k) for k in range(7)]), data)
    for k in range(7):
        alone = train_population(plan([member(k)]), data)[0]
        assert distance(together[k].weights, alone.weights) <= 1e-5
        assert together[k].n_epochs == alone.n_epochs
        assert together[k].best_epoch == alone.best_epoch
        assert together[k].outcome is alone.outcome
        for name, values in alone.history.items():
            np.testing.assert_allclose(
                together[k].history[name], values, rtol=2e-3, atol=2e-5
            )
    stopped = [r.outcome is Outcome.STOPPED_EARLY for r in together]
    assert any(stopped)
    assert not all(stopped)


CHANGES = {
    "learning_rate": 2e-3,
    "l1": 1e-3,
    "l2": 1e-3,
    "weight_decay": 0.1,
    "dropout": 0.4,
    "clip_norm": 0.05,
    "clip_value": 0.001,
    "max_norm": 0.5,
    "input_noise": 0.3,
    "mixup": 0.5,
    "weight_averaging": 0.95,
    "loss": losses.CrossEntropy(label_smoothing=0.3),
    "schedule": schedules.get("exponential:rate=0.5"),
    "patience": 1,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_a_knob_changes_its_own_network_only(name):
    data = table()
    base = {
        "loss": losses.CrossEntropy(),
        "schedule": schedules.get("exponential"),
        "stream": 0,
        "dropout": 0.1,
        "input_noise": 0.1,
        "mixup": 0.2,
        "learning_rate": 1e-3,
        "patience": np.inf,
    }
    members = [member(0, **base) for _ in range(3)]
    before = train_population(plan(members, epochs=8), data)
    changed = [*members]
    changed[1] = member(0, **{**base, name: CHANGES[name]})
    after = train_population(plan(changed, epochs=8), data)
    assert np.array_equal(before[0].weights, after[0].weights)
    assert np.array_equal(before[2].weights, after[2].weights)
    if name == "patience":
        assert after[1].n_epochs <= before[1].n_epochs
    else:
        assert not np.array_equal(before[1].weights, after[1].weights)


@pytest.mark.slow
def test_a_diverging_network_leaves_the_others_alone():
    data = table()
    well = train_population(plan([member(k) for k in range(7)], epochs=20), data)
    members = [member(k) for k in range(7)]
    members[3] = member(3, learning_rate=1e30)
    ill = train_population(plan(members, epochs=20), data)
    assert ill[3].outcome is Outcome.DIVERGED
    assert np.isfinite(ill[3].weights).all()
    for k in {0, 1, 2, 4, 5, 6}:
        assert np.array_equal(well[k].weights, ill[k].weights)
        assert well[k].history == ill[k].history


def test_a_diverged_network_keeps_its_epoch_of_lowest_loss():
    data = table()
    loss, sgd = losses.Square(), Optimizer("sgd")
    growing = member(0, loss=loss, optimizer=sgd, learning_rate=0.7)
    common = {"network": networks.get(())}
    ill = train_population(plan([growing], epochs=200, **common), data)[0]
    assert ill.outcome is Outcome.DIVERGED
    seen = np.array(ill.history["loss"])
    assert np.isfinite(seen[:-1]).all()
    assert seen[-2] > 1e3 * seen.min()  # the last finite epoch is no good
    assert ill.best_epoch == np.nanargmin(seen) + 1
    until = train_population(plan([growing], epochs=ill.best_epoch, **common), data)[0]
    assert np.array_equal(ill.weights, until.weights)


def test_numbers_and_fold_sizes_do_not_retrace():
    rng, data = np.random.default_rng(0), table()
    none = np.zeros(0, dtype=int)

    def fit(i):
        n = 200 + 5 * i
        own = Data(
            data.X[:n], data.Y[:n], [Stream(np.arange(n), np.ones(n), none, none)]
        )
        one = member(
            1,
            stream=0,
            patience=np.inf,
            loss=losses.Focal(gamma=rng.uniform(0, 4)),
            schedule=schedules.get(f"cosine:final={rng.uniform(0, 0.5)}"),
            learning_rate=rng.uniform(1e-4, 1e-2),
            l1=rng.uniform(0, 1e-3) * (i % 2),
            l2=rng.uniform(0, 1e-3) * (i % 3),
            dropout=rng.uniform(0.1, 0.5),
            clip_value=rng.uniform(0.01, 0.1),
            max_norm=rng.uniform(0.5, 2),
            input_noise=rng.uniform(0.1, 0.5),
            mixup=rng.uniform(0.1, 0.5),
            weight_averaging=rng.uniform(0.5, 0.9),
            optimizer=Optimizer(f"adam:beta_1={rng.uniform(0.5, 0.9)}"),
        )
        train_population(plan([one], epochs=2, seed=i), own)

    fit(0)
    before = trace_count()
    for i in range(1, 41):
        fit(i)
    assert trace_count() == before


def test_unused_streams_do_not_matter():
    data = table()
    one = train_population(plan([member(0)], epochs=3), data)[0]
    lone = Data(data.X, data.Y, data.streams[:1])
    other = train_population(plan([member(0)], epochs=3), lone)[0]
    assert np.array_equal(one.weights, other.weights)


@pytest.mark.slow
def test_memory_does_not_grow():
    psutil = pytest.importorskip("psutil")
    data, process = table(), psutil.Process()

    def fits(count, first):
        for i in range(count):
            train_population(plan([member(0)], epochs=1, seed=first + i), data)
        gc.collect()
        return process.memory_info().rss

    begin = fits(20, 0)
    end = fits(300, 20)
    assert (end - begin) / 300 < 0.1 * 2**20
