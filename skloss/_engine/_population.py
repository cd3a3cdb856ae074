"""``train_population``: the one verb. A single fit is a population of one."""

from collections.abc import Callable, Sequence

import numpy as np

from skloss import networks
from skloss._engine._paths import find_obstacle
from skloss._engine._places import Progress
from skloss._engine._plan import Data, Member, Plan, Result, count_steps
from skloss._engine._pool import Pool
from skloss._engine._sizes import choose_places, count_kernel_numbers, count_rows
from skloss._engine._structure import partition

# Where XLA's compilation pays: it costs about as much as it saves in so many steps of
# a narrow network. A step of so many multiplications more saves as much again.
MIN_COMPILED, WIDE_STEP = 12_000, 2_000_000
# So large a part of the networks that are under way in a stream has places: while the
# last fold of a candidate trains, the others have none.
PLACED = 0.6


def train_population(
    plan: Plan, data: Data, report: Callable | None = None
) -> list[Result]:
    """Train all members of ``plan`` on ``data``.

    Parameters
    ----------
    plan : Plan
    data : Data
    report : callable, optional
        Told of the networks' epochs, see ``Pool.advance``.

    Returns
    -------
    list of Result
        In the order of ``plan.members``.

    Raises
    ------
    Exception
        What a member's callback raised.
    """
    results = [None] * len(plan.members)
    for pool in make_pools(plan, data):
        for i, result in pool.advance(report=report).take_results().items():
            if result.error is not None:
                raise result.error
            results[i] = result
    return results


def make_pools(plan: Plan, data: Data) -> list[Pool]:
    """Return pools with a place for each member of a plan, as far as there is memory.

    Parameters
    ----------
    plan : Plan
    data : Data

    Returns
    -------
    list of Pool
    """
    return place_members(plan, data, dict(enumerate(plan.members)))


def place_members(
    plan: Plan,
    data: Data,
    members: dict[int, Member],
    pools: Sequence[Pool] = (),
    *,
    workers: int | None = None,
    stream: bool = False,
    times: float = 1.0,
) -> list[Pool]:
    """Return pools in which networks train: those there are, and new ones if needed.

    How many places a pool has depends on the plan alone, and not on how many pools
    there are, so that results do not depend on the machine.

    Parameters
    ----------
    plan : Plan
    data : Data
        With the streams of the pools under the same numbers.
    members : dict of int to Member
    pools : sequence of Pool
    workers : int, optional
        How many new pools train at the same time. More networks of a kind that may stop
        early wait for places; by default all have some.
    stream : bool, default=False
        Whether more networks will come. Then those that may stop early wait for places,
        of which there are fewer than networks, so that few are ever empty.
    times : float, default=1
        How many times as many networks of each kind there will be.

    Returns
    -------
    list of Pool
    """
    made = list(pools)
    for kind, own in partition(plan, data, members).items():
        there = [pool for pool in pools if pool.kind == kind]
        compiled = (
            there[0].compiled if there else worth_compiling(plan, data, own, times)
        )
        stops = any(np.isfinite(member.patience) for member in own.values())
        share = PLACED if stream and stops else 1.0
        lacking = count_lacking(there, len(own), share)
        items = list(own.items())
        new = cut_pools(plan, data, dict(items[:lacking]), compiled) if lacking else []
        count = workers if workers and stops else len(new)
        for pool in new[count:]:
            deal(data, pool.members, new[:count])
        deal(data, dict(items[lacking:]), [*there, *new[:count]])
        made += new[:count]
    return made


def count_lacking(pools: list[Pool], coming: int, share: float) -> int:
    """Return for how many of the coming networks new places are made.

    None, as long as those there are do for half of the networks: other sizes are other
    programs.
    """
    places = sum(pool.size for pool in pools)
    wanted = int(np.ceil(share * (count_members(pools) + coming)))
    return min(coming, wanted - places) if wanted > 2 * places else 0


