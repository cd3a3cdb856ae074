"""Several targets: a loss for each."""

import functools

import numpy as np

from skloss._params import is_number
from skloss.exceptions import LossTargetError
from skloss.losses import _ops as ops
from skloss.losses._base import RegressionLoss
from skloss.losses._domains import widest
from skloss.losses._loss import Loss
from skloss.losses._named import NamedLosses, every
from skloss.losses._task import Task

ONE = Task("regression", 1)


class PerTarget(NamedLosses, RegressionLoss):
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
    nonnegative = every("nonnegative")
    has_quantiles = every("has_quantiles")

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

    def seen(self, task, y):
        """Yield name, loss, task and target of each loss: its own column of y."""
        for j, (name, loss) in enumerate(self.named().items()):
            yield name, loss, ONE, y[..., j : j + 1]

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
        if self.weights is None:
            return
        weights = np.atleast_1d(np.asarray(self.weights, dtype=object))
        fine = [is_number(w) and 0 <= w < np.inf for w in weights]
        if len(weights) != len(self.losses) or not all(fine) or not any(weights):
            raise ValueError(
                f"PerTarget: weights={self.weights!r} must be {len(self.losses)} "
                f"finite numbers >= 0, one for each loss and not all zero."
            )

    # -- raw outputs: those of the targets in turn, then what no row changes ---------

    @property
    def head(self):
        """Return what the raw outputs of each target are."""
        return tuple(
            (loss.n_outputs, loss.inverse, loss.head, loss.target_scaling)
            for loss in self.losses
        )

    def n_raw(self, task):
        """Return the number of raw outputs."""
        return sum(loss.n_raw(ONE) for loss in self.losses)

    def n_global(self, task):
        """Return how many of the last raw outputs are the same for every row."""
        return sum(loss.n_global(ONE) for loss in self.losses)

    def _places(self):
        """Return the numbers of each target's raw outputs."""
        fixed = [loss.n_global(ONE) for loss in self.losses]
        free = [loss.n_raw(ONE) - n for loss, n in zip(self.losses, fixed, strict=True)]
        begin, last, places = 0, sum(free), []
        for n, m in zip(free, fixed, strict=True):
            places.append([*range(begin, begin + n), *range(last, last + m)])
            begin, last = begin + n, last + m
        return places

    def _pieces(self, raw):
        """Return each loss with its columns of the raw outputs."""
        return [
            (loss, ops.concatenate([raw[..., i : i + 1] for i in place], axis=-1))
            for loss, place in zip(self.losses, self._places(), strict=True)
        ]

    def _shares(self):
        n = len(self.losses)
        if self.weights is None:
            return [1 / n] * n
        total = sum(self.weights[j] for j in range(n))
        return [self.weights[j] / total for j in range(n)]

    def _weighted(self, call, y_true, raw):
        """Return each target's share of ``call(loss, own target, own raw outputs)``."""
        return [
            share * call(loss, y_true[..., j : j + 1], own)
            for j, (share, (loss, own)) in enumerate(
                zip(self._shares(), self._pieces(raw), strict=True)
            )
        ]

    # -- the value -----------------------------------------------------------------

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted mean of the targets' values."""
        return sum(
            self._weighted(
                lambda loss, y, own: loss.batch_value(ONE, y, own, weight), y_true, raw
            )
        )

    def _row_values(self, y_true, raw):
        return self._weighted(
            lambda loss, y, own: loss.rowwise(ONE, y, own), y_true, raw
        )

    def rowwise(self, task, y_true, raw):
        """Return the weighted mean of the targets' values per row."""
        return sum(self._row_values(y_true, raw))

    def columnwise(self, task, y_true, raw):
        """Return the targets' values per row, times weights of mean one."""
        return len(self.losses) * ops.stack(self._row_values(y_true, raw), axis=-1)

    def inverse_link(self, task, raw):
        """Return each target's point prediction."""
        columns = [loss.inverse_link(ONE, own) for loss, own in self._pieces(raw)]
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
            for (loss, own), *its_units in zip(self._pieces(raw), *units, strict=True)
        ]
        return np.concatenate(columns, axis=1)

    def monitor_name(self):
        """Return the targets' score, "mean_score" where they have several."""
        names = {loss.monitor_name() for loss in self.losses}
        return names.pop() if len(names) == 1 else "mean_score"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the weighted mean of the targets' own scores per row."""
        return sum(
            self._weighted(
                lambda loss, y, own: loss.monitor(ONE, y, own, class_weight),
                y_true,
                raw,
            )
        )

    # -- the target ----------------------------------------------------------------

    @property
    def target_scaling(self):
        """Return how each target is scaled."""
        return tuple(loss.target_scaling for loss in self.losses)

    @property
    def domain(self):
        """Return the widest of the targets' domains."""
        return widest(loss.domain for loss in self.losses)

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

    def best_constant(self, task, y_true, sample_weight):
        """Return each loss's best constant for its own target."""
        best = np.empty(self.n_raw(task))
        for j, (loss, place) in enumerate(
            zip(self.losses, self._places(), strict=True)
        ):
            best[place] = loss.best_constant(ONE, y_true[:, j : j + 1], sample_weight)
        return best

    def trained(self, task, last):
        """Return each loss's trained numbers, under its target's name."""
        ends = np.cumsum([loss.n_global(ONE) for loss in self.losses])[:-1]
        return {
            f"{name}__{key}": value
            for (name, loss), own in zip(
                self.named().items(), np.split(last, ends), strict=True
            )
            for key, value in loss.trained(ONE, own).items()
        }


def common(a, b):
    """Return the levels of ``a`` that are in ``b`` too."""
    return a[np.isclose(a[:, None], b, rtol=0, atol=1e-9).any(axis=1)]
