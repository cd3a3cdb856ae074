"""Weighted sums of losses: flat, named, searchable."""

from typing import ClassVar

import numpy as np

from skloss._params import is_number
from skloss.losses._core._combined import (
    Combined,
    agreed,
    in_every,
    one_or_mixture,
    strongest_growth,
)
from skloss.losses._core._loss import Loss
from skloss.losses._core._named import NamedLosses
from skloss.losses._core._terms import (
    check_agreement,
    check_equal,
    check_weight,
    multiply_weights,
    weight_as_code,
)
from skloss.losses._core._view import join_views, select_views


class LossSum(NamedLosses):
    """A weighted sum of losses, written ``0.7 * CrossEntropy() + 0.3 * Focal()``.

    A weight may be a schedule: ``CrossEntropy() + WarmUp(epochs=20) * Brier()``. Every
    term is reached by its name: ``focal`` (the loss), ``focal__weight`` and
    ``focal__gamma``. Two terms of one kind are called ``focal`` and ``focal_2``.

    A loss times a number predicts as the loss itself. A sum of several has the
    probabilities that follow from all of them, those of the labels as given, and no
    predicted distribution.

    A term of weight 0 counts for nothing that is said of the minimiser: what is
    elicited, properness and probabilities, robustness, convexity, sign. (Of a schedule
    the last epoch's weight decides, before ``fit`` it counts.) What terms ask of the
    target and of the network holds at any weight, so that all candidates of a search
    see the same scaled target and share a program; and ordered classes are decided on
    as the first term that knows their order says.

    Parameters
    ----------
    terms : list of (str, float or Schedule, Loss)
        Name, weight >= 0 and loss of each term.

    Raises
    ------
    LossTargetError
        If the terms differ in task, raw outputs, inverse link or target domain scale.

    Examples
    --------
    >>> from skloss.losses import CrossEntropy, Focal
    >>> loss = 0.7 * CrossEntropy() + 0.3 * Focal(gamma=2.0)
    >>> loss
    0.7 * CrossEntropy() + 0.3 * Focal()
    >>> loss.set_params(focal__gamma=3.0).get_params()["focal__gamma"]
    3.0
    """

    # the classes of sums, which register themselves
    of_family: ClassVar[dict] = {}
    # said of the minimiser: by the terms that count
    elicits = Combined(one_or_mixture, of="counting_losses")
    robust = Combined(all, of="counting_losses")
    convex = Combined(all, of="counting_losses")
    nonnegative = Combined(all, of="counting_losses")
    gradient_growth = Combined(strongest_growth, of="counting_losses")
    # asked of the target and of the network: by every term; what raw outputs of one
    # head stand for, the first says for all
    head = Combined(agreed)
    in_user_units = Combined(agreed)
    kinds = Combined(in_every)
    trained = Combined(agreed)
    exponential_outputs = Combined(agreed)

    def __init__(self, terms):
        self.terms = terms

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        LossSum.of_family[cls.family] = cls

    def __new__(cls, terms=()):
        # estimators ask a loss for its family's methods, so a sum is of its terms' kind
        family = getattr(terms[0][2], "family", None) if terms else None
        return object.__new__(cls.of_family.get(family, cls))

    def __getnewargs__(self):
        return (self.terms,)

    @staticmethod
    def scale(loss, weight):
        """Return ``weight * loss``; the weight may be a schedule."""
        check_weight(weight)
        weight = float(weight) if is_number(weight) else weight
        return make_sum(
            [(n, multiply_weights(weight, w), t) for n, w, t in terms_of(loss)]
        )

    @staticmethod
    def add(a, b):
        """Return ``a + b``, flattened, with distinct names."""
        terms = []
        for name, weight, loss in [*terms_of(a), *terms_of(b)]:
            base, taken, i = loss.name or name, {n for n, _, _ in terms}, 2
            name = base
            while name in taken:
                name, i = f"{base}_{i}", i + 1
            terms.append((name, weight, loss))
        return make_sum(terms)

    def named(self):
        """Return the terms' losses by name."""
        return {name: loss for name, _, loss in self.terms}

    def numbers(self):
        """Return the weights."""
        return {f"{name}__weight": weight for name, weight, _ in self.terms}

    def hold(self, named, numbers):
        """Take other losses and weights for the terms."""
        self.terms = [(n, numbers[f"{n}__weight"], loss) for n, loss in named.items()]

    def check(self):
        """Check the terms' parameters and that they agree."""
        for _, weight, loss in self.terms:
            if not isinstance(loss, Loss):
                raise TypeError(
                    f"LossSum: terms={self.terms!r} must hold objects such as "
                    f"CrossEntropy(), not {loss!r}."
                )
            loss.check()
            check_weight(weight)
        check_agreement(self.losses)

    def __repr__(self):
        return " + ".join(
            f"{weight_as_code(w)} * {loss!r}" for _, w, loss in self.terms
        )

    @property
    def losses(self):
        """Return the terms' losses."""
        return [loss for _, _, loss in self.terms]

    @property
    def counting_losses(self):
        """Return the losses of the terms that count: whose weight is not zero.

        A weight that is not a number, a schedule or a tensor, counts.
        """
        return [x for _, w, x in self.terms if not (is_number(w) and w == 0)]

    @property
    def views(self):
        """Return the views of all terms, each once."""
        return join_views(self.named())

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the terms' values, each of its own views."""
        total = 0.0
        for name, factor, loss in self.terms:
            own = tuple(view.rename(f"{name}__") for view in loss.views)
            seen = select_views(raw, self.views, own)
            total = total + factor * loss.batch_value(task, y_true, seen, weight)
        return total

    def rowwise(self, task, y_true, raw):
        """Return the weighted sum of the terms' values per row."""
        return self.sum_terms(lambda loss: loss.rowwise(task, y_true, raw))

    def pointwise(self, y_true, raw):
        """Return the weighted sum of the terms' values."""
        return self.sum_terms(lambda loss: loss.pointwise(y_true, raw))

    def n_raw(self, task):
        """Return the terms' number of raw outputs."""
        return self._agreed("n_raw", task)

    def n_global(self, task):
        """Return the terms' number of raw outputs that are the same for every row."""
        return self._agreed("n_global", task)

    def _agreed(self, what, task):
        """Return a number that depends on the task, refused where the terms differ."""
        numbers = [getattr(loss, what)(task) for loss in self.losses]
        check_equal(what, self.losses, numbers)
        return numbers[0]

    def global_pace(self, task):
        """Return the largest factors that a term asks for."""
        return np.max([loss.global_pace(task) for loss in self.losses], axis=0)

    def sum_terms(self, call):
        """Return the weighted sum of ``call(loss)`` over the terms."""
        total = None
        for _, weight, loss in self.terms:
            value = weight * call(loss)
            total = value if total is None else total + value
        return total


def terms_of(loss):
    """Return a loss as a list of (name, weight, loss)."""
    if isinstance(loss, LossSum):
        return loss.terms
    return [(loss.name or type(loss).__name__.lower(), 1.0, loss)]


def make_sum(terms):
    """Return the sum of ``terms``, refused where they do not agree."""
    check_agreement([loss for _, _, loss in terms])
    return LossSum(list(terms))


Loss._sum_class = LossSum
