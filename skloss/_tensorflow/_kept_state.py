"""What scikeras changes in TensorFlow for a fit, and does not put back as it was.

The names are private in TensorFlow (tested with 2.19 and 2.21): publicly a seed can be
set and op determinism switched on, but neither can be asked for.
"""

from contextlib import contextmanager

from skloss._tensorflow._loaded import config, context


@contextmanager
def keep_seed_and_determinism():
    """Put TensorFlow's global seed and op determinism back as they were.

    scikeras sets the seed again that was set before, from which random numbers begin
    anew: the generator behind it goes on where it stood. And scikeras switches op
    determinism on by an environment variable before it asks whether it was on, which
    is then so for ever, where nobody asked before.
    """
    eager, deterministic = context.context(), config.is_op_determinism_enabled()
    seed, generator = (
        eager._seed,
        getattr(eager, "_rng", None),
    )  # from the first seed on
    try:
        yield
    finally:
        eager._seed, eager._rng = seed, generator
        if not deterministic:
            config.disable_op_determinism()
