"""Searches that train all candidates on all folds together."""

import time

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.utils import indexable

from skloss._callbacks._epoch_tasks import with_callbacks
from skloss._sklearn import (
    check_method_params,
    check_refit_for_multimetric,
    format_results,
    get_routed_params,
    get_scorers,
    get_scorers_by_name,
    insert_error_scores,
    is_multimetric,
    select_best_index,
    validate_params,
    warn_or_raise_about_fit_failures,
)
from skloss.model_selection._callback_tasks import Tasks
from skloss.model_selection._cells import Folds, checked_candidates, net_of
from skloss.model_selection._ensemble import (
    FoldEnsembleClassifier,
    FoldEnsembleRegressor,
)
from skloss.model_selection._pruning import pruning
from skloss.model_selection._refit import refitted
from skloss.model_selection._run import FusedRun
from skloss.model_selection._scored import mean_score
from skloss.model_selection._search_progress import Progress


class FusedSearch:
    """What the fused searches share: ``fit``, with scikit-learn's results."""

    @with_callbacks
    def fit(self, X, y=None, **params):
        """Train all candidates on all folds, and refit the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **params : dict
            Parameters of the estimator's ``fit``, the scorer and the splitter, such as
            ``sample_weight`` and ``groups``; those with one entry a row are sliced.

        Returns
        -------
        self

        Raises
        ------
        NotFusibleError
            If the estimator is no LossAwareClassifier or LossAwareRegressor, nor a
            Pipeline that ends in one.
        ValueError, TypeError
            Before training, for a candidate that cannot be, or callbacks of two
            networks that write to one path, with the remedy.
        """
        validate_params(self)
        net_of(self.estimator)
        scorer, refit_metric = get_scorers(self)
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = get_routed_params(self, params)
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, **routed.splitter.split))
        self.n_splits_ = len(splits)
        folds = Folds(
            X,
            y,
            splits,
            routed.estimator.fit,
            train_scores=self.return_train_score,
        )
        self._metric = self.refit if isinstance(self.refit, str) else None
        self._best = None
        weight = params.get("sample_weight")
        self._tasks = Tasks(self, self.n_splits_, X, y, weight)
        with Progress(self.verbose, self.n_splits_) as self._progress:
            run = FusedRun(
                folds,
                scorer,
                routed.scorer.score,
                self.error_score,
                {"n_jobs": self.n_jobs, "pre_dispatch": self.pre_dispatch},
                self._complete,
                report=self._progress.reporter,
            )
            found, scored = self._search(run)
        self._tasks.end_training()
        if found:
            self._set_results(found, scored, run, scorer, refit_metric)
        if run.interrupted:
            raise KeyboardInterrupt
        if self.refit:
            self._tasks.refit(lambda: self._refit(X, y, routed.estimator.fit))
        self._tasks.end()
        del self._tasks, self._progress, self._best
        return self

    def _search(self, run):
        """Train and score all candidates; return parameters and folds of the done."""
        candidates = list(self._candidates())
        estimators = checked_candidates(self.estimator, candidates)
        self._progress.start(estimators)
        self._tasks.begin_training(len(candidates))
        watch = pruning(self.pruner, self._metric)
        size = len(candidates) if watch is None else watch.at_once or len(candidates)
        for first in range(0, len(candidates), size):
            batch = slice(first, first + size)
            run(estimators[batch], candidates[batch], first=first, watch=watch)
        done = [i for i in range(len(candidates)) if run.remaining.get(i) == 0]
        return [candidates[i] for i in done], [run.candidate(i) for i in done]

    def _complete(self, candidate, folds):
        """Keep the estimators of the best candidate so far."""
        score = mean_score(folds, self._metric)
        self._progress.complete(candidate, score)
        self._tasks.complete(candidate)
        if callable(self.refit):  # it alone knows which is the best
            return
        beaten = self._best is None or np.isnan(self._best[0]) or score > self._best[0]
        tied = not beaten and score == self._best[0] and candidate < self._best[1]
        loser = folds
        if beaten or tied:
            loser = self._best[2] if self._best else []
            self._best = score, candidate, folds
        for fold in loser:
            fold.estimator = None

    def _set_results(self, params, candidates, run, scorer, refit_metric):
        """Set ``cv_results_`` and what follows from it, for all that is finished."""
        sizes = [len(test) for _, test in run.folds.splits]
        out = [
            as_output(one, size, scorer, self.error_score, run.folds.wanted)
            for folds in candidates
            for one, size in zip(folds, sizes, strict=True)
        ]
        warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        results = format_results(self, params, self.n_splits_, out)
        results |= explanations(candidates)
        if callable(self.scoring) and self.multimetric_:
            check_refit_for_multimetric(self, first)
            refit_metric = self.refit
        self.scorer_ = scorer
        if is_multimetric(scorer):
            self.scorer_ = get_scorers_by_name(scorer)
        self.cv_results_ = results
        if self.refit or not self.multimetric_:
            self._set_best(refit_metric, candidates)

    def _set_best(self, refit_metric, candidates):
        """Set the best candidate's attributes."""
        results = self.cv_results_
        self.best_index_ = select_best_index(self, refit_metric, results)
        if not callable(self.refit):
            mean = results[f"mean_test_{refit_metric}"]
            self.best_score_ = mean[self.best_index_]
        self.best_params_ = results["params"][self.best_index_]
        best = candidates[self.best_index_]
        self._curves = [fold.curve for fold in best]
        members = [fold.estimator for fold in best]
        if all(member is not None for member in members):
            if is_classifier(self.estimator):
                self.fold_ensemble_ = FoldEnsembleClassifier(members)
            elif is_regressor(self.estimator):  # several tasks have no one mean
                self.fold_ensemble_ = FoldEnsembleRegressor(members)

    def _refit(self, X, y, fit_params):
        """Fit the best candidate on all rows."""
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        begin = time.perf_counter()
        self.best_estimator_ = refitted(best, X, y, fit_params, self._curves)
        self.refit_time_ = time.perf_counter() - begin
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


