"""Many jobs of one member each, fused into plans of many members."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from skloss._engine import Data, Plan, PlanKind


def fuse_jobs(cells: list) -> list[tuple[Plan, Data, list]]:
    """Fuse the jobs of cells that can share a plan.

    Parameters
    ----------
    cells : list of Cell

    Returns
    -------
    list of (Plan, Data, list of Cell)
        The plan's members are the cells', in order.
    """
    groups = {}
    for cell in cells:
        kind = PlanKind.of(cell.job.plan, cell.job.data)
        groups.setdefault(kind, []).append(cell)
    return [(*merge_jobs(group), group) for group in groups.values()]


def merge_jobs(cells: list) -> tuple[Plan, Data]:
    """Return one plan and one table for cells whose plans are of one kind.

    Equal tables, and equal sets of rows, are held once: those of the candidates of a
    fold.
    """
    tables, streams, members = {}, {}, []
    for cell in cells:
        data, member = cell.job.data, cell.job.plan.members[0]
        # equal arrays are one object (``Folds.hold_once``), which the cells keep alive
        table = tables.setdefault((id(data.X), id(data.Y)), (len(tables), data))
        stream = data.streams[0]
        key = (table[0], *map(id, vars(stream).values()))
        number, _, _ = streams.setdefault(key, (len(streams), table[0], stream))
        members.append(replace(member, stream=number))
    datas = [data for _, data in tables.values()]
    Y = np.concatenate([data.Y for data in datas])
    # rows of a later table lie below those of the earlier ones
    begin = np.cumsum([0, *(len(data.Y) for data in datas)]).astype(np.int32)
    plan = replace(cells[0].job.plan, members=members)
    data = Data(
        stack_rows([data.X for data in datas], plan.dtype),
        # numbers stay in double precision until they are scaled
        Y if plan.task.kind == "regression" else Y.astype(plan.dtype),
        [
            replace(
                stream,
                rows=stream.rows + begin[table],
                val_rows=stream.val_rows + begin[table],
            )
            for _, table, stream in streams.values()
        ],
    )
    return plan, data


def stack_rows(tables: list, dtype: str) -> Any:
    """Return one table with the rows of all, in the networks' dtype."""
    if sparse.issparse(tables[0]):
        return sparse.vstack(tables).tocsr().astype(dtype)
    return np.concatenate(tables).astype(dtype, copy=False)
