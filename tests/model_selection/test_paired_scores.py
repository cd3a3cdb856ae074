"""Corrected tests of paired scores, against worked numbers and simulated folds."""

import numpy as np
import pytest
from scipy import stats

from skloss.model_selection._paired_scores import compare_paired, correct_holm


def draw_folds(rng, n_sets, n_folds, share):
    """Return differences of folds without a mean, correlated as Nadeau and Bengio say.

    Any two have the correlation n_test / (n_test + n_train).
    """
    rho = share / (1 + share)
    common = rng.normal(size=(n_sets, 1)) * np.sqrt(rho)
    return common + rng.normal(size=(n_sets, n_folds)) * np.sqrt(1 - rho)


@pytest.mark.parametrize(("k", "repeats"), [(5, 2), (10, 1), (10, 10)])
def test_no_difference_is_seldom_declared_one(k, repeats):
    share = 1 / (k - 1)
    sets = draw_folds(np.random.default_rng(k), 1000, k * repeats, share)
    nothing = np.zeros(k * repeats)
    p = np.array([compare_paired(own, nothing, share).p_value for own in sets])
    naive = stats.ttest_1samp(sets, 0, axis=1).pvalue
    assert (p < 0.05).mean() <= 0.07
    assert (naive < 0.05).mean() > 0.1  # what the correction is for


def test_a_planted_difference_is_found():
    sets = draw_folds(np.random.default_rng(0), 1000, 10, 0.25) + 3.0
    p = np.array([compare_paired(own, np.zeros(10), 0.25).p_value for own in sets])
    assert (p < 0.05).mean() > 0.9


def test_without_shared_rows_it_is_the_usual_t_test():
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(2, 12)) * 1e-3 + 1e6
    found = compare_paired(one, two, test_share=0)
    usual = stats.ttest_rel(one, two)
    assert found.p_value == pytest.approx(usual.pvalue, rel=1e-6)
    ends = usual.confidence_interval(0.9)
    assert found.interval(0.9) == pytest.approx((ends.low, ends.high), rel=1e-6)


def test_probabilities_equal_those_of_baycomp():
    baycomp = pytest.importorskip("baycomp")
    rng = np.random.default_rng(2)
    one = rng.normal(0.86, 0.02, size=100)
    two = one + rng.normal(0.01, 0.01, size=100)
    # ten times ten folds; its first number is the probability that the first is higher
    left, rope, right = baycomp.two_on_single(one, two, rope=0.01, runs=10)
    worse, equal, better = compare_paired(one, two, 1 / 9).probabilities(0.01)
    assert (better, equal, worse) == pytest.approx((left, rope, right), abs=1e-6)
    assert 0.1 < equal < 0.9


def test_folds_that_differ_alike_are_certain():
    found = compare_paired([0.5, 0.75], [0.25, 0.5], 1.0)
    assert (found.mean, found.error, found.p_value) == (0.25, 0.0, 0.0)
    assert found.probabilities(0.1) == (0.0, 0.0, 1.0)
    assert found.probabilities(0.25) == (0.0, 0.5, 0.5)
    assert compare_paired([0.5, 0.75], [0.5, 0.75], 1.0).p_value == 1.0


def test_one_fold_says_nothing():
    with pytest.raises(ValueError, match="say nothing of chance"):
        compare_paired([0.5], [0.4], 0.25)


def test_holm_by_hand():
    # sorted .005 .01 .03 .04, times 4 3 2 1, never falling
    found = correct_holm([0.03, 0.005, 0.04, 0.01])
    assert found == pytest.approx([0.06, 0.02, 0.06, 0.03])
    assert correct_holm([]).shape == (0,)
    assert correct_holm([0.9, 0.8]).max() == 1.0
