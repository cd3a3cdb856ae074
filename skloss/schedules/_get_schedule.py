"""From what a user writes to a schedule."""

import inspect

from skloss._params import nearest, parse_spec
from skloss.exceptions import UnknownNameError
from skloss.schedules._adapters import adapt
from skloss.schedules._decay import Constant
from skloss.schedules._schedule import Schedule


def get(spec):
    """Return the schedule that ``spec`` describes.

    Parameters
    ----------
    spec : None, str, Schedule, function or Keras schedule
        None is the constant schedule; a string is a name, with numbers if wanted. A
        function is one of ``(epoch, lr)``, see ``FunctionSchedule``; a schedule of
        ``keras.optimizers.schedules`` gives the rates itself, see ``KerasSchedule``.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If there is no such schedule, or it has no such parameter.

    Examples
    --------
    >>> from skloss.schedules import get
    >>> get("cosine:final=0.01")
    Cosine(final=0.01)
    >>> get("warm_up:epochs=3,then=cosine")
    WarmUp(epochs=3, then=Cosine())
    """
    if spec is None:
        return Constant()
    if isinstance(spec, Schedule):
        return spec.resolve()
    if callable(spec) and not inspect.isclass(spec):
        return adapt(spec)
    if not isinstance(spec, str):
        raise ValueError(
            f"{spec!r} is not a learning-rate schedule. Give None, a name such as "
            "'cosine' or 'cosine:final=0.01', an instance such as Cosine(), a function "
            "of (epoch, lr), or an instance of a Keras schedule."
        )
    name, params = parse_spec(spec)
    known = Schedule.registry
    if name not in known:
        raise UnknownNameError(
            f"Unknown learning-rate schedule {name!r}. {nearest(name, known)}"
        )
    return known[name]().set_params(**params).resolve()
