"""Which losses differ over several tables, as a critical-difference diagram."""

from skloss.inspection._frames import make_frame
from skloss.schedules import _plot


class CriticalDifferenceDisplay:
    """Mean ranks of losses over tables; bars join what no test tells apart.

    Use ``from_tables``. Drawn by scikit-posthocs (Demsar 2006, with pairs tested by
    Wilcoxon's test and Holm's correction).

    Parameters
    ----------
    comparison : TablesComparison

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    """

    def __init__(self, comparison):
        self.comparison = comparison

    @classmethod
    def from_tables(cls, comparison, *, ax=None):
        """Draw a comparison over tables.

        Parameters
        ----------
        comparison : TablesComparison
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        CriticalDifferenceDisplay

        Raises
        ------
        ImportError
            If scikit-posthocs is not installed.
        """
        return cls(comparison).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None

        Returns
        -------
        self
        """
        try:
            from scikit_posthocs import critical_difference_diagram
        except ImportError as error:
            raise ImportError(
                "The critical-difference diagram needs scikit-posthocs, which is not "
                "installed; install it with pip install 'skloss[posthocs]'."
            ) from error
        self.ax_ = _plot.axes(ax)
        self.figure_ = self.ax_.figure
        names, found = self.comparison.losses, self.comparison
        p_values = make_frame(dict(zip(names, found.p_values.T, strict=True)))
        p_values.index = names
        critical_difference_diagram(found.ranks, p_values, ax=self.ax_)
        self.ax_.set_title(f"Mean rank on {len(found.tables)} tables")
        return self

    def frame(self):
        """Return the table of the comparison as a pandas DataFrame."""
        return make_frame(list(self.comparison.table()))
