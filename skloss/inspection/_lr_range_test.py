"""A learning rate for an estimator, from short trainings at many rates."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ShuffleSplit

from skloss import networks
from skloss._engine import Outcome, train_population
from skloss._params import is_number
from skloss._params._checks import check_count
from skloss._warn_user import warn_user
from skloss.estimators._fit_network import prepare_fit
from skloss.estimators._settings import Settings
from skloss.model_selection._candidates import find_net
from skloss.model_selection._fit_arguments import capture_fit_arguments
from skloss.schedules import _plot

SPLITS, HELD_OUT = 5, 0.2
HALF_DECADE = np.sqrt(10)
NEGLIGIBLE = 0.005  # of what training gains


@dataclass(frozen=True, eq=False)
class LRRangeTest:
    """What ``lr_range_test`` found.

    Attributes
    ----------
    learning_rates_ : ndarray of shape (n,)
        The rates, lowest first.
    losses_ : ndarray of shape (n,)
        The loss on held-out rows after the test's epochs, a mean over splits; infinite
        where a network diverged.
    best : float
        The rate with the lowest loss after the test's epochs.
    suggested : float
        The rate for the estimator's own epochs and schedule.
    epochs : int
        Epochs of the test.
    reach : float
        Epochs of the estimator's training, each as long as its schedule's mean.
    """

    learning_rates_: np.ndarray
    losses_: np.ndarray
    best: float
    suggested: float
    epochs: int
    reach: float

    def plot(self, ax=None):
        """Draw the loss over the learning rate.

        Rates that end worse than the lowest one are left out.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = _plot.axes(ax)
        losses = np.where(
            self.losses_ <= 1.1 * get_untrained_loss(self.losses_), self.losses_, np.nan
        )
        ax.plot(self.learning_rates_, losses, marker=".")
        label = f"best after {self.epochs} epochs: {self.best:.2g}"
        ax.axvline(self.best, color="C1", linestyle="--", label=label)
        label = f"suggested: {self.suggested:.2g}"
        ax.axvline(self.suggested, color="C2", label=label)
        ax.set(xscale="log", xlabel="Learning rate", ylabel="Loss on held-out rows")
        _plot.legend_above(ax)
        return ax

    def __repr__(self):
        low, high = self.learning_rates_[[0, -1]]
        return (
            f"LRRangeTest(suggested={self.suggested:.2g}, best={self.best:.2g} after "
            f"{self.epochs} epochs, {len(self.learning_rates_)} rates from {low:.2g} "
            f"to {high:.2g})"
        )


def lr_range_test(estimator, X, y, *, low=1e-6, high=1.0, n=40, epochs=10, params=None):
    """Propose a learning rate: train at many for a few epochs, all at once.

    Smith's test (2017, "Cyclical learning rates", section 3.3) raises the rate of one
    network step by step, so that what it shows at a rate depends on all lower ones.
    Here every rate has its own networks, one for each of five random splits of the
    rows, which train together with a constant rate and start from the same weights.

    The rate that is best for a few epochs is too high for many: how far a network gets
    is a matter of rate times epochs. So the suggestion is the highest rate whose loss
    is as good as the best, up to half a percent of what training gains, times the
    epochs of the test over those of the estimator. The loss of a rate is averaged with
    those up to half a decade away.

    Parameters
    ----------
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
        A Pipeline must end in one. It is cloned. Its ``lr_schedule`` and
        ``early_stopping`` are set aside for the test; its ``random_state`` decides
        all that is random.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    low, high : float, default=1e-6, 1.0
        The lowest and highest rate.
    n : int, default=40
        The number of rates, evenly spread on a logarithmic scale.
    epochs : int, default=10
        Epochs of the test; the estimator's, if it has fewer.
    params : dict, default=None
        Parameters of ``fit``, such as ``sample_weight``.

    Returns
    -------
    LRRangeTest
        With ``suggested``, ``best``, ``learning_rates_``, ``losses_`` and ``plot``.

    Raises
    ------
    ValueError
        If the rates make no sense, all networks diverge, or the estimator's schedule
        gives the rates itself.
    NotFusibleError
        If the estimator does not end in a net of skloss.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.inspection import lr_range_test
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> net = make_pipeline(StandardScaler(), LossAwareClassifier(random_state=0))
    >>> found = lr_range_test(net, X, y, n=20, epochs=5)
    >>> bool(1e-5 < found.suggested < 1e-2)
    True
    """
    check_range_of_rates(low, high, n, epochs)
    rates = np.geomspace(low, high, n)
    estimator = clone(estimator)
    net = find_net(estimator)
    settings = Settings.of(net)
    reach, epochs = compute_reach(settings), min(epochs, settings.epochs)
    refuse_moving_targets(net)
    net.set_params(lr_schedule=None, early_stopping=False, verbose=0)
    _, (args, kwargs) = capture_fit_arguments(estimator, net, X, y, params or {})
    with networks.python_random_untouched():
        losses = measure_losses(prepare_fit(net, *args, **kwargs, epochs=epochs), rates)
    if not np.isfinite(losses).any():
        raise ValueError(
            f"Every network diverged, at rates from {low:g} to {high:g}: lower low, "
            f"scale the features, or set clip_norm."
        )
    smooth = smooth_losses(rates, losses)
    flat = smooth.min() + NEGLIGIBLE * (get_untrained_loss(losses) - losses.min())
    best, highest = np.argmin(smooth), np.flatnonzero(smooth <= flat)[-1]
    if best in (0, n - 1):
        warn_user(
            f"The lowest loss is at {rates[best]:g}, the edge of the rates from "
            f"{low:g} to {high:g}; {'lower low' if best == 0 else 'raise high'}.",
            UserWarning,
        )
    return LRRangeTest(
        learning_rates_=rates,
        losses_=losses,
        best=float(rates[best]),
        suggested=float(rates[highest] * epochs / reach),
        epochs=epochs,
        reach=reach,
    )


