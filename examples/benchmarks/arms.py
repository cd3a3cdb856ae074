"""The searches of ``worth.py``: the automatic one, and it without one ingredient each.

An arm is what is done to the space of ``"auto"``, a dictionary as ``auto_space`` makes
it, and the options of the search. An arm whose space is left alone asks for ``"auto"``
itself, as a user does.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arm:
    """A search: a function from a space to another one, and options by name."""

    change: Callable | None = None
    options: dict = field(default_factory=dict)

    def describe(self):
        """Return all that sets an arm apart, as text that a digest can be of."""
        used = [] if self.change is None else [self.change, drop]
        return "".join(map(inspect.getsource, used)) + repr(self.options)


def drop(space, *endings):
    """Return a space without the parameters whose names end in one of some words."""
    changed = {name: of for name, of in space.items() if not name.endswith(endings)}
    if len(changed) == len(space):
        raise ValueError(f"No parameter ends in {endings}; there are {list(space)}.")
    return changed


def drop_encoder(space):
    return drop(space, "encoder")


def drop_loss(space):
    return drop(space, "__loss")


ARMS = {
    "auto": Arm(),
    "no_encoder": Arm(drop_encoder),
    "no_loss": Arm(drop_loss),
    "no_ensemble": Arm(options={"ensemble": None}),
    "seeds": Arm(options={"ensemble": "seeds"}),
}
