"""A timeout is of the whole fit: it says how many trials there are, never which."""

from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from canonical import NET, X, y_binary
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner, NopPruner
from optuna.trial import create_trial

from skloss import LossAwareClassifier
from skloss._engine._pool import Pool
from skloss.model_selection import (
    FusedOptunaSearchCV,
    _fused_search,
    _pace,
    _time_budget,
)

SPACE = {"learning_rate": (1e-3, 1e-1, "log")}


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


class Clock:
    """Goes on by some seconds at each score, and by nothing else."""

    def __init__(self):
        self.now, self.each = 100.0, 1.0

    def __call__(self):
        return self.now

    def score(self, estimator, X, y):
        self.now += self.each
        return estimator.score(X, y)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (_fused_search, _pace, _time_budget):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=clock))
    return clock


def search(clock, space=SPACE, **options):
    given = {"batch_size": 2, "cv": 2, "random_state": 0, "scoring": clock.score}
    net = LossAwareClassifier(**NET)
    return FusedOptunaSearchCV(net, space, **{**given, **options})


def states(study):
    return [trial.state.name for trial in study.get_trials()]


@pytest.mark.slow
def test_the_trials_are_the_first_of_those_without_a_timeout(clock):
    """Twenty seconds each: two end at 40, two at 80, and then one more fits."""
    every = search(clock, n_trials=7).fit(X, y_binary)  # and traces
    clock.now, clock.each = 100.0, 10.0
    timed = search(clock, timeout=110).fit(X, y_binary)
    assert clock.now == 200
    results = timed.cv_results_
    assert len(results["params"]) == 5
    assert every.cv_results_["params"][:5] == results["params"]
    np.testing.assert_allclose(
        every.cv_results_["mean_test_score"][:5], results["mean_test_score"], atol=0.02
    )
    assert states(timed.study_) == ["COMPLETE"] * 5
    more = search(clock, study=timed.study_, n_trials=6, random_state=None)
    assert (
        more.fit(X, y_binary).cv_results_["params"] == (every.cv_results_["params"][:6])
    )


def test_what_is_faster_than_it_was_leaves_time_for_more(clock):
    """The first two trials take a minute each, so that one fits; the others ten s."""
    search(clock, n_trials=2).fit(X, y_binary)  # traces
    clock.now = 100.0

    def score(*given):
        clock.each = 30.0 if clock.now < 220 else 5.0
        return clock.score(*given)

    timed = search(clock, scoring=score, timeout=200).fit(X, y_binary)
    # at 120 one, then two at a time until 190, when less than ten seconds are left
    assert clock.now == 290
    assert states(timed.study_) == ["COMPLETE"] * 9


@pytest.mark.parametrize("pruner", [NopPruner(), MedianPruner(n_startup_trials=99)])
def test_what_is_under_way_at_the_end_is_cut(clock, pruner):
    """The first and the third trial end together; then the time is over."""
    study = optuna.create_study(direction="maximize", pruner=pruner)
    queued = [
        {"epochs": epochs, "learning_rate": rate}
        for epochs, rate in ((5, 1e-7), (30, 0.01), (5, 0.05))
    ]
    for params in queued:
        study.enqueue_trial(params)
    clock.each = 10.0
    space = {"epochs": [5, 30], "learning_rate": (1e-7, 0.1, "log")}
    found = search(clock, space, study=study, random_state=None, batch_size=3)
    found.set_params(timeout=39)
    if isinstance(pruner, MedianPruner):  # all are in step, so that none is finished
        with pytest.raises(ValueError, match=r"timeout=39 was over.*batch_size=3"):
            found.fit(X, y_binary)
        assert states(study) == ["FAIL"] * 3 + ["WAITING"] * 3
        return
    found.fit(X, y_binary)
    assert found.cv_results_["params"] == queued[::2]
    assert len(found.fold_ensemble_.estimators) == 2
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "WAITING"]
    found.set_params(timeout=None, n_trials=3).fit(X, y_binary)
    assert found.cv_results_["params"] == [queued[0], queued[2], queued[1]]


