"""The scores by which losses are compared: several, of which no loss owns all."""

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    get_scorer,
    make_scorer,
    mean_pinball_loss,
)

from skloss.model_selection._last_step import get_earlier_steps, get_last_step
from skloss.model_selection._rewards import reads_probabilities

LEVEL = 0.9  # of the quantile that the panel asks for
LEVELS = (np.arange(99) + 0.5) / 99

PANELS = {
    "binary": (
        *("neg_log_loss", "neg_brier_score", "roc_auc", "average_precision"),
        "balanced_accuracy",
    ),
    "multiclass": ("neg_log_loss", "roc_auc_ovr", "balanced_accuracy", "f1_macro"),
    "multilabel": ("average_precision", "roc_auc", "f1_macro"),
    "regression": (
        *("neg_root_mean_squared_error", "neg_mean_absolute_error", "r2"),
        *("neg_pinball_0.9", "neg_crps"),
    ),
    "several numbers": (
        *("neg_root_mean_squared_error", "neg_mean_absolute_error", "r2"),
    ),
}


def make_panel(task, labels=None):
    """Return the scorers for a kind of target, by their names; the first decides.

    Parameters
    ----------
    task : Task
    labels : ndarray, optional
        The classes of y, sorted; of two the second is the positive one.

    Returns
    -------
    dict of str to callable
    """
    kind = task.kind
    if kind == "regression" and task.size > 1:
        kind = "several numbers"
    panel = {name: OURS.get(name) or get_scorer(name) for name in PANELS[kind]}
    if kind == "binary" and labels is not None:
        positive = {"pos_label": labels[1]}
        panel["neg_brier_score"] = make_scorer(
            brier_score_loss,
            **{"response_method": "predict_proba", "greater_is_better": False},
            **positive,
        )
        panel["average_precision"] = make_scorer(
            average_precision_score,
            response_method=("decision_function", "predict_proba"),
            **positive,
        )
    return panel


def score_pinball(estimator, X, y):
    """Return the negative pinball loss of the quantile at 0.9."""
    quantile = predict_levels(estimator, X, [LEVEL])[:, 0]
    return -mean_pinball_loss(y, quantile, alpha=LEVEL)


def score_crps(estimator, X, y):
    """Return the negative continuous ranked probability score.

    It is twice the pinball loss, averaged over all levels (Laio and Tamea 2007, Eq. 11;
    Gneiting and Ranjan 2011, Eq. 6); here over 99 of them. A quantile is learnt by a
    loss of one level only, so it takes a loss with a distribution.
    """
    quantiles = predict_levels(estimator, X, LEVELS)
    errors = np.asarray(y, float).reshape(-1, 1) - quantiles
    return -float(2 * np.maximum(LEVELS * errors, (LEVELS - 1) * errors).mean())


def predict_levels(estimator, X, levels):
    """Return quantiles of a network, alone or at the end of a Pipeline."""
    if get_earlier_steps(estimator):  # a Pipeline hands on what others have too
        X = estimator[:-1].transform(X)
    return get_last_step(estimator).predict_quantiles(X, quantiles=levels)


OURS = {"neg_pinball_0.9": score_pinball, "neg_crps": score_crps}


def explain_gap(loss, scorer):
    """Return why a loss cannot be measured by a score, or an empty string.

    Parameters
    ----------
    loss : Loss
    scorer : callable
    """
    if scorer is score_crps and not loss.has_distribution:
        return "no distribution"
    if scorer is score_pinball and not gives_level(loss, LEVEL):
        return f"no quantile at {LEVEL}"
    if scorer in OURS.values():
        return ""
    if reads_probabilities(scorer) and not loss.has_probabilities:
        return "no probabilities"
    return ""


def gives_level(loss, level):
    """Tell whether a loss of regression gives a quantile."""
    if loss.has_distribution:
        return True
    levels = loss.quantile_levels if loss.has_quantiles else ()
    return np.isclose(levels, level, rtol=0, atol=1e-9).any()
