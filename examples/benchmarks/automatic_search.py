r"""How long an automatic search takes, and how much of it is spent in vain.

A search over losses with their knobs, learning rate, L2, dropout and two schedules,
with early stopping and at most 100 epochs, on 5 folds. With ``--other`` it is compared
to another checkout of skloss in an environment of its own: the two take turns, and each
run is a fresh process. Parts, of which ``--part`` chooses some:

- ``search``: 24 trials on breast_cancer over the usual losses; in a process' first
  search and in its second; with the programs of an earlier process kept on disk too.
- ``losses``: the same over all losses with probabilities, and over all that fit
  diabetes.
- ``minute``: how many trials are finished within 60 seconds.
- ``grid``: the grid of ``search.py``, 36 candidates without stopping early; and of
  ``MLPClassifier`` in ``GridSearchCV`` on two processes.
- ``fit``: a single fit.
- ``first_second``: what the first search of a process spends its time on; on one
  thread, so that seconds add up. Those of TensorFlow's graph optimiser and of XLA are
  what TensorFlow logs; the rest is making programs ready, and ours.

Imports are timed apart. "cpu" are seconds of all processors, which other work on the
machine disturbs less. "share" is that of the steps computed, copies and empty places
included, whose network still trained. Ratios are of runs that took turns; of them and
of all else the median of the repetitions is printed.

Each run is written at once to the file of ``--results``, a JSON object a line, and is
not repeated when the script is started again, unless one of the checkouts has changed
since.

    python examples/benchmarks/automatic_search.py --other ../before \
        --other-python ../before/.venv/bin/python

A benchmark is not a test: the exit code is 0 whether or not the targets are met.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from command_line import make_parser
from rows import ROOT, Rows, name_commit

RUN = Path(__file__).with_name("automatic_search_run.py")
TRIALS = {"run": "search", "data": "breast_cancer", "losses": "usual", "n_trials": 24}
MINUTE = {"run": "search", "losses": "usual", "timeout": 60}
FIRST = {"run": "first_second", "n_jobs": 1}
SKLOSS, SKLEARN = {"net": "skloss"}, {"net": "MLPClassifier"}
DATA = ("breast_cancer", "diabetes", "digits")
# For each part its tables, and for each table what is run, by which arm: "this" and
# "other" are checkouts; what follows is asked for besides.
TWO = {"this": {}, "other": {}}
WITH_MLP = {"this": SKLOSS, "other": SKLOSS, "MLPClassifier": SKLEARN}
KEPT = {"this, nothing kept yet": {}, "this, programs kept": {}}
PARTS = {
    "search": {"24 trials, usual losses": (TRIALS | {"warm": True}, TWO | KEPT)},
    "losses": {
        "24 trials, all with probabilities": (TRIALS | {"losses": "all"}, TWO),
        "24 trials, all, diabetes": (
            TRIALS | {"losses": "all", "data": "diabetes"},
            TWO,
        ),
    },
    "minute": {f"60 s, {name}": (MINUTE | {"data": name}, TWO) for name in DATA},
    "grid": {"36 candidates": ({"run": "grid"}, WITH_MLP)},
    "fit": {"a single fit": ({"run": "fit"}, WITH_MLP)},
    "first_second": {"first search": (TRIALS | FIRST, TWO)},
}
COLUMNS = {
    "import_seconds": "import s",
    "cold_seconds": "cold s",
    "cold_cpu_seconds": "cold cpu",
    "warm_seconds": "warm s",
    "warm_cpu_seconds": "warm cpu",
    "cold_programs": "programs",
    "warm_programs": "warm new",
    "cold_share": "share",
    "trials": "trials",
    "losses": "losses",
    "losses_tried": "tried",
    "best_score": "score",
    "trace_seconds": "tracing",
    "graph_seconds": "graph",
    "xla_seconds": "XLA",
    "rest_seconds": "rest",
}
# what is compared to the other checkout; the rest is told
COMPARED = {name for name in COLUMNS if "seconds" in name} | {"trials"}


LOGGING = {
    "TF_CPP_MIN_LOG_LEVEL": "0",
    "TF_CPP_VMODULE": "meta_optimizer=1,device_compilation_profiler=1",
}


def read_arguments():
    parser = make_parser(__doc__)
    parser.add_argument("--other", type=Path, help="another checkout of skloss")
    parser.add_argument("--other-python", type=Path, help="its Python")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path("automatic_search.jsonl"))
    given = parser.parse_args()
    if (given.other is None) != (given.other_python is None):
        parser.error("--other and --other-python go together")
    return given


def run_once(checkout, python, what):
    """Return what a fresh process measures with a checkout."""
    logging = what["run"] == "first_second"
    said = LOGGING if logging else {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [str(python), str(RUN), json.dumps(what)],
        env=os.environ | said | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{python} {RUN.name} {what}:\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found | read_log(done.stderr, found) if logging else found


def read_log(log, found):
    """Return what TensorFlow's graph optimiser and XLA took, and what is left."""
    graph = sum(map(float, re.findall(r"time = ([\d.]+)ms", log))) / 1e3
    xla = sum(map(int, re.findall(r"compile time: (\d+) us", log))) / 1e6
    known = found["warm_seconds"] + found["trace_seconds"] + graph + xla
    rest = found["cold_seconds"] - known
    return {"graph_seconds": graph, "xla_seconds": xla, "rest_seconds": rest}


