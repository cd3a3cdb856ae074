"""The trials of a study that several processes may work on, and may die on."""

import dataclasses
import os
import platform

import numpy as np
import psutil
from optuna.trial import TrialState

from skloss.model_selection._scored import Scored, mean_score

FOLDS, WORKER, EXCESS = "skloss:folds", "skloss:worker", "skloss:excess"
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


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
    """

    def __init__(self, study, n_trials):
        self.study, self.n_trials = study, n_trials
        self.worker = stamp(os.getpid())

    def ask(self, count):
        """Return at most ``count`` new trials, as many as the study still needs."""
        self.fail_the_dead()
        asked = []
        while len(asked) < count and self.before(None) < self.n_trials:
            trial = self.study.ask()
            trial.set_user_attr(WORKER, self.worker)
            # another process may have asked in the same moment: lower numbers go first
            if self.before(trial.number) >= self.n_trials:
                trial.set_user_attr(EXCESS, True)
                self.study.tell(trial, state=TrialState.FAIL)
                break
            asked.append(trial)
        return asked

    def before(self, number):
        """Count trials below ``number`` that are finished or being worked on."""
        return sum(
            counts(trial)
            for trial in self.study.get_trials(deepcopy=False)
            if number is None or trial.number < number
        )

    def tell(self, trial, folds, metric):
        """Store a trial's folds, and how it ended."""
        trial.set_user_attr(FOLDS, [as_stored(fold) for fold in folds])
        score = mean_score(folds, metric)
        if any(fold.outcome.startswith("pruned") for fold in folds):
            self.study.tell(trial, state=TrialState.PRUNED)
        elif np.isfinite(score):
            self.study.tell(trial, score)
        else:  # its folds are stored: it counts, and is not asked again
            self.study.tell(trial, state=TrialState.FAIL)

    def give_back(self, trials):
        """Fail trials that were not finished, and ask for them again."""
        for trial in trials:
            try:
                self.study.tell(trial.number, state=TrialState.FAIL)
            except ValueError:  # another process was faster
                continue
            if trial.params:
                self.study.enqueue_trial(trial.params)

    def fail_the_dead(self):
        """Give back the trials of this host's workers that are no more."""
        self.give_back(
            [
                trial
                for trial in self.study.get_trials(states=(TrialState.RUNNING,))
                if is_dead(trial.user_attrs.get(WORKER), self.worker)
            ]
        )

    def finished(self):
        """Return each finished trial, and its folds, in the order of numbers."""
        return [
            (trial, [Scored(**fold) for fold in trial.user_attrs[FOLDS]])
            for trial in self.study.get_trials(deepcopy=False)
            if trial.state.is_finished() and FOLDS in trial.user_attrs
        ]


def counts(trial):
    """Tell whether a trial is finished or being worked on."""
    if trial.state is TrialState.RUNNING:
        return WORKER in trial.user_attrs and EXCESS not in trial.user_attrs
    return trial.state in ENDED or FOLDS in trial.user_attrs


def stamp(pid):
    """Return what tells a process from all others."""
    return [platform.node(), pid, psutil.Process(pid).create_time()]


def is_dead(worker, ours):
    """Tell whether a stamped worker of our host is no more."""
    if worker is None or worker[0] != ours[0]:
        return False
    try:
        return stamp(worker[1]) != worker
    except psutil.NoSuchProcess:
        return True


def as_stored(scored):
    """Return a scored fold as numbers and text."""
    values = dataclasses.asdict(dataclasses.replace(scored, estimator=None))
    for which in ("test_scores", "train_scores"):
        if isinstance(values[which], dict):
            values[which] = {k: float(v) for k, v in values[which].items()}
        elif values[which] is not None:
            values[which] = float(values[which])
    values["curve"] = [float(value) for value in values["curve"]]
    return values
