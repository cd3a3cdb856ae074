"""How classifiers that were fitted on different folds decide together."""

from graphlib import TopologicalSorter
from itertools import pairwise

import numpy as np

from skloss.model_selection._last_step import get_last_step

SMALLEST = np.finfo(np.float64).tiny


def get_target(member):
    """Return what a fitted estimator, or the last step of a pipeline, predicts."""
    return get_last_step(member)._fitted.target


def log_clipped(p):
    """Return the logarithm, finite at 0."""
    return np.log(np.maximum(p, SMALLEST))


def order_class_weights(member):
    """Return the class weights of a fitted classifier, in the order of its classes."""
    target = get_target(member)
    return target.class_weight[target.columns()]


def find_ordered_rule(loss):
    """Return the loss, or the term of a sum, that decides on ordered classes."""
    terms = getattr(loss, "losses", [loss])
    return next((t for t in terms if t.ordered and hasattr(t, "decide")), None)


def join_rank_orders(finals, classes):
    """Return all classes in rank order, from members that may lack some."""
    after = {c: set() for c in classes.tolist()}
    for final in finals:
        target = get_target(final)
        if target.task.kind == "multiclass":  # two classes have no order kept
            for low, high in pairwise(target.ranked.tolist()):
                after[high].add(low)
    return list(TopologicalSorter(after).static_order())


def centre_scores(known, scores, classes):
    """Return scores of all classes with mean 0 over the known ones.

    What a member does not know scores as low as the lowest that it knows.
    """
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1) / 2
    scores = scores - scores.mean(axis=1, keepdims=True)
    full = np.repeat(scores.min(axis=1, keepdims=True), len(classes), axis=1)
    full[:, np.searchsorted(classes, known)] = scores
    return full
