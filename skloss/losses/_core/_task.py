"""What is being predicted: the one fact about y that a loss's head depends on."""

from typing import NamedTuple


class Task(NamedTuple):
    """A kind of prediction and its size.

    Attributes
    ----------
    kind : {"binary", "multiclass", "multilabel", "regression"}
    size : int
        Number of target columns: 1, classes, labels or targets.
    """

    kind: str
    size: int

    @property
    def family(self) -> str:
        """Return "classification" or "regression"."""
        return "regression" if self.kind == "regression" else "classification"
