"""Losses tuned and tested on the same folds: one outer fold at a time, all fused.

An outer fold's training rows are split again, all settings of all losses are trained
on these inner folds together, and each loss trains its best setting on all training
rows of the outer fold. So the rows that test a loss have no say in how it was tuned.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.preprocessing import label_binarize

from skloss._sklearn import safe_indexing, score_estimator
from skloss.estimators._base import with_fitted
from skloss.estimators._calibration import fit_temperature
from skloss.model_selection._candidates import make_candidates
from skloss.model_selection._folds import Folds
from skloss.model_selection._last_step import (
    get_earlier_steps,
    get_last_step,
    replace_steps,
)
from skloss.model_selection._out_of_fold import Pool
from skloss.model_selection._run import FusedRun
from skloss.model_selection._scored import mean_score
from skloss.model_selection._scoring import Scoring

FAILED = "Scoring failed"  # how scikit-learn's warning begins


@dataclass(frozen=True, eq=False)
class Tested:
    """What a loss came to on an outer fold.

    Attributes
    ----------
    scores : dict of str to float
        Of the test rows; NaN where training failed, or the score refused predictions.
    recalibrated : dict of str to float
        The same with the temperature at which the predictions of the inner folds have
        the least log-loss; without probabilities there are none.
    params : dict
        The setting that the inner folds chose.
    outcome : str
        How the network ended that was tested, or what a score said that refused it.
    """

    scores: dict[str, float]
    recalibrated: dict[str, float]
    params: dict[str, Any]
    outcome: str


class ScoringEach:
    """Scores the networks of each candidate by a score of its own.

    A score that refuses predictions, as deviances of counts do with negative ones, is
    NaN, and no warning, since other settings and losses may do.

    Parameters
    ----------
    scorings : list of Scoring
        One for each candidate; they share their folds.

    Attributes
    ----------
    refusals : dict of (int, int) to str
        By candidate and fold, what a score said of predictions that it refused.
    """

    def __init__(self, scorings):
        self.scorings, self.refusals = scorings, {}
        self.folds = scorings[0].folds
        self.error_score = scorings[0].error_score
        self.keeps_predictions = any(own.keeps_predictions for own in scorings)

    def score_cell(self, cell, raw, which):
        """Return what the candidate's own Scoring does."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", FAILED, UserWarning)
            scores = self.scorings[cell.candidate].score_cell(cell, raw, which)
        for own in caught:
            text = str(own.message)
            if text.startswith(FAILED):
                self.refusals[cell.candidate, cell.fold] = text.splitlines()[-1]
            else:
                warnings.warn_explicit(
                    own.message, own.category, own.filename, own.lineno
                )
        return scores


