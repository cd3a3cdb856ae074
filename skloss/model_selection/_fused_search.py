"""A fused search, from the first line of its ``fit`` to the last."""

import time
from functools import partial

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import indexable
from sklearn.utils.validation import check_is_fitted

from skloss._callbacks._epoch_tasks import with_callbacks
from skloss._sklearn import (
    check_method_params,
    check_refit_for_multimetric,
    format_results,
    get_routed_params,
    get_scorers,
    get_scorers_by_name,
    is_multimetric,
    select_best_index,
    validate_params,
)
from skloss.model_selection._best_of_losses import BestOfLosses
from skloss.model_selection._best_so_far import BestSoFar
from skloss.model_selection._callback_tasks import CallbackTasks
from skloss.model_selection._candidates import find_net, make_candidates
from skloss.model_selection._ensemble import average_folds
from skloss.model_selection._folds import Folds
from skloss.model_selection._pruning import make_watch
from skloss.model_selection._refit import refit_best
from skloss.model_selection._results import explain_candidates, make_outputs
from skloss.model_selection._run import FusedRun
from skloss.model_selection._scored import mean_score
from skloss.model_selection._scoring import Scoring
from skloss.model_selection._search_ensemble import (
    EnsembleBuilder,
    average_seeds,
    check_ensemble,
    name_kind,
)
from skloss.model_selection._search_progress import SearchProgress
from skloss.model_selection._skore_reports import make_reports
from skloss.model_selection._transitions import OneDiscount, check_episodes


