"""Losses made from another: the facts of both in one."""

from typing import ClassVar

from skloss._params import Params
from skloss.losses._core._families import ClassificationLoss, RegressionLoss
from skloss.losses._core._loss import Loss
from skloss.losses._core._representation_loss import RepresentationLoss


def public_names(*classes):
    """Return the public names that classes and their base classes define."""
    bases = {base for cls in classes for base in cls.__mro__} - {object}
    names = {name for base in bases for name in vars(base)}
    return {name for name in names if not name.startswith("_")}


# The public names that a wrapper does not take from the loss that it wraps.
NOT_FORWARDED = {
    "registry": "there is one for all losses",
    **dict.fromkeys(
        ("name", "aliases", "from_keras", "formula", "source"),
        "a wrapper is no entry of the catalogue: it is written out, CVaR(Huber())",
    ),
    **dict.fromkeys(
        public_names(Params),
        "a wrapper is a value with parameters, of which the wrapped loss is one",
    ),
    **dict.fromkeys(
        ("measured", "measure"),
        "the wrapped loss is a parameter, and parameters are asked to measure",
    ),
    **dict.fromkeys(
        ("pointwise", "binary", "columnwise", "rowwise", "batch_value"),
        "the value is what a wrapper changes: it has those that it defines",
    ),
}


def forwarded(name):
    """Return a property that reads the attribute, or the method, of the wrapped loss.

    A loss of numbers has no probabilities: what the wrapped loss lacks, the wrapper
    lacks too.
    """
    return property(lambda self: getattr(self.loss, name))


def without(name):
    """Return a property that takes away what the wrapped loss has."""

    def refuse(self):
        raise AttributeError(f"{self!r} has no {name}")

    return property(refuse)


def forward_the_rest(cls):
    """Forward every public name of losses that ``cls`` neither defines nor excepts.

    ``Loss`` has defaults, so that ``__getattr__`` would not be asked for its names. A
    fact that ``Loss`` is given tomorrow is forwarded without a line here.
    """
    families = ClassificationLoss, RegressionLoss, RepresentationLoss
    rest = public_names(*families) - set(vars(cls))
    for name in rest - set(NOT_FORWARDED):
        setattr(cls, name, forwarded(name))
    return cls


@forward_the_rest
class Wrapper(Loss):
    """A loss made from another, which it follows in all that it does not define.

    Parameters
    ----------
    loss : Loss
    """

    own_space: ClassVar = {}

    @property
    def search_space(self):
        """Return the wrapper's own knobs and the wrapped loss's."""
        within = {f"loss__{k}": v for k, v in self.loss.search_space.items()}
        return {**self.own_space, **within}

    def check(self):
        """Raise unless a loss is wrapped and its own parameters are fine."""
        if not isinstance(self.loss, Loss):
            raise TypeError(
                f"{type(self).__name__}: loss={self.loss!r} must be an object such as "
                f"Huber(), not a name."
            )
        self.loss.check()
