"""The parameters that a trial was trained with, as any storage can hold them."""

import ast
import copy
import math

import numpy as np
from optuna import TrialPruned
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FixedTrial

from skloss.model_selection._suggest import suggest_from
from skloss.model_selection._value_text import describe_value

PARAMS = "skloss:params"
LITERALS = (bool, int, str, bytes)


def store_params(params):
    """Return parameters as texts: literals of Python, or what describes the value."""
    values, texts = {}, {}
    for name, value in params.items():
        value = value.item() if isinstance(value, np.generic) else value
        if is_literal(value):
            values[name] = repr(value)
        else:
            texts[name] = describe_value(value)
    return {"values": values, "texts": texts}


def is_literal(value):
    """Tell whether ``ast.literal_eval`` makes the same value of its ``repr``."""
    kind = type(value)
    if kind is float:
        return math.isfinite(value)
    if kind in (list, tuple):
        return all(map(is_literal, value))
    if kind is dict:
        return all(map(is_literal, [*value, *value.values()]))
    return value is None or kind in LITERALS


def list_names(trial):
    """Return the names of the parameters that a trial sets, as far as is known."""
    stored = trial.user_attrs.get(PARAMS)
    if stored is None:
        return set(trial.params)
    return {*stored["values"], *stored["texts"]}


def check_space(study, space):
    """Raise ValueError where Optuna would, once a trial draws, but name the parameter.

    Parameters
    ----------
    study : optuna.Study
        Whatever became of its trials.
    space : dict or callable
    """
    for trial in study.get_trials(deepcopy=False):
        if trial.params:
            replay(study, trial, space)


def replay(study, trial, space):
    """Return the trial's replay, and the parameters that the space gives for it."""
    replayed = Replay(study, trial)
    try:
        return replayed, suggest_from(replayed, space)
    except TrialPruned:  # a condition that the function did not have before
        return replayed, {}


def read_params(study, trial, space):
    """Return the parameters that a stored trial was trained with.

    Parameters
    ----------
    study : optuna.Study
    trial : optuna.trial.FrozenTrial
    space : dict or callable
        As of the search: it has the values that a storage cannot hold.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the study cannot go on with this space, naming the parameter.
    """
    replayed, given = replay(study, trial, space)
    stored = trial.user_attrs.get(PARAMS)
    if stored is None:
        replayed.refuse_other_names()
        return given
    params = {name: ast.literal_eval(text) for name, text in stored["values"].items()}
    for name, text in stored["texts"].items():
        if name not in given or describe_value(given[name]) != text:
            refuse(
                name,
                f"trial {trial.number} was trained with {text}, which the space no "
                f"longer gives",
            )
        params[name] = given[name]
    return params


class Replay(FixedTrial):
    """Gives a space what a finished trial drew, and refuses what Optuna would refuse.

    Parameters
    ----------
    study : optuna.Study
    trial : optuna.trial.FrozenTrial

    Attributes
    ----------
    study : optuna.Study
        As a space may ask it of its trial; nobody stops it again.
    """

    def __init__(self, study, trial):
        super().__init__(trial.params, number=trial.number)
        self.study = copy.copy(study)
        self.study.stop = lambda: None
        self.trial = trial
        self.taken, self.added = set(), []

    def suggest_float(self, name, low, high, *, step=None, log=False):
        """Return the number that the trial drew."""
        return self.take(name, FloatDistribution(low, high, log=log, step=step))

    def suggest_int(self, name, low, high, *, step=1, log=False):
        """Return the number that the trial drew."""
        return self.take(name, IntDistribution(low, high, log=log, step=step))

    def suggest_categorical(self, name, choices):
        """Return the choice that the trial drew."""
        return self.take(name, CategoricalDistribution(choices))

    def take(self, name, distribution):
        """Return what the trial drew; where it drew nothing, any value will do."""
        if name not in self.trial.params:
            self.added.append(name)
            choices = getattr(distribution, "choices", None)
            return distribution.low if choices is None else choices[0]
        self.taken.add(name)
        before = self.trial.distributions[name]
        # ends of ranges may change in a study; Optuna refuses all else
        if type(before) is not type(distribution):
            what = type(before).__name__, type(distribution).__name__
        elif isinstance(before, CategoricalDistribution):
            what = before.choices, distribution.choices
        else:
            what = f"log={before.log}", f"log={distribution.log}"
        if what[0] != what[1]:
            refuse(name, f"its trials drew from {what[0]}, and now it is {what[1]}")
        return self.trial.params[name]

    def refuse_other_names(self):
        """Raise if the space has not just the names that the trial drew."""
        for name in self.added:
            refuse(name, f"trial {self.trial.number} was trained without it")
        for name in sorted(set(self.trial.params) - self.taken):
            refuse(name, f"trial {self.trial.number} drew it, and the space lacks it")


def refuse(name, reason):
    """Raise ValueError, since the trials of a study have another space."""
    raise ValueError(
        f"The study cannot go on with this param_distributions: {name}: {reason}. Put "
        f"it back as it was, or use another study."
    )
