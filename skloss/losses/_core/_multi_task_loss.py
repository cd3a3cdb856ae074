"""Several tasks, one network: the sum of their losses."""

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._core._combined import Combined
from skloss.losses._core._side_by_side import SideBySide
from skloss.losses._core._user_units import InUserUnits


class MultiTaskLoss(SideBySide):
    """The weighted sum of the losses of several tasks, made by the estimator.

    ``sum_j w_j L_j``, each loss on its own columns of the encoded targets and of the
    raw outputs.

    Parameters
    ----------
    terms : tuple of (str, float, Loss)
        Name, weight and loss of each head.
    of : tuple of Task
        What each head predicts.
    """

    elicits = "what each head's loss elicits"
    in_user_units = Combined(any)  # ``in_user_units_by_column`` says of which head

    def __init__(self, terms, of):
        self.terms = terms
        self.of = of

    @property
    def losses(self):
        """Return the losses."""
        return [loss for _, _, loss in self.terms]

    def named(self):
        """Return the losses by name."""
        return {name: loss for name, _, loss in self.terms}

    def numbers(self):
        """Return the weights."""
        return {f"{name}__weight": weight for name, weight, _ in self.terms}

    def hold(self, named, numbers):
        """Take other losses and weights."""
        self.terms = tuple(
            (name, numbers[f"{name}__weight"], loss) for name, loss in named.items()
        )

    def structure(self):
        """Return names and structures of the losses, and the tasks."""
        return (*super().structure(), self.of)

    def tasks(self):
        """Return the task of each loss."""
        return self.of

    def shares(self):
        """Return the weights."""
        return [weight for _, weight, _ in self.terms]

    def in_user_units_by_column(self):
        """Return which columns of y a function sees in the user's units."""
        by_head = [
            np.full(task.size, loss.in_user_units and task.kind == "regression")
            for loss, task in zip(self.losses, self.of, strict=True)
        ]
        return np.concatenate(by_head)

    def in_one_scale(self, loc, scale):
        """Return the loss for raw outputs that are all scaled, functions included.

        Parameters
        ----------
        loc, scale : ndarray of shape (columns of y,)
        """
        terms = [
            (name, weight, InUserUnits(loss, loc[own], scale[own]))
            if loss.in_user_units and task.kind == "regression"
            else (name, weight, loss)
            for (name, weight, loss), task, own in zip(
                self.terms, self.of, self.columns(), strict=True
            )
        ]
        return type(self)(tuple(terms), self.of)

    def spread_over_outputs(self, values):
        """Return a value of each loss at its raw outputs."""
        row = np.ones(self.n_raw(None))
        for value, place in zip(values, self.places(), strict=True):
            row[place] = value
        return row

    @property
    def head_scale(self):
        """Return each raw output's factor on its initial weights."""
        return self.spread_over_outputs([loss.head_scale for loss in self.losses])


class UncertaintyWeightedTasks(MultiTaskLoss):
    """The tasks weighed by trained variances.

    ``sum_j c_j exp(-s_j) L_j + s_j / 2`` with one trained number s_j a head and c_j = 1
    for classes, 1/2 for numbers (Kendall, Gal and Cipolla 2018, Eqs. 7 and 10, with
    s = log sigma^2). The s_j are the last of the raw outputs.
    """

    convex = False
    gradient_growth = "exponential"
    nonnegative = False

    def _factors(self):
        """Return c_j of each head."""
        return [0.5 if task.family == "regression" else 1.0 for task in self.of]

    def n_raw(self, task):
        """Return the losses' raw outputs, and one s a head."""
        return super().n_raw(task) + len(self.terms)

    def n_global(self, task):
        """Return the losses' number of such outputs, and one s a head."""
        return super().n_global(task) + len(self.terms)

    def global_pace(self, task):
        """Return the losses' factors, and 1 for each s."""
        return np.append(super().global_pace(task), np.ones(len(self.terms)))

    def rowwise(self, task, y_true, raw):
        """Return the value per row."""
        s, outside = ops.bound(raw[..., -len(self.terms) :])
        values = self.row_values(task, y_true, raw)
        return sum(
            factor * ops.exp(-s[..., j]) * value + s[..., j] / 2 + outside[..., j]
            for j, (factor, value) in enumerate(
                zip(self._factors(), values, strict=True)
            )
        )

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the rows' values."""
        return ops.sum(weight * self.rowwise(task, y_true, raw))

    def best_constant(self, task, y_true, sample_weight):
        """Return the losses' best constants, and the s that belong to them."""
        best = super().best_constant(task, y_true, sample_weight)
        raw = ops.convert_to_tensor(np.tile(best, (len(y_true), 1)))
        values = self.row_values(task, ops.convert_to_tensor(y_true), raw)
        mean = [np.average(value, weights=sample_weight) for value in values]
        s = np.log(np.clip(2 * np.array(self._factors()) * mean, 1e-4, 1e4))
        return np.concatenate([best, s])

    def trained(self, task, last):
        """Return the log-variances, and the losses' trained numbers."""
        inside = super().trained(task, last[: -len(self.terms)])
        pairs = zip(self.named(), last[-len(self.terms) :], strict=True)
        return {**inside, **{f"{name}__log_variance": s for name, s in pairs}}
