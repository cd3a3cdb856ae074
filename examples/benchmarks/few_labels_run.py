r"""What rows without a label are worth: ten labels of each class, and all other rows.

Eleven real tables; of each at most 1,000 rows train and 1,500 test. The score is the
accuracy, as of any classifier of scikit-learn; the report has balanced accuracy and
log-loss, too. Arms:

``supervised``: the labelled rows alone; ``l2``, ``dropout`` and ``learning_rate`` by
twelve candidates. ``unlabelled``: eight candidates of these on the labelled rows alone,
and with the best of them four losses of rows without a label, twelve candidates in all.
The networks are chosen by log-loss, the term by accuracy, in five folds of the labelled
rows, drawn three times.
``self-training``: scikit-learn's ``SelfTrainingClassifier`` about the network of the
first arm. Five splits each.

A row is a table, a split and an arm, of 10 labels or all; what was measured is kept in
the folder ``rows`` and not measured again unless the code has changed.

    python examples/benchmarks/few_labels_run.py --labels 10 all
    python examples/benchmarks/few_labels_run.py --report

It takes about forty minutes on two cores.
"""

import warnings
from pathlib import Path

import numpy as np
from command_line import make_parser
from markdown import tabulate
from representations import MORE, find_table
from rows import FOLDER, Rows, digest_files, digest_package
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from tables import CLASSES, prepare

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, LabelledSplit
from skloss.model_selection._paired_scores import compare_paired

HERE = Path(__file__).parent
KEY = ("table", "split", "arm", "labels")
ARMS = ("supervised", "unlabelled", "self-training")
TABLES = (*(own.name for own in CLASSES), *MORE)
METRICS = ("score", "balanced_accuracy", "log_loss")
N_SPLITS = 5
LOG_LOSS = "neg_log_loss"
MAX_TRAIN, MAX_TEST = 1_000, 1_500
BASE = {"dropout": [0.0, 0.3], "learning_rate": [1e-3, 3e-3]}
GRIDS = {
    "supervised": {"l2": [0.0, 1e-3, 1e-2], **BASE},
    "network": {"l2": [1e-3, 1e-2], **BASE},
    "unlabelled": {
        "unlabeled_loss": ["pseudo_label", "consistency", "mean_teacher", "entropy"]
    },
}


def digest_arm(arm):
    """Return the digest of what decides the rows of an arm."""
    files = [HERE / name for name in ("few_labels_run.py", "tables.py")]
    return digest_files(files, digest_package(), arm)


def split_table(name, number, labels):
    """Return scaled rows and their classes, with labels and without, and test rows.

    Returns
    -------
    X, given, X_test, y_test : ndarray
        ``given`` is -1 where the label is kept back.
    """
    X, y = find_table(name)
    y = LabelEncoder().fit_transform(y)
    size = min(MAX_TRAIN, int(0.7 * len(y)))
    sizes = {"train_size": size, "test_size": min(MAX_TEST, len(y) - size)}
    split = StratifiedShuffleSplit(1, **sizes, random_state=number)
    train, test = next(split.split(X, y))
    scale = make_pipeline(prepare(X), StandardScaler())
    a, b = scale.fit_transform(X.iloc[train]), scale.transform(X.iloc[test])
    given = y[train].copy()
    if labels != "all":
        rng, few = np.random.default_rng(number), []
        for c in np.unique(y):
            own = rng.permutation(np.flatnonzero(y[train] == c))
            few.append(own[: int(labels)])
        given = np.full(len(train), -1)
        given[np.concatenate(few)] = y[train][np.concatenate(few)]
    return a, given, b, y[test]


def search(grid, scoring, seed, X, given, **params):
    """Return a search over a grid, fitted; its folds are of the labelled rows."""
    net = LossAwareClassifier(random_state=seed, record=False, **params)
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=seed)
    options = {"cv": LabelledSplit(folds), "scoring": scoring, "n_jobs": 2}
    return FusedGridSearchCV(net, GRIDS[grid], **options).fit(X, given)


