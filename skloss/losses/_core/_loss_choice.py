"""One of several losses, by a number: networks of different losses share a graph."""

from skloss.losses._core import _ops as ops
from skloss.losses._core._equal_tensors import group_equal
from skloss.losses._core._families import ClassificationLoss
from skloss.losses._core._named import NamedLosses
from skloss.losses._core._scores import log_loss, undo_class_weight
from skloss.losses._core._wrapper import forward_the_rest


@forward_the_rest
class LossChoice(NamedLosses):
    """A loss that is one of several, all of which are in the graph.

    What is no value of a batch is answered by the chosen loss. Its numbers are
    ``which``, and those of each loss under its place: ``1__gamma``. Those of losses
    that are not chosen reach neither a value nor a gradient.

    Parameters
    ----------
    losses : tuple of Loss
        Of structures that differ, and of one width of raw outputs.
    which : int
        The place of the chosen one.
    """

    def __init__(self, losses, which):
        self.losses = losses
        self.which = which

    def __repr__(self):
        return repr(self.loss)

    @property
    def loss(self):
        """Return the chosen loss, where ``which`` is no tensor."""
        return self.losses[int(self.which)]

    def named(self):
        """Return the losses by their places."""
        return {str(place): loss for place, loss in enumerate(self.losses)}

    def numbers(self):
        """Return which loss is chosen."""
        return {"which": self.which}

    def hold(self, named, numbers):
        """Take other losses and another number."""
        self.losses, self.which = tuple(named.values()), numbers["which"]

    @property
    def views(self):
        """Return the views, which are those of each loss."""
        return self.losses[0].views

    def name_knob(self, name):
        """Return the name that a knob of the chosen loss has here."""
        return f"{int(self.which)}__{name}"

    def is_chosen(self, places):
        """Return whether the chosen loss is at one of some places, as a tensor."""
        chosen = [ops.equal(self.which, place) for place in places]
        return chosen[0] if len(chosen) == 1 else ops.any(ops.stack(chosen))

    def choose(self, values):
        """Return the chosen loss's value, of a list of pairs of places and value."""
        chosen = values[0][1]
        for places, value in values[1:]:
            chosen = ops.where(self.is_chosen(places), value, chosen)
        return chosen

    def batch_value(self, task, y_true, raw, weight):
        """Return the chosen loss's value of the batch.

        What the other losses say of a target that is none of theirs may be NaN. Their
        values are not chosen; and on the way back, where zero times NaN is NaN, their
        slopes end before the raw outputs.
        """
        values = []
        for place, loss in enumerate(self.losses):
            chosen = self.is_chosen([place])
            own = ops.where(chosen, raw, ops.stop_gradient(raw))
            value = loss.batch_value(task, y_true, own, weight)
            values.append(([place], ops.cast(value, raw.dtype)))
        return self.choose(values)

    def monitor(self, task, y_true, raw, class_weight):
        """Return the chosen loss's score per row; each formula is computed once.

        Where the score is that of probabilities, they are chosen before it is taken.
        """

        def compute(places, of):
            values = [ops.cast(of(self.losses[i]), raw.dtype) for i in places]
            return [([places[k] for k in g], values[g[0]]) for g in group_equal(values)]

        places = range(len(self.losses))
        given = [i for i in places if scores_probabilities(self.losses[i])]
        scores = compute(
            [i for i in places if i not in given],
            lambda loss: loss.monitor(task, y_true, raw, class_weight),
        )
        if given:
            p = compute(given, lambda loss: loss.observed_probabilities(task, raw))
            p = undo_class_weight(task, self.choose(p), class_weight)
            scores.append((given, log_loss(task, y_true, p)))
        return self.choose(scores)


def scores_probabilities(loss):
    """Tell whether a loss's monitor is the log-loss of its probabilities."""
    cls, base = type(loss), ClassificationLoss
    return (
        getattr(cls, "monitor", None) is base.monitor
        and cls.choose_by_probabilities is base.choose_by_probabilities
        and loss.has_probabilities
    )
