"""Reports of skore on the losses of a search."""

from skloss.model_selection._last_step import get_last_step
from skloss.model_selection._metric_panel import OURS, explain_gap, make_panel


def make_reports(ensembles, X_test, y_test, pos_label):
    """Return a comparison of the losses of a search, see ``FusedSearch.to_skore``.

    Parameters
    ----------
    ensembles : dict of str to FoldEnsembleClassifier or FoldEnsembleRegressor
    X_test, y_test : array-like
    pos_label : int, float, bool, str or None
    """
    if len(ensembles) < 2:
        trained = ", ".join(map(repr, ensembles)) or "none"
        raise ValueError(
            f"A comparison takes two losses that have a network of every fold, trained "
            f"in this search, and there are: {trained}. Search over several losses; of "
            f"one network skore.EstimatorReport is the report."
        )
    try:
        import skore
    except ImportError as error:
        raise ImportError(
            "to_skore needs skore, which is not installed; install it with "
            "pip install 'skloss[skore]'."
        ) from error
    given = {"X_test": X_test, "y_test": y_test, "pos_label": pos_label}
    reports = {
        name: skore.EstimatorReport(ensemble, **given)
        for name, ensemble in ensembles.items()
    }
    for name, ensemble in ensembles.items():
        for metric, score in list_own_metrics(ensemble).items():
            reports[name].metrics.add(score, name=metric, position="last")
    return skore.ComparisonReport(reports)


def list_own_metrics(ensemble):
    """Return the scores that skore does not know, of an ensemble that has them."""
    member = get_last_step(ensemble.estimators[0])
    return {
        name: scorer
        for name, scorer in make_panel(member._fitted.target.task).items()
        if name in OURS and not explain_gap(member.loss_, scorer)
    }
