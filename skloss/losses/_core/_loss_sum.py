"""Weighted sums of losses: flat, named, searchable."""

from numbers import Real

import numpy as np

from skloss._params import Varying, is_number
from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._constant import minimise_constant
from skloss.losses._core._domains import narrowest
from skloss.losses._core._families import ClassificationLoss, RegressionLoss
from skloss.losses._core._link import order_by, with_order
from skloss.losses._core._loss import Loss
from skloss.losses._core._named import GROWTH, PROPERNESS, NamedLosses, first
from skloss.losses._core._softmax_losses import SoftmaxLoss, SoftmaxScore, pull_link


def every_counting(name):
    """Return a property: whether a fact is true of every term that counts."""
    return property(lambda self: all(getattr(loss, name) for loss in self.counting))


class LossSum(NamedLosses):
    """A weighted sum of losses, written ``0.7 * CrossEntropy() + 0.3 * Focal()``.

    A weight may be a schedule: ``CrossEntropy() + WarmUp(epochs=20) * Brier()``. Every
    term is reached by its name: ``focal`` (the loss), ``focal__weight`` and
    ``focal__gamma``. Two terms of one kind are called ``focal`` and ``focal_2``.

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

    head = first("head")

    def __init__(self, terms):
        self.terms = terms

    def __new__(cls, terms=()):
        # the skin asks a loss for its family's methods: a sum has its terms' family
        family = terms[0][2].family if terms else None
        kinds = {
            "classification": ClassificationSum,
            "regression": RegressionSum,
        }
        return object.__new__(kinds.get(family, cls))

    def __getnewargs__(self):
        return (self.terms,)

    @staticmethod
    def scaled(loss, weight):
        """Return ``weight * loss``; the weight may be a schedule."""
        if is_number(weight) and 0 <= weight < float("inf"):
            weight = float(weight)
        elif not isinstance(weight, Varying):
            raise ValueError(
                f"The weight of a loss is a finite number >= 0, got {weight!r}."
            )
        return make_sum([(n, times(weight, w), t) for n, w, t in terms_of(loss)])

    @staticmethod
    def joined(a, b):
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
            loss.check()
            LossSum.scaled(loss, weight)
        check_agreement(self.losses)

    def __repr__(self):
        return " + ".join(f"{factor(w)} * {loss!r}" for _, w, loss in self.terms)

    @property
    def losses(self):
        """Return the terms' losses."""
        return [loss for _, _, loss in self.terms]

    @property
    def counting(self):
        """Return the losses of the terms that count: whose weight is not zero.

        A weight that is not a number, a schedule or a tensor, counts.
        """
        return [x for _, w, x in self.terms if not (is_number(w) and w == 0)]

    robust = every_counting("robust")
    convex = every_counting("convex")
    nonnegative = every_counting("nonnegative")

    @property
    def gradient_growth(self):
        """Return the strongest growth among the terms that count."""
        ranks = [GROWTH.index(loss.gradient_growth) for loss in self.counting]
        return GROWTH[max(ranks, default=0)]

    @property
    def elicits(self):
        """Return what all terms that count elicit, or "a mixture"."""
        kinds = {loss.elicits for loss in self.counting}
        return kinds.pop() if len(kinds) == 1 else "a mixture"

    @property
    def kinds(self):
        """Return the kinds of task that every term handles."""
        mine, *others = [loss.kinds for loss in self.losses]
        return tuple(k for k in mine if all(k in other for other in others))

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the terms' values."""
        return self.weighted(lambda loss: loss.batch_value(task, y_true, raw, weight))

    def rowwise(self, task, y_true, raw):
        """Return the weighted sum of the terms' values per row."""
        return self.weighted(lambda loss: loss.rowwise(task, y_true, raw))

    def pointwise(self, y_true, raw):
        """Return the weighted sum of the terms' values."""
        return self.weighted(lambda loss: loss.pointwise(y_true, raw))

    def n_raw(self, task):
        """Return the terms' number of raw outputs."""
        return self.losses[0].n_raw(task)

    def n_global(self, task):
        """Return the terms' number of raw outputs that are the same for every row."""
        return self.losses[0].n_global(task)

    def global_pace(self, task):
        """Return the largest factors that a term asks for."""
        return np.max([loss.global_pace(task) for loss in self.losses], axis=0)

    def trained(self, task, last):
        """Return the terms' trained numbers that do not depend on X."""
        return self.losses[0].trained(task, last)

    def weighted(self, call):
        """Return the weighted sum of ``call(loss)`` over the terms."""
        total = None
        for _, weight, loss in self.terms:
            value = weight * call(loss)
            total = value if total is None else total + value
        return total


