"""Several targets: a trained weight for each."""

import numpy as np

from skloss.exceptions import LossTargetError
from skloss.losses._core import _ops as ops
from skloss.losses._core._wrapper import Wrapper


class UncertaintyWeighted(Wrapper):
    """Targets weighed by trained variances.

    ``sum_j exp(-s_j) L_j / 2 + s_j / 2`` with one trained number s_j a target, the
    logarithm of its noise (Kendall, Gal and Cipolla 2018, Eq. 7, with s = log
    sigma^2): at the optimum each target's loss is divided by its own mean, which
    changes neither what is elicited nor whether the loss is proper. After
    ``fit``, ``loss_parameters_["log_variance"]`` holds the s_j, of scaled targets.

    Parameters
    ----------
    loss : RegressionLoss
        Never below zero, and the same for all targets or a :class:`PerTarget`.
    """

    family = "regression"
    convex = False
    gradient_growth = "exponential"
    nonnegative = False

    def __init__(self, loss):
        self.loss = loss

    @property
    def head(self):
        """Return what the raw outputs are."""
        return (self.loss.head, "log-variances")

    def check(self):
        """Raise unless the loss is one of numbers, per row and never below zero."""
        super().check()
        if self.loss.family != "regression":
            raise LossTargetError(
                f"UncertaintyWeighted: loss={self.loss!r} is for {self.loss.family}; "
                f"give a loss for regression."
            )
        if self.loss.in_user_units or not self.loss.decomposable:
            raise LossTargetError(
                f"UncertaintyWeighted: loss={self.loss!r} has no value for each target "
                f"of a row; wrap one of the losses by name, or a subclass of "
                f"RegressionLoss."
            )
        if not self.loss.nonnegative:
            raise LossTargetError(
                f"UncertaintyWeighted: loss={self.loss!r} can be negative, so that its "
                f"weight would grow without end. Likelihoods weigh targets already: "
                f"use it as it is."
            )

    def n_raw(self, task):
        """Return the wrapped loss's raw outputs, and one s a target."""
        return self.loss.n_raw(task) + task.size

    def n_global(self, task):
        """Return the wrapped loss's number of such outputs, and one s a target."""
        return self.loss.n_global(task) + task.size

    def global_pace(self, task):
        """Return the wrapped loss's factors, and 1 for each s."""
        return np.append(self.loss.global_pace(task), np.ones(task.size))

    def _inner_outputs(self, task, raw):
        """Return the wrapped loss's raw outputs: all but the s, which come last."""
        return raw[..., : self.loss.n_raw(task)]

    def rowwise(self, task, y_true, raw):
        """Return the value per row."""
        s, outside = ops.bound(raw[..., -task.size :])
        value = self.loss.columnwise(task, y_true, self._inner_outputs(task, raw))
        return ops.sum(0.5 * (ops.exp(-s) * value + s) + outside, axis=-1)

    def split(self, task, raw):
        """Return the wrapped loss's raw outputs, one axis per target."""
        return self.loss.split(task, self._inner_outputs(task, raw))

    def inverse_link(self, task, raw):
        """Return the wrapped loss's point predictions."""
        return self.loss.inverse_link(task, self._inner_outputs(task, raw))

    def monitor(self, task, y_true, raw, class_weight):
        """Return the wrapped loss's score of each row."""
        return self.loss.monitor(
            task, y_true, self._inner_outputs(task, raw), class_weight
        )

    def best_constant(self, task, y_true, sample_weight):
        """Return the wrapped loss's best constant, and the s that belong to it."""
        best = np.asarray(self.loss.best_constant(task, y_true, sample_weight))
        raw = ops.convert_to_tensor(np.tile(best, (len(y_true), 1)))
        value = self.loss.columnwise(task, ops.convert_to_tensor(y_true), raw)
        mean = np.average(value, axis=0, weights=sample_weight)
        return np.concatenate([best, np.log(np.clip(mean, 1e-4, 1e4))])

    def saturated(self, task, y_true, constant):
        """Return the wrapped loss's saturated model, beside the best constant's s."""
        free = self.loss.saturated(task, y_true, self._inner_outputs(task, constant))
        s = np.tile(constant[-task.size :], (len(y_true), 1))
        return np.concatenate([free, s], axis=1)

    def trained(self, task, last):
        """Return the log-variances, and the wrapped loss's trained numbers."""
        inside = self.loss.trained(task, last[: -task.size])
        return {**inside, "log_variance": last[-task.size :]}
