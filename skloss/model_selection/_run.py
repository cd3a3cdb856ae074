"""Training and scoring of a search's cells, fused."""

import time
from dataclasses import dataclass, field
from traceback import format_exc

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import check_random_state

from skloss import networks
from skloss._engine import Outcome, chunks, repacked
from skloss.model_selection._cells import Cell, net_of
from skloss.model_selection._fusing import fused
from skloss.model_selection._scoring import scores_of


@dataclass
class Scored:
    """What is kept of a cell: its scores, and what explains them.

    Attributes
    ----------
    test_scores, train_scores : float or dict of str to float
    fit_time, score_time : float
        Seconds; where networks trained together, an equal share each.
    epochs : int
    outcome : str
    resolved_loss : str
    error : str, optional
    curve : list of float
        The monitored score of rows set aside, epoch by epoch.
    estimator : estimator, optional
        Fitted; of the best candidate only.
    """

    test_scores: object = None
    train_scores: object = None
    fit_time: float = 0.0
    score_time: float = 0.0
    epochs: int = 0
    outcome: str = "not trained"
    resolved_loss: str = ""
    error: str | None = None
    curve: list = field(default_factory=list)
    estimator: object = None


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
    complete : callable
        ``complete(candidate, folds)`` is told of each finished candidate.
    """

    def __init__(self, folds, scorer, score_params, error_score, parallel, complete):
        self.folds, self.scorer, self.score_params = folds, scorer, score_params
        self.error_score = error_score
        self.parallel = {"prefer": "threads", **parallel}
        self.complete = complete
        self.scored = {}
        self.remaining = {}
        self.interrupted = False

    def __call__(self, estimators, *, first=0, watch=None):
        """Train and score estimators.

        Parameters
        ----------
        estimators : list of estimator
            Clones with their parameters.
        first : int
            The number of the first candidate.
        watch : callable, optional
            See ``pruning``.

        Returns
        -------
        dict of (candidate, fold) to Scored
        """
        try:
            with networks.python_random_untouched():
                cells = self.prepared(estimators, first)
                groups = fused([cell for cell in cells if cell.error is None])
                if watch is None:
                    self.train(groups)
                else:
                    self.train_watched(groups, watch)
        except KeyboardInterrupt:
            self.interrupted = True
        return self.scored

    # -- before --------------------------------------------------------------------

    def prepared(self, estimators, first):
        """Return a cell for each estimator and fold, with its job."""
        seed = check_random_state(None).randint(np.iinfo(np.int32).max)
        cells = []
        for candidate, estimator in enumerate(estimators, first):
            self.remaining[candidate] = len(self.folds.splits)
            for fold in range(len(self.folds.splits)):
                cell = Cell(candidate, fold, clone(estimator))
                if net_of(cell.estimator).random_state is None:
                    # one seed for all, so that they can be fused and compared
                    net_of(cell.estimator).random_state = seed
                self.prepare(cell)
                cells.append(cell)
        return cells

    def prepare(self, cell):
        """Make the cell's job, or note why there is none."""
        begin = time.perf_counter()
        scored = self.scored[cell.candidate, cell.fold] = Scored()
        try:
            self.folds.fill(cell)
            scored.resolved_loss = repr(cell.net.loss_)
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
            for chunk in chunks(plan, data)
        ]
        parallel = Parallel(return_as="generator_unordered", **self.parallel)
        calls = (
            delayed(trained)(i, chunk, epochs)
            for i, (chunk, epochs, _) in enumerate(work)
        )
        for i, results, seconds in parallel(calls):
            cells = work[i][2]
            for number, result in results:
                self.score(cells[number], result, seconds / len(results))
                self.finished(cells[number])

    def train_watched(self, groups, watch):
        """Train from rung to rung, all networks in step; ``watch`` says who leaves."""
        live = [(plan, chunks(plan, data), cells) for plan, data, cells in groups]
        last = max((plan.epochs for plan, _, _ in live), default=0)
        with Parallel(**self.parallel) as parallel:
            for epoch in watch.rungs(last):
                live = [self.at_rung(parallel, epoch, *group) for group in live]
                running = {
                    cell.candidate
                    for plan, own, cells in live
                    for cell in running_cells(own, cells)
                    if epoch < plan.epochs
                }
                pruned = watch(epoch, self.means(running, watch.metric))
                live = [self.pruned(epoch, pruned, *group) for group in live]

    def at_rung(self, parallel, epoch, plan, own, cells):
        """Return a group, trained up to ``epoch`` and scored."""
        target = min(epoch, plan.epochs)
        begin = time.perf_counter()
        own = parallel(delayed(advanced)(chunk, target) for chunk in own)
        results = [result for chunk in own for result in chunk.results()]
        seconds = (time.perf_counter() - begin) / max(1, len(results))
        for number, result in results:
            self.score(cells[number], result, seconds)
        return plan, own, cells

    def pruned(self, epoch, pruned, plan, own, cells):
        """Return a group without the networks that are pruned, or have ended."""
        before = running_cells(own, cells)
        for cell in before:
            if cell.candidate in pruned:
                self.of(cell).outcome = f"pruned at epoch {epoch}"
        dropped = {i for i, cell in enumerate(cells) if cell.candidate in pruned}
        own = repacked(own, dropped) if epoch < plan.epochs else []
        after = {id(cell) for cell in running_cells(own, cells)}
        for cell in before:
            if id(cell) not in after:
                self.finished(cell)
        return plan, own, cells

    # -- afterwards ----------------------------------------------------------------

    def of(self, cell):
        """Return what is kept of a cell."""
        return self.scored[cell.candidate, cell.fold]

    def score(self, cell, result, seconds):
        """Complete the cell's fit and score it."""
        scored = self.of(cell)
        scored.fit_time += seconds
        scored.epochs, scored.outcome = result.n_epochs, OUTCOMES[result.outcome]
        if result.outcome is Outcome.DIVERGED:
            scored.outcome += f" in epoch {result.n_epochs}"
            scored.test_scores = scored.train_scores = None
            scored.error = (
                f"Training of {cell.net.loss_!r} diverged in epoch {result.n_epochs}: "
                f"a loss or gradient was not finite. Lower "
                f"learning_rate={cell.net.learning_rate!r}, set clip_norm (for example "
                f"1.0), or scale the features.\n"
            )
            if self.error_score == "raise":
                raise ValueError(scored.error)
            return
        begin = time.perf_counter()
        result.state = None  # several times as large as the weights
        cell.net._finish_fit(cell.job, result)
        scored.curve = result.history.get(f"val_{cell.net.loss_.monitor_name()}", [])
        scored.estimator = cell.estimator
        for which in self.folds.wanted:
            value = scores_of(
                cell,
                self.folds,
                self.scorer,
                which,
                self.score_params,
                self.error_score,
            )
            setattr(scored, f"{which}_scores", value)
        scored.score_time = time.perf_counter() - begin

    def finished(self, cell):
        """Let go of what is not needed any more."""
        cell.job, cell.tables = None, {}
        self.remaining[cell.candidate] -= 1
        if not self.remaining[cell.candidate]:
            self.complete(cell.candidate, self.candidate(cell.candidate))

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


def mean_score(folds, metric=None):
    """Return the mean of a metric over folds; NaN where a fold has none."""
    values = [
        np.nan
        if fold.test_scores is None
        else fold.test_scores[metric]
        if isinstance(fold.test_scores, dict)
        else fold.test_scores
        for fold in folds
    ]
    return float(np.mean(values))


def trained(number, chunk, epochs):
    """Train a chunk; return its number, its results and the seconds it took."""
    begin = time.perf_counter()
    results = chunk.advance(epochs).results()
    for _, result in results:
        result.state = None
    return number, results, time.perf_counter() - begin


def advanced(chunk, epoch):
    """Train a chunk up to an epoch."""
    return chunk.advance(epoch - chunk.done)


def running_cells(own, cells):
    """Return the cells whose networks are in the chunks ``own``."""
    return [cells[number] for chunk in own for number in chunk.numbers]
