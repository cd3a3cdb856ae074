"""What was measured of a table that bears on the choice of a loss."""

from dataclasses import dataclass

PROBLEM = "problem"
DISTRIBUTION = "distribution and outliers"
COMPLEXITY = "complexity and overfitting"


@dataclass(frozen=True)
class Evidence:
    """One measurement, its threshold, and what it says.

    Attributes
    ----------
    name : str
    value : float
    threshold : float
        From which on it holds.
    holds : bool
    text : str
        A sentence with the value.
    source : str
        Authors and year.
    factor : str
        Of a choice of loss: the problem, the distribution of y and its outliers, or
        complexity and overfitting.
    """

    name: str
    value: float
    threshold: float
    holds: bool
    text: str
    source: str
    factor: str = DISTRIBUTION


def find_held(evidence):
    """Return the names of the evidence that holds."""
    return {own.name for own in evidence if own.holds}
