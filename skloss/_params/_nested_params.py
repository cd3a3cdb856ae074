"""Parameters under nested names, such as ``loss__gamma``: how all that has them does.

Value objects, losses made of others, heads and estimators differ in what they hold and
in how a value becomes the object that holds further parameters. They say that by a few
hooks; reading and setting by name is written here, once.
"""

from collections.abc import Container, Iterable
from typing import Any, Self

from skloss._params._names import unknown_parameter


class Nested:
    """Mixin: ``get_params`` and ``set_params`` in scikit-learn's manner.

    A nested object is a value: setting a number in it replaces it by a changed copy, so
    that whoever else holds the old one, a clone or the user's own variable, keeps it as
    it was.
    """

    # -- what a class says of itself -----------------------------------------------

    def _own_names(self) -> Iterable[str]:
        """Return the names of the constructor's arguments."""
        raise NotImplementedError(f"{type(self).__name__} must define _own_names")

    def _own_values(self) -> dict[str, Any]:
        """Return the constructor's arguments, by name."""
        return {name: getattr(self, name) for name in self._own_names()}

    def _set_own(self, name: str, value: Any) -> None:
        """Set one of the constructor's arguments."""
        setattr(self, name, value)

    def _named_values(self) -> dict[str, Any]:
        """Return what is reached by a name but is no argument: a loss in a sum."""
        return {}

    def _take_named(self, values: dict[str, Any]) -> None:
        """Take other values for what ``_named_values`` returns, by replacing lists."""
        raise NotImplementedError(f"{type(self).__name__} must define _take_named")

    def _holder_of(self, name: str, value: Any) -> Any:
        """Return the object with parameters that a value is or stands for, or None.

        It has ``get_params()``, and ``copy_with(**params)`` for the value to set in its
        place.

        Raises
        ------
        TypeError, ValueError
            If the value can be none of this name.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _holder_of")

    def _unknown(self, key: str) -> ValueError:
        """Return the error for a name that is not there."""
        return unknown_parameter(key, self, self.get_params())

    # -- what follows --------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Also return the parameters of contained objects, under nested names such as
            ``loss__gamma``; also where the value is a name that stands for an object.

        Returns
        -------
        dict
        """
        params = self._own_values()
        if not deep:
            return params
        params = {**self._named_values(), **params}
        for name, value in list(params.items()):
            holder = find_holder(self, name, value)
            if holder is not None:
                inner = holder.get_params()
                params.update({f"{name}__{key}": v for key, v in inner.items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, those of contained objects as ``outer__inner``.

        All of them or, where one fails, none. Contained objects are not changed but
        replaced by changed copies: others may hold them too.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is not a parameter; the message offers the nearest valid ones.
        TypeError, ValueError
            If a number is set of a value that can be none of its name, or cannot be.
        """
        before = vars(self)
        twin = object.__new__(type(self))
        vars(twin).update(before)
        set_each(twin, params)
        for name, value in vars(twin).items():
            if name not in before or before[name] is not value:
                setattr(self, name, value)
        return self


def find_holder(owner: Nested, name: str, value: Any) -> Any:
    """Return what ``owner`` sees behind a value, None where the value is impossible.

    Values are judged when they are used; who reads parameters asks for names only.
    """
    try:
        return owner._holder_of(name, value)
    except (TypeError, ValueError):
        return None


def set_each(owner: Nested, params: dict[str, Any]) -> None:
    """Set parameters of an object one after the other, up to the first that fails.

    Whole values come first, for they decide which nested names there are.
    """
    nested, others = {}, {}
    for key, value in params.items():
        if key in owner._own_names():
            owner._set_own(key, value)
        else:
            others[key] = value
    named, own = owner._named_values(), owner._own_values()
    before = dict(named)
    for key, value in others.items():
        name, inner = split_at_longest(key, {*named, *owner._own_names()})
        if name is None:
            raise owner._unknown(key)
        if inner:
            nested.setdefault(name, {})[inner] = value
        else:
            named[name] = value
    for name, changes in nested.items():
        value = own[name] if name in own else named.get(name)
        holder = owner._holder_of(name, value)
        if holder is None:
            raise owner._unknown(f"{name}__{next(iter(changes))}")
        if name in own:
            owner._set_own(name, holder.copy_with(**changes))
        else:
            named[name] = holder.copy_with(**changes)
    if any(named[name] is not value for name, value in before.items()):
        owner._take_named(named)


def split_at_longest(key: str, names: Container[str]) -> tuple[str | None, str]:
    """Return the longest of ``names`` with which a key begins, and what is behind it.

    Examples
    --------
    >>> split_at_longest("focal__weight", ("focal", "focal__weight"))
    ('focal__weight', '')
    >>> split_at_longest("focal__gamma", ("focal", "focal__weight"))
    ('focal', 'gamma')
    """
    pieces = key.split("__")
    for n in range(len(pieces), 0, -1):
        name = "__".join(pieces[:n])
        if name in names:
            return name, "__".join(pieces[n:])
    return None, key
