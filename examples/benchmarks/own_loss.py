"""Where the loss is the point: searches with a score's own losses, and without.

For each of eight scores, on four tables and two outer splits of each: the automatic
search with the losses of the score; the same with squared error or cross-entropy only;
and models that have the objective of the score, tuned for as many seconds of the
processor. All see the same rows; how these are spoilt is in ``spoil.py``. With
outliers candidates are compared by the absolute error of inner rows, which have them
too, and measured by the root of squared errors of test rows, which have none.

Run ``python examples/benchmarks/own_loss.py [--score mae ...] [--tables 4]``; all of
it takes about two and a half hours of two cores, and can be interrupted: what was
measured is kept, with the code that it is of, and not measured again. A search runs
alone, peers in pairs. ``--report`` only prints. It needs
``pip install "skloss[benchmarks]"``.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from inspect import getsource
from itertools import islice
from pathlib import Path

from command_line import make_parser
from markdown import tabulate
from own_process import run_fresh
from peers import CORES
from rows import FOLDER, Rows, digest_files, digest_package, list_versions
from score_arms import SCORES
from score_peers import CHANGES, PEERS
from score_report import (
    best_of,
    named,
    pair_rows,
    write_comparison,
)
from score_tables import TABLES, describe_table

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Line:
    """A line of the report: a score, our arm, and what that is compared to.

    Attributes
    ----------
    title, score, ours : str
    default : str
        The arm without the losses of the score.
    boosting, linear : str
        How the names of two groups of peers begin.
    """

    title: str
    score: str
    default: str
    boosting: str = "boosting"
    linear: str = "linear"
    ours: str = "own"


LINES = (
    Line("MAE", "mae", "squared_error"),
    Line("pinball loss at 0.9", "pinball", "squared_error"),
    Line("Poisson deviance", "poisson", "squared_error"),
    Line("MSLE", "msle", "squared_error"),
    Line("RMSE, 10 % outliers in training", "outliers", "squared_error"),
    Line("the same; boosting by squares", "outliers", "squared_error", "plain"),
    Line("log-loss, 30 % wrong labels", "labels", "cross_entropy"),
    Line(
        "the same; all know the share",
        "labels",
        "told_cross_entropy",
        "told boosting",
        "told linear",
        ours="told",
    ),
    Line("quadratic kappa, ordered classes", "kappa", "cross_entropy"),
    Line("balanced accuracy, 3 % positive", "balanced", "cross_entropy", "plain"),
    Line("the same; others with class weights", "balanced", "weighted"),
)


def digest_of(arm):
    """Return a digest of what decides the rows of an arm, "score/name"."""
    name, _, arm = arm.partition("/")
    score = SCORES[name]
    files = [HERE / "tables.py"]
    texts = [score.describe(), *map(describe_table, TABLES[name])]
    if arm in score.searches:
        texts += [score.searches[used].describe() for used in ("own", arm)]
        files += [HERE / "ours.py", HERE / "score_search.py"]
        return digest_files(files, digest_package(), *texts)
    model, candidates = PEERS[name][arm](seed=0)
    versions = list_versions("scikit-learn", "lightgbm")
    change = CHANGES.get(f"{name}/{arm}")
    texts += [model, *islice(candidates, 3), change and getsource(change), *versions]
    return digest_files([*files, HERE / "peers.py"], *texts)


def measure(asked):
    """Return a row, measured by a fresh process, or an error."""
    score, _, arm = asked["arm"].partition("/")
    threads = 1 if arm in PEERS[score] else None  # so that two may run side by side
    try:
        return asked | run_fresh(
            HERE / "score_run.py", json.dumps(asked), threads=threads
        )
    except RuntimeError as error:
        return error


def list_rounds(given):
    """Yield score, table and split, so that each score soon has some table."""
    for place in range(given.tables):
        for split in range(given.splits):
            for score in given.score:
                if place < len(TABLES[score]):
                    yield score, TABLES[score][place].name, split


def list_missing(score, arms, asked, rows):
    """Return what is asked of those arms that have no row yet."""
    wanted = [asked | {"arm": f"{score}/{arm}"} for arm in arms]
    return [each for each in wanted if not rows.has(each)]


def run(given, rows):
    """Measure what there is no row of; return how many runs failed."""
    failures = 0
    for score, table, split in list_rounds(given):
        asked = {"table": table, "split": split}
        asked |= {"seconds": given.seconds, "seed": given.seed}
        for arms, workers in ((SCORES[score].searches, 1), (PEERS[score], CORES)):
            missing = list_missing(score, arms, asked, rows)
            with ThreadPoolExecutor(workers) as pool:
                for found in pool.map(measure, missing):
                    failures += keep(found, rows)
    return failures


def keep(found, rows):
    """Keep a row and say what it is, or say what failed and return True."""
    failed = isinstance(found, RuntimeError)
    if failed:
        print(found, file=sys.stderr, flush=True)
    else:
        rows.add(found)
        print(*rows.name(found), found["value"], flush=True)
    return failed


def report(given, rows):
    """Print the table of all scores, each with its default and its peers."""
    found = [
        row
        for row in rows.newest()
        if (row["seconds"], row["seed"]) == (given.seconds, given.seed)
    ]
    print(f"{write_table(found)}\n\n{rows.describe(found)}")


def write_table(rows):
    """Return the table of all scores in Markdown."""
    header = ["score", "tables", "own / default loss", "own / boosting", "own / linear"]
    header = [*header[:2], *(c for name in header[2:] for c in (name, "wins, losses"))]
    lines = [header]
    for line in LINES:
        score, higher = line.score, SCORES[line.score].higher
        others = [named(f"{score}/{line.default}")]
        others += [
            best_of(list_group(score, name)) for name in (line.boosting, line.linear)
        ]
        own = named(f"{score}/{line.ours}")
        pairs = [pair_rows(rows, own, theirs) for theirs in others]
        cells = [cell for each in pairs for cell in write_comparison(each, higher)]
        tables = {table for each in pairs for table, _ in each}
        lines.append([line.title, str(len(tables)), *cells])
    return tabulate(lines)


def list_group(score, start):
    """Return the arms of a group of peers."""
    return [f"{score}/{name}" for name in PEERS[score] if name.startswith(start)]


def read_arguments():
    parser = make_parser(__doc__)
    parser.add_argument("--score", nargs="+", choices=SCORES, default=list(SCORES))
    parser.add_argument("--tables", type=int, default=4, help="the first of each score")
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=Path, default=FOLDER / "own_loss.jsonl")
    parser.add_argument("--report", action="store_true")
    return parser.parse_args()


def main():
    given = read_arguments()
    rows = Rows(given.rows, digest_of)
    failures = 0 if given.report else run(given, rows)
    report(given, rows)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
