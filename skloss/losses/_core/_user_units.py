"""Losses that see the target in the user's units, for networks that see it scaled."""

import copy

import numpy as np

from skloss.losses._core import _ops as ops
from skloss.losses._core._wrapper import Wrapper

OWN_KNOBS = {"location", "spread", "gain"}


class InUserUnits(Wrapper):
    """A loss of the target as it is, and of raw outputs that stand for a scaled one.

    Its value is the loss's own. Its gradient may be multiplied by a number, ``gain``,
    which leaves the minimum where it is: rates, penalties, bounds on gradients and
    the small constants of optimisers are made for gradients of size 1, and those of a
    function have the size of the user's units.

    Parameters
    ----------
    loss : Loss
    location, spread : ndarray of shape (targets,)
        Raw outputs stand for ``raw * spread + location``.
    gain : float > 0, default=1.0
    """

    in_user_units = False

    def __init__(self, loss, location, spread, gain=1.0):
        self.loss = loss
        self.location = location
        self.spread = spread
        self.gain = gain

    def __repr__(self):
        return repr(self.loss)

    # The numbers of the loss keep their names, by which its schedules know them.

    def knobs(self):
        """Return the wrapper's numbers, and the wrapped loss's by their own names."""
        return {
            **{name: getattr(self, name) for name in OWN_KNOBS},
            **self.loss.knobs(),
        }

    def bind(self, knobs):
        """Return a copy whose numbers are replaced, by tensors if need be."""
        bound = copy.copy(self)
        for name in OWN_KNOBS & knobs.keys():
            setattr(bound, name, knobs[name])
        others = {name: value for name, value in knobs.items() if name not in OWN_KNOBS}
        bound.loss = self.loss.bind(others)
        return bound

    def measure(self, task, y_true, sample_weight):
        """Return the wrapped loss's measured numbers."""
        return self.loss.measure(task, y_true, sample_weight)

    def _unscale(self, raw):
        """Return raw outputs in the user's units."""
        return raw * self.spread + self.location

    def _multiply_gradient(self, value):
        """Return the value, whose gradient is multiplied by ``gain``."""
        still = ops.stop_gradient(value)  # the value stays, its gradient is gained
        return still + self.gain * (value - still)

    def rowwise(self, task, y_true, raw):
        """Return the wrapped loss's value of each row, in the user's units."""
        return self._multiply_gradient(
            self.loss.rowwise(task, y_true, self._unscale(raw))
        )

    def batch_value(self, task, y_true, raw, weight):
        """Return the wrapped loss's value of the batch, in the user's units."""
        value = self.loss.batch_value(task, y_true, self._unscale(raw), weight)
        return self._multiply_gradient(value)

    def monitor(self, task, y_true, raw, class_weight):
        """Return the wrapped loss's score, in scaled units."""
        scaled = (y_true - self.location) / self.spread
        return self.loss.monitor(task, scaled, raw, class_weight)

    def best_constant(self, task, y_true, sample_weight):
        """Return the wrapped loss's best constant, as a raw output."""
        best = self.loss.best_constant(task, y_true, sample_weight)
        return (best - self.location) / self.spread

    def saturated(self, task, y_true, constant):
        """Return the wrapped loss's saturated model, as raw outputs."""
        free = self.loss.saturated(task, y_true, self._unscale(constant))
        return (free - self.location) / self.spread

    def gain_for(self, task, y_true, raw, dtype):
        """Return the gain with which the typical gradient has size one.

        Typical is the root mean square over rows and outputs, at constant raw outputs.
        The gain is a power of two, so that a factor of two on the loss changes no bit.

        Parameters
        ----------
        task : Task
        y_true : ndarray of shape (n, targets)
        raw : ndarray of shape (n_raw,)
        dtype : str
            In which the loss computes.
        """
        y = ops.convert_to_tensor(y_true, dtype=dtype)
        rows = ops.convert_to_tensor(np.tile(raw, (len(y_true), 1)), dtype=dtype)
        weight = ops.ones(len(y_true), dtype=dtype)
        slope = ops.gradient(lambda f: self.batch_value(task, y, f, weight), rows)
        slope = np.asarray(slope, dtype=np.float64)
        size = np.abs(slope).max()
        if not 0 < size < np.inf:
            return 1.0
        size *= np.sqrt(np.mean((slope / size) ** 2))
        return float(2.0 ** -np.round(np.log2(size)))
