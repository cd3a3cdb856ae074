"""Keras' optimisers, stacked: one row of numbers per network."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from skloss._keras import get_rate_or_schedule
from skloss._params import is_number, nearest, parse_spec
from skloss._tensorflow import keras
from skloss.exceptions import UnknownNameError, UnknownParameterError

# Elementwise update rules whose numbers may be tensors of shape (networks, 1); proven
# equal to Keras' own ``apply`` by a test. Others (Nadam, Lamb, Muon, Adafactor) mix
# elements, or keep their own step products, and would be silently wrong.
KNOBS = {
    "SGD": ("momentum",),
    "RMSprop": ("rho", "momentum", "epsilon"),
    "Adam": ("beta_1", "beta_2", "epsilon"),
    "AdamW": ("beta_1", "beta_2", "epsilon"),
    "Adamax": ("beta_1", "beta_2", "epsilon"),
    "Adagrad": ("epsilon",),
    "Adadelta": ("rho", "epsilon"),
    "Lion": ("beta_1", "beta_2"),
}
OURS = {
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "clipnorm": "clip_norm",
    "global_clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "use_ema": "weight_averaging",
}
REFUSED = ("loss_scale_factor", "gradient_accumulation_steps")
# Where an optimiser's own numbers may lie, in which Keras' update is finite.
BELOW_ONE = "a number >= 0 and < 1", lambda value: 0 <= value < 1
UP_TO_ONE = "a number >= 0 and <= 1", lambda value: 0 <= value <= 1
FINITE = "a finite number >= 0", lambda value: 0 <= value < np.inf
LIMITS = {
    "momentum": UP_TO_ONE,
    "rho": UP_TO_ONE,
    "beta_1": BELOW_ONE,  # the bias correction divides by 1 - beta ** step
    "beta_2": BELOW_ONE,
    ("Adamax", "beta_2"): UP_TO_ONE,
    ("Lion", "beta_1"): ("a number > 0 and <= 1", lambda value: 0 < value <= 1),
    ("Lion", "beta_2"): UP_TO_ONE,
}


class Positive:
    """A momentum that is a tensor, for Keras code that asks ``if momentum > 0``.

    Whether momentum is zero is structure and known when the program is traced; how
    large it is, is a run-time number.
    """

    def __init__(self, tensor: Any):
        self.tensor = tensor

    def __ne__(self, other):
        return True

    def __eq__(self, other):
        return False

    __hash__ = None

    def __gt__(self, other):
        return True

    def __tf_tensor__(self, dtype=None, name=None):
        """Return the tensor, where TensorFlow asks for one."""
        return self.tensor


class PureUpdates:
    """Makes a Keras optimiser work in a ``keras.StatelessScope``.

    Keras' optimisers assign to TensorFlow's variables behind Keras' own; assignments
    to the latter are what the scope records. There is one variable only: the matrix
    of all networks' weights.
    """

    #: Steps taken by each network, where Keras has one number; None outside an update.
    counts = None

    @property
    def iterations(self) -> Any:
        """The number of steps taken."""
        return super().iterations if self.counts is None else self.counts

    def _get_variable_index(self, variable):
        return 0

    def assign(self, variable, value):
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable, value):
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        """Subtract from a variable."""
        variable.assign_sub(value)


class Optimizer:
    """An optimiser as a template: a Keras class and its configuration.

    Parameters
    ----------
    spec : str, keras.optimizers.Optimizer (class or instance)
        ``"adam"``, ``"sgd:momentum=0.9,nesterov=True"``, or Keras' own.

    Raises
    ------
    ValueError
        For an unknown name, a number that makes no sense, an optimiser that cannot be
        stacked, or an instance that carries a learning rate, decay or clip value of its
        own.
    """

    def __init__(self, spec: Any):
        if isinstance(spec, str):
            name, changes = parse_spec(spec)
            self.cls = find_class(name)
        elif inspect.isclass(spec) and issubclass(spec, keras.optimizers.Optimizer):
            self.cls, changes = spec, {}
        elif isinstance(spec, keras.optimizers.Optimizer):
            self.cls, changes = type(spec), {}
        else:
            raise TypeError(
                f"optimizer={spec!r} must be a name such as 'adam', or a Keras "
                f"optimiser."
            )
        if self.cls not in list_stackable().values():
            raise unstackable_error(spec)
        self.defaults = read_defaults(self.cls)
        self.config = dict(self.defaults)
        if isinstance(spec, keras.optimizers.Optimizer):
            self.config = spec.get_config()
            changes = self.own_params()  # Keras does not look at all of them
            self.check_ours(spec)
        self.change(changes)

    def check_ours(self, spec: keras.optimizers.Optimizer) -> None:
        """Refuse numbers of an instance that our own parameters stand for."""
        defaults = self.cls().get_config()  # as rounded as the instance's
        for theirs in (*OURS, *REFUSED):
            if self.config[theirs] != defaults[theirs]:
                ours = OURS.get(theirs)
                number = "ema_momentum" if theirs == "use_ema" else theirs
                remedy = (
                    f"give the estimator {ours}={self.config[number]!r} instead"
                    if ours
                    else "leave it at its default"
                )
                raise ValueError(
                    f"optimizer={type(spec).__name__}({theirs}="
                    f"{self.config[theirs]!r}) is a template; {remedy}."
                )

    def change(self, changes: dict) -> None:
        """Set configuration values by name."""
        for name, value in changes.items():
            if name not in self.own_names():
                raise UnknownParameterError(
                    f"Invalid parameter {name!r} for optimizer "
                    f"{self.cls.__name__!r}. {nearest(name, self.own_names())}"
                )
            self.config[name] = self.check_value(name, value)

    def check_value(self, name: str, value: Any) -> float | bool:
        """Return a number as the float that Keras wants, a flag as a bool."""
        if isinstance(self.defaults[name], bool):
            what, right = "True or False", isinstance(value, bool | np.bool_)
        else:
            common = LIMITS.get(name, FINITE)
            what, within = LIMITS.get((self.cls.__name__, name), common)
            right = is_number(value) and within(value)
        if not right:
            raise ValueError(
                f"optimizer {self.cls.__name__}: {name}={value!r} must be {what}."
            )
        return type(self.defaults[name])(value)

    def own_names(self) -> list[str]:
        """Return the configuration names that are neither ours nor refused."""
        common = {"name", "ema_momentum", "ema_overwrite_frequency", *OURS, *REFUSED}
        return [name for name in self.config if name not in common]

    def own_params(self) -> dict:
        """Return the optimiser's own parameters."""
        return {name: self.config[name] for name in self.own_names()}

    def spec(self) -> str:
        """Return the string that makes this optimiser."""
        changed = {k: v for k, v in self.own_params().items() if v != self.defaults[k]}
        name = self.cls.__name__.lower()
        settings = ",".join(f"{k}={v!r}" for k, v in changed.items())
        return f"{name}:{settings}" if settings else name

    def knobs(self) -> dict:
        """Return the numbers that are run-time tensors."""
        return {name: self.config[name] for name in self.knob_names()}

    def knob_names(self) -> list[str]:
        """Return the names of run-time numbers.

        A momentum of zero is not among them but is structure, for Keras then makes no
        moment for it.
        """
        names = KNOBS[self.cls.__name__]
        return [n for n in names if n != "momentum" or self.config[n] > 0]

    def structure(self) -> tuple:
        """Return class and configuration without the run-time numbers."""
        knobs = self.knob_names()
        rest = [(k, v) for k, v in self.own_params().items() if k not in knobs]
        return (self.cls, tuple(rest), tuple(knobs))

    def __getstate__(self):
        """Travel as text: whoever reads a fitted network need not know Keras' class."""
        return {"text": self.spec()}

    def __getattr__(self, name):
        # of one that came as text, and is asked for more: who predicts never does
        if name not in ("cls", "config", "defaults") or "text" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no {name!r}")
        self.__init__(self.text)
        return getattr(self, name)

    def make(self) -> keras.optimizers.Optimizer:
        """Return a fresh Keras optimiser."""
        return self.cls(**self.own_params())

    def pure(self) -> keras.optimizers.Optimizer:
        """Return a fresh Keras optimiser whose update can be a pure function."""
        pure = type(self.cls.__name__, (PureUpdates, self.cls), {})
        return pure(**self.own_params())


