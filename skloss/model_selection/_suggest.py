"""Parameters drawn from an Optuna trial, all numbers or short strings."""

import numpy as np
from optuna import distributions
from sklearn.pipeline import Pipeline

from skloss._params import nearest
from skloss.model_selection._fitting_losses import loss_space
from skloss.model_selection._last_step import get_last_step
from skloss.model_selection._ranges import (
    check_search_range,
    draw_number,
    is_range,
    refuse_unclear_choices,
)
from skloss.model_selection._spaces import LossSpace
from skloss.model_selection._value_text import describe_value

USUAL = ("loss", "learning_rate", "lr_schedule", "l2", "dropout")
RANGES = {
    "learning_rate": (1e-4, 3e-2, "log"),
    "lr_schedule": ["constant", "cosine", "one_cycle"],
    "l1": (1e-7, 1e-3, "log"),
    "l2": (1e-6, 1e-2, "log"),
    "weight_decay": (1e-4, 1e-1, "log"),
    "dropout": (0.0, 0.5, "linear"),
    "clip_norm": (0.1, 10.0, "log"),
    "clip_value": (0.01, 1.0, "log"),
    "max_norm": (0.5, 8.0, "log"),
    "input_noise": (0.01, 0.5, "log"),
    "mixup": (0.05, 1.0, "log"),
    "weight_averaging": (0.9, 0.999, "linear"),
    "batch_size": [32, 64, 128, 256],
}


def suggest_params(trial, estimator, y=None, *, scoring=None, names=USUAL, ranges=None):
    """Return parameters for ``estimator.set_params``, drawn from an Optuna trial.

    Parameters
    ----------
    trial : optuna.trial.Trial or FrozenTrial
        A finished one, such as ``study.best_trial``, gives what it drew.
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline ending in one
        Only looked at; the trial is not kept in it.
    y : array-like, default=None
        The training target, from which :func:`loss_space` chooses the losses. Not
        needed without "loss" among the names, or with ``ranges["loss"]``.
    scoring : str or callable, default=None
        What trials are compared by, for which :func:`loss_space` chooses the losses.
        Where that counts all classes alike ("balanced_accuracy"), ``class_weight`` is
        among the parameters: "balanced", or None for losses that leave the frequencies
        out by themselves.
    names : tuple of str
        What to draw, of "loss" and, with their ranges:

        - "learning_rate": 1e-4 to 3e-2, log
        - "lr_schedule": "constant", "cosine" or "one_cycle"
        - "l1": 1e-7 to 1e-3, log (not by default)
        - "l2": 1e-6 to 1e-2, log
        - "weight_decay": 1e-4 to 0.1, log (not by default)
        - "dropout": 0 to 0.5, linear
        - "clip_norm": 0.1 to 10, log (not by default)
        - "clip_value": 0.01 to 1, log (not by default)
        - "max_norm": 0.5 to 8, log (not by default)
        - "input_noise": 0.01 to 0.5, log (not by default)
        - "mixup": 0.05 to 1, log (not by default)
        - "weight_averaging": 0.9 to 0.999, linear (not by default)
        - "batch_size": 32, 64, 128 or 256 (not by default)
    ranges : dict, default=None
        Other ranges, and further parameters of the network's estimator, under its own
        names; the values are those of :func:`suggest_from`.

    Returns
    -------
    dict
        Names as ``estimator`` has them, with the step's before them in a pipeline.

    Raises
    ------
    ValueError, TypeError
        If a name is unknown, y is missing, the score is not for such an estimator, or
        a range makes no sense.

    Examples
    --------
    >>> import optuna
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import Pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.model_selection import suggest_params
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> X, y = load_wine(return_X_y=True)
    >>> net = LossAwareClassifier(batch_size=32, epochs=10, random_state=0)
    >>> pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
    >>> def objective(trial):
    ...     pipe.set_params(**suggest_params(trial, pipe, y, names=["loss", "l2"]))
    ...     return cross_val_score(pipe, X, y, cv=3).mean()
    >>> study = optuna.create_study(direction="maximize")
    >>> study.optimize(objective, n_trials=2)
    >>> best = suggest_params(study.best_trial, pipe, y, names=["loss", "l2"])
    >>> sorted(best)
    ['net__l2', 'net__loss']
    """
    prefix = find_prefix(estimator)
    given = dict(ranges or {})
    family = get_last_step(estimator)._family
    drawn_from = {}
    for name in dict.fromkeys([*names, *given]):
        if name in given:
            drawn_from[prefix + name] = given[name]
        elif name == "loss":
            drawn_from[prefix + name] = make_loss_space(y, family, scoring)
        elif name in RANGES:
            drawn_from[prefix + name] = RANGES[name]
        else:
            raise ValueError(
                f"names holds {name!r}, for which there is no range. "
                f"{nearest(name, ['loss', *RANGES])} Or give ranges={{{name!r}: ...}}."
            )
    return suggest_from(trial, drawn_from)


