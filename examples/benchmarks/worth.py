r"""What an automatic search is worth, against usual models tuned for the same time.

On sixteen tables and two outer splits: ``FusedOptunaSearchCV(pipe, "auto")`` within its
seconds on two cores, and a linear model, a multilayer perceptron, gradient boosting of
scikit-learn and LightGBM, each tuned for as many processor seconds. All see the same
prepared columns, training rows and inner folds. Parts, of which ``--part`` chooses one:

- ``peers``: the four models (``peers.py`` says how they are tuned);
- ``auto``: the search, 60 s; its ensemble, its winner's folds and refit are all scored;
- ``ablation``: the search with one ingredient off each (``arms.py``), 20 s, on half of
  the tables, and whole for comparison;
- ``promise``: ten outer splits of three tables, 20 s: whether the score that a search
  says of its ensemble is what the rows set aside show;
- ``timing``: 500, 5,000 and 50,000 rows of one table: whether 60 s are kept.

``--report`` runs nothing and prints Markdown of the rows that there are: a table for
each part, and ratios of the search's test score to that of the peer with the best inner
score (*fair*: what cross-validation would choose) and to the best test score of all
four (*oracle*). Means are geometric, intervals (90 %) draw tables, ties are within 1 %.

Each run is a fresh process. Peers have one thread, and ``--workers`` of them run side
by side; a search has two cores and runs alone. What was measured is written at once to
the folder ``rows``; a run is repeated only where its code has changed since.

    python -m pip install "skloss[benchmarks]"
    python examples/benchmarks/worth.py --part peers
    python examples/benchmarks/worth.py --part auto --tables laser hmda --splits 0
    python examples/benchmarks/worth.py --report

A benchmark is not a test: the exit code is 0 whatever the ratios, and 1 where a run
failed.
"""

import argparse
import functools
import json
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from arms import ARMS
from command_line import make_parser
from own_process import run_fresh
from peers import PEERS, run_peer
from rows import FOLDER, ROOT, Rows, digest_files, list_versions, name_commit
from tables import CLASSES, NUMBERS, SIZED, TABLES

HERE = Path(__file__).parent
ALL = tuple(table.name for table in CLASSES + NUMBERS)
HALF = (
    *("breast_cancer", "hypothyroid", "attrition", "jobs"),
    *("laser", "treasury", "computers", "penguins"),
)
KEPT = {"peers": "worth_peers.jsonl", "searches": "worth.jsonl"}


@dataclass(frozen=True)
class Part:
    """What a part of the benchmark runs unless the command line says otherwise."""

    arms: tuple
    tables: tuple
    splits: tuple = (0, 1)
    seconds: float = 60


PARTS = {
    "peers": Part(tuple(PEERS), ALL),
    "auto": Part(("auto",), ALL),
    "ablation": Part(tuple(ARMS), HALF, seconds=20),
    "promise": Part(
        ("auto",), ("hmda", "attrition", "qsar_fish"), tuple(range(10)), seconds=20
    ),
    "timing": Part(("auto",), tuple(table.name for table in SIZED), (0,)),
}


def read_arguments():
    parser = make_parser(__doc__)
    parser.add_argument("--part", choices=PARTS, default="auto")
    parser.add_argument("--tables", nargs="+", choices=TABLES)
    parser.add_argument("--splits", nargs="+", type=int)
    parser.add_argument("--arms", nargs="+", choices=[*PEERS, *ARMS])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


@functools.cache
def digest_arm(name):
    """Return the digest of all that decides the rows of an arm."""
    if name in PEERS:
        versions = list_versions("scikit-learn", "lightgbm")
        return digest_files([HERE / "peers.py", HERE / "tables.py"], *versions)
    package = (ROOT / "skloss").rglob("*.py")
    files = [*package, HERE / "ours.py", HERE / "tables.py"]
    return digest_files(files, ARMS[name].describe())


def open_rows(folder):
    """Return the rows of peers and those of searches, each in a file of their own."""
    return {name: Rows(folder / file, digest_arm) for name, file in KEPT.items()}


def choose_rows(rows, arm):
    return rows["peers" if arm in PEERS else "searches"]


def list_asked(given):
    """Return the keys of all rows that the command line asks for, peers first."""
    part = PARTS[given.part]
    arms = given.arms or part.arms
    return [
        {
            "table": table,
            "split": split,
            "arm": arm,
            "seconds": given.seconds or part.seconds,
            "seed": given.seed,
        }
        for split in (part.splits if given.splits is None else given.splits)
        for table in given.tables or part.tables
        for arm in sorted(arms, key=lambda arm: arm not in PEERS)
    ]


def run_one(asked):
    """Return the row of a key, measured in this process."""
    row = asked | {"commit": name_commit(), "digest": digest_arm(asked["arm"])}
    table, arm = TABLES[asked["table"]], asked["arm"]
    how = asked["split"], asked["seconds"], asked["seed"]
    if arm in PEERS:
        return row | run_peer(table, how[0], arm, *how[1:])
    from ours import run_search

    return row | run_search(table, how[0], ARMS[arm], *how[1:])


def start_one(asked):
    """Return the row of a key, measured in a fresh process."""
    threads = 1 if asked["arm"] in PEERS else None
    return run_fresh(HERE / "worth.py", "--one", json.dumps(asked), threads=threads)


def run_all(asked, rows, workers):
    """Measure what is asked for, some at once, and return how many runs failed."""
    failures = 0
    with ThreadPoolExecutor(workers) as pool:
        try:
            for done in as_completed([pool.submit(start_one, key) for key in asked]):
                try:
                    row = done.result()
                except RuntimeError as failure:
                    failures += 1
                    print(failure, file=sys.stderr, flush=True)
                    continue
                choose_rows(rows, row["arm"]).add(row)
                print(describe(row), flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else all others would still be run
            raise
    return failures


def print_report(rows, given):
    """Print of which code the rows are, and a section for each part."""
    from worth_report import write_report

    for name, kept in rows.items():
        print(f"{name}: {kept.describe(kept.newest())}")
    parts = PARTS
    if given.seconds:
        parts = {
            name: replace(part, seconds=given.seconds) for name, part in PARTS.items()
        }
    newest = {name: kept.newest() for name, kept in rows.items()}
    print("\n" + write_report(newest, parts, given.seed))


def describe(row):
    """Return a row as a line to follow a benchmark by."""
    return (
        f"{row['table']:15} {row['split']} {row['arm']:20} "
        f"test {row['test']:10.5g}  inner {row['inner']:10.5g}  "
        f"{row['candidates']:4} candidates  {row['wall_seconds']:6.1f} s"
    )


def main():
    given = read_arguments()
    if given.one:
        print(json.dumps(run_one(given.one)))
        return
    rows = open_rows(given.folder)
    if given.report:
        print_report(rows, given)
        return
    asked = [
        key for key in list_asked(given) if not choose_rows(rows, key["arm"]).has(key)
    ]
    print(f"{len(asked)} runs of {name_commit()}", flush=True)
    peers = [key for key in asked if key["arm"] in PEERS]
    searches = [key for key in asked if key["arm"] not in PEERS]
    failures = run_all(peers, rows, given.workers) + run_all(searches, rows, 1)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
