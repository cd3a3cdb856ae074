"""Where plots are drawn; matplotlib is optional and loaded on first use."""

import numpy as np

# After Okabe and Ito 2008: told apart by colour-blind readers, on white and on black;
# with them go dashes, for those who print.
COLORS = "#2A84C6", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
DASHES = "-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1))


def axes(ax=None):
    """Return ``ax``, or the axes of a new figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    return load_pyplot().subplots(layout="constrained")[1] if ax is None else ax


def load_pyplot():
    """Return ``matplotlib.pyplot``, or say how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which is not installed; install it with "
            "pip install 'skloss[plot]'."
        ) from error
    return pyplot


def rows_of_axes(count, ax=None, *, side_by_side=False):
    """Return ``ax`` as an array, or the axes of a new figure, one below the other.

    Parameters
    ----------
    count : int
    ax : array-like of matplotlib.axes.Axes, default=None
    side_by_side : bool, default=False

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are not as many.
    """
    if ax is not None:
        ax = np.atleast_1d(ax).ravel()
        if len(ax) != count:
            raise ValueError(f"ax holds {len(ax)} axes; {count} are drawn.")
        return ax
    pyplot = load_pyplot()
    shape = {"nrows": count, "sharex": True, "figsize": (6.4, 2.2 * count + 0.6)}
    if side_by_side:
        shape = {"ncols": count, "figsize": (4.8 * count, 4.2)}
    return pyplot.subplots(squeeze=False, layout="constrained", **shape)[1].ravel()


def legend_above(ax):
    """Put the legend above the axes, where it covers nothing."""
    count = len(ax.get_legend_handles_labels()[1])
    columns = 1 if count <= 3 else 2
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=columns)


def styles():
    """Yield the style of each further line: colours change, then dashes."""
    number = 0
    while True:
        turn, place = divmod(number, len(COLORS))
        yield {
            "color": COLORS[place],
            "linestyle": DASHES[(place + turn) % len(DASHES)],
        }
        number += 1
