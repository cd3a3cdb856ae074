"""Trials of a study that several workers share, some of whom are dead."""

import os
import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import optuna
import psutil
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from skloss.model_selection import _trials
from skloss.model_selection._scored import Scored
from skloss.model_selection._trials import FOLDS, WORKER, Trials, is_dead, stamp_process

HOST, PID, BEGUN = stamp_process(os.getpid())
DEAD = [HOST, 2**30, BEGUN]  # no process has such a number
ELSEWHERE = ["another host", PID, BEGUN]
X = {"x": FloatDistribution(0, 1)}


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(
    params=["memory", "journal", pytest.param("rdb", marks=pytest.mark.slow)]
)
def opened(request, tmp_path):
    """Return a function that opens the same study, as each process does."""
    memory, engines = optuna.storages.InMemoryStorage(), []

    def opens():
        if request.param == "memory":
            storage = memory
        elif request.param == "journal":
            storage = JournalStorage(JournalFileBackend(str(tmp_path / "log")))
        else:
            storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
            engines.append(storage)
        return optuna.create_study(
            storage=storage, study_name="s", direction="maximize", load_if_exists=True
        )

    yield opens
    for one in engines:
        one.remove_session()
        one.engine.dispose()


def in_memory():
    return optuna.create_study(direction="maximize")


def running(study, worker, x=0.25, **more):
    """Add a trial that a worker has drawn and not told."""
    attrs = {} if worker is None else {WORKER: worker}
    trial = create_trial(
        state=TrialState.RUNNING,
        params={"x": x},
        distributions=X,
        user_attrs={**attrs, **more},
    )
    trial.datetime_start = datetime.now() - timedelta(hours=1)
    study.add_trial(trial)


def folds(*scores, outcome="finished"):
    return [Scored(score, epochs=2, outcome=outcome, curve=[0.5]) for score in scores]


def states(study):
    return [trial.state.name for trial in study.get_trials()]


def draw(trials):
    return [trial.suggest_float("x", 0, 1) for trial in trials]


def test_it_asks_for_as_many_as_the_study_needs(opened):
    trials = Trials(opened(), 5)
    first = trials.ask(3)
    assert [trial.number for trial in first] == [0, 1, 2]
    for trial in first:
        trials.tell(trial, folds(0.5, 0.7))
    assert len(trials.ask(3)) == 2
    assert trials.ask(3) == []


def test_what_another_worker_does_is_not_done_twice(opened):
    ours, theirs = Trials(opened(), 5), Trials(opened(), 5)
    taken = [*ours.ask(2), *theirs.ask(2), *ours.ask(2), *theirs.ask(2)]
    assert [trial.number for trial in taken] == [0, 1, 2, 3, 4]


def test_of_two_that_ask_in_one_moment_the_first_goes_on(opened, monkeypatch):
    """Both see one place; whoever has the larger number gives up its own."""
    ours, theirs = Trials(opened(), 1), Trials(opened(), 1)
    between = []
    ask = ours.study.ask

    def asked_before_us():
        between.extend(theirs.ask(1))
        return ask()

    monkeypatch.setattr(ours.study, "ask", asked_before_us)
    assert ours.ask(1) == []
    assert [trial.number for trial in between] == [0]
    assert states(ours.study) == ["RUNNING", "FAIL"]


def test_of_two_that_ask_in_one_moment_one_is_not_stamped_yet(opened, monkeypatch):
    """A trial counts from its birth: its worker is about to stamp it."""
    ours, theirs = Trials(opened(), 1), Trials(opened(), 1)
    between = []
    ask = ours.study.ask

    def they_ask_before_we_stamp():
        trial = ask()
        count = theirs.count_before
        monkeypatch.setattr(theirs, "count_before", lambda n: count(n) if n else 0)
        between.extend(theirs.ask(1))
        return trial

    monkeypatch.setattr(ours.study, "ask", they_ask_before_we_stamp)
    assert [trial.number for trial in ours.ask(1)] == [0]
    assert between == []


def test_an_old_trial_without_a_stamp_does_not_count():
    """A killed script of plain Optuna left it; nobody will tell how it ended."""
    study = in_memory()
    running(study, None)
    assert len(Trials(study, 2).ask(5)) == 2
    assert states(study)[0] == "RUNNING"


def test_what_an_excess_trial_was_to_try_stays_queued():
    study = in_memory()
    trials = Trials(study, 1)
    study.enqueue_trial({"x": 0.5})
    trials.count_before = {None: 0, 0: 1}.get
    assert trials.ask(1) == []
    assert states(study) == ["FAIL", "WAITING"]
    assert draw(Trials(study, 1).ask(1)) == [0.5]


# -- the dead ------------------------------------------------------------------------


def test_the_trials_of_the_dead_fail_and_are_asked_again(opened):
    study = opened()
    running(study, DEAD, 0.25)
    running(study, ELSEWHERE, 0.5)
    running(study, stamp_process(PID), 0.75)
    trials = Trials(opened(), 4)
    asked = trials.ask(4)
    assert len(asked) == 2  # of four, two run elsewhere
    assert draw(asked)[0] == 0.25
    assert states(trials.study) == ["FAIL", *["RUNNING"] * 4]


def test_two_that_find_the_same_dead_ask_once(opened):
    """Between look and deed another worker may be faster."""
    study = opened()
    running(study, DEAD)
    found = study.get_trials(deepcopy=True)
    for _ in range(2):
        Trials(opened(), 4).give_back(found)
    assert states(opened()) == ["FAIL", "WAITING"]


