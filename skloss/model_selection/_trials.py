"""The trials of a study that several processes may work on, and may die on."""

import contextlib
import dataclasses
import os
import platform
from datetime import datetime

import psutil
from optuna import TrialPruned
from optuna.trial import TrialState

from skloss.model_selection._finite_samplers import has_nothing_left
from skloss.model_selection._pruning import tell_study
from skloss.model_selection._scored import Scored
from skloss.model_selection._stored_params import PARAMS, store_params

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
    n_trials : int or float
        Finished trials of the study, not of this process; infinite for no bound.
    metric : str or None
        Which of several is the study's value.
    draw : callable
        ``draw(trial)`` returns the parameters of a new trial.

    Attributes
    ----------
    params : dict of int to dict
        What this worker's trials drew, by their numbers.
    told : int
        How many of them have ended.
    stopped : bool
        Whether somebody has called ``study.stop()``.
    """

    def __init__(self, study, n_trials, metric=None, draw=lambda trial: {}):
        self.study, self.n_trials, self.metric = study, n_trials, metric
        self.draw = draw
        self.worker = stamp_process(os.getpid())
        self.mine, self.params, self.told = set(), {}, 0
        self.settled = self.settled_count = 0
        self.stopped = False

    @contextlib.contextmanager
    def heeding_stop(self):
        """Let ``study.stop()``, else for Optuna's own loop only, end the asking."""
        self.study.stop = self.stop
        try:
            yield
        finally:
            vars(self.study).pop("stop", None)

    def stop(self):
        """Ask for no more trials; those under way are finished."""
        self.stopped = True

    def ask(self, count):
        """Return at most ``count`` new trials, as many as the study still needs.

        Each draws before the next is asked, so that what it draws does not depend on
        how many follow it. Those that are pruned while they draw are missing.
        """
        self.fail_the_dead()
        asked = []
        for _ in range(count):
            if self.is_over():
                break
            trial = self.study.ask()
            self.mine.add(trial.number)
            trial.set_user_attr(WORKER, self.worker)
            # another process may have asked in the same moment: lower numbers go first
            if self.count_before(trial.number) >= self.n_trials:
                trial.set_user_attr(EXCESS, True)
                self.give_back_mine({trial.number})
                break
            try:
                params = self.draw(trial)
            except TrialPruned:
                self.study.tell(trial, state=TrialState.PRUNED)
                continue
            trial.set_user_attr(PARAMS, store_params(params))
            self.params[trial.number] = params
            asked.append(trial)
        return asked

    def is_over(self):
        """Tell whether no more trials are to be asked."""
        return (
            self.stopped
            or self.count_before(None) >= self.n_trials
            or has_nothing_left(self.study)
        )

    def count_before(self, number):
        """Count trials below ``number`` that are finished or being worked on."""
        trials = self.study.get_trials(deepcopy=False)
        # what has ended stays as it is: counted once, for the sake of long studies
        while self.settled < len(trials) and trials[self.settled].state.is_finished():
            self.settled_count += is_counted(trials[self.settled])
            self.settled += 1
        return self.settled_count + sum(
            is_counted(trial)
            for trial in trials[self.settled :]
            if number is None or trial.number < number
        )

    def tell(self, trial, folds):
        """Store a trial's folds, and tell how it ended."""
        trial.set_user_attr(FOLDS, [store_fold(fold) for fold in folds])
        self.tell_end(trial.number, folds)
        self.told += 1

    def tell_end(self, number, folds):
        """Tell the study how a trial ended whose folds are stored."""
        # one without a score fails: its folds are stored, so that it counts
        tell_study(self.study, number, folds, self.metric)

    def give_back(self, trials, again=True):
        """Fail trials that were not finished; have them asked for ``again``."""
        for trial in trials:
            try:
                if has_folds(trial):  # only its end was not told
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
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        self.give_back(
            [
                trial
                for trial in running
                if is_dead(trial.user_attrs.get(WORKER), self.worker)
            ]
        )

    def list_finished(self):
        """Return each finished trial, and its folds, in the order of numbers."""
        return [
            (trial, read_folds(trial))
            for trial in self.study.get_trials(deepcopy=False)
            if trial.state.is_finished() and has_folds(trial)
        ]


def is_counted(trial):
    """Tell whether a trial is finished or being worked on."""
    if trial.state is TrialState.RUNNING:
        if WORKER in trial.user_attrs:
            return EXCESS not in trial.user_attrs
        age = (datetime.now() - trial.datetime_start).total_seconds()
        return age < SECONDS_TO_STAMP
    return trial.state in ENDED or has_folds(trial)


def has_folds(trial):
    """Tell whether the scores of a trial's folds are stored."""
    return trial.user_attrs.get(FOLDS) is not None


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
    without = dataclasses.replace(scored, estimator=None, predictions=None)
    values = dataclasses.asdict(without)
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
