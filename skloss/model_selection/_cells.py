"""The networks of a search: one cell for each candidate and fold, made ready."""

from __future__ import annotations

import copy
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from traceback import format_exc, format_exception
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skloss.estimators._base import BaseLossAware, with_fitted
from skloss.estimators._fit_network import prepare_fit
from skloss.estimators._memory import Digest, Memory
from skloss.estimators._prepare import Job
from skloss.exceptions import NotFusibleError
from skloss.model_selection._candidates import Refused, find_net
from skloss.model_selection._last_step import (
    get_earlier_steps,
    replace_steps,
    split_at_net,
)
from skloss.model_selection._writers import Writers


@dataclass(frozen=True, eq=False)
class Cell:
    """One candidate on one fold, ready to be trained, or trained.

    Attributes
    ----------
    candidate, fold : int
    estimator : BaseLossAware or Pipeline
        The net, or what ends in it, its earlier steps fitted.
    net : BaseLossAware
        The candidate's own; ``after_training`` gives a cell whose net is fitted.
    job : Job
    tables : dict of str to array-like
        "test" (and "train", if its score is wanted): rows as the net sees them, None
        where an earlier step refuses them.
    memory : Memory
        Of what is computed of the fold's rows.
    later : list of (str, estimator)
        What stands behind a transformer; fitted when it is.
    given : tuple of (tuple, dict)
        What the net's ``fit`` is called with.
    twins : tuple of Cell
        Of other candidates, whose transformer is the same: it is trained once.
    """

    candidate: int
    fold: int
    estimator: BaseLossAware | Pipeline
    net: BaseLossAware
    job: Job
    tables: dict[str, Any]
    memory: Memory
    later: list
    given: tuple
    twins: tuple = ()

    @property
    def key(self):
        """The candidate and the fold."""
        return self.candidate, self.fold

    def with_outputs(self, raw, which):
        """Return the fitted net with its raw outputs for some rows, and these rows.

        Predictions of the last step are those of the whole Pipeline.
        """
        X = self.tables[which]
        return with_fitted(self.net, self.net._fitted.with_known_outputs(X, raw)), X

    def after_training(self, net):
        """Return this cell with a net that is fitted."""
        earlier = get_earlier_steps(self.estimator)
        return replace(
            self, net=net, estimator=replace_steps(self.estimator, earlier, net)
        )

    @property
    def all_twins(self):
        """All cells that one training serves: this one, and its twins."""
        return self, *self.twins

    def fit_later(self):
        """Return this cell with what stands behind its fitted net fitted, too."""
        if not self.later:
            return self
        (X, y), _ = self.given
        rest, whole = clone(Pipeline(self.later)), copy.copy(self.estimator)
        rest.fit(self.net.transform(X), y)
        whole.steps = [*self.estimator.steps, *rest.steps]
        return replace(self, estimator=whole)


def join_twins(cells):
    """Return cells of which those with one transformer and fold are one.

    What follows a transformer is fitted for each.
    """
    joined = {}
    for cell in cells:
        key = cell.key
        if cell.later and cell.net.callbacks is None:  # which hear of each training
            (X, y), params = cell.given
            own = cell.net.get_params(), params
            key = cell.fold, id(X), id(y), Digest("md5").hash(own)
        joined.setdefault(key, []).append(cell)
    return [replace(first, twins=tuple(rest)) for first, *rest in joined.values()]


