"""The page ``docs/defaults.md``: tables of the rows of ``defaults.py``."""

import itertools

import numpy as np
from default_arms import (
    ARMS,
    COSINE,
    CUTS,
    FAST,
    GROUPS,
    LOSSES,
    OTHER_SEEDS,
    PENALTIES,
    SEEDS,
    TIMED,
    name_arm,
)
from markdown import tabulate
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
    chance = write_line("the defaults, two other seeds", rows, TODAY, OTHER_SEEDS)
    sections = [INTRODUCTION, tabulate([HEADINGS, chance]), write_decision(rows)]
    for title, arms in GROUPS.items():
        lines = [write_line(show(arm), rows, name_arm(arm)) for arm in arms]
        sections.append(f"## {title}\n\n{tabulate([HEADINGS, *lines])}")
    pairs = itertools.product(LOSSES, PENALTIES)
    lines = [write_loss(rows, loss, penalty) for loss, penalty in pairs]
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
        *summarise(compare(rows, arm, "score", CLASSES, seeds)).write_cells(),
        write_errors(rows, arm, seeds),
        *summarise(compare(rows, arm, "score", NUMBERS, seeds)).write_cells(),
    )


def write_loss(rows, loss, penalty):
    """Return the cells of a loss: with a penalty over without it."""
    without, within = name_arm(loss), name_arm(loss | penalty)
    ratios = compare(rows, within, "score", CLASSES, to=without)
    errors = write_errors(rows, within, to=without)
    return show(loss | penalty), *summarise(ratios).write_cells(), errors


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


def write_decision(rows):
    """Return what follows from the tables, with some of their numbers."""
    means = {
        f"{name}_{kind}": f"{summarise(compare(rows, arm, 'score', tables)).mean:.3f}"
        for name, arm in NAMED.items()
        for kind, tables in (("classes", CLASSES), ("numbers", NUMBERS))
    }
    sizes = compare_sizes(rows, NAMED["l2"], "score", CUTS)
    robust = summarise(
        compare(rows, "loss='gce', l2=0.0001", "score", CLASSES, to="loss='gce'")
    )
    return DECISION.format(
        **means,
        many=f"{sizes[-1]:.3f}",
        gce=f"{robust.worst_mean:.1f}",
        of=robust.worst,
    )


NAMED = {
    "l2": "l2=0.001",
    "dropout": "dropout=0.1",
    "stopping": "early_stopping=True",
    "layer": "network=(128,)",
    "half": "epochs=50",
    "cosine": "lr_schedule='cosine'",
    "fast": name_arm(FAST),
    "several": name_arm(FAST | {"l2": 1e-3}),
    "wide": name_arm(COSINE | {"network": (256, 256)}),
}
INTRODUCTION = """\
# The defaults, measured

Made by `python examples/benchmarks/defaults.py --report` from its rows, which that
script measures.

A setting is one parameter or a few away from the defaults: `network=(64, 64)`,
`learning_rate=1e-3`, `lr_schedule=None`, `epochs=100`, `batch_size="auto"`,
`early_stopping=False`, `l2=0.0`, `dropout=0.0`. Sixteen tables, eight of classes and
eight of numbers, of which at most 3,000 rows train and a quarter is set aside; two such
splits and two seeds. What stands here is the log-loss or RMSE on the rows set aside,
the mean over the seeds, over that of the defaults: less than 1 is better. Means are
geometric, over tables; intervals (90 %) draw tables; wins, ties and losses are of 16
splits, a tie is within 1 %. *Errors*: how many more rows in a hundred are
misclassified. The first line is what chance does. (Settings are compared on the same
initial weights and batches, which other seeds are not.)"""
DECISION = """\
## What follows

The defaults stay as they are: no setting is better wherever it would act. Two are worth
knowing.

- **Classifiers whose probabilities count: `l2=1e-3`.** {l2_classes}, better on every
  split, with no more errors and in the same time. 100 epochs without a penalty make
  probabilities too sure of themselves, and all that holds training back helps: early
  stopping ({stopping_classes}), one layer ({layer_classes}), half the epochs
  ({half_classes}), a cosine ({cosine_classes}), dropout ({dropout_classes}, fewer
  errors, and up to a half slower). It is no default because its right size depends on
  the loss and on the rows. With 50,000 of them it costs a little ({many}). Of
  `loss="gce"`, which hears little of a rare class, a tenth of it leaves the log-loss on
  {of} {gce} times as large. And it would act on the layers of your own networks,
  which Keras penalises when told to only; dropout could not act in them.
- **Regressors: `lr_schedule="cosine", learning_rate=3e-3`.** {fast_numbers}; with
  `l2=1e-3` {several_numbers} (classes {several_classes}, with fewer errors), but not on
  smooth tables, where a penalty loses up to a tenth. No schedule is a default, for it
  must know how many epochs there will be: `partial_fit`, called more often than that,
  would learn nothing more; the rate that a callback sets would be multiplied by it, or
  refused by Keras; and `to_scikeras` has no place for it.

Everything else is a trade of one kind for the other, or for time. More training (200
epochs, smaller batches, higher rates) is bad for classes and at best 1 % good for
numbers; early stopping is the reverse (numbers {stopping_numbers}). (256, 256) with a
cosine gives numbers {wide_numbers} in seven times the seconds. The rule of
`batch_size="auto"` stands between its neighbours: batches twice as large are better for
classes and a little worse for numbers, those half as large worse for classes and no
better for numbers."""
OTHER_LOSSES = """\
## Penalties with other losses, over without"""
MORE_ROWS = """\
## 500, 5,000 and 50,000 rows

One table, whose column `cut` (five classes) or `price` is predicted, by one fit each.
*Seconds* are processor seconds over those of the defaults, the mean of both; other
programs ran beside, so that they are right to about a tenth."""
