"""Several targets: a loss for each, or a trained weight for each."""

from typing import ClassVar

import numpy as np

from skloss._params import is_number, unknown_parameter
from skloss.exceptions import LossTargetError
from skloss.losses import _ops as ops
from skloss.losses._base import Loss, RegressionLoss
from skloss.losses._domains import widest
from skloss.losses._task import Task
from skloss.losses._wrappers import Wrapper

ONE = Task("regression", 1)


class PerTarget(RegressionLoss):
    """A loss for each column of y.

    ``sum_j w_j L_j / sum_j w_j``, each target scaled as its own loss asks, checked
    against its own domain and predicted through its own link. The losses are reached
    as ``target_0``, ``target_1`` and so on: ``target_1__delta``.

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

    def __init__(self, losses, weights=None):
        self.losses = losses
        self.weights = weights

    # -- a value object ------------------------------------------------------------

    def _named(self):
        return {f"target_{j}": loss for j, loss in enumerate(self.losses)}

    def get_params(self, deep=True):
        """Return ``losses``, ``weights`` and, if ``deep``, every loss and knob."""
        params = {"losses": self.losses, "weights": self.weights}
        for name, loss in self._named().items() if deep else ():
            params[name] = loss
            inner = loss.get_params() if isinstance(loss, Loss) else {}
            params.update({f"{name}__{key}": value for key, value in inner.items()})
        return params

    def set_params(self, **params):
        """Set ``losses``, ``weights``, a loss (``target_0``) or its knobs."""
        for key in ("losses", "weights"):
            if key in params:
                setattr(self, key, params.pop(key))
        for key, value in params.items():
            name, _, rest = key.partition("__")
            named = self._named()
            if name not in named:
                raise unknown_parameter(key, self, self.get_params())
            if rest:
                loss = named[name]
                twin = type(loss)(**loss.get_params(deep=False))
                value = twin.set_params(**{rest: value})
            self.losses = list({**named, name: value}.values())
        return self

    def knobs(self):
        """Return every loss's knobs, and the weights, flat."""
        knobs = {} if self.weights is None else {"weights": self.weights}
        for name, loss in self._named().items():
            knobs.update({f"{name}__{k}": v for k, v in loss.knobs().items()})
        return knobs

    def bind(self, knobs):
        """Return a copy whose knobs are replaced, by tensors if need be."""
        losses = []
        for name, loss in self._named().items():
            own = {k: v for k, v in knobs.items() if k.startswith(f"{name}__")}
            losses.append(
                loss.bind({k.removeprefix(f"{name}__"): v for k, v in own.items()})
            )
        return PerTarget(losses, knobs.get("weights", self.weights))

    def structure(self):
        """Return the structures of the losses."""
        inside = tuple(loss.structure() for loss in self.losses)
        return (PerTarget, inside, self.weights is None)

    @property
    def search_space(self):
        """Return those of the losses."""
        return {
            f"{name}__{key}": space
            for name, loss in self._named().items()
            for key, space in loss.search_space.items()
        }

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

    def _weighted(self, call, raw):
        """Return the weighted mean of ``call(loss, j, own raw outputs)``."""
        return sum(
            share * call(loss, slice(j, j + 1), own)
            for j, (share, (loss, own)) in enumerate(
                zip(self._shares(), self._pieces(raw), strict=True)
            )
        )

    # -- the value -----------------------------------------------------------------

    @property
    def decomposable(self):
        """Tell whether every target's loss is a sum over rows."""
        return all(loss.decomposable for loss in self.losses)

    @property
    def nonnegative(self):
        """Tell whether no target's loss is ever below zero."""
        return all(loss.nonnegative for loss in self.losses)

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted mean of the targets' values."""
        return self._weighted(
            lambda loss, j, own: loss.batch_value(ONE, y_true[..., j], own, weight), raw
        )

    def rowwise(self, task, y_true, raw):
        """Return the weighted mean of the targets' values per row."""
        return self._weighted(
            lambda loss, j, own: loss.rowwise(ONE, y_true[..., j], own), raw
        )

    def columnwise(self, task, y_true, raw):
        """Return the targets' values per row, times weights of mean one."""
        n = len(self.losses)
        columns = [
            n * share * loss.rowwise(ONE, y_true[..., j : j + 1], own)
            for j, (share, (loss, own)) in enumerate(
                zip(self._shares(), self._pieces(raw), strict=True)
            )
        ]
        return ops.stack(columns, axis=-1)

    def inverse_link(self, task, raw):
        """Return each target's point prediction."""
        columns = [loss.inverse_link(ONE, own) for loss, own in self._pieces(raw)]
        return ops.concatenate(columns, axis=-1)

    def monitor_name(self):
        """Return the targets' score, "mean_score" where they have several."""
        names = {loss.monitor_name() for loss in self.losses}
        return names.pop() if len(names) == 1 else "mean_score"

    def monitor(self, task, y_true, raw, class_weight):
        """Return the weighted mean of the targets' own scores per row."""
        return self._weighted(
            lambda loss, j, own: loss.monitor(ONE, y_true[..., j], own, class_weight),
            raw,
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

    @property
    def in_user_units(self):
        """Tell whether the losses see unscaled targets."""
        return all(loss.in_user_units for loss in self.losses)

    @property
    def head_scale(self):
        """Return the smallest factor that a loss asks for."""
        return min(loss.head_scale for loss in self.losses)

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

    def rehearse(self, task, y, dtype):
        """Raise LossTargetError where a target's function is no loss."""
        for j, loss in enumerate(self.losses):
            loss.rehearse(ONE, y[:, j : j + 1], dtype)

    def measure(self, task, y_true, sample_weight):
        """Return each loss's measured knobs, from its own target."""
        return {
            f"{name}__{key}": value
            for j, (name, loss) in enumerate(self._named().items())
            for key, value in loss.measure(
                ONE, y_true[:, j : j + 1], sample_weight
            ).items()
        }

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
                self._named().items(), np.split(last, ends), strict=True
            )
            for key, value in loss.trained(ONE, own).items()
        }


