"""What one head of a multi-task network predicts: its loss, and how much it counts."""

from collections.abc import Callable

import numpy as np

from skloss import losses
from skloss._params import Params, Varying, find_holder, is_number
from skloss._params._checks import check_choice
from skloss.estimators._parameter_checks import check_margin
from skloss.networks import python_random_untouched

LossSpec = str | losses.Loss | Callable


class Head(Params):
    """Base class of the heads."""

    family = None

    def as_object(self):
        """Return the loss as an object, or None where it is none."""
        return find_holder(self, "loss", self.loss)

    @python_random_untouched()
    def _holder_of(self, name, value):
        """Return the object behind a value; a name may stand for the loss."""
        if name == "loss":
            return losses.get(value, self.family)
        return super()._holder_of(name, value)

    def check(self):
        """Raise ValueError unless the weight is a finite number >= 0, or a schedule."""
        if isinstance(self.weight, Varying):
            return
        if not is_number(self.weight) or not 0 <= self.weight < np.inf:
            raise ValueError(
                f"weight={self.weight!r} must be a finite number >= 0; the losses of "
                f"the heads are added with these weights."
            )


class ClassificationHead(Head):
    """A head that predicts classes: two, several, or ordered ones.

    Parameters
    ----------
    loss : str, Loss, keras.losses.Loss or callable, default="cross_entropy"
        As for :class:`LossAwareClassifier`.
    weight : float >= 0 or Schedule, default=1.0
        Factor on the loss in the sum that is minimised; a head of weight 0 learns
        nothing.

    Examples
    --------
    >>> from skloss import ClassificationHead
    >>> ClassificationHead("focal").set_params(loss__gamma=3, weight=0.5)
    ClassificationHead(loss=Focal(gamma=3), weight=0.5)
    """

    family = "classification"

    def __init__(self, loss: LossSpec = "cross_entropy", weight: float | Varying = 1.0):
        self.loss = loss
        self.weight = weight


class RegressionHead(Head):
    """A head that predicts a number, with quantiles or a distribution as its loss can.

    Parameters
    ----------
    loss : str, Loss, keras.losses.Loss or callable, default="squared_error"
        As for :class:`LossAwareRegressor`.
    weight : float >= 0 or Schedule, default=1.0
        Factor on the loss, of the scaled target, in the sum that is minimised; a head
        of weight 0 learns nothing. A function's is of y in its own units: one of y near
        1e-6 needs a weight that makes up for it.
    target_transform : "auto" or None, default="auto"
    output_margin : float >= 0 or None, default=0.1
        Both as for :class:`LossAwareRegressor`.

    Examples
    --------
    >>> from skloss import RegressionHead
    >>> RegressionHead("huber", weight=0.5)
    RegressionHead(loss='huber', weight=0.5)
    """

    family = "regression"

    def __init__(
        self,
        loss: LossSpec = "squared_error",
        weight: float | Varying = 1.0,
        target_transform: str | None = "auto",
        output_margin: float | None = 0.1,
    ):
        self.loss = loss
        self.weight = weight
        self.target_transform = target_transform
        self.output_margin = output_margin

    def check(self):
        """Raise for a weight, a transform or a margin that makes no sense."""
        super().check()
        check_choice("target_transform", self.target_transform, ("auto", None))
        check_margin(self.output_margin)