def test_the_storage_itself_may_refuse(monkeypatch):
    study = in_memory()
    running(study, DEAD)

    def too_late(*args, **kwargs):
        raise RuntimeError("Trial#0 has already finished and can not be updated.")

    monkeypatch.setattr(study, "tell", too_late)
    Trials(study, 1).give_back(study.get_trials())
    assert states(study) == ["RUNNING"]


def test_the_dead_who_had_not_drawn_leave_what_was_queued():
    study = in_memory()
    study.enqueue_trial({"x": 0.5}, user_attrs={WORKER: DEAD})
    study.ask()
    assert draw(Trials(study, 1).ask(1)) == [0.5]


def test_the_dead_who_had_finished_are_not_asked_again(opened):
    """They were killed between the folds and the state: nothing is lost."""
    stored = [_trials.store_fold(fold) for fold in folds(0.5, 0.75)]
    running(opened(), DEAD, **{FOLDS: stored})
    trials = Trials(opened(), 1)
    assert trials.ask(1) == []
    assert states(trials.study) == ["COMPLETE"]
    assert trials.study.best_value == 0.625
    ((_, own),) = trials.list_finished()
    assert [fold.test_scores for fold in own] == [0.5, 0.75]


@pytest.mark.parametrize(
    ("worker", "dead"),
    [
        (stamp_process(PID), False),
        ([HOST, PID, BEGUN + 1], False),  # the clock was set
        ([HOST, PID, BEGUN - 60], True),  # the number was given to us anew
        (DEAD, True),
        ([*ELSEWHERE[:1], *DEAD[1:]], False),  # nobody here can tell
        (None, False),
    ],
)
def test_who_is_dead(worker, dead):
    assert is_dead(worker, stamp_process(PID)) is dead


def test_a_process_is_alive_until_it_ends():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as process:
        worker = stamp_process(process.pid)
        assert not is_dead(worker, stamp_process(PID))
        process.kill()
    assert is_dead(worker, stamp_process(PID))


def test_a_process_that_nobody_waits_for_is_dead():
    """Killed, but its parent has not looked: a zombie trains nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as process:
        worker = stamp_process(process.pid)
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert is_dead(worker, stamp_process(PID))


# -- how trials end ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "state", "value"),
    [
        (folds(0.5, 0.75), "COMPLETE", 0.625),
        (folds(0.5, 0.75, outcome="pruned at epoch 2"), "PRUNED", None),
        (folds(0.5, None), "FAIL", None),
        (folds(0.5, np.nan), "FAIL", None),
    ],
    ids=["complete", "pruned", "diverged", "nan"],
)
def test_each_end_counts_and_comes_back(opened, told, state, value):
    study = opened()
    trials = Trials(study, 1)
    (trial,) = trials.ask(1)
    trials.tell(trial, told)
    assert states(study) == [state]
    assert study.get_trials()[0].value == value
    again = Trials(opened(), 1)
    assert again.ask(1) == []
    ((_, own),) = again.list_finished()
    assert repr(own) == repr(told)


def test_several_metrics_come_back(opened):
    trials = Trials(opened(), 1, "b")
    (trial,) = trials.ask(1)
    scores = {"a": np.float32(0.5), "b": np.int64(2)}
    trials.tell(trial, [Scored(scores, scores), Scored(scores)])
    assert trials.study.best_value == 2
    ((_, own),) = trials.list_finished()
    assert own[0].train_scores == own[1].test_scores == {"a": 0.5, "b": 2.0}


def test_what_was_asked_and_not_told_is_given_back(opened):
    study = opened()
    running(study, ELSEWHERE)
    trials = Trials(study, 5)
    asked = trials.ask(3)
    drawn = draw(asked)
    trials.tell(asked[1], folds(0.5))
    trials.give_back_mine()
    assert states(study)[:4] == ["RUNNING", "FAIL", "COMPLETE", "FAIL"]
    assert draw(Trials(opened(), 5).ask(2)) == [drawn[0], drawn[2]]


def test_what_was_refused_is_not_asked_again():
    study = in_memory()
    trials = Trials(study, 5)
    draw(trials.ask(2))
    trials.give_back_mine(again=False)
    assert states(study) == ["FAIL", "FAIL"]


# -- in order ------------------------------------------------------------------------


def test_each_draws_before_the_next_is_asked():
    study, seen = in_memory(), []

    def draw_one(trial):
        seen.append(states(study))
        return {"x": trial.suggest_float("x", 0, 1)}

    trials = Trials(study, 3, draw=draw_one)
    asked = trials.ask(3)
    assert seen == [["RUNNING"] * count for count in (1, 2, 3)]
    assert [trials.params[t.number] for t in asked] == [t.params for t in asked]


def test_trials_are_told_as_they_end(opened):
    trials = Trials(opened(), 4)
    asked = trials.ask(4)
    for ended in (1, 3):
        trials.tell(asked[ended], folds(0.5))
    assert states(opened()) == ["RUNNING", "COMPLETE", "RUNNING", "COMPLETE"]
    assert trials.told == 2
    trials.give_back_mine()
    assert states(opened())[:4] == ["FAIL", "COMPLETE", "FAIL", "COMPLETE"]
    assert len(Trials(opened(), 4).ask(4)) == 2
