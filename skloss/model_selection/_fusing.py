"""Many jobs of one member each, fused into plans of many members."""

from dataclasses import replace

import numpy as np
from scipy import sparse

from skloss._engine import Data, PlanKind


def fused(cells):
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
    return [(*merged(group), group) for group in groups.values()]


def merged(cells):
    """Return one plan and one table for cells whose jobs have the same key.

    Equal tables, and equal sets of rows, are held once: those of the candidates of a
    fold.
    """
    tables, streams, members = {}, {}, []
    for cell in cells:
        data, member = cell.job.data, cell.job.plan.members[0]
        # equal arrays are one object (``Folds.held_once``), which the cells keep alive
        table = tables.setdefault((id(data.X), id(data.Y)), (len(tables), data))
        stream = data.streams[0]
        key = (table[0], *map(id, vars(stream).values()))
        number, _, _ = streams.setdefault(key, (len(streams), table[0], stream))
        members.append(replace(member, stream=number))
    datas = [data for _, data in tables.values()]
    Y = np.concatenate([data.Y for data in datas])
    begin = np.cumsum([0, *(len(data.Y) for data in datas)]).astype(np.int32)
    plan = replace(cells[0].job.plan, members=members)
    data = Data(
        stacked([data.X for data in datas], plan.dtype),
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


def stacked(tables, dtype):
    """Stack tables row-wise in the networks' dtype."""
    if sparse.issparse(tables[0]):
        return sparse.vstack(tables).tocsr().astype(dtype)
    return np.concatenate(tables).astype(dtype, copy=False)
