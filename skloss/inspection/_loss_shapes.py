"""What losses ask of one row: their value, and the slope that training follows."""

import numpy as np

from skloss import losses
from skloss.inspection._frames import make_frame
from skloss.losses import Task
from skloss.losses._core import _ops as ops
from skloss.schedules import _plot

POINTS = 401
REACH = 4.0
STEEP = 3.0  # times the usual end of a curve; what is beyond leaves the picture


class LossShapesDisplay:
    """Values and gradients of losses for one row, side by side.

    Use ``from_losses``. For classes the row is of the second of two, and the horizontal
    axis its raw output (the margin); for numbers it is the prediction less the target,
    in units of the target's scale, or the prediction over the target where a loss is
    for positive numbers. Values are above the lowest that a row can have.

    Parameters
    ----------
    x : ndarray of shape (points,)
    values, gradients : dict of str to ndarray of shape (points,)
        By loss.
    label : str
        Of the horizontal axis.

    Attributes
    ----------
    ax_ : ndarray of shape (2,) of matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from skloss.inspection import LossShapesDisplay
    >>> display = LossShapesDisplay.from_losses(["cross_entropy", "hinge"])
    >>> float(display.values["hinge"][display.x == 0][0])
    1.0
    """

    def __init__(self, x, values, gradients, label):
        self.x, self.values, self.gradients = x, values, gradients
        self.label = label

    @classmethod
    def from_losses(cls, given, *, family="classification", ax=None):
        """Draw some losses.

        Parameters
        ----------
        given : list of str, Loss, keras.losses.Loss or callable
            Losses of one family, that work on one row.
        family : {"classification", "regression"}, default="classification"
        ax : array-like of matplotlib.axes.Axes, default=None
            Two; None makes a new figure.

        Returns
        -------
        LossShapesDisplay

        Raises
        ------
        ValueError
            For a loss that is a score of a whole batch, and has no value of one row.
        ImportError
            If matplotlib is not installed.
        """
        found = {str(one): losses.get(one, family) for one in given}
        for name, loss in found.items():
            if not loss.decomposable:
                raise ValueError(
                    f"{name} is a score of a whole batch, and has no shape for one "
                    f"row. Leave it out."
                )
        if family == "classification":
            display = cls(*trace_margins(found), "Raw output of a row of this class")
        elif all(loss.domain == "real" for loss in found.values()):
            display = cls(*trace_errors(found), "Prediction less target, in its scale")
        else:
            display = cls(*trace_ratios(found), "Prediction over target")
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw values and gradients.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None

        Returns
        -------
        self
        """
        self.ax_ = _plot.rows_of_axes(2, ax, side_by_side=True)
        self.figure_ = self.ax_[0].figure
        for axes, curves, title in zip(
            self.ax_,
            (self.values, self.gradients),
            ("Loss of the row", "Its gradient"),
            strict=True,
        ):
            for (name, values), style in zip(
                curves.items(), _plot.styles(), strict=False
            ):
                axes.plot(self.x, values, label=name, **style)
            axes.axhline(0, color="gray", linewidth=0.5)
            axes.set(xlabel=self.label, ylabel=title, ylim=choose_limits(curves))
        _plot.legend_above(self.ax_[0])
        return self

    def frame(self):
        """Return what is drawn, a pandas DataFrame with a row for each loss and x."""
        return make_frame(
            [
                {"loss": name, "x": x, "value": value, "gradient": gradient}
                for name in self.values
                for x, value, gradient in zip(
                    self.x, self.values[name], self.gradients[name], strict=True
                )
            ]
        )


def choose_limits(curves):
    """Return the ends of the vertical axis, where no one curve flattens the others."""
    ends = []
    for values in (
        [own.min() for own in curves.values()],
        [own.max() for own in curves.values()],
    ):
        usual = STEEP * np.median(values)
        ends.append(max(min(values), usual) if usual < 0 else min(max(values), usual))
    low, high = ends
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def trace_margins(found):
    """Return raw outputs, and values and gradients of a row of the second class."""
    x = np.linspace(-REACH, REACH, POINTS)
    return x, *trace(found, Task("binary", 1), x, np.ones(POINTS), x)


def trace_errors(found):
    """Return errors, and values and gradients of a target of 0."""
    x = np.linspace(-REACH, REACH, POINTS)
    return x, *trace(found, Task("regression", 1), x, np.zeros(POINTS), x)


def trace_ratios(found):
    """Return predictions over a target, and values and gradients of that target.

    The target is 1; a half where a loss is for shares.
    """
    shares = any(loss.domain in ("unit", "open_unit") for loss in found.values())
    target, highest = (0.5, 0.98) if shares else (1.0, REACH)
    predictions = np.linspace(0.02, highest, POINTS)
    task, raw = Task("regression", 1), np.linspace(-12, 12, 50 * POINTS)
    curves, _ = trace(found, task, raw, np.full(len(raw), target), raw)
    values, gradients = {}, {}
    for name, loss in found.items():
        columns = fill_columns(loss, task, raw)
        reached = ops.call_on_arrays(loss.inverse_link, task, columns)
        reached = np.asarray(reached, float).reshape(-1)
        own = np.interp(predictions, reached, curves[name])
        values[name] = own - own.min()
        gradients[name] = np.gradient(own, predictions / target)
    return predictions / target, values, gradients


def trace(found, task, x, y, raw):
    """Return values and gradients of losses along x, by name."""
    values, gradients = {}, {}
    for name, loss in found.items():
        columns = fill_columns(loss, task, raw)
        own = ops.call_on_arrays(loss.rowwise, task, y[:, np.newaxis], columns)
        own = np.asarray(own, float).reshape(-1)
        values[name] = own - own.min()
        gradients[name] = np.gradient(own, x)
    return values, gradients


def fill_columns(loss, task, raw):
    """Return raw outputs of a loss: the first varies, others (scales) are 0."""
    columns = np.zeros((len(raw), loss.n_raw(task)))
    columns[:, 0] = raw
    return columns
