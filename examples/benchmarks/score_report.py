"""What the rows of ``own_loss.py`` say: paired ratios, wins, intervals over tables.

The ratio of a score is the geometric mean over tables of that over their splits; where
higher is better it is the difference and the mean. An interval is what 90 % of 10,000
bootstrap samples of the tables give: of four tables, so no more than a hint. A split is
won where the value is better by more than 1 %, or by .01.
"""

from dataclasses import dataclass

import numpy as np

DRAWS, INSIDE, NEAR = 10_000, 0.9, 0.01


@dataclass(frozen=True)
class Comparison:
    """What one arm is worth against another, over tables.

    Attributes
    ----------
    value, low, high : float
        Ratio or difference, and its interval.
    wins, losses, splits : int
        Of table-splits.
    tables : int
    """

    value: float
    low: float
    high: float
    wins: int
    losses: int
    splits: int
    tables: int


def compare(pairs, higher):
    """Return the Comparison of pairs of values, or None if there are none.

    Parameters
    ----------
    pairs : dict of str to list of tuple
        From a table to ours and theirs, a pair a split.
    higher : bool
        Whether higher is better.
    """
    if not pairs:
        return None
    gains = [
        [one - two if higher else np.log(one / two) for one, two in values]
        for values in pairs.values()
    ]
    means = np.array([np.mean(values) for values in gains])
    drawn = np.random.default_rng(0).integers(len(means), size=(DRAWS, len(means)))
    ends = np.quantile(means[drawn].mean(axis=1), [(1 - INSIDE) / 2, (1 + INSIDE) / 2])
    value, low, high = (
        float(v if higher else np.exp(v)) for v in (means.mean(), *ends)
    )
    flat = np.concatenate(gains)
    up = flat if higher else 1 - np.exp(flat)
    wins, losses = int((up > NEAR).sum()), int((up < -NEAR).sum())
    return Comparison(value, low, high, wins, losses, len(flat), len(means))


def pair_rows(rows, ours, theirs):
    """Return what ``compare`` takes, from the rows of one score.

    Parameters
    ----------
    rows : list of dict
        With table, split, arm and value; inner too where one is chosen.
    ours, theirs : callable
        From the rows of one table and split, by arm, to a row or None.
    """
    found = {}
    for row in rows:
        if "value" in row:
            cell = found.setdefault((row["table"], row["split"]), {})
            cell[row["arm"]] = row
    pairs = {}
    for (table, _), cell in sorted(found.items()):
        one, two = ours(cell), theirs(cell)
        if one and two:
            pairs.setdefault(table, []).append((one["value"], two["value"]))
    return pairs


def named(arm):
    """Return what picks the row of an arm."""
    return lambda cell: cell.get(arm)


def best_of(arms):
    """Return what picks, if all are there, the arm with the best inner score."""

    def pick(cell):
        if not all(arm in cell for arm in arms):
            return None
        return max((cell[arm] for arm in arms), key=lambda row: row["inner"])

    return pick


def write_comparison(found, higher):
    """Return the value with its interval and "wins, losses", as cells of a table."""
    if found is None:
        return ["", ""]
    sign = "+" if higher else ""
    value, low, high = (
        f"{number:{sign}.3f}" for number in (found.value, found.low, found.high)
    )
    return [f"{value} [{low}, {high}]", f"{found.wins}, {found.losses}"]


def write_table(header, lines):
    """Return lines of cells as a table in Markdown."""
    marks = ["---"] * len(header)
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, marks, *lines))
