"""What a comparison of losses found, and how sure it is."""

import numpy as np

from skloss._params import nearest
from skloss._params._checks import check_number
from skloss.exceptions import UnknownNameError
from skloss.model_selection._paired_scores import compare_paired, correct_holm
from skloss.model_selection._printed_table import PrintedTable

LEVEL = 0.05
MARGIN = 0.01


class LossComparison:
    """Scores of several losses on the same folds, and which differences are luck.

    :func:`compare_losses` makes it; it prints as a table of the score that decides.
    Higher scores are better, as with scikit-learn's scorers.

    Attributes
    ----------
    losses : list of str
    metrics : list of str
        The first is the one that decides.
    scores : dict of str to ndarray of shape (losses, folds)
        By metric; NaN where training failed, or a loss lacks what the metric reads.
    recalibrated : dict of str to ndarray of shape (losses, folds)
        The same after temperature scaling by the predictions of the inner folds: what
        a loss has learnt, whether or not its probabilities are honest. NaN for losses
        without probabilities.
    settings : dict of str to list of dict
        By loss, what each fold chose.
    outcomes : dict of str to list of str
        By loss, how the training of each fold's network ended.
    gaps : dict of str to dict of str to str
        By loss and metric, why there is no score.
    seeds : list of int
        ``random_state`` of the networks of each fold, the same for all losses.
    n_networks : int
        How many were trained.
    seconds : float
    test_share : float
        Rows of a fold that test over rows that train.
    """

    def __init__(
        self, losses, metrics, tested, *, gaps, test_share, seeds, n_networks, seconds
    ):
        self.losses, self.metrics, self.gaps = losses, metrics, gaps
        self.test_share, self.seeds = float(test_share), seeds
        self.n_networks, self.seconds = n_networks, seconds
        by_loss = list(zip(*tested, strict=True))
        self.scores = collect(metrics, by_loss, "scores")
        self.recalibrated = collect(metrics, by_loss, "recalibrated")
        pairs = list(zip(losses, by_loss, strict=True))
        self.settings = {name: [own.params for own in folds] for name, folds in pairs}
        self.outcomes = {name: [own.outcome for own in folds] for name, folds in pairs}

    def table(self, metric=None, *, recalibrated=False, margin=None):
        """Return each loss with its mean, and how far it is from the best.

        Parameters
        ----------
        metric : str, default=None
            One of ``metrics``; None: the first.
        recalibrated : bool, default=False
            Whether scores are those after temperature scaling.
        margin : float, default=None
            Differences up to it are practically none. None: .01, or for a metric of
            errors or losses a hundredth of the best mean.

        Returns
        -------
        PrintedTable
            A dict for each loss, the best first: "loss", "mean", "difference" to the
            best, "low" and "high" of its 95 % interval (Nadeau and Bengio 2003), "p" of
            the test against the best, corrected for their number (Holm 1979), and the
            probabilities that it is "worse" than the best by more than the margin,
            "as good", or "better" (Benavoli et al. 2017). Losses with a gap come last.
        """
        scores = self.find_scores(metric, recalibrated)
        means = scores.mean(axis=1)
        margin = self.find_margin(metric, means, margin)
        known = np.flatnonzero(~np.isnan(means))
        best = max(known, key=lambda i: means[i], default=None)
        found = {
            i: compare_paired(scores[i], scores[best], self.test_share)
            for i in known
            if i != best
        }
        corrected = correct_holm([own.p_value for own in found.values()])
        p_values = dict(zip(found, corrected, strict=True))
        order = np.argsort(np.where(np.isnan(means), np.inf, -means), kind="stable")
        return PrintedTable(
            {"loss": self.losses[i], "mean": float(means[i])}
            | describe_difference(found.get(i), p_values.get(i), margin)
            for i in order
        )

    def as_good_as_best(self, metric=None, *, recalibrated=False):
        """Return the losses that the test cannot tell from the best, the best first.

        Parameters
        ----------
        metric, recalibrated
            As in ``table``.

        Returns
        -------
        list of str
            Losses whose corrected p is at least .05. That a difference was not found
            does not mean that there is none: more folds may find it.
        """
        rows = self.table(metric, recalibrated=recalibrated)
        known = [row for row in rows if not np.isnan(row["mean"])]
        return [
            row["loss"] for i, row in enumerate(known) if i == 0 or row["p"] >= LEVEL
        ]

    def difference(self, first, second, metric=None, *, recalibrated=False):
        """Return how two losses differ on the same folds.

        Parameters
        ----------
        first, second : str
            Of ``losses``.
        metric, recalibrated
            As in ``table``.

        Returns
        -------
        Difference
            Of the mean of the first less that of the second: ``mean``, ``p_value``,
            ``interval(level)`` and ``probabilities(margin)``.
        """
        scores = self.find_scores(metric, recalibrated)
        one, two = (scores[self.find_loss(name)] for name in (first, second))
        return compare_paired(one, two, self.test_share)

    def panel(self, *, recalibrated=False):
        """Return the mean of every metric for each loss.

        Returns
        -------
        PrintedTable
            A dict for each loss, in the order of the first metric.
        """
        means = {
            metric: self.find_scores(metric, recalibrated).mean(axis=1)
            for metric in self.metrics
        }
        first = means[self.metrics[0]]
        order = np.argsort(np.where(np.isnan(first), np.inf, -first), kind="stable")
        return PrintedTable(
            {"loss": self.losses[i]} | {m: float(own[i]) for m, own in means.items()}
            for i in order
        )

    def to_frame(self):
        """Return all scores as a pandas DataFrame, a row for each loss and fold."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas: pip install pandas. All numbers are in "
                "scores, settings and outcomes too."
            ) from error
        return pd.DataFrame(
            {
                "loss": name,
                "fold": fold,
                **{m: self.scores[m][i, fold] for m in self.metrics},
                **{
                    f"recalibrated_{m}": self.recalibrated[m][i, fold]
                    for m in self.metrics
                },
                "settings": self.settings[name][fold],
                "outcome": self.outcomes[name][fold],
            }
            for i, name in enumerate(self.losses)
            for fold in range(self.n_folds)
        )

    @property
    def n_folds(self):
        """How many outer folds there are."""
        return self.scores[self.metrics[0]].shape[1]

    def find_scores(self, metric, recalibrated):
        """Return the scores of a metric; raise for one that there is not."""
        metric = self.metrics[0] if metric is None else metric
        if metric not in self.metrics:
            raise UnknownNameError(
                f"metric={metric!r} was not measured. {nearest(metric, self.metrics)}"
            )
        return (self.recalibrated if recalibrated else self.scores)[metric]

    def find_loss(self, name):
        """Return the number of a loss; raise for one that was not compared."""
        if name not in self.losses:
            raise UnknownNameError(
                f"{name!r} was not compared. {nearest(name, self.losses)}"
            )
        return self.losses.index(name)

    def find_margin(self, metric, means, margin):
        """Return up to what differences of a metric are practically none."""
        if margin is not None:
            check_number("margin", margin, low=0)
            return margin
        metric = self.metrics[0] if metric is None else metric
        if metric.startswith("neg_") and not np.isnan(means).all():
            return MARGIN * abs(float(np.nanmax(means)))
        return MARGIN

    def __repr__(self):
        """Return the table of the first metric, and which losses are as good."""
        return f"{self._head()}\n\n{self.table()!r}\n\n{self._verdict()}"

    def _repr_html_(self):
        """Return what a notebook shows."""
        from html import escape

        tables = self.table()._repr_html_()
        return f"<p>{escape(self._head())}</p>{tables}<p>{escape(self._verdict())}</p>"

    def _head(self):
        return (
            f"{len(self.losses)} losses by {self.metrics[0]}, {self.n_folds} folds, "
            f"{self.n_networks} networks in {self.seconds:.0f} s"
        )

    def _verdict(self):
        missing = self._explain_missing()
        if not self.as_good_as_best():
            return missing
        best, *others = self.as_good_as_best()
        if others:
            found = f"Not told apart from {best} (5 %, corrected): {', '.join(others)}."
        else:
            found = f"{best} is better than all others (5 %, corrected)."
        return f"{found} {missing}".rstrip()

    def _explain_missing(self):
        """Return why losses have no score by the first metric, or an empty text."""
        metric, texts = self.metrics[0], []
        for name, scores in zip(self.losses, self.scores[metric], strict=True):
            failed = np.flatnonzero(np.isnan(scores))
            if not len(failed):
                continue
            reason = self.gaps.get(name, {}).get(metric)
            outcome = f"fold {failed[0]} {self.outcomes[name][failed[0]]}"
            texts.append(f"{name} ({reason or outcome})")
        return f"Without {metric}: {', '.join(texts)}." if texts else ""


def collect(metrics, by_loss, which):
    """Return the scores of all losses and folds, an array for each metric."""
    return {
        metric: np.array(
            [
                [getattr(own, which).get(metric, np.nan) for own in folds]
                for folds in by_loss
            ]
        )
        for metric in metrics
    }


def describe_difference(found, p_value, margin):
    """Return the cells of a loss beside its mean; NaN for the best and for gaps."""
    names = "difference", "low", "high", "p", "worse", "as good", "better"
    if found is None:
        return dict.fromkeys(names, np.nan)
    values = found.mean, *found.interval(), p_value, *found.probabilities(margin)
    return dict(zip(names, map(float, values), strict=True))
