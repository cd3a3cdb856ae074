"""One search for a score, of ``own_loss.py``, and what it ends in on the test rows."""

from ours import CORES, OPTIONS, describe, fit_timed, keep_processors
from score_tables import split_table
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tables import prepare


def make_pipeline(X, classes, seed):
    """Return what a user hands to the search."""
    from skloss import LossAwareClassifier, LossAwareRegressor

    kind = LossAwareClassifier if classes else LossAwareRegressor
    steps = [("numbers", prepare(X)), ("scale", StandardScaler())]
    return Pipeline([*steps, ("net", kind(random_state=seed))])


def make_space(pipe, X, y, scoring, losses):
    """Return the automatic space of a score, with other losses if there are any."""
    from skloss.model_selection import LossSpace, auto_space

    if losses is None:
        return "auto"
    space = auto_space(pipe, X, y, scoring=scoring)
    name = next(name for name in space if name.endswith("loss"))
    space[name] = LossSpace(losses, prefix=name)
    return space


def run_search(score, table, split, search, seconds, seed):
    """Return what the ensemble of a search scores on test rows.

    Parameters
    ----------
    score : Score
    table : Table
    split : int
    search : Search
        Which of the score's.
    seconds : float
        The ``timeout``.
    seed : int
    """
    keep_processors(CORES)
    from skloss.model_selection import FusedOptunaSearchCV

    X, X_test, y, y_test = split_table(table, split, score.spoil)
    own = score.searches["own"].scoring
    pipe = make_pipeline(X, table.classes, seed)
    made = FusedOptunaSearchCV(
        pipe,
        make_space(pipe, X, y, own, search.losses),
        timeout=seconds,
        scoring=search.scoring,
        cv=table.folds(seed),
        random_state=seed,
        **OPTIONS,
    )
    spent = fit_timed(made, X, y)
    found = describe(made)

    def test(model):
        return score.test(model, X_test, y_test, search.change)

    return {
        **spent,
        **found,
        "value": test(made.ensemble_),
        "alone": test(made.best_estimator_),
        "inner": -found["inner"],
    }
