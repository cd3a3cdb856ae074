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

    def get_params(self, deep=True):
        """Get parameters, with ``deep`` those of the heads as ``name__loss``.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        params = super().get_params(deep)
        for name, head in self._pairs() if deep else ():
            params[name] = head
            inner = head.get_params()
            params.update({f"{name}__{key}": value for key, value in inner.items()})
        return params

    def set_params(self, **params):
        """Set parameters; a head by its name, its parameters as ``name__loss``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is unknown; the message offers the nearest valid ones.
        """
        if "heads" in params:
            self.heads = params.pop("heads")
        heads, nested, others = dict(self._pairs()), {}, {}
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if name not in heads:
                others[key] = value
            elif rest:
                nested.setdefault(name, {})[rest] = value
            else:
                heads[name] = value
                self.heads = [(n, heads[n]) for n, _ in self.heads]
        super().set_params(**others)
        for name, changes in nested.items():
            heads[name].set_params(**changes)
        return self

    @property
    def loss(self):
        """The losses of the heads by name."""
        return {name: head.loss for name, head in self._pairs()}
