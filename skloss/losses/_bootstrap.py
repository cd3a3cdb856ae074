"""Temporal differences: a loss of numbers against targets made of the network's own.

The target of a state's value is what was earned, and the value of states further on by
the averaged weights, times a factor. No gradient passes it (Sutton 1988, Eq. 4; with a
network of its own for targets Mnih et al. 2015, Algorithm 1).

Behind the columns of y come facts of the row: a factor for each state further on, which
X holds side by side with the row itself, and of action values a 1 for the action taken.
"""

from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._view import View, select_views
from skloss.losses._core._wrapper import Wrapper, forward_the_rest
from skloss.losses._quantile import Quantile

TEACHER = View(averaged=True)
DIFFERENCES = ("standard", "robust")  # how losses of differences scale y


def check_bootstraps(loss):
    """Raise LossTargetError for a loss whose predictions are no values to go on from.

    Parameters
    ----------
    loss : RegressionLoss
    """
    fine = loss.n_outputs == 1 or isinstance(loss, Quantile)
    if loss.inverse != "identity" or loss.in_user_units or not loss.decomposable:
        fine = False
    # relative errors would be relative to a number that training chooses
    differences = loss.domain == "real" and loss.target_scaling in DIFFERENCES
    if not (fine and differences):
        raise LossTargetError(
            f"loss={loss!r} cannot be that of a temporal difference: values further on "
            f"are part of its target, so it must be a loss of real numbers with one "
            f"output each, such as 'squared_error', 'huber' or 'expectile', or "
            f"Quantile() with several levels."
        )


def read_samples(loss, split):
    """Return what a target is made of: values, or those of several quantiles.

    Parameters
    ----------
    loss : RegressionLoss
    split : tensor of shape (n, targets) or (n, targets, n_outputs)

    Returns
    -------
    tensor of shape (n, targets, samples)
    """
    if loss.n_outputs == 1:
        return loss.point(split)[..., None]
    return loss.levels(split)


def weigh_samples(loss, like, risk_level=1.0):
    """Return the weight of each sample in the mean of the lowest ``risk_level``.

    Of quantiles each stands for what is nearer to its level than to another's: with
    the levels (i + 1/2) / n that is 1 / n (Dabney et al. 2018, Lemma 2).

    Returns
    -------
    tensor of shape (samples,)
        They sum to one.
    """
    if loss.n_outputs == 1:
        return ops.ones((1,), dtype=like.dtype)
    q = ops.convert_to_tensor(loss.quantile, dtype=like.dtype)
    middle = (q[1:] + q[:-1]) / 2
    ends = ops.zeros_like(q[:1]), ops.ones_like(q[:1])
    edges = ops.concatenate([ends[0], middle, ends[1]], axis=0)
    edges = ops.minimum(edges, risk_level)
    return (edges[1:] - edges[:-1]) / risk_level


def expect(loss, split, risk_level=1.0):
    """Return the mean of the lowest share ``risk_level`` of what may come.

    Conditional value at risk (Rockafellar and Uryasev 2000) where the loss is of
    quantiles; the mean, and of other losses the value, at 1.

    Parameters
    ----------
    loss : RegressionLoss
    split : tensor of shape (n, targets) or (n, targets, n_outputs)
    risk_level : float in (0, 1], default=1.0

    Returns
    -------
    tensor of shape (n, targets)
    """
    samples = read_samples(loss, split)
    return ops.sum(samples * weigh_samples(loss, split, risk_level), axis=-1)


@forward_the_rest
class TemporalDifference(Wrapper):
    """A loss of values against rewards and the values of states further on.

    Parameters
    ----------
    loss : RegressionLoss
    n_ahead : int, default=1
        How many states further on a target is made of.
    """

    decomposable = False
    monitors_itself = True
    supervised = None  # y is no label, by which a training could be judged

    def __init__(self, loss, n_ahead=1):
        self.loss = loss
        self.n_ahead = n_ahead

    def knobs(self):
        """Return the loss's numbers: what shapes X is none."""
        return {n: v for n, v in super().knobs().items() if n.startswith("loss__")}

    def structure(self):
        """Return what is left, ``n_ahead`` and all that is no number included."""
        rest = {n: v for n, v in self.get_params(deep=False).items() if n != "loss"}
        return type(self), self.loss.structure(), tuple(sorted(rest.items()))

    @property
    def views(self):
        """Return the row, and states further on by the averaged weights."""
        parts = range(1, self.n_ahead + 1)
        return View(), *(View(part=k, averaged=True) for k in parts)

    def why_apart(self, task):
        """Return that targets are made of what the network gives."""
        return "its targets are made of the network's own outputs"

    def monitor_name(self):
        """Return "loss": nobody knows the values, so the score is the loss itself."""
        return "loss"

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the rows' losses."""
        y, factors = y_true[:, :1], y_true[:, 1:]
        ahead = [
            read_samples(self.loss, self.see(task, raw, part=k, averaged=True))[:, 0]
            for k in range(1, self.n_ahead + 1)
        ]
        return self.compare(y, factors, ahead, self.see(task, raw), weight)

    def see(self, task, raw, **view):
        """Return the raw outputs of a view, split by targets."""
        return self.loss.split(task, select_views(raw, self.views, (View(**view),)))

    def compare(self, y, factors, ahead, split, weight):
        """Return the weighted sum of the loss between values and their targets.

        Of several samples of a target it is the mean over them (Dabney et al. 2018,
        Eq. 10).

        Parameters
        ----------
        y : tensor of shape (n, 1)
        factors : tensor of shape (n, n_ahead)
        ahead : list of tensor of shape (n, samples)
        split : tensor of shape (n, 1) or (n, 1, n_outputs)
        weight : tensor of shape (n,)
        """
        target = y + sum(factors[:, k : k + 1] * own for k, own in enumerate(ahead))
        values = self.loss.pointwise(ops.stop_gradient(target), split)
        values = ops.sum(values * weigh_samples(self.loss, split), axis=-1)
        return ops.sum(weight * values)