def make_loss_space(y, family, scoring):
    """Return the losses that fit the score and y, which must be there."""
    if y is None:
        raise ValueError(
            "y=None, so nothing says which losses fit; give the training target y, or "
            "ranges={'loss': ['brier', 'focal:gamma=2.0']}."
        )
    return loss_space(y, scoring=scoring, family=family)


def find_prefix(estimator):
    """Return what stands before the names of the network's parameters."""
    family = getattr(get_last_step(estimator), "_family", None)
    if family not in ("classification", "regression"):
        raise TypeError(
            f"estimator={estimator!r} must be a LossAwareClassifier, a "
            f"LossAwareRegressor or a Pipeline ending in one; for others write "
            f"suggest_from(trial, {{'name': (low, high, 'log')}})."
        )
    if not isinstance(estimator, Pipeline):
        return ""
    return f"{estimator.steps[-1][0]}__"


def suggest_from(trial, param_distributions):
    """Return parameters drawn from an Optuna trial, one for each distribution.

    Parameters
    ----------
    trial : optuna.trial.Trial or FrozenTrial
        A finished one, such as ``study.best_trial``, gives what it drew.
    param_distributions : dict or callable
        From a parameter's name to one of

        - a range ``(low, high, "linear")`` or ``(low, high, "log")``, of ints between
          ints;
        - a list of choices; a tuple of two numbers could be a range as well, and is
          refused. None, bools, numbers and strings are stored as they are,
          other values as the text that they print, so give each a ``repr`` of its own
          that lasts; the value itself is returned;
        - a :class:`LossSpace`, with the name in place of its prefix; where losses come
          with a ``class_weight``, that is returned too, unless it has a distribution of
          its own;
        - a distribution of ``optuna.distributions``;
        - ``uniform``, ``loguniform`` or ``randint`` of ``scipy.stats``.

        Or a function that takes the trial and returns the parameters.

    Returns
    -------
    dict

    Raises
    ------
    TypeError, ValueError
        If a distribution is none of these.

    Examples
    --------
    >>> from optuna.trial import FixedTrial
    >>> from scipy.stats import randint
    >>> from skloss.model_selection import suggest_from
    >>> trial = FixedTrial({"network": "(64, 64)", "epochs": 20, "l2": 0.01})
    >>> suggest_from(
    ...     trial,
    ...     {
    ...         "network": [(16,), (64, 64)],
    ...         "epochs": randint(10, 50),
    ...         "l2": (1e-6, 0.1, "log"),
    ...     },
    ... )
    {'network': (64, 64), 'epochs': 20, 'l2': 0.01}
    """
    check_distributions(param_distributions)
    if callable(param_distributions):
        return dict(param_distributions(trial))
    drawn, beside = {}, {}
    for name, distribution in param_distributions.items():
        if isinstance(distribution, LossSpace):
            beside |= distribution.renamed(name).suggest_params(trial)
            drawn[name] = beside.pop(name)
        else:
            drawn[name] = draw_value(trial, name, distribution)
    return drawn | {name: one for name, one in beside.items() if name not in drawn}


