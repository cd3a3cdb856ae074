r"""Whether the recommended loss is as good as the best of the catalogue.

The truth is known on planted tables.

On twelve tables with one thing planted in each (``planted_tables.py``), every loss of
the catalogue that fits is tuned and tested by ``compare_losses``: learning rate, l2 and
its own knobs by six settings, five outer and three inner folds. The recommended loss is
the first of ``recommend_losses`` with the table's score. Reported are its regret to the
best loss and to the default, in corrected standard errors.

A table is a row, measured in a fresh process; what was measured is kept in the folder
``rows`` and not measured again unless the code has changed.

    python examples/benchmarks/planted.py
    python examples/benchmarks/planted.py --tables outliers counts --seeds 0 1
    python examples/benchmarks/planted.py --report

It takes about an hour for a seed on two cores.
"""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
from command_line import make_parser
from markdown import tabulate
from planted_tables import PLANTED
from rows import FOLDER, ROOT, Rows, digest_files, digest_package

DEFAULTS = {True: "cross_entropy", False: "squared_error"}
HERE = Path(__file__).parent
TABLES = {table.name: table for table in PLANTED}


def read_arguments():
    parser = make_parser(__doc__)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--one", type=json.loads, help="a row, by a fresh process")
    return parser.parse_args()


def digest_arm(name):
    """Return the digest of all that decides a row."""
    files = [HERE / "planted.py", HERE / "planted_tables.py"]
    return digest_files(files, digest_package(), name)


def measure(asked):
    """Return a row: scores of all losses by fold, and what is recommended."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skloss import LossAwareClassifier, LossAwareRegressor
    from skloss.model_selection import (
        compare_losses,
        loss_space,
        recommend_losses,
    )

    warnings.simplefilter("ignore")
    table = TABLES[asked["table"]]
    X, y = table.make(asked["seed"])
    net = (LossAwareClassifier if table.classes else LossAwareRegressor)(random_state=0)
    family = net._family
    recommended = [
        own.loss for own in recommend_losses(X, y, scoring=table.scoring, family=family)
    ]
    losses = loss_space(y, include="all", family=family).losses
    scored = loss_space(y, scoring=table.scoring, family=family).losses
    found = compare_losses(
        make_pipeline(StandardScaler(), net),
        X,
        y,
        list(dict.fromkeys([*losses, *scored])),
        **{"scoring": {"score": table.scoring}, "cv": 5, "inner_cv": 3},
        **{"n_settings": 6, "random_state": asked["seed"], "n_jobs": 2},
    )
    scores = dict(zip(found.losses, found.scores["score"].tolist(), strict=True))
    return asked | {
        "recommended": recommended,
        "default": DEFAULTS[table.classes],
        "scores": scores,
        "gaps": {name: own["score"] for name, own in found.gaps.items()},
        "test_share": found.test_share,
        "networks": found.n_networks,
        "wall_seconds": found.seconds,
    }


def start(asked):
    """Return a row that a fresh process has measured."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", json.dumps(asked)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{asked} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def judge(row):
    """Return the cells of a row: regrets, in the score and in standard errors."""
    from skloss.model_selection._paired_scores import compare_paired

    scores = {name: np.array(own, float) for name, own in row["scores"].items()}
    means = {name: own.mean() for name, own in scores.items()}
    best = max(
        means, key=lambda name: -np.inf if np.isnan(means[name]) else means[name]
    )
    chosen = row["recommended"][0]

    def compare(other):
        share = row["test_share"]
        found = compare_paired(scores[chosen], scores[other], share)
        return found.mean, found.mean / found.error if found.error else 0.0

    regret, errors = compare(best)
    gain, gain_errors = compare(row["default"])
    return (
        *(row["table"], row["seed"], chosen, best, f"{means[best]:.4g}"),
        *(f"{regret:+.3g}", f"{errors:+.2f}", "yes" if errors >= -1 else "no"),
        *(f"{gain:+.3g}", f"{gain_errors:+.2f}", f"{row['wall_seconds']:.0f}"),
    )


def write_report(rows):
    """Return the Markdown table of all rows."""
    head = (
        *("table", "seed", "recommended", "best", "its score"),
        *("less the best", "in errors", "within one"),
        *("less the default", "in errors", "seconds"),
    )
    return tabulate([head, *map(judge, rows)])


def main():
    given = read_arguments()
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    rows = Rows(FOLDER / "planted.jsonl", digest_arm, key=("table", "seed", "arm"))
    for seed in given.seeds if not given.report else ():
        for table in given.tables:
            asked = {"table": table, "seed": seed, "arm": "catalogue"}
            if not rows.has(asked):
                rows.add(start(asked))
                print(*judge(rows.find(asked)), flush=True)
    print(write_report(rows.newest()))


if __name__ == "__main__":
    main()
