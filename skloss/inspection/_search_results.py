"""The results of a search over two of its parameters."""

import numpy as np

from skloss._params import nearest
from skloss.exceptions import UnknownNameError
from skloss.inspection._frames import make_frame
from skloss.schedules import _plot


class SearchResultsDisplay:
    """Mean test scores of a search's candidates, over two parameters.

    Use ``from_search``. A number stands on its axis, logarithmic where it spans more
    than a decade; anything else at a place of its own. The colour is the score, the
    lighter the better; what failed is a cross. The winner has a ring.

    Parameters
    ----------
    x, y : str
        Names of parameters.
    candidates : list of dict
        "x", "y" and "score" of each.
    metric : str
        For the label of the colours.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    """

    def __init__(self, x, y, candidates, metric):
        self.x, self.y = x, y
        self.candidates, self.metric = candidates, metric

    @classmethod
    def from_search(cls, search, x, y, *, metric=None, ax=None):
        """Draw the results of a fitted search, of scikit-learn's too.

        Parameters
        ----------
        search : GridSearchCV, FusedGridSearchCV or another with ``cv_results_``
        x, y : str
            Parameters of the search, such as ``"net__loss"``.
        metric : str, default=None
            One of several; None: the only one, or the one that ``refit`` names.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        SearchResultsDisplay

        Raises
        ------
        ValueError
            For a parameter or a metric that the search does not have.
        ImportError
            If matplotlib is not installed.
        """
        results = search.cv_results_
        names = [key.removeprefix("param_") for key in results if "param_" in key]
        for name in (x, y):
            if name not in names:
                raise UnknownNameError(
                    f"{name!r} was not searched. {nearest(name, names)}"
                )
        metric = find_metric(search, metric)
        candidates = [
            {"x": own.get(x), "y": own.get(y), "score": float(score)}
            for own, score in zip(
                results["params"], results[f"mean_test_{metric}"], strict=True
            )
        ]
        return cls(x, y, candidates, metric).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the results.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None

        Returns
        -------
        self
        """
        self.ax_ = axes = _plot.axes(ax)
        self.figure_ = axes.figure
        scores = np.array([own["score"] for own in self.candidates])
        xs, ys = (
            place_values(axes, side, name, [own[side] for own in self.candidates])
            for side, name in (("x", self.x), ("y", self.y))
        )
        done = np.isfinite(scores)
        if not done.all():
            axes.plot(xs[~done], ys[~done], "x", color="gray", label="failed")
        order = np.argsort(np.where(done, scores, -np.inf))[len(scores) - done.sum() :]
        points = axes.scatter(
            *(xs[order], ys[order]),
            **{"c": scores[order], "cmap": "cividis", "edgecolors": "gray", "s": 70},
        )
        if done.any():
            self.figure_.colorbar(points, ax=axes, label=f"mean {self.metric}")
            best = order[-1]
            axes.plot(
                *(xs[best], ys[best], "o"),
                **{"markersize": 16, "fillstyle": "none", "markeredgewidth": 2},
                **{"color": _plot.COLORS[3], "label": "best"},
            )
        _plot.legend_above(axes)
        return self

    def frame(self):
        """Return what is drawn, a pandas DataFrame with a row for each candidate."""
        names = {"x": self.x, "y": self.y, "score": self.metric}
        return make_frame(
            [{names[key]: v for key, v in own.items()} for own in self.candidates]
        )


def find_metric(search, metric):
    """Return which mean score is drawn, "score" where there is one only."""
    scores = [
        key.removeprefix("mean_test_")
        for key in search.cv_results_
        if key.startswith("mean_test_")
    ]
    if metric is None:
        metric = "score" if "score" in scores else search.refit
    if metric not in scores:
        raise UnknownNameError(
            f"metric={metric!r} was not measured. {nearest(str(metric), scores)}"
        )
    return metric


def place_values(axes, side, name, values):
    """Return where values stand on an axis, and set its scale, ticks and label."""
    axis = getattr(axes, f"{side}axis")
    axis.set_label_text(name)
    if all(
        isinstance(v, int | float | np.number) and not isinstance(v, bool)
        for v in values
    ):
        numbers = np.array(values, float)
        if numbers.min() > 0 and numbers.max() > 10 * numbers.min():
            getattr(axes, f"set_{side}scale")("log")
        return numbers
    texts = [v if isinstance(v, str) else repr(v) for v in values]
    labels = list(dict.fromkeys(texts))
    axis.set_ticks(range(len(labels)), labels)
    return np.array([labels.index(text) for text in texts], float)
