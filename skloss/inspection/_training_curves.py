"""Training curves: losses, learning rate and gradient norm, epoch by epoch."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skloss.inspection._frames import make_frame
from skloss.model_selection._last_step import get_last_step
from skloss.schedules import _plot

PANELS = (
    ("Loss", ("loss", "val_loss")),
    ("Learning rate", ("learning_rate",)),
    ("Gradient norm", ("gradient_norm",)),
)
LABELS = {
    "loss": "training rows",
    "val_loss": "validation rows",
    "learning_rate": "learning rate",
    "gradient_norm": "gradient norm",
}


class TrainingCurvesDisplay:
    """Losses, learning rate and gradient norm of a training, epoch by epoch.

    Use ``from_estimator``. Marked are the epoch whose weights predict, and the last one
    where that is another.

    Parameters
    ----------
    history : dict of str to list of float
        By epoch, as ``history_`` of an estimator.
    best_epoch : int
        From 1, whose weights predict.
    name : str, default=None
        Of the loss, for the title.

    Attributes
    ----------
    ax_ : ndarray of matplotlib.axes.Axes
        One for each panel, the losses on top.
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skloss import LossAwareRegressor
    >>> from skloss.inspection import TrainingCurvesDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = LossAwareRegressor(epochs=5, random_state=0).fit(X, y)
    >>> display = TrainingCurvesDisplay.from_estimator(net)
    >>> len(display.ax_)
    3
    """

    def __init__(self, history, best_epoch, *, name=None):
        self.history, self.best_epoch, self.name = history, best_epoch, name

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
            Fitted; a Pipeline must end in one.
        ax : array-like of matplotlib.axes.Axes, default=None
            One for each panel; None makes a new figure.

        Returns
        -------
        TrainingCurvesDisplay

        Raises
        ------
        NotFittedError
        ImportError
            If matplotlib is not installed.
        """
        net = get_last_step(estimator)
        check_is_fitted(net)
        fitted = net._get_fitted()
        display = cls(net.history_, fitted.best_epoch, name=repr(net.loss_))
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None

        Returns
        -------
        self
        """
        panels = [
            (title, [name for name in names if name in self.history])
            for title, names in PANELS
        ]
        panels = [(title, names) for title, names in panels if names]
        self.ax_ = _plot.rows_of_axes(len(panels), ax)
        self.figure_ = self.ax_[0].figure
        for axes, (title, names) in zip(self.ax_, panels, strict=True):
            self._draw(axes, title, names)
        if self.name:
            self.ax_[0].set_title(self.name, loc="right")
        self.ax_[-1].set_xlabel("Epoch")
        self.ax_[-1].xaxis.get_major_locator().set_params(integer=True)
        _plot.legend_above(self.ax_[0])
        return self

    def _draw(self, axes, title, names):
        """Draw one panel."""
        for name, style in zip(names, _plot.styles(), strict=False):
            values = np.asarray(self.history[name], float)
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, marker=".", label=LABELS[name], **style)
        axes.axvline(
            self.best_epoch, color="gray", linestyle=":", label="weights of this epoch"
        )
        drawn = np.concatenate([self.history[name] for name in names])
        if np.all(drawn > 0) and drawn.max() > 10 * drawn.min():
            axes.set_yscale("log")
        axes.set_ylabel(title)

    def frame(self):
        """Return what is drawn, a pandas DataFrame with a row for each epoch."""
        epochs = {"epoch": np.arange(1, len(self.history["loss"]) + 1)}
        return make_frame({**epochs, **self.history})
