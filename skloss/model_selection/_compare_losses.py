"""Comparing losses on one table: tuned alike, tested on the same folds."""

import time

import numpy as np
from sklearn.model_selection import (
    RepeatedKFold,
    RepeatedStratifiedKFold,
    check_cv,
)
from sklearn.utils import check_random_state, indexable

from skloss._callbacks._fit_progress import make_bar
from skloss._params._checks import check_count
from skloss._sklearn import check_method_params
from skloss.model_selection._candidates import find_net
from skloss.model_selection._contenders import make_contenders
from skloss.model_selection._loss_comparison import LossComparison
from skloss.model_selection._nested_run import NestedRun


def compare_losses(
    estimator,
    X,
    y,
    losses=None,
    *,
    scoring=None,
    cv=None,
    inner_cv=3,
    n_settings=12,
    ranges=None,
    groups=None,
    params=None,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Compare losses that are tuned alike and tested on the same folds.

    For each fold of ``cv`` every loss is tuned anew, by inner folds of its training
    rows, and its best setting is trained on all of these and tested: so no loss is
    judged by rows that tuned it, and all have the same budget. The networks of all
    losses, settings and inner folds train together. Whether differences are more than
    luck is judged as Nadeau and Bengio (2003) do, since folds share training rows.

    Parameters
    ----------
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
        A Pipeline must end in one. Its parameters are the first setting of every loss.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    losses : list, LossSpace or None, default=None
        Names, whose knobs are tuned too unless the name sets them ("focal",
        "focal:gamma=2.0"), or losses, which stay as they are. None: those of
        :func:`loss_space` for y and the score.
    scoring : str, callable, list, tuple, dict or None, default=None
        The first of several decides which setting is best. None: for two classes
        log-loss, Brier score, area under the ROC curve, average precision and balanced
        accuracy; for more classes log-loss, area under the ROC curve (one against the
        rest), balanced accuracy and macro F1; for numbers RMSE, MAE, R2, the pinball
        loss at 0.9 and the CRPS. A loss that lacks what a score reads has a gap there,
        and is tuned by the first score that it has.
    cv : int, splitter, iterable or None, default=None
        None: five folds, twice. The more repetitions, the surer; few folds hold few
        training rows in common, and say little.
    inner_cv : int or splitter, default=3
    n_settings : int, default=12
        How many each loss is tuned over: the estimator's own, and random ones, which
        are alike for all losses but for their knobs. 1: nothing is tuned.
    ranges : dict, default=None
        What is drawn for all losses, as :func:`suggest_from` takes it, by the names
        of the network's estimator. None: the learning rate from 1e-4 to 0.03 and l2
        from 1e-6 to 0.01, both log.
    groups : array-like of shape (n_samples,), default=None
        For splitters that read them.
    params : dict, default=None
        Parameters of ``fit``; those with one entry a row are sliced.
    n_jobs : int, default=None
        Threads that train.
    random_state : int, RandomState or None, default=None
        Of the folds where ``cv`` is None, the settings, and the networks where the
        estimator's ``random_state`` is no integer. The networks of each outer fold have
        a seed of their own, the same for all losses: with one for all folds, the luck
        of its initial weights would be taken for a difference of losses.
    verbose : int, default=0
        1: a bar over the folds.

    Returns
    -------
    LossComparison

    Raises
    ------
    LossTargetError
        Before anything trains, if a loss does not fit y.
    ValueError
        If two losses are the same, or there is only one; if there is only one fold; if
        a loss lacks what the one score reads.
    NotFusibleError
        If the estimator is no LossAwareClassifier or LossAwareRegressor, nor a Pipeline
        that ends in one.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.model_selection import compare_losses
    >>> X, y = load_wine(return_X_y=True)
    >>> pipe = make_pipeline(StandardScaler(), LossAwareClassifier(epochs=10))
    >>> found = compare_losses(
    ...     pipe, X, y, ["cross_entropy", "hinge"], n_settings=2, cv=3, random_state=0
    ... )
    >>> found.metrics
    ['neg_log_loss', 'roc_auc_ovr', 'balanced_accuracy', 'f1_macro']
    >>> found.gaps
    {'hinge': {'neg_log_loss': 'no probabilities', 'roc_auc_ovr': 'no probabilities'}}
    >>> found.scores["balanced_accuracy"].shape
    (2, 3)
    """
    begin = time.perf_counter()
    net = find_net(estimator)
    check_count("n_settings", n_settings)
    X, y, groups = indexable(X, y, groups)
    random = check_random_state(random_state)
    seed, folds_seed, own_seed = draw_seeds(random, 3)
    contenders, metrics = make_contenders(
        estimator, y, losses, scoring, n_settings, ranges, seed
    )
    splits = make_splits(cv, X, y, groups, net._family, folds_seed)
    seeds = draw_seeds(check_random_state(find_seed(net, own_seed)), len(splits))
    run = NestedRun(
        estimator,
        contenders,
        X,
        y,
        inner_cv=inner_cv,
        groups=groups,
        fit_params=check_method_params(X, params=params or {}),
        n_jobs=n_jobs,
    )
    folds = list(zip(splits, seeds, strict=True))
    shown = make_bar(iterable=folds, unit="fold") if verbose else folds
    tested = [run.run_fold(*split, seed) for split, seed in shown]
    return LossComparison(
        [own.name for own in contenders],
        metrics,
        tested,
        gaps={own.name: own.gaps for own in contenders if own.gaps},
        test_share=np.mean([len(test) / len(train) for train, test in splits]),
        seeds=seeds,
        n_networks=run.n_networks,
        seconds=time.perf_counter() - begin,
    )


def make_splits(cv, X, y, groups, family, seed):
    """Return the outer folds, refused where there is only one."""
    if cv is None:
        repeated = RepeatedKFold
        kind = check_cv(2, y, classifier=family == "classification")
        if type(kind).__name__ == "StratifiedKFold":
            repeated = RepeatedStratifiedKFold
        cv = repeated(n_splits=5, n_repeats=2, random_state=seed)
    cv = check_cv(cv, y, classifier=family == "classification")
    splits = [
        (list_numbers(train), list_numbers(test))
        for train, test in cv.split(X, y, groups)
    ]
    if len(splits) < 2:
        raise ValueError(
            f"cv={cv!r} gives one fold, which says nothing of chance; compare on "
            f"several, such as cv=RepeatedKFold(n_splits=5, n_repeats=2)."
        )
    return splits


def list_numbers(rows):
    """Return the numbers of rows that numbers, or a mask, name."""
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


def find_seed(net, seed):
    """Return the seed of a network if it is an integer, else the one that is given."""
    own = net.random_state
    return int(own) if isinstance(own, int | np.integer) else seed


def draw_seeds(random, count):
    """Return integers that seed what is random."""
    return random.randint(np.iinfo(np.int32).max, size=count).tolist()
