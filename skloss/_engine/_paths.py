"""Whether networks of a user's own body can be stacked, or train one at a time.

TensorFlow is asked: the program of the stacked networks is traced. What it cannot
stack (convolutions with a kernel for each network), each network computes alone in a
program of its own size, compiled all the same and shared by all of them.
"""

import logging
import re
import threading
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from skloss import networks
from skloss._engine._pool import Pool
from skloss._tensorflow import tf
from skloss.exceptions import NotFusibleError

# Stacked, a loop over time steps takes many seconds to trace; measured on an LSTM.
MIN_STACKED_LOOPS = 16
MAX_REASONS = 256
_lock = threading.Lock()
_reasons = OrderedDict()


def find_obstacle(pool: Pool) -> str | None:
    """Return why the networks of a pool cannot be stacked, or None.

    Parameters
    ----------
    pool : Pool
        Of several networks. If they can, its program has been traced.
    """
    if isinstance(pool.plan.network, networks.MLP):
        return None
    few = pool.size < MIN_STACKED_LOOPS
    # neither the batch size nor the dtype decides what can be stacked
    structure = pool.structure
    plan = structure.plan
    key = plan.network, plan.task, structure.data, structure.member, few
    with _lock:
        if key not in _reasons:
            _reasons[key] = try_stacking(pool, few)
            if len(_reasons) > MAX_REASONS:
                _reasons.popitem(last=False)
        return _reasons[key]


def try_stacking(pool: Pool, few: bool) -> str | None:
    """Return why tracing the program fails, or need not be tried; None if it can."""
    if few and pool.program().template.loops:
        return f"a loop is stacked for {MIN_STACKED_LOOPS} networks or more only"
    try:
        with without_error_logs():
            pool.trace()
    except NotFusibleError as error:
        if not failed_while_stacking(error.__cause__):
            raise
        return shorten_error(error.__cause__)
    return None


@contextmanager
def without_error_logs() -> Iterator[None]:
    """Keep TensorFlow from logging, in this thread, that it cannot stack something."""
    here = threading.get_ident()

    def elsewhere(record):
        return record.thread != here or record.levelno > logging.ERROR

    logger = tf.get_logger()
    logger.addFilter(elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(elsewhere)


def failed_while_stacking(error: Exception) -> bool:
    """Tell whether an error comes from where TensorFlow stacks operations."""
    frames = traceback.walk_tb(error.__traceback__)
    return any("parallel_for" in frame.f_code.co_filename for frame, _ in frames)


def shorten_error(error: Exception) -> str:
    """Return which operation TensorFlow cannot stack, or its words in short."""
    text = str(error)
    match = re.search(r"[\"'](\w+)[\"'] of op '(\w+)' expected to be loop inv", text)
    if match:
        return f"{match[2]} with a {match[1]} for each network cannot be stacked"
    match = re.search(r"No pfor vectorization defined for (\w+)", text)
    if match:
        return f"{match[1]} cannot be stacked"
    return text.strip().partition("\n")[0]
