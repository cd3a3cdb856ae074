"""Nested parameter names, also where the value is a string or a tuple."""

import copy
import functools

from sklearn.base import BaseEstimator

from skloss import losses, networks, schedules
from skloss._callbacks._callback_names import (
    change_callbacks,
    check_callbacks,
    get_nested_params,
)
from skloss._engine._optimizers import Optimizer
from skloss._params import Nested, Params, find_holder, nearest, unknown_parameter
from skloss.estimators._automatic_loss import is_automatic
from skloss.exceptions import UnknownParameterError


class NestedParams(Nested, BaseEstimator):
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
        # scikit-learn copies what it finds in a list deeply, which fails for a callback
        # that holds a lock or a file, and has one of Optuna report to a copy of its
        # study that nobody reads. Without this method ``get_params`` would have to
        # return something other than the list that was given. It forgets no parameter,
        # as such methods are known to: all but this one goes through scikit-learn.
        bare = copy.copy(self)
        bare.callbacks = None
        clone = super(NestedParams, bare).__sklearn_clone__()
        clone.callbacks = copy.copy(self.callbacks)
        return clone

    def _own_names(self):
        return self._get_param_names()

    def _holder_of(self, name, value):
        """Return the object behind a value, also where it is a name or a tuple."""
        if isinstance(value, Params):
            return value
        makers = {
            "loss": self._loss_behind,
            "unlabeled_loss": self._unlabeled_loss_behind,
            "network": networks.get_unchecked,
            "optimizer": OptimizerParams,
            "lr_schedule": schedules.get,
            "callbacks": CallbackParams,
        }
        if name not in makers:
            return None
        with networks.python_random_untouched():  # Keras' objects draw their seeds
            return makers[name](value)

    def _loss_behind(self, spec):
        """Return the loss that a value stands for; None where a fit finds it."""
        return None if is_automatic(spec) else losses.get(spec, self._family)

    def _unlabeled_loss_behind(self, spec):
        """Return the loss of rows without a label; None where there is none."""
        return None if spec is None else losses.get(spec, "unlabelled")

    def _value_object(self, name):
        """Return the object behind a parameter, or None where there is none."""
        return find_holder(self, name, getattr(self, name))

    def _unknown(self, key):
        if key.startswith("loss__") and is_automatic(self.loss):
            return UnknownParameterError(
                f"Invalid parameter {key!r} for estimator {self}: loss={self.loss!r} "
                f"is found by each fit, and its numbers are the defaults. Name the "
                f"loss: skloss.model_selection.recommend_losses(X, y) says which."
            )
        return UnknownParameterError(
            f"Invalid parameter {key!r} for estimator {self}. "
            f"{nearest(key, self.get_params())}"
        )


class OptimizerParams:
    """The numbers of an optimiser, as parameters.

    Parameters
    ----------
    spec : str or keras.optimizers.Optimizer
    """

    def __init__(self, spec):
        self.spec = spec
        self.optimizer = Optimizer(spec)

    def get_params(self):
        """Return the optimiser's numbers by name."""
        return self.optimizer.own_params()

    def copy_with(self, **params):
        """Return an optimiser with other numbers: text where it was text."""
        changed = Optimizer(self.spec)
        changed.change(params)
        return changed.spec() if isinstance(self.spec, str) else changed.make()


class CallbackParams:
    """The constructors' arguments of callbacks, as parameters.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback, classes and functions, or None

    Raises
    ------
    TypeError
        If they are anything else.
    """

    def __init__(self, callbacks):
        check_callbacks(callbacks)
        self.callbacks = callbacks
        self.params = get_nested_params(callbacks)

    def get_params(self):
        """Return the arguments by the callbacks' names and theirs."""
        return self.params

    def copy_with(self, **params):
        """Return a new list, in which callbacks are made anew with other arguments."""
        for key in params:
            if key not in self.params:
                raise unknown_parameter(key, self.callbacks, self.params)
        return change_callbacks(self.callbacks, params)
