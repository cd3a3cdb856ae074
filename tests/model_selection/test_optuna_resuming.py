"""Searches that are interrupted, killed or shared, and go on."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.pruners import MedianPruner, NopPruner
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sklearn.datasets import load_iris

from skloss import LossAwareClassifier
from skloss._engine._program import Program
from skloss.model_selection import FusedOptunaSearchCV
from skloss.model_selection._stored_params import PARAMS
from skloss.model_selection._trials import FOLDS, WORKER

X, Y = load_iris(return_X_y=True)
NET = LossAwareClassifier(network=(4,), epochs=3, batch_size=32, random_state=0)
SPACE = {"loss": ["cross_entropy", "brier"], "l2": (1e-5, 1e-2, "log")}

SCRIPT = """
import os, sys, time
from pathlib import Path
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from sklearn.datasets import load_iris
from skloss import LossAwareClassifier
from skloss.model_selection import FusedOptunaSearchCV

where, n_trials, free, go = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
calls = []
X, y = load_iris(return_X_y=True)
net = LossAwareClassifier(network=(4,), epochs=3, batch_size=32, random_state=0)
space = {"loss": ["cross_entropy", "brier"], "l2": (1e-5, 1e-2, "log")}


def held(estimator, X, y):
    calls.append(None)
    while len(calls) > free and not Path(go).exists():
        time.sleep(0.01)
    return estimator.score(X, y)


storage = where if "://" in where else JournalStorage(JournalFileBackend(where))
search = FusedOptunaSearchCV(
    net, space, n_trials=n_trials, batch_size=2, cv=3, storage=storage,
    study_name="s", scoring=held, refit=False,
)
print("ready", flush=True)
input()
search.fit(X, y)
print("rows", len(search.cv_results_["params"]), flush=True)
"""


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


class Interrupts:
    """A scorer; at a certain call somebody presses Ctrl-C."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def __call__(self, estimator, X, y):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return estimator.score(X, y)


def search(space=SPACE, **options):
    given = {"n_trials": 6, "batch_size": 2, "cv": 3, "refit": False}
    return FusedOptunaSearchCV(NET, space, **{**given, **options})


def study_of(pruner=None):
    return optuna.create_study(direction="maximize", pruner=pruner or NopPruner())


def states(study):
    return [trial.state.name for trial in study.get_trials()]


# -- Ctrl-C ----------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", [None, MedianPruner(n_startup_trials=99)])
def test_ctrl_c_keeps_what_is_finished_and_gives_back_the_rest(pruner):
    """Three folds are scored for each trial, at each epoch if there is a pruner."""
    study = study_of(pruner)
    each = 3 if pruner is None else 9
    found = search(study=study, scoring=Interrupts(2 * each + 4))
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, Y)
    assert "RUNNING" not in states(study)
    done = [t.params for t in study.trials if t.state is TrialState.COMPLETE]
    lost = [t.params for t in study.trials if t.state is TrialState.FAIL]
    assert 2 <= len(done) <= 3
    assert len(done) + len(lost) == 4
    assert found.cv_results_["params"] == done
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    again = search(study=study, scoring=Interrupts(None)).fit(X, Y)
    assert again.cv_results_["params"][: len(done)] == done
    assert len(again.cv_results_["params"]) == 6
    assert all(params in again.cv_results_["params"] for params in lost)


@pytest.mark.parametrize("done", [0, 2])
def test_ctrl_c_while_drawing_leaves_nothing_running(done):
    study = study_of()

    def space(trial):
        params = {"l2": trial.suggest_float("l2", 0, 1)}
        if trial.number == done + 1:
            raise KeyboardInterrupt
        return params

    found = search(space, study=study)
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, Y)
    assert len(getattr(found, "cv_results_", {}).get("params", [])) == done
    rest = ["FAIL", "FAIL", "WAITING", "WAITING"]
    assert states(study) == ["COMPLETE"] * done + rest


