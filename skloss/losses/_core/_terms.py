"""The terms of a sum of losses: their weights, and whether they can be added."""

from skloss._params import Varying, is_number
from skloss.exceptions import LossTargetError


def multiply_weights(a, b):
    """Return the product of two weights, either of which may be a schedule."""
    return a if isinstance(b, float) and b == 1 else a * b


def weight_as_code(weight):
    """Return a weight as code that can stand before a ``*``."""
    return f"({weight!r})" if " + " in repr(weight) else repr(weight)


def gives_link(loss):
    """Tell whether probabilities follow from a loss's slopes."""
    return loss.proper in ("link", "strict")


def check_weight(weight):
    """Raise ValueError unless a weight is a finite number >= 0, or a schedule."""
    fine = is_number(weight) and 0 <= weight < float("inf")
    if not fine and not isinstance(weight, Varying):
        raise ValueError(
            f"The weight of a loss is a finite number >= 0, got {weight!r}."
        )


def check_agreement(losses):
    """Raise LossTargetError unless the losses can share a head and a target."""
    facts = "family", "n_outputs", "inverse", "head", "in_user_units", "normalizes"
    for what in facts:
        check_equal(what, losses, [getattr(loss, what, 1) for loss in losses])
    asking = [loss for loss in losses if getattr(loss, "target", None) is not None]
    check_equal("what y must be", asking, [loss.target for loss in asking])


def check_equal(what, losses, values):
    """Raise LossTargetError unless the losses' values of a fact are the same."""
    if len(set(values)) > 1:
        pairs = ", ".join(f"{x!r}: {v}" for x, v in zip(losses, values, strict=True))
        raise LossTargetError(
            f"The terms of a sum must agree in {what}, got {pairs}. Add losses "
            f"of one task that share raw outputs and inverse link."
        )
