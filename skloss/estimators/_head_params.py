"""Parameters of heads, by their names."""

from skloss.estimators._heads import Head
from skloss.estimators._nested import NestedParams


class HeadParams(NestedParams):
    """``churn__loss``, ``churn__loss__gamma``, ``spend__weight`` and the like."""

    def _pairs(self):
        """Return the heads as pairs, none where they are no such thing."""
        try:
            return [(name, head) for name, head in self.heads if isinstance(head, Head)]
        except (TypeError, ValueError):
            return []  # values are judged at fit; here only names are asked for

    def _named_values(self):
        return dict(self._pairs())

    def _take_named(self, values):
        self.heads = [(name, values.get(name, head)) for name, head in self.heads]

    @property
    def loss(self):
        """The losses of the heads by name."""
        return {name: head.loss for name, head in self._pairs()}
