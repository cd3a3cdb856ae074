"""Pools train piece by piece where a search has a timeout."""

import time
from functools import partial

import numpy as np

from skloss._sklearn import count_rows
from skloss.model_selection._finale import Finale
from skloss.model_selection._time_budget import LEEWAY, TimeBudget

PIECE = 1.0  # seconds after which the clock is looked at


class Pace:
    """Trains a pool for as long as its search has time, and measures how fast it is.

    A stretch that could not be finished is not begun, as soon as it is known how long
    an epoch takes; one that is nearly finished may take a little longer. Sent
    elsewhere, where another clock may go, it does not look at the clock.

    Parameters
    ----------
    budget : TimeBudget
    candidates : dict of int to int
        Those of the pool's networks.
    """

    def __init__(self, budget, candidates):
        self.budget, self.candidates = budget, candidates

    def advance(self, pool, report, *, epochs=np.inf, until=None):
        """Train a pool, see ``Pool.advance``; return whether there was time for it."""
        if self.budget is None:
            pool.advance(until, report, epochs=epochs)
            return True
        self.report = report
        budget, own, leeway = self.budget, list(self.candidates.values()), 0.0
        while epochs > 0:
            stretch = min(epochs, pool.plan.epochs) if np.isfinite(epochs) else 0
            if not budget.fits(pool, stretch, len(own), leeway):
                return False
            count = min(epochs, self.choose_piece(pool.structure))
            made, begin = pool.structure in budget.measured, time.perf_counter()
            pool.advance(until, self.hear, epochs=count)
            seconds = time.perf_counter() - begin
            if made:
                budget.note_speed(pool, own, seconds, count)
            else:
                budget.note_making(pool, seconds)
            if not pool.busy:
                break
            epochs, leeway = epochs - count, LEEWAY
        return True

    def choose_piece(self, structure):
        """Return how many epochs may be trained before the clock is looked at."""
        seconds = self.budget.get_speed(structure)
        if seconds is None:  # its program is made, or has just been made
            return 1
        return max(1, int(PIECE / max(seconds, 1e-6)))

    def hear(self, number, epoch, history):
        """Note the epochs that a network just trained, and pass them on."""
        self.budget.note_epochs(self.candidates[number], len(history.loss))
        if self.report is not None:
            self.report(number, epoch, history)

    def note_results(self, results):
        """Note which networks have ended."""
        if self.budget is not None:
            for number, result in results.items():
                self.budget.note_ended(self.candidates[number], result.n_epochs)

    def __getstate__(self):
        return {"budget": None, "candidates": self.candidates}


def make_budget(search, run, begin):
    """Return what reckons with the timeout of a search, and let its run keep it.

    Parameters
    ----------
    search : FusedSearch
    run : FusedRun
    begin : float
        ``time.perf_counter()`` when the search began.
    """
    seconds, folds = search._seconds, run.scoring.folds
    growth = count_rows(folds.X) / min(len(train) for train, _ in folds.splits)
    finale = Finale(search, run.scoring, seconds)
    budget = TimeBudget(seconds, begin, len(folds.splits), growth, finale)
    if np.isfinite(seconds):
        run.trainer.pace = partial(Pace, budget)
    return budget