class UncertaintyWeighted(Wrapper):
    """Targets weighed by trained variances.

    ``sum_j exp(-s_j) L_j / 2 + s_j / 2`` with one trained number s_j a target, the
    logarithm of its noise (Kendall, Gal and Cipolla 2018, Eq. 7, with s = log
    sigma^2): at the optimum each target's loss is divided by its own mean. After
    ``fit``, ``loss_parameters_["log_variance"]`` holds the s_j, of scaled targets.

    Parameters
    ----------
    loss : RegressionLoss
        Never below zero, and the same for all targets or a :class:`PerTarget`.
    """

    own_space: ClassVar = {}
    family = "regression"
    nonnegative = False

    def __init__(self, loss):
        self.loss = loss

    @property
    def elicits(self):
        """Return what the wrapped loss elicits: weights do not change it."""
        return self.loss.elicits

    @property
    def proper(self):
        """Return the wrapped loss's: weights do not change it."""
        return self.loss.proper

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
        """Return the wrapped loss's, and one s a target."""
        return self.loss.n_global(task) + task.size

    def _own(self, task, raw):
        return raw[..., : self.loss.n_raw(task)]

    def rowwise(self, task, y_true, raw):
        """Return the value per row."""
        s, outside = ops.held(raw[..., -task.size :])
        value = self.loss.columnwise(task, y_true, self._own(task, raw))
        return ops.sum(0.5 * (ops.exp(-s) * value + s) + outside, axis=-1)

    def split(self, task, raw):
        """Return the wrapped loss's raw outputs, one axis per target."""
        return self.loss.split(task, self._own(task, raw))

    def inverse_link(self, task, raw):
        """Return the wrapped loss's point predictions."""
        return self.loss.inverse_link(task, self._own(task, raw))

    def monitor(self, task, y_true, raw, class_weight):
        """Return the wrapped loss's score per row."""
        return self.loss.monitor(task, y_true, self._own(task, raw), class_weight)

    def best_constant(self, task, y_true, sample_weight):
        """Return the wrapped loss's best constant, and the s that belong to it."""
        best = np.asarray(self.loss.best_constant(task, y_true, sample_weight))
        raw = ops.convert_to_tensor(np.tile(best, (len(y_true), 1)))
        value = self.loss.columnwise(task, ops.convert_to_tensor(y_true), raw)
        mean = np.average(value, axis=0, weights=sample_weight)
        return np.concatenate([best, np.log(np.clip(mean, 1e-4, 1e4))])

    def trained(self, task, last):
        """Return the log-variances, and the wrapped loss's trained numbers."""
        own = self.loss.trained(task, last[: -task.size])
        return {**own, "log_variance": last[-task.size :]}
