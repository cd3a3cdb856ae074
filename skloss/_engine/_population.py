"""``train_population``: the one verb. A single fit is a population of one."""

from collections.abc import Callable
from itertools import pairwise

from skloss import networks
from skloss._engine._chunk import Chunk, Progress
from skloss._engine._paths import find_obstacle
from skloss._engine._plan import Data, Plan, Result, count_steps
from skloss._engine._sizes import choose_chunk_size, count_kernel_numbers
from skloss._engine._structure import partition

# Where XLA's compilation pays: it costs about as much as it saves in so many steps of
# a narrow network. A step of so many multiplications more saves as much again.
MIN_COMPILED, WIDE_STEP = 12_000, 2_000_000


def train_population(
    plan: Plan, data: Data, report: Callable | None = None
) -> list[Result]:
    """Train all members of ``plan`` on ``data``.

    Parameters
    ----------
    plan : Plan
    data : Data
    report : callable, optional
        Told of each chunk's epochs, see ``Chunk.advance``.

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
    for chunk in make_chunks(plan, data):
        chunk.advance(plan.epochs, report)
        for i, result in chunk.results():
            if result.error is not None:
                raise result.error
            results[i] = result
    return results


def make_chunks(plan: Plan, data: Data) -> list[Chunk]:
    """Return the chunks of networks that train in one program each.

    Parameters
    ----------
    plan : Plan
    data : Data

    Returns
    -------
    list of Chunk
    """
    made = []
    for kind in partition(plan, data):
        made += fill_chunks(plan, data, kind, worth_compiling(plan, data, kind))
    return made


def worth_compiling(plan: Plan, data: Data, numbers: list[int]) -> bool:
    """Tell whether networks train so long that XLA should compile their steps.

    It depends on the plan alone: the same training is always compiled, or never.
    """
    if not isinstance(plan.network, networks.MLP):
        return False
    first = plan.members[numbers[0]]
    steps = len(numbers) * plan.epochs * count_steps(plan, data.streams[first.stream])
    width = count_kernel_numbers(plan, data, first) * plan.batch_size / WIDE_STEP
    return steps * (1 + width) >= MIN_COMPILED


def fill_chunks(
    plan: Plan,
    data: Data,
    numbers: list[int],
    compiled: bool,
    progress: list[Progress] | None = None,
) -> list[Chunk]:
    """Return as few chunks as can be for networks of one kind, equally large.

    Parameters
    ----------
    plan : Plan
    data : Data
    numbers : list of int
        Among ``plan.members``.
    compiled : bool
    progress : list of Progress, optional
        Of each network, to go on from.
    """
    members = len(numbers)
    size = choose_chunk_size(plan, data, plan.members[numbers[0]], members, compiled)
    # Equal chunks, of few sizes, so that few programs serve all; how many networks
    # there are decides on them, and not how many threads, so that results do not
    # depend on the machine.
    made = cut_chunks(plan, data, numbers, compiled, progress, size)
    reason = find_obstacle(made[0]) if len(made[0].members) > 1 else None
    if reason is None:
        return made
    return cut_chunks(plan, data, numbers, compiled, progress, 1, reason)


def cut_chunks(
    plan: Plan,
    data: Data,
    numbers: list[int],
    compiled: bool,
    progress: list[Progress] | None,
    size: int,
    *alone: str,
) -> list[Chunk]:
    """Cut networks into chunks of at most ``size``."""
    members = len(numbers)
    count = -(-members // size)
    ends = [members * k // count for k in range(count + 1)]
    return [
        Chunk(plan, data, numbers[a:b], compiled, progress and progress[a:b], *alone)
        for a, b in pairwise(ends)
    ]


def repack_chunks(trained: list[Chunk], dropped: set[int]) -> list[Chunk]:
    """Return chunks without the networks that stopped, failed or are dropped.

    Parameters
    ----------
    trained : list of Chunk
        Of one plan, all as far as each other.
    dropped : set of int
        Numbers among ``plan.members``.

    Returns
    -------
    list of Chunk
    """
    whole, torn = [], {}
    for chunk in trained:
        kept = [
            k
            for k, number in enumerate(chunk.numbers)
            if chunk.state.active[k] and number not in dropped
        ]
        if len(kept) == len(chunk.numbers):
            whole.append(chunk)
        elif kept:
            torn.setdefault(chunk.kind, []).extend((chunk, k) for k in kept)
    for pieces in torn.values():
        first = pieces[0][0]
        numbers = [chunk.numbers[k] for chunk, k in pieces]
        progress = [chunk.take_out(k) for chunk, k in pieces]
        whole += fill_chunks(first.plan, first.data, numbers, first.compiled, progress)
    return whole
