"""Ratios of scores over tables: their mean, how sure it is, wins and losses.

Scores are such that less is better, so a ratio below one is a win. Splits of one table
are not independent, so the interval draws tables, each with all its splits.
"""

from dataclasses import dataclass

import numpy as np

MARGIN = 0.01
LEVEL = 0.9
DRAWS = 10_000


@dataclass(frozen=True)
class Summary:
    """The geometric mean of ratios, its interval, outcomes and the worst table."""

    mean: float
    low: float
    high: float
    wins: int
    ties: int
    losses: int
    worst: str
    worst_mean: float

    def write_cells(self):
        """Return cells of a table: mean, interval, outcomes and the worst table."""
        return (
            f"{self.mean:.3f}",
            f"{self.low:.3f} to {self.high:.3f}",
            f"{self.wins}, {self.ties}, {self.losses}",
            f"{self.worst} {self.worst_mean:.2f}",
        )


def summarise(ratios):
    """Return a summary of ratios, a dictionary by (table, split).

    The mean is that of the tables' means of logarithms; a table counts the same however
    many splits it has. A ratio within one per cent of 1 is a tie.
    """
    logs = mean_by_table({key: np.log(ratio) for key, ratio in ratios.items()})
    low, high = draw_interval(list(logs.values()))
    worst = max(logs, key=logs.get)
    found = np.array(list(ratios.values()))
    wins, losses = int((found < 1 - MARGIN).sum()), int((found > 1 + MARGIN).sum())
    return Summary(
        mean=float(np.exp(np.mean(list(logs.values())))),
        low=float(np.exp(low)),
        high=float(np.exp(high)),
        wins=wins,
        ties=len(found) - wins - losses,
        losses=losses,
        worst=worst,
        worst_mean=float(np.exp(logs[worst])),
    )


def mean_by_table(values):
    """Return the mean over splits for each table, of values by (table, split)."""
    by_table = {}
    for (table, _), value in values.items():
        by_table.setdefault(table, []).append(value)
    return {table: float(np.mean(found)) for table, found in by_table.items()}


def draw_interval(values, level=LEVEL):
    """Return the ends of a percentile bootstrap interval of the mean of values."""
    values = np.asarray(values, dtype=float)
    drawn = np.random.default_rng(0).integers(len(values), size=(DRAWS, len(values)))
    tail = (1 - level) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def compare_paired(promised, found):
    """Return the mean of paired differences and its standard error."""
    differences = np.subtract(promised, found)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(differences.mean()), float(error)
