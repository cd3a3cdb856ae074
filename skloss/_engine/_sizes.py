"""How many networks share a program."""

from itertools import pairwise

import numpy as np

from skloss import networks
from skloss._engine._plan import Data, Member, Plan, count_steps

CHUNK, CHUNK_NUMBERS = 64, 2**24  # networks and their weights: the latter for memory
# Compiled, more networks a step hardly make it cheaper, and leave fewer chunks for the
# threads; beyond so many weights a step does not stay in the cache.
COMPILED_CHUNK, COMPILED_NUMBERS = (8, 16), 2**18
# Few sizes mean few programs; multiples of the usual numbers of folds are among them.
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 30, 32, 40, 48, 60, 64)
# Multiplications in forward passes that take as long as to compile another program.
COMPILATION = 5e9


def choose_chunk_size(
    plan: Plan, data: Data, member: Member, count: int, compiled: bool
) -> int:
    """Return how many of ``count`` networks train together, fewer if they are wide."""
    size, numbers = CHUNK, CHUNK_NUMBERS
    if compiled:
        # two chunks at least, where there is enough for two
        size, numbers = int(np.clip(-(-count // 2), *COMPILED_CHUNK)), COMPILED_NUMBERS
    if not isinstance(plan.network, networks.MLP):
        return size
    return int(np.clip(numbers // count_kernel_numbers(plan, data, member), 1, size))


def count_kernel_numbers(plan: Plan, data: Data, member: Member) -> int:
    """Return the number of weights in the kernels of an MLP."""
    widths = [data.X.shape[1], *plan.network.hidden_layer_sizes]
    widths.append(member.loss.n_raw(plan.task))
    return sum(a * b for a, b in pairwise(widths))


def count_spare_places(
    plan: Plan, data: Data, members: list[Member], epochs: int
) -> int:
    """Return how many copies of the last network fill up a chunk of ``members``.

    There are none where training the copies for ``epochs`` would take longer than
    compiling a program without them, which later searches find ready.
    """
    count = len(members)
    spare = next(size for size in SIZES if size >= count) - count
    if not isinstance(plan.network, networks.MLP):
        return spare
    steps = epochs * count_steps(plan, data.streams[members[0].stream])
    work = steps * plan.batch_size * count_kernel_numbers(plan, data, members[0])
    return spare if spare * work < COMPILATION else 0
