"""What a trial of a long study costs, beside its sampler and its training.

1,000 trials of one small network for two epochs on two folds of 60 rows, drawn by
Optuna's RandomSampler, in batches of 10. Of every hundred trials: milliseconds a trial,
and by how many MiB the process has grown. Both should stay as they are.

Run ``python examples/benchmarks/many_trials.py [trials]``.
"""

import sys
import time
from itertools import pairwise

import numpy as np
import optuna
import psutil

from skloss import LossAwareClassifier
from skloss.model_selection import FusedOptunaSearchCV

TRIALS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
EVERY, FOLDS = 100, 2


class Meter:
    """A scorer that looks at the clock and at the memory now and then."""

    def __init__(self):
        self.calls, self.rows = 0, []

    def __call__(self, estimator, X, y):
        """Return the estimator's score."""
        if self.calls % (EVERY * FOLDS) == 0:
            self.look()
        self.calls += 1
        return estimator.score(X, y)

    def look(self):
        """Note the time and the size of the process."""
        size = psutil.Process().memory_info().rss / 2**20
        self.rows.append((time.perf_counter(), size))


def main():
    """Search, and print a line for every hundred trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = (X[:, 0] > 0).astype(int)
    net = LossAwareClassifier(network=(4,), epochs=2, batch_size=32, random_state=0)
    meter = Meter()
    search = FusedOptunaSearchCV(
        net,
        {"learning_rate": (1e-4, 1e-1, "log")},
        n_trials=TRIALS,
        batch_size=10,
        sampler=optuna.samplers.RandomSampler(seed=0),
        scoring=meter,
        refit=False,
        cv=FOLDS,
    )
    begin = time.perf_counter()
    search.fit(X, y)
    meter.look()
    print("trials           ms a trial   MiB more")
    for i, (before, after) in enumerate(pairwise(meter.rows)):
        each, more = (after[0] - before[0]) / EVERY * 1000, after[1] - before[1]
        print(f"{i * EVERY:>5} to {(i + 1) * EVERY:<5} {each:>12.2f} {more:>10.1f}")
    print(f"all, with the first program: {time.perf_counter() - begin:.1f} s")


main()