@pytest.mark.parametrize("refit", [True, False])
def test_a_timeout_without_a_trial_says_so(clock, refit):
    found = search(clock, timeout=0, refit=refit)
    with pytest.raises(ValueError, match=r"no finished trial.*timeout=0 was over"):
        found.fit(X, y_binary)
    study = search(clock, n_trials=1).fit(X, y_binary).study_
    again = search(clock, study=study, timeout=0, refit=refit, random_state=None)
    assert again.fit(X, y_binary).best_params_ == study.best_params


@pytest.mark.parametrize("timeout", [-1, "1", np.nan])
def test_a_timeout_is_a_number_of_seconds(clock, timeout):
    with pytest.raises(ValueError, match=r"timeout=.* must be a number of seconds"):
        search(clock, timeout=timeout).fit(X, y_binary)


def test_there_are_fifty_trials_unless_told():
    study = optuna.create_study(direction="maximize")
    distribution = FloatDistribution(1e-3, 1e-1, log=True)
    own = create_trial(
        params={"learning_rate": 0.01},
        distributions={"learning_rate": distribution},
        value=0.5,
    )
    study.add_trials([own] * 48)
    found = FusedOptunaSearchCV(LossAwareClassifier(**NET), SPACE, study=study, cv=2)
    with pytest.warns(UserWarning, match="does not say which data"):
        found.fit(X, y_binary)
    assert len(study.trials) == 50
    assert len(found.cv_results_["params"]) == 2


# -- what is trained when ------------------------------------------------------------


@pytest.fixture
def training_clock(clock, monkeypatch):
    """Goes on by a second for each epoch that a pool trains."""
    run = Pool.run

    def run_slowly(pool, count):
        clock.now += count
        return run(pool, count)

    monkeypatch.setattr(Pool, "run", run_slowly)
    clock.each = 0.0
    return clock


def queue_epochs(*epochs):
    study = optuna.create_study(direction="maximize", pruner=NopPruner())
    for own in epochs:
        study.enqueue_trial({"epochs": own, "learning_rate": 0.01})
    return study


def list_epochs(found):
    return [params["epochs"] for params in found.cv_results_["params"]]


def test_who_ends_first_is_trained_first(training_clock):
    """Five epochs end within the time; beside thirty, they would not."""
    study = queue_epochs(30, 5, 30, 5)
    space = {"epochs": [5, 30], "learning_rate": (1e-7, 0.1, "log")}
    found = search(training_clock, space, study=study, random_state=None, refit=False)
    found.set_params(timeout=12, batch_size=4, n_trials=4).fit(X, y_binary)
    assert list_epochs(found) == [5, 5]
    assert states(study)[:4] == ["FAIL", "COMPLETE", "FAIL", "COMPLETE"]
    assert training_clock.now <= 112.0
    # what was drawn and not trained is the next in a search without a timeout
    found.set_params(timeout=None).fit(X, y_binary)
    assert list_epochs(found) == [5, 5, 30, 30]


def test_what_is_behind_trains_as_without_a_timeout(training_clock):
    """One of ten epochs comes to a group of thirty, which then catches up."""
    space = {"epochs": [10, 30], "learning_rate": (1e-7, 0.1, "log")}
    fits = []
    for options in ({}, {"timeout": 1000.0}):
        study = queue_epochs(30, 10, 30, 10, 30)
        own = {"study": study, "random_state": None, "batch_size": 2, "n_trials": 5}
        fits.append(search(training_clock, space, **own, **options).fit(X, y_binary))
    scores = [found.cv_results_["mean_test_score"] for found in fits]
    np.testing.assert_array_equal(*scores)
    # they end in the same order
    ended = [[t.datetime_complete for t in found.study_.trials] for found in fits]
    np.testing.assert_array_equal(*np.argsort(ended, axis=1))


def test_those_under_way_that_fit_are_trained_to_the_end(training_clock):
    study = queue_epochs(5, 30, 35)
    space = {"epochs": [5, 30, 35], "learning_rate": (1e-7, 0.1, "log")}
    found = search(training_clock, space, study=study, random_state=None, refit=False)
    found.set_params(timeout=48, batch_size=3, n_trials=3).fit(X, y_binary)
    assert list_epochs(found) == [5, 30]
    assert training_clock.now == 135.0