def measure(asked):
    """Return the scores of an arm on the test rows, and what its search chose."""
    X, given, X_test, y_test = split_table(
        asked["table"], asked["split"], asked["labels"]
    )
    seed, arm, few = asked["split"], asked["arm"], given >= 0
    known = X[few], given[few]
    if arm == "unlabelled":
        network = search("network", LOG_LOSS, seed, *known).best_params_
        fitted = search("unlabelled", "accuracy", seed, X, given, **network)
        chosen = fitted.best_params_ | network
    else:
        fitted = search("supervised", LOG_LOSS, seed, *known)
        chosen = fitted.best_params_
    if arm == "self-training":
        net = LossAwareClassifier(random_state=seed, record=False, **chosen)
        fitted = SelfTrainingClassifier(net).fit(X, given)
    p, classes = fitted.predict_proba(X_test), fitted.predict(X_test)
    return {
        "score": accuracy_score(y_test, classes),
        "balanced_accuracy": balanced_accuracy_score(y_test, classes),
        "log_loss": log_loss(y_test, p, labels=fitted.classes_),
        "chosen": chosen,
    }


def compare_arms(rows, one, other, metric):
    """Return how two arms differ on a table, paired by splits, greater is better."""
    sign = -1 if metric == "log_loss" else 1
    found = {(row["arm"], row["split"]): sign * row[metric] for row in rows}
    pairs = [
        (found[one, split], found[other, split])
        for split in range(N_SPLITS)
        if {(one, split), (other, split)} <= found.keys()
    ]
    if len(pairs) < 2:
        return None
    return compare_paired(*map(np.array, zip(*pairs, strict=True)), 0.3)


def write_report(rows, labels, metric):
    """Return a table of means and differences, and a line that counts who wins."""
    others = [arm for arm in ARMS if arm != "unlabelled"]
    lines = [("table", *ARMS, *(f"unlabelled against {arm}" for arm in others))]
    wins = {arm: [] for arm in others}
    for table in TABLES:
        own = [row for row in rows if (row["table"], row["labels"]) == (table, labels)]
        cells = []
        for arm in ARMS:
            found = [row[metric] for row in own if row["arm"] == arm]
            cells.append(f"{np.mean(found):.3f}" if found else "")
        for arm in others:
            one = compare_arms(own, "unlabelled", arm, metric)
            cells.append("" if one is None else f"{one.mean:+.3f} ± {one.error:.3f}")
            if one is not None:
                wins[arm].append(one)
        if any(cells):
            lines.append((table, *cells))
    counts = [
        f"against {arm}: better on {sum(one.mean > 0 for one in found)} of "
        f"{len(found)}, worse by more than one standard error on "
        f"{sum(one.mean < -one.error for one in found)}"
        for arm, found in wins.items()
    ]
    return tabulate(lines) + "\n\n" + "\n".join(counts)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--labels", nargs="+", default=["10"])
    parser.add_argument("--splits", type=int, default=N_SPLITS)
    parser.add_argument("--arms", nargs="+", default=ARMS)
    parser.add_argument("--report", action="store_true", help="measure nothing")
    given = parser.parse_args()
    rows = Rows(FOLDER / "few_labels.jsonl", digest_arm, key=KEY)
    for split in range(given.splits):
        for table in given.tables:
            for labels in given.labels:
                for arm in given.arms:
                    key = {"table": table, "split": split, "arm": arm}
                    key["labels"] = labels
                    if given.report or rows.has(key):
                        continue
                    if (labels, arm) == ("all", "self-training"):
                        continue  # it has no row to label
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        rows.add(key | measure(key))
                    print(*key.values(), f"{rows.find(key)['score']:.4f}", flush=True)
    for labels in given.labels:
        for metric in METRICS:
            report = write_report(rows.newest(), labels, metric)
            print(f"\n{labels} labels, {metric}\n\n{report}")
    print(rows.describe(rows.newest()))


if __name__ == "__main__":
    main()