@functools.cache
def read_defaults(cls: type) -> dict:
    """Return the arguments of a Keras optimiser that is made without any.

    None is made, for that would have TensorFlow compute.
    """
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


@functools.cache
def list_stackable() -> dict[str, type]:
    """Return the classes of ``KNOBS`` by their names in lower case."""
    return {cls.lower(): getattr(keras.optimizers, cls) for cls in KNOBS}


def find_class(name: str) -> type:
    """Return the Keras class of that name, whatever its case."""
    if name.lower() in list_stackable():
        return list_stackable()[name.lower()]
    if name.lower() in map(str.lower, dir(keras.optimizers)):
        raise unstackable_error(name)
    raise UnknownNameError(
        f"Unknown optimizer {name!r}. {nearest(name, list_stackable())}"
    )


def unstackable_error(spec: Any) -> ValueError:
    """Return the error for an optimiser of Keras' that is not in ``KNOBS``."""
    return ValueError(
        f"optimizer={spec!r} is not supported: the weights of a network are one row of "
        f"a matrix, also where one network trains alone, and that equals Keras' own "
        f"update for {', '.join(map(repr, list_stackable()))} only. Use one of these."
    )


def state_variables(optimizer: keras.optimizers.Optimizer) -> list:
    """Return the step counter and the moments, without the learning rate."""
    rate = get_rate_or_schedule(optimizer)
    return [v for v in optimizer.variables if v is not rate]
