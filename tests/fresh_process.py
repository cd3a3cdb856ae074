"""Code that runs where nothing else was done."""

import os
import subprocess
import sys


def run_python(code, folder, *options):
    """Run code in a folder, in a process with this one's path, and see it succeed."""
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
