"""Programs that XLA compiled, kept on disk for the processes that come later.

TensorFlow does the keeping: it reads from an environment variable, once, in which
folder. It writes a file under another name and moves it into place, so that processes
may share a folder, and it finds a program by a digest of what was compiled, which says
neither for which processor nor by which version. A file that it cannot read fails the
training that asked for it, so what is not whole is removed before.
"""

import hashlib
import json
import os
import platform
import re
import sys
import time
from contextlib import nullcontext, suppress
from importlib import metadata
from pathlib import Path

import numpy as np

from skloss import __version__

VARIABLE = "TF_XLA_FLAGS"
ABOUT_CACHE = re.compile(r"""--tf_xla_persistent_cache_(\w+)=("[^"]*"|'[^']*'|\S*)""")
# the name of a program for a GPU does not say for which one
DEVICES = "--tf_xla_persistent_cache_device_types=CPU"
# 2.19 runs a program that it read, and computes something else
SOUND_SINCE = 2, 21
SECONDS_TO_WRITE = 3600
# which lines of /proc/cpuinfo stay the same from one start of a machine to the next
PROCESSOR = {
    *("vendor_id", "cpu family", "model", "model name", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
}
# key, program before compiling, program compiled: the fields of an entry, all bytes
FIELDS = {1, 2, 3}


def cache_programs(folder=None, *, max_bytes=2**28):
    """Keep compiled programs on disk, where later processes find them.

    Call it once, before TensorFlow is loaded: at the top of a script, before anything
    is fitted and before ``import tensorflow`` or ``import keras``. Later
    processes then find compiled what an earlier one compiled; tracing is not spared,
    and only long trainings are compiled at all. Results are the same bits either way.

    Programs for a GPU are not kept. Programs of another machine or version are never
    used: they lie in a folder within ``folder`` whose name has the versions of skloss
    and TensorFlow and a digest of the processor and of the compiler's flags. Processes
    may use one folder at the same time. What is in it is run, so nobody else should be
    able to write there.

    Parameters
    ----------
    folder : str or path-like, default=None
        None: ``skloss`` in the user's folder for caches, which is ``XDG_CACHE_HOME`` or
        ``~/.cache``, ``~/Library/Caches`` on macOS, ``LOCALAPPDATA`` on Windows.
    max_bytes : int, default=2**28
        The oldest programs are removed until those in ``folder`` take no more than
        this. It is looked at here, not while programs are written.

    Returns
    -------
    pathlib.Path
        Where the programs are. The processes that this one starts use it too.

    Raises
    ------
    RuntimeError
        If TensorFlow has been loaded, unless the same call was made before that; or if
        it is older than 2.21, which does not run rightly what it reads.
    ValueError
        If the environment variable ``TF_XLA_FLAGS`` names another folder for this, or
        a file with flags.
    OSError
        If the folder cannot be made or written to.

    Examples
    --------
    >>> import skloss
    >>> skloss.cache_programs()  # doctest: +SKIP
    PosixPath('/home/me/.cache/skloss/skloss-0.1.0-tensorflow-2.21.0-5a1f0c9d3be2')
    """
    if not max_bytes >= 0:
        raise ValueError(f"max_bytes={max_bytes!r} must be a number >= 0.")
    version = metadata.version("tensorflow")
    if tuple(map(int, version.split(".")[:2])) < SOUND_SINCE:
        raise RuntimeError(
            f"TensorFlow {version} does not run rightly the programs it reads from "
            f"disk: install 2.21 or newer, or leave out skloss.cache_programs()."
        )
    root = find_default_folder() if folder is None else Path(folder).expanduser()
    flags = os.environ.get(VARIABLE, "").strip()
    if flags and not flags.startswith("-"):
        raise ValueError(
            f"{VARIABLE}={flags!r} names a file with flags, to which none can be "
            f"added: set the flags themselves in the variable."
        )
    place = root.absolute() / name_place(version, ABOUT_CACHE.sub("", flags).split())
    given = dict(found.groups() for found in ABOUT_CACHE.finditer(flags))
    if "directory" in given:
        refuse_other_place(given["directory"].strip("\"'"), place)
        return place
    if "tensorflow" in sys.modules:
        raise RuntimeError(
            "TensorFlow has been loaded already, and asks only then where compiled "
            "programs are kept: call skloss.cache_programs() before anything is "
            "fitted, and before TensorFlow or Keras is imported."
        )
    make_writable(place)
    remove_damaged(place)
    remove_oldest(root, max_bytes)
    os.environ[VARIABLE] = " ".join(add_flags(flags.split(), given, place))
    return place


def name_for_cache(text):
    """Return a context in which a program gets names by which it is found again.

    Parameters
    ----------
    text : str
        What tells the program from others.
    """
    if "persistent_cache_directory" not in os.environ.get(VARIABLE, ""):
        return nullcontext()
    from skloss._tensorflow._own_names import name_by  # changes how TensorFlow counts

    return name_by(text)


def add_flags(flags, given, place):
    """Return the flags with those for a folder; what is given of others stays."""
    quote = '"' if "'" in str(place) else "'"
    folder = f"--tf_xla_persistent_cache_directory={quote}{place}{quote}"
    devices = [] if "device_types" in given else [DEVICES]
    return [*flags, folder, *devices]


def find_default_folder():
    """Return skloss' folder in the one that the platform has for caches."""
    home = Path.home()
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        caches = home / "Library" / "Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(caches) / "skloss"


def name_place(version, flags):
    """Return the name of the folder for what TensorFlow compiles here, with flags."""
    facts = [describe_processor(), flags, os.environ.get("XLA_FLAGS", "")]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    return f"skloss-{__version__}-tensorflow-{version}-{digest}"


def describe_processor():
    """Return what says which machine code is made: model, features, number."""
    known = Path("/proc/cpuinfo")
    first = known.read_text().split("\n\n")[0].splitlines() if known.exists() else []
    lines = [line for line in first if line.split(":")[0].strip() in PROCESSOR]
    features = np.show_config(mode="dicts")["SIMD Extensions"]
    return [platform.machine(), platform.processor(), os.cpu_count(), lines, features]


def refuse_other_place(named, place):
    """Raise ValueError if the variable names another folder than this call would."""
    if Path(named) != place:
        raise ValueError(
            f"{VARIABLE} already names {named!r} for compiled programs, which cannot "
            f"also be kept in {str(place)!r}: call skloss.cache_programs() once, "
            f"with one folder, and take the flag out of the variable."
        )


def make_writable(place):
    """Make a folder, for its owner alone, and raise OSError if it is not writable."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f"Compiled programs cannot be written to {str(place)!r}: give "
            f"skloss.cache_programs() a folder of your own."
        )


def remove_damaged(place):
    """Remove entries that are not whole, and what processes that ended left behind."""
    for path in place.glob("*.pb"):
        if not is_whole(path):
            path.unlink(missing_ok=True)
    for path in place.glob("*.tmp"):
        with suppress(FileNotFoundError):  # by now it is an entry
            if time.time() - path.stat().st_mtime > SECONDS_TO_WRITE:
                path.unlink()


def is_whole(path):
    """Tell whether a file has an entry's three fields, each as long as it says."""
    found = set()
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        while file.tell() < end:
            tag = read_number(file)
            found.add(tag >> 3)
            # wire type 2: a length, and so many bytes
            if tag & 7 != 2 or file.seek(read_number(file), os.SEEK_CUR) > end:
                return False
    return found == FIELDS


def read_number(file):
    """Return a number of a protocol buffer: seven bits a byte, the last below 128."""
    number = shift = 0
    while byte := file.read(1):
        number |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            break
    return number


def remove_oldest(root, max_bytes):
    """Remove the oldest entries until all that skloss keeps here are small enough."""
    entries = []
    for path in root.glob("skloss-*-tensorflow-*/*.pb"):
        with suppress(FileNotFoundError):  # another process removes too
            found = path.stat()
            entries.append((found.st_mtime, found.st_size, path))
    excess = sum(size for _, size, _ in entries) - max_bytes
    for _, size, path in sorted(entries):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size