@pytest.fixture
def heeded():
    """A shell lets what it starts in the background ignore SIGINT: not here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("heeded")
def test_a_signal_in_mid_training_is_heeded_soon(monkeypatch):
    """SIGINT reaches the training of a net that would train for an hour."""
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    calls, run = [], Program.run

    def counted(program, inputs, state):
        # TensorFlow may swallow a signal while it traces: the first calls do
        calls.append(program)
        if len(calls) == 4:
            timer.start()
        return run(program, inputs, state)

    monkeypatch.setattr(Program, "run", counted)
    study = study_of()
    net = LossAwareClassifier(network=(4,), epochs=1_000_000, random_state=0)
    found = FusedOptunaSearchCV(net, SPACE, study=study, n_trials=2, cv=2)
    begin = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            found.fit(X, Y)
    finally:
        timer.cancel()
    assert time.monotonic() - begin < 60
    assert states(study) == ["FAIL", "FAIL", "WAITING", "WAITING"]


def test_a_stored_study_is_found_again_by_its_name(tmp_path):
    def stored():
        return JournalStorage(JournalFileBackend(str(tmp_path / "log")))

    first = search(storage=stored(), study_name="s", n_trials=2).fit(X, Y)
    more = search(storage=stored(), study_name="s", n_trials=4).fit(X, Y)
    params = more.cv_results_["params"]
    assert params[:2] == first.cv_results_["params"]
    assert len(params) == len({repr(one) for one in params}) == 4


# -- processes -------------------------------------------------------------------------


def started(where, n_trials, go, free=0):
    """Start a search in a process of its own; return when it has loaded.

    From the ``free + 1``-th score on it waits until the file ``go`` is there: what is
    running then stays so, however slow or fast the machine is.
    """
    root = Path(__file__).parents[2]
    paths = [str(root), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, where, str(n_trials), str(free), str(go)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()
    return process


def killed(process):
    """Kill a process without a chance to clean up."""
    with process:
        process.kill()


def ended(process):
    """Return how many rows the search has found."""
    rows, _ = process.communicate()
    assert process.returncode == 0
    return int(rows.removeprefix("rows "))


class Stored:
    """A study on disk, looked at from outside."""

    def __init__(self, where):
        self.where = where

    @contextlib.contextmanager
    def opened(self):
        if "://" not in self.where:
            yield JournalStorage(JournalFileBackend(self.where))
            return
        storage = RDBStorage(self.where)
        yield storage
        storage.remove_session()
        storage.engine.dispose()

    def create(self):
        """Make the study: two that make the same tables at once disturb each other."""
        with self.opened() as storage:
            optuna.create_study(study_name="s", storage=storage, direction="maximize")

    def trials(self):
        with self.opened() as storage:
            return optuna.load_study(study_name="s", storage=storage).trials

    def finished(self):
        return [t for t in self.trials() if FOLDS in t.user_attrs]

    def wait_for(self, finished, running):
        """Wait until so many trials are finished, and so many drawn and running."""
        for _ in range(600):
            trials = self.trials()  # one look: a later one may see them finished
            drawn = [
                t
                for t in trials
                if t.state is TrialState.RUNNING
                and FOLDS not in t.user_attrs
                and PARAMS in t.user_attrs
            ]
            done = [t for t in trials if FOLDS in t.user_attrs]
            if (len(done), len(drawn)) == (finished, running):
                return
            time.sleep(0.1)
        raise AssertionError([t.state for t in trials])


@pytest.fixture(params=["journal", "sqlite"])
def stored(request, tmp_path):
    rdb = request.param == "sqlite"
    study = Stored(
        f"sqlite:///{tmp_path / 'study.db'}" if rdb else str(tmp_path / "log")
    )
    study.create()
    return study


def in_order(trials):
    return sorted(repr(sorted(trial.params.items())) for trial in trials)


@pytest.mark.slow
def test_a_killed_search_goes_on_where_it_stood(stored, tmp_path):
    go = tmp_path / "go"
    process = started(stored.where, 8, go, free=12)
    stored.wait_for(finished=4, running=2)
    killed(process)
    before = stored.trials()
    done = [t for t in before if t.state is TrialState.COMPLETE]
    lost = [t for t in before if t.state is TrialState.RUNNING]
    assert len(done) == 4
    assert len(lost) == 2
    go.touch()
    process = started(stored.where, 8, go)
    assert ended(process) == 8
    after = stored.trials()
    for trial in done:
        assert after[trial.number] == trial
    for trial in lost:
        assert after[trial.number].state is TrialState.FAIL
    finished = stored.finished()
    assert len(finished) == 8
    assert {t.state for t in finished} == {TrialState.COMPLETE}
    anew = [t for t in finished if t.number >= len(before)]
    assert set(in_order(lost)) <= set(in_order(anew))
    assert {t.state for t in after} <= {TrialState.COMPLETE, TrialState.FAIL}


@pytest.mark.slow
def test_two_processes_share_the_work(stored, tmp_path):
    go = tmp_path / "go"
    processes = [started(stored.where, 12, go) for _ in range(2)]
    stored.wait_for(finished=0, running=4)
    go.touch()
    assert max(map(ended, processes)) == 12
    finished = stored.finished()
    assert len(finished) == 12
    assert len(set(in_order(finished))) == 12
    workers = [tuple(t.user_attrs[WORKER]) for t in finished]
    assert min(workers.count(worker) for worker in set(workers)) >= 2
    assert len(set(workers)) == 2


@pytest.mark.slow
def test_of_two_processes_one_dies_and_the_other_does_its_part(stored, tmp_path):
    go = tmp_path / "go"
    first, second = (started(stored.where, 12, go) for _ in range(2))
    stored.wait_for(finished=0, running=4)
    killed(first)
    go.touch()
    assert ended(second) == 12
    assert len(stored.finished()) == 12


def test_without_a_finished_trial_there_is_no_winner_to_fit():
    study = optuna.create_study(direction="maximize")
    options = {"study": study, "n_trials": 1, "cv": 2}
    study.ask().set_user_attr(WORKER, ["another host", 1, 0.0])
    waiting = FusedOptunaSearchCV(NET, SPACE, **options)
    with (
        pytest.warns(UserWarning, match="does not say which data"),
        pytest.raises(ValueError, match=r"Other processes.*n_trials=1: raise that"),
    ):
        waiting.fit(X, Y)
    assert waiting.set_params(refit=False).fit(X, Y).study_ is study
