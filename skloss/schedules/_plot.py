"""Where plots are drawn; matplotlib is optional and loaded on first use."""


def axes(ax=None):
    """Return ``ax``, or the axes of a new figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which is not installed; install it with "
            "pip install 'skloss[plot]'."
        ) from error
    return pyplot.subplots(layout="constrained")[1]


def legend_above(ax):
    """Put the legend above the axes, where it covers nothing."""
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
