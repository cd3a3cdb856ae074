r"""Whether the recommended loss is as good as the best of the catalogue.

On twelve tables with one thing planted in each (``planted_tables.py``), and on fifteen
real ones (``real_tables.py``), every loss of the catalogue that fits is tuned and
tested by ``compare_losses``: learning rate, l2 and its own knobs by six settings, five
outer and three inner folds. The recommended loss is the first of ``recommend_losses``
with the table's score. Reported is what it loses to the best loss and gains on the
default, in the score and in corrected standard errors (Nadeau and Bengio 2003).

The scores of a table are a row, measured in a fresh process; what was measured is kept
in the folder ``rows`` and not measured again unless the code has changed that decides
it. What is recommended is found anew for each report.

    python examples/benchmarks/recommended.py
    python examples/benchmarks/recommended.py --tables outliers counts --seeds 0 1
    python examples/benchmarks/recommended.py --tables real --report

It takes about an hour for a seed of the planted tables on two cores.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from command_line import make_parser
from markdown import tabulate
from own_process import run_fresh
from planted_tables import PLANTED
from real_tables import REAL
from rows import FOLDER, ROOT, Rows, digest_files

DEFAULTS = {True: "cross_entropy", False: "squared_error"}
HERE = Path(__file__).parent
TABLES = {table.name: table for table in (*PLANTED, *REAL)}
GROUPS = {"planted": [own.name for own in PLANTED], "real": [own.name for own in REAL]}
FILES = "recommended.py", "planted_tables.py", "real_tables.py", "score_tables.py"
NO_PART = {"_advice", "inspection", "_recommend_losses.py"}  # of what decides scores


def read_arguments():
    parser = make_parser(__doc__)
    choices = [*GROUPS, *TABLES]
    parser.add_argument("--tables", nargs="+", choices=choices, default=["planted"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--one", type=json.loads, help="a row, by a fresh process")
    return parser.parse_args()


def digest_arm(name):
    """Return the digest of all that decides the scores of a row."""
    package = (ROOT / "skloss").rglob("*.py")
    decide = [path for path in package if not NO_PART & set(path.parts)]
    return digest_files([*decide, *(HERE / name for name in FILES)], name)


def measure(asked):
    """Return a row: the scores of all losses, fold by fold."""
    from sklearn.metrics import check_scoring
    from sklearn.pipeline import make_pipeline

    from skloss import LossAwareClassifier, LossAwareRegressor
    from skloss import losses as catalogue
    from skloss.model_selection import compare_losses, loss_space
    from skloss.model_selection._metric_panel import explain_gap

    warnings.simplefilter("ignore")
    table = TABLES[asked["table"]]
    X, y = table.make(asked["seed"])
    net = (LossAwareClassifier if table.classes else LossAwareRegressor)(random_state=0)
    losses = loss_space(y, include="all", family=net._family).losses
    scored = loss_space(y, scoring=table.scoring, family=net._family).losses
    scorer = check_scoring(net, table.scoring)
    losses = [
        text
        for text in dict.fromkeys([*losses, *scored])
        if not explain_gap(catalogue.get(text, net._family), scorer)
    ]
    found = compare_losses(
        make_pipeline(*table.prepare(X), net),
        *(X, y, losses),
        **{"scoring": {"score": table.scoring}, "cv": 5, "inner_cv": 3},
        **{"n_settings": 6, "random_state": asked["seed"], "n_jobs": 2},
    )
    scores = dict(zip(found.losses, found.scores["score"].tolist(), strict=True))
    return asked | {
        "scores": scores,
        "gaps": {name: own["score"] for name, own in found.gaps.items()},
        "test_share": found.test_share,
        "networks": found.n_networks,
        "wall_seconds": found.seconds,
    }


def recommend(row):
    """Return the loss that is recommended for the table of a row."""
    from skloss.model_selection import recommend_losses

    table = TABLES[row["table"]]
    X, y = table.make(row["seed"])
    family = "classification" if table.classes else "regression"
    return recommend_losses(X, y, scoring=table.scoring, family=family)[0].loss


def judge(row):
    """Return what is recommended, what is best, and how far each is from the other.

    Returns
    -------
    dict
        "regret" and "gain" are the score of the recommended loss less that of the best
        and of the default, each with its corrected standard error and p-value.
    """
    from skloss.model_selection._paired_scores import compare_paired

    scores = {name: np.array(own, float) for name, own in row["scores"].items()}
    means = {name: own.mean() for name, own in scores.items()}
    known = {name: mean for name, mean in means.items() if not np.isnan(mean)}
    best, chosen = max(known, key=known.get), recommend(row)
    default = DEFAULTS[TABLES[row["table"]].classes]

    def compare(other):
        return compare_paired(scores[chosen], scores[other], row["test_share"])

    return {
        "recommended": chosen,
        "best": best,
        "score": means[best],
        "default": means[default],
        "regret": compare(best),
        "gain": compare(default),
    }


def describe(row):
    """Return a row of the table of all."""
    found = judge(row)
    regret, gain = found["regret"], found["gain"]
    within = regret.mean >= -regret.error
    worse = gain.mean < 0 and gain.p_value < 0.05
    return (
        *(row["table"], row["seed"], found["recommended"], found["best"]),
        *(f"{found['score']:.4g}", f"{regret.mean:+.3g}", f"{regret.error:.2g}"),
        *("yes" if within else "no", f"{gain.mean:+.3g}", f"{gain.error:.2g}"),
        *("worse" if worse else "no", row["networks"], f"{row['wall_seconds']:.0f}"),
    )


def write_report(rows):
    """Return the Markdown table of all rows."""
    head = (
        *("table", "seed", "recommended", "best", "its score"),
        *("less the best", "error", "within one"),
        *("less the default", "error", "significantly"),
        *("networks", "seconds"),
    )
    return tabulate([head, *map(describe, rows)])


def main():
    given = read_arguments()
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    names = [one for name in given.tables for one in GROUPS.get(name, [name])]
    rows = Rows(FOLDER / "recommended.jsonl", digest_arm, key=("table", "seed", "arm"))
    asked = [
        {"table": name, "seed": seed, "arm": "catalogue"}
        for seed in given.seeds
        for name in names
    ]
    for own in asked:
        if not given.report and not rows.has(own):
            rows.add(run_fresh(HERE / "recommended.py", "--one", json.dumps(own)))
            print(*describe(rows.find(own)), flush=True)
    found = [rows.find(own) for own in asked if rows.find(own) is not None]
    print(write_report(found), rows.describe(found), sep="\n\n")


if __name__ == "__main__":
    main()