Loss._sum_class = LossSum


class ClassificationSum(LossSum, ClassificationLoss):
    """A sum of classification losses; made by :class:`LossSum`."""

    family = "classification"

    @property
    def proper(self):
        """Return the weakest properness among the terms that count.

        A softmax loss that only keeps the order does no harm beside one with a link.
        """
        linked = [gives_link(loss) for loss in self.counting]
        on_softmax = [isinstance(loss, SoftmaxLoss) for loss in self.counting]
        if any(linked) and (all(linked) or all(on_softmax)):
            return "link"
        ranks = [PROPERNESS.index(loss.proper) for loss in self.counting]
        return PROPERNESS[min(ranks, default=0)]

    def choose_by_probabilities(self, there, none):
        """Return ``there()`` if the loss gives probabilities, else ``none()``.

        Within a graph weights are tensors, and choose network by network as ``proper``
        does for numbers.
        """
        linked = [gives_link(loss) for loss in self.losses]
        tensors = [w for _, w, _ in self.terms if not isinstance(w, Real | Varying)]
        if not tensors or all(linked) or not any(linked):
            return super().choose_by_probabilities(there, none)
        good = self.sum_weights(gives_link)
        bad = self.sum_weights(lambda loss: not gives_link(loss))
        other = self.sum_weights(lambda loss: not isinstance(loss, SoftmaxLoss))
        honest = ops.logical_and(good > 0, ops.minimum(bad, other) == 0)
        return ops.where(honest, there(), none())

    def sum_weights(self, chosen):
        """Return the sum of the weights of the terms whose loss is ``chosen``."""
        return sum(weight for _, weight, loss in self.terms if chosen(loss))

    @property
    def keeps_order(self):
        """Tell whether raw scores decide by themselves: for terms on the softmax v.

        Setting the expected gradient to zero gives eta_i = a(v_i) / b(v_i) for any sum
        of theirs, a rising and b falling in v_i.
        """
        return all(
            loss.keeps_order and isinstance(loss, SoftmaxLoss | SoftmaxScore)
            for loss in self.losses
        )

    def binary(self, y_true, raw):
        """Return the weighted sum of the terms' values for two classes."""
        return self.weighted(lambda loss: loss.binary(y_true, raw))

    @property
    def ordered(self):
        """Tell whether a term asks for the order of the classes."""
        return any(loss.ordered for loss in self.losses)

    @property
    def has_one_link(self):
        """Tell whether the terms share their link: of one class, or proper scores."""
        scores = all(isinstance(loss, SoftmaxScore) for loss in self.losses)
        return self.head != "scores" or scores

    def link(self, scores):
        """Return probabilities: in closed form for softmax losses."""
        if self.has_one_link:
            return self.losses[0].link(scores)
        if not all(isinstance(loss, SoftmaxLoss) for loss in self.losses):
            p = super().link(scores)
            if not self.keeps_order:
                return p
            return with_order(order_by(p, scores), scores)
        log_p = ops.log_softmax(scores)
        return pull_link(
            log_p,
            self.weighted(lambda loss: loss.pull(log_p)),
            self.weighted(lambda loss: loss.smoothing()),
        )

    def binary_link(self, raw):
        """Return the probability of class 1."""
        if self.has_one_link:
            return self.losses[0].binary_link(raw)
        if not all(isinstance(loss, SoftmaxLoss) for loss in self.losses):
            return super().binary_link(raw)
        return self.link(ops.stack([ops.zeros_like(raw), raw], axis=-1))[..., 1]

    def scores(self, task, raw):
        """Return the raw scores, or the probabilities' where these decide.

        Ordered classes are decided on by the first such term, if there are
        probabilities to decide by.
        """
        if task.kind == "multiclass":
            decide = [loss.decide for loss in self.losses if hasattr(loss, "decide")]
            if decide:
                return self.choose_by_probabilities(
                    lambda: decide[0](self.link(raw)), lambda: raw
                )
        elif all(loss.keeps_order for loss in self.losses):
            return raw  # odds are even at 0 for each of them, so for their sum
        return super().scores(task, raw)


