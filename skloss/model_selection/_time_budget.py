"""The seconds that a search may take: what still fits, and what must be left."""

import threading
import time

import numpy as np

from skloss.model_selection._candidates import Refused, find_net

# A share of the timeout that training may take more: nearly finished is not cut.
LEEWAY = 0.05
# Seconds that a step takes however few networks it trains.
STEP = 2e-4
# Seconds of training after which a speed is believed.
TRUSTED = 0.5
# What it takes to make a program alone, in shares of what it takes beside others.
MAKING_ALONE = 0.5


class OutOfTime(Exception):
    """Training was cut, since its search has no time left."""


class TimeBudget:
    """Reckons what fits into a search's timeout beside its refit and its ensemble.

    Its unit is an epoch of a network: how many a trial takes at most is known when it
    is drawn. What it measures decides how many trials there are, never which.

    Parameters
    ----------
    timeout : float
        Seconds from the beginning of the search to the end of its fit; may be infinite.
    begin : float
        ``time.perf_counter()`` when the search began.
    n_splits : int
    growth : float
        How many times as many rows as a network of a fold the refit has.
    finale : Finale
        Knows what must be left after training.

    Attributes
    ----------
    planned, trained : dict of int to int
        Epochs of all networks of each candidate: at most, and by now.
    told : set of int
        Candidates that are finished.
    measured : dict of Structure to (float, int)
        Seconds and epochs of pools, without those in which programs were made.
    alone : dict of int to float
        Seconds of an epoch of the refit, of each candidate.
    making : float
        Seconds in which a program was made, at least: its first epoch is not counted
        among the others.
    """

    def __init__(self, timeout, begin, n_splits, growth, finale):
        self.timeout, self.begin, self.end = timeout, begin, begin + timeout
        self.n_splits, self.growth, self.finale = n_splits, growth, finale
        self.planned, self.trained, self.told = {}, {}, set()
        self.measured, self.alone, self.making = {}, {}, np.inf
        self.first, self.best, self.refit = None, -np.inf, 0.0
        self.ended, self.any_finished = {}, False
        self.lock = threading.Lock()

    # -- what is heard -------------------------------------------------------------

    def note_asked(self, estimators, first):
        """Note which candidates are under way, numbered from ``first`` on."""
        for candidate, own in enumerate(estimators, first):
            epochs = 0 if isinstance(own, Refused) else find_net(own).epochs
            self.planned[candidate] = epochs * self.n_splits

    def note_epochs(self, candidate, epochs):
        """Note that a network of a candidate has trained."""
        with self.lock:
            self.trained[candidate] = self.trained.get(candidate, 0) + epochs

    def note_ended(self, candidate, epochs):
        """Note that a network has ended; with the last of a candidate there is one."""
        with self.lock:
            self.ended[candidate] = self.ended.get(candidate, 0) + 1
        if self.ended[candidate] < self.n_splits:
            return
        self.any_finished = True
        if not self.told:  # it may be the winner
            self.refit = max(self.refit, self.alone.get(candidate, 0.0) * epochs)

    def note_candidate(self, candidate, folds, score):
        """Note that a candidate is finished, and what its networks took.

        Parameters
        ----------
        candidate : int
        folds : list of Scored
        score : float
            Its mean score.
        """
        self.told.add(candidate)
        self.finale.hear(folds)
        with self.lock:
            self.trained[candidate] = sum(fold.epochs for fold in folds)
        if score > self.best or not self.refit:
            self.best = score if np.isfinite(score) else self.best
            epochs = np.mean([fold.epochs for fold in folds])
            # where nobody has measured it, by what it took beside others
            took = self.growth * np.mean([fold.fit_time for fold in folds])
            alone = self.alone.get(candidate)
            self.refit = float(took if alone is None else alone * epochs)

    def note_making(self, pool, seconds):
        """Note how long a pool trained when its program was not known yet."""
        with self.lock:
            self.measured.setdefault(pool.structure, (0.0, 0))
        self.making = min(self.making, seconds)

    def note_speed(self, pool, candidates, seconds, epochs):
        """Note how long a pool trained whose program was there.

        Parameters
        ----------
        pool : Pool
        candidates : list of int
            One for each network of the pool.
        seconds : float
        epochs : int
        """
        with self.lock:
            before = self.measured[pool.structure]
            self.measured[pool.structure] = before[0] + seconds, before[1] + epochs
        alone = self.reckon_alone(pool, seconds / epochs, len(candidates))
        self.alone |= dict.fromkeys(candidates, alone)

    def get_speed(self, structure):
        """Return the seconds of an epoch of a pool; None, where that is not known."""
        seconds, epochs = self.measured.get(structure, (0.0, 0))
        return seconds / epochs if epochs else None

    def reckon_alone(self, pool, seconds, networks):
        """Return the seconds of an epoch of the refit of one of a pool's networks."""
        return self.growth * (seconds / networks + STEP * pool.kind.steps)

    # -- what fits -----------------------------------------------------------------

    def seconds_left(self, refit=0.0):
        """Return the seconds that are left for training.

        Parameters
        ----------
        refit : float, default=0
            Seconds of a refit that may be needed in place of that of the best so far.
        """
        # as long as nothing is finished, that comes first
        finished = self.any_finished or self.told
        known = finished and np.isfinite(self.making)
        making = MAKING_ALONE * self.making if known else 0.0
        seconds = max(refit, self.refit)
        reserve = self.finale.estimate(seconds, making, len(self.told))
        return self.end - reserve - time.perf_counter()

    def count_fitting(self, count, *, whole):
        """Return how many more trials can be trained beside those under way.

        As long as nothing is known of their cost all are tried.

        Parameters
        ----------
        count : int
            How many are wanted.
        whole : bool
            Whether it must be all of them or none.
        """
        if not np.isfinite(self.end):
            return count
        left, speed = self.seconds_left(), self.measure_speed()
        if left <= 0:
            return 0
        planned = sum(self.planned[candidate] for candidate in self.told)
        if not speed or not planned:
            return count
        # those that stop early need a part only of what they may take
        part = sum(self.trained[candidate] for candidate in self.told) / planned
        sizes = [epochs for epochs in self.planned.values() if epochs]
        size = np.mean(sizes) if whole else min(sizes)
        # who is longer and has not begun comes later, if there is time
        left -= speed * sum(
            max(0.0, part * self.planned[c] - self.trained.get(c, 0))
            for c in self.planned.keys() - self.told
            if c in self.trained or self.planned[c] <= size
        )
        one = speed * part * size
        if count * one <= left:
            return count
        return 0 if whole else max(0, int(left / one))

    def measure_speed(self):
        """Return the seconds of an epoch of a network; zero, where that is not known.

        The first trials pay for what later ones find ready.
        """
        if not self.told:
            return 0.0
        now, trained = time.perf_counter(), sum(self.trained.values())
        if self.first is None:
            self.first = now, trained
        before, count = self.first if trained > self.first[1] else (self.begin, 0)
        return (now - before) / max(trained - count, 1)

    def fits(self, pool, epochs, networks, leeway=0.0):
        """Tell whether a pool can train for some epochs, and the refit then follow.

        Parameters
        ----------
        pool : Pool
        epochs : float
        networks : int
            In the pool.
        leeway : float, default=0
            As a share of the timeout.
        """
        seconds, alone = 0.0, 0.0
        measured, _ = self.measured.get(pool.structure, (None, 0))
        if measured is None and np.isfinite(self.making):
            seconds = self.making
        # the first epochs may have waited for whoever else had the processors
        elif measured is not None and measured >= TRUSTED:
            speed = self.get_speed(pool.structure)
            seconds = speed * epochs
            alone = self.reckon_alone(pool, speed, networks) * epochs
        return self.seconds_left(alone) - seconds >= -leeway * self.timeout
