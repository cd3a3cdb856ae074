"""What TensorFlow says of itself when it starts, kept from the user's terminal.

Its C++ libraries write to file descriptor 2, some of it before anything could be set,
so the descriptor is held meanwhile: it leads to a file, from which everything but the
known lines is passed on. Nobody else's words are lost: not those of other threads, nor
of processes that were started meanwhile and still write to the file.
"""

import os
import re
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

STDERR = 2
SECONDS_BETWEEN_LOOKS = 0.2
# As logged by absl (I0000 00:00:1795946661.882766 9870 port.cc:153] ...), or by
# TensorFlow up to 2.19 (2025-01-31 12:00:00.123456: I tensorflow/.../port.cc:153] ...).
LOGGED = rb"(?:[IWE]\d{4} [\d:.]+ +\d+|[\d-]{10} [\d:.]+: [IWE]) \S+:\d+\] "
SAID = (
    # on import: how numbers are rounded, which instructions there are, that no GPU is
    rb"oneDNN custom operations are on\. ",
    rb"This TensorFlow binary is optimized to use available CPU instructions ",
    rb"Could not find cuda drivers on your machine, GPU will not be used",
    rb"Unable to register cu\w+ factory: Attempting to register factory for plugin ",
    rb"computation placer already registered\. ",
    rb"TF-TRT Warning: Could not find TensorRT",
    # when the devices are made; other errors than these mean a GPU that is not used
    rb"failed call to cuInit: .*(?:UNKNOWN ERROR \(303\)|CUDA_ERROR_NO_DEVICE)",
    rb"successful NUMA node read from SysFS had negative value \(-1\)",
    rb"Could not identify NUMA node of platform GPU id \d+, defaulting to 0\. ",
    rb"Created device /\S+/device:GPU:\d+ with \d+ MB memory: ",
    rb"oneDNN supports DT_INT32 only on platforms with AVX-512\. ",
    # when Model.fit reads its first batch
    rb"NodeDef mentions attribute use_unbounded_threadpool which is not in the op ",
    # when a graph in double precision is optimised
    rb"Not handling type DT_DOUBLE",
    # when XLA compiles for the first time
    rb"XLA service 0x[0-9a-f]+ initialized for platform ",
    rb"  StreamExecutor (?:device )?[\[(]\d+[\])]: ",
    rb"disabling MLIR crash reproducer, set env var ",
    rb"Compiled cluster using XLA!  This line is logged at most once",
)
BARE = (
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written ",
    rb"To enable the following instructions: .* rebuild TensorFlow with ",
)
KNOWN = re.compile(
    rb"%b(?:%b)|%b" % (LOGGED, b"|".join(SAID), b"|".join(BARE)), re.IGNORECASE
)
_lock = threading.RLock()
_held = None  # the descriptors of stderr and of the file's writing end


@contextmanager
def without_startup_lines():
    """Pass on what reaches file descriptor 2 meanwhile at the end, known lines apart.

    Where there is no such descriptor, or no place for a file, nothing is held.
    """
    global _held
    with _lock:
        flush()
        begun = None if _held else hold()
        if begun is None:
            yield
            return
        path, _held = begun
        try:
            yield
        finally:
            flush()
            release(path)


def hold():
    """Lead file descriptor 2 to a file; return its path and (stderr, file), or None."""
    try:
        stderr = os.dup(STDERR)
    except OSError:  # closed, as it is under pythonw
        return None
    try:
        file, path = tempfile.mkstemp(prefix="skloss-stderr-")
    except OSError:
        os.close(stderr)
        return None
    os.dup2(file, STDERR)
    return path, (stderr, file)


def release(path):
    """Lead file descriptor 2 back, and pass on what was held."""
    global _held
    if _held is None:  # in a process forked meanwhile, which holds nothing
        return
    stderr, file = _held
    _held = None
    os.dup2(stderr, STDERR)
    os.close(stderr)
    reader = open(path, "rb")
    locked = fcntl is not None and holds_lock(file)
    os.close(file)
    pass_on(reader)
    if locked and not holds_lock(reader):
        follow = threading.Thread(target=pass_on_until_closed, args=(reader,))
        follow.daemon = True
        follow.start()
    else:
        reader.close()
    with suppress(PermissionError):  # Windows, where another process still has it
        os.unlink(path)


def holds_lock(file):
    """Tell whether a file opened here can be locked: nobody has opened it elsewhere.

    A lock belongs to what was opened once, which a process shares with its children.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def pass_on_until_closed(reader):
    """Pass on what processes started meanwhile write, for as long as they can."""
    while not holds_lock(reader):
        time.sleep(SECONDS_BETWEEN_LOOKS)
        pass_on(reader)
    reader.close()


def pass_on(reader):
    """Write to stderr what a file holds from here on, without the known lines."""
    with suppress(OSError):  # whoever reads stderr is gone
        for line in reader:
            if not KNOWN.match(line):
                write(line)


def write(data):
    """Write all of ``data`` to file descriptor 2."""
    while data:
        data = data[os.write(STDERR, data) :]


def flush():
    """Have Python's own stderr write what it keeps, so that the order stays."""
    if not getattr(sys.stderr, "closed", True):
        sys.stderr.flush()


def give_back_to_child():
    """Lead file descriptor 2 of a forked process back to its parent's stderr."""
    global _held, _lock
    _lock = threading.RLock()
    if _held is not None:
        os.dup2(_held[0], STDERR)
        for descriptor in _held:
            os.close(descriptor)
        _held = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=give_back_to_child)
