"""Names for what a graph is made of, by what it is and not by what was made before.

Imported only where programs are kept on disk: importing it has TensorFlow ask here.

TensorFlow numbers functions and Keras numbers layers, each by all that the process, or
the thread, has made before; and the numbers are part of the name by which a compiled
program is found again on disk. The names are private (tested with TensorFlow 2.19 and
2.21, Keras 3.9 and 3.15): publicly neither counter can be set.
"""

import hashlib
import itertools
import re
import threading
from collections import Counter
from contextlib import contextmanager

from keras.src.backend.common import global_state
from tensorflow.python.framework import ops

# so many names can be made of one text; with 40 bits of its digest below 2**63
NAMES = 10**6
ADDRESS = re.compile(" at 0x[0-9a-fA-F]+")
_count_all = ops.uid
_here = threading.local()
_used = Counter()
_lock = threading.Lock()


def count_here():
    """Return the next number of this thread's own, or else of the process."""
    numbers = getattr(_here, "numbers", None)
    return _count_all() if numbers is None else next(numbers)


ops.uid = count_here


@contextmanager
def name_by(text):
    """Have what this thread makes meanwhile be named by a text, and apart from others'.

    A text that was used before gives other names, the same in every process that used
    it as often. Names that Keras gives begin anew.

    Parameters
    ----------
    text : str
        What is made, as a ``repr`` says it. Where objects lie in memory is left out.
    """
    text = ADDRESS.sub("", text)
    with _lock:
        _used[text] += 1
        key = f"{_used[text]} {text}"
    digest = int(hashlib.sha256(key.encode()).hexdigest()[:10], 16)
    ops.get_default_graph()  # made once in a thread, which takes a number
    numbers = getattr(_here, "numbers", None)
    layers = global_state.get_global_attribute("object_name_uids")
    _here.numbers = itertools.count(digest * NAMES)
    global_state.set_global_attribute("object_name_uids", None)
    try:
        yield
    finally:
        _here.numbers = numbers
        global_state.set_global_attribute("object_name_uids", layers)
