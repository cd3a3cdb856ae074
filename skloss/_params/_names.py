"""Names of parameters: nested ones, and unknown ones."""

import difflib
from collections.abc import Collection
from typing import Any

from skloss.exceptions import UnknownParameterError


def split_names(params: dict[str, Any]) -> tuple[dict, dict]:
    """Split flat names: ``{"a": 1, "b__c": 2}`` into ``{"a": 1}, {"b": {"c": 2}}``."""
    own, nested = {}, {}
    for key, value in params.items():
        name, _, rest = key.partition("__")
        if rest:
            nested.setdefault(name, {})[rest] = value
        else:
            own[name] = value
    return own, nested


def nearest(name: str, names: Collection[str], n: int = 3) -> str:
    """Return a sentence that offers the names most like ``name``."""
    if not names:
        return "It has no parameters."
    close = difflib.get_close_matches(str(name).lower(), [str(k) for k in names], n)
    known = ", ".join(repr(k) for k in sorted(map(str, names)))
    offer = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"{offer}Valid names: {known}."


def unknown_parameter(key: str, owner: Any, names: Collection[str]) -> ValueError:
    """Return the error for a parameter name that ``owner`` does not have."""
    return UnknownParameterError(
        f"Invalid parameter {key!r} for {owner!r}. {nearest(key, names)}"
    )
