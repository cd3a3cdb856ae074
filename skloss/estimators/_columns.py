"""Between a table of several targets and a column for each head."""

import importlib
from dataclasses import dataclass

import numpy as np

from skloss._params import nearest


def split_by_head(y, names: list[str]) -> dict:
    """Return the column of y that belongs to each name.

    Parameters
    ----------
    y : DataFrame of pandas or polars, or array-like of shape (n, len(names))
        Columns of a DataFrame are found by name; those of an array, and of a DataFrame
        whose columns are numbered, by position.
    names : list of str

    Returns
    -------
    dict of str to Series or ndarray of shape (n,)

    Raises
    ------
    ValueError
        If y has other columns than ``names``.
    """
    if is_frame(y):
        labels = match_labels(y, names)
        return {name: y[labels[name]] for name in names}
    if y is None:
        raise ValueError(
            f"This estimator requires y to be passed, but the target y is None. Give a "
            f"DataFrame with the columns {names}."
        )
    array = convert_to_array(y)
    if array.ndim != 2 or array.shape[1] != len(names):
        raise ValueError(
            f"y has shape {array.shape}; give a DataFrame with the columns {names}, "
            f"or an array of {len(names)} columns in this order."
        )
    return {name: convert_objects(array[:, j], name) for j, name in enumerate(names)}


def match_labels(y, names):
    """Return the label of the column of a DataFrame that belongs to each name."""
    labels = list(y.columns)
    if len(labels) == len(names) and not any(isinstance(c, str) for c in labels):
        return dict(zip(names, labels, strict=True))  # numbered, like an array's
    missing = [name for name in names if labels.count(name) != 1]
    if missing:
        raise ValueError(
            f"y must have one column for each head, {names}, but it has {labels}: see "
            f"{missing}."
        )
    unknown = [label for label in labels if label not in names]
    if unknown:
        raise ValueError(
            f"y has the columns {unknown}, for which there is no head; leave them out: "
            f"y[{names}]."
        )
    return {label: label for label in labels}


def is_frame(y) -> bool:
    """Tell whether y is a DataFrame."""
    return hasattr(y, "columns") and hasattr(y, "dtypes")


def convert_to_array(y):
    """Return y as an array, in which the values of a list of rows keep their types."""
    if hasattr(y, "toarray"):
        return y.toarray()
    if not isinstance(y, list | tuple):
        return np.asarray(y)
    array = np.array(y)
    return array if array.dtype.kind in "biuf" else np.array(y, dtype=object)


def convert_objects(column, name):
    """Return a column of objects as one of numbers or strings, if it is one.

    scikit-learn takes classes of both, and columns beside each other have one type.
    """
    if column.dtype != object:
        return column
    if any(value is None or value != value for value in column):
        raise ValueError(f"y contains NaN or None in the column of head {name!r}.")
    made = np.array(column.tolist())
    mixed = made.dtype.kind == "U" and not all(isinstance(v, str) for v in column)
    return column if mixed or made.ndim > 1 else made


class Container:
    """What y was, so that predictions can be the same.

    All of it is words and numbers: not every format that holds an estimator holds the
    classes and dtypes of pandas and polars too.

    Parameters
    ----------
    y : DataFrame or array-like
        As given to ``fit``.
    heads : list of (str, Head)
        Columns of classes keep their dtype.
    """

    def __init__(self, y, heads):
        names = [name for name, _ in heads]
        self.frame = find_class(type(y)) if is_frame(y) else None
        self.labels = match_labels(y, names) if self.frame else {n: n for n in names}
        self.dtypes = {}
        if self.frame:
            kept = [n for n, head in heads if head.family == "classification"]
            self.dtypes = {n: ClassDtype.of(y[self.labels[n]].dtype) for n in kept}

    def fill(self, columns: dict, X):
        """Return columns by name as a DataFrame or array.

        Parameters
        ----------
        columns : dict of str to ndarray of shape (n,)
        X : array-like
            Whose index, if it has one, becomes the DataFrame's.
        """
        if self.frame is None:
            return stack_columns([columns[name] for name in self.labels])
        module, name = self.frame
        cls = getattr(importlib.import_module(module), name)
        frame = cls({label: columns[name] for name, label in self.labels.items()})
        if hasattr(frame, "cast"):
            return frame.cast(
                {self.labels[n]: d.make_polars() for n, d in self.dtypes.items()}
            )
        # polars has no index, and an array none that could be that of the rows
        if type(X) is cls:
            frame.index = X.index
        return frame.astype(
            {self.labels[n]: d.make_pandas() for n, d in self.dtypes.items()}
        )


def find_class(cls):
    """Return the module and the name by which a class of DataFrames is imported.

    Of the library itself, if it has the class there: the module that defines it moves.
    """
    library = cls.__module__.partition(".")[0]
    public = getattr(importlib.import_module(library), cls.__name__, None) is cls
    return (library if public else cls.__module__), cls.__name__


@dataclass(frozen=True, eq=False)
class ClassDtype:
    """The dtype of a column of classes, in words.

    Attributes
    ----------
    name : str
        As pandas or polars reads it.
    categories : list or None
        Of a categorical one whose dtype knows them.
    of_categories : str or None
        Their own dtype.
    ordered : bool
    """

    name: str
    categories: list | None = None
    of_categories: str | None = None
    ordered: bool = False

    @classmethod
    def of(cls, dtype):
        """Return what a dtype of pandas or polars is called."""
        if hasattr(dtype, "base_type"):  # of polars
            name = dtype.base_type().__name__
            known = list(dtype.categories) if name == "Enum" else None
            return cls(name, known)
        if not hasattr(dtype, "categories"):
            storage = f"[{dtype.storage}]" if str(dtype) == "string" else ""
            return cls(f"{dtype}{storage}")
        known = dtype.categories
        return cls("category", known.tolist(), str(known.dtype), bool(dtype.ordered))

    def make_pandas(self):
        """Return the dtype of pandas, or the name by which pandas makes it."""
        import pandas as pd

        if self.categories is None:
            return self.name
        categories = pd.Index(self.categories, dtype=self.of_categories)
        return pd.CategoricalDtype(categories, self.ordered)

    def make_polars(self):
        """Return the dtype of polars."""
        import polars as pl

        dtype = getattr(pl, self.name)
        return dtype if self.categories is None else dtype(self.categories)


def stack_columns(columns):
    """Return columns as an array, of objects where numbers and strings meet."""
    numbers = [column.dtype.kind in "biuf" for column in columns]
    if any(numbers) != all(numbers):
        columns = [column.astype(object) for column in columns]
    return np.column_stack(columns)


def check_names(names: list, reserved) -> None:
    """Raise TypeError or ValueError for names that cannot be heads' names.

    Parameters
    ----------
    names : list
    reserved : collection of str
        Parameters of the estimator.
    """
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"heads: {name!r} must be a string, the name of a column.")
        if "__" in name or name in reserved:
            raise ValueError(
                f"heads: {name!r} cannot be a head's name: it contains '__' or is a "
                f"parameter of the estimator. Rename the column."
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"heads: {twice} are given twice; names must differ.")


def get_column(columns: dict, name: str):
    """Return the column of that name; a ValueError offers the nearest names."""
    if name not in columns:
        raise ValueError(f"There is no head {name!r}. {nearest(name, columns)}")
    return columns[name]
