"""Scores of a trained cell, as scikit-learn's scorers give them."""

import numpy as np

from skloss._engine import predict_raw_stacked
from skloss._sklearn import (
    check_method_params,
    get_scorers_by_name,
    is_multimetric,
    is_prediction_scorer,
    score_estimator,
)
from skloss.estimators._base import with_fitted
from skloss.estimators._table import validate_table


def raw_outputs(cells, which):
    """Return the raw outputs of trained cells of one structure, in their order.

    Those of one fold are predicted together.

    Parameters
    ----------
    cells : list of Cell
    which : {"test", "train"}
    """
    groups, found = {}, [None] * len(cells)
    for i, cell in enumerate(cells):
        groups.setdefault(id(cell.tables[which]), []).append(i)
    for numbers in groups.values():
        first, table = cells[numbers[0]].net, cells[numbers[0]].tables[which]
        outputs = [cells[i].net._fitted.outputs for i in numbers]
        raw = predict_raw_stacked(
            outputs[0].network,
            validate_table(first, first._fitted.features, table),
            np.stack([one.weights for one in outputs]),
            np.stack([one.stored for one in outputs]),
            outputs[0].n_raw,
        )
        for i, own in zip(numbers, raw.astype(np.float64), strict=True):
            found[i] = own
    return found


def scores_of(cell, raw, folds, scorer, which, score_params, error_score):
    """Return the score, or the dict of scores, of a cell's "test" or "train" rows.

    Parameters
    ----------
    cell : Cell
        Trained.
    raw : ndarray
        The net's raw outputs for these rows.
    folds : Folds
    scorer : callable
    which : {"test", "train"}
    score_params : dict
        As routed to the scorer; those with one entry a row are sliced.
    error_score : float or "raise"
    """
    X, y = folds.part(cell.fold, which)
    rows = folds.splits[cell.fold][which == "test"]
    params = check_method_params(folds.X, params=score_params, indices=rows)
    estimator = cell.estimator
    if is_prediction_scorer(scorer):  # then the last step stands for a whole Pipeline
        X = cell.tables[which]
        estimator = with_fitted(cell.net, cell.net._fitted.knowing(X, raw))
    common = X, y
    if not is_multimetric(scorer):
        explained = explaining(scorer, cell.net)
        return score_estimator(estimator, *common, explained, params, error_score)
    try:
        return score_estimator(estimator, *common, scorer, params, error_score)
    except AttributeError:
        if error_score == "raise":
            raise
        # asking a net without probabilities for them costs that score, not all
        return {
            name: score_estimator(
                estimator, *common, explaining(one, cell.net), params, error_score
            )
            for name, one in get_scorers_by_name(scorer).items()
        }


def explaining(scorer, net):
    """Return the scorer, which names the loss where a prediction is missing."""

    def scored(*args, **kwargs):
        try:
            return scorer(*args, **kwargs)
        except AttributeError as error:
            error.add_note(
                f"Which predictions there are is decided by loss={net.loss!r}: choose "
                f"another loss, or a scorer that does without."
            )
            raise

    return scored
