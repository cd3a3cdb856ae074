"""The page ``docs/defaults.md``: tables of the rows of ``defaults.py``."""

import numpy as np
from default_arms import CUTS, GROUPS, OTHER_SEEDS, SEEDS, TIMED, name_arm
from ratios import draw_interval, mean_by_table, summarise
from tables import CLASSES, NUMBERS, SIZED

TODAY = name_arm({})
HEADINGS = (
    *("setting", "log-loss", "90 % interval", "wins, ties, losses", "worst table"),
    *("errors, points", "RMSE", "90 % interval", "wins, ties, losses", "worst table"),
)
SIZES = (
    "setting",
    *(
        f"{what}, {rows}"
        for what in ("log-loss", "RMSE", "seconds")
        for rows in ("500", "5,000", "50,000")
    ),
)


def write_page(rows):
    """Return the page, made of rows (dictionaries)."""
    sections = [INTRODUCTION]
    chance = write_line("today, two other seeds", rows, TODAY, OTHER_SEEDS)
    sections.append(tabulate([HEADINGS, chance]))
    for title, arms in GROUPS.items():
        lines = [write_line(show(arm), rows, name_arm(arm)) for arm in arms]
        sections.append(f"## {title}\n\n{tabulate([HEADINGS, *lines])}")
    lines = [write_sizes(rows, arm) for arm in TIMED]
    sections.append(f"{ON_MORE_ROWS}\n\n{tabulate([SIZES, *lines])}")
    return "\n\n".join(sections) + "\n"


def show(arm):
    """Return an arm as code, a network as its definition is usually written."""
    return f"`{name_arm(arm)}`".replace("hidden_layer_sizes=", "")


def select(rows, arm, what, tables, seeds=SEEDS):
    """Return a value of an arm's rows by table and split, the mean over seeds."""
    names = {table.name for table in tables}
    found = {}
    for row in rows:
        if row["arm"] == arm and row["table"] in names and row["seed"] in seeds:
            found.setdefault((row["table"], row["split"]), []).append(row[what])
    return {place: np.mean(each) for place, each in found.items()}


def compare(rows, arm, what, tables, seeds=SEEDS):
    """Return the ratios of an arm's values to those of today's defaults."""
    today = select(rows, TODAY, what, tables)
    ours = select(rows, arm, what, tables, seeds)
    return {place: value / today[place] for place, value in ours.items()}


def write_line(label, rows, arm, seeds=SEEDS):
    """Return the cells of an arm: what it scores over what today's defaults do."""
    today, ours = (
        select(rows, name, "other", CLASSES, of)
        for name, of in ((TODAY, SEEDS), (arm, seeds))
    )
    points = {place: 100 * (ours[place] - today[place]) for place in ours}
    points = list(mean_by_table(points).values())
    low, high = draw_interval(points)
    return (
        label,
        *write_summary(compare(rows, arm, "score", CLASSES, seeds)),
        f"{np.mean(points):+.1f} ({low:+.1f} to {high:+.1f})",
        *write_summary(compare(rows, arm, "score", NUMBERS, seeds)),
    )


def write_summary(ratios):
    """Return the cells of a summary of ratios."""
    found = summarise(ratios)
    return (
        f"{found.mean:.3f}",
        f"{found.low:.3f} to {found.high:.3f}",
        f"{found.wins}, {found.ties}, {found.losses}",
        f"{found.worst} {found.worst_mean:.2f}",
    )


def write_sizes(rows, arm):
    """Return the cells of an arm on one table of classes and of numbers, by size."""
    cells = [
        [f"{ratio:.3f}" for ratio in compare(rows, arm, "score", tables).values()]
        for tables in (CUTS, SIZED)
    ]
    both = zip(
        *(compare(rows, arm, "cpu_seconds", t).values() for t in (CUTS, SIZED)),
        strict=True,
    )
    seconds = [f"{np.sqrt(np.prod(pair)):.1f}" for pair in both]
    return (f"`{arm}`", *cells[0], *cells[1], *seconds)


def tabulate(lines):
    """Return a Markdown table, whose first line are headings."""
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


INTRODUCTION = """\
# The defaults, measured
"""
ON_MORE_ROWS = """\
## On more rows
"""
