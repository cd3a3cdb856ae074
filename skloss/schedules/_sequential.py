"""One schedule after the other."""

from typing import ClassVar

from skloss.schedules import _keras_ops as ops
from skloss.schedules._composite import Composite
from skloss.schedules._get_schedule import get


class Sequential(Composite):
    """A schedule for some epochs, then another; made by ``Schedule.followed_by``.

    ``first`` runs for ``w = round(epochs * steps_per_epoch)`` steps (at least one) and
    sees them as its horizon; from step ``w`` on, ``then`` runs over the remaining
    ``n_steps - w`` steps and begins at its own step 0.

    Parameters
    ----------
    first, then : Schedule, str or None
        None keeps the full learning rate.
    epochs : float
        Length of the first; a part of an epoch is allowed.

    Examples
    --------
    >>> from skloss.schedules import Exponential, Sequential
    >>> Sequential(None, Exponential(rate=0.5), epochs=2).values(0.1, epochs=4)
    array([0.1 , 0.1 , 0.1 , 0.05])
    """

    parts: ClassVar[tuple] = ("first", "then")
    limits: ClassVar[dict] = {
        "epochs": ("above 0", "how long the first schedule lasts")
    }
    why_not_monitored = (
        "a schedule before or after another must not depend on the validation score: "
        "scores under the other would count as a plateau."
    )

    def __init__(self, first, then, epochs):
        self.first = first
        self.then = then
        self.epochs = epochs

    @property
    def bounded(self):
        """Tell whether both schedules are bounded."""
        return all(part.bounded for part in self.part_schedules().values())

    @property
    def absolute(self):
        """Tell whether both schedules give rates: they agree in that."""
        return get(self.first).absolute

    def check_agreement(self):
        """Raise ``ValueError`` unless both give rates, or both multiples of one."""
        super().check_agreement()
        if get(self.first).absolute != get(self.then).absolute:
            raise ValueError(
                f"{self!r} puts a schedule that gives rates and one that gives "
                f"multiples of the learning rate one after the other. Use a schedule "
                f"of skloss for both, or multiply them, as in WarmUp() * KerasSchedule("
                f"...)."
            )

    def length(self, steps_per_epoch):
        """Return the steps of the first schedule."""
        return ops.maximum(ops.round(self.epochs * steps_per_epoch), 1.0)

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        length = self.length(steps_per_epoch)
        begin = get(self.first).multiplier(step, steps_per_epoch, length)
        rest = get(self.then).multiplier(
            ops.maximum(step - length, 0.0),
            steps_per_epoch,
            ops.maximum(n_steps - length, 1.0),
        )
        return ops.where(step < length, begin, rest)

    def settle(self, learning_rate, steps_per_epoch, n_steps):
        """Return the schedule in which each part is settled over its own steps."""
        length = max(round(self.epochs * steps_per_epoch), 1)
        spans = {"first": length, "then": max(n_steps - length, 1)}
        return self.bind(
            {
                name: part.settle(learning_rate, steps_per_epoch, spans[name])
                for name, part in self.part_schedules().items()
            }
        )

    def idle(self, learning_rate, patience=None, epochs=None):
        """Return messages about what the training does not reach."""
        if epochs is None:
            return []
        if self.epochs >= epochs and self.then is not None:
            return [self.explain_too_long(epochs, f"then={self.then!r} never begins")]
        if self.epochs > epochs:
            return [self.explain_too_long(epochs, "its end is never reached")]
        inner = self.part_schedules()
        spans = {"first": self.epochs, "then": epochs - self.epochs}
        return [
            message
            for name, part in inner.items()
            for message in part.idle(learning_rate, patience, spans[name])
        ]

    def explain_too_long(self, epochs, what):
        """Return the message that the training is too short."""
        return (
            f"{type(self).__name__}: epochs={self.epochs!r}, but the training has "
            f"{epochs!r}, so that {what}; lower the former to, say, {epochs / 10:g}, "
            f"or raise the estimator's epochs."
        )
