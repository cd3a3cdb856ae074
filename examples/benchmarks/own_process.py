"""Runs a script in a process of its own: nothing traced, read or cached before counts.

row = run_fresh(HERE / "worth.py", "--one", json.dumps(asked), threads=1)
"""

import json
import os
import subprocess
import sys

from rows import ROOT

COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_fresh(script, *arguments, threads=None):
    """Return what a script prints in its last line, as JSON.

    Parameters
    ----------
    script : Path
    *arguments : str
    threads : int or None, default=None
        Of NumPy's and scikit-learn's products; None leaves them their number. With one
        two scripts may run side by side on two cores.

    Raises
    ------
    RuntimeError
        If the script fails, with the end of what it wrote.
    """
    counts = {} if threads is None else dict.fromkeys(COUNTS, str(threads))
    env = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | counts
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        **{"env": env, "capture_output": True, "text": True, "check": False},
    )
    if done.returncode:
        said = done.stderr[-2000:]
        raise RuntimeError(f"{script.name} {' '.join(arguments)} failed:\n{said}")
    return json.loads(done.stdout.splitlines()[-1])
