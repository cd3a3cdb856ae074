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
from skloss.model_selection._best_so_far import BestSoFar
from skloss.model_selection._callback_tasks import CallbackTasks
from skloss.model_selection._cells import Folds, check_candidates, net_of
from skloss.model_selection._ensemble import (
    FoldEnsembleClassifier,
    FoldEnsembleRegressor,
)
from skloss.model_selection._pruning import pruning
from skloss.model_selection._refit import refit_best
from skloss.model_selection._run import FusedRun
from skloss.model_selection._search_progress import Progress


class FusedSearch:
    """What the fused searches share: ``fit``, with scikit-learn's results."""

    @with_callbacks
    def fit(self, X, y=None, **params):
        """Train all candidates on all folds, and refit the best.

        A search that fails leaves an earlier one as it was; one that is interrupted
        keeps what is finished.

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
        fit_params = routed.estimator.fit
        folds = Folds(X, y, splits, fit_params, train_scores=self.return_train_score)
        metric = self.refit if isinstance(self.refit, str) else None
        best = BestSoFar(metric, keep_all=callable(self.refit))
        tasks = CallbackTasks(self, len(splits), X, y, params.get("sample_weight"))

        with Progress(self.verbose, len(splits)) as progress:

            def complete(candidate, scored):
                progress.complete(candidate, best.add(candidate, scored))
                tasks.complete(candidate)

            run = FusedRun(
                folds,
                scorer,
                routed.scorer.score,
                self.error_score,
                {"n_jobs": self.n_jobs, "pre_dispatch": self.pre_dispatch},
                [complete],
                report=progress.reporter,
            )
            candidates, scored, fitted = self._search(run, metric, tasks, progress)
        tasks.end_training()
        if candidates:
            fitted |= self._results_of(candidates, scored, run, refit_metric)
        if run.interrupted:
            if candidates:  # what is finished is kept
                self._become(fitted)
            raise KeyboardInterrupt
        if self.refit:
            curves = [fold.curve for fold in scored[fitted["best_index_"]]]
            best_params = fitted["best_params_"]
            fitted |= tasks.refit(
                lambda: self._refit(X, y, fit_params, best_params, curves)
            )
        self._become(fitted)
        tasks.end()
        return self

    def _become(self, fitted):
        """Take the fitted attributes of this search, and leave none of an earlier."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        vars(self).update(fitted)

    def _search(self, run, metric, tasks, progress):
        """Train and score all candidates.

        Returns
        -------
        params : list of dict
            Of the candidates that are finished.
        scored : list of list of Scored
            Their folds.
        fitted : dict
            Further fitted attributes.
        """
        candidates = list(self._candidates())
        estimators = check_candidates(self.estimator, candidates)
        progress.start(estimators)
        tasks.begin_training(len(candidates))
        watch = pruning(self.pruner, metric)
        size = len(candidates) if watch is None else watch.at_once or len(candidates)
        for first in range(0, len(candidates), size):
            batch = slice(first, first + size)
            run(estimators[batch], candidates[batch], first=first, watch=watch)
        done = [i for i in range(len(candidates)) if run.remaining.get(i) == 0]
        return [candidates[i] for i in done], [run.candidate(i) for i in done], {}

    def _results_of(self, params, candidates, run, refit_metric):
        """Return ``cv_results_`` and what follows from it, for all that is finished."""
        splits, scorer = run.folds.splits, run.scorer
        out = [
            as_output(one, len(test), scorer, self.error_score, run.folds.wanted)
            for folds in candidates
            for one, (_, test) in zip(folds, splits, strict=True)
        ]
        warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        first = out[0]["test_scores"]
        several = isinstance(first, dict)
        results = format_results(self, params, len(splits), out)
        results |= explanations(candidates)
        if callable(self.scoring) and several:
            check_refit_for_multimetric(self, first)
            refit_metric = self.refit
        known = is_multimetric(scorer)
        fitted = {
            "n_splits_": len(splits),
            "multimetric_": several,
            "scorer_": get_scorers_by_name(scorer) if known else scorer,
            "cv_results_": results,
        }
        if self.refit or not several:
            fitted |= self._best_of(results, refit_metric, candidates)
        return fitted

    def _best_of(self, results, refit_metric, candidates):
        """Return the best candidate's attributes."""
        index = select_best_index(self, refit_metric, results)
        fitted = {"best_index_": index, "best_params_": results["params"][index]}
        if not callable(self.refit):
            fitted["best_score_"] = results[f"mean_test_{refit_metric}"][index]
        members = [fold.estimator for fold in candidates[index]]
        if all(member is not None for member in members):
            if is_classifier(self.estimator):
                fitted["fold_ensemble_"] = FoldEnsembleClassifier(members)
            elif is_regressor(self.estimator):  # several tasks have no one mean
                fitted["fold_ensemble_"] = FoldEnsembleRegressor(members)
        return fitted

    def _refit(self, X, y, fit_params, params, curves):
        """Return what the best candidate leaves, fitted on all rows."""
        best = clone(self.estimator).set_params(**clone(params, safe=False))
        begin = time.perf_counter()
        best = refit_best(best, X, y, fit_params, curves)
        fitted = {"best_estimator_": best, "refit_time_": time.perf_counter() - begin}
        if hasattr(best, "feature_names_in_"):
            fitted["feature_names_in_"] = best.feature_names_in_
        return fitted


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
