"""What is being predicted: the one fact about y that a loss's head depends on."""

from typing import NamedTuple


class Task(NamedTuple):
    """A kind of prediction and its size.

    Attributes
    ----------
    kind : {"binary", "multiclass", "multilabel", "regression", "representation"}
    size : int
        Number of target columns: 1, classes, labels or targets.
    n_components : int, default=0
        Number of dimensions of a representation.
    """

    kind: str
    size: int
    n_components: int = 0

    @property
    def family(self) -> str:
        """Return "classification", "regression" or "representation"."""
        return self.kind if self.has_numbers else "classification"

    @property
    def has_numbers(self) -> bool:
        """Tell whether the columns hold numbers, which networks see scaled."""
        return self.kind in ("regression", "representation")
