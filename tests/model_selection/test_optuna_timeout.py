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
    _optuna,
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
    for module in (_fused_search, _optuna, _time_budget):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=clock))
    return clock


def search(clock, space=SPACE, **options):
    given = {"batch_size": 2, "cv": 2, "random_state": 0, "scoring": clock.score}
    net = LossAwareClassifier(**NET)
    return FusedOptunaSearchCV(net, space, **{**given, **options})


def states(study):
    return [trial.state.name for trial in study.get_trials()]


def test_the_trials_are_the_first_of_those_without_a_timeout(clock):
    """Two seconds each: a batch ends at 4 and at 8, of the next one trial fits."""
    timed = search(clock, timeout=11).fit(X, y_binary)
    assert clock.now == pytest.approx(110, abs=0.1)
    results = timed.cv_results_
    assert len(results["params"]) == 5
    every = search(clock, n_trials=7).fit(X, y_binary)
    assert every.cv_results_["params"][:5] == results["params"]
    np.testing.assert_allclose(
        every.cv_results_["mean_test_score"][:5], results["mean_test_score"], atol=0.02
    )
    # what was drawn and did not fit is tried next, if the study goes on
    assert states(timed.study_) == [*["COMPLETE"] * 5, "FAIL", "WAITING"]
    more = search(clock, study=timed.study_, n_trials=6, random_state=None)
    assert (
        more.fit(X, y_binary).cv_results_["params"] == (every.cv_results_["params"][:6])
    )


def test_what_is_faster_than_it_was_leaves_time_for_the_rest_of_a_batch(clock):
    """The first two trials take six seconds each, the others one."""

    def score(*given):
        clock.each = 3.0 if clock.now < 112 else 0.5
        return clock.score(*given)

    timed = search(clock, scoring=score, timeout=20).fit(X, y_binary)
    assert clock.now == pytest.approx(114, abs=0.1)
    assert states(timed.study_) == ["COMPLETE"] * 4


@pytest.mark.parametrize("pruner", [NopPruner(), MedianPruner(n_startup_trials=99)])
def test_what_is_under_way_at_the_end_is_cut(clock, pruner):
    """Batches of two sizes train one after the other: the time is over between them.

    The third trial is trained with the first, but the second, asked before, is not.
    """
    study = optuna.create_study(direction="maximize", pruner=pruner)
    queued = [
        {"batch_size": size, "learning_rate": rate}
        for size, rate in ((32, 1e-7), (31, 0.01), (32, 0.05))
    ]
    for params in queued:
        study.enqueue_trial(params)
    clock.each = 10.0
    space = {"batch_size": [31, 32], "learning_rate": (1e-7, 0.1, "log")}
    found = search(clock, space, study=study, random_state=None, batch_size=3)
    found.set_params(timeout=39)
    if isinstance(pruner, MedianPruner):  # all are in step, so that none is finished
        with pytest.raises(ValueError, match=r"timeout=39 was over.*batch_size=3"):
            found.fit(X, y_binary)
        assert states(study) == ["FAIL"] * 3 + ["WAITING"] * 3
        return
    found.fit(X, y_binary)
    assert found.cv_results_["params"] == queued[:1]
    assert len(found.fold_ensemble_.estimators) == 2  # though the third was better
    assert states(study) == ["COMPLETE", "FAIL", "FAIL", "WAITING", "WAITING"]
    found.set_params(timeout=None, n_trials=3).fit(X, y_binary)
    assert found.cv_results_["params"] == queued
    assert found.best_index_ == 2


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
    budget.note_batch(4, 8.0)
    assert budget.count_fitting(7, whole=True) == 7
    assert budget.count_fitting(8, whole=True) == 0
    assert budget.count_fitting(8, whole=False) == 7
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
    reporter(3, None)  # what has begun may take a little longer
    clock.now = 117.5
    with pytest.raises(OutOfTime):
        reporter(4, None)
    elsewhere = pickle.loads(pickle.dumps(reporter))  # where clocks may differ
    elsewhere.begin()
    elsewhere(4, None)
    assert TimeBudget(20, begin=100.0, refits=False).seconds_left() == 2.5
    assert TimeBudget(None, begin=100.0, refits=True).seconds_left() == np.inf
