"""Networks that share a program: on unequal folds by hand, and beside who has ended."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Outcome,
    Plan,
    Stream,
    TrainingState,
    make_pools,
    train_population,
)
from skloss._engine._optimizers import Optimizer

SEED, SIZE, EPOCHS, RATE, MOMENTUM = 3, 16, 3, 0.5, 0.9
ROWS = 40, 37, 16  # of 3 steps an epoch, the last of 8 and of 5 rows, and of 1 step
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, :1] + RNG.normal(size=(60, 1)) > 0).astype(float)
START = RNG.normal(size=4)  # three weights and a bias
WEIGHTS = [RNG.uniform(0.2, 2.0, n) for n in ROWS]
HELD = np.arange(40, 60)
LINEAR = networks.MLP(())
DATA = Data(
    X,
    Y,
    [
        Stream(np.arange(40)[::-1][:n], weight, HELD[i:], np.ones(20 - i))
        for i, (n, weight) in enumerate(zip(ROWS, WEIGHTS, strict=True))
    ],
)


def member(stream, **changes):
    given = {
        "loss": losses.CrossEntropy(),
        "schedule": schedules.get(None),
        "optimizer": Optimizer(f"sgd:momentum={MOMENTUM}"),
        "learning_rate": RATE,
        "head_bias": np.zeros(1),
        "class_weight": np.ones(2),
        "start": TrainingState(START, np.zeros(0)),
    }
    return Member(**{**given, "stream": stream, **changes})


def plan(members, epochs=EPOCHS, network=LINEAR):
    return Plan(
        members,
        network,
        losses.Task("binary", 1),
        batch_size=SIZE,
        epochs=epochs,
        dtype="float64",
        seed=SEED,
    )


def by_hand(stream):
    """Return weights and losses of logistic regression by momentum, in NumPy."""
    rows, weight = DATA.streams[stream].rows, WEIGHTS[stream]
    w, velocity, history = START.copy(), np.zeros(4), []
    for epoch in range(EPOCHS):
        draw = tf.random.stateless_uniform([max(ROWS)], seed=[SEED, epoch]).numpy()
        order, values = np.argsort(draw[: len(rows)], kind="stable"), []
        for batch in np.split(order, range(SIZE, len(rows), SIZE)):
            x = np.hstack([X[rows[batch]], np.ones((len(batch), 1))])
            y, f = Y[rows[batch], 0], x @ w
            values.extend(weight[batch] * (np.logaddexp(0, f) - y * f))
            slope = (weight[batch] * (expit(f) - y)) @ x / len(batch)
            velocity = MOMENTUM * velocity - RATE * slope
            w = w + velocity
        history.append(np.mean(values))
    return w, history


@pytest.mark.slow
def test_unequal_folds_and_short_last_batches_by_hand():
    one = plan([member(i) for i in range(3)])
    assert [len(pool.members) for pool in make_pools(one, DATA)] == [2, 1]
    for i, result in enumerate(train_population(one, DATA)):
        weights, history = by_hand(i)
        np.testing.assert_allclose(result.weights, weights, rtol=1e-6)
        np.testing.assert_allclose(result.history["loss"], history, rtol=1e-6)


def test_who_ran_out_of_patience_is_as_alone():
    patience = 2, 4, 9
    members = [member(i % 2, patience=p) for i, p in enumerate(patience)]
    together = train_population(plan(members, 30), DATA)
    assert len({result.n_epochs for result in together}) == 3
    for one, result in zip(members, together, strict=True):
        alone = train_population(plan([one], 30), DATA)[0]
        assert result.outcome is alone.outcome
        assert result.n_epochs == alone.n_epochs == len(result.history["loss"])
        assert result.best_epoch == alone.best_epoch
        assert result.n_epochs == result.best_epoch + one.patience
        np.testing.assert_allclose(result.weights, alone.weights, rtol=1e-9)
        np.testing.assert_allclose(result.curve, alone.curve, rtol=1e-9)


class Stop:
    """Stops its network after two epochs."""

    def epoch_begin(self, network):
        pass

    def epoch_end(self, network):
        if network.epoch == 2:
            network.stop()


def test_who_is_stopped_stays_put_while_its_neighbours_go_on():
    """Momentum moves weights without a gradient, and batches move statistics."""
    network = networks.MLP((4,), normalization="batch")
    changes = {"weight_decay": 0.1, "start": None}
    members = [member(0, callback=Stop(), **changes), member(1, **changes)]
    stopped, other = train_population(plan(members, 6, network), DATA)
    assert stopped.outcome is Outcome.STOPPED_EARLY
    assert stopped.n_epochs == 2
    short = train_population(plan([member(0, **changes)], 2, network), DATA)[0]
    alone = train_population(plan([member(1, **changes)], 6, network), DATA)[0]
    for result, expected in ((stopped, short), (other, alone)):
        np.testing.assert_allclose(result.weights, expected.weights, 1e-9, 1e-12)
        np.testing.assert_allclose(result.stored, expected.stored, 1e-9, 1e-12)