def deal(data: Data, members: dict[int, Member], pools: list[Pool]) -> None:
    """Admit each network to the pool where fewest are."""
    hands = [{} for _ in pools]
    for number, member in members.items():
        counts = [
            len(pool.members) + len(hand)
            for pool, hand in zip(pools, hands, strict=True)
        ]
        hands[int(np.argmin(counts))][number] = member
    for pool, hand in zip(pools, hands, strict=True):
        if hand:
            pool.admit(data, hand)


def worth_compiling(
    plan: Plan, data: Data, members: dict[int, Member], times: float
) -> bool:
    """Tell whether networks train so long that XLA should compile their steps.

    It depends on the plan alone: the same training is always compiled, or never.
    """
    if not isinstance(plan.network, networks.MLP):
        return False
    first = next(iter(members.values()))
    steps = len(members) * plan.epochs * count_steps(plan, data.streams[first.stream])
    width = count_kernel_numbers(plan, data, first) * count_rows(plan, first)
    width /= WIDE_STEP
    return times * steps * (1 + width) >= MIN_COMPILED


def cut_pools(
    plan: Plan,
    data: Data,
    members: dict[int, Member],
    compiled: bool,
    progress: dict[int, Progress] | None = None,
) -> list[Pool]:
    """Return pools for networks of one kind, equally large.

    Parameters
    ----------
    plan : Plan
    data : Data
    members : dict of int to Member
    compiled : bool
    progress : dict of int to Progress, optional
        Of those who have trained before.
    """
    first, alone = next(iter(members.values())), None
    count, size = choose_places(plan, data, first, len(members), compiled)
    if size > 1:
        alone = find_obstacle(Pool(plan, data, members, size, compiled))
    if alone is not None:
        count, size = len(members), 1
    made = []
    for part in (list(members)[k::count] for k in range(count)):
        own = {number: members[number] for number in part}
        known = {n: p for n, p in (progress or {}).items() if n in own}
        made.append(Pool(plan, data, own, size, compiled, alone, known))
    return made


def repack_pools(pools: list[Pool], dropped: set[int]) -> list[Pool]:
    """Return pools without the networks that are dropped, and without idle places.

    Parameters
    ----------
    pools : list of Pool
        Of one plan, none of whose networks waits.
    dropped : set of int

    Returns
    -------
    list of Pool
        The same, or fewer.
    """
    for pool in pools:
        for number in dropped & pool.members.keys():
            pool.take_out(number)
    packed = []
    for kind in dict.fromkeys(pool.kind for pool in pools):
        own = [pool for pool in pools if pool.kind == kind and pool.members]
        packed += own if is_packed(own) else repack_kind(own)
    return packed


def empty_spare_pools(pools: list[Pool]) -> None:
    """Let networks move together, where fewer pools have places for all of them.

    Parameters
    ----------
    pools : list of Pool
        Of one plan.
    """
    for kind in dict.fromkeys(pool.kind for pool in pools):
        own = [pool for pool in pools if pool.kind == kind and pool.members]
        while len(own) > 1 and count_members(own) <= (len(own) - 1) * own[0].size:
            *own, last = own
            for number in list(last.members):
                member, progress = last.take_out(number)
                to = min(own, key=lambda pool: len(pool.members))
                known = {} if progress is None else {number: progress}
                to.admit(last.data, {number: member}, known)


def count_members(pools: list[Pool]) -> int:
    """Return how many networks are in pools."""
    return sum(len(pool.members) for pool in pools)


def is_packed(pools: list[Pool]) -> bool:
    """Tell whether pools of one kind are as many, and as large, as their networks need.

    Networks that are not stacked have a pool each.
    """
    if not pools or pools[0].alone is not None:
        return True
    count, first = count_members(pools), pools[0]
    needed = choose_places(first.plan, first.data, first.example, count, first.compiled)
    return needed == (len(pools), first.size)


def repack_kind(pools: list[Pool]) -> list[Pool]:
    """Return as few pools as can be for the networks of pools of one kind."""
    first = pools[0]
    taken = {n: pool.take_out(n) for pool in pools for n in list(pool.members)}
    members = {number: taken[number][0] for number in sorted(taken)}
    progress = {number: known for number, (_, known) in taken.items() if known}
    return cut_pools(first.plan, first.data, members, first.compiled, progress)
