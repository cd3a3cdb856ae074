"""Losses compared over several tables, each of which counts once."""

from itertools import combinations

import numpy as np
from scipy import stats

from skloss._params import nearest
from skloss.exceptions import UnknownNameError
from skloss.model_selection._paired_scores import correct_holm
from skloss.model_selection._printed_table import PrintedTable

FEWEST_TABLES = 6  # of fewer no Wilcoxon test can be below .05


def compare_tables(scores, metric=None):
    """Compare losses over several tables by their ranks.

    Whether losses differ at all is Friedman's test; which of them do is Wilcoxon's
    signed-rank test of each pair, corrected by Holm (Demsar 2006; Benavoli, Corani and
    Mangili 2016, who show why pairs are to be tested by their own scores alone).

    Parameters
    ----------
    scores : dict of str to LossComparison or dict of str to float
        By table: what :func:`compare_losses` found, or a score of each loss, the higher
        the better. Losses that some table lacks are left out.
    metric : str, default=None
        Which of the comparisons' scores; None: the first.

    Returns
    -------
    TablesComparison

    Raises
    ------
    ValueError
        If fewer than two tables, or than two losses that all tables have.

    Examples
    --------
    >>> from skloss.model_selection import compare_tables
    >>> found = compare_tables(
    ...     {
    ...         "churn": {"cross_entropy": 0.81, "focal": 0.80, "hinge": 0.79},
    ...         "credit": {"cross_entropy": 0.71, "focal": 0.72, "hinge": 0.70},
    ...         "jobs": {"cross_entropy": 0.93, "focal": 0.91, "hinge": 0.90},
    ...     }
    ... )
    >>> found.ranks
    {'cross_entropy': 1.3333333333333333, 'focal': 1.6666666666666667, 'hinge': 3.0}
    """
    by_table = {table: read_means(own, metric) for table, own in scores.items()}
    if len(by_table) < 2:
        raise ValueError(
            f"scores holds {len(by_table)} table(s); compare two at least, and six or "
            f"more if a difference is to be shown."
        )
    first, *others = by_table.values()
    losses = [loss for loss in first if all(loss in own for own in others)]
    if len(losses) < 2:
        raise ValueError(
            f"The tables {list(by_table)} share the losses {losses}; compare two at "
            f"least, the same on each table."
        )
    values = np.array([[own[loss] for loss in losses] for own in by_table.values()])
    return TablesComparison(list(by_table), losses, values)


def read_means(comparison, metric):
    """Return the mean score of each loss on a table, without those that have none."""
    if isinstance(comparison, dict):
        return {loss: v for loss, v in comparison.items() if np.isfinite(v)}
    means = comparison.find_scores(metric, recalibrated=False).mean(axis=1)
    pairs = zip(comparison.losses, means.tolist(), strict=True)
    return {loss: mean for loss, mean in pairs if np.isfinite(mean)}


class TablesComparison:
    """Ranks of losses over several tables, and which differences are luck.

    Attributes
    ----------
    tables, losses : list of str
    scores : ndarray of shape (tables, losses)
    ranks : dict of str to float
        The mean rank of each loss, 1 is the best; equal scores share their ranks.
    friedman_p : float
        Of the hypothesis that all losses are alike; NaN for two losses.
    p_values : ndarray of shape (losses, losses)
        Of pairs, by Wilcoxon's signed-rank test, corrected for their number; 1 on the
        diagonal.
    """

    def __init__(self, tables, losses, scores):
        self.tables, self.losses, self.scores = tables, losses, scores
        means = stats.rankdata(-scores, axis=1).mean(axis=0)
        self.ranks = dict(zip(losses, means.tolist(), strict=True))
        self.friedman_p = np.nan
        if len(losses) > 2:
            self.friedman_p = float(stats.friedmanchisquare(*scores.T).pvalue)
        self.p_values = find_pairs_p(scores)

    def table(self):
        """Return each loss with its mean rank and its tests, the best first.

        Returns
        -------
        PrintedTable
            A dict for each loss: "loss", "mean rank", "wins" (tables on which it is the
            best, shared ones too) and "p against the best", corrected.
        """
        order = sorted(range(len(self.losses)), key=lambda i: self._rank(i))
        wins = (self.scores == self.scores.max(axis=1, keepdims=True)).sum(axis=0)
        return PrintedTable(
            {
                "loss": self.losses[i],
                "mean rank": float(self._rank(i)),
                "wins": int(wins[i]),
                "p against the best": float(self.p_values[order[0], i]),
            }
            for i in order
        )

    def p_value(self, first, second):
        """Return the corrected p of a pair.

        Parameters
        ----------
        first, second : str
            Of ``losses``.
        """
        for name in (first, second):
            if name not in self.losses:
                raise UnknownNameError(
                    f"{name!r} was not compared. {nearest(name, self.losses)}"
                )
        places = self.losses.index(first), self.losses.index(second)
        return float(self.p_values[places])

    def _rank(self, i):
        return self.ranks[self.losses[i]]

    def __repr__(self):
        """Return the table, and what Friedman's test says."""
        return f"{self._head()}\n\n{self.table()!r}"

    def _repr_html_(self):
        """Return what a notebook shows."""
        return f"<p>{self._head()}</p>{self.table()._repr_html_()}"

    def _head(self):
        text = f"{len(self.losses)} losses on {len(self.tables)} tables"
        if len(self.losses) > 2:
            text += f", Friedman p = {self.friedman_p:.3g}"
        if len(self.tables) < FEWEST_TABLES:
            text += (
                f"; with fewer than {FEWEST_TABLES} tables no pair can differ at 5 %"
            )
        return text


def find_pairs_p(scores):
    """Return the corrected p of all pairs of columns."""
    n_losses = scores.shape[1]
    pairs = list(combinations(range(n_losses), 2))
    p = [find_pair_p(scores[:, i], scores[:, j]) for i, j in pairs]
    found = np.ones((n_losses, n_losses))
    for (i, j), value in zip(pairs, correct_holm(p), strict=True):
        found[i, j] = found[j, i] = value
    return found


def find_pair_p(first, second):
    """Return the p of Wilcoxon's signed-rank test, 1 where nothing differs."""
    if np.array_equal(first, second):
        return 1.0
    return float(stats.wilcoxon(first, second).pvalue)
