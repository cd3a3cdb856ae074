"""The trials of a study that several processes may work on, and may die on."""

import dataclasses
import os
import platform
from datetime import datetime

import psutil
from optuna.trial import TrialState

from skloss.model_selection._pruning import tell_study
from skloss.model_selection._scored import Scored

FOLDS, WORKER, EXCESS = "skloss:folds", "skloss:worker", "skloss:excess"
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
# Between a trial's beginning and its stamp; and how far clocks may be apart.
SECONDS_TO_STAMP, SECONDS_APART = 10.0, 2.0


class Trials:
    """Asks and tells; counts what all processes have finished.

    A worker stamps its trials with host, process and the process's start time. Some
    storages have no heartbeat: whoever comes next to the same host sees which of the
    stamped workers are dead, fails their trials, and asks for them again.

    Parameters
    ----------
    study : optuna.Study
    n_trials : int
        Finished trials of the study, not of this process.
    metric : str or None
        Which of several is the study's value.
    """

    def __init__(self, study, n_trials, metric=None):
        self.study, self.n_trials, self.metric = study, n_trials, metric
        self.worker = stamp_process(os.getpid())
        self.mine = set()

    def ask(self, count):
        """Return at most ``count`` new trials, as many as the study still needs."""
        self.fail_the_dead()
        asked = []
        while len(asked) < count and self.count_before(None) < self.n_trials:
            trial = self.study.ask()
            self.mine.add(trial.number)
            trial.set_user_attr(WORKER, self.worker)
            # another process may have asked in the same moment: lower numbers go first
            if self.count_before(trial.number) >= self.n_trials:
                trial.set_user_attr(EXCESS, True)
                self.give_back_mine({trial.number})
                break
            asked.append(trial)
        return asked

    def count_before(self, number):
        """Count trials below ``number`` that are finished or being worked on."""
        return sum(
            is_counted(trial)
            for trial in self.study.get_trials(deepcopy=False)
            if number is None or trial.number < number
        )

    def tell(self, trial, folds):
        """Store a trial's folds, and how it ended."""
        trial.set_user_attr(FOLDS, [store_fold(fold) for fold in folds])
        self.tell_end(trial.number, folds)

    def tell_end(self, number, folds):
        """Tell the study how a trial ended whose folds are stored."""
        # one without a score fails: its folds are stored, so that it counts
        tell_study(self.study, number, folds, self.metric)

    def give_back(self, trials, again=True):
        """Fail trials that were not finished; have them asked for ``again``."""
        for trial in trials:
            try:
                if FOLDS in trial.user_attrs:  # only its end was not told
                    self.tell_end(trial.number, read_folds(trial))
                    continue
                self.study.tell(trial.number, state=TrialState.FAIL)
            except (ValueError, RuntimeError):  # another process was faster
                continue
            # before it draws, a trial that was queued knows only what was queued
            params = trial.params or trial.system_attrs.get("fixed_params")
            if again and params:
                self.study.enqueue_trial(params)

    def give_back_mine(self, numbers=None, again=True):
        """Give back what this worker asked for and did not tell."""
        numbers = self.mine if numbers is None else numbers
        trials = self.study.get_trials(states=(TrialState.RUNNING,))
        self.give_back([t for t in trials if t.number in numbers], again)
        self.mine = self.mine - numbers

    def fail_the_dead(self):
        """Give back the trials of this host's workers that are no more."""
        self.give_back(
            [
                trial
                for trial in self.study.get_trials(states=(TrialState.RUNNING,))
                if is_dead(trial.user_attrs.get(WORKER), self.worker)
            ]
        )

    def list_finished(self):
        """Return each finished trial, and its folds, in the order of numbers."""
        return [
            (trial, read_folds(trial))
            for trial in self.study.get_trials(deepcopy=False)
            if trial.state.is_finished() and FOLDS in trial.user_attrs
        ]


def is_counted(trial):
    """Tell whether a trial is finished or being worked on."""
    if trial.state is TrialState.RUNNING:
        if WORKER in trial.user_attrs:
            return EXCESS not in trial.user_attrs
        age = (datetime.now() - trial.datetime_start).total_seconds()
        return age < SECONDS_TO_STAMP
    return trial.state in ENDED or FOLDS in trial.user_attrs


def stamp_process(pid):
    """Return what tells a process from all others."""
    return [platform.node(), pid, psutil.Process(pid).create_time()]


def is_dead(worker, ours):
    """Tell whether a stamped worker of our host is no more."""
    if worker is None or worker[0] != ours[0]:
        return False
    try:
        begun = stamp_process(worker[1])[2]
        zombie = psutil.Process(worker[1]).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    # or its number was given anew
    return zombie or abs(begun - worker[2]) > SECONDS_APART


def store_fold(scored):
    """Return a scored fold as numbers and text."""
    values = dataclasses.asdict(dataclasses.replace(scored, estimator=None))
    for which in ("test_scores", "train_scores"):
        if isinstance(values[which], dict):
            values[which] = {k: float(v) for k, v in values[which].items()}
        elif values[which] is not None:
            values[which] = float(values[which])
    values["curve"] = [float(value) for value in values["curve"]]
    return values


def read_folds(trial):
    """Return the scored folds of a trial that holds them."""
    return [Scored(**fold) for fold in trial.user_attrs[FOLDS]]
