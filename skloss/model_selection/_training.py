"""Networks of a search train in pools: to the end, from rung to rung, or as asked."""

from joblib import Parallel, delayed, effective_n_jobs

from skloss.exceptions import NotFusibleError
from skloss.model_selection._fusing import sort_by_kind
from skloss.model_selection._group import Group
from skloss.model_selection._parallel import make_parallel

SECONDS_AT_ONCE = 1.0  # after which pools whose networks wait tell what has ended


class Trainer:
    """Trains cells, in parallel, and has them scored.

    Threads are preferred, since programs release the interpreter's lock.

    Parameters
    ----------
    scorer : CellScorer
    ledger : Ledger
    parallel : dict
        Arguments of ``joblib.Parallel``.
    report : callable
        ``report(candidates)`` gives what is called with the number, the epoch and the
        history of a network that has trained some epochs, or None; ``candidates`` are
        those of the numbers. Its ``begin`` is called before networks go on. What it
        raises ends the training.

    Attributes
    ----------
    expected : list of (Task, Loss)
        Losses for which programs have room from the beginning.
    programs : dict of Structure to str
        What each program was for.
    """

    def __init__(self, scorer, ledger, parallel, report):
        self.scorer, self.ledger = scorer, ledger
        self.parallel = {"prefer": "threads", **parallel}
        self.report, self.expected = report, []
        self.programs = {}

    # -- to the end ----------------------------------------------------------------

    def train_to_end(self, cells):
        """Train all networks to the end, and score each as soon as it has ended."""
        groups = {}
        self.admit(groups, cells, workers=effective_n_jobs(self.parallel["n_jobs"]))
        with make_parallel(**self.parallel) as parallel:
            while any(group.busy for group in groups.values()):
                for group, results in self.start(
                    groups.values(), parallel, seconds=SECONDS_AT_ONCE
                ):
                    self.score(group, results)
                    self.close(group, results)

    # -- as asked ------------------------------------------------------------------

    def train_stream(self, ask, times):
        """Train the networks of cells that are asked for while others train.

        They train for a few epochs at a time, all for as many. While they do, what
        ended before is scored and told, in the order of candidates, and more is asked
        for, which trains from the next time on. So what is asked for does not depend on
        the clock.

        Parameters
        ----------
        ask : callable
            ``ask()`` returns the cells to train besides; none in the end.
        times : float
            How many times as many cells as at first there will be.
        """
        groups, cells, ended = {}, ask(), []
        with make_parallel(**self.parallel) as parallel:
            while cells or ended or any(group.busy for group in groups.values()):
                self.admit(groups, cells, stream=True, times=times)
                busy = [group for group in groups.values() if group.busy]
                epochs = min((group.count_stretch() for group in busy), default=0)
                training = self.start(busy, parallel, epochs=epochs)
                self.settle(ended)
                cells, ended = ask(), list(training)
                for group in busy:
                    group.move_together()

    def settle(self, ended):
        """Score what has ended, and tell of it in the order of candidates."""
        for group, results in ended:
            self.score(group, results)
        numbered = [(group, number) for group, results in ended for number in results]
        for group, number in sorted(numbered, key=lambda one: one[0].cells[one[1]].key):
            self.close(group, [number])

    # -- from rung to rung ---------------------------------------------------------

    def train_by_rungs(self, cells, watch):
        """Train all networks in step; at each rung ``watch`` says who leaves."""
        groups = {}
        self.admit(groups, cells)
        groups = list(groups.values())
        last = max((group.epochs for group in groups), default=0)
        # the folds of a candidate may lie in several groups: who leaves is known when
        # all are at the rung
        with Parallel(**self.parallel) as parallel:
            for epoch in watch.rungs(last):
                for group, results in self.start(groups, parallel, until=epoch):
                    self.score(group, results)
                leavers = self.choose_leavers(groups, epoch, watch)
                for group in groups:
                    self.drop_leavers(group, epoch, leavers)

    def choose_leavers(self, groups, epoch, watch):
        """Return the candidates that are pruned at a rung, by their mean scores."""
        goes_on = {
            cell.candidate: epoch < group.epochs
            for group in groups
            for cell in group.cells.values()
        }
        scores = self.ledger.mean_scores(goes_on, watch.metric)
        leavers = watch.choose_leavers(epoch, scores)
        # at its last epoch a candidate is compared, but not pruned
        return {candidate for candidate in leavers if goes_on[candidate]}

    def drop_leavers(self, group, epoch, leavers):
        """Let a group go on without the networks that are pruned, or have ended."""
        training, gone = group.list_training(), []
        for number, cell in group.cells.items():
            if number in training and cell.candidate in leavers:
                self.ledger.note(cell.key, outcome=f"pruned at epoch {epoch}")
                gone.append(number)
            elif number not in training:  # it keeps its own reason
                gone.append(number)
        self.close(group, gone)
        group.drop(gone)

    # -- all -----------------------------------------------------------------------

    def admit(self, groups, cells, **options):
        """Let cells train in the groups of their kinds; see ``Group.admit``."""
        for kind, own in sort_by_kind(cells).items():
            if kind not in groups:
                groups[kind] = Group(own[0].job.plan, self.expected)
            try:
                groups[kind].admit(own, **options)
            except NotFusibleError:
                raise
            except Exception as error:  # of the structure that all of them have
                for cell in own:
                    self.scorer.note_failure(cell, error)
                    self.ledger.note(cell.key, outcome=f"not trained: {error}")
                    self.ledger.close(cell.key)

    def start(self, groups, parallel, **limits):
        """Let all pools train for a while; return an iterator over results, by group.

        Parameters
        ----------
        groups : iterable of Group
        parallel : joblib.Parallel
        **limits : dict
            See ``Pool.advance``.
        """
        work = [
            (group, k)
            for group in groups
            for k, pool in enumerate(group.pools)
            if pool.busy or "until" in limits
        ]
        for group, k in work:
            pool = group.pools[k]
            self.programs.setdefault(pool.structure, group.describe(pool))
        calls = [
            delayed(advance_pool)(
                number, group.pools[k], self.reporter_of(group, k), limits
            )
            for number, (group, k) in enumerate(work)
        ]
        return collect(work, parallel(calls))

    def reporter_of(self, group, k):
        """Return what the training of a pool reports to, or None."""
        numbers = group.pools[k].members
        return self.report({n: group.cells[n].candidate for n in numbers})

    def score(self, group, results):
        """Score the cells of some results."""
        if results:
            cells = [group.cells[number] for number in results]
            self.scorer.score_cells(cells, list(results.values()))

    def close(self, group, numbers):
        """Tell that the training of cells has ended."""
        for cell in [group.cells.pop(number) for number in numbers]:
            if cell.job.watcher is not None:
                # of what was pruned, callbacks have not been told the end
                cell.job.watcher.close()
            self.ledger.close(cell.key)


def collect(work, trained):
    """Give results by group, as they come, and put the pools back into their groups.

    A worker's copy of a pool may be another object: its number says which it is.
    """
    for number, pool, results in trained:
        group, k = work[number]
        group.pools[k] = pool
        yield group, results


def advance_pool(number, pool, report, limits):
    """Train a pool for a while; return its number, itself and what is to be scored.

    Results travel without their states: nobody goes on from there, and there may be
    thousands.
    """
    if report is not None:
        report.begin()
    pool.advance(report=report, **limits)
    return number, pool, pool.take_results(states=False)
