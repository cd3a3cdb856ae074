"""Which candidates leave a search early: at some epochs their scores are compared."""

from abc import ABC, abstractmethod

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.trial import TrialState

from skloss._params._checks import check_count, check_number
from skloss.model_selection._scored import mean_score


class SuccessiveHalving:
    """Keep the best part of the candidates at each rung, with epochs as resource.

    All folds of all candidates are in step: at ``min_epochs``, ``factor * min_epochs``,
    ... epochs the best ``1 / factor`` by mean score over the folds go on (Jamieson and
    Talwalkar 2016, successive halving).

    Parameters
    ----------
    min_epochs : int, default=5
        Epochs that every candidate gets.
    factor : float, default=3.0
        Greater than 1.
    """

    def __init__(self, min_epochs=5, factor=3.0):
        self.min_epochs, self.factor = min_epochs, factor

    def __repr__(self):
        return f"SuccessiveHalving(min_epochs={self.min_epochs}, factor={self.factor})"


def make_watch(pruner, metric, trials=None):
    """Return what watches a run for a pruner, or None.

    Parameters
    ----------
    pruner : SuccessiveHalving, optuna.pruners.BasePruner or None
    metric : str or None
        Which of several to compare.
    trials : dict of int to optuna.Trial, optional
        Each candidate's, of a study that is told elsewhere how it ended.

    Returns
    -------
    Watch or None

    Raises
    ------
    TypeError, ValueError
        If ``pruner`` is none of the kinds that can be, or its numbers cannot be.
    """
    if pruner is None:
        return None
    if isinstance(pruner, SuccessiveHalving):
        return Halving(pruner, metric)
    if isinstance(pruner, BasePruner):
        return OptunaPruning(pruner, metric, trials)
    raise TypeError(
        f"pruner={pruner!r} must be None, SuccessiveHalving(...) or a pruner of "
        f"optuna.pruners."
    )


class Watch(ABC):
    """Watches a run, and says at some epochs which candidates leave.

    Attributes
    ----------
    metric : str or None
        Which of several scores it compares.
    at_once : int or None
        How many candidates it wants to be trained together; None: all.
    """

    at_once = None

    def __init__(self, metric):
        self.metric = metric

    @abstractmethod
    def rungs(self, last):
        """Return the epochs at which candidates are compared, and the last."""

    @abstractmethod
    def choose_leavers(self, epoch, scores):
        """Return the candidates that leave.

        Parameters
        ----------
        epoch : int
        scores : dict of int to float
            Each candidate's mean score by now; NaN where a fold has none.

        Returns
        -------
        set of int
        """

    @abstractmethod
    def complete(self, candidate, folds):
        """Hear that a candidate is finished, and of the Scored of its folds."""


class Halving(Watch):
    """Watches a run for :class:`SuccessiveHalving`: all candidates at once."""

    def __init__(self, rule, metric):
        super().__init__(metric)
        check_count("min_epochs", rule.min_epochs)
        check_number("factor", rule.factor, low=1, open_low=True)
        self.rule = rule

    def rungs(self, last):
        """Return the epochs at which candidates are compared, and the last."""
        rungs, epoch = [], float(self.rule.min_epochs)
        while epoch < last:
            rungs.append(int(epoch))
            epoch *= self.rule.factor
        return [*sorted(set(rungs)), last]

    def choose_leavers(self, epoch, scores):
        """Return all but the best part; of equal candidates the first are kept."""
        kept = max(1, int(np.ceil(len(scores) / self.rule.factor)))
        order = sorted(scores, key=lambda c: (np.nan_to_num(-scores[c], nan=np.inf), c))
        return set(order[kept:])

    def complete(self, candidate, folds):
        """Do nothing: a rung compares those that are there."""


class OptunaPruning(Watch):
    """Watches a run for one of Optuna's pruners: a rung each epoch.

    Most of them compare with trials that are complete, so that candidates come in
    groups, each of which is compared with those before.

    Parameters
    ----------
    pruner : optuna.pruners.BasePruner or None
        None where there are trials, whose study has one.
    metric : str or None
    trials : dict of int to optuna.Trial, optional
    """

    at_once = 16

    def __init__(self, pruner, metric, trials=None):
        super().__init__(metric)
        self.study = None
        if trials is None:
            # Hyperband takes a trial's bracket from the study's name
            self.study = create_study_quietly(
                study_name="search", direction="maximize", pruner=pruner
            )
            trials = {}
        self.trials = trials

    def rungs(self, last):
        """Return all epochs."""
        return range(1, last + 1)

    def choose_leavers(self, epoch, scores):
        """Report all scores, then ask who leaves."""
        for candidate, score in scores.items():
            if candidate not in self.trials:
                self.trials[candidate] = self.study.ask()
            self.trials[candidate].report(score, epoch)
        return {c for c in scores if self.trials[c].should_prune()}

    def complete(self, candidate, folds):
        """Tell the study how a candidate ended, if it is the pruner's own."""
        if self.study is not None and candidate in self.trials:
            tell_study(self.study, self.trials[candidate], folds, self.metric)


def tell_study(study, trial, folds, metric):
    """Tell a study how a trial, or the one of a number, ended."""
    score = mean_score(folds, metric)
    if any(fold.outcome.startswith("pruned") for fold in folds):
        study.tell(trial, state=TrialState.PRUNED)
    elif np.isfinite(score):
        study.tell(trial, score)
    else:
        study.tell(trial, state=TrialState.FAIL)


def create_study_quietly(**arguments):
    """Return a new study, without Optuna's line about it."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(level, optuna.logging.WARNING))
    try:
        return optuna.create_study(**arguments)
    finally:
        optuna.logging.set_verbosity(level)
