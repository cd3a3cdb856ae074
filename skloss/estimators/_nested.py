"""Nested parameter names, also where the value is a string or a tuple."""

import copy
import functools

from sklearn.base import BaseEstimator

from skloss import losses, networks, schedules
from skloss._callbacks._callback_names import changed, nested_params
from skloss._engine._optimizers import Optimizer
from skloss._params import Params, Varying, nearest, split_names

VALUE_OBJECTS = ("loss", "network", "optimizer", "lr_schedule")


class NestedParams(BaseEstimator):
    """``loss__gamma``, ``optimizer__beta_1``, ``network__activation`` and the like."""

    _family = None

    @classmethod
    @functools.cache  # scikit-learn reads the signature anew for each of many calls
    def _get_param_names(cls):
        return super()._get_param_names()

    def __sklearn_clone__(self):
        """Return a clone; the callbacks are templates, which clones share.

        Only ``fit`` copies them, and knows what must not be copied.
        """
        bare = copy.copy(self)
        bare.callbacks = None
        clone = super(NestedParams, bare).__sklearn_clone__()
        clone.callbacks = copy.copy(self.callbacks)
        return clone

    @networks.python_random_untouched()
    def _value_object(self, name):
        """Return the object behind a parameter, or None where there is none."""
        value = getattr(self, name)
        if isinstance(value, Params):
            return value
        makers = {
            "loss": lambda v: losses.get(v, self._family),
            "network": networks.unchecked,
            "optimizer": Optimizer,
            "lr_schedule": schedules.get,
        }
        try:
            return makers[name](value)
        except (TypeError, ValueError):
            return None  # values are judged at fit; here only names are asked for

    def get_params(self, deep=True):
        """Get parameters, with ``deep`` those of loss, network, optimiser, schedule.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        params = super().get_params(deep=False)
        if not deep:
            return params
        for name in self._holders(params):
            if name not in params:
                continue
            inner = self._value_object(name)
            if isinstance(inner, Optimizer):
                own = inner.own_params()
            elif isinstance(inner, Params):
                own = inner.get_params()
            else:
                continue
            params.update({f"{name}__{key}": value for key, value in own.items()})
        own = nested_params(self.callbacks)
        params.update({f"callbacks__{key}": value for key, value in own.items()})
        return params

    def set_params(self, **params):
        """Set parameters; nested names also where the value is a string.

        ``set_params(loss="focal", loss__gamma=3)`` makes ``Focal(gamma=3)``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is unknown; the message offers the nearest valid ones.
        """
        known = super().get_params(deep=False)
        holders = (*self._holders({**known, **params}), "callbacks")
        for key in params:
            name, _, rest = key.partition("__")
            if name not in known or (rest and name not in holders):
                raise self._unknown(key)
        own, nested = split_names(params)
        for name, value in own.items():
            setattr(self, name, value)
        for name, inner in nested.items():
            self._set_nested(name, inner)
        return self

    def _holders(self, params):
        """Return the names of parameters that have parameters themselves."""
        varying = [name for name, v in params.items() if isinstance(v, Varying)]
        return dict.fromkeys((*VALUE_OBJECTS, *varying))

    def _set_nested(self, name, changes):
        if name == "callbacks":
            known = nested_params(self.callbacks)
            for key in changes:
                if key not in known:
                    raise self._unknown(f"callbacks__{key}")
            self.callbacks = changed(self.callbacks, changes)
            return
        target = self._value_object(name)
        if isinstance(target, Params):
            setattr(self, name, target.set_params(**changes))
        elif isinstance(target, Optimizer):
            target.change(changes)
            as_text = isinstance(self.optimizer, str)
            self.optimizer = target.spec() if as_text else target.make()
        else:
            raise self._unknown(f"{name}__{next(iter(changes))}")

    def _unknown(self, key):
        return ValueError(
            f"Invalid parameter {key!r} for estimator {self}. "
            f"{nearest(key, self.get_params())}"
        )
