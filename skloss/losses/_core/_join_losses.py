"""Which losses share a program, and why others have one of their own."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from skloss._params import Params
from skloss.losses._core import _ops as ops
from skloss.losses._core._loss_choice import LossChoice

MAX_OBSTACLES = 256
_lock = threading.Lock()
_obstacles = OrderedDict()


@dataclass(frozen=True, eq=False)
class LossGroup:
    """Losses that share a program.

    Attributes
    ----------
    numbers : list of int
        Which of the losses given belong to it.
    losses : tuple of Loss
        One of each structure.
    reason : str
        What sets them apart from the losses of other groups.
    """

    numbers: list[int]
    losses: tuple
    reason: str

    def choose(self, loss):
        """Return the choice of a loss of the group's; a loss that is alone, itself.

        One loss alone carries no other's operations.
        """
        if len(self.losses) == 1:
            return loss
        structures = [one.structure() for one in self.losses]
        which = structures.index(loss.structure())
        losses = (*self.losses[:which], loss, *self.losses[which + 1 :])
        return LossChoice(losses, which)


def join_losses(losses, task):
    """Return losses that networks share programs with, in the given order.

    Parameters
    ----------
    losses : list of Loss
        As networks have them: their measured numbers are set.
    task : Task

    Returns
    -------
    list of Loss
        Choices, except where a loss stays alone.
    """
    joined = list(losses)
    for group in group_losses(losses, task):
        for i in group.numbers:
            joined[i] = group.choose(losses[i])
    return joined


def group_losses(losses, task):
    """Return the groups of losses that share a program.

    Within a group there is an order that does not depend on which loss came first,
    as far as their classes tell them apart: programs are used again by other searches.

    Parameters
    ----------
    losses : list of Loss
    task : Task

    Returns
    -------
    list of LossGroup
    """
    numbers, reasons = {}, {}
    for i, loss in enumerate(losses):
        kind, reason = describe_program(loss, task)
        numbers.setdefault(kind, []).append(i)
        reasons.setdefault(kind, reason)
    groups = []
    for kind, own in numbers.items():
        distinct = {}
        for i in own:
            distinct.setdefault(losses[i].structure(), losses[i])
        ordered = sorted(distinct.values(), key=name_class)
        groups.append(LossGroup(own, tuple(ordered), reasons[kind]))
    return groups


def name_class(loss):
    """Return the full name of a loss's class."""
    return f"{type(loss).__module__}.{type(loss).__qualname__}"


def describe_program(loss, task):
    """Return what losses must have in common to share a program, and that in words.

    Their raw outputs need not mean the same, nor need their targets be scaled alike:
    each network's are read by its own loss only.

    Returns
    -------
    hashable, str
    """
    n_raw, n_global = loss.n_raw(task), loss.n_global(task)
    obstacle = find_obstacle(loss, task)
    if obstacle is not None:
        return loss.structure(), f"{loss!r} is alone: {obstacle}"
    words = f"{n_raw} raw output{'s' if n_raw > 1 else ''} a row"
    if n_global:
        words += f", {n_global} of them trained numbers that are the same for all rows"
    kind = n_raw, n_global, tuple(loss.global_pace(task))
    return (*kind, loss.views, loss.pairs_rows, loss.monitors_itself), words


def find_obstacle(loss, task):
    """Return why no other loss can share a program with this one, or None."""
    reason = loss.why_apart(task)
    if reason is None and any(view.corruption or view.noise for view in loss.views):
        reason = "it sees rows changed, by numbers of its own"
    if reason is not None or not holds_foreign_code(loss):
        return reason
    key = loss.structure(), task
    with _lock:
        if key not in _obstacles:
            error = try_together(loss, task)
            _obstacles[key] = error and f"it cannot be stacked and compiled: {error}"
            if len(_obstacles) > MAX_OBSTACLES:
                _obstacles.popitem(last=False)
        return _obstacles[key]


def holds_foreign_code(loss):
    """Tell whether a loss is of a class, or holds a function, that is not ours."""
    values = [loss, *loss.get_params(deep=True).values()]
    ours = f"{__name__.partition('.')[0]}."
    return any(
        not type(value).__module__.startswith(ours)
        if isinstance(value, Params)
        else callable(value)
        for value in values
    )


def try_together(loss, task):
    """Return why two networks' values cannot be compiled together, or None.

    Where one loss cannot be stacked or compiled, those that it shares a program with
    cannot either.
    """
    columns = np.arange(task.size)
    y = np.array([columns == i % task.size for i in range(4)], np.float32)
    raw = np.zeros((2, 4, loss.n_raw(task)), np.float32)
    knobs = {
        name: np.stack([np.asarray(value, np.float32)] * 2)
        for name, value in loss.knobs().items()
    }

    def slope(knobs, raw):
        bound, weight = loss.bind(knobs), ops.ones(4, dtype=raw.dtype)
        return ops.value_and_gradient(
            lambda f: bound.batch_value(task, y, f, weight), raw
        )

    return ops.find_compile_error(slope, knobs, raw)
