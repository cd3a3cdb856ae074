"""Training and scoring of a search's cells, fused."""

import time
from traceback import format_exc, format_exception

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import check_random_state

from skloss import networks
from skloss._diagnosis._rate_findings import find_divergence
from skloss._engine import Outcome, make_chunks, repack_chunks
from skloss.estimators._finish import finish, fitted_after
from skloss.exceptions import NotFusibleError
from skloss.model_selection._cells import Cell, net_of
from skloss.model_selection._fusing import fuse_jobs
from skloss.model_selection._scored import Scored, mean_score
from skloss.model_selection._scoring import raw_outputs, scores_of
from skloss.model_selection._writers import Writers


class FusedRun:
    """Trains and scores candidates on folds.

    Parameters
    ----------
    folds : Folds
    scorer : callable
    score_params : dict
    error_score : float or "raise"
    parallel : dict
        Arguments of ``joblib.Parallel``.
    listeners : list of callable
        Each is called as ``listener(candidate, folds)`` when a candidate is finished.
    report : callable, optional
        ``report(candidates)`` gives what is called with the epoch and the history when
        networks of these candidates have trained some epochs, or None.
    record : bool, default=False
        Whether networks record their training as they are told to: nobody diagnoses
        thousands, and the winner's refit records its own.
    """

    def __init__(
        self,
        folds,
        scorer,
        score_params,
        error_score,
        parallel,
        listeners=(),
        *,
        report=lambda candidates: None,
        record=False,
    ):
        self.folds, self.scorer, self.score_params = folds, scorer, score_params
        self.error_score = error_score
        self.parallel = {"prefer": "threads", **parallel}
        self.listeners, self.report, self.record = list(listeners), report, record
        self.scored, self.writers = {}, Writers()
        self.remaining = {}
        self.interrupted = False
        self.watch = self.seed = None

    def __call__(self, estimators, params, *, first=0, watch=None):
        """Train and score estimators.

        Parameters
        ----------
        estimators : list of estimator
            Clones with their parameters.
        params : list of dict
            What these are.
        first : int
            The number of the first candidate.
        watch : callable, optional
            See ``pruning``.

        Returns
        -------
        dict of (candidate, fold) to Scored

        Raises
        ------
        ValueError
            If callbacks of two networks, of earlier calls too, write to one path.
        """
        if self.interrupted:
            return self.scored
        self.watch = watch
        try:
            with networks.python_random_untouched():
                cells = self.prepared(estimators, params, first)
                groups = fuse_jobs([cell for cell in cells if cell.error is None])
                if watch is None:
                    self.train(groups)
                else:
                    self.train_watched(groups, watch)
        except KeyboardInterrupt:
            self.interrupted = True
        return self.scored

    # -- before --------------------------------------------------------------------

    def prepared(self, estimators, params, first):
        """Return a cell for each estimator and fold, with its job."""
        cells = []
        pairs = zip(estimators, params, strict=True)
        for candidate, (estimator, own) in enumerate(pairs, first):
            self.remaining[candidate] = len(self.folds.splits)
            for fold in range(len(self.folds.splits)):
                net = clone(net_of(estimator))
                cell = Cell(candidate, fold, estimator, net)
                net.record = net.record and self.record
                if net.random_state is None:
                    net.random_state = self.common_seed()
                self.prepare(cell)
                self.writers.add(cell, own)
                cells.append(cell)
        return cells

    def common_seed(self):
        """Return one seed for all networks without, so that they can be fused."""
        if self.seed is None:
            highest = np.iinfo(np.int32).max
            self.seed = int(check_random_state(None).randint(highest))
        return self.seed

    def prepare(self, cell):
        """Make the cell's job, or note why there is none."""
        begin = time.perf_counter()
        scored = self.scored[cell.candidate, cell.fold] = Scored()
        try:
            self.folds.fill(cell)
            scored.resolved_loss = repr(cell.job.before.loss)
        except NotFusibleError:
            raise
        except Exception as error:
            if self.error_score == "raise":
                raise
            cell.error = scored.error = format_exc()
            scored.outcome = f"not trained: {error}"
            self.finished(cell)
        scored.fit_time = time.perf_counter() - begin

    # -- training ------------------------------------------------------------------

    def train(self, groups):
        """Train all networks to the end, and score each as soon as it is done."""
        work = [
            (chunk, plan.epochs, cells)
            for plan, data, cells in groups
            for chunk in make_chunks(plan, data)
        ]
        parallel = Parallel(return_as="generator_unordered", **self.parallel)
        calls = (
            delayed(trained)(i, chunk, epochs, self.report_of(chunk, cells))
            for i, (chunk, epochs, cells) in enumerate(work)
        )
        for i, results, seconds in parallel(calls):
            cells = [work[i][2][number] for number, _ in results]
            self.score(cells, [result for _, result in results], seconds)
            for cell in cells:
                self.finished(cell)

    def train_watched(self, groups, watch):
        """Train from rung to rung, all networks in step; ``watch`` says who leaves."""
        live = [(plan, make_chunks(plan, data), cells) for plan, data, cells in groups]
        last = max((plan.epochs for plan, _, _ in live), default=0)
        with Parallel(**self.parallel) as parallel:
            for epoch in watch.rungs(last):
                live = [self.at_rung(parallel, epoch, *group) for group in live]
                at_rung = {
                    cell.candidate: epoch < plan.epochs
                    for plan, own, cells in live
                    for cell in running_cells(own, cells)
                }
                pruned = watch(epoch, self.means(at_rung, watch.metric))
                # at its last epoch a candidate is compared, but not pruned
                pruned = {candidate for candidate in pruned if at_rung[candidate]}
                live = [self.pruned(epoch, pruned, *group) for group in live]

    def at_rung(self, parallel, epoch, plan, own, cells):
        """Return a group, trained up to ``epoch`` and scored."""
        target = min(epoch, plan.epochs)
        done = parallel(
            delayed(advanced)(chunk, target, self.report_of(chunk, cells))
            for chunk in own
        )
        for chunk, seconds in done:
            trained = [cells[number] for number in chunk.numbers]
            self.score(trained, [result for _, result in chunk.results()], seconds)
        return plan, [chunk for chunk, _ in done], cells

    def pruned(self, epoch, pruned, plan, own, cells):
        """Return a group without the networks that are pruned, or have ended."""
        before = running_cells(own, cells)
        for cell in before:
            # what stopped by itself in this rung keeps its own reason
            if cell.candidate in pruned and self.of(cell).outcome == "finished":
                self.of(cell).outcome = f"pruned at epoch {epoch}"
        dropped = {i for i, cell in enumerate(cells) if cell.candidate in pruned}
        own = repack_chunks(own, dropped) if epoch < plan.epochs else []
        after = {id(cell) for cell in running_cells(own, cells)}
        for cell in before:
            if id(cell) not in after:
                self.finished(cell)
        return plan, own, cells

    def report_of(self, chunk, cells):
        """Return what the training of a chunk reports to, or None."""
        return self.report([cells[number].candidate for number in chunk.numbers])

    # -- afterwards ----------------------------------------------------------------

    def of(self, cell):
        """Return what is kept of a cell."""
        return self.scored[cell.candidate, cell.fold]

    def score(self, cells, results, seconds):
        """Complete the fits of cells that trained together, and score them."""
        well = []
        for cell, result in zip(cells, results, strict=True):
            self.of(cell).fit_time += seconds / len(cells)
            if self.completed(cell, result):
                well.append(cell)
        for which in self.folds.wanted if well else ():
            begin = time.perf_counter()
            raw = raw_outputs(well, which)
            predicting = (time.perf_counter() - begin) / len(well)
            for cell, own in zip(well, raw, strict=True):
                self.score_one(cell, own, which, predicting)

    def completed(self, cell, result):
        """Set the net's fitted attributes; tell whether training went well."""
        scored = self.of(cell)
        scored.epochs, scored.outcome = result.n_epochs, OUTCOMES[result.outcome]
        if result.error is not None:
            return self.failed(scored, result.error, f"failed: {result.error!r}")
        if result.outcome is Outcome.DIVERGED:
            finding = find_divergence(fitted_after(cell.job, result))
            outcome = f"{scored.outcome} in epoch {result.n_epochs}"
            # one text for all cells, which scikit-learn counts in one warning
            text = f"{finding.headline}\n"
            return self.failed(scored, ValueError(str(finding)), outcome, text)
        # thousands of states would be several times as large as the weights
        cell.net._fitted = finish(cell.job, result, keep_state=False)
        scored.curve = result.curve
        scored.estimator = cell.estimator
        return True

    def failed(self, scored, error, outcome, text=None):
        """Note what ended a training, or raise it; return False."""
        from optuna import TrialPruned  # which asks for an end, and is no failure

        if self.error_score == "raise" or isinstance(error, TrialPruned):
            raise error
        scored.test_scores = scored.train_scores = scored.estimator = None
        scored.error = text or "".join(format_exception(error))
        scored.outcome = outcome
        return False

    def score_one(self, cell, raw, which, seconds):
        """Score one cell whose raw outputs are known."""
        scored, begin = self.of(cell), time.perf_counter()
        value = scores_of(
            cell,
            raw,
            self.folds,
            self.scorer,
            which,
            self.score_params,
            self.error_score,
        )
        setattr(scored, f"{which}_scores", value)
        if which == "test":
            scored.score_time = seconds + time.perf_counter() - begin

    def finished(self, cell):
        """Let go of what is not needed any more."""
        if cell.job is not None and cell.job.watcher is not None:
            cell.job.watcher.close()  # of what was pruned, training has not ended
        cell.job, cell.tables = None, {}
        self.remaining[cell.candidate] -= 1
        if not self.remaining[cell.candidate]:
            folds = self.candidate(cell.candidate)
            if self.watch is not None:
                self.watch.complete(cell.candidate, folds)
            for listener in self.listeners:
                listener(cell.candidate, folds)

    def candidate(self, number):
        """Return a candidate's scored folds."""
        return [self.scored[number, fold] for fold in range(len(self.folds.splits))]

    def means(self, candidates, metric):
        """Return each candidate's mean test score; NaN where a fold has none."""
        return {
            number: mean_score(self.candidate(number), metric)
            for number in sorted(candidates)
        }


OUTCOMES = {
    Outcome.FINISHED: "finished",
    Outcome.STOPPED_EARLY: "stopped early",
    Outcome.DIVERGED: "diverged",
}


def trained(number, chunk, epochs, report):
    """Train a chunk; return its number, its results and the seconds it took."""
    begin = time.perf_counter()
    results = chunk.advance(epochs, report).results()
    for _, result in results:
        result.state = None
    chunk.release()
    return number, results, time.perf_counter() - begin


def advanced(chunk, epoch, report):
    """Train a chunk up to an epoch; return it, and the seconds it took."""
    begin = time.perf_counter()
    chunk.advance(epoch - chunk.done, report)
    return chunk, time.perf_counter() - begin


def running_cells(own, cells):
    """Return the cells whose networks are in the chunks ``own``."""
    return [cells[number] for chunk in own for number in chunk.numbers]
