"""The searches of ``worth.py``: the automatic one, and it without one ingredient each.

An arm is what is done to a copy of the space of ``"auto"``, as ``auto_space`` makes it,
and the options of the search. An arm that leaves the space as it is asks for ``"auto"``
itself, as a user does.
"""

import copy
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
        used = [] if self.change is None else [self.change, replace, is_linear]
        return "".join(map(inspect.getsource, used)) + repr(self.options)


def replace(space, **parameters):
    """Return a space with other values of the network's parameters."""
    changed = copy.copy(space)
    for name, values in parameters.items():
        key = f"{space.prefix}{name}"
        if key not in space:
            raise ValueError(f"The space has no {key!r}; it has {list(space)}.")
        changed[key] = values
    return changed


def is_linear(network):
    """Return whether a body has no layer of its own."""
    return network.hidden_layer_sizes == () and not network.skip


def drop_encoder(space):
    changed = copy.copy(space)
    changed[space.encoder] = ["passthrough"]
    return changed


def drop_linear(space):
    bodies = space[f"{space.prefix}network"]
    return replace(space, network=[body for body in bodies if not is_linear(body)])


def drop_wide(space):
    bodies = space[f"{space.prefix}network"]
    return replace(space, network=[body for body in bodies if not body.skip])


def drop_long(space):
    return replace(space, epochs=space[f"{space.prefix}epochs"][:1])


def drop_schedule(space):
    """Return a space of trainings by a constant rate that stop early."""
    return replace(space, lr_schedule=[None], early_stopping=[True])


def drop_loss(space):
    """Return a space without losses: the estimator keeps its own, whose knobs rest."""
    changed = copy.copy(space)
    del changed[f"{space.prefix}loss"]
    return changed


def drop_l2(space):
    return replace(space, l2=[0.0])


def drop_dropout(space):
    return replace(space, dropout=[0.0])


ARMS = {
    "auto": Arm(),
    "no_encoder": Arm(drop_encoder),
    "no_linear": Arm(drop_linear),
    "no_wide": Arm(drop_wide),
    "no_long": Arm(drop_long),
    "no_schedule": Arm(drop_schedule),
    "no_losses": Arm(drop_loss),
    "no_l2": Arm(drop_l2),
    "no_dropout": Arm(drop_dropout),
    "no_ensemble": Arm(options={"ensemble": None}),
    "seeds": Arm(options={"ensemble": "seeds"}),
}
