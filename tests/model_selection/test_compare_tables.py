"""Losses over several tables: Demsar's worked example, and scikit-posthocs."""

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.datasets import load_breast_cancer, load_iris

from skloss import LossAwareClassifier
from skloss.exceptions import UnknownNameError
from skloss.inspection import CriticalDifferenceDisplay
from skloss.model_selection import compare_losses, compare_tables

# Demsar 2006, Table 6: areas under the ROC curve of C4.5 with its parameters m and cf
# tuned or not, on 14 tables; mean ranks and Friedman's statistic are in Section 3.2.3
NAMES = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
SCORES = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.97501, 0.975],  # printed alike, ranked 2 and 3
        [0.957, 0.978, 0.946, 0.970],
    ]
)


@pytest.fixture(scope="module")
def found():
    return compare_tables(
        {str(i): dict(zip(NAMES, row, strict=True)) for i, row in enumerate(SCORES)}
    )


def test_ranks_are_those_of_demsar(found):
    assert [round(found.ranks[name], 3) for name in NAMES] == [
        *(3.143, 2.0, 2.893, 1.964)
    ]
    # his 9.28 is without the correction for ties, which only lowers p
    assert 0.01 < found.friedman_p < chi2.sf(9.28, 3)
    assert found.table()[0]["loss"] == "C4.5+m+cf"
    assert found.table()[0]["wins"] == 7  # by counting; one is shared


@pytest.mark.slow
def test_pairs_are_those_of_scikit_posthocs(found):
    posthocs = pytest.importorskip("scikit_posthocs")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SCORES, columns=NAMES)
    long = frame.melt(var_name="loss", value_name="score")
    expected = posthocs.posthoc_wilcoxon(
        long, val_col="score", group_col="loss", p_adjust="holm"
    )
    for first in NAMES:
        for second in NAMES:
            p = found.p_value(first, second)
            assert p == pytest.approx(expected.loc[first, second])


def test_the_diagram_joins_what_is_not_told_apart(found):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("scikit_posthocs")
    with pyplot.rc_context({"backend": "Agg"}):
        display = CriticalDifferenceDisplay.from_tables(found)
        texts = " ".join(text.get_text() for text in display.ax_.texts)
        assert all(name in texts for name in NAMES)
        assert display.ax_.get_title() == "Mean rank on 14 tables"
        assert display.frame()["wins"].tolist()[0] == 7
        pyplot.close("all")


@pytest.mark.slow
def test_what_was_compared_on_each_table():
    net = LossAwareClassifier(network=(8,), epochs=3, random_state=0)
    losses = ["cross_entropy", "focal", "hinge"]
    tables = {
        "iris": load_iris(return_X_y=True),
        "cancer": tuple(part[:100] for part in load_breast_cancer(return_X_y=True)),
    }
    comparisons = {
        name: compare_losses(net, *data, losses, cv=3, n_settings=1, random_state=0)
        for name, data in tables.items()
    }
    found = compare_tables(comparisons, "balanced_accuracy")
    assert found.losses == losses
    expected = comparisons["iris"].scores["balanced_accuracy"].mean(axis=1)
    assert found.scores[0].tolist() == expected.tolist()
    assert "no pair can differ" in repr(found)
    by_log_loss = compare_tables(comparisons)  # which the hinge has not
    assert by_log_loss.losses == losses[:2]
    assert np.isnan(by_log_loss.friedman_p)
    with pytest.raises(UnknownNameError, match="hinge"):
        found.p_value("hing", "focal")


def test_equal_losses_and_too_few():
    same = {str(i): {"a": 0.5, "b": 0.5, "c": 0.1 * i} for i in range(7)}
    assert compare_tables(same).p_value("a", "b") == 1.0
    with pytest.raises(ValueError, match="two at least, and six"):
        compare_tables({"one": {"a": 1.0, "b": 2.0}})
    with pytest.raises(ValueError, match="the same on each table"):
        compare_tables({"one": {"a": 1.0, "b": 2.0}, "two": {"a": 1.0, "c": 2.0}})
