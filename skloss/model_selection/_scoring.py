"""Scores of trained networks, as scikit-learn's scorers give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skloss._engine import predict_raw_stacked
from skloss._sklearn import (
    get_scorers_by_name,
    is_multimetric,
    is_prediction_scorer,
    score_estimator,
)
from skloss.estimators._table import validate_table
from skloss.model_selection._candidates import predicts
from skloss.model_selection._folds import Folds
from skloss.model_selection._rare_classes import RareClasses, find_rare_classes


def predict_cells(cells, which):
    """Return the raw outputs of trained cells of one structure, in their order.

    Networks that see the same rows, those of one fold, predict them together. There is
    None for those that cannot: the scorer asks each alone, so that only what fails by
    itself costs a score, and scikit-learn says so as ever.

    Parameters
    ----------
    cells : list of Cell
        Their nets are fitted.
    which : {"test", "train"}
    """
    places, outputs = {}, [None] * len(cells)
    for i, cell in enumerate(cells):
        if cell.tables[which] is not None and predicts(cell.estimator):
            places.setdefault(id(cell.tables[which]), []).append(i)
    for together in places.values():
        try:
            raw = predict_together([cells[i] for i in together], which)
        except Exception:
            continue
        for i, rows in zip(together, raw, strict=True):
            outputs[i] = rows
    return outputs


def predict_together(cells, which):
    """Return the raw outputs of cells that see the same rows."""
    first = cells[0]
    networks = [cell.net._fitted.outputs for cell in cells]
    table = first.memory.recall(
        ("table", which),
        lambda: validate_table(
            first.net, first.net._fitted.features, first.tables[which]
        ),
    )
    raw = predict_raw_stacked(
        networks[0].network,
        table,
        np.stack([network.weights for network in networks]),
        np.stack([network.stored for network in networks]),
        networks[0].n_raw,
    )
    return raw.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Scoring:
    """How the networks of a search are scored.

    Attributes
    ----------
    folds : Folds
    scorer : callable
        Of one metric or several, as scikit-learn makes it.
    params : dict
        As routed to the scorer; those with one entry a row are sliced.
    error_score : float or "raise"
    rare_classes : RareClasses or None
        Where folds lack classes that the scorer must know of.
    keeps_predictions : bool
        Whether predictions of the test rows are kept, besides their scores.
    """

    folds: Folds
    scorer: Callable
    params: dict[str, Any]
    error_score: float | str
    rare_classes: RareClasses | None
    keeps_predictions: bool = False

    @classmethod
    def of(cls, folds, scorer, params, error_score, *, keeps_predictions=False):
        """Return how networks are scored; warn of classes that folds lack."""
        rare = find_rare_classes(scorer, folds.y, folds.splits)
        return cls(folds, scorer, params, error_score, rare, keeps_predictions)

    def score_cell(self, cell, raw, which):
        """Return the score, or the dict of scores, of a trained cell's rows.

        Parameters
        ----------
        cell : Cell
            Its net is fitted.
        raw : ndarray or None
            The net's raw outputs for these rows, if they are known.
        which : {"test", "train"}
        """
        X, y = self.folds.take_part(cell.fold, which)
        estimator = cell.estimator
        scorer, rare = self.scorer, self.rare_classes
        if rare is not None and predicts(estimator):
            scorer = rare.choose_scorer(scorer, cell.net, cell.fold)
        if raw is not None and is_prediction_scorer(self.scorer):
            estimator, X = cell.with_outputs(raw, which)
        params = self.folds.slice_params(self.params, cell.fold, which)
        common = params, self.error_score
        explained = scorer
        if predicts(estimator):
            explained = explain_missing(scorer, cell.net)
        if not is_multimetric(self.scorer):
            return score_estimator(estimator, X, y, explained, *common)
        try:
            return score_estimator(estimator, X, y, scorer, *common)
        except AttributeError:
            if self.error_score == "raise":
                raise
            # asking a net without probabilities for them costs that score, not all
            return {
                name: score_estimator(
                    estimator, X, y, explain_missing(own, cell.net), *common
                )
                for name, own in get_scorers_by_name(scorer).items()
            }


def explain_missing(scorer, net):
    """Return the scorer, which names the loss where a prediction is missing."""

    def scorer_with_note(*args, **kwargs):
        try:
            return scorer(*args, **kwargs)
        except AttributeError as error:
            error.add_note(
                f"Which predictions there are is decided by loss={net.loss!r}: choose "
                f"another loss, or a scorer that does without."
            )
            raise

    return scorer_with_note
