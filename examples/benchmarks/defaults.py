"""What the defaults of the plain estimators are worth, against other settings.

Each arm (``default_arms.py``) is a classifier or a regressor with one parameter or a
few away from today's defaults, behind the same steps. On sixteen tables, two outer
splits and two seeds it is trained on the training rows, and scored on the rows set
aside by log-loss or RMSE, and by the share of errors or the mean absolute error beside.
One search a table trains all arms together, on the same initial weights and batches.
``--sizes`` fits some of them alone on 500, 5,000 and 50,000 rows of a table of classes
and of one of numbers, and notes the processor seconds, the program compiled before.

``--report`` runs nothing and prints the page ``docs/defaults.md``. What was measured is
written at once to the folder ``rows``, and is measured again only where its code has
changed since.

    python -m pip install "skloss[benchmarks]"
    python examples/benchmarks/defaults.py
    python examples/benchmarks/defaults.py --tables laser hmda
    python examples/benchmarks/defaults.py --sizes
    python examples/benchmarks/defaults.py --report > docs/defaults.md
"""

import functools
import inspect
import time
import warnings
from pathlib import Path

from command_line import make_parser
from default_arms import (
    ARMS,
    CUTS,
    SEEDS,
    TIMED,
    TODAY,
    Auto,
    list_arms,
    list_parameters,
)
from defaults_report import write_page
from rows import FOLDER, Rows, digest_files, digest_package
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import CLASSES, NUMBERS, SIZED, prepare
from tables import TABLES as SHARED

HERE = Path(__file__).parent
TABLES = SHARED | {table.name: table for table in CUTS}
KEY = "table", "split", "arm", "seed"
SPLITS = 0, 1


@functools.cache
def digest_arm(name):
    """Return the digest of all that decides the rows of an arm."""
    used = Auto, list_parameters, make_net, name_scores, score_arms, fit_alone
    sources = map(inspect.getsource, used)
    texts = digest_package(), TODAY, ARMS[name], *sources
    return digest_files([HERE / "tables.py"], *texts)


def make_net(table, **params):
    """Return the estimator for a table, with parameters of an arm."""
    from skloss import LossAwareClassifier, LossAwareRegressor

    return (LossAwareClassifier if table.classes else LossAwareRegressor)(**params)


def name_scores(table):
    """Return the scorers of a table by what they are called in rows."""
    other = "accuracy" if table.classes else "neg_mean_absolute_error"
    return {"score": table.scoring, "other": other}


def score_arms(table, asked):
    """Return what arms and seeds score on the test rows of the outer splits.

    Parameters
    ----------
    table : Table
    asked : list of (str, int)
        Names of arms, and seeds.

    Returns
    -------
    dict of (int, str, int) to dict of str to float
        By split, arm and seed: each score, of which less is better.
    """
    from skloss.model_selection import FusedGridSearchCV

    X, y = table.load()
    rows = [table.split(split)[:2] for split in SPLITS]
    cv = [(train.index, test.index) for train, test in rows]
    grid = [
        {"net__" + name: [value] for name, value in params.items()}
        for params in (
            list_parameters(arm, len(cv[0][0])) | {"random_state": seed}
            for arm, seed in asked
        )
    ]
    steps = ("prepare", prepare(X)), ("scale", StandardScaler())
    search = FusedGridSearchCV(
        Pipeline([*steps, ("net", make_net(table))]),
        grid,
        scoring=name_scores(table),
        cv=cv,
        refit=False,
    )
    found = search.fit(X, y).cv_results_
    return {
        (split, *asked[place]): {
            name: -float(found[f"split{number}_test_{name}"][place])
            for name in name_scores(table)
        }
        for number, split in enumerate(SPLITS)
        for place in range(len(asked))
    }


def fit_alone(table, arm, seed):
    """Return the scores of a plain fit, and the processor seconds that it took."""
    X, X_test, y, y_test = table.split(0)
    steps = make_pipeline(prepare(X), StandardScaler()).fit(X)
    X, X_test = steps.transform(X), steps.transform(X_test)
    params = list_parameters(arm, len(y)) | {"random_state": seed}
    make_net(table, **params | {"epochs": 2}).fit(X, y)  # makes the program
    net = make_net(table, **params)
    start = time.process_time()
    net.fit(X, y)
    found = {"cpu_seconds": time.process_time() - start, "epochs": net.n_epochs_}
    return found | {
        name: -float(get_scorer(scorer)(net, X_test, y_test))
        for name, scorer in name_scores(table).items()
    }


def run_scores(given, rows):
    """Measure the scores that there are no rows of."""
    for name in given.tables or [table.name for table in CLASSES + NUMBERS]:
        arms = given.arms or list_arms(TABLES[name])
        asked = [(arm, seed) for arm in arms for seed in given.seeds]
        keys = {
            (split, arm, seed): {
                "table": name,
                "split": split,
                "arm": arm,
                "seed": seed,
            }
            for split in SPLITS
            for arm, seed in asked
        }
        missing = {key[1:] for key, row in keys.items() if not rows.has(row)}
        if missing:
            start = time.process_time()
            found = score_arms(TABLES[name], [one for one in asked if one in missing])
            for key, scores in found.items():
                rows.add(keys[key] | scores)
            seconds = time.process_time() - start
            print(f"{name:15} {len(found)} rows, {seconds:.0f} s", flush=True)


def run_sizes(given, rows):
    """Fit alone what there are no rows of."""
    for name in given.tables or [table.name for table in SIZED + CUTS]:
        for arm in given.arms or TIMED:
            key = {"table": name, "split": 0, "arm": arm, "seed": SEEDS[0]}
            if not rows.has(key):
                fit_alone(TABLES[name], arm, SEEDS[0])  # the first one takes longer
                found = fit_alone(TABLES[name], arm, SEEDS[0])
                rows.add(key | found)
                print(f"{name:15} {found['cpu_seconds']:6.1f} s  {arm}", flush=True)


def read_arguments():
    parser = make_parser(__doc__)
    parser.add_argument("--tables", nargs="+", choices=TABLES)
    parser.add_argument("--arms", nargs="+", choices=ARMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--rows", type=Path, default=FOLDER / "defaults.jsonl")
    return parser.parse_args()


def main():
    given = read_arguments()
    rows = Rows(given.rows, digest_arm, KEY)
    if given.report:
        print(write_page(rows.newest()), end="")
        return
    warnings.simplefilter("ignore")
    (run_sizes if given.sizes else run_scores)(given, rows)


if __name__ == "__main__":
    main()