def check_range_of_rates(low, high, n, epochs):
    """Raise ValueError or TypeError unless these are rates to try, and epochs."""
    if not (is_number(low) and is_number(high) and 0 < low < high < np.inf):
        raise ValueError(
            f"low={low!r} and high={high!r} must be finite numbers with 0 < low < "
            f"high; the defaults are 1e-6 and 1.0."
        )
    check_count("n", n, low=3)
    check_count("epochs", epochs)


def compute_reach(settings: Settings) -> float:
    """Return how many epochs at the full rate go as far as a net's training."""
    schedule, epochs = settings.schedule, settings.epochs
    if schedule.absolute:
        raise ValueError(
            f"lr_schedule={settings.given['lr_schedule']!r} gives the rates itself, so "
            f"that there is no learning_rate to propose. Set lr_schedule=None for the "
            f"test."
        )
    if schedule.monitors:
        return float(epochs)
    return float(schedule.values(1.0, epochs, steps_per_epoch=10).mean() * epochs)


def refuse_moving_targets(net):
    """Raise ValueError for an estimator whose losses at two rates say nothing."""
    if "early_stopping" not in net.get_params(deep=False):
        raise ValueError(
            f"lr_range_test compares losses of rows set aside, and targets of "
            f"{type(net).__name__} are its own values: the lowest loss is that of a "
            f"network that learns nothing. Compare rates by the score of a search, "
            f"scoring=skloss.model_selection.TransitionScorer()."
        )


def measure_losses(job, rates: np.ndarray) -> np.ndarray:
    """Return the mean loss on held-out rows at each rate.

    All networks are members of one plan: a rate and a split of the rows each.
    """
    plan, stream = job.plan, job.data.streams[0]
    splitter = ShuffleSplit(SPLITS, test_size=HELD_OUT, random_state=plan.seed)
    streams = [
        replace(
            stream,
            rows=stream.rows[train],
            weight=stream.weight[train] / stream.weight[train].mean(),
            val_rows=stream.rows[held],
            val_weight=stream.weight[held],
        )
        for train, held in splitter.split(stream.rows)
    ]
    members = [
        replace(plan.members[0], learning_rate=float(rate), stream=split)
        for split in range(SPLITS)
        for rate in rates
    ]
    data = replace(job.data, streams=streams)
    results = train_population(replace(plan, members=members), data)
    losses = [r.history["val_loss"][-1] for r in results]
    diverged = [r.outcome is Outcome.DIVERGED for r in results]
    losses = np.where(diverged | ~np.isfinite(losses), np.inf, losses)
    return losses.reshape(SPLITS, len(rates)).mean(axis=0)


def get_untrained_loss(losses: np.ndarray) -> float:
    """Return the loss of a network that has hardly been trained: at the lowest rate."""
    return losses[0] if np.isfinite(losses[0]) else losses[np.isfinite(losses)].max()


def smooth_losses(rates: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return each loss averaged with those half a decade up and down.

    Losses above that of the lowest rate count as that: how bad does not matter.
    """
    losses = np.minimum(losses, get_untrained_loss(losses))
    near = np.abs(np.log(rates[:, None] / rates)) <= np.log(HALF_DECADE)
    return near @ losses / near.sum(axis=1)