def measure(part, table, repetition, checkouts, rows, folder):
    """Run one table once, the arms in turn, each time another one first."""
    what, arms = PARTS[part][table]
    order = [arm for arm in arms if rows.digest_of(arm) and arm not in KEPT]
    turn = repetition % len(order)
    order = order[turn:] + order[:turn]
    keys = {arm: {"table": table, "arm": arm, "repetition": repetition} for arm in arms}
    kept = [arm for arm in arms if arm in KEPT]
    if not all(rows.has(keys[arm]) for arm in kept):
        order += kept  # both, for the second reads what the first wrote
    for arm in order:
        if rows.has(keys[arm]) and arm not in KEPT:
            continue
        asked = what | arms[arm] | {"seed": repetition}
        if arm in KEPT:
            asked |= {"cache": folder}
        row = keys[arm] | {"part": part, "seed": repetition}
        row |= {"commit": rows.digest_of(arm)}
        place = checkouts["other" if arm == "other" else "this"]
        rows.add(row | run_once(*place, asked))


def print_table(table, rows):
    """Print the medians of each arm, and the ratios of this checkout to the others."""
    found = {}
    for row in sorted(rows.newest(), key=rows.name):
        if row["table"] == table and rows.is_current(row):
            found.setdefault(row["arm"], {})[row["repetition"]] = row
    runs = [row for arm in found.values() for row in arm.values()]
    names = [name for name in COLUMNS if any(name in row for row in runs)]
    if runs:
        print(f"\n{table:36}" + "".join(f"{COLUMNS[name]:>10}" for name in names))
    for arm, of_arm in found.items():
        values = [list_values(of_arm, name) for name in names]
        print_line(f"{arm} ({len(of_arm)})", map(take_median, values))
    ours = [arm for arm in found if arm == "this" or arm in KEPT]
    pairs = [(one, two) for two in found if two not in ours for one in ours]
    pairs += [(one, "this") for one in ours if one in KEPT and "this" in found]
    for one, two in pairs:
        both = sorted(set(found[one]) & set(found[two]))
        ratios = [
            [divide(found[one][k], found[two][k], name) for k in both]
            if name in COMPARED
            else []
            for name in names
        ]
        print_line(f"{one} / {two}", map(take_median, ratios))
    for arm, of_arm in found.items():
        for repetition, row in of_arm.items():
            if "best_loss" in row:
                print(f"  {arm}, seed {repetition}: {row['best_loss']}")


def list_values(of_arm, name):
    return [row.get(name) for row in of_arm.values()]


def divide(row, other, name):
    """Return the ratio of a number in two rows, or None where it is not in both."""
    one, two = row.get(name), other.get(name)
    return None if one is None or not two else one / two


def take_median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def print_line(label, values):
    """Print a line of a table; what was not measured or not counted is a dash."""
    cells = ("-" if value is None else f"{value:.3g}" for value in values)
    print(f"{label:36}" + "".join(f"{cell:>10}" for cell in cells), flush=True)


def main():
    given = read_arguments()
    checkouts = {"this": (ROOT, sys.executable)}
    if given.other:
        checkouts["other"] = given.other.resolve(), given.other_python
    versions = {name: name_commit(where) for name, (where, _) in checkouts.items()}
    for arm in (*KEPT, "MLPClassifier"):
        versions[arm] = versions["this"]
    rows = Rows(given.results, versions.get, key=("table", "arm", "repetition"))
    for repetition in range(given.repetitions):
        for part in given.part:
            for table in PARTS[part]:
                with tempfile.TemporaryDirectory() as folder:
                    measure(part, table, repetition, checkouts, rows, folder)
    print(", ".join(f"{name}: {versions[name]}" for name in checkouts))
    for part in given.part:
        for table in PARTS[part]:
            print_table(table, rows)


if __name__ == "__main__":
    main()