class RegressionSum(LossSum, RegressionLoss):
    """A sum of regression losses; made by :class:`LossSum`."""

    family = "regression"
    n_outputs = first("n_outputs")
    inverse = first("inverse")

    @property
    def proper(self):
        """Return the weakest properness, "none" where terms elicit different things."""
        ranks = [PROPERNESS.index(loss.proper) for loss in self.counting]
        return "none" if self.elicits == "a mixture" else PROPERNESS[min(ranks)]

    def columnwise(self, task, y_true, raw):
        """Return the weighted sum of the terms' values per row and target."""
        return self.weighted(lambda loss: loss.columnwise(task, y_true, raw))

    def split(self, task, raw):
        """Return the terms' raw outputs, one axis per target."""
        return self.losses[0].split(task, raw)

    def point(self, raw):
        """Return the terms' point prediction."""
        return self.losses[0].point(raw)

    def inverse_link(self, task, raw):
        """Return the terms' point predictions."""
        return self.losses[0].inverse_link(task, raw)

    def best_constant(self, task, y_true, sample_weight):
        """Return the minimising raw outputs, sought from those of the first term."""
        start = self.losses[0].best_constant(task, y_true, sample_weight)
        return minimise_constant(self, task, y_true, start, sample_weight)

    def saturated(self, task, y_true, constant):
        """Return that of the first term that can fall below zero, if there is one."""
        below = [loss for loss in self.losses if not loss.nonnegative]
        loss = (below or self.losses)[0]
        return loss.saturated(task, y_true, constant)

    @property
    def domain(self):
        """Return the narrowest of the terms' domains."""
        return narrowest(loss.domain for loss in self.losses)

    @property
    def target_scaling(self):
        """Return what the most demanding term asks for.

        No shift before any other: percentages and logarithms need the zero of y.
        """
        kinds = [loss.target_scaling for loss in self.losses]
        if isinstance(kinds[0], tuple):  # one a target; the heads agree, so do these
            return kinds[0]
        return min(kinds, key=("none", "scale", "robust", "standard").index)


def times(a, b):
    """Return the product of two weights, either of which may be a schedule."""
    return a if isinstance(b, float) and b == 1 else a * b


def gives_link(loss):
    """Tell whether probabilities follow from a loss's slopes."""
    return loss.proper in ("link", "strict")


def factor(weight):
    """Return a weight as code that can stand before a ``*``."""
    return f"({weight!r})" if " + " in repr(weight) else repr(weight)


def terms_of(loss):
    """Return a loss as a list of (name, weight, loss)."""
    if isinstance(loss, LossSum):
        return loss.terms
    return [(loss.name or type(loss).__name__.lower(), 1.0, loss)]


def make_sum(terms):
    """Return the sum of ``terms``, refused where they do not agree."""
    check_agreement([loss for _, _, loss in terms])
    return LossSum(list(terms))


def check_agreement(losses):
    """Raise LossTargetError unless the losses can share a head and a target."""
    for what in ("family", "n_outputs", "inverse", "head", "in_user_units"):
        values = [getattr(loss, what, 1) for loss in losses]
        if len(set(values)) > 1:
            pairs = ", ".join(
                f"{x!r}: {v}" for x, v in zip(losses, values, strict=True)
            )
            raise LossTargetError(
                f"The terms of a sum must agree in {what}, got {pairs}. Add losses "
                f"of one task that share raw outputs and inverse link."
            )
