"""Losses made from another: the facts of both in one."""

from typing import ClassVar

from skloss.losses._core._loss import Loss


def inner(name):
    """Return a property that reads the attribute of the wrapped loss."""
    return property(lambda self: getattr(self.loss, name))


class Wrapper(Loss):
    """A loss made from another, which it follows in all that it does not define.

    Parameters
    ----------
    loss : Loss
    """

    # what Loss has defaults for is never asked of __getattr__, so it is listed
    family = inner("family")
    elicits = inner("elicits")
    proper = inner("proper")
    robust = inner("robust")
    convex = inner("convex")
    gradient_growth = inner("gradient_growth")
    decomposable = inner("decomposable")
    in_user_units = inner("in_user_units")
    head_scale = inner("head_scale")
    own_space: ClassVar = {}

    def __getattr__(self, name):
        if name.startswith("__") or name == "loss":
            raise AttributeError(name)
        return getattr(self.loss, name)

    @property
    def search_space(self):
        """Return the own knobs' and the wrapped loss's."""
        within = {f"loss__{k}": v for k, v in self.loss.search_space.items()}
        return {**self.own_space, **within}

    def check(self):
        """Raise unless a loss is wrapped and its own parameters are fine."""
        if not isinstance(self.loss, Loss):
            raise TypeError(
                f"{type(self).__name__}: loss={self.loss!r} must be an object such as "
                f"Huber(), not a name."
            )
        self.loss.check()

    def n_global(self, task):
        """Return the wrapped loss's."""
        return self.loss.n_global(task)

    def global_pace(self, task):
        """Return the wrapped loss's."""
        return self.loss.global_pace(task)

    def trained(self, task, last):
        """Return the wrapped loss's."""
        return self.loss.trained(task, last)

    def check_target(self, task, y):
        """Raise LossTargetError where ``y`` is outside the wrapped loss's domain."""
        self.loss.check_target(task, y)

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError where the wrapped function is no loss."""
        self.loss.rehearse(task, y, dtype)
