"""Displays: their labels, legends and data; what is drawn is checked by other means."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.exceptions import UnknownNameError
from skloss.inspection import (
    LossComparisonDisplay,
    LossShapesDisplay,
    SearchResultsDisplay,
    TrainingCurvesDisplay,
)
from skloss.model_selection import compare_losses

pyplot = pytest.importorskip("matplotlib.pyplot")
X, Y = (part[:200] for part in load_breast_cancer(return_X_y=True))
NET = LossAwareClassifier(network=(8,), epochs=6, random_state=0)


@pytest.fixture(autouse=True)
def closed_figures():
    with pyplot.rc_context({"backend": "Agg"}):
        yield
        pyplot.close("all")


def read_legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def find_line(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


def test_training_curves_are_those_of_the_history():
    net = clone(NET).set_params(early_stopping=True, lr_schedule="cosine")
    pipe = make_pipeline(StandardScaler(), net).fit(X, Y)
    display = TrainingCurvesDisplay.from_estimator(pipe)
    assert [axes.get_ylabel() for axes in display.ax_] == [
        *("Loss", "Learning rate", "Gradient norm")
    ]
    assert read_legend(display.ax_[0]) == [
        *("training rows", "validation rows", "weights of this epoch")
    ]
    history = pipe[-1].history_
    line = find_line(display.ax_[0], "validation rows")
    assert line.get_ydata().tolist() == history["val_loss"]
    assert line.get_xdata().tolist() == list(range(1, len(history["loss"]) + 1))
    marked = find_line(display.ax_[1], "weights of this epoch").get_xdata()[0]
    assert marked == 1 + int(np.argmin(history["val_log_loss"]))
    assert display.ax_[1].get_yscale() == "log"
    assert display.ax_[-1].get_xlabel() == "Epoch"
    frame = display.frame()
    assert frame["learning_rate"].tolist() == history["learning_rate"]
    again = display.plot(ax=pyplot.subplots(3)[1])
    assert again is display
    assert display.figure_ is display.ax_[0].figure
    with pytest.raises(ValueError, match="holds 2 axes; 3"):
        display.plot(ax=pyplot.subplots(2)[1])


def test_curves_need_a_fit():
    with pytest.raises(NotFittedError):
        TrainingCurvesDisplay.from_estimator(NET)


def test_shapes_of_classes_by_their_formulas():
    names = ["cross_entropy", "hinge", "square"]
    display = LossShapesDisplay.from_losses(names)
    z = display.x
    expected = {
        "cross_entropy": np.log1p(np.exp(-z)),
        "hinge": np.maximum(0, 1 - z),
        "square": (1 - z) ** 2,
    }
    for name, values in expected.items():
        line = find_line(display.ax_[0], name)
        np.testing.assert_allclose(line.get_ydata(), values - values.min(), atol=1e-6)
    slope = -1 / (1 + np.exp(z))
    np.testing.assert_allclose(
        display.gradients["cross_entropy"][1:-1], slope[1:-1], atol=1e-4
    )
    assert read_legend(display.ax_[0]) == names
    assert display.ax_[1].get_ylabel() == "Its gradient"
    assert len(display.frame()) == 3 * len(z)


def test_shapes_of_numbers():
    display = LossShapesDisplay.from_losses(
        ["squared_error", "huber:delta=1.0"], family="regression"
    )
    r = display.x
    np.testing.assert_allclose(display.values["squared_error"], r**2, atol=1e-6)
    huber = np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5)
    np.testing.assert_allclose(display.values["huber:delta=1.0"], huber, atol=1e-6)


def test_shapes_of_positive_numbers_are_over_the_ratio():
    display = LossShapesDisplay.from_losses(
        ["squared_error", "gamma", "poisson"], family="regression"
    )
    ratio = display.x  # of a target of 1: deviances, halved as the losses have them
    for name, deviance in {
        "gamma": 1 / ratio + np.log(ratio) - 1,
        "poisson": ratio - np.log(ratio) - 1,
        "squared_error": (ratio - 1) ** 2,
    }.items():
        found = display.values[name] / display.values[name][-1]
        np.testing.assert_allclose(found, deviance / deviance[-1], atol=2e-3)
    assert display.ax_[0].get_xlabel() == "Prediction over target"


def test_a_score_of_the_batch_has_no_shape():
    with pytest.raises(ValueError, match="whole batch"):
        LossShapesDisplay.from_losses(["cross_entropy", "auc_pairwise"])


@pytest.fixture(scope="module")
def comparison():
    return compare_losses(
        *(make_pipeline(StandardScaler(), NET), X, Y),
        *(["cross_entropy", "brier", "hinge"],),
        **{"cv": 3, "n_settings": 1, "random_state": 0},
    )


def test_a_comparison_with_its_intervals(comparison):
    display = LossComparisonDisplay.from_comparison(comparison)
    rows = comparison.table()
    names = [tick.get_text() for tick in display.ax_[0].get_yticklabels()]
    assert names == [rows[0]["loss"], rows[1]["loss"]]  # hinge has no log-loss
    line = next(
        line for line in display.ax_[1].lines if len(set(line.get_xdata())) == 2
    )
    assert list(line.get_xdata()) == [rows[1]["low"], rows[1]["high"]]
    assert read_legend(display.ax_[1]) == [
        *("practically none", "difference, 95 % interval")
    ]
    assert display.ax_[0].get_xlabel() == "neg_log_loss"
    assert rows[0]["loss"] in display.ax_[1].get_xlabel()
    assert display.frame()["loss"].tolist() == [row["loss"] for row in rows]
    other = LossComparisonDisplay.from_comparison(
        comparison, metric="balanced_accuracy"
    )
    assert len(other.ax_[0].get_yticklabels()) == 3
    with pytest.raises(UnknownNameError, match="roc_auc"):
        LossComparisonDisplay.from_comparison(comparison, metric="auc")


def test_results_of_scikit_learns_search_too():
    grid = {"C": [0.1, 1.0, 100.0], "kernel": ["linear", "rbf"]}
    search = GridSearchCV(SVC(), grid, cv=2).fit(X, Y)
    display = SearchResultsDisplay.from_search(search, "C", "kernel")
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_xlabel() == "C"
    names = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert names == ["linear", "rbf"]
    frame = display.frame()
    expected = search.cv_results_["mean_test_score"]
    assert frame["score"].tolist() == expected.tolist()
    ring = find_line(display.ax_, "best")
    assert ring.get_xdata()[0] == search.best_params_["C"]
    with pytest.raises(UnknownNameError, match="gamma"):
        SearchResultsDisplay.from_search(search, "gamma", "kernel")
    with pytest.raises(UnknownNameError, match="roc"):
        SearchResultsDisplay.from_search(search, "C", "kernel", metric="roc")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_what_failed_is_a_cross():
    data, target = (part[:60] for part in load_diabetes(return_X_y=True))
    net = LossAwareRegressor(network=(4,), epochs=2, random_state=0)
    grid = {"loss": ["squared_error", "fractional"], "epochs": [1, 2]}
    search = GridSearchCV(net, grid, cv=2).fit(data, target)
    display = SearchResultsDisplay.from_search(search, "epochs", "loss")
    crosses = find_line(display.ax_, "failed")
    assert crosses.get_xdata().tolist() == [1, 2]
