"""Cross-validation with all folds in one graph, for objectives of Optuna too."""

import numpy as np
from optuna import TrialPruned
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, check_cv
from sklearn.utils import indexable

from skloss._sklearn import (
    check_groups_routing_disabled,
    check_method_params,
    get_routed_params,
    is_multimetric,
)
from skloss.model_selection._candidates import make_candidates
from skloss.model_selection._folds import Folds
from skloss.model_selection._pruning import OptunaPruning
from skloss.model_selection._results import make_outputs
from skloss.model_selection._run import FusedRun
from skloss.model_selection._scoring import Scoring


def fused_cross_validate(
    estimator,
    X,
    y=None,
    *,
    groups=None,
    scoring=None,
    cv=None,
    n_jobs=None,
    params=None,
    return_train_score=False,
    return_estimator=False,
    return_indices=False,
    error_score=np.nan,
    trial=None,
):
    """Cross-validate an estimator with all folds in one graph.

    Takes and returns what :func:`sklearn.model_selection.cross_validate` does. With a
    ``trial`` of Optuna the mean score over all folds is reported once an epoch, and a
    trial that its study prunes ends as pruned. The trial is not part of the estimator,
    which can be cloned as ever.

    Parameters
    ----------
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
        A Pipeline must end in one.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    groups : array-like of shape (n_samples,), default=None
    scoring : str, callable, list, tuple or dict, default=None
        One metric if there is a trial.
    cv : int, splitter or iterable, default=None
    n_jobs : int, default=None
    params : dict, default=None
        Parameters of ``fit``, such as ``sample_weight``; those with one entry a row
        are sliced.
    return_train_score, return_estimator, return_indices : bool, default=False
    error_score : float or "raise", default=nan
    trial : optuna.Trial, default=None

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If callbacks of two folds write to one path.
    optuna.TrialPruned
        If the trial's study prunes it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.model_selection import fused_cross_validate
    >>> X, y = load_wine(return_X_y=True)
    >>> net = make_pipeline(StandardScaler(), LossAwareClassifier(epochs=20))
    >>> found = fused_cross_validate(net, X, y, cv=3)
    >>> sorted(found)
    ['fit_time', 'score_time', 'test_score']
    """
    check_groups_routing_disabled(groups)
    X, y, groups = indexable(X, y, groups)
    scorer = check_scoring(estimator, scoring, raise_exc=error_score == "raise")
    if trial is not None and is_multimetric(scorer):
        raise ValueError(
            f"scoring={scoring!r} has several metrics; a trial reports one: name it."
        )
    cv = check_cv(cv, y, classifier=is_classifier(estimator))
    params = check_method_params(X, params=params or {})
    split_params, fit_params, score_params = {"groups": groups}, params, {}
    if get_config()["enable_metadata_routing"]:
        split_params, fit_params, score_params = route_params(
            estimator, scoring, cv, params
        )
    splits = list(cv.split(X, y, **split_params))
    folds = Folds(X, y, splits, fit_params, train_scores=return_train_score)
    cell_scoring = Scoring.of(folds, scorer, score_params, error_score)
    run = FusedRun(cell_scoring, {"n_jobs": n_jobs}, record=return_estimator)
    watch = None if trial is None else OptunaPruning(None, None, {0: trial})
    run.train_candidates(make_candidates(estimator, [{}]), [{}], watch=watch)
    if run.interrupted:
        raise KeyboardInterrupt
    scored = run.ledger.get_folds(0)
    raise_if_pruned(scored)
    outputs = make_outputs([{}], [scored], cell_scoring, callable(scoring))
    results = {
        name: np.array([output[name] for output in outputs])
        for name in ("fit_time", "score_time")
    }
    if return_estimator:
        results["estimator"] = [fold.estimator for fold in scored]
    if return_indices:
        results["indices"] = dict(
            zip(("train", "test"), zip(*splits, strict=True), strict=True)
        )
    for which in folds.scored_parts:
        scores = [output[f"{which}_scores"] for output in outputs]
        results |= name_scores(which, scores)
    return results


def route_params(estimator, scoring, cv, params):
    """Return what scikit-learn routes to the splitter, to ``fit`` and to the scorer."""
    search = GridSearchCV(estimator, {}, scoring=scoring, cv=cv)
    to = get_routed_params(search, params)
    return to.splitter.split, to.estimator.fit, to.scorer.score


def raise_if_pruned(folds):
    """Raise what tells Optuna that a trial is pruned, if it is."""
    if any(fold.outcome.startswith("pruned") for fold in folds):
        raise TrialPruned(folds[0].outcome)


def name_scores(which, scores):
    """Return each metric's scores of all folds, by scikit-learn's names."""
    if not isinstance(scores[0], dict):
        return {f"{which}_score": np.array(scores)}
    return {
        f"{which}_{name}": np.array([o[name] for o in scores]) for name in scores[0]
    }
