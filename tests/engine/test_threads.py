"""Programs in several threads: traced one at a time, trained side by side."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from sklearn.base import clone

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import _population
from skloss._engine._program import Program

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
trace = Program.make_function


def scores(batch_size):
    """Train a network whose program no other test has."""
    given = {"network": (3,), "epochs": 2, "random_state": 0}
    net = LossAwareClassifier(batch_size=batch_size, **given)
    return net.fit(X, Y).decision_function(X)


def test_programs_are_traced_one_at_a_time(monkeypatch):
    inside, counts = [], []

    def traced(program, *args):
        inside.append(program)
        counts.append(len(inside))
        time.sleep(0.2)
        try:
            return trace(program, *args)
        finally:
            inside.remove(program)

    monkeypatch.setattr(Program, "make_function", traced)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(scores, [17, 18]))
    assert counts == [1, 1]


def test_a_traced_program_trains_while_another_is_traced(monkeypatch):
    first, again = scores(19), []

    def traced(program, *args):
        other = ThreadPoolExecutor(1).submit(scores, 19)
        again.append(other.result(timeout=60))
        return trace(program, *args)

    monkeypatch.setattr(Program, "make_function", traced)
    scores(20)
    np.testing.assert_array_equal(again, [first])


def uncompiled(y_true, y_pred):
    """A loss with an operation that XLA lacks."""
    r = y_true - y_pred
    return tf.reduce_mean(tf.square(r) + 1e-3 * tf.math.special.bessel_j0(r), axis=-1)


def test_threads_that_find_out_together_that_xla_lacks_an_operation(monkeypatch):
    monkeypatch.setattr(_population, "MIN_COMPILED", 0)
    call, both = Program.prepare, threading.Barrier(2)

    def together(program, inputs, state):
        if "take_steps" in program.compiled:  # both begin with what XLA cannot compile
            program.trace(inputs, state)
            both.wait(timeout=60)
        return call(program, inputs, state)

    monkeypatch.setattr(Program, "prepare", together)
    net = LossAwareRegressor(uncompiled, network=(3,), epochs=2, random_state=0)
    with ThreadPoolExecutor(2) as pool:
        nets = list(pool.map(lambda y: clone(net).fit(X, y), [X[:, 0], X[:, 1]]))
    monkeypatch.undo()
    for fitted, y in zip(nets, X.T, strict=False):
        alone = clone(net).fit(X, y)
        np.testing.assert_array_equal(fitted.predict(X), alone.predict(X))
