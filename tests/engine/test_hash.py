"""The random numbers of dropout: a hash, by hand, and as random as uniform ones."""

import numpy as np
import pytest
import tensorflow as tf
from hash_by_hand import hash_by_hand, mix
from scipy import stats

from skloss._engine._hash import draw_uniform, scramble

PLACES, STEPS = 4096, 256
SHAPE = [64, 64]


def draw(seed=3, first=0, source=0, steps=STEPS, compiled=False):
    """Return uniform numbers of some steps, (steps, places)."""

    @tf.function(jit_compile=compiled)
    def function(seed, numbers):
        return draw_uniform(seed, numbers, SHAPE, source, tf.float32)

    numbers = tf.range(first, first + steps)
    return function(tf.constant(seed), numbers).numpy().reshape(steps, -1)


def test_the_finaliser_is_murmurhash3s():
    # published: of 0, 1 and 2 (Appleby's reference implementation)
    values = scramble(tf.constant([0, 1, 2], tf.uint32)).numpy()
    assert values.tolist() == [0, 0x514E28B7, 0x30F4C306]
    assert mix(np.array([1, 2])).tolist() == [0x514E28B7, 0x30F4C306]


@pytest.mark.parametrize("compiled", [False, True])
def test_numbers_by_hand(compiled):
    ours = draw(seed=2**31 - 1, first=7, source=2, steps=2, compiled=compiled)
    by_hand = [hash_by_hand(2**31 - 1, step, 2, PLACES) for step in (7, 8)]
    np.testing.assert_array_equal(ours, np.float32(by_hand))


def test_numbers_are_uniform_and_independent():
    u = draw()
    assert 0 <= u.min() < u.max() < 1
    assert stats.chisquare(np.histogram(u, 1000, (0, 1))[0]).pvalue > 1e-3
    pairs = {
        "places": (u[:, :-1], u[:, 1:]),
        "rows": (u[:, :-64], u[:, 64:]),
        "steps": (u[:-1], u[1:]),
        "sources": (u, draw(source=1)),
        "seeds": (u, draw(seed=4)),
    }
    for name, (a, b) in pairs.items():
        z = np.corrcoef(a.ravel(), b.ravel())[0, 1] * np.sqrt(a.size)
        assert abs(z) < 4, name
        counts = np.histogram2d(a.ravel(), b.ravel(), 32)[0]
        assert stats.chisquare(counts.ravel()).pvalue > 1e-3, name


def test_every_unit_and_every_step_drops_its_share():
    dropped = draw() < 0.3
    for axis, n in ((0, STEPS), (1, PLACES)):
        z = (dropped.mean(axis) - 0.3) / np.sqrt(0.21 / n)
        assert abs(z.var() - 1) < 4 * np.sqrt(2 / len(z))
