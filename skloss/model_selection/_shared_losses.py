"""The losses that networks of a search share programs with."""

from dataclasses import replace

from skloss.losses._core._join_losses import group_losses
from skloss.losses._core._loss_choice import LossChoice


class SharedLosses:
    """The losses seen so far, and the groups of them that share programs.

    Parameters
    ----------
    task : Task

    Attributes
    ----------
    groups : list of LossGroup
    """

    def __init__(self, task):
        self.task = task
        self.seen, self.groups, self.group_of = {}, [], {}

    def add(self, losses):
        """Take losses in; return whether any is new."""
        new = {loss.structure(): loss for loss in losses}
        if new.keys() <= self.seen.keys():
            return False
        self.seen = {**new, **self.seen}
        structures, losses = zip(*self.seen.items(), strict=True)
        self.groups = group_losses(list(losses), self.task)
        self.group_of = {
            structures[i]: group for group in self.groups for i in group.numbers
        }
        return True

    def describe(self, loss):
        """Return which losses share a program with one, and what makes them do so."""
        own = loss.loss if isinstance(loss, LossChoice) else loss
        group = self.group_of[own.structure()]
        names = ", ".join(sorted({str(one.name or one) for one in group.losses}))
        return f"{names} ({group.reason})"

    def choose(self, member):
        """Return a member whose loss is a choice of those that it shares programs with.

        Parameters
        ----------
        member : Member
            Its loss has been seen.

        Returns
        -------
        Member
            The same where its loss is alone.
        """
        group = self.group_of[member.loss.structure()]
        loss = group.choose(member.loss)
        if loss is member.loss:
            return member
        varying = {}
        for name, values in member.varying.items():
            before, knob = name[: len("loss__")], name[len("loss__") :]
            own = f"loss__{loss.name_knob(knob)}" if before == "loss__" else name
            varying[own] = values
        return replace(member, loss=loss, varying=varying)
