"""Sums and products of schedules."""

from typing import ClassVar

from skloss._params import is_number
from skloss.schedules._composite import Composite
from skloss.schedules._get_schedule import get
from skloss.schedules._schedule import Schedule


class Operation(Composite):
    """Base class of sum and product, of two schedules or a schedule and a number.

    Parameters
    ----------
    a, b : Schedule, str or float
    """

    parts: ClassVar[tuple] = ("a", "b")
    sign = ""
    why_not_monitored = (
        "a schedule that watches the validation score must be alone: while another one "
        "moves the rate, a score that stands still does not tell that the rate is too "
        "high, and min_lr would not be the lowest rate."
    )

    def __init__(self, a, b):
        self.a = a
        self.b = b

    @classmethod
    def combine(cls, a, b):
        """Return the operation on two schedules, or on one and a number."""
        if not all(
            is_number(x) or isinstance(x, Schedule) or callable(x) for x in (a, b)
        ):
            return NotImplemented
        made = cls(*(float(x) if is_number(x) else get(x) for x in (a, b)))
        made.check_agreement()
        return made

    def check(self):
        """Raise ``ValueError`` if a number or a part makes no sense."""
        super().check()
        for name in self.parts:
            value = getattr(self, name)
            wrong = is_number(value) and not abs(value) < float("inf")
            if wrong or value is None:
                raise ValueError(
                    f"{type(self).__name__}: {name}={value!r} must be a schedule or a "
                    f"finite number."
                )

    def operands(self, *args):
        """Return the multipliers of both; a number is its own."""
        for name in self.parts:
            value = getattr(self, name)
            yield value.multiplier(*args) if isinstance(value, Schedule) else value

    def __repr__(self):
        if isinstance(self.a, str) or isinstance(self.b, str):
            return super().__repr__()  # Python would add and multiply text
        a, b = (
            f"({v!r})" if isinstance(v, Operation) else repr(v)
            for v in (self.a, self.b)
        )
        return f"{a} {self.sign} {b}"


class Sum(Operation):
    """The sum of two schedules, written ``a + b``; a number is a constant share.

    Parameters
    ----------
    a, b : Schedule, str or float

    Examples
    --------
    >>> from skloss.schedules import Step
    >>> (0.9 * Step(factor=0.5, every=2) + 0.1).values(0.1, epochs=4)
    array([0.1  , 0.1  , 0.055, 0.055])
    """

    sign = "+"

    @property
    def absolute(self):
        """Tell whether both give rates."""
        inner = self.part_schedules().values()
        return len(inner) == 2 and all(part.absolute for part in inner)

    def check_agreement(self):
        """Raise ``ValueError`` unless both give rates, or both multiples of one."""
        super().check_agreement()
        if (
            any(part.absolute for part in self.part_schedules().values())
            and not self.absolute
        ):
            raise ValueError(
                f"{self!r} adds a rate and a multiple of the learning rate. Add what "
                f"is of one kind, or multiply them."
            )

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        a, b = self.operands(step, steps_per_epoch, n_steps)
        return a + b


class Product(Operation):
    """The product of two schedules, written ``a * b``; a number is a constant factor.

    Parameters
    ----------
    a, b : Schedule, str or float

    Examples
    --------
    >>> from skloss.schedules import Exponential, WarmUp
    >>> (WarmUp(epochs=2) * Exponential(rate=0.5)).values(0.1, epochs=4)
    array([0.05  , 0.05  , 0.025 , 0.0125])
    """

    sign = "*"

    @property
    def absolute(self):
        """Tell whether one of the two gives rates, and the other multiples."""
        return any(part.absolute for part in self.part_schedules().values())

    def check_agreement(self):
        """Raise ``ValueError`` if both give rates."""
        super().check_agreement()
        inner = self.part_schedules().values()
        if len(inner) == 2 and all(part.absolute for part in inner):
            raise ValueError(
                f"{self!r} multiplies two rates, which is no rate. Use a schedule of "
                f"skloss, which gives multiples of the learning rate, for one of them."
            )

    def curve(self, step, steps_per_epoch, n_steps):
        """Return the multiplier at ``step``."""
        a, b = self.operands(step, steps_per_epoch, n_steps)
        return a * b
