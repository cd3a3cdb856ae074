"""The seconds that a search may take: what still fits, and when training is cut."""

import time

import numpy as np

# A share of the timeout that training may take more: nearly finished is not cut.
LEEWAY = 0.05
# What a network costs that trains alone, in shares of one that trains with others; it
# is between 1, for wide networks and long tables, and the number of the others.
ALONE = 4


class OutOfTime(Exception):
    """Training was cut, since its search has no time left."""


class TimeBudget:
    """Reckons whether more trials, and then the refit, fit into a search's timeout.

    What it measures decides how many trials there are, never which.

    Parameters
    ----------
    timeout : float or None
        Seconds from the beginning of the search to the end of its refit.
    begin : float
        ``time.perf_counter()`` when the search began.
    refits : bool
    """

    def __init__(self, timeout, begin, refits):
        self.timeout = np.inf if timeout is None else timeout
        self.begin, self.end, self.refits = begin, begin + self.timeout, refits
        self.first, self.finished, self.seconds_of_a_trial = None, 0, 0.0
        self.share, self.together = 0.0, 1

    def note_candidate(self, folds):
        """Note what the networks of a candidate took, each its share."""
        self.share = max(self.share, np.mean([fold.fit_time for fold in folds]))

    def note_trials(self, finished):
        """Note how many trials are finished by now.

        The first of them pay for what later ones find ready.
        """
        if finished > self.finished:
            now = time.perf_counter()
            before, count = self.first or (self.begin, 0)
            self.seconds_of_a_trial = (now - before) / (finished - count)
            self.first = self.first or (now, finished)
            self.finished = finished

    def seconds_left(self):
        """Return the seconds that are left for training."""
        refit = min(ALONE, self.together) * self.share if self.refits else 0.0
        return self.end - refit - time.perf_counter()

    def count_fitting(self, count, under_way=0, *, whole):
        """Return how many more trials can be trained.

        As long as nothing is known of their cost all are tried.

        Parameters
        ----------
        count : int
            How many are wanted.
        under_way : int, default=0
            Trials that are to be finished too.
        whole : bool
            Whether it must be all of them or none.
        """
        left = self.seconds_left()
        if left <= 0:
            return 0
        if (count + under_way) * self.seconds_of_a_trial <= left:
            return count
        fitting = int(left / self.seconds_of_a_trial) - under_way
        return 0 if whole else max(0, fitting)

    def watch(self, report):
        """Return what makes reporters that cut a training when its time is over.

        Parameters
        ----------
        report : callable
            See ``Trainer``.
        """
        if not np.isfinite(self.end):
            return report

        def make_cutter(candidates):
            self.together = max(self.together, len(candidates))
            return Cutter(self, report(candidates))

        return make_cutter

    def cut_if_late(self, leeway):
        """Raise OutOfTime if a training must end here."""
        if self.seconds_left() < -leeway * self.timeout:
            raise OutOfTime


class Cutter:
    """Passes reports of a training on, and cuts it when its search has no time left.

    Sent elsewhere, where another clock may go, it does not cut.

    Parameters
    ----------
    budget : TimeBudget
    report : callable or None
    """

    def __init__(self, budget, report):
        self.budget, self.report = budget, report

    def begin(self):
        """Hear that a training begins, or goes on."""
        if self.budget is not None:
            self.budget.cut_if_late(leeway=0.0)

    def __call__(self, number, epoch, history):
        """Hear of the epochs that a network just trained."""
        if self.report is not None:
            self.report(number, epoch, history)
        if self.budget is not None:
            self.budget.cut_if_late(LEEWAY)

    def __getstate__(self):
        return {"budget": None, "report": self.report}
