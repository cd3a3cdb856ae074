"""Many jobs of one member each, fused into plans of many members."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from skloss._engine import Data, PlanKind, Stream


def sort_by_kind(cells: list) -> dict[PlanKind, list]:
    """Return the cells whose jobs can share a plan, by its kind."""
    kinds = {}
    for cell in cells:
        kind = PlanKind.of(cell.job.plan, cell.job.data)
        kinds.setdefault(kind, []).append(cell)
    return kinds


class FusedTable:
    """One table for the cells of one kind, which grows with them.

    Equal tables, and equal sets of rows, are held once: those of the candidates of a
    fold.

    Parameters
    ----------
    plan : Plan
        Of any of the cells.
    """

    def __init__(self, plan):
        self.plan = plan
        self.datas, self.begins, self.streams = {}, {}, {}
        self.whole = None

    def add(self, data: Data) -> int:
        """Return the number of a cell's stream among those of ``get_data``."""
        # equal arrays are one object (``Folds.hold_once``), which is kept alive here
        key = id(data.X), id(data.Y), id(data.facts)
        if key not in self.datas:
            # rows of a later table lie below those of the earlier ones
            self.begins[key] = sum(len(earlier.Y) for earlier in self.datas.values())
            self.datas[key] = data
            self.whole = None
        stream = data.streams[0]
        own = key, tuple(map(id, vars(stream).values()))
        if own not in self.streams:
            begin = np.int32(self.begins[key])
            self.streams[own] = len(self.streams), stream, begin
            self.whole = None
        return self.streams[own][0]

    def get_data(self) -> Data:
        """Return the table of all cells so far, with their streams."""
        if self.whole is None:
            datas, plan = self.datas.values(), self.plan
            Y = np.concatenate([data.Y for data in datas])
            facts = [data.facts for data in datas if data.facts is not None]
            self.whole = Data(
                stack_rows([data.X for data in datas], plan.dtype),
                # numbers stay in double precision until they are scaled
                Y if plan.task.has_numbers else Y.astype(plan.dtype),
                [move(stream, begin) for _, stream, begin in self.streams.values()],
                np.concatenate(facts) if facts else None,
            )
        return self.whole


def move(stream: Stream, begin: int) -> Stream:
    """Return a stream whose table begins at a row of a larger one."""
    return replace(
        stream,
        rows=stream.rows + begin,
        val_rows=stream.val_rows + begin,
        others=stream.others + begin,
    )


def stack_rows(tables: list, dtype: str) -> Any:
    """Return one table with the rows of all, in the networks' dtype."""
    if sparse.issparse(tables[0]):
        return sparse.vstack(tables).tocsr().astype(dtype)
    return np.concatenate(tables).astype(dtype, copy=False)
