"""TensorFlow and Keras: loaded here and nowhere else, and started when first needed.

``keras`` and ``tf`` are loaded when something is asked of them: to load a fitted
estimator and to predict in NumPy takes neither. ``load`` loads them at once.

What is private in TensorFlow is used in this folder and nowhere else in the package: it
is about how TensorFlow starts, about its global state (and the part of Keras' that is
like it), and about what it keeps on disk.

Where skloss is the first to load TensorFlow, what that says of itself is not said.
Where the user loaded it before, its lines are the user's.
"""

import importlib
import os
import sys
import threading
from contextlib import nullcontext

from skloss._tensorflow._startup_lines import without_startup_lines

__all__ = ["QuietAtFirst", "keras", "load", "quietly", "start", "start_compiler", "tf"]
_lock = threading.Lock()
_loading = threading.RLock()
_ours = None  # whether skloss was the first to load TensorFlow; None before
_started = _compiler_started = _left_behind = False


class Later:
    """A module that is loaded when something is asked of it.

    Parameters
    ----------
    name : {"keras", "tensorflow"}
    """

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        load()
        return getattr(sys.modules[self._name], attribute)

    def __repr__(self):
        return f"Later({self._name!r})"


keras, tf = Later("keras"), Later("tensorflow")


def load():
    """Load Keras and TensorFlow, if that was not done."""
    global _ours
    if _ours is not None:
        return
    with _loading:
        if _ours is not None:
            return
        ours = "tensorflow" not in sys.modules
        with without_startup_lines() if ours else nullcontext():
            importlib.import_module("keras")
            importlib.import_module("tensorflow")
        _ours = ours


def quietly():
    """Return a context in which TensorFlow's start-up lines are dropped, if ours."""
    return without_startup_lines() if _ours else nullcontext()


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
    load()
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
    load()
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
    global _lock, _loading, _started, _left_behind
    _lock, _loading = threading.Lock(), threading.RLock()
    context = sys.modules.get("tensorflow.python.eager.context")
    # publicly it can only be asked whether there are devices, which makes them
    eager = None if context is None else context.context_safe()
    if eager is not None and eager._initialized:
        _started, _left_behind = False, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=note_fork)
