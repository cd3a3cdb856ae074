"""What TensorFlow says when it starts does not reach the terminal; all else does."""

import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings

import pytest

from skloss._tensorflow import _startup_lines
from skloss._tensorflow._startup_lines import without_startup_lines

# As TensorFlow 2.21 and 2.19 wrote them to a terminal.
KNOWN = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795946661.882766    9870 port.cc:153] oneDNN custom operations are on. \
You may see slightly different numerical results due to floating-point round-off \
errors from different computation orders.
I0000 00:00:1795946661.883060    9870 cudart_stub.cc:31] Could not find cuda drivers \
on your machine, GPU will not be used.
2025-11-29 10:00:00.116732: I tensorflow/core/platform/cpu_feature_guard.cc:210] This \
TensorFlow binary is optimized to use available CPU instructions in performance-\
critical operations.
To enable the following instructions: AVX2 FMA, in other operations, rebuild \
TensorFlow with the appropriate compiler flags.
E0000 00:00:1795946668.462108    9870 cuda_platform.cc:52] failed call to cuInit: \
INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)
I0000 00:00:1795946668.594663    9870 service.cc:161]   StreamExecutor [0]: Host
W0000 00:00:1795950888.287076    1139 util.cc:163] Not handling type DT_DOUBLE
"""
UNKNOWN = b"""\
E0000 00:00:1795946668.462108    9870 cuda_platform.cc:52] failed call to cuInit: \
INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
W0000 00:00:1795946668.462108    9870 gpu_device.cc:2341] Cannot dlopen some GPU \
libraries.
  oneDNN custom operations are on. (said by somebody else)
"""


def test_all_but_the_known_lines_pass_in_their_order(capfd, monkeypatch):
    own = open(2, "w", buffering=1, closefd=False)
    monkeypatch.setattr(sys, "stderr", own)

    def speak():
        os.write(2, KNOWN + UNKNOWN)
        print("from Python", file=sys.stderr)
        thread = threading.Thread(target=os.write, args=(2, b"from a thread\n"))
        thread.start()
        thread.join()
        with without_startup_lines():  # nested: one who holds is enough
            os.write(2, KNOWN + b"no end of line")
        raise ImportError("broken")

    os.write(2, b"before\n")
    with pytest.raises(ImportError, match="broken"), without_startup_lines():
        speak()
    os.write(2, b"\nafter\n")
    expected = b"from Python\nfrom a thread\nno end of line\nafter\n"
    assert capfd.readouterr().err.encode() == b"before\n" + UNKNOWN + expected


@pytest.mark.parametrize("missing", ["stderr", "place"])
def test_where_nothing_can_be_held_lines_are_said(capfd, monkeypatch, missing):
    with monkeypatch.context() as patch:
        if missing == "stderr":  # as under pythonw
            patch.setattr(_startup_lines, "STDERR", 10**6)
        else:
            patch.setattr(tempfile, "tempdir", "/nowhere/at/all")
        with without_startup_lines():
            os.write(2, KNOWN)
    assert capfd.readouterr().err.encode() == KNOWN


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork, as on Windows")
def test_what_processes_started_meanwhile_say_is_not_lost(capfd, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with without_startup_lines(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
        child = os.fork()
        if not child:
            os.write(2, b"forked\n")
            os._exit(0)
        os.waitpid(child, 0)
        late = subprocess.Popen(["sh", "-c", "sleep 0.3; echo late >&2"])
    assert capfd.readouterr().err == "forked\n"
    late.wait()
    said, end = "", time.monotonic() + 5
    while not said and time.monotonic() < end:
        time.sleep(0.05)
        said = capfd.readouterr().err
    assert said == "late\n"
    assert not list(tmp_path.glob("skloss-stderr-*"))


STUB = """
import os
os.write(2, {lines!r})
raise ImportError("no such instruction")
"""


def run(script, folder=None):
    """Run a script in a fresh process that nobody told TensorFlow to be quiet in."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, sys.path)))
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
def test_an_import_that_fails_still_says_why(tmp_path):
    folder = tmp_path / "keras"
    folder.mkdir()
    (folder / "__init__.py").write_text(STUB.format(lines=KNOWN + UNKNOWN))
    done = run("import sys; sys.path.insert(0, '.'); from skloss import MLP", tmp_path)
    assert done.stderr.startswith(UNKNOWN + b"Traceback")
    assert b"no such instruction" in done.stderr
    # lines of a TensorFlow that the user loaded before are the user's
    loaded = "sys.modules['tensorflow'] = sys"
    script = f"import sys; sys.path.insert(0, '.'); {loaded}; from skloss import MLP"
    assert run(script, tmp_path).stderr.startswith(KNOWN + UNKNOWN)


SCRIPT = """
import os, sys
before = dict(os.environ)
import numpy as np
from canonical import NET, X, y_binary
from skloss import LossAwareClassifier
from skloss._engine import _population
from skloss.model_selection import FusedGridSearchCV


def forked(action):
    child = os.fork()
    if not child:
        try:
            action()
        except BaseException as error:
            print(error, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


net = LossAwareClassifier(**NET | {"epochs": 2})
net.set_params(optimizer__beta_1=0.8).get_params()
# nothing was computed yet: a fork can
assert hasattr(os, "fork") and forked(lambda: net.fit(X, y_binary).predict(X)) == 0
net.fit(X, y_binary).predict(X)
net.set_params(dtype="float64").fit(X, y_binary).predict(X)
_population.MIN_COMPILED = 1
FusedGridSearchCV(net, {"l2": [0.0, 0.1]}, cv=2, n_jobs=2).fit(X, y_binary)
for action in (
    lambda: net.fit(X, y_binary),
    lambda: net.partial_fit(X, y_binary),
    lambda: net.predict(np.tile(X, (1200, 1))),  # too large a table for NumPy alone
    lambda: net.model_,
):
    assert forked(action) == 1
assert forked(lambda: net.predict(X)) == 0  # in NumPy, which has no threads to lose
made = os.environ.keys() - before  # by TensorFlow, of which child processes may know
assert not [n for n in made if any(word in n for word in ("LOG", "ONEDNN", "CUDA"))]
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork, as on Windows")
def test_fit_search_and_prediction_say_nothing_and_forks_say_why():
    done = run(SCRIPT)
    assert done.stderr == b""
    assert done.returncode == 0
    said = done.stdout.decode().splitlines()
    assert len(said) == 4
    assert all("forked" in line and "'spawn'" in line for line in said)
