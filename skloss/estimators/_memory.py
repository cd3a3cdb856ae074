"""What fits on the same data have in common, computed once."""

import hashlib
from types import FunctionType

import numpy as np
from joblib.hashing import NumpyHasher


class Memory:
    """Remembers what was computed of the data of a fit.

    The candidates of a search are fitted on the same rows, with other parameters: what
    does not depend on these need not be computed for each. A fit alone has a memory of
    its own.
    """

    def __init__(self):
        self.known = {}

    def recall(self, key, compute):
        """Return what ``compute()`` returned for the key first.

        Parameters
        ----------
        key : hashable
            Says what, and on what it depends besides the data.
        compute : callable
        """
        if key not in self.known:
            self.known[key] = compute()
        return self.known[key]


def digest_arrays(*arrays):
    """Return a digest of the values of arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


class Digest(NumpyHasher):
    """A digest by value, but of functions and classes by identity.

    Those without a name in a module cannot be pickled, and clones share them. Fitted
    steps keep them alive, so that no other takes their identity.
    """

    def save(self, obj):
        """Write an object, or what stands for it."""
        shared = isinstance(obj, FunctionType | type)
        super().save(("shared", id(obj)) if shared else obj)