def check_distributions(param_distributions):
    """Raise for what is no space, or has no clear ranges, before anything is drawn."""
    if callable(param_distributions):
        return
    if not isinstance(param_distributions, dict):
        raise TypeError(
            f"param_distributions={param_distributions!r} must be a dict or a function "
            f"of the trial. Optuna knows no list of dicts: for parameters that depend "
            f"on the loss use loss_space(y), for others a function."
        )
    for name, distribution in param_distributions.items():
        if isinstance(distribution, LossSpace):
            distribution.renamed(name).check()
        elif is_range(distribution):
            check_search_range(name, distribution)
        else:
            refuse_unclear_choices(name, distribution)


def draw_value(trial, name, distribution):
    """Return the value of one parameter."""
    if is_range(distribution):
        return draw_number(trial, name, distribution)
    if isinstance(distribution, list | tuple | np.ndarray):
        return choose_value(trial, name, list(distribution))
    if hasattr(distribution, "dist"):
        return draw_number(trial, name, find_range(name, distribution))
    return draw_as_optuna(trial, name, distribution)


def list_choices(param_distributions, name):
    """Return what a parameter is chosen from; empty where nobody can tell beforehand.

    Of a LossSpace these are the losses without the numbers that are drawn for them.
    """
    if not isinstance(param_distributions, dict):
        return []
    distribution = param_distributions.get(name)
    if isinstance(distribution, LossSpace):
        return list(distribution.losses)
    if is_range(distribution):
        return []
    if isinstance(distribution, list | tuple | np.ndarray):
        return list(distribution)
    return list(getattr(distribution, "choices", []))


def draw_as_optuna(trial, name, distribution):
    """Return the value drawn from one of Optuna's own distributions."""
    d = distribution
    if isinstance(d, distributions.FloatDistribution):
        return trial.suggest_float(name, d.low, d.high, step=d.step, log=d.log)
    if isinstance(d, distributions.IntDistribution):
        return trial.suggest_int(name, d.low, d.high, step=d.step, log=d.log)
    if isinstance(d, distributions.CategoricalDistribution):
        return choose_value(trial, name, list(d.choices))
    raise TypeError(
        f"{name}={d!r} is nothing to draw from; give a list of choices, a range such "
        f"as (1e-4, 0.1, 'log'), a LossSpace, or a distribution of Optuna."
    )


def find_range(name, frozen):
    """Return the range of a frozen distribution of SciPy, where it is one."""
    kind = frozen.dist.name
    low, high = (end.item() for end in map(np.asarray, frozen.support()))
    if kind == "randint":
        return int(low), int(high), "linear"
    if kind == "uniform":
        return float(low), float(high), "linear"
    # loc shifts a log-uniform distribution to one that is none
    if kind in ("loguniform", "reciprocal") and np.isclose(
        frozen.median(), np.sqrt(low) * np.sqrt(high), rtol=1e-9
    ):
        return float(low), float(high), "log"
    given = [*map(str, frozen.args), *(f"{k}={v}" for k, v in frozen.kwds.items())]
    raise ValueError(
        f"{name}: SciPy's {kind}({', '.join(given)}) has no counterpart in "
        f"Optuna, which draws uniformly from a range. Give (low, high, 'linear' or "
        f"'log'), or a list of choices."
    )


def choose_value(trial, name, values):
    """Return the value that the trial chooses; Optuna is given what it can store."""
    if not values:
        raise ValueError(f"{name}=[] has no choices; give at least one.")
    stored = [make_storable(name, value, alone=len(values) == 1) for value in values]
    if len(set(stored)) < len(stored):
        raise ValueError(
            f"{name}={values!r} has choices that are equal or print alike, so a stored "
            f"trial could not tell which was drawn. Give each once."
        )
    return values[stored.index(trial.suggest_categorical(name, stored))]


def make_storable(name, value, *, alone=False):
    """Return a choice as Optuna's storages can hold it: itself, or as text.

    One that is ``alone`` need not be told from others.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    text = repr(value)
    if " at 0x" not in text:
        return text
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if alone:
        return describe_value(value)
    raise ValueError(
        f"{name} has the choice {text}, which prints its place in memory: a stored "
        f"study could not be resumed. Give a string, or define __repr__."
    )
