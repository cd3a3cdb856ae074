"""Cells whose networks train together."""

from dataclasses import replace

import numpy as np

from skloss._engine import STRETCH, empty_spare_pools, place_members, repack_pools
from skloss.model_selection._fusing import FusedTable
from skloss.model_selection._shared_losses import SharedLosses


class Group:
    """Cells that share a plan, and the pools in which their networks train.

    Parameters
    ----------
    plan : Plan
        Of any of the cells.
    expected : list of (Task, Loss), default=()
        Losses for which programs have room from the beginning.

    Attributes
    ----------
    cells : dict of int to Cell
        Those whose networks train, by the numbers that these have in the pools.
    pools : list of Pool
    owed : int
        Epochs by which they are behind those of other groups.
    """

    def __init__(self, plan, expected=()):
        self.plan, self.table = replace(plan, members=[]), FusedTable(plan)
        self.losses = SharedLosses(plan.task)
        self.cells, self.streams, self.count = {}, {}, 0
        self.pools, self.owed = [], 0
        self.expect_losses([loss for task, loss in expected if task == plan.task])

    @property
    def epochs(self):
        """How many epochs the networks train."""
        return self.plan.epochs

    @property
    def busy(self):
        """Whether any network has not come to its end."""
        return any(pool.busy for pool in self.pools)

    def count_stretch(self):
        """Return after how many epochs more a network may have ended."""
        return max(STRETCH, self.count_own_stretch() - self.owed)

    def count_own_stretch(self):
        """Return the same, from where the pools are."""
        busy = [pool for pool in self.pools if pool.busy]
        for pool in busy:
            pool.fill()
        return min(pool.count_stretch() for pool in busy)

    @property
    def is_due(self):
        """Whether one of the networks may end in the epochs that are owed."""
        members = [m for pool in self.pools for m in pool.members.values()]
        if any(np.isfinite(m.patience) or m.callback is not None for m in members):
            return True
        return self.count_own_stretch() <= self.owed

    def pay(self):
        """Return the epochs that are owed, and owe none."""
        owed, self.owed = self.owed, 0
        return owed

    def name_candidates(self, k):
        """Return the candidates of a pool's networks, by their numbers."""
        return {n: self.cells[n].candidate for n in self.pools[k].members}

    def find_first_candidate(self, k):
        """Return the lowest candidate of a pool's networks; zero, if it has none."""
        return min(self.name_candidates(k).values(), default=0)

    def list_training(self):
        """Return the numbers of the networks that have neither stopped nor ended."""
        return {number for pool in self.pools for number in pool.members}

    def admit(self, cells, **options):
        """Let the networks of more cells train; see ``place_members``."""
        numbers = range(self.count, self.count + len(cells))
        self.count += len(cells)
        for number, cell in zip(numbers, cells, strict=True):
            self.cells[number] = cell
            self.streams[number] = self.table.add(cell.job.data)
        self.expect_losses([cell.job.plan.members[0].loss for cell in cells])
        members = {number: self.make_member(number) for number in numbers}
        data = self.table.get_data()
        try:
            pools = place_members(self.plan, data, members, self.pools, **options)
        except Exception:
            for number in numbers:
                del self.cells[number]
            raise
        self.pools = pools

    def describe(self, pool):
        """Return which networks a pool's program is for, and why others have theirs."""
        way = "compiled by XLA" if pool.compiled else "in TensorFlow's graph"
        places = f"{pool.size} network{'s' if pool.size > 1 else ''} at once"
        batches = f"batches of {self.plan.batch_size}"
        losses = self.losses.describe(pool.example.loss)
        return f"{places}, {batches}, {way}: {losses}"

    def expect_losses(self, losses):
        """Let programs have room for these losses too."""
        if self.losses.add(losses):
            for pool in self.pools:
                members = {number: self.make_member(number) for number in pool.members}
                pool.admit(self.table.get_data(), members)

    def make_member(self, number):
        """Return a cell's member, as it shares the table and its program."""
        (member,) = self.cells[number].job.plan.members
        return self.losses.choose(replace(member, stream=self.streams[number]))

    def drop(self, numbers):
        """Train some networks no more, and leave as few idle places as can be."""
        self.pools = repack_pools(self.pools, set(numbers))

    def abandon(self, pool):
        """Train the networks of a pool no more, and leave it as it is, but empty."""
        for number in list(pool.members):
            pool.take_out(number)
            del self.cells[number]

    def move_together(self):
        """Let as few pools train as have places for all networks."""
        empty_spare_pools(self.pools)