class FusedSearch:
    """The part that all fused searches share: ``fit``, with scikit-learn's results.

    How candidates are found is the searches' own: they have ``_candidates``, or a
    ``_train`` that finds them while it trains.
    """

    @with_callbacks
    def fit(self, X, y=None, **params):
        """Train all candidates on all folds, and refit the best.

        A search that fails leaves an earlier one as it was. One that is interrupted by
        Ctrl-C, in its refit and its ensemble too, keeps what is finished: it has the
        ``cv_results_`` of the candidates that are, and a greedy ensemble of them.

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
            Pipeline that ends in one, or holds a LossAwareTransformer.
        ValueError, TypeError
            Before training, for a name that no candidate can have, or callbacks of two
            networks that write to one path, with the remedy. A candidate that cannot
            be otherwise scores ``error_score``, with a warning; if that is "raise", or
            all fits fail, it raises.
        """
        # -- check
        begin = time.perf_counter()
        validate_params(self)
        find_net(self.estimator)
        scorer, refit_metric = get_scorers(self)
        check_ensemble(self, scorer)
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = get_routed_params(self, params)

        # -- split
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, **routed.splitter.split))
        fit_params = routed.estimator.fit
        check_episodes(fit_params.get("episode"), splits)
        folds = Folds(X, y, splits, fit_params, train_scores=self.return_train_score)
        options = {"keeps_predictions": self._ensemble_kind == "greedy"}
        scoring = Scoring.of(
            folds, scorer, routed.scorer.score, self.error_score, **options
        )

        # -- train and score
        tasks = CallbackTasks(self, len(splits), X, y, params.get("sample_weight"))
        with SearchProgress(self.verbose, len(splits), begin) as progress:
            run = self._make_run(scoring, tasks, progress)
            best_of_losses = BestOfLosses(self._metric)
            run.ledger.listeners.insert(0, best_of_losses.complete)
            candidate_params, candidates, fitted = self._train(run, tasks, progress)
        tasks.end_training()
        interrupted = run.interrupted

        # -- compare
        fitted["programs_"] = run.list_programs()
        fitted["loss_ensembles_"] = best_of_losses.average_folds(self.estimator)
        if candidates:
            fitted |= self._compare(candidate_params, candidates, scoring, refit_metric)

        # -- average and refit
        try:
            if candidates and self._ensemble_kind == "greedy":
                builder = EnsembleBuilder(scoring, self._metric, self.estimator)
                fitted |= builder.build(candidates)
            if self.refit and not interrupted:
                curves = [fold.curve for fold in candidates[fitted["best_index_"]]]
                given = {"X": X, "y": y, "fit_params": fit_params}
                fit = partial(refit_best, **given, curves=curves)
                self._refit(fitted, fit, tasks, end=begin + self._seconds)
        except KeyboardInterrupt:
            interrupted = True

        # -- become
        if candidates or not interrupted:
            self._become(fitted)
        if interrupted:  # what is finished is kept: it may have taken hours
            raise KeyboardInterrupt
        tasks.end()
        return self

    @property
    def fold_ensemble_(self):
        """The average of the best candidate's networks, one a fold."""
        found = vars(self).get("_fold_ensemble_", "a best candidate: call fit")
        if isinstance(found, str):
            raise AttributeError(f"fold_ensemble_ needs {found}.")
        return found

    @property
    def ensemble_(self):
        """The average of several candidates' networks, or of several seeds."""
        found = vars(self).get("_ensemble_", "ensemble='greedy' or 'seeds', and fit")
        if isinstance(found, str):
            raise AttributeError(f"ensemble_ needs {found}.")
        return found

    def to_skore(self, X_test, y_test, *, pos_label=None):
        """Return a comparison of losses by skore, on rows that no network has seen.

        Each loss is stood for by the average of its best candidate's fold networks
        (``loss_ensembles_``), so nothing is trained. For numbers the CRPS and the
        pinball loss at 0.9 are added to the metrics, of those that have them.

        Parameters
        ----------
        X_test : array-like of shape (n_samples, n_features)
        y_test : array-like of shape (n_samples,)
        pos_label : int, float, bool or str, default=None
            Of two classes the one that skore's metrics are about.

        Returns
        -------
        skore.ComparisonReport
            Of an ``EstimatorReport`` for each loss, by its name, the best by the
            search's score first.

        Raises
        ------
        ImportError
            If skore is not installed.
        NotFittedError
            If the search is not fitted.
        ValueError
            If fewer than two losses have a network of every fold, trained here.

        See Also
        --------
        skloss.inspection.diagnosis_checks : Findings of ``diagnose``, for skore.
        """
        check_is_fitted(self, "cv_results_")
        return make_reports(self.loss_ensembles_, X_test, y_test, pos_label)

    @property
    def _ensemble_kind(self):
        """What the search ends in."""
        return self.ensemble

    @property
    def _seconds(self):
        """What the whole ``fit`` may take, in seconds."""
        return np.inf

    @property
    def _metric(self):
        """The name of the metric that decides, where there are several."""
        return self.refit if isinstance(self.refit, str) else None

    def _make_run(self, scoring, tasks, progress):
        """Return what trains candidates, and tells of those that are finished."""
        best = BestSoFar(self._metric)
        if self._ensemble_kind == "greedy":
            kind = partial(name_kind, scoring.folds.digests)
            best = BestSoFar(self._metric, self.keep, kind)

        def complete(candidate, folds):
            progress.complete(candidate, mean_score(folds, self._metric))
            tasks.complete(candidate)
            if callable(self.refit):  # which alone knows the best, in the end
                return
            loser = best.find_loser(candidate, folds)
            if loser is not None:
                run.ledger.drop_estimators(loser)

        parallel = {"n_jobs": self.n_jobs, "pre_dispatch": self.pre_dispatch}
        run = FusedRun(
            scoring,
            parallel,
            [complete],
            report=progress.make_reporter,
            check=OneDiscount(scoring.scorer).check,
        )
        return run

    def _train(self, run, tasks, progress):
        """Train and score all candidates.

        Returns
        -------
        params : list of dict
            Of the candidates that are finished.
        candidates : list of list of Scored
            Their folds.
        fitted : dict
            Further fitted attributes.
        """
        params = list(self._candidates())
        estimators = make_candidates(self.estimator, params, whole=True)
        progress.start(estimators)
        tasks.begin_training(len(params))
        watch, size = make_watch(self.pruner, self._metric), len(params)
        # without a watch all are one batch, of which the most can be fused
        if watch is not None:
            size = watch.at_once or size
            run.ledger.listeners.insert(0, watch.complete)
        for first in range(0, len(params), size):
            batch = slice(first, first + size)
            run.train_candidates(
                estimators[batch], params[batch], first=first, watch=watch
            )
        finished = [i for i in range(len(params)) if run.ledger.is_finished(i)]
        candidates = [run.ledger.get_folds(i) for i in finished]
        return [params[i] for i in finished], candidates, {}

    def _compare(self, params, candidates, scoring, refit_metric):
        """Return ``cv_results_`` and what follows from it, for all that is finished."""
        n_splits, by_function = len(scoring.folds.splits), callable(self.scoring)
        outputs = make_outputs(params, candidates, scoring, by_function)
        results = format_results(self, params, n_splits, outputs)
        results |= explain_candidates(candidates)
        first = outputs[0]["test_scores"]
        several = isinstance(first, dict)
        if by_function and several:
            check_refit_for_multimetric(self, first)
            refit_metric = self.refit
        scorer = scoring.scorer
        if is_multimetric(scorer):
            scorer = get_scorers_by_name(scorer)
        fitted = {
            "n_splits_": n_splits,
            "multimetric_": several,
            "scorer_": scorer,
            "cv_results_": results,
        }
        if self.refit or not several:
            fitted |= self._choose_best(results, refit_metric, candidates)
        return fitted

    def _choose_best(self, results, refit_metric, candidates):
        """Return the best candidate's attributes."""
        index = select_best_index(self, refit_metric, results)
        fitted = {"best_index_": index, "best_params_": results["params"][index]}
        if not callable(self.refit):
            fitted["best_score_"] = results[f"mean_test_{refit_metric}"][index]
        fitted["_fold_ensemble_"] = average_folds(self.estimator, candidates[index])
        return fitted

    def _refit(self, fitted, fit, tasks, end):
        """Add what the best candidate leaves, fitted on all rows, and its seeds.

        Parameters
        ----------
        fitted : dict
            The search's attributes so far.
        fit : callable
            Returns an estimator, given, fitted.
        tasks : CallbackTasks
        end : float
            When the time is over.
        """
        params = clone(fitted["best_params_"], safe=False)
        best = clone(self.estimator).set_params(**params)
        begin = time.perf_counter()
        best = tasks.run_refit(lambda: fit(best))
        seconds = time.perf_counter() - begin
        fitted |= {"best_estimator_": best, "refit_time_": seconds}
        if hasattr(best, "feature_names_in_"):
            fitted["feature_names_in_"] = best.feature_names_in_
        if self._ensemble_kind == "seeds":
            fitted["_ensemble_"] = average_seeds(best, fit, seconds, end)

    def _become(self, fitted):
        """Take the fitted attributes of this search, and leave none of an earlier."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        vars(self).update(fitted)
