"""Sums of losses for classes, and sums of losses for numbers."""

from numbers import Real

from skloss._params import Varying
from skloss.losses._core import _ops as ops
from skloss.losses._core._combined import (
    Combined,
    agreed,
    first_known,
    most_demanding_scaling,
    of_single_term,
    single_or,
    weakest_proper,
)
from skloss.losses._core._constant import minimise_constant
from skloss.losses._core._domains import narrowest
from skloss.losses._core._families import ClassificationLoss, RegressionLoss
from skloss.losses._core._link import SOLVED_LINK, order_by, with_order
from skloss.losses._core._loss_sum import LossSum
from skloss.losses._core._softmax_losses import SoftmaxLoss, SoftmaxScore, pull_link
from skloss.losses._core._terms import gives_link


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

    @property
    def has_probabilities(self):
        """Tell whether the loss gives honest probabilities.

        A single loss may give none although it is proper, where it is asked about
        balanced classes; a sum of several has those of the labels as given.
        """
        if len(self.losses) == 1 == len(self.counting_losses):
            return self.losses[0].has_probabilities
        return super().has_probabilities

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
        if len(self.losses) == 1:
            return self.losses[0].keeps_order
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

    @property
    def is_on_softmax(self):
        """Tell whether all terms are of the softmax, so that the link has a form."""
        return all(isinstance(loss, SoftmaxLoss) for loss in self.losses)

    @of_single_term
    def why_apart(self, task):
        """Return a term's reason, or that the link is general at some weights."""
        closed = self.has_one_link or self.is_on_softmax
        linked = not closed and any(map(gives_link, self.losses))
        general = SOLVED_LINK if task.kind == "multiclass" and linked else None
        return super().why_apart(task) or general

    @of_single_term
    def link(self, scores):
        """Return probabilities: in closed form for softmax losses."""
        if self.has_one_link:
            return self.losses[0].link(scores)
        if not self.is_on_softmax:
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
        if not self.is_on_softmax:
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
    exponential = Combined(agreed)
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
