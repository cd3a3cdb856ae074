"""Networks of a search train chunk by chunk, to the end or from rung to rung."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from joblib import Parallel, delayed

from skloss._engine import Plan, make_chunks, repack_chunks
from skloss.model_selection._cells import Cell


@dataclass(frozen=True, eq=False)
class Group:
    """Cells that share a plan, and the chunks in which their networks train.

    Attributes
    ----------
    plan : Plan
    cells : list of Cell
        Those of the plan's members, in their order.
    chunks : list of Chunk
        Of the networks that still train.
    """

    plan: Plan
    cells: list[Cell]
    chunks: list[Any]

    @classmethod
    def of(cls, plan, data, cells):
        """Return the group of networks that have not trained yet."""
        return cls(plan, cells, make_chunks(plan, data))

    def cells_of(self, chunk):
        """Return the cells whose networks a chunk trains."""
        return [self.cells[number] for number in chunk.numbers]

    def training_cells(self):
        """Return the cells whose networks still train."""
        return [cell for chunk in self.chunks for cell in self.cells_of(chunk)]


class Trainer:
    """Trains groups of networks, in parallel, and has them scored.

    Threads are preferred, since programs release the interpreter's lock.

    Parameters
    ----------
    scorer : CellScorer
    ledger : Ledger
    parallel : dict
        Arguments of ``joblib.Parallel``.
    report : callable
        ``report(candidates)`` gives what is called with the epoch and the history when
        networks of these candidates have trained some epochs, or None. Its ``begin`` is
        called before their program is made. What it raises ends the training.
    """

    def __init__(self, scorer, ledger, parallel, report):
        self.scorer, self.ledger = scorer, ledger
        self.parallel = {"prefer": "threads", **parallel}
        self.report = report

    # -- to the end ----------------------------------------------------------------

    def train_to_end(self, groups):
        """Train all networks to the end, and score each chunk as soon as it is done."""
        work = [(group, chunk) for group in groups for chunk in group.chunks]
        calls = (
            delayed(train_chunk)(number, chunk, self.reporter_of(group, chunk))
            for number, (group, chunk) in enumerate(work)
        )
        # a worker's copy of a chunk may be another object: its number says which
        parallel = Parallel(return_as="generator_unordered", **self.parallel)
        for number, results, seconds in parallel(calls):
            group, chunk = work[number]
            cells = group.cells_of(chunk)
            self.scorer.score_cells(cells, results, seconds)
            self.close_cells(cells)

    # -- from rung to rung ---------------------------------------------------------

    def train_by_rungs(self, groups, watch):
        """Train all networks in step; at each rung ``watch`` says who leaves."""
        last = max((group.plan.epochs for group in groups), default=0)
        # the folds of a candidate may lie in several groups: who leaves is known when
        # all are at the rung
        with Parallel(**self.parallel) as parallel:
            for epoch in watch.rungs(last):
                groups = [
                    self.train_to_rung(group, epoch, parallel) for group in groups
                ]
                leavers = self.choose_leavers(groups, epoch, watch)
                groups = [self.drop_leavers(group, epoch, leavers) for group in groups]

    def train_to_rung(self, group, epoch, parallel):
        """Return a group that is trained up to ``epoch``, and score it."""
        target = min(epoch, group.plan.epochs)
        advanced = parallel(
            delayed(advance_chunk)(chunk, target, self.reporter_of(group, chunk))
            for chunk in group.chunks
        )
        for chunk, seconds in advanced:
            results = [result for _, result in chunk.results()]
            self.scorer.score_cells(group.cells_of(chunk), results, seconds)
        return replace(group, chunks=[chunk for chunk, _ in advanced])

    def choose_leavers(self, groups, epoch, watch):
        """Return the candidates that are pruned at a rung, by their mean scores."""
        goes_on = {
            cell.candidate: epoch < group.plan.epochs
            for group in groups
            for cell in group.training_cells()
        }
        scores = self.ledger.mean_scores(goes_on, watch.metric)
        leavers = watch.choose_leavers(epoch, scores)
        # at its last epoch a candidate is compared, but not pruned
        return {candidate for candidate in leavers if goes_on[candidate]}

    def drop_leavers(self, group, epoch, leavers):
        """Return a group without the networks that are pruned, or have ended."""
        before = group.training_cells()
        for cell in before:
            # what stopped by itself in this rung keeps its own reason
            ended = self.ledger.scored[cell.key].outcome != "finished"
            if cell.candidate in leavers and not ended:
                self.ledger.note(cell.key, outcome=f"pruned at epoch {epoch}")
        kept = []
        if epoch < group.plan.epochs:
            numbers = {
                i for i, cell in enumerate(group.cells) if cell.candidate in leavers
            }
            kept = repack_chunks(group.chunks, numbers)  # nor those that have stopped
        group = replace(group, chunks=kept)
        after = {cell.key for cell in group.training_cells()}
        self.close_cells([cell for cell in before if cell.key not in after])
        return group

    # -- both ----------------------------------------------------------------------

    def reporter_of(self, group, chunk):
        """Return what the training of a chunk reports to, or None."""
        return self.report([cell.candidate for cell in group.cells_of(chunk)])

    def close_cells(self, cells):
        """Tell that the training of cells has ended."""
        for cell in cells:
            if cell.job.watcher is not None:
                # of what was pruned, callbacks have not been told the end
                cell.job.watcher.close()
            self.ledger.close(cell.key)


def train_chunk(number, chunk, report):
    """Train a chunk to the end; return its number, its results, and the seconds.

    Results travel without their states, and the chunk keeps nothing: nobody goes on
    from there, and there may be thousands.
    """
    begin = time.perf_counter()
    tell_begin(report)
    results = chunk.advance(chunk.plan.epochs, report).results()
    results = [replace(result, state=None) for _, result in results]
    chunk.release()
    return number, results, time.perf_counter() - begin


def advance_chunk(chunk, epoch, report):
    """Train a chunk up to an epoch; return it, and the seconds it took."""
    begin = time.perf_counter()
    tell_begin(report)
    chunk.advance(epoch - chunk.done, report)
    return chunk, time.perf_counter() - begin


def tell_begin(report):
    """Tell what hears of a training, if anything does, that it begins or goes on."""
    if report is not None:
        report.begin()
