"""Numbers that vary from epoch to epoch: tables with a row per network.

Which numbers do is structure, how they do is not. A network that does not vary one
that another varies has a constant row.
"""

from __future__ import annotations

import numpy as np

from skloss._engine._plan import Member
from skloss._tensorflow import tf


def list_varying(members: list[Member]) -> tuple:
    """Return the names of the numbers that vary in any of the members."""
    return tuple(sorted({name for member in members for name in member.varying}))


def stack_tables(members: list[Member], names: tuple, dtype: str) -> dict:
    """Return each number's table of shape (networks, epochs, ...), by name."""
    return {
        name: np.stack([epoch_values(m, name, members) for m in members]).astype(dtype)
        for name in names
    }


def epoch_values(member: Member, name: str, members: list[Member]) -> np.ndarray:
    """Return a network's values, (epochs, ...): constant where it has no others."""
    if name in member.varying:
        return member.varying[name]
    _, _, knob = name.partition("loss__")
    value = member.loss.knobs()[knob] if knob else getattr(member, name)
    length = next(len(m.varying[name]) for m in members if name in m.varying)
    return np.broadcast_to(value, (length, *np.shape(value)))


def specify_tables(tables: dict) -> dict:
    """Return the specifications of tables for any number of epochs."""
    return {
        name: tf.TensorSpec([t.shape[0], None, *t.shape[2:]], t.dtype)
        for name, t in tables.items()
    }


def read_tables(tables: dict, epoch: tf.Tensor) -> dict:
    """Return each number's values in the networks' epochs: after its end, the last."""
    return {
        name: tf.gather(table, tf.minimum(epoch, tf.shape(table)[1] - 1), batch_dims=1)
        for name, table in tables.items()
    }
