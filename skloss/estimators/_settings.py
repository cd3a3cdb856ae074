"""An estimator's parameters, resolved and checked once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skloss import networks, schedules
from skloss._callbacks._callback_names import check_callbacks
from skloss._callbacks._epoch_callbacks import find_plateaus
from skloss._engine._optimizers import Optimizer
from skloss._engine._plan import REGULARIZERS
from skloss._params._checks import check_choice, check_count
from skloss._params._value_object import separate_value
from skloss._tensorflow import start
from skloss._warn_user import warn_user
from skloss.estimators._calibration import check_calibration
from skloss.estimators._labelled_rows import UNLABELLED, check_label
from skloss.estimators._parameter_checks import (
    KNOBS,
    check_margin,
    check_parameters,
)
from skloss.estimators._pretrained import Pretrained
from skloss.estimators._validation_scorer import resolve_scorer
from skloss.estimators._varying import settle_unlabeled_loss
from skloss.exceptions import IneffectiveParameterWarning
from skloss.losses import Loss, UnlabelledLoss
from skloss.networks import MLP, Body
from skloss.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Settings:
    """What an estimator's parameters say, as objects and plain numbers.

    Nothing in it is shared with the estimator's value objects: what ``set_params``
    does to them later does not reach it.

    Attributes
    ----------
    estimator : str
        Name of its class, for texts.
    given : dict
        The parameters as they were given, for texts.
    loss : Loss, or None
        That of the last epoch. None for several heads, whose loss depends on what
        their columns of y are.
    heads : dict of str to PlannedHead
        Empty for one target.
    curves : dict of str to ndarray of shape (epochs, ...)
        Values, epoch by epoch, of the numbers that are schedules.
    numbers : dict of str to float
        Those for which a schedule may stand, at their last value; infinite bounds are
        none.
    network : MLP or Body
    pretrained : Pretrained or None
        What the network's hidden layers begin with.
    optimizer : Optimizer
    schedule : Schedule
    plateaus : list of (str, ReduceLROnPlateau)
        What lowers the learning rate where a score stands still, callbacks too.
    learning_rate : float
    batch_size : int or "auto"
    epochs, patience, verbose : int
    early_stopping, warm_start, record : bool
    validation_fraction : float
    validation_scoring : str, callable or None
    callbacks : list or None
        Templates; None in what a fit keeps.
    dtype : {"auto", "float32", "float64"}
    random_state : int, RandomState or None
    class_weight : dict, "balanced" or None
    calibration : "temperature" or None
    target_transform : "auto" or None
    output_margin : float or None
    loss_weights : "uncertainty" or None
    n_components : int
        0 where nothing is represented.
    unlabeled_loss : UnlabelledLoss or None
        That of the last epoch.
    unlabeled_label : object
        What stands for a missing class; None: nothing does.
    """

    estimator: str
    given: dict
    loss: Loss | None
    heads: dict
    curves: dict
    numbers: dict
    network: MLP | Body
    optimizer: Optimizer
    schedule: Schedule
    plateaus: list
    learning_rate: float
    batch_size: Any
    epochs: int
    verbose: int
    warm_start: bool
    record: bool
    callbacks: Any
    dtype: str
    random_state: Any
    early_stopping: bool = False
    patience: int = 10
    validation_fraction: float = 0.1
    validation_scoring: Any = None
    class_weight: Any = None
    calibration: str | None = None
    target_transform: str | None = "auto"
    output_margin: float | None = None
    loss_weights: str | None = None
    n_components: int = 0
    pretrained: Pretrained | None = None
    unlabeled_loss: UnlabelledLoss | None = None
    unlabeled_label: Any = UNLABELLED

    @classmethod
    @networks.python_random_untouched()
    def of(cls, estimator, *, partial=False):
        """Return the settings of an estimator, all of them checked.

        Parameters
        ----------
        estimator : BaseLossAware
        partial : bool, default=False
            Whether they are for ``partial_fit``.

        Raises
        ------
        ValueError, TypeError
            For a parameter, or two together, that cannot be, with the remedy.
        """
        start()
        check_parameters(estimator)
        check_callbacks(estimator.callbacks)
        if partial and estimator.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True: the rows held out "
                "would differ between calls. Set early_stopping=False, or use fit."
            )
        given = estimator.get_params(deep=False)
        loss, heads, curves = estimator._target.read_loss(estimator)
        network, pretrained = read_network(estimator.network)
        unlabeled_loss, of_unlabelled = settle_unlabeled_loss(estimator)
        curves = {**curves, **of_unlabelled}
        settings = cls(
            estimator=type(estimator).__name__,
            given=separate_value(given),
            loss=loss,
            heads=heads,
            curves=curves,
            numbers=resolve_numbers(given, curves, unlabeled_loss),
            unlabeled_loss=unlabeled_loss,
            network=separate_value(networks.get(network)),
            pretrained=pretrained,
            optimizer=Optimizer(estimator.optimizer),
            schedule=separate_value(schedules.get(estimator.lr_schedule)),
            plateaus=find_plateaus(estimator),
            epochs=int(estimator.epochs),
            **{name: given[name] for name in AS_GIVEN if name in given},
        )
        settings.schedule.check()
        if settings.validation_scoring is not None:
            resolve_scorer(estimator)
        settings.check_together(partial)
        return settings

    def check_together(self, partial):
        """Refuse, or warn of, parameters that do not go together."""
        if self.optimizer.cls.__name__ == "AdamW" and self.given["weight_decay"] == 0:
            warn_user(
                "optimizer='adamw' with weight_decay=0.0 is Adam; set weight_decay, "
                "for example 0.004, Keras' default.",
                IneffectiveParameterWarning,
            )
        check_choice("calibration", self.calibration, ("temperature", None))
        if self.calibration is not None:
            check_calibration(self.calibration, self.given["loss"], self.loss, partial)
        check_choice("target_transform", self.target_transform, ("auto", None))
        check_margin(self.output_margin)
        frozen = self.pretrained and self.pretrained.learning_rate_factor == 0
        if frozen and self.given["max_norm"] is not None:
            raise ValueError(
                f"max_norm={self.given['max_norm']!r} would change the body that "
                f"learning_rate_factor=0 leaves as it is. Set one of them otherwise."
            )
        check_label(self.unlabeled_label)
        if self.unlabeled_loss is not None:
            check_unlabelled(self)
        if "n_components" in self.given:
            check_count("n_components", self.n_components)

    @property
    def learns_without_labels(self):
        """Tell whether rows without a label teach anything."""
        return self.unlabeled_loss is not None or self.pretrained is not None

    @property
    def shown_loss(self):
        """The loss as it was given; those of the heads by name."""
        if not self.heads:
            return self.given["loss"]
        return {name: head.given_loss for name, head in self.heads.items()}

    def get_values(self, name):
        """Return all values that a number has, epoch by epoch, or the only one."""
        return self.curves.get(name, self.numbers[name])

    def get_parameter(self, name):
        """Return the value of a parameter by its nested name; None where it has none.

        For what a remedy may offer: numbers and words.
        """
        outer, _, inner = name.partition("__")
        for plateau_name, plateau in self.plateaus:
            if name == f"{plateau_name}__min_lr":
                return plateau.min_lr
        if not inner:
            return self.given.get(name)
        return getattr(getattr(self, outer, None), inner, None)

    def without_callbacks(self):
        """Return what a fit keeps: templates of callbacks are not needed any more."""
        if self.callbacks is None:
            return self
        given = {n: v for n, v in self.given.items() if n != "callbacks"}
        return replace(self, callbacks=None, given=given)


OF_TEACHER = 0.99  # Tarvainen and Valpola 2017, Section 3.4: at the beginning
AS_GIVEN = (
    *("learning_rate", "batch_size", "patience", "verbose", "early_stopping"),
    *("warm_start", "record", "validation_fraction", "validation_scoring"),
    *("callbacks", "dtype", "random_state", "class_weight", "calibration"),
    *("target_transform", "output_margin", "loss_weights", "n_components"),
    "unlabeled_label",
)


def read_network(network):
    """Return what the network is built of, and what it begins with, if anything."""
    if not isinstance(network, Pretrained):
        return network, None
    network.check()
    return network.unwrapped.network, network.detached()


def check_unlabelled(settings):
    """Refuse what does not go with a loss of rows without a label."""
    shown = f"unlabeled_loss={settings.given['unlabeled_loss']!r}"
    if np.any(settings.get_values("mixup") > 0):
        raise ValueError(
            f"mixup={settings.given['mixup']!r} mixes the labels of rows, and {shown} "
            f"is for rows that have none. Set one of them only."
        )
    if settings.unlabeled_label is None:
        raise ValueError(
            f"{shown} needs rows without a label, and unlabeled_label=None says that "
            f"there are none. Set the value that stands for a missing label, such as "
            f"-1."
        )


def resolve_numbers(given, curves, unlabeled_loss):
    """Return the numbers for which schedules may stand, at their last value."""
    # what an estimator lacks does not happen
    numbers = {name: given.get(name, REGULARIZERS.get(name)) for name in KNOBS}
    numbers |= {name: curves[name][-1] for name in KNOBS if name in curves}
    # a bound that is none is infinite
    numbers = {
        name: np.inf if value is None else float(value)
        for name, value in numbers.items()
    }
    views = () if unlabeled_loss is None else unlabeled_loss.views
    if any(view.averaged for view in views) and numbers["weight_averaging"] == 0:
        numbers["weight_averaging"] = OF_TEACHER
    return numbers
