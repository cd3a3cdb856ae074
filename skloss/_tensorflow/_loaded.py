"""TensorFlow and Keras: loaded here and nowhere else, and started when first needed.

Where skloss is the first to load TensorFlow, what that says of itself is not said.
Where the user loaded it before, its lines are the user's.
"""

import os
import sys
import threading
from contextlib import nullcontext

from skloss._tensorflow._startup_lines import without_startup_lines

_ours = "tensorflow" not in sys.modules


def quietly():
    """Return a context in which TensorFlow's start-up lines are dropped, if ours."""
    return without_startup_lines() if _ours else nullcontext()


with quietly():
    import keras
    import tensorflow as tf
    from keras.src.backend.common import global_state
    from tensorflow.python.eager import context
    from tensorflow.python.framework import config, ops

__all__ = ["config", "context", "global_state", "keras", "ops", "tf"]
_lock = threading.Lock()
_started = _compiler_started = _left_behind = False


def start():
    """Make TensorFlow's devices, if that was not done.

    Raises
    ------
    RuntimeError
        In a process forked from one where TensorFlow had computed: its threads stay
        behind, and whatever is computed waits for them for ever.
    """
    global _started
    if _started:
        return
    if _left_behind:
        raise RuntimeError(
            "This process was forked from one in which TensorFlow had already computed "
            "something, and TensorFlow's threads do not survive a fork: to fit or "
            "predict here would wait for ever. Start processes with 'spawn' or "
            "'forkserver' (multiprocessing.get_context('spawn'), joblib's 'loky'), or "
            "let the parent process neither fit nor predict before it forks."
        )
    with quietly(), _lock:
        if _ours and not _started:
            # the first transposition of integers says that oneDNN has none
            tf.transpose(tf.constant([[0]]))
        _started = True


def start_compiler():
    """Have XLA compile, for the first time, something other than a training."""
    global _compiler_started
    if _compiler_started:
        return
    with quietly(), _lock:
        if _ours and not _compiler_started:
            tf.function(tf.nn.relu, jit_compile=True, autograph=False)(tf.constant(0.0))
        _compiler_started = True


class QuietAtFirst:
    """A function of TensorFlow's, during whose first call start-up lines are dropped.

    That is when its graph is optimised, and of one in double precision TensorFlow says
    that oneDNN has no operations.

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function):
        self.function, self.called = function, False

    def __call__(self, *args):
        """Return what the function returns."""
        if self.called:
            return self.function(*args)
        with quietly():
            result = self.function(*args)
        self.called = True
        return result


def note_fork():
    """Note, in a forked process, whether TensorFlow had computed in its parent."""
    global _lock, _started, _left_behind
    _lock = threading.Lock()
    # publicly it can only be asked whether there are devices, which makes them
    eager = context.context_safe()
    if eager is not None and eager._initialized:
        _started, _left_behind = False, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=note_fork)
