"""``verbose`` of a search: a bar over the epochs of all networks."""

import re

import joblib
import numpy as np
import pytest

from skloss import LossAwareClassifier
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedOptunaSearchCV,
    SuccessiveHalving,
    _search_progress,
)

X = np.random.default_rng(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)
RATES = [0.001, 0.003, 0.01]
EPOCHS, FOLDS = 24, 3


class Bar:
    """What is shown, as numbers."""

    def __init__(self, total, **_):
        self.total, self.n, self.text, self.shown = total, 0, "", []

    def update(self, count):
        self.n += count
        self.shown.append((self.n, self.text))

    def set_description_str(self, text, refresh):
        self.text = text

    def set_postfix(self, refresh, best):
        self.best = best

    def refresh(self):
        """Show nothing."""

    close = refresh


@pytest.fixture
def bars(monkeypatch):
    made = []

    def new_bar(**arguments):
        made.append(Bar(**arguments))
        return made[-1]

    monkeypatch.setattr(_search_progress, "make_bar", new_bar)
    return made


def net(**params):
    given = {"network": (3,), "epochs": EPOCHS, "random_state": 0, **params}
    return LossAwareClassifier(**given)


def grid(estimator, rates=RATES, **options):
    given = {"cv": FOLDS, "refit": False, "verbose": 1, **options}
    return FusedGridSearchCV(estimator, {"learning_rate": rates}, **given).fit(X, y)


def test_the_bar_moves_before_a_candidate_is_done(bars):
    search = grid(net())
    (bar,) = bars
    assert bar.total == bar.n == 3 * FOLDS * EPOCHS
    assert bar.shown[0] == (10, "0/3 candidates x 3 folds")  # one network's first
    assert bar.text == "3/3 candidates x 3 folds"
    assert bar.best == f"{search.best_score_:.4g}"


@pytest.mark.parametrize(
    ("estimator", "options", "ends"),
    [
        (net(), {"n_jobs": 2}, "finished"),
        (net(), {"pruner": SuccessiveHalving(min_epochs=3)}, "pruned at epoch 3"),
        (net(early_stopping=True, patience=1), {}, "stopped early"),
        (net(), {"rates": [0.001, 0.003, 1e300]}, "diverged in epoch"),
    ],
    ids=["threads", "pruned", "stopped", "diverged"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
def test_the_bar_ends_full(bars, estimator, options, ends):
    search = grid(estimator, **options)
    assert any(ends in outcome for outcome in search.cv_results_["outcome"])
    (bar,) = bars
    assert bar.n == bar.total == 3 * FOLDS * EPOCHS
    counts = [count for count, _ in bar.shown]
    assert counts == sorted(counts)
    assert bar.text.startswith("3/3")


def test_trials_are_announced_batch_by_batch(bars):
    space = {"learning_rate": (0.001, 0.01, "log")}
    options = {"n_trials": 3, "batch_size": 2, "cv": FOLDS, "verbose": 1}
    FusedOptunaSearchCV(net(), space, refit=False, **options).fit(X, y)
    (bar,) = bars
    assert bar.n == bar.total == 3 * FOLDS * EPOCHS
    assert bar.shown[0][1] == "0/2 candidates x 3 folds"
    assert bar.text == "3/3 candidates x 3 folds"


@pytest.mark.slow
def test_networks_trained_elsewhere_are_counted_when_they_are_done(bars):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        grid(net())
    (bar,) = bars
    assert bar.n == bar.total == 3 * FOLDS * EPOCHS


def test_nothing_is_shown_at_verbose_0(bars, capfd):
    grid(net(), verbose=0)
    assert bars == []
    assert capfd.readouterr() == ("", "")


def test_what_a_terminal_shows(capfd):
    grid(net())
    shown = capfd.readouterr().err.replace("\r", "\n")
    assert re.search(r"3/3 candidates x 3 folds: 100%.*216/216", shown)
    assert re.search(r"\[\d\d:\d\d<00:00", shown)  # spent, and left
    assert "best=" in shown
