"""The results of a search or a cross-validation, from the scores of its cells."""

import numpy as np

from skloss._sklearn import (
    get_scorers_by_name,
    insert_error_scores,
    is_multimetric,
    warn_or_raise_about_fit_failures,
)

MOST_NAMED = 5  # candidates in a text


def make_outputs(params, candidates, scoring, scorer_is_function):
    """Return the dicts that scikit-learn makes its results from; warn of failed fits.

    Parameters
    ----------
    params : list of dict
        Each candidate's.
    candidates : list of list of Scored
        Of each candidate its folds.
    scoring : Scoring
    scorer_is_function : bool
        Whether a function of the user's gives the scores: which there are is then not
        known where a fit failed, but from the others.

    Returns
    -------
    list of dict
        Candidate by candidate, fold by fold.
    """
    outputs = [
        make_output(scored, len(test), scoring)
        for folds in candidates
        for scored, (_, test) in zip(folds, scoring.folds.splits, strict=True)
    ]
    name_candidates(outputs, params)
    warn_or_raise_about_fit_failures(outputs, scoring.error_score)
    if scorer_is_function:
        insert_error_scores(outputs, scoring.error_score)
    return outputs


def name_candidates(outputs, params):
    """Say in each error whose it is: one text for all that failed by it.

    scikit-learn counts equal texts in one warning.
    """
    if params == [{}]:  # a cross-validation
        return
    n_splits, failed = len(outputs) // len(params), {}
    for i, output in enumerate(outputs):
        if output["fit_error"] is not None:
            number = i // n_splits
            failed.setdefault(output["fit_error"], {})[number] = params[number]
    named = {text: f"{text}{list_candidates(own)}" for text, own in failed.items()}
    for output in outputs:
        output["fit_error"] = named.get(output["fit_error"])


def list_candidates(params):
    """Return the line that lists candidates, the first of many only."""
    shown = [repr(own) for own in list(params.values())[:MOST_NAMED]]
    left = len(params) - len(shown)
    more = f" and {left} more" if left else ""
    return f"Candidates: {', '.join(shown)}{more}.\n"


def make_output(scored, n_test, scoring):
    """Return a cell's scores as the dict that scikit-learn makes its results from."""
    output = {
        "fit_error": scored.error,
        "fit_time": scored.fit_time,
        "score_time": scored.score_time,
        "n_test_samples": n_test,
    }
    for which in scoring.folds.scored_parts:
        scores = getattr(scored, f"{which}_scores")
        if scored.error is not None:
            scores = scoring.error_score
            if is_multimetric(scoring.scorer):
                scores = dict.fromkeys(get_scorers_by_name(scoring.scorer), scores)
        if scores is not None:
            output[f"{which}_scores"] = scores
    return output


def explain_candidates(candidates):
    """Return the columns of ``cv_results_`` that scikit-learn does not have."""
    outcomes = []
    for folds in candidates:
        texts = [fold.outcome for fold in folds]
        by_fold = [f"{text} (fold {i})" for i, text in enumerate(texts)]
        outcomes.append(texts[0] if len(set(texts)) == 1 else ", ".join(by_fold))
    losses = [folds[0].resolved_loss for folds in candidates]
    epochs = [np.mean([fold.epochs for fold in folds]) for folds in candidates]
    return {
        "resolved_loss": np.array(losses, dtype=object),
        "epochs_run": np.array(epochs),
        "outcome": np.array(outcomes, dtype=object),
    }
