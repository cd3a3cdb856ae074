"""Learning rates as data: what schedules multiply, and what watches the score.

A schedule that can be computed ahead is a table of multipliers, one that watches the
score a few numbers with a state. So no schedule makes a program of its own.
"""

import numpy as np

from skloss._engine._plan import Member, Plan
from skloss.schedules import ReduceLROnPlateau, Schedule

# Watches the score, and never acts.
OFF = ReduceLROnPlateau(factor=0.5, patience=np.inf)


def plateau_of(schedule: Schedule) -> ReduceLROnPlateau:
    """Return what lowers the rate by the score: nothing, for most schedules."""
    return schedule if schedule.monitors else OFF


class Curves:
    """The multipliers of schedules, computed once for networks that share one.

    Parameters
    ----------
    plan : Plan
    steps : int
        Steps of an epoch.
    """

    def __init__(self, plan: Plan, steps: int):
        self.plan, self.steps = plan, steps
        self.tables = {}

    def table_of(self, member: Member) -> np.ndarray:
        """Return the multipliers of all steps of a member's training."""
        schedule, first = member.schedule, member.first_epoch
        if schedule.monitors:
            schedule = Schedule()
        numbers = {k: np.asarray(v).tobytes() for k, v in schedule.knobs().items()}
        key = schedule.structure(), tuple(sorted(numbers.items())), first
        if key not in self.tables:
            self.tables[key] = self.compute(schedule, first)
        return self.tables[key]

    def compute(self, schedule: Schedule, first: int) -> np.ndarray:
        """Return the multipliers of ``plan.epochs`` epochs from ``first`` on."""
        horizon = (self.plan.horizon or self.plan.epochs) * self.steps
        index = np.arange(first * self.steps, (first + self.plan.epochs) * self.steps)
        curve = schedule.multiplier(
            index.astype(np.float64)[:, None], float(self.steps), float(horizon)
        )
        curve = np.broadcast_to(np.asarray(curve), (len(index), 1))[:, 0]
        return curve.astype(self.plan.dtype)

    def cut(self, members: list[Member], epochs: np.ndarray, count: int) -> np.ndarray:
        """Return multipliers of the next ``count`` epochs, (steps, networks).

        Parameters
        ----------
        members : list of Member
        epochs : ndarray of shape (networks,)
            Where each network stands.
        count : int
        """
        if len(self.tables) > 2 * len(members):
            self.tables.clear()  # most are of networks that have left
        cut = np.ones((count * self.steps, len(members)), self.plan.dtype)
        for column, member, epoch in zip(cut.T, members, epochs, strict=True):
            begin = (int(epoch) - member.first_epoch) * self.steps
            rates = self.table_of(member)[begin : begin + len(column)]
            column[: len(rates)] = rates
        return cut
