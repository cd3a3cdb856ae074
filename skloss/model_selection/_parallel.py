"""joblib gives results as they are ready where its backend can, else all in the end."""

from joblib import Parallel


def run_in_parallel(calls, **arguments):
    """Return what calls give, as soon as each is ready where joblib's backend can.

    Parameters
    ----------
    calls : iterable
        Of ``joblib.delayed`` functions.
    **arguments : dict
        Of ``joblib.Parallel``.

    Returns
    -------
    iterable
        In an order of its own.
    """
    try:
        parallel = Parallel(return_as="generator_unordered", **arguments)
    except ValueError:
        # Ray's backend, for one, refuses generators; what else is wrong is raised again
        parallel = Parallel(**arguments)
    return parallel(calls)
