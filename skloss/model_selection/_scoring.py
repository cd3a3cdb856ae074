"""Scores of a trained cell, as scikit-learn's scorers give them."""

import copy

from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.model_selection._validation import _score
from sklearn.utils.validation import _check_method_params


def scores_of(cell, folds, scorer, which, score_params, error_score):
    """Return the score, or the dict of scores, of a cell's "test" or "train" rows.

    Parameters
    ----------
    cell : Cell
        Trained.
    folds : Folds
    scorer : callable
    which : {"test", "train"}
    score_params : dict
        As routed to the scorer; those with one entry a row are sliced.
    error_score : float or "raise"
    """
    X, y = folds.part(cell.fold, which)
    rows = folds.splits[cell.fold][which == "test"]
    params = _check_method_params(folds.X, params=score_params, indices=rows)
    estimator = cell.estimator
    if predictions_only(scorer):
        estimator, X = predicted(cell.net, cell.tables[which]), cell.tables[which]
    common = X, y
    if not isinstance(scorer, _MultimetricScorer) or error_score == "raise":
        return _score(estimator, *common, scorer, params, error_score)
    try:
        return _score(estimator, *common, scorer, params, error_score)
    except AttributeError:
        # asking a net without probabilities for them costs that score, not all
        return {
            name: _score(estimator, *common, one, params, error_score)
            for name, one in scorer._scorers.items()
        }


def predictions_only(scorer):
    """Tell whether a scorer looks at predictions only, not into the estimator.

    Then the last step stands for a whole Pipeline, on rows that are transformed.
    """
    if isinstance(scorer, _MultimetricScorer):
        return all(map(predictions_only, scorer._scorers.values()))
    return isinstance(scorer, _BaseScorer | _PassthroughScorer)


def predicted(net, table):
    """Return a copy of the net that knows its raw outputs for ``table``."""
    view, raw = copy.copy(net), net._raw(table)
    view._raw = lambda X: raw if X is table else net._raw(X)
    return view
