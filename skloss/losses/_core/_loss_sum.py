"""Weighted sums of losses: flat, named, searchable."""

from numbers import Real

import numpy as np

from skloss._params import Varying, is_number
from skloss.losses._core import _ops as ops
from skloss.losses._core._combined import (
    Combined,
    agreed,
    first_known,
    in_every,
    most_demanding_scaling,
    of_single_term,
    one_or_mixture,
    single_or,
    strongest_growth,
    weakest_proper,
)
from skloss.losses._core._constant import minimise_constant
from skloss.losses._core._domains import narrowest
from skloss.losses._core._families import ClassificationLoss, RegressionLoss
from skloss.losses._core._link import order_by, with_order
from skloss.losses._core._loss import Loss
from skloss.losses._core._named import NamedLosses
from skloss.losses._core._softmax_losses import SoftmaxLoss, SoftmaxScore, pull_link
from skloss.losses._core._terms import (
    check_agreement,
    check_equal,
    check_weight,
    gives_link,
    multiply_weights,
    weight_as_code,
)


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

    def __init__(self, terms):
        self.terms = terms

    def __new__(cls, terms=()):
        # estimators ask a loss for its family's methods, so a sum is of its terms' kind
        family = getattr(terms[0][2], "family", None) if terms else None
        kinds = {"classification": ClassificationSum, "regression": RegressionSum}
        return object.__new__(kinds.get(family, cls))

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

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the terms' values."""
        return self.sum_terms(lambda loss: loss.batch_value(task, y_true, raw, weight))

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


Loss._sum_class = LossSum


class ClassificationSum(LossSum, ClassificationLoss):
    """A sum of classification losses; made by :class:`LossSum`."""

    family = "classification"
    ordered = Combined(any)
    decision = Combined(first_known)
    inverse_link = of_single_term(ClassificationLoss.inverse_link)
    observed_probabilities = of_single_term(ClassificationLoss.observed_probabilities)
    monitor_name = of_single_term(ClassificationLoss.monitor_name)
    monitor = of_single_term(ClassificationLoss.monitor)

    @property
    def proper(self):
        """Return the weakest properness among the terms that count.

        A softmax loss that only keeps the order does no harm beside one with a link.
        """
        if len(self.losses) == 1 == len(self.counting_losses):
            return self.losses[0].proper
        # a softmax loss without a link has the gradient A_y (v - e_y) all the same, so
        # that beside one with a link the sum has the closed form
        linked = [gives_link(loss) for loss in self.counting_losses]
        on_softmax = [isinstance(loss, SoftmaxLoss) for loss in self.counting_losses]
        if any(linked) and (all(linked) or all(on_softmax)):
            return "link"
        return weakest_proper([loss.proper for loss in self.counting_losses])

    def choose_by_probabilities(self, there, none):
        """Return ``there()`` if the loss gives probabilities, else ``none()``.

        Within a graph weights are tensors, and choose network by network as ``proper``
        does for numbers.
        """
        linked = [gives_link(loss) for loss in self.losses]
        tensors = [w for _, w, _ in self.terms if not isinstance(w, Real | Varying)]
        if not tensors or all(linked) or not any(linked):
            return super().choose_by_probabilities(there, none)
        # a weight that is exactly 0 takes its term out of the minimiser: there are
        # probabilities if some linked term is left, and all others are out, or harmless
        good = self.sum_weights(gives_link)
        bad = self.sum_weights(lambda loss: not gives_link(loss))
        other = self.sum_weights(lambda loss: not isinstance(loss, SoftmaxLoss))
        honest = ops.logical_and(good > 0, ops.minimum(bad, other) == 0)
        return ops.where(honest, there(), none())

    def sum_weights(self, chosen):
        """Return the sum of the weights of the terms whose loss is ``chosen``."""
        return sum(weight for _, weight, loss in self.terms if chosen(loss))

    def start_for(self, task, prior):
        """Return log-odds; where raw outputs are no scores, a term's best constant."""
        if self.head == "scores":
            return super().start_for(task, prior)
        return self.losses[0].constant_for(task, prior)

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
        return self.sum_terms(lambda loss: loss.binary(y_true, raw))

    @property
    def has_one_link(self):
        """Tell whether the terms share their link: of one class, or proper scores."""
        scores = all(isinstance(loss, SoftmaxScore) for loss in self.losses)
        return self.head != "scores" or scores

    @of_single_term
    def link(self, scores):
        """Return probabilities: in closed form for softmax losses."""
        if self.has_one_link:
            return self.losses[0].link(scores)
        if not all(isinstance(loss, SoftmaxLoss) for loss in self.losses):
            p = super().link(scores)
            if not self.keeps_order:
                return p
            # far out the gradients are next to zero, and rounding breaks the order
            return with_order(order_by(p, scores), scores)
        log_p = ops.log_softmax(scores)
        return pull_link(
            log_p,
            self.sum_terms(lambda loss: loss.pull(log_p)),
            self.sum_terms(lambda loss: loss.smoothing()),
        )

    @of_single_term
    def binary_link(self, raw):
        """Return the probability of class 1."""
        if self.has_one_link:
            return self.losses[0].binary_link(raw)
        if not all(isinstance(loss, SoftmaxLoss) for loss in self.losses):
            return super().binary_link(raw)
        return self.link(ops.stack([ops.zeros_like(raw), raw], axis=-1))[..., 1]

    @of_single_term
    def scores(self, task, raw):
        """Return the raw scores, or the probabilities' where these decide.

        Ordered classes are decided on by the first term that knows their order, if
        there are probabilities to decide by.
        """
        if task.kind == "multiclass" and self.decision is not None:
            return self.choose_by_probabilities(
                lambda: self.decide(self.link(raw)),
                lambda: self.scores_without_probabilities(task, raw),
            )
        if task.kind != "multiclass" and all(x.keeps_order for x in self.losses):
            return raw  # odds are even at 0 for each of them, so for their sum
        return super().scores(task, raw)

    def decide(self, p):
        """Return the decision scores of the first term that knows the order."""
        return next(x for x in self.losses if x.decision is not None).decide(p)

    def scores_without_probabilities(self, task, raw):
        """Return the raw scores, or a term's where raw outputs are no scores."""
        return raw if self.head == "scores" else self.losses[0].scores(task, raw)


