"""Fifteen real tables, each with a score, for what is planted in none of them.

The score is the one that the table's y asks for; tables and scores were written down
before anything was run. At most 1,500 rows of each are used.
"""

from dataclasses import dataclass

from planted_tables import KAPPA, PINBALL
from score_tables import TABLES as SCORE_TABLES
from score_tables import split_table
from sklearn.preprocessing import StandardScaler
from tables import TABLES, Table, prepare


@dataclass(frozen=True)
class RealTable:
    """A table and the score that judges losses on it.

    Parameters
    ----------
    table : Table
    scoring : str or callable
    """

    table: Table
    scoring: object

    @property
    def name(self):
        """The table's name."""
        return self.table.name

    @property
    def classes(self):
        """Whether y are classes."""
        return self.table.classes

    def make(self, seed):
        """Return X, a DataFrame, and y: the training rows of an outer split."""
        X, _, y, _ = split_table(self.table, seed)
        return X[:1_500], y[:1_500]

    def prepare(self, X):
        """Return the steps before a network."""
        return [prepare(X), StandardScaler()]


REAL = tuple(
    RealTable(table, scoring)
    for tables, scoring in (
        (SCORE_TABLES["mae"][:2], "neg_mean_absolute_error"),
        (SCORE_TABLES["pinball"][:2], PINBALL),
        (SCORE_TABLES["poisson"][:3], "neg_mean_poisson_deviance"),
        (SCORE_TABLES["msle"][1:3], "neg_root_mean_squared_log_error"),
        (SCORE_TABLES["kappa"][:2], KAPPA),
        (SCORE_TABLES["balanced"][:2], "balanced_accuracy"),
        ([TABLES["penguins"]], "neg_root_mean_squared_error"),
        ([TABLES["breast_cancer"]], "neg_log_loss"),
    )
    for table in tables
)
