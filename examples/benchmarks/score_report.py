"""What the rows of ``own_loss.py`` say: paired ratios, wins, intervals over tables.

The ratio of a score is the geometric mean over tables of that over their splits; where
higher is better it is the mean of differences. An interval is of tables, which are few,
so it is no more than a hint. A split is won where the value is better by more than 1 %,
or by .01.
"""

from dataclasses import dataclass

import numpy as np
from ratios import MARGIN, draw_interval, mean_by_table


@dataclass(frozen=True)
class Comparison:
    """What one arm is worth against another, over tables.

    Attributes
    ----------
    value, low, high : float
        Ratio or difference, and its interval.
    wins, losses : int
        Of table-splits.
    tables : int
    """

    value: float
    low: float
    high: float
    wins: int
    losses: int
    tables: int


def compare(pairs, higher):
    """Return the Comparison of pairs of values, or None if there are none.

    Parameters
    ----------
    pairs : dict of tuple to tuple
        From a table and a split to the values of ours and theirs.
    higher : bool
        Whether higher is better.
    """
    if not pairs:
        return None
    gains = {
        key: one - two if higher else np.log(one / two)
        for key, (one, two) in pairs.items()
    }
    means = list(mean_by_table(gains).values())
    ends = np.array([np.mean(means), *draw_interval(means)])
    value, low, high = map(float, ends if higher else np.exp(ends))
    found = np.array(list(gains.values()))
    better = found if higher else 1 - np.exp(found)
    return Comparison(
        value,
        low,
        high,
        wins=int((better > MARGIN).sum()),
        losses=int((better < -MARGIN).sum()),
        tables=len(means),
    )


def pair_rows(rows, ours, theirs):
    """Return what ``compare`` takes, from the rows of one score.

    Parameters
    ----------
    rows : list of dict
        With table, split, arm and value; inner too where one is chosen.
    ours, theirs : callable
        From the rows of one table and split, by arm, to a row or None.
    """
    cells = {}
    for row in rows:
        cells.setdefault((row["table"], row["split"]), {})[row["arm"]] = row
    pairs = {}
    for key, cell in sorted(cells.items()):
        one, two = ours(cell), theirs(cell)
        if one and two:
            pairs[key] = one["value"], two["value"]
    return pairs


def named(arm):
    """Return what picks the row of an arm."""
    return lambda cell: cell.get(arm)


def best_of(arms):
    """Return what picks, if all are there, the arm with the best inner score."""

    def pick(cell):
        if not arms or not all(arm in cell for arm in arms):
            return None
        return max((cell[arm] for arm in arms), key=lambda row: row["inner"])

    return pick


def write_comparison(pairs, higher):
    """Return the value with its interval and "wins, losses", as cells of a table."""
    found = compare(pairs, higher)
    if found is None:
        return ["", ""]
    sign = "+" if higher else ""
    value, low, high = (
        f"{number:{sign}.3f}" for number in (found.value, found.low, found.high)
    )
    return [f"{value} [{low}, {high}]", f"{found.wins}, {found.losses}"]
