"""The last step of a Pipeline, and the steps before it; an estimator alone is its own.

A net alone and a Pipeline that ends in one are handled alike throughout a search.
"""

import copy

from sklearn.pipeline import Pipeline


def get_last_step(estimator):
    """Return the last step of a Pipeline, else the estimator itself."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def get_earlier_steps(estimator):
    """Return the steps of a Pipeline before its last; none of an estimator alone."""
    return estimator.steps[:-1] if isinstance(estimator, Pipeline) else []


def replace_steps(estimator, earlier, last):
    """Return a Pipeline like this one with other steps; alone, the last step itself.

    Parameters
    ----------
    estimator : estimator
        Not changed.
    earlier : list of (str, estimator)
    last : estimator
    """
    if not isinstance(estimator, Pipeline):
        return last
    pipeline = copy.copy(estimator)
    pipeline.steps = [*earlier, (estimator.steps[-1][0], last)]
    return pipeline
