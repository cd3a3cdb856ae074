"""What fits on the same data have in common, computed once."""

import hashlib

import numpy as np


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