class ActionValues(TemporalDifference):
    """A loss of action values against rewards and the best of what may follow.

    There is a target for each action, and under "expectile" one for the state.

    Parameters
    ----------
    loss : RegressionLoss
    n_ahead : int, default=1
    backup : {"max", "double", "expectile"}, default="double"
        The value of a state further on: of the action that the averaged weights hold
        the best (Watkins 1989); of that which the network's own do, by the averaged
        (van Hasselt, Guez and Silver 2016, Eq. 4); an expectile over the actions that
        were taken (Kostrikov, Nair and Levine 2022, Eqs. 5 and 6).
    expectile : float in (0, 1), default=0.8
    risk_level : float in (0, 1], default=1.0
        Actions are judged by the mean of the lowest quantiles of this share.
    """

    def __init__(self, loss, n_ahead=1, backup="double", expectile=0.8, risk_level=1.0):
        self.loss = loss
        self.n_ahead = n_ahead
        self.backup = backup
        self.expectile = expectile
        self.risk_level = risk_level

    def knobs(self):
        """Return the numbers: ``n_ahead`` is none."""
        own = {"expectile": self.expectile, "risk_level": self.risk_level}
        return {**super().knobs(), **own}

    def structure(self):
        """Return what is left, ``n_ahead`` included."""
        return type(self), self.loss.structure(), self.n_ahead, self.backup

    @property
    def views(self):
        """Return the row, states further on, and what the backup needs besides."""
        own = super().views
        if self.backup == "double":
            parts = range(1, self.n_ahead + 1)
            return *own, *(View(part=k) for k in parts)
        return (*own, TEACHER) if self.backup == "expectile" else own

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the rows' losses."""
        y, facts = y_true[:, :1], y_true[:, task.size :]
        factors, taken = facts[:, : self.n_ahead], facts[:, self.n_ahead :]
        ahead = [
            self.back_up(task, raw, k, taken.shape[1])
            for k in range(1, self.n_ahead + 1)
        ]
        split = self.see(task, raw)
        value = self.compare(y, factors, ahead, choose(split, taken), weight)
        if self.backup == "expectile":
            value = value + self.compare_states(task, raw, split, taken, weight)
        return value

    def back_up(self, task, raw, part, n_actions):
        """Return samples of the value of a state further on, (n, samples)."""
        split = self.see(task, raw, part=part, averaged=True)
        if self.backup == "expectile":
            return read_samples(self.loss, split)[:, n_actions]
        judge = split if self.backup == "max" else self.see(task, raw, part=part)
        worth = expect(self.loss, judge, self.risk_level)
        best = ops.cast(worth == ops.max(worth, axis=-1, keepdims=True), worth.dtype)
        best = best / ops.sum(best, axis=-1, keepdims=True)  # of equals the mean
        return ops.sum(best[..., None] * read_samples(self.loss, split), axis=1)

    def compare_states(self, task, raw, split, taken, weight):
        """Return the weighted sum of the expectile loss of the states' values."""
        known = choose(self.see(task, raw, averaged=True), taken)
        gap = ops.stop_gradient(expect(self.loss, known))
        gap = gap - expect(self.loss, split[:, taken.shape[1] :])
        side = ops.abs(self.expectile - ops.cast(gap < 0, gap.dtype))
        return ops.sum(weight[:, None] * side * ops.square(gap))


def choose(split, taken):
    """Return the outputs of the actions that were taken, (n, 1) or (n, 1, n_outputs).

    Parameters
    ----------
    split : tensor of shape (n, targets) or (n, targets, n_outputs)
        The actions' outputs come first.
    taken : tensor of shape (n, actions)
        One-hot.
    """
    split = split[:, : taken.shape[1]]
    if len(split.shape) == 3:
        taken = taken[..., None]
    return ops.sum(split * taken, axis=1, keepdims=True)
