"""Warnings that name the user's line, and that a log of many fits has once."""

import sys
import warnings

ASIDE = ("skloss", "sklearn", "joblib")  # whose lines say nothing to the user
_said = set()


def warn_user(text, category):
    """Warn as the user's line would, once where a filter says so.

    That is the line that called skloss, scikit-learn or joblib: fits in several calls
    of a Pipeline are told apart, those in one cross-validation are not.

    No caller counts the frames between (``stacklevel``): with a decorator more, a
    Pipeline or a search around the fit, such a number would be wrong.

    Python's own memory of what a line has said is emptied whenever filters change,
    and they change and change back within a fit and around each fit of scikit-learn's
    meta-estimators: ten fits in a cross-validation would say the same ten times.

    Parameters
    ----------
    text : str
        Without numbers that differ from fit to fit.
    category : type
        Of warning.
    """
    frame = outside(sys._getframe(1))
    module = frame.f_globals.get("__name__", "<unknown>")
    line = frame.f_code.co_filename, frame.f_lineno
    if action(text, category, module, line[1]) in ("default", "module"):
        if (text, category, line) in _said:
            return
        _said.add((text, category, line))
    warnings.warn_explicit(text, category, *line, module=module)


def outside(frame):
    """Return the nearest frame that is the user's."""
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "")
        if not any(name == own or name.startswith(f"{own}.") for own in ASIDE):
            break
        frame = frame.f_back
    return frame


def action(text, category, module, number):
    """Return what the filters in force do with a warning of this line."""
    for found, message, kind, where, line in warnings.filters:
        if (
            matches(message, text)
            and issubclass(category, kind)
            and matches(where, module)
            and line in (0, number)
        ):
            return found
    return warnings.defaultaction


def matches(pattern, text):
    """Tell whether a filter's pattern fits; the interpreter's own are plain text."""
    if pattern is None or isinstance(pattern, str):
        return pattern in (None, text)
    return pattern.match(text) is not None
