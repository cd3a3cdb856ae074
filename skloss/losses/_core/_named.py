"""Losses made of several others, each of which is reached by a name."""

import copy

from skloss._params import split_names
from skloss.losses._core._combined import (
    Combined,
    first_known,
    smallest,
    strongest_growth,
    weakest_proper,
)
from skloss.losses._core._loss import Loss


class NamedLosses(Loss):
    """Base class of the losses made of several others.

    A subclass gives ``named``, the losses by name, ``numbers``, its own numbers under
    their flat names, and ``hold``, which takes both back. Parameters, knobs and facts
    follow from these.
    """

    proper = Combined(weakest_proper)
    gradient_growth = Combined(strongest_growth)
    robust = Combined(all)
    convex = Combined(all)
    nonnegative = Combined(all)
    decomposable = Combined(all)
    pairs_rows = Combined(any)
    monitors_itself = Combined(any)
    head_scale = Combined(smallest)

    def named(self):
        """Return the losses by name."""
        raise NotImplementedError(f"{type(self).__name__} must define named")

    def numbers(self):
        """Return the numbers that belong to no single loss, such as weights."""
        raise NotImplementedError(f"{type(self).__name__} must define numbers")

    def hold(self, named, numbers):
        """Take other losses and numbers of the same names."""
        raise NotImplementedError(f"{type(self).__name__} must define hold")

    def split_target(self, task, y):
        """Yield name, loss, task and target of each loss: all see the same."""
        for name, loss in self.named().items():
            yield name, loss, task, y

    # -- a value object ------------------------------------------------------------

    def _named_values(self):
        return {**self.named(), **self.numbers()}

    def _take_named(self, values):
        named, numbers = self.named(), self.numbers()
        self.hold({k: values[k] for k in named}, {k: values[k] for k in numbers})

    def knobs(self):
        """Return the numbers of no single loss, and each loss's under its name."""
        knobs = self.numbers()
        for name, loss in self.named().items():
            knobs.update({f"{name}__{key}": v for key, v in loss.knobs().items()})
        return knobs

    def bind(self, knobs):
        """Return a copy whose numbers are replaced, by tensors if need be."""
        numbers = self.numbers()
        _, inner = split_names({k: v for k, v in knobs.items() if k not in numbers})
        bound = copy.copy(self)
        bound.hold(
            {name: x.bind(inner.get(name, {})) for name, x in self.named().items()},
            {name: knobs.get(name, value) for name, value in numbers.items()},
        )
        return bound

    def structure(self):
        """Return names and structures of the losses."""
        inside = tuple((name, loss.structure()) for name, loss in self.named().items())
        return (type(self), inside, tuple(self.numbers()))

    @property
    def search_space(self):
        """Return the search spaces of the losses, each under its loss's name."""
        return {
            f"{name}__{key}": space
            for name, loss in self.named().items()
            for key, space in loss.search_space.items()
        }

    def why_apart(self, task):
        """Return the first reason that one of the losses has."""
        return first_known([x.why_apart(task) for x in self.named().values()])

    # -- what the losses ask for ---------------------------------------------------

    def measure(self, task, y_true, sample_weight):
        """Return what each loss measures on its own target, under its name."""
        return {
            f"{name}__{key}": value
            for name, loss, task, y in self.split_target(task, y_true)
            for key, value in loss.measure(task, y, sample_weight).items()
        }

    def check_target(self, task, y):
        """Raise LossTargetError where the target is outside a loss's domain."""
        for _, loss, own_task, own in self.split_target(task, y):
            loss.check_target(own_task, own)

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError where a function among the losses is no loss."""
        for _, loss, own_task, own in self.split_target(task, y):
            loss.rehearse(own_task, own, dtype)
