"""The page ``docs/defaults.md``: tables of the rows of ``defaults.py``."""

import numpy as np
from default_arms import (
    ARMS,
    CHOSEN,
    COSINE,
    CUTS,
    FAST,
    GROUPS,
    LOSSES,
    OTHER_SEEDS,
    SEEDS,
    TIMED,
    name_arm,
)
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
    chance = write_line("today, two other seeds", rows, TODAY, OTHER_SEEDS)
    sections = [INTRODUCTION, tabulate([HEADINGS, chance]), write_decision(rows)]
    for title, arms in GROUPS.items():
        lines = [write_line(show(arm), rows, name_arm(arm)) for arm in arms]
        sections.append(f"## {title}\n\n{tabulate([HEADINGS, *lines])}")
    lines = [write_loss(rows, loss) for loss in LOSSES]
    sections += [OTHER_LOSSES, tabulate([HEADINGS[:6], *lines])]
    lines = [write_sizes(rows, ARMS[arm]) for arm in TIMED[1:]]
    sections += [MORE_ROWS, tabulate([SIZES, *lines])]
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


def compare(rows, arm, what, tables, seeds=SEEDS, to=TODAY):
    """Return the ratios of an arm's values to those of another one."""
    theirs = select(rows, to, what, tables)
    ours = select(rows, arm, what, tables, seeds)
    return {place: value / theirs[place] for place, value in ours.items()}


def write_line(label, rows, arm, seeds=SEEDS):
    """Return the cells of an arm: what it scores over what today's defaults do."""
    return (
        label,
        *write_summary(compare(rows, arm, "score", CLASSES, seeds)),
        write_errors(rows, arm, seeds),
        *write_summary(compare(rows, arm, "score", NUMBERS, seeds)),
    )


def write_loss(rows, loss):
    """Return the cells of a loss: with the penalty over without it."""
    without, within = name_arm(loss), name_arm(loss | CHOSEN)
    ratios = compare(rows, within, "score", CLASSES, to=without)
    errors = write_errors(rows, within, to=without)
    return show(loss), *write_summary(ratios), errors


def write_summary(ratios):
    """Return the cells of a summary of ratios."""
    found = summarise(ratios)
    return (
        f"{found.mean:.3f}",
        f"{found.low:.3f} to {found.high:.3f}",
        f"{found.wins}, {found.ties}, {found.losses}",
        f"{found.worst} {found.worst_mean:.2f}",
    )


def write_errors(rows, arm, seeds=SEEDS, to=TODAY):
    """Return how many more rows in a hundred are misclassified, with an interval."""
    theirs = select(rows, to, "other", CLASSES)
    ours = select(rows, arm, "other", CLASSES, seeds)
    points = {place: 100 * (ours[place] - theirs[place]) for place in ours}
    points = list(mean_by_table(points).values())
    low, high = draw_interval(points)
    return f"{np.mean(points):+.1f} ({low:+.1f} to {high:+.1f})"


def write_sizes(rows, arm):
    """Return the cells of an arm, fitted alone on three numbers of rows."""
    scores, seconds = (
        [compare_sizes(rows, name_arm(arm), what, tables) for tables in (CUTS, SIZED)]
        for what in ("score", "cpu_seconds")
    )
    both = np.sqrt(np.prod(seconds, axis=0))
    cells = [f"{ratio:.3f}" for ratios in scores for ratio in ratios]
    return show(arm), *cells, *(f"{ratio:.1f}" for ratio in both)


def compare_sizes(rows, arm, what, tables):
    """Return the ratios of an arm's values to today's, in the order of the tables."""
    ratios = compare(rows, arm, what, tables, seeds=SEEDS[:1])
    return [ratios[table.name, 0] for table in tables]


def mean_ratio(rows, arm, tables):
    """Return the mean ratio of an arm's scores as it stands in the tables."""
    return f"{summarise(compare(rows, name_arm(arm), 'score', tables)).mean:.3f}"


def tabulate(lines):
    """Return a Markdown table, whose first line are headings."""
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_decision(rows):
    """Return what follows from the tables, with some of their numbers."""
    several = FAST | {"l2": 1e-3}
    numbers = {
        "chosen": mean_ratio(rows, CHOSEN, CLASSES),
        "stronger": mean_ratio(rows, {"l2": 1e-3}, CLASSES),
        "cosine": mean_ratio(rows, COSINE, CLASSES),
        "shorter": mean_ratio(rows, {"epochs": 50}, CLASSES),
        "cosine_numbers": mean_ratio(rows, COSINE, NUMBERS),
        "fast_numbers": mean_ratio(rows, FAST, NUMBERS),
        "several": mean_ratio(rows, several, CLASSES),
        "several_numbers": mean_ratio(rows, several, NUMBERS),
        "many": f"{compare_sizes(rows, 'l2=0.0003', 'score', CUTS)[-1]:.3f}",
        "many_stronger": f"{compare_sizes(rows, 'l2=0.001', 'score', CUTS)[-1]:.3f}",
    }
    return DECISION.format(**numbers)


INTRODUCTION = """\
# The defaults, measured

Made by `python examples/benchmarks/defaults.py --report` from its rows, which that
script measures.

A setting is one parameter or a few away from `network=(64, 64)`, `learning_rate=1e-3`,
`lr_schedule=None`, `epochs=100`, `batch_size="auto"`, `early_stopping=False`, `l2=0.0`
and `dropout=0.0`, the defaults when this was measured. Sixteen tables, eight of classes
and eight of numbers, of which at most 3,000 rows train and a quarter is set aside; two
such splits and two seeds. What stands here is the log-loss or RMSE on the rows set
aside, the mean over the seeds, over that of these defaults: less than 1 is better.
Means are geometric, over tables; intervals (90 %) draw tables; wins, ties and losses
are of 16 splits, a tie is within 1 %. *Errors*: how many more rows in a hundred are
misclassified. What chance alone does:"""
DECISION = """\
## What follows

- **Classifiers have `l2=3e-4`.** Without a penalty, 100 epochs make probabilities too
  sure of themselves. Whatever holds training back helps against it: fewer epochs, a
  lower rate, larger batches, a schedule, a smaller network, early stopping, dropout.
  A penalty is what loses nowhere, costs no seconds, and needs no rows of its own:
  {chosen} at 3e-4. At 1e-3 it is {stronger} here, where at most 3,000 rows train, but
  of 50,000 rows {many_stronger}, where 3e-4 has {many}; so it is worth a search.
- **Regressors keep their defaults**: nothing that is as cheap is clearly better, and
  what penalties and dropout win on tables of many columns they lose on smooth ones.
- **No schedule.** A cosine is worth as much as half the epochs where classes are
  overfitted ({cosine}, {shorter}), and nothing for numbers ({cosine_numbers}) unless
  the rate is raised too. It must know how many epochs there will be: `partial_fit`,
  called more often, would learn nothing more; a callback that sets the rate is refused
  by Keras beside it, and it is lost on the way to scikeras.
- **Worth setting by hand**, where none of this matters: `lr_schedule="cosine",
  learning_rate=3e-3` for numbers ({fast_numbers}), and `l2=1e-3` with it for classes
  ({several}, with fewer errors) and for tables of many columns (numbers
  {several_numbers}).
- `MultiTaskLossAware...` were not measured and have no penalty by default."""
OTHER_LOSSES = """\
## Other losses, with `l2=3e-4` over without"""
MORE_ROWS = """\
## 500, 5,000 and 50,000 rows

One table, whose column `cut` (five classes) or `price` is predicted, by one fit each.
*Seconds* are processor seconds over those of the defaults, the mean of both."""
