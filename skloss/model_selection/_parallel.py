"""joblib gives results as they are ready where its backend can, else all in the end."""

from joblib import Parallel


def make_parallel(**arguments):
    """Return what runs calls, and gives each result as soon as it is ready if it can.

    Parameters
    ----------
    **arguments : dict
        Of ``joblib.Parallel``.

    Returns
    -------
    joblib.Parallel
        Its results come in an order of their own.
    """
    try:
        return Parallel(return_as="generator_unordered", **arguments)
    except ValueError:
        # Ray's backend, for one, refuses generators; what else is wrong is raised again
        return Parallel(**arguments)
