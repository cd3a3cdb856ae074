"""Value objects: parameters in, code out.

A loss, a schedule and a network are values. They hold their constructor's
arguments, print as the code that makes them, compare and hash by them, and speak
scikit-learn's ``get_params`` / ``set_params``, so that ``clone`` and searches reach
every number in them.
"""

import copy
import functools
import inspect
from collections.abc import Iterable
from numbers import Real
from typing import Any, Self

import numpy as np

from skloss._params._names import split_names
from skloss._params._nested_params import Nested
from skloss._params._values import freeze, is_number, is_numbers, same


class Params(Nested):
    """Base class of every value object.

    A subclass's ``__init__`` only assigns each argument to the attribute of the same
    name. Everything else, from ``repr`` to the split into numbers and structure that
    lets networks share a graph, follows from the signature.
    """

    @classmethod
    @functools.cache  # asked for several times in every fit
    def _defaults(cls) -> dict[str, Any]:
        if cls.__init__ is object.__init__:
            return {}
        parameters = inspect.signature(cls.__init__).parameters
        return {name: p.default for name, p in parameters.items() if name != "self"}

    def _own_names(self) -> Iterable[str]:
        return self._defaults()

    def _holder_of(self, name: str, value: Any) -> "Params | None":
        return value if isinstance(value, Params) else None

    def copy_with(self, **params: Any) -> Self:
        """Return a copy with other parameters, by names as in ``set_params``.

        It shares nothing with this object, see ``detached``, which stays as it is.

        Returns
        -------
        Params
        """
        return self.detached().set_params(**params)

    def knobs(self) -> dict[str, Any]:
        """Return the numbers, flat, under their nested names.

        Returns
        -------
        dict of str to float or tuple of float
        """
        knobs = {}
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Params):
                inner = value.knobs()
                knobs.update({f"{name}__{key}": v for key, v in inner.items()})
            elif is_number(value) or is_numbers(value):
                knobs[name] = value
        return knobs

    def bind(self, knobs: dict[str, Any]) -> Self:
        """Return a shallow copy in which ``knobs`` replace the numbers.

        The values may be tensors: this is how one formula serves a whole population.

        Parameters
        ----------
        knobs : dict
            From names as in ``knobs()`` to values.

        Returns
        -------
        Params
        """
        bound = copy.copy(self)
        own, nested = split_names(knobs)
        for name, value in own.items():
            setattr(bound, name, value)
        for name, inner in nested.items():
            setattr(bound, name, getattr(self, name).bind(inner))
        return bound

    def detached(self) -> Self:
        """Return an equal copy that shares no value object, list or array with this.

        What is done to one, by ``set_params`` at any depth, does not reach the other.
        Functions and objects of other libraries (Keras' losses, layers, schedules) are
        shared: they may not be copyable, and nothing here changes them.

        Returns
        -------
        Params
        """
        twin = copy.copy(self)
        vars(twin).update({k: separate_value(v) for k, v in vars(self).items()})
        return twin

    def structure(self) -> tuple:
        """Return all but the numbers, which is equal for networks that share a graph.

        Returns
        -------
        tuple
            It can be hashed.
        """
        parts = []
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Params):
                parts.append((name, value.structure()))
            elif is_number(value):
                parts.append((name, Real))
            elif is_numbers(value):
                parts.append((name, (Real, len(value))))
            else:
                parts.append((name, freeze(value)))
        return (type(self), tuple(parts))

    def check(self) -> None:
        """Raise ``ValueError`` if a parameter's value makes no sense."""

    def __repr__(self):
        shown = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if not same(value, self._defaults()[name])
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(same(value, theirs[name]) for name, value in mine.items())

    def __hash__(self):
        values = self.get_params(deep=False).items()
        return hash((type(self), tuple((k, freeze(v)) for k, v in values)))


class Varying(Params):
    """Base class of what stands for a number that changes during training."""


def separate_value(value: Any) -> Any:
    """Return a copy of value objects, containers and arrays, anything else as it is."""
    if isinstance(value, Params):
        return value.detached()
    if type(value) in (list, tuple):
        return type(value)(separate_value(one) for one in value)
    if type(value) is dict:
        return {key: separate_value(one) for key, one in value.items()}
    if type(value) is np.ndarray:
        return value.copy()
    return value
