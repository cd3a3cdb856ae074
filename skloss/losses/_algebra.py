"""Weighted sums of losses: flat, named, searchable."""

from skloss._params import Varying, is_number
from skloss.exceptions import LossTargetError
from skloss.losses import _ops as ops
from skloss.losses._base import ClassificationLoss, RegressionLoss
from skloss.losses._constant import minimise_constant
from skloss.losses._domains import narrowest
from skloss.losses._named import NamedLosses, every, first
from skloss.losses._softmax import SoftmaxLoss, pull_link

PROPERNESS = ("none", "order", "link", "strict")


class LossSum(NamedLosses):
    """A weighted sum of losses, written ``0.7 * CrossEntropy() + 0.3 * Focal()``.

    A weight may be a schedule: ``CrossEntropy() + WarmUp(epochs=20) * Brier()``. Every
    term is reached by its name: ``focal`` (the loss), ``focal__weight`` and
    ``focal__gamma``. Two terms of one kind are called ``focal`` and ``focal_2``.

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
    def proper(self):
        """Return the weakest properness among the terms."""
        if all(isinstance(loss, SoftmaxLoss) for loss in self.losses):
            # a term that only keeps the order does no harm beside one with a link
            best = max(PROPERNESS.index(loss.proper) for loss in self.losses)
            return "link" if best >= 2 else "order"
        ranks = [PROPERNESS.index(loss.proper) for loss in self.losses]
        return PROPERNESS[min(PROPERNESS.index("link"), *ranks)]

    @property
    def losses(self):
        """Return the terms' losses."""
        return [loss for _, _, loss in self.terms]

    @property
    def elicits(self):
        """Return what all terms elicit, or "a mixture"."""
        kinds = {loss.elicits for loss in self.losses}
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


class ClassificationSum(LossSum, ClassificationLoss):
    """A sum of classification losses; made by :class:`LossSum`."""

    family = "classification"
    nonnegative = every("nonnegative")

    def binary(self, y_true, raw):
        """Return the weighted sum of the terms' values for two classes."""
        return self.weighted(lambda loss: loss.binary(y_true, raw))

    @property
    def ordered(self):
        """Tell whether a term asks for the order of the classes."""
        return any(loss.ordered for loss in self.losses)

    def link(self, scores):
        """Return probabilities: in closed form for softmax losses."""
        if self.head != "scores":  # terms of one class, which have one link
            return self.losses[0].link(scores)
        if not all(isinstance(loss, SoftmaxLoss) for loss in self.losses):
            return super().link(scores)
        log_p = ops.log_softmax(scores)
        return pull_link(
            log_p,
            self.weighted(lambda loss: loss.pull(log_p)),
            self.weighted(lambda loss: loss.smoothing()),
        )

    def binary_link(self, raw):
        """Return the probability of class 1."""
        if self.head != "scores":
            return self.losses[0].binary_link(raw)
        if not all(isinstance(loss, SoftmaxLoss) for loss in self.losses):
            return super().binary_link(raw)
        return self.link(ops.stack([ops.zeros_like(raw), raw], axis=-1))[..., 1]

    def scores(self, task, raw):
        """Return the raw scores, or log-odds where a term decides by others.

        Ordered classes are decided on by the first such term, if there are
        probabilities to decide by.
        """
        ordered = [loss for loss in self.losses if loss.ordered]
        if ordered and self.has_probabilities:
            return raw if task.kind == "binary" else ordered[0].decide(self.link(raw))
        own = any(
            type(loss).scores is not ClassificationLoss.scores for loss in self.losses
        )
        if not (own and self.has_probabilities):
            return raw
        p = self.inverse_link(task, raw)
        if task.kind == "multiclass":
            return ops.log(p)
        p = p[..., 1:] if task.kind == "binary" else p
        return ops.log(p) - ops.log1p(-p)


class RegressionSum(LossSum, RegressionLoss):
    """A sum of regression losses; made by :class:`LossSum`."""

    family = "regression"
    n_outputs = first("n_outputs")
    inverse = first("inverse")
    nonnegative = every("nonnegative")

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
