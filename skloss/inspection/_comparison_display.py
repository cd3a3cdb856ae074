"""A comparison of losses as a picture: each one's mean, and how far it is from best."""

import numpy as np

from skloss.inspection._frames import make_frame
from skloss.schedules import _plot


class LossComparisonDisplay:
    """Losses of a comparison, the best on top, with intervals of their differences.

    Use ``from_comparison``. On the left are the scores of all folds and their mean, on
    the right the difference to the best loss with its 95 % interval (Nadeau and Bengio
    2003), and the margin within which differences are practically none.

    Parameters
    ----------
    comparison : LossComparison
    metric : str, default=None
        None: the first.
    recalibrated : bool, default=False
    margin : float, default=None
        As in ``LossComparison.table``.

    Attributes
    ----------
    ax_ : ndarray of shape (2,) of matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    """

    def __init__(self, comparison, *, metric=None, recalibrated=False, margin=None):
        self.comparison = comparison
        self.metric = comparison.metrics[0] if metric is None else metric
        self.recalibrated, self.margin = recalibrated, margin

    @classmethod
    def from_comparison(
        cls, comparison, *, metric=None, recalibrated=False, margin=None, ax=None
    ):
        """Draw a comparison.

        Parameters
        ----------
        comparison : LossComparison
        metric, recalibrated, margin
            As in ``LossComparison.table``.
        ax : array-like of matplotlib.axes.Axes, default=None
            Two; None makes a new figure.

        Returns
        -------
        LossComparisonDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        options = {"metric": metric, "recalibrated": recalibrated, "margin": margin}
        return cls(comparison, **options).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the comparison.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None

        Returns
        -------
        self
        """
        rows = [row for row in self._table() if not np.isnan(row["mean"])]
        self.ax_ = _plot.rows_of_axes(2, ax, side_by_side=True)
        self.figure_ = self.ax_[0].figure
        places = np.arange(len(rows))[::-1]
        self._draw_scores(self.ax_[0], rows, places)
        self._draw_differences(self.ax_[1], rows, places)
        return self

    def _table(self):
        options = {"recalibrated": self.recalibrated, "margin": self.margin}
        return self.comparison.table(self.metric, **options)

    def _draw_scores(self, axes, rows, places):
        """Draw the scores of all folds, and their mean."""
        scores = self.comparison.find_scores(self.metric, self.recalibrated)
        for row, place in zip(rows, places, strict=True):
            own = scores[self.comparison.find_loss(row["loss"])]
            axes.plot(own, np.full(len(own), place), "o", color=_plot.COLORS[4])
            axes.plot(row["mean"], place, "D", color=_plot.COLORS[3])
        axes.plot([], [], "o", color=_plot.COLORS[4], label="one fold")
        axes.plot([], [], "D", color=_plot.COLORS[3], label="mean")
        axes.set_yticks(places, [row["loss"] for row in rows])
        axes.set_xlabel(self.metric)
        _plot.legend_above(axes)

    def _draw_differences(self, axes, rows, places):
        """Draw the intervals of differences to the best."""
        means = np.array([row["mean"] for row in rows])
        margin = self.comparison.find_margin(self.metric, means, self.margin)
        axes.axvspan(
            *(-margin, margin),
            **{"color": "gray", "alpha": 0.25, "label": "practically none"},
        )
        axes.axvline(0, color="gray", linewidth=0.8)
        for row, place in zip(rows[1:], places[1:], strict=True):
            axes.plot([row["low"], row["high"]], [place] * 2, color=_plot.COLORS[0])
            axes.plot(row["difference"], place, "D", color=_plot.COLORS[0])
        axes.plot(
            [], [], "D-", color=_plot.COLORS[0], label="difference, 95 % interval"
        )
        axes.set_yticks(places, [""] * len(rows))
        axes.set_ylim(*self.ax_[0].get_ylim())
        axes.set_xlabel(f"difference to {rows[0]['loss']}")
        _plot.legend_above(axes)

    def frame(self):
        """Return the table of the comparison as a pandas DataFrame."""
        return make_frame(list(self._table()))
