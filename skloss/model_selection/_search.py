"""The searches over a grid and over random draws, with all networks in one graph."""

import numpy as np
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
)

from skloss.model_selection._fused_search import FusedSearch
from skloss.model_selection._ranges import find_unclear_ends


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
        distinct setting. Or it has a ``LossAwareTransformer`` before other steps: then
        the transformers of all candidates and folds train together, and what follows is
        fitted for each. Samplers in a Pipeline of imbalanced-learn resample the rows
        that train.
    param_grid : dict or list of dict
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``GridSearchCV``, but for classes that a fold's rows lack: scores of
        probabilities that take ``labels`` get all of y, so that they are not NaN. A
        class that was not trained on has probability 0 (at least 1e-6) there.
    n_jobs : int, default=None
        Threads that train. Results do not depend on how many there are.
        Processes or machines within ``joblib.parallel_config(backend=...)``.
    pruner : SuccessiveHalving or optuna.pruners.BasePruner, default=None
        Ends candidates early, by their mean score over all folds.
    ensemble : {"greedy", "seeds"} or None, default=None
        What is averaged in ``ensemble_``, besides the winner's refit: the networks of
        the folds, weighted greedily by the score of their out-of-fold predictions
        (Caruana et al. 2004); or refits of the winner by eight seeds. Fewer than 1,000
        rows are too few for that: then the best candidate of each network and
        preprocessing counts, exp(-1) as much for each standard error (over the folds)
        by which it scores below the best of all.
    keep : int, default=30
        Of how many candidates "greedy" keeps the networks and predictions: the best of
        each network and preprocessing, then their second best, and so on.

    Attributes
    ----------
    cv_results_ : dict
        scikit-learn's columns, and "resolved_loss", "epochs_run" (mean over folds) and
        "outcome" ("finished", "stopped early", "pruned at epoch 9", "diverged in epoch
        3": the last scores ``error_score``).
    fold_ensemble_ : FoldEnsembleClassifier or FoldEnsembleRegressor
        The average of the best candidate's networks, one a fold; not for several tasks.
    loss_ensembles_ : dict of str to FoldEnsembleClassifier or FoldEnsembleRegressor
        By name of the loss, the best first: the average of the fold networks of the
        best candidate that has it. ``to_skore`` compares them on new rows.
    ensemble_ : FoldEnsembleClassifier or FoldEnsembleRegressor
        With ``ensemble``. Only losses that give probabilities take part, for classes.
        Prints as a table of its candidates; ``skloss.to_keras`` makes one model of it.
    ensemble_weights_ : ndarray of shape (n_candidates,)
        What each row of ``cv_results_`` counts in ``ensemble_``; with "greedy".
    ensemble_score_ : float
        The mean score over folds of an ensemble whose weights were chosen without that
        fold; with "greedy".
    oof_predictions_ : dict of int to ndarray
        By row of ``cv_results_``, of the candidates that are kept: probabilities in the
        order of the sorted classes, or predictions, for each row of X by networks that
        did not train on it; their mean for rows that test several, NaN for those that
        test none. With "greedy".
    programs_ : list of str
        For each program in which networks trained: how many at once, which losses they
        had, and what sets these apart from others.
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
        ensemble=None,
        keep=30,
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
        self.ensemble = ensemble
        self.keep = keep

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
        As in ``RandomizedSearchCV``: the candidates are the same. A tuple of two
        numbers, which could be a range as well, is refused, and so is a range of
        :func:`suggest_from`.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in :class:`FusedGridSearchCV`.
    pruner : SuccessiveHalving or optuna.pruners.BasePruner, default=None
    ensemble, keep
        As in :class:`FusedGridSearchCV`.

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
        ensemble=None,
        keep=30,
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
        self.ensemble = ensemble
        self.keep = keep

    def _candidates(self):
        sampler = ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
        refuse_ranges(sampler.param_distributions)
        return sampler


def refuse_ranges(param_distributions):
    """Raise ValueError for a range that scikit-learn would take as choices.

    Parameters
    ----------
    param_distributions : list of dict
    """
    for distributions in param_distributions:
        for name, value in distributions.items():
            ends = find_unclear_ends(value)
            if ends is not None:
                low, high = sorted(ends)
                raise ValueError(
                    f"{name}={value!r} may be a range or choices: write "
                    f"scipy.stats.uniform({low!r}, {high - low:g}), randint or "
                    f"loguniform for a range, {ends!r} for two choices."
                )
