"""What an ensemble is made of, as a table with a row for each candidate."""

import numpy as np

from skloss.model_selection._last_step import get_earlier_steps, get_last_step
from skloss.model_selection._printed_table import PrintedTable
from skloss.model_selection._value_text import describe_value

SHOWN = ("loss", "network")  # columns of their own, as the objects that were trained
# What differs between the networks of one candidate, or says nothing of them.
LEFT_OUT = (*SHOWN, "random_state", "verbose")


def tabulate_members(members, weights):
    """Return a table of members, those of one candidate together.

    Parameters
    ----------
    members : list of estimator
        Fitted.
    weights : array-like of shape (n_members,) or None

    Returns
    -------
    table : PrintedTable
    firsts : list of estimator
        A member of each row.
    """
    shares = np.ones(len(members)) if weights is None else np.asarray(weights, float)
    shares = shares / shares.sum()
    groups = {}
    for i, member in enumerate(members):
        groups.setdefault(name_candidate(member), []).append(i)
    groups = sorted(groups.values(), key=lambda own: -shares[own].sum())
    firsts = [members[own[0]] for own in groups]
    params = [get_settings(member).given for member in firsts]
    differing = [
        name
        for name in params[0]
        if name not in LEFT_OUT
        and len({describe_value(given[name]) for given in params}) > 1
    ]
    table = PrintedTable(
        {
            "weight": float(shares[own].sum()),
            "members": len(own),
            **{name: repr(getattr(get_settings(first), name)) for name in SHOWN},
            "steps": write_steps(first),
            **{name: given[name] for name in differing},
        }
        for own, first, given in zip(groups, firsts, params, strict=True)
    )
    return table, firsts


def get_settings(member):
    """Return what the parameters of a fitted network said when it was fitted."""
    return get_last_step(member)._fitted.settings


def name_candidate(member):
    """Return a text that the networks of one candidate share, whatever their seeds."""
    given = get_settings(member).given
    own = {name: v for name, v in given.items() if name not in LEFT_OUT[2:]}
    return describe_value([own, get_earlier_steps(member)])


def write_steps(member):
    """Return the steps before the network as code, each on one line."""
    steps = (step for _, step in get_earlier_steps(member))
    kept = (step for step in steps if step not in (None, "passthrough"))
    return ", ".join(" ".join(repr(step).split()) for step in kept)
