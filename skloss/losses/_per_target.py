"""Several targets: a loss for each."""

import functools

import numpy as np

from skloss._params import is_number
from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._combined import Combined, agreed
from skloss.losses._core._domains import widest
from skloss.losses._core._families import RegressionLoss
from skloss.losses._core._loss import Loss
from skloss.losses._core._side_by_side import SideBySide
from skloss.losses._core._task import Task

ONE = Task("regression", 1)


class PerTarget(SideBySide, RegressionLoss):
    """A loss for each column of y.

    ``sum_j w_j L_j / sum_j w_j``, each target scaled as its own loss asks, checked
    against its own domain and predicted through its own link. The losses are reached
    as ``target_0``, ``target_1`` and so on: ``target_1__delta``. There are quantiles
    and intervals if every loss gives them; no one distribution holds all targets.

    Parameters
    ----------
    losses : list of RegressionLoss
        In the order of the columns.
    weights : tuple of float >= 0, default=None
        None: equal.

    Examples
    --------
    >>> from skloss.losses import Huber, PerTarget, Poisson
    >>> loss = PerTarget([Huber(), Poisson()], weights=(1.0, 2.0))
    >>> loss.set_params(target_0__delta=0.5)
    PerTarget(losses=[Huber(delta=0.5), Poisson()], weights=(1.0, 2.0))
    """

    elicits = "what each target's loss elicits"
    in_user_units = Combined(agreed)
    has_quantiles = Combined(all)
    target_scaling = Combined(tuple)
    domain = Combined(widest)

    def __init__(self, losses, weights=None):
        self.losses = losses
        self.weights = weights

    # -- a value object ------------------------------------------------------------

    def named(self):
        """Return the losses by name."""
        return {f"target_{j}": loss for j, loss in enumerate(self.losses)}

    def numbers(self):
        """Return the weights, where they are given."""
        return {} if self.weights is None else {"weights": self.weights}

    def hold(self, named, numbers):
        """Take other losses and weights."""
        self.losses = list(named.values())
        self.weights = numbers.get("weights")

    def tasks(self):
        """Return the task of each loss: one target."""
        return [ONE] * len(self.losses)

    def shares(self):
        """Return the weights, as shares of their sum."""
        n = len(self.losses)
        if self.weights is None:
            return [1 / n] * n
        total = sum(self.weights[j] for j in range(n))
        return [self.weights[j] / total for j in range(n)]

    def check(self):
        """Raise unless there are losses of numbers, and a weight for each."""
        for loss in self.losses:
            if not isinstance(loss, Loss):
                raise TypeError(
                    f"PerTarget: losses={self.losses!r} must hold objects such as "
                    f"Huber(), not {loss!r}."
                )
            if loss.family != "regression":
                raise LossTargetError(
                    f"PerTarget: {loss!r} is for {loss.family}; give losses for "
                    f"regression."
                )
            loss.check()
        if not self.losses:
            raise ValueError("PerTarget: losses=[] is empty; give one loss a target.")
        if len({loss.in_user_units for loss in self.losses}) > 1:
            raise LossTargetError(
                f"PerTarget: losses={self.losses!r} mixes functions, which see y in "
                f"its own units, with losses that see it scaled. Write the function as "
                f"a subclass of RegressionLoss."
            )
        self._check_weights()

    def _check_weights(self):
        """Raise ValueError unless there is a weight >= 0 for each loss, and one > 0."""
        if self.weights is None:
            return
        weights = np.atleast_1d(np.asarray(self.weights, dtype=object))
        fine = [is_number(w) and 0 <= w < np.inf for w in weights]
        if len(weights) != len(self.losses) or not all(fine) or not any(weights):
            raise ValueError(
                f"PerTarget: weights={self.weights!r} must be {len(self.losses)} "
                f"finite numbers >= 0, one for each loss and not all zero."
            )

    # -- the value -----------------------------------------------------------------

    @property
    def head(self):
        """Return what the raw outputs of each target are."""
        return tuple(
            (loss.n_outputs, loss.inverse, loss.head, loss.target_scaling)
            for loss in self.losses
        )

    def columnwise(self, task, y_true, raw):
        """Return the targets' values per row, times weights of mean one."""
        values = self.apply_shares(self.row_values(task, y_true, raw))
        return len(self.losses) * ops.stack(values, axis=-1)

    def inverse_link(self, task, raw):
        """Return each target's point prediction."""
        pairs = zip(self.losses, self.pieces(raw), strict=True)
        columns = [loss.inverse_link(ONE, own) for loss, own in pairs]
        return ops.concatenate(columns, axis=-1)

    @property
    def quantile_levels(self):
        """Return the levels that every target has; None where each has them all."""
        trained = [loss.quantile_levels for loss in self.losses]
        trained = [levels for levels in trained if levels is not None]
        return functools.reduce(common, trained) if trained else None

    def predict_quantiles(self, raw, levels, loc=0.0, scale=1.0):
        """Return each target's own quantiles, of shape (n, targets, levels)."""
        units = [np.broadcast_to(x, len(self.losses))[:, None] for x in (loc, scale)]
        columns = [
            loss.predict_quantiles(np.asarray(loss.split(ONE, own)), levels, *its_units)
            for loss, own, *its_units in zip(
                self.losses, self.pieces(raw), *units, strict=True
            )
        ]
        return np.concatenate(columns, axis=1)

    # -- the target ----------------------------------------------------------------

    def check_target(self, task, y):
        """Raise LossTargetError for a wrong number of targets, or a wrong one."""
        if task.size != len(self.losses):
            raise LossTargetError(
                f"{self!r} has {len(self.losses)} losses, but y has {task.size} "
                f"{'target' if task.size == 1 else 'targets'}; give one loss a target."
            )
        for j, loss in enumerate(self.losses):
            try:
                loss.check_target(ONE, y[:, j : j + 1])
            except LossTargetError as error:
                raise LossTargetError(f"Target {j} of y: {error}") from None


def common(a, b):
    """Return the levels of ``a`` that are in ``b`` too."""
    return a[np.isclose(a[:, None], b, rtol=0, atol=1e-9).any(axis=1)]
