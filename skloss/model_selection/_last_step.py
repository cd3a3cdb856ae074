"""The last step of a Pipeline, and the steps before it; an estimator alone is its own.

A net alone and a Pipeline that ends in one are handled alike throughout a search. Of a
Pipeline in which a transformer of ours stands before other steps, the part that ends in
it is, and the steps behind it are kept apart.
"""

import copy

from sklearn.pipeline import Pipeline

from skloss.estimators._base import BaseLossAware


def split_at_net(estimator):
    """Return the part of a Pipeline that ends in a net, and the steps behind it.

    The net is the last step, if it is one of ours, else the last transformer of ours.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    estimator : estimator
        What was given, where nothing of ours stands before other steps.
    later : list of (str, estimator)
    """
    if not isinstance(estimator, Pipeline):
        return estimator, []
    if isinstance(estimator.steps[-1][1], BaseLossAware):
        return estimator, []
    ours = [is_transformer(step) for _, step in estimator.steps]
    if not any(ours):
        return estimator, []
    end = len(ours) - ours[::-1].index(True)
    part = copy.copy(estimator)
    part.steps, later = estimator.steps[:end], estimator.steps[end:]
    return part, later


def is_transformer(step):
    """Tell whether a step is a transformer of ours."""
    return isinstance(step, BaseLossAware) and step._family == "representation"


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
