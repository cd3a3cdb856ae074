"""Saved Keras models, loaded where skloss is never imported."""

import os
import subprocess
import sys

import numpy as np

from skloss import to_keras

SCRIPT = """
import sys
from pathlib import Path

import keras
import numpy as np

files = sorted(Path().glob("*.keras"))
assert files
for file in files:
    theirs = keras.models.load_model(file).predict(np.load(f"{file}-X.npy"), verbose=0)
    ours = np.load(f"{file}-expected.npy")
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=float(sys.argv[1]))
assert "skloss" not in sys.modules
"""


def save(folder, name, fitted, X, expected):
    """Save the model of a fitted estimator, and what it must give for X."""
    to_keras(fitted).save(folder / f"{name}.keras")
    np.save(folder / f"{name}.keras-X.npy", X)
    np.save(folder / f"{name}.keras-expected.npy", expected.reshape(len(X), -1))


def check(folder, atol=0.0):
    """Load all models of a folder in a fresh process and compare."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(atol)],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
