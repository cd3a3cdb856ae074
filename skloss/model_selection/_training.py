"""Networks of a search train in pools: to the end, from rung to rung, or as asked."""

from joblib import Parallel, delayed, effective_n_jobs

from skloss.exceptions import NotFusibleError
from skloss.model_selection._fusing import sort_by_kind
from skloss.model_selection._group import Group
from skloss.model_selection._parallel import make_parallel
from skloss.model_selection._time_budget import OutOfTime

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
        those of the numbers. What it raises ends the training.

    Attributes
    ----------
    pace : callable, optional
        ``pace(candidates)`` gives what trains a pool as long as there is time, see
        ``Pace``; None: there is no timeout.
    late : bool
        Whether there was no time for some pool; its candidates are lost.
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
        self.pace, self.late, self.lost = None, False, set()

    # -- to the end ----------------------------------------------------------------

    def train_to_end(self, cells):
        """Train all networks to the end, and score each as soon as it has ended."""
        groups = {}
        self.admit(groups, cells, workers=effective_n_jobs(self.parallel["n_jobs"]))
        with make_parallel(**self.parallel) as parallel:
            while any(group.busy for group in groups.values()):
                limits = {g: {"seconds": SECONDS_AT_ONCE} for g in groups.values()}
                for group, results in self.start(limits, parallel):
                    self.score(group, results)
                    self.close(group, results)

    # -- as asked ------------------------------------------------------------------

    def train_stream(self, ask, times):
        """Train the networks of cells that are asked for while others train.

        They train for a few epochs at a time, all for as many. While they do, what
        ended before is scored and told, in the order of candidates, and more is asked
        for, which trains from the next time on. So what is asked for does not depend on
        the clock.

        Where there is a timeout, networks whose end is known train when it has come:
        whoever ends first is finished first, and little is lost when the time is over.
        When there was no time for some networks, no more is asked for, and of those
        that were asked for whoever still has time is trained.

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
                ended += self.catch_up(groups, cells, parallel)
                self.admit(groups, cells, stream=True, times=times)
                limits = self.go_on(groups.values())
                training = self.start(limits, parallel)
                self.settle(ended)
                cells = [] if self.late else ask()
                ended = list(training)
                for group in limits:
                    group.move_together()

    def catch_up(self, groups, cells, parallel):
        """Train groups to which cells come up to where all are; return who has ended.

        Nobody has, but for networks that diverged.
        """
        if self.pace is None:  # all go on together
            return []
        comes_to = [groups[kind] for kind in sort_by_kind(cells) if kind in groups]
        limits = {group: {"epochs": group.pay()} for group in comes_to if group.owed}
        return list(self.start(limits, parallel))

    def go_on(self, groups):
        """Let all networks go on by as many epochs; return who must train them now."""
        busy = [group for group in groups if group.busy]
        epochs = min((group.count_stretch() for group in busy), default=0)
        for group in busy:
            group.owed += epochs
        due = [group for group in busy if self.pace is None or group.is_due]
        return {group: {"epochs": group.pay()} for group in due}

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
                limits = {group: {"until": epoch} for group in groups}
                for group, results in self.start(limits, parallel):
                    self.score(group, results)
                if self.late:  # who is pruned may depend on all
                    raise OutOfTime
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
                for failed in [twin for cell in own for twin in cell.all_twins]:
                    self.scorer.note_failure(failed, error)
                    self.ledger.note(failed.key, outcome=f"not trained: {error}")
                    self.ledger.close(failed.key)

    def start(self, limits, parallel):
        """Let pools train for a while; return an iterator over results, by group.

        Those of the first candidates begin first.

        Parameters
        ----------
        limits : dict of Group to dict
            Of the groups whose pools train; see ``Pool.advance``.
        parallel : joblib.Parallel
        """
        work = [
            (group, k)
            for group, own in limits.items()
            for k, pool in enumerate(group.pools)
            if (pool.busy or "until" in own) and not self.abandon_lost(group, pool)
        ]
        for group, k in work:
            pool = group.pools[k]
            self.programs.setdefault(pool.structure, group.describe(pool))
        work.sort(
            key=lambda one: min(one[0].name_candidates(one[1]).values(), default=0)
        )
        calls = []
        for number, (group, k) in enumerate(work):
            candidates = group.name_candidates(k)
            report = self.report(candidates)
            pace = self.pace and self.pace(candidates)
            calls.append(
                delayed(advance_pool)(
                    number, group.pools[k], report, pace, limits[group]
                )
            )
        return self.collect(work, parallel(calls))

    def collect(self, work, trained):
        """Give results by group, as they come, and put the pools back into theirs.

        A worker's copy of a pool may be another object: its number says which it is.
        """
        for number, pool, results in trained:
            group, k = work[number]
            group.pools[k] = pool
            if results is not None:
                yield group, results
                continue
            self.late = True
            self.lost |= set(group.name_candidates(k).values())
            group.abandon(pool)

    def abandon_lost(self, group, pool):
        """Train a pool no more, if all its candidates are lost; tell whether they are.

        Candidates are lost when one of their networks had no time.
        """
        own = {group.cells[number].candidate for number in pool.members}
        if not own or not own <= self.lost:
            return False
        group.abandon(pool)
        return True

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
            for twin in cell.all_twins:
                self.ledger.close(twin.key)


def advance_pool(number, pool, report, pace, limits):
    """Train a pool for a while; return its number, itself and what is to be scored.

    Results travel without their states: nobody goes on from there, and there may be
    thousands. None where there was no time.
    """
    if pace is None:
        pool.advance(report=report, **limits)
    elif not pace.advance(pool, report, **limits):
        return number, pool, None
    results = pool.take_results(states=False)
    if pace is not None:
        pace.note_results(results)
    return number, pool, results
