"""Scores of a trained cell, as scikit-learn's scorers give them."""

import numpy as np
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _score
from sklearn.utils.validation import _check_method_params

from skloss._engine import predict_raw_stacked
from skloss.estimators._validation_scorer import predicted, predictions_only


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
        nets = [cells[i].net for i in numbers]
        X = nets[0]._features(cells[numbers[0]].tables[which])
        raw = predict_raw_stacked(
            nets[0]._network,
            X,
            np.stack([net._result.weights for net in nets]),
            np.stack([net._result.stored for net in nets]),
            nets[0].loss_.n_raw(nets[0]._task),
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
    params = _check_method_params(folds.X, params=score_params, indices=rows)
    estimator = cell.estimator
    if predictions_only(scorer):  # then the last step stands for a whole Pipeline
        X = cell.tables[which]
        estimator = predicted(cell.net, X, raw)
    common = X, y
    if not isinstance(scorer, _MultimetricScorer):
        explained = explaining(scorer, cell.net)
        return _score(estimator, *common, explained, params, error_score)
    try:
        return _score(estimator, *common, scorer, params, error_score)
    except AttributeError:
        if error_score == "raise":
            raise
        # asking a net without probabilities for them costs that score, not all
        return {
            name: _score(
                estimator, *common, explaining(one, cell.net), params, error_score
            )
            for name, one in scorer._scorers.items()
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
