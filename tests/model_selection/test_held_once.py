"""The cells of a search hold equal tables once, in whichever form X was given."""

import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_three
from scipy.sparse import csr_matrix
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.model_selection._candidates import make_candidates
from skloss.model_selection._cells import CellMaker
from skloss.model_selection._folds import Folds
from skloss.model_selection._fusing import FusedTable, sort_by_kind
from skloss.model_selection._ledger import Ledger

TABLES = {
    "floats": X,
    "single": X.astype(np.float32),
    "integers": (10 * X).astype(int),
    "frame": pd.DataFrame(X),
    "sparse": csr_matrix(X),
}
NUMBERS = [{"l2": 0.0}, {"l2": 0.1}, {"learning_rate": 0.1}]
net = LossAwareClassifier(**NET)


def rows_of(estimator, candidates, table):
    """Return how many rows the fused table of all candidates on three folds has."""
    folds = Folds(table, y_three, list(KFold(3).split(X)), {})
    maker = CellMaker(folds, Ledger(3), "raise", record=False)
    cells = maker.make_cells(make_candidates(estimator, candidates), candidates, 0)
    assert len(cells) == 3 * len(candidates)
    assert len(sort_by_kind(cells)) == 1
    table = FusedTable(cells[0].job.plan)
    for cell in cells:
        table.add(cell.job.data)
    return table.get_data().X.shape[0]


@pytest.mark.parametrize("kind", TABLES)
def test_candidates_share_the_training_rows_of_a_fold(kind):
    assert rows_of(net, NUMBERS, TABLES[kind]) == 2 * len(X)


def test_what_earlier_steps_make_is_held_once_for_each_setting():
    pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
    candidates = [
        {"scale__with_mean": centred, "net__l2": l2}
        for centred in (True, False)
        for l2 in (0.0, 0.1)
    ]
    assert rows_of(pipe, candidates, pd.DataFrame(X)) == 2 * 2 * len(X)
