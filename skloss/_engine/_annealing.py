"""Numbers that change from epoch to epoch: tables with a row per network.

Which numbers do is structure, how they do is not. A network that does not change one
that another changes has a constant row.
"""

import numpy as np

from skloss._params import split_names
from skloss._tensorflow import tf


def annealed(members):
    """Return the names of the numbers that any of the members anneals."""
    return tuple(sorted({name for member in members for name in member.annealed}))


def tables(members, names, dtype):
    """Return each number's table of shape (networks, epochs, ...), by name."""
    return {
        name: np.stack([table(member, name, members) for member in members]).astype(
            dtype
        )
        for name in names
    }


def table(member, name, members):
    """Return a network's values, (epochs, ...): constant where it has no others."""
    if name in member.annealed:
        return member.annealed[name]
    _, _, knob = name.partition("loss__")
    value = member.loss.knobs()[knob] if knob else getattr(member, name)
    length = next(len(m.annealed[name]) for m in members if name in m.annealed)
    return np.broadcast_to(value, (length, *np.shape(value)))


def specs(tables):
    """Return the specifications of tables for any number of epochs."""
    return {
        name: tf.TensorSpec([t.shape[0], None, *t.shape[2:]], t.dtype)
        for name, t in tables.items()
    }


def at_epoch(inputs, epoch):
    """Return ``inputs`` with the numbers of an epoch, after the tables' end the last.

    Without tables they are the inputs themselves.
    """
    if "annealed" not in inputs:
        return inputs
    rows = {
        name: table[:, tf.minimum(epoch, tf.shape(table)[1] - 1)]
        for name, table in inputs["annealed"].items()
    }
    own, nested = split_names(rows)
    knobs = {**inputs["loss_knobs"], **nested.get("loss", {})}
    return {**inputs, **own, "loss_knobs": knobs}
