"""One planted fault, and several of an area."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A mistake that changes results, and raises nothing.

    Attributes
    ----------
    area : str
    file : str
        Under ``skloss/``.
    old, new : str
        What stands there exactly once, and the mistake.
    tests : list of str
        Under ``tests/``: those that should catch it, quick ones.
    """

    area: str
    file: str
    old: str
    new: str
    tests: list


def faults_of(area, *rows):
    """Return the faults of an area, each given as (file, old, new, *tests)."""
    return [Fault(area, file, old, new, tests) for file, old, new, *tests in rows]
