"""Fused searches beside scikit-learn's: the same arguments, the same results."""

import numpy as np
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from skloss.model_selection import FusedGridSearchCV, FusedRandomizedSearchCV

OURS = {"resolved_loss", "epochs_run", "outcome"}
TIMES = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}
TOLERANCE = 1e-4
PLAIN = {
    FusedGridSearchCV: GridSearchCV,
    FusedRandomizedSearchCV: RandomizedSearchCV,
}


def both(estimator, space, X, y, *, cls=FusedGridSearchCV, fit=None, **arguments):
    """Return the fused search and scikit-learn's, fitted alike."""
    pair = (make(estimator, space, **arguments) for make in (cls, PLAIN[cls]))
    return [search.fit(X, y, **(fit or {})) for search in pair]


def assert_same(fused, plain, within=TOLERANCE, **other):
    """Assert that two searches found the same.

    ``within`` is the difference allowed in a score, ``other`` that in a metric; scores
    above 1 in size may differ by as much in proportion.
    """
    ours, theirs = fused.cv_results_, plain.cv_results_
    assert set(ours) == set(theirs) | OURS
    assert ours["params"] == theirs["params"]
    for key in set(theirs) - {"params"}:
        a, b = ours[key], theirs[key]
        assert type(a) is type(b), key
        assert a.dtype == b.dtype, key
        assert a.shape == b.shape, key
        if key.startswith("param_"):
            np.testing.assert_array_equal(a.mask, b.mask)
            assert [repr(v) for v in a] == [repr(v) for v in b], key
        elif key.startswith("rank_"):
            metric = key.removeprefix("rank_test_")
            allowed = other.get(metric, within)
            assert_same_ranks(a, b, theirs[f"mean_test_{metric}"], allowed)
        elif key in TIMES:
            assert (a >= 0).all(), key
        else:
            allowed = other.get(key.split("_", 2)[2], within)
            np.testing.assert_allclose(a, b, rtol=allowed, atol=allowed, err_msg=key)
    for name in ("n_splits_", "multimetric_"):
        assert getattr(fused, name) == getattr(plain, name)
    assert type(fused.scorer_) is type(plain.scorer_)
    for name in ("best_index_", "best_score_", "best_params_", "best_estimator_"):
        assert hasattr(fused, name) == hasattr(plain, name), name


def assert_same_ranks(ours, theirs, means, within):
    """Assert that ranks are the same where scores differ by more than ``within``."""
    for i, a in enumerate(means):
        for j, b in enumerate(means):
            if a - b > 2 * within * max(1, abs(a)):
                assert ours[i] < ours[j]
            elif np.isnan(a) and np.isnan(b):
                assert ours[i] == ours[j] == theirs[i]


def assert_same_best(fused, plain, X):
    """Assert that the winners are the same, and predict the same."""
    assert fused.best_index_ == plain.best_index_
    assert fused.best_params_ == plain.best_params_
    np.testing.assert_array_equal(fused.predict(X), plain.predict(X))


def unequal(a, b):
    """Return the columns of ``cv_results_`` that differ in any bit, times apart."""
    assert set(a) == set(b)
    return {key for key in set(a) - TIMES if not equal_bits(a[key], b[key])}


def equal_bits(a, b):
    """Tell whether two columns are the same."""
    if isinstance(a, list):
        return a == b
    if isinstance(a, np.ma.MaskedArray):
        return np.array_equal(a.mask, b.mask) and a.tolist() == b.tolist()
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