class NestedRun:
    """Tunes and tests the losses of a comparison.

    Parameters
    ----------
    estimator : estimator
    contenders : list of Contender
    X, y : array-like
    inner_cv : int or splitter
    groups : array-like or None
    fit_params : dict
    n_jobs : int or None

    Attributes
    ----------
    n_networks : int
        How many have been trained so far.
    """

    def __init__(
        self, estimator, contenders, X, y, *, inner_cv, groups, fit_params, n_jobs
    ):
        self.estimator, self.contenders = estimator, contenders
        self.X, self.y, self.groups = X, y, groups
        self.fit_params, self.parallel = fit_params, {"n_jobs": n_jobs}
        self.classifies = get_last_step(estimator)._family == "classification"
        self.inner_cv = check_cv(inner_cv, y, classifier=self.classifies)
        self.n_networks = 0

    def run_fold(self, train, test, seed):
        """Return what each loss came to on an outer fold, a list of Tested.

        Parameters
        ----------
        train, test : array-like of int
        seed : int
            Of the networks of all losses.
        """
        estimator = clone(self.estimator)
        get_last_step(estimator).random_state = seed
        chosen = self.choose_settings(estimator, self.split_again(train))
        params = [params for params, _ in chosen]
        scorers = [own.scorers for own in self.contenders]
        run, scoring = self.train(estimator, params, scorers, [(train, test)])
        tested = []
        for i, own in enumerate(self.contenders):
            scored = run.ledger.get_folds(i)[0]
            if (i, 0) in scoring.refusals:
                scored = replace(scored, outcome=scoring.refusals[i, 0])
            tested.append(self.note(own, scored, scoring.scorings[i], *chosen[i]))
        return tested

    def split_again(self, train):
        """Return the inner folds of some training rows, as numbers of all rows."""
        train = np.asarray(train)
        X, y = safe_indexing(self.X, train), safe_indexing(self.y, train)
        groups = None if self.groups is None else safe_indexing(self.groups, train)
        return [(train[a], train[b]) for a, b in self.inner_cv.split(X, y, groups)]

    def choose_settings(self, estimator, splits):
        """Return each loss's best setting and the temperature for it.

        Where all settings of a loss fail the first is chosen: testing it says why.
        """
        params = [own for each in self.contenders for own in each.settings]
        scorers = [each.tuning for each in self.contenders for _ in each.settings]
        keeps = {"keeps_predictions": self.classifies}
        run, _ = self.train(estimator, params, scorers, splits, **keeps)
        chosen, first = [], 0
        for each in self.contenders:
            found = [run.ledger.get_folds(first + i) for i in range(len(each.settings))]
            means = np.array([mean_score(folds) for folds in found])
            best = 0 if np.isnan(means).all() else int(np.nanargmax(means))
            temperature = self.find_temperature(found[best], splits)
            chosen.append((each.settings[best], temperature))
            first += len(each.settings)
        return chosen

    def train(self, estimator, params, scorers, splits, *, keeps_predictions=False):
        """Train candidates on folds; return the run, and the ScoringEach.

        Parameters
        ----------
        estimator : estimator
            With the seed of the fold.
        params : list of dict
        scorers : list of dict of str to callable
            Each candidate's.
        splits : list of (train, test)
        keeps_predictions : bool, default=False
        """
        folds = Folds(self.X, self.y, splits, self.fit_params)
        scorings = {}  # one for all candidates that have the same scores
        for own in scorers:
            if tuple(own) not in scorings:
                scorings[tuple(own)] = Scoring.of(
                    folds,
                    check_scoring(estimator, own, raise_exc=False),
                    {},
                    np.nan,
                    keeps_predictions=keeps_predictions,
                )
        scoring = ScoringEach([scorings[tuple(own)] for own in scorers])
        run = FusedRun(scoring, self.parallel)
        run.train_candidates(make_candidates(estimator, params, whole=True), params)
        if run.interrupted:
            raise KeyboardInterrupt
        self.n_networks += len(params) * len(splits)
        return run, scoring

    def find_temperature(self, folds, splits):
        """Return the temperature for a setting, None where it has no probabilities."""
        predictions = [fold.predictions for fold in folds]
        if not self.classifies or any(own is None for own in predictions):
            return None
        task = get_last_step(folds[0].estimator)._fitted.target.task
        labels = None if task.kind == "multilabel" else np.unique(self.y)
        pool = Pool(splits, self.y, labels)
        y = safe_indexing(self.y, pool.tested)
        Y = np.asarray(y) if labels is None else label_binarize(y, classes=labels)
        p = pool.join(predictions).values
        tiny = np.finfo(np.float32).tiny
        return fit_temperature(np.maximum(p, tiny), Y, np.ones(len(Y)), task)

    def note(self, contender, scored, scoring, params, temperature):
        """Return what became of the network that is tested."""
        if scored.error is not None:
            nothing = dict.fromkeys(contender.scorers, np.nan)
            return Tested(nothing, {}, params, scored.outcome)
        recalibrated = {}
        if temperature is not None:
            recalibrated = self.score_again(scored.estimator, scoring, temperature)
        return Tested(scored.test_scores, recalibrated, params, scored.outcome)

    def score_again(self, estimator, scoring, temperature):
        """Return the scores of a fitted network at another temperature."""
        net = get_last_step(estimator)
        fitted = replace(net._fitted, temperature=net._fitted.temperature * temperature)
        own = replace_steps(
            estimator, get_earlier_steps(estimator), with_fitted(net, fitted)
        )
        scorer = scoring.scorer
        if scoring.rare_classes is not None:
            scorer = scoring.rare_classes.choose_scorer(scorer, net, 0)
        X, y = scoring.folds.take_part(0, "test")
        with warnings.catch_warnings():  # said already, of the score as it is
            warnings.filterwarnings("ignore", FAILED, UserWarning)
            return score_estimator(own, X, y, scorer, {}, np.nan)
