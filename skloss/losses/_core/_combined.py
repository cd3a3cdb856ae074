"""How a fact about several losses follows from the same fact about each of them.

``Loss`` has a default for every fact, which a loss that is made of others would repeat
without anybody noticing. So its class body is a table: a line for each fact, with the
rule by which it follows.
"""

import functools

import numpy as np

# From the weakest to the strongest.
PROPERNESS = ("none", "order", "link", "strict")
GROWTH = ("bounded", "linear", "exponential")


class Combined:
    """An attribute, or a method, that a rule makes of those of the same name.

    Parameters
    ----------
    rule : callable
        From the list of the losses' values to the value for all of them.
    of : str, default="losses"
        The attribute that holds the list of losses.
    """

    def __init__(self, rule, of="losses"):
        self.rule = rule
        self.of = of

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, whole, owner=None):
        if whole is None:
            return self
        losses = getattr(whole, self.of)
        return self.rule([getattr(loss, self.name) for loss in losses])


def agreed(values):
    """Return the value that all losses share: their sum is refused otherwise.

    So it is with the methods that read raw outputs, since the losses have one head.
    """
    return values[0]


def weakest_proper(values):
    """Return the weakest properness, that of nothing where there is no loss."""
    return PROPERNESS[min(map(PROPERNESS.index, values), default=0)]


def strongest_growth(values):
    """Return the strongest growth of the gradient."""
    return GROWTH[max(map(GROWTH.index, values), default=0)]


def smallest(values):
    """Return the smallest number, output by output where a loss tells them apart."""
    return functools.reduce(np.minimum, values)


def one_or_mixture(values):
    """Return what all losses elicit, or "a mixture" where they differ."""
    return values[0] if len(set(values)) == 1 else "a mixture"


def first_known(values):
    """Return the first value that is not None, or None."""
    return next((value for value in values if value is not None), None)


def in_every(values):
    """Return, in their order, what all tuples have in common."""
    first, *others = values
    return tuple(x for x in first if all(x in other for other in others))


def most_demanding_scaling(values):
    """Return the scaling of the target that every loss can do with.

    No shift comes before any other: percentages and logarithms need the zero of y.
    """
    if isinstance(values[0], tuple):  # one a target; the heads agree, so do these
        return values[0]
    return min(values, key=("none", "scale", "robust", "standard").index)


def of_single_term(method):
    """Let the term of a sum that has no other answer in place of ``method``.

    A number before a loss changes neither its minimiser nor what it predicts.
    """
    name = method.__name__

    @functools.wraps(method)
    def ask(self, *args, **kwargs):
        if len(self.losses) == 1:
            return getattr(self.losses[0], name)(*args, **kwargs)
        return method(self, *args, **kwargs)

    return ask


def single_or(otherwise):
    """Return a rule: what a single loss says, ``otherwise`` where there are more."""
    return lambda values: values[0] if len(values) == 1 else otherwise
