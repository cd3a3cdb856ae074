"""A timeout is of the whole fit: it says how many trials there are, never which."""

import pickle
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from canonical import NET, X, y_binary
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner, NopPruner
from optuna.trial import create_trial

from skloss import LossAwareClassifier
from skloss.model_selection import (
    FusedOptunaSearchCV,
    _fused_search,
    _time_budget,
)
from skloss.model_selection._scored import Scored
from skloss.model_selection._time_budget import OutOfTime, TimeBudget

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
    for module in (_fused_search, _time_budget):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=clock))
    return clock


def search(clock, space=SPACE, **options):
    given = {"batch_size": 2, "cv": 2, "random_state": 0, "scoring": clock.score}
    net = LossAwareClassifier(**NET)
    return FusedOptunaSearchCV(net, space, **{**given, **options})


def states(study):
    return [trial.state.name for trial in study.get_trials()]


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


# -- reckoning -----------------------------------------------------------------------


def test_how_many_trials_fit(clock):
    budget = TimeBudget(20, begin=95.0, refits=True)  # 15 seconds are left
    assert budget.count_fitting(8, whole=True) == 8  # nothing is known
    clock.now = 103.0
    budget.note_trials(4)  # in eight seconds; 12 are left
    assert budget.count_fitting(6, whole=True) == 6
    assert budget.count_fitting(6, under_way=1, whole=False) == 5
    clock.now = 105.0
    budget.note_trials(5)  # one in two seconds; 10 are left
    assert budget.count_fitting(5, whole=True) == 5
    assert budget.count_fitting(6, whole=True) == 0
    assert budget.count_fitting(6, whole=False) == 5
    clock.now = 115.0
    assert budget.count_fitting(1, whole=False) == 0


def test_the_refit_is_reckoned_by_the_costliest_network(clock):
    budget = TimeBudget(20, begin=100.0, refits=True)
    reporter = budget.watch(lambda candidates: None)([0, 0, 1, 1, 2, 2])
    budget.note_candidate([Scored(fit_time=0.5), Scored(fit_time=1.5)])
    budget.note_candidate([Scored(fit_time=0.1)])
    assert budget.seconds_left() == 16.0
    clock.now = 116.5
    with pytest.raises(OutOfTime):
        reporter.begin()
    reporter(0, 3, None)  # what has begun may take a little longer
    clock.now = 117.5
    with pytest.raises(OutOfTime):
        reporter(0, 4, None)
    elsewhere = pickle.loads(pickle.dumps(reporter))  # where clocks may differ
    elsewhere.begin()
    elsewhere(0, 4, None)
    assert TimeBudget(20, begin=100.0, refits=False).seconds_left() == 2.5
    assert TimeBudget(None, begin=100.0, refits=True).seconds_left() == np.inf
