"""What the schedules made of others have in common."""

from typing import ClassVar

from skloss._params import is_number
from skloss.schedules._get_schedule import get
from skloss.schedules._schedule import Schedule


class Composite(Schedule):
    """Base class of the schedules made of others, which are parameters.

    A subclass names these parameters in ``parts``; their values may be names of
    schedules, and None is the constant one.
    """

    parts: ClassVar[tuple] = ()
    #: Why no part may watch the validation score.
    why_not_monitored = ""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Schedule.composites[cls.__name__] = cls

    def part_schedules(self):
        """Return the parts that are schedules, by the names of their parameters."""
        values = {name: getattr(self, name) for name in self.parts}
        return {name: get(v) for name, v in values.items() if not is_number(v)}

    def _holder_of(self, name, value):
        """Return the object behind a value; a name may stand for a part."""
        if name in self.parts and isinstance(value, str):
            return get(value)
        return super()._holder_of(name, value)

    def resolve(self):
        """Return the schedule with names of parts turned into their schedules."""
        values = {name: getattr(self, name) for name in self.parts}
        schedules = {
            name: get(value)
            for name, value in values.items()
            if isinstance(value, str | Schedule) or callable(value)
        }
        changed = any(schedules[name] is not values[name] for name in schedules)
        return self.bind(schedules) if changed else self

    def check(self):
        """Raise ``ValueError`` if a number or a part makes no sense."""
        super().check()
        self.check_agreement()
        for part in self.part_schedules().values():
            part.check()

    def check_agreement(self):
        """Raise ``ValueError`` if the parts do not go together."""
        for name, part in self.part_schedules().items():
            if part.monitors:
                raise ValueError(
                    f"{type(self).__name__}: {name}={part!r}, but "
                    f"{self.why_not_monitored} Use {name}='cosine', or the plateau "
                    f"schedule alone."
                )

    def settle(self, learning_rate, steps_per_epoch, n_steps):
        """Return the schedule in which each part is settled."""
        args = learning_rate, steps_per_epoch, n_steps
        return self.bind({n: p.settle(*args) for n, p in self.part_schedules().items()})

    def idle(self, learning_rate, patience=None, epochs=None):
        """Return the parts' messages about what cannot act."""
        parts = self.part_schedules().values()
        return [m for part in parts for m in part.idle(learning_rate, patience, epochs)]
