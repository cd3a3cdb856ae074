"""The hash that draws dropout, in NumPy."""

import numpy as np


def mix(values):
    """MurmurHash3's finaliser for 32 bits."""
    x = np.asarray(values).astype(np.uint64)
    x ^= x >> np.uint64(16)
    x = x * np.uint64(0x85EBCA6B) % np.uint64(2**32)
    x ^= x >> np.uint64(13)
    x = x * np.uint64(0xC2B2AE35) % np.uint64(2**32)
    return x ^ (x >> np.uint64(16))


def hash_by_hand(seed, step, source, count):
    """Return the first ``count`` uniform numbers of a step and a layer."""
    key = mix((seed + (source + 1) * 0x9E3779B9) % 2**32)
    key = mix(key ^ np.uint64(step))
    bits = mix(mix(np.arange(count)) ^ key)
    return (bits >> np.uint64(8)) / 2.0**24