def as_output(scored, n_test, scorer, error_score, wanted):
    """Return a cell as the dict that scikit-learn makes its results from."""
    out = {
        "fit_error": scored.error,
        "fit_time": scored.fit_time,
        "score_time": scored.score_time,
        "n_test_samples": n_test,
    }
    for which in wanted:
        value = getattr(scored, f"{which}_scores")
        if scored.error is not None:
            value = error_score
            if is_multimetric(scorer):
                value = dict.fromkeys(get_scorers_by_name(scorer), error_score)
        if value is not None:
            out[f"{which}_scores"] = value
    return out


def explanations(candidates):
    """Return the columns of ``cv_results_`` that scikit-learn does not have."""
    outcomes = []
    for folds in candidates:
        each = [fold.outcome for fold in folds]
        where = [f"{text} (fold {i})" for i, text in enumerate(each)]
        outcomes.append(each[0] if len(set(each)) == 1 else ", ".join(where))
    losses = [folds[0].resolved_loss for folds in candidates]
    epochs = [np.mean([fold.epochs for fold in folds]) for folds in candidates]
    return {
        "resolved_loss": np.array(losses, dtype=object),
        "epochs_run": np.array(epochs),
        "outcome": np.array(outcomes, dtype=object),
    }


class FusedGridSearchCV(FusedSearch, GridSearchCV):
    """Grid search that trains all candidates on all folds together.

    Takes what :class:`sklearn.model_selection.GridSearchCV` takes and leaves what it
    leaves. Networks that differ only in numbers (learning rate, penalties, a loss's
    knobs) or in their fold share a program; the folds of all candidates see the same
    batches, initial weights and dropout noise, so that scores are paired.

    Parameters
    ----------
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
        A Pipeline must end in one; its earlier steps are fitted once for each fold and
        distinct setting.
    param_grid : dict or list of dict
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``GridSearchCV``.
    n_jobs : int, default=None
        Threads that train: with two, one trains while another prepares the next loss.
        Processes or machines within ``joblib.parallel_config(backend=...)``.
    pruner : SuccessiveHalving or optuna.pruners.BasePruner, default=None
        Ends candidates early, by their mean score over all folds.

    Attributes
    ----------
    cv_results_ : dict
        scikit-learn's columns, and "resolved_loss", "epochs_run" (mean over folds) and
        "outcome" ("finished", "stopped early", "pruned at epoch 9", "diverged in epoch
        3": the last scores ``error_score``).
    fold_ensemble_ : FoldEnsembleClassifier or FoldEnsembleRegressor
        The average of the best candidate's networks, one a fold; not for several tasks.
    best_estimator_, best_index_, best_params_, best_score_, refit_time_, scorer_
        As in ``GridSearchCV``. With early stopping the refit trains on all rows for the
        epochs at which the mean of the folds' validation curves was best.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.model_selection import FusedGridSearchCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> net = LossAwareClassifier(epochs=10, random_state=0)
    >>> grid = {"lossawareclassifier__loss": ["cross_entropy", "brier"]}
    >>> search = FusedGridSearchCV(make_pipeline(StandardScaler(), net), grid, cv=3)
    >>> bool(search.fit(X, y).best_score_ > 0.93)
    True
    """

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=np.nan,
        return_train_score=False,
        pruner=None,
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.pruner = pruner

    def _candidates(self):
        return ParameterGrid(self.param_grid)


class FusedRandomizedSearchCV(FusedSearch, RandomizedSearchCV):
    """Randomised search that trains all candidates on all folds together.

    Takes what :class:`sklearn.model_selection.RandomizedSearchCV` takes and leaves what
    it leaves; see :class:`FusedGridSearchCV` for what is fused.

    Parameters
    ----------
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
    param_distributions, n_iter, random_state
        As in ``RandomizedSearchCV``: the candidates are the same.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in :class:`FusedGridSearchCV`.
    pruner : SuccessiveHalving or optuna.pruners.BasePruner, default=None

    Attributes
    ----------
    cv_results_, fold_ensemble_, best_estimator_ and others
        As in :class:`FusedGridSearchCV`.
    """

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_iter=10,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        pruner=None,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.pruner = pruner

    def _candidates(self):
        return ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
