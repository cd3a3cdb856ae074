"""Where the loss is the point: searches with a score's own losses, and without.

For each of eight scores, on four tables and two outer splits of each: the automatic
search with the losses of the score; the same with squared error or cross-entropy only;
and models that have the objective of the score, tuned for as many seconds of the
processor. All see the same rows; how these are spoilt is in ``score_tables.py``. With
outliers candidates are compared by the absolute error of inner rows, which have them
too, and measured by the root of squared errors of test rows, which have none.

Run ``python examples/benchmarks/own_loss.py [--score mae ...] [--tables 4]``; all of
it takes about three hours of two cores, and can be interrupted: what was measured is
kept, with the code that it is of, and not measured again. ``--report`` only prints.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from peers import CORES
from rows import FOLDER, Rows, digest_files, digest_package, list_versions
from score_arms import SCORES
from score_peers import PEERS
from score_report import (
    best_of,
    compare,
    named,
    pair_rows,
    write_comparison,
    write_table,
)
from score_tables import TABLES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KEY = ("score", "table", "split", "arm", "seconds", "seed")
SHARED = ["tables.py", "score_tables.py", "score_arms.py"]
OURS = [*SHARED, "score_run.py"]
THEIRS = [*SHARED, "peers.py", "score_peers.py"]
LINES = (
    ("mae", "own", "squared_error", "MAE"),
    ("pinball", "own", "squared_error", "pinball loss at 0.9"),
    ("poisson", "own", "squared_error", "Poisson deviance"),
    ("msle", "own", "squared_error", "MSLE"),
    ("outliers", "own", "squared_error", "RMSE, 10 % outliers in training"),
    ("outliers", "told", "squared_error", "the same, robust losses named"),
    ("labels", "own", "cross_entropy", "log-loss, 30 % of training labels wrong"),
    ("labels", "told", "told_cross_entropy", "the same, the share being known"),
    ("kappa", "own", "cross_entropy", "quadratic kappa, ordered classes"),
    ("balanced", "own", "cross_entropy", "balanced accuracy, 3 % positive"),
    ("balanced", "own", "weighted", "the same, against class_weight"),
)


def digest_of(arm):
    """Return a digest of what decides the rows of an arm, of any score."""
    if any(arm in score.searches for score in SCORES.values()):
        return digest_files([HERE / name for name in OURS], digest_package())
    versions = list_versions("scikit-learn", "lightgbm")
    return digest_files([HERE / name for name in THEIRS], *versions)


def measure(asked):
    """Return a row: what a fresh process finds, or why it found nothing."""
    ours = asked["arm"] in SCORES[asked["score"]].searches
    script = HERE / ("score_run.py" if ours else "score_peers.py")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if not ours:  # one thread, so that peers may run side by side
        env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(asked)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return asked | {"error": done.stderr.strip()[-2000:]}
    return asked | json.loads(done.stdout.splitlines()[-1])


def list_rounds(given):
    """Yield score, table and split, so that each score soon has some table."""
    for place in range(given.tables):
        for split in range(given.splits):
            for score in given.score:
                if place < len(TABLES[score]):
                    yield score, TABLES[score][place].name, split


def run(given, rows):
    """Measure what there is no row of."""
    for score, table, split in list_rounds(given):
        asked = {"score": score, "table": table, "split": split}
        asked |= {"seconds": given.seconds, "seed": given.seed}

        def missing(arms, asked=asked):
            return [a for arm in arms if not rows.has(a := asked | {"arm": arm})]

        for one in missing(SCORES[score].searches):
            keep(rows, measure(one))
        with ThreadPoolExecutor(CORES) as pool:
            for row in pool.map(measure, missing(PEERS[score])):
                keep(rows, row)


def keep(rows, row):
    """Keep a row, and say what it is."""
    rows.add(row)
    place = " ".join(str(row[name]) for name in ("score", "table", "split", "arm"))
    print(f"{place}: {row.get('value', row.get('error'))}", flush=True)


def report(given, rows):
    """Print the table of all scores, each with its default and its peers."""
    found = [row for row in rows.newest() if row["seconds"] == given.seconds]
    groups = ("boosting", "plain", "linear")
    header = ["score", "tables", "own / default loss", "wins, losses"]
    for group in groups:
        header += [f"own / {group}", "wins, losses"]
    lines = []
    for score, ours, default, title in LINES:
        own = [row for row in found if row["score"] == score]
        higher = SCORES[score].higher
        choices = [named(default)]
        for group in groups:
            arms = [arm for arm in PEERS[score] if arm.split()[0] == group]
            choices.append(best_of(arms) if arms else lambda cell: None)
        pairs = [pair_rows(own, named(ours), theirs) for theirs in choices]
        cells = [compare(pair, higher) for pair in pairs]
        line = [title, str(cells[0].tables if cells[0] else 0)]
        lines.append(line + [c for x in cells for c in write_comparison(x, higher)])
    print(write_table(header, lines))
    old = sum(not rows.is_current(row) for row in found)
    failed = [row for row in found if "error" in row]
    print(f"\n{len(found)} rows, {old} of other code, {len(failed)} without a value")
    for row in failed:
        print(" ", *(row[name] for name in KEY), row["error"].splitlines()[-1])


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
    rows = Rows(given.rows, digest_of, KEY)
    if not given.report:
        run(given, rows)
    report(given, rows)


if __name__ == "__main__":
    main()
