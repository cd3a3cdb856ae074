"""Between which numbers raw outputs are held where rows are unlike the training's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skloss.losses._core import _ops as ops

# So many that NumPy predicts them, unless the network is wide, and no copy is large.
ROWS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class OutputBounds:
    """The range of the raw outputs of the training rows, and the bounds beyond it.

    Attributes
    ----------
    low, high : ndarray of shape (n_raw,)
        The range; infinity and minus infinity where nothing was seen, or is bounded.
    floor, ceiling : ndarray of shape (n_raw,)
        The bounds; infinite where there is none.
    """

    low: np.ndarray
    high: np.ndarray
    floor: np.ndarray
    ceiling: np.ndarray

    @classmethod
    def none(cls, n_raw: int) -> OutputBounds:
        """Return the bounds of a network of which nothing was seen."""
        low, high = np.full(n_raw, np.inf), np.full(n_raw, -np.inf)
        return cls(low, high, high, low)

    def widen(self, raw: np.ndarray) -> OutputBounds:
        """Return them with further raw outputs in the range; infinite ones count not.

        Parameters
        ----------
        raw : ndarray of shape (n, n_raw)
        """
        fine = np.isfinite(raw)
        low = raw.min(axis=0, where=fine, initial=np.inf)
        high = raw.max(axis=0, where=fine, initial=-np.inf)
        return replace(
            self, low=np.minimum(self.low, low), high=np.maximum(self.high, high)
        )

    def settle(self, margin: np.ndarray) -> OutputBounds:
        """Return them with the bounds that follow from the range.

        Parameters
        ----------
        margin : ndarray of shape (n_raw,)
            How far beyond it they are, as a share of it; infinite for no bound.
        """
        bounded = np.isfinite(margin)
        low = np.where(bounded, self.low, np.inf)
        high = np.where(bounded, self.high, -np.inf)
        seen = low <= high
        floor, ceiling = np.full(len(margin), -np.inf), np.full(len(margin), np.inf)
        reach = margin[seen] * (high - low)[seen]
        floor[seen], ceiling[seen] = low[seen] - reach, high[seen] + reach
        return OutputBounds(low, high, floor, ceiling)

    def forget(self, outputs) -> OutputBounds:
        """Return them without the range of some outputs, which have new units."""
        low, high = self.low.copy(), self.high.copy()
        low[outputs], high[outputs] = np.inf, -np.inf
        return replace(self, low=low, high=high)

    def of(self, outputs) -> OutputBounds | None:
        """Return the bounds of some outputs alone, None where these have none."""
        part = OutputBounds(*(x[outputs] for x in vars(self).values()))
        return part if np.isfinite(part.floor).any() else None

    def hold(self, raw: np.ndarray) -> np.ndarray:
        """Return raw outputs within the bounds."""
        # a prediction of one row would feel what ``np.clip`` takes
        return np.minimum(np.maximum(raw, self.floor), self.ceiling)

    def hold_symbolic(self, raw):
        """Return symbolic raw outputs within the bounds."""
        floor, ceiling = (x.astype(str(raw.dtype)) for x in (self.floor, self.ceiling))
        return ops.minimum(ops.maximum(raw, floor), ceiling)


def recall_bounds(reading, loss, task, new) -> OutputBounds:
    """Return the bounds that a fit begins with: what it goes on from has seen rows.

    Parameters
    ----------
    reading : Reading
    loss : Loss
    task : Task
    new : ndarray of bool of shape (columns,)
        Which columns of y have new units.
    """
    earlier = reading.earlier
    if earlier is None or earlier.bounds is None:
        return OutputBounds.none(loss.n_raw(task))
    return earlier.bounds.forget(loss.outputs(task, new))


def measure_bounds(job, predict) -> OutputBounds | None:
    """Return the bounds of a trained network, None where nothing is bounded.

    Parameters
    ----------
    job : Job
    predict : callable
        From features to raw outputs, by the network that was trained.
    """
    before, X, (stream,) = job.before, job.data.X, job.data.streams
    margin = before.target.find_margins(before.settings, before.loss)
    if np.isinf(margin).all():
        return None
    bounds = job.bounds
    for begin in range(0, len(stream.rows), ROWS_AT_ONCE):
        bounds = bounds.widen(predict(X[stream.rows[begin : begin + ROWS_AT_ONCE]]))
    return bounds.settle(margin)