class RegressionSum(LossSum, RegressionLoss):
    """A sum of regression losses; made by :class:`LossSum`."""

    family = "regression"
    n_outputs = Combined(agreed)
    inverse = Combined(agreed)
    split = Combined(agreed)
    point = Combined(agreed)
    inverse_link = Combined(agreed)
    domain = Combined(narrowest)
    target_scaling = Combined(most_demanding_scaling)
    # a distribution is what one loss predicts: of several there is none in common
    has_distribution = Combined(single_or(False))
    has_quantiles = Combined(single_or(False))
    quantile_levels = Combined(single_or(None))
    distribution = of_single_term(RegressionLoss.distribution)
    predict_quantiles = of_single_term(RegressionLoss.predict_quantiles)
    monitor_name = of_single_term(RegressionLoss.monitor_name)
    monitor = of_single_term(RegressionLoss.monitor)

    @property
    def proper(self):
        """Return the weakest properness, "none" where terms elicit different things."""
        if self.elicits == "a mixture":
            return "none"
        return weakest_proper([loss.proper for loss in self.counting_losses])

    def columnwise(self, task, y_true, raw):
        """Return the weighted sum of the terms' values per row and target."""
        return self.sum_terms(lambda loss: loss.columnwise(task, y_true, raw))

    def best_constant(self, task, y_true, sample_weight):
        """Return the minimising raw outputs, sought from those of the first term."""
        start = self.losses[0].best_constant(task, y_true, sample_weight)
        return minimise_constant(self, task, y_true, start, sample_weight)

    def saturated(self, task, y_true, constant):
        """Return that of the first term that can fall below zero, if there is one."""
        below = [loss for loss in self.losses if not loss.nonnegative]
        loss = (below or self.losses)[0]
        return loss.saturated(task, y_true, constant)


def terms_of(loss):
    """Return a loss as a list of (name, weight, loss)."""
    if isinstance(loss, LossSum):
        return loss.terms
    return [(loss.name or type(loss).__name__.lower(), 1.0, loss)]


def make_sum(terms):
    """Return the sum of ``terms``, refused where they do not agree."""
    check_agreement([loss for _, _, loss in terms])
    return LossSum(list(terms))
