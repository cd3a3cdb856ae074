"""The units of a target of numbers: what lies between the user's and the network's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skloss._engine import TrainingState
from skloss.exceptions import LossTargetError
from skloss.losses import Loss, RegressionLoss, Task
from skloss.losses._core._user_units import InUserUnits
from skloss.losses._quantile import weighted_quantile

IQR_OF_STANDARD_NORMAL = 1.3489795003921634
SMALLEST, LARGEST = 1e-300, 1e300  # between them float64 has room to scale in
STILL = 2.0**-26  # scale of a constant, as a share of its size
MAX_ROWS = 500  # on which the gradient of a function is tried


@dataclass(frozen=True, eq=False)
class Units:
    """The units in which networks see a target: as ``(y - loc) / scale``.

    Attributes
    ----------
    loc, scale : ndarray of shape (columns,)
    varies : ndarray of bool of shape (columns,)
        Which columns held different numbers so far; classes count as such.
    """

    loc: np.ndarray
    scale: np.ndarray
    varies: np.ndarray

    @classmethod
    def none(cls, columns: int) -> Units:
        """Return units in which every number stays what it is."""
        return cls(np.zeros(columns), np.ones(columns), np.ones(columns, dtype=bool))

    def renew(self, fresh: Units) -> tuple[Units, np.ndarray]:
        """Return these units, with fresh ones for columns that now vary at last.

        Parameters
        ----------
        fresh : Units
            Measured on the present rows.

        Returns
        -------
        units : Units
        new : ndarray of bool of shape (columns,)
            Which columns have new units.
        """
        new = fresh.varies & ~self.varies
        units = Units(
            np.where(new, fresh.loc, self.loc),
            np.where(new, fresh.scale, self.scale),
            fresh.varies | self.varies,
        )
        return units, new

    def of(self, columns) -> Units:
        """Return the units of some columns."""
        return Units(self.loc[columns], self.scale[columns], self.varies[columns])


def measure_target(
    y: np.ndarray, loss: RegressionLoss, sample_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return location and scale with which the networks see a regression target.

    Parameters
    ----------
    y : ndarray of shape (n, targets)
    loss : RegressionLoss
        Its ``target_scaling`` decides, for all targets or one by one: "standard" (mean
        and standard deviation), "robust" (median, IQR / 1.349), "scale" (0 and the
        mean of |y|), "none".
    sample_weight : ndarray of shape (n,)

    Returns
    -------
    loc, scale : ndarray of shape (targets,)

    Raises
    ------
    LossTargetError
        If the scale is too small for float64.
    """
    kind = loss.target_scaling
    if isinstance(kind, str):
        loc, scale = measure_columns(y, kind, sample_weight)
    else:
        columns = [
            measure_columns(y[:, j : j + 1], kind_of_column, sample_weight)
            for j, kind_of_column in enumerate(kind)
        ]
        loc, scale = map(np.concatenate, zip(*columns, strict=True))
    tiny = varies(y) & (scale < SMALLEST)
    if tiny.any():
        raise LossTargetError(
            f"y spreads by {scale[tiny].min():g} only, and float64 cannot divide by "
            f"less than {SMALLEST:g}. Give y in another unit, such as 1e100 * y."
        )
    return loc, scale


