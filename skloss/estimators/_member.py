"""What an estimator gives the engine to train: a loss, its target's units, numbers."""

import numpy as np

from skloss import schedules
from skloss._engine import Member
from skloss._engine._optimizers import Optimizer
from skloss.estimators import _units as units
from skloss.estimators import _varying as annealing
from skloss.losses._core._constant import best_constant


class MakesMember:
    """Makes the ``Member`` of a fit."""

    def _dtype_for(self, n_rows, batch_size, start):
        """Return float64 where one batch holds all rows, float32 otherwise.

        float64 too where a function sees numbers that float32 does not resolve.
        """
        dtype = self.dtype
        if start is not None:
            dtype = start.weights.dtype.name
        elif dtype == "auto":
            exact = n_rows <= batch_size or self._needs_double()
            dtype = "float64" if exact else "float32"
        units.check_resolved(*self._seen_by_functions(), dtype)
        return dtype

    def _seen_by_functions(self):
        """Return location and scale of the columns that a function sees vary."""
        own = self._unscaled & self._moves
        return self._loc[own], self._scale[own]

    def _needs_double(self):
        """Tell whether a function sees numbers that float32 does not resolve."""
        return not units.resolves(*self._seen_by_functions(), "float32").all()

    def _set_units(self, Y, weight, start):
        """Set location and scale of the target; return which columns have new ones.

        A later call that goes on keeps them, but for a column that was constant so far.
        """
        new = np.ones(Y.shape[1], dtype=bool)
        if start is None:
            self._loc, self._scale, self._moves = self._scaling(Y, weight)
        elif self._moves.all():
            new = ~new
        else:
            loc, scale, moves = self._scaling(Y, weight)
            new = moves & ~self._moves
            self._loc = np.where(new, loc, self._loc)
            self._scale = np.where(new, scale, self._scale)
            self._moves = moves | self._moves
        self._unscaled = self._in_user_units()
        return new

    def _in_user_units(self):
        """Return which columns of the target the loss sees in the user's units."""
        return np.full(len(self._loc), self.loss_.in_user_units)

    def _member(self, Y, weight, start, new, dtype):
        """Return the network's own hyperparameters."""
        task, loss = self._task, self.loss_
        loss.rehearse(task, Y, "float64" if self._needs_double() else self.dtype)
        loc = np.where(self._unscaled, 0.0, self._loc)
        scale = np.where(self._unscaled, 1.0, self._scale)
        seen = (Y - loc) / scale
        goes_on = start is not None and start.slots is not None
        if not goes_on or new.any():  # partial_fit keeps the first ones
            data = task, seen, weight
            measured = loss.measure(*data)
            if goes_on:
                measured = units.renewed(self._measured, measured, new)
            self._measured = measured
            self._measured_curves = annealing.measured_curves(loss, self._curves, *data)
        self.loss_ = loss = loss.bind(self._measured)
        trained = units.trained_as(loss, self._loc, self._scale)
        if start is None or new.any():
            self._gain = units.gain(trained, task, Y, dtype)
        trained = trained.bind(self._gain)
        annealed = {**self._curves, **self._measured_curves}
        bias, head_scale = None, 1.0
        if start is None or new.any():
            first = annealing.at_epoch(trained, annealed, 0)
            bias = best_constant(first, task, seen, weight)
        if start is None and not self._moves.all():
            head_scale = np.ones(len(bias))
            head_scale[loss.outputs(task, ~self._moves)] = 0.0
        elif start is not None and new.any():
            start = units.restarted(start, bias, loss.outputs(task, new))
        numbers = annealing.numbers_of(self, self._curves)
        if not self._moves.any():
            # nothing to learn; optimisers would make steps of rounding errors
            numbers["clip_norm"] = 0.0
            annealed.pop("clip_norm", None)
        return Member(
            loss=trained,
            schedule=schedules.get(self.lr_schedule),
            optimizer=Optimizer(self.optimizer),
            learning_rate=float(self.learning_rate),
            head_bias=bias,
            head_scale=head_scale,
            **numbers,
            varying=annealed,
            patience=float(self.patience) if self.early_stopping else np.inf,
            loc=loc,
            scale=scale,
            class_weight=self._class_weight,
            start=start,
        )

    def _scaling(self, Y, weight):
        """Return location and scale of the target, and which columns vary.

        Those of classes have none, and count as varying.
        """
        columns = Y.shape[1]
        return np.zeros(columns), np.ones(columns), np.ones(columns, dtype=bool)
