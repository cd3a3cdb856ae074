"""Uniform random numbers by a hash: element by element, and the same everywhere.

TensorFlow's own generators draw other numbers where XLA compiles them. A hash of
integers does not, and XLA computes it where the numbers are used, without a table of
them. That random numbers may be a function of a counter and a key, without a state, is
Salmon et al. 2011; the function is the finaliser of MurmurHash3 (Appleby 2011).
"""

from __future__ import annotations

import numpy as np

from skloss._tensorflow import tf

FACTORS = 0x85EBCA6B, 0xC2B2AE35
SPREAD = 0x9E3779B9  # 2**32 divided by the golden ratio


def draw_uniform(
    seed: tf.Tensor, numbers: tf.Tensor, shape: list, source: int, dtype: tf.DType
) -> tf.Tensor:
    """Return numbers in [0, 1), of shape (*numbers.shape, *shape).

    Parameters
    ----------
    seed : int tensor
    numbers : int tensor
        Of steps: those of one do not depend on the others.
    shape : list of int
    source : int
        What they are for: a layer's number.
    dtype : tf.DType
    """
    key = scramble(tf.cast(seed, tf.uint32) + np.uint32((source + 1) * SPREAD % 2**32))
    key = scramble(tf.bitwise.bitwise_xor(key, tf.cast(numbers, tf.uint32)))
    key = tf.reshape(key, [*numbers.shape.as_list(), *[1] * len(shape)])
    # the places are scrambled beforehand: the key and they must not cancel
    places = scramble(tf.range(int(np.prod(shape)), dtype=tf.int64))
    bits = scramble(tf.bitwise.bitwise_xor(key, tf.reshape(places, shape)))
    # as many as a number of single precision holds: none is rounded up to 1
    bits = tf.cast(tf.bitwise.right_shift(bits, np.uint32(8)), tf.int32)
    return tf.cast(bits, dtype) * tf.constant(2.0**-24, dtype)


def scramble(values: tf.Tensor) -> tf.Tensor:
    """Return 32-bit integers each of whose bits depends on all of theirs."""
    values = tf.cast(values, tf.uint32)
    for shift, factor in zip((16, 13), FACTORS, strict=True):
        shifted = tf.bitwise.right_shift(values, np.uint32(shift))
        values = tf.bitwise.bitwise_xor(values, shifted) * np.uint32(factor)
    return tf.bitwise.bitwise_xor(values, tf.bitwise.right_shift(values, np.uint32(16)))
