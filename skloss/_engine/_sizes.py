"""How many networks share a program."""

import numpy as np

from skloss import networks
from skloss._engine._plan import Data, Member, Plan, count_steps
from skloss.losses._core._view import count_inputs

PLACES_NUMBERS = 2**24  # weights of the networks of a pool, at most: for memory
# Compiled, more networks a step hardly make it cheaper, and leave fewer pools for the
# threads; beyond so many weights a step does not stay in the cache.
COMPILED_PLACES, COMPILED_NUMBERS = (8, 16), 2**18
# Few sizes mean few programs; multiples of the usual numbers of folds are among them.
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 30, 32, 40, 48, 60, 64)
# Multiplications in forward passes that take as long as to compile another program.
COMPILATION = 5e9


def choose_places(
    plan: Plan, data: Data, member: Member, count: int, compiled: bool
) -> tuple[int, int]:
    """Return how many pools have a place for each network, and how many each has.

    Parameters
    ----------
    plan : Plan
    data : Data
    member : Member
        Any of the networks, which are of one kind.
    count : int
        Networks.
    compiled : bool

    Returns
    -------
    pools, places : int
    """
    limit = limit_places(plan, data, member, count, compiled)
    pools = -(-count // limit)
    places = -(-count // pools)
    rounded = next(size for size in SIZES if size >= places)
    # Empty places are left out where computing them would take longer than compiling a
    # program without them, which later searches find ready.
    steps = plan.epochs * count_steps(plan, data.streams[member.stream])
    work = 0
    if isinstance(plan.network, networks.MLP):
        kernels = count_kernel_numbers(plan, data, member)
        work = steps * count_rows(plan, member) * kernels * (rounded - places)
    return pools, rounded if work < COMPILATION else places


def limit_places(
    plan: Plan, data: Data, member: Member, count: int, compiled: bool
) -> int:
    """Return how many of ``count`` networks train together, fewer if they are wide."""
    size, numbers = SIZES[-1], PLACES_NUMBERS
    if compiled:
        # two pools at least, where there is enough for two
        size, numbers = int(np.clip(-(-count // 2), *COMPILED_PLACES)), COMPILED_NUMBERS
    if not isinstance(plan.network, networks.MLP):
        return size
    return int(np.clip(numbers // count_kernel_numbers(plan, data, member), 1, size))


def count_kernel_numbers(plan: Plan, data: Data, member: Member) -> int:
    """Return the number of weights in the kernels of an MLP.

    Those of an embedding count once for each column, which is multiplied by them.
    """
    n_raw = member.loss.n_raw(plan.task)
    n_inputs = count_inputs(data.X.shape[1], member.loss, plan.task)
    return plan.network.count_products(n_inputs, n_raw)


def count_rows(plan: Plan, member: Member) -> int:
    """Return the number of rows that pass a network in a step: those of all views."""
    return plan.batch_size * len(member.loss.views)