class CellMaker:
    """Makes cells ready, for all batches of a search.

    Parameters
    ----------
    folds : Folds
    ledger : Ledger
        Told of cells that could not be made, and why.
    error_score : float or "raise"
    record : bool
        Whether networks record their training as they are told to: nobody diagnoses
        thousands, and the winner's refit records its own.
    """

    def __init__(self, folds, ledger, error_score, record):
        self.folds, self.ledger = folds, ledger
        self.error_score, self.record = error_score, record
        self.writers, self.seed = Writers(), None

    def make_cells(self, estimators, params, first):
        """Return the cells of candidates that can be trained.

        Parameters
        ----------
        estimators : list of estimator or Refused
            Clones with their parameters.
        params : list of dict
            What these are.
        first : int
            The number of the first candidate.

        Raises
        ------
        ValueError
            If callbacks of two networks, of earlier batches too, write to one path; for
            a candidate that cannot be, if ``error_score`` is "raise".
        NotFusibleError
            If a network cannot be trained together with others.
        """
        cells = []
        pairs = zip(estimators, params, strict=True)
        for candidate, (estimator, own_params) in enumerate(pairs, first):
            self.ledger.open(candidate)
            if isinstance(estimator, Refused):
                self.close_refused(candidate, estimator.error)
                continue
            for fold in range(len(self.folds.splits)):
                cell = self.try_cell(candidate, fold, estimator)
                if cell is not None:
                    self.writers.add(cell, own_params)
                    cells.append(cell)
        return cells

    def find_losses(self, estimators):
        """Return tasks and losses of the networks that estimators would train.

        Those that cannot train are left out: their candidates will say why.
        """
        found = []
        for estimator in estimators:
            with warnings.catch_warnings(), suppress(Exception):
                warnings.simplefilter("ignore")
                plan = self.make_cell("example", 0, estimator).job.plan
                found.append((plan.task, plan.members[0].loss))
        return found

    def try_cell(self, candidate, fold, estimator):
        """Return a cell; None, and a note why, if its data cannot be trained on."""
        key, begin = (candidate, fold), time.perf_counter()
        try:
            cell = self.make_cell(candidate, fold, estimator)
            resolved_loss = repr(cell.job.before.loss)
        except NotFusibleError:  # of the estimator, not of this fold
            raise
        except Exception as error:
            if self.error_score == "raise":
                raise
            seconds = time.perf_counter() - begin
            self.close_untrained(key, error, format_exc(), seconds)
            return None
        seconds = time.perf_counter() - begin
        self.ledger.note(key, fit_time=seconds, resolved_loss=resolved_loss)
        return cell

    def close_refused(self, candidate, error):
        """Close all cells of a candidate that cannot be, or raise why."""
        if self.error_score == "raise":
            raise error
        reason = error.__cause__
        text = "".join(format_exception(reason))
        for fold in range(len(self.folds.splits)):
            self.close_untrained((candidate, fold), reason, text)

    def close_untrained(self, key, error, text, seconds=0.0):
        """Close a cell that cannot be trained, with a note why.

        Parameters
        ----------
        key : (int, int)
        error : Exception
        text : str
            With its traceback.
        seconds : float, default=0.0
            Since its preparation began.
        """
        outcome = f"not trained: {error}"
        self.ledger.note(key, fit_time=seconds, error=text, outcome=outcome)
        self.ledger.close(key)

    def make_cell(self, candidate, fold, estimator):
        """Return a cell: what the net is given on the fold, and the job of its fit."""
        net, (part, later) = self.make_net(estimator), split_at_net(estimator)
        if later and self.folds.fit_params:
            raise NotFusibleError(
                f"Parameters of fit, {', '.join(self.folds.fit_params)}, are handed to "
                f"the last net of a Pipeline, and here steps stand behind it. Use "
                f"sklearn.model_selection.GridSearchCV."
            )
        given = self.folds.make_input(candidate, fold, part, net)
        table_and_target, params = given.arguments
        job = prepare_fit(net, *table_and_target, memory=given.memory, **params)
        if job.trainer is not None:
            raise NotFusibleError(
                f"{job.trainer.why}, so keras.Model.fit must train the network, "
                f"one at a time. Use sklearn.model_selection.GridSearchCV."
            )
        data = self.folds.hold_once(job.data, table_and_target[0])
        return Cell(
            candidate,
            fold,
            replace_steps(part, given.steps, net),
            net,
            replace(job, data=data),
            given.tables,
            given.memory,
            later,
            given.arguments,
        )

    def make_net(self, estimator):
        """Return a clone of the candidate's net, with a seed that all can share."""
        net = clone(find_net(estimator))
        net.record = net.record and self.record
        if net.random_state is None:
            # a plan has one seed: with one each, no two networks could be fused
            if self.seed is None:
                highest = np.iinfo(np.int32).max
                self.seed = int(check_random_state(None).randint(highest))
            net.random_state = self.seed
        return net