def measure_columns(
    y: np.ndarray, kind: str, sample_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return location and scale of every column for one kind of scaling.

    A constant column has its value, and a scale beside which nothing moves it.
    """
    zeros, ones = np.zeros(y.shape[1]), np.ones(y.shape[1])
    if kind == "none":
        return zeros, ones
    unit = find_power_of_two(y)
    seen = y / unit
    size = np.average(np.abs(seen), axis=0, weights=sample_weight) * unit
    size = np.where(size > 0, size, 1.0)
    if kind == "scale":
        return zeros, size
    mean = np.average(seen, axis=0, weights=sample_weight)
    deviation = np.sqrt(np.average((seen - mean) ** 2, axis=0, weights=sample_weight))
    loc, scale = mean, deviation
    if kind == "robust":
        low, loc, high = (
            weighted_quantile(seen, level, sample_weight) for level in (0.25, 0.5, 0.75)
        )
        middle = varies(np.stack([low, high]))  # half of the rows may be equal
        scale = np.where(middle, (high - low) / IQR_OF_STANDARD_NORMAL, deviation)
    moves = varies(y)
    still = STILL * size
    return np.where(moves, loc * unit, y[0]), np.where(moves, scale * unit, still)


def find_power_of_two(y):
    """Return a power of two of the size of each column.

    Sums and squares of y divided by it neither overflow nor vanish, and it changes no
    other bit of what is computed with them.
    """
    exponent = np.frexp(np.abs(y).max(axis=0))[1]
    return np.ldexp(1.0, np.clip(exponent, -1000, 1000))


def varies(y: np.ndarray) -> np.ndarray:
    """Tell which columns hold numbers that differ by more than their rounding."""
    # numbers that were computed to be equal, as 0.1 + 0.2 and 0.3, are one value
    with np.errstate(over="ignore"):
        return np.ptp(y, axis=0) > 4 * np.finfo(np.float64).eps * np.abs(y).max(axis=0)


def check_size(y: np.ndarray) -> None:
    """Raise LossTargetError for a target that double precision cannot scale."""
    largest = np.abs(y).max(initial=0.0)
    if largest > LARGEST:
        raise LossTargetError(
            f"y reaches {largest:g}; beyond {LARGEST:g} float64 has no room to scale "
            f"it in. Give y in another unit, such as y / 1e100."
        )


def check_seen(
    seen: np.ndarray, loss: Loss, task: Task, dtype: str, transform: str | None
) -> None:
    """Raise LossTargetError for a target that the networks' numbers cannot hold.

    Parameters
    ----------
    seen : ndarray of shape (n, targets)
        As the networks see it.
    loss : Loss
    task : Task
    dtype : {"float32", "float64"}
    transform : "auto" or None
    """
    limits, real = np.finfo(dtype), getattr(loss, "domain", "real") == "real"
    # most losses of real numbers square them; positive ones take their logarithm
    bound = 0.1 * (np.sqrt(limits.max) if real else limits.max)
    size = np.abs(seen)
    largest, smallest = size.max(initial=0.0), size.min(initial=1.0, where=size > 0)
    if largest > bound:
        wrong = f"{largest:.3g} as the network sees it, too large for {dtype}"
    elif smallest < limits.tiny and not is_defined(loss, task, seen, dtype):
        wrong = f"{smallest:.3g} as the network sees it, which is 0 in {dtype}"
    else:
        return
    remedy = "Set target_transform='auto'" if transform is None else "Look for outliers"
    other = "give y in another unit" if dtype == "float64" else "set dtype='float64'"
    raise LossTargetError(f"A value of y is {wrong}. {remedy}, or {other}.")


def is_defined(loss: Loss, task: Task, seen: np.ndarray, dtype: str) -> bool:
    """Tell whether a loss has a finite value at targets in a dtype."""
    y = seen.astype(dtype)
    value = loss.rowwise(task, y, np.zeros((len(y), loss.n_raw(task)), dtype))
    return bool(np.isfinite(np.asarray(value)).all())


def is_resolved(loc: np.ndarray, scale: np.ndarray, dtype: str) -> np.ndarray:
    """Tell whether numbers of a dtype, in the user's units, resolve each target.

    To a ten-thousandth of its scale, and with room for squares.
    """
    limits = np.finfo(dtype)
    fine = np.abs(loc) * limits.eps < 1e-4 * scale
    room = np.sqrt(np.sqrt([limits.tiny, limits.max]))
    return fine & (scale > room[0]) & (np.maximum(scale, np.abs(loc)) < room[1])


def check_resolved(loc: np.ndarray, scale: np.ndarray, dtype: str) -> None:
    """Raise LossTargetError where a function would see hardly any differences in y.

    Parameters
    ----------
    loc, scale : ndarray of shape (targets,)
        Of the targets that a function sees in the user's units.
    dtype : {"float32", "float64"}
    """
    limits = np.finfo(dtype)
    step = limits.eps * np.abs(loc)
    low, high = np.sqrt([limits.tiny, limits.max])
    small, large = scale < low, np.maximum(np.abs(loc), scale) > 0.1 * high
    lost = step > 0.1 * scale
    if not (small | large | lost).any():
        return
    worst = int(np.argmax(small | large | lost))
    reason = "cannot square such numbers"
    if lost[worst]:
        reason = f"does not tell numbers apart that differ by {step[worst]:.2g} there"
    remedy = "Subtract a number from y, or give y in another unit"
    if dtype == "float32":
        remedy = f"Set dtype='float64'. Or {remedy[0].lower()}{remedy[1:]}"
    raise LossTargetError(
        f"A function given as a loss sees y in its own units, here numbers near "
        f"{loc[worst]:g} with a spread of {scale[worst]:.2g}, and {dtype} {reason}. "
        f"{remedy}."
    )


def renew_measured(old: dict, measured: dict, new: np.ndarray) -> dict:
    """Return what a loss measured before, but for new columns what it measures now."""
    return {
        name: np.where(new, value, old[name])
        if np.shape(value) == np.shape(new)
        else value
        for name, value in measured.items()
    }


def restart_outputs(
    start: TrainingState, bias: np.ndarray, outputs: np.ndarray
) -> TrainingState:
    """Return a state to go on from in which some raw outputs begin at their bias.

    Of a column that was constant so far nothing was learnt but its number.
    """
    weights = start.weights.copy()
    head = weights[-len(bias) :]  # a view: the biases of the head come last
    head[outputs] = bias[outputs]
    return replace(start, weights=weights)


def make_trained_loss(loss: Loss, loc: np.ndarray, scale: np.ndarray) -> Loss:
    """Return the loss as the engine trains it, for raw outputs of a scaled target."""
    return InUserUnits(loss, loc, scale) if loss.in_user_units else loss


def measure_gain(loss: Loss, task: Task, y: np.ndarray, dtype: str) -> dict:
    """Return the gain of a loss in the user's units, to be bound; nothing for others.

    Parameters
    ----------
    loss : Loss
    task : Task
    y : ndarray of shape (n, targets)
    dtype : str
        In which the loss computes.
    """
    if not isinstance(loss, InUserUnits):
        return {}
    rows = y[:: -(-len(y) // MAX_ROWS)]
    centre = loss.best_constant(task, rows, np.ones(len(rows)))
    return {"gain": loss.gain_for(task, rows, centre, dtype)}
