"""Programs in several threads: traced one at a time, trained side by side."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skloss import LossAwareClassifier
from skloss._engine._program import Program

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
trace = Program.traced


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

    monkeypatch.setattr(Program, "traced", traced)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(scores, [17, 18]))
    assert counts == [1, 1]


def test_a_traced_program_trains_while_another_is_traced(monkeypatch):
    first, again = scores(19), []

    def traced(program, *args):
        other = ThreadPoolExecutor(1).submit(scores, 19)
        again.append(other.result(timeout=60))
        return trace(program, *args)

    monkeypatch.setattr(Program, "traced", traced)
    scores(20)
    np.testing.assert_array_equal(again, [first])
