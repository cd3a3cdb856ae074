"""The losses that fit a target, each with its own knobs, as a search space."""

import inspect

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import type_of_target

from skloss import losses
from skloss._params import Params, parse_spec
from skloss._params._checks import check_choice, check_count
from skloss.estimators._class_codes import densify_target, derive_task
from skloss.exceptions import LossTargetError
from skloss.losses._core._get_loss import by_name
from skloss.model_selection._ranges import (
    check_search_range,
    draw_number,
    spread_numbers,
)

# From many integers on, a user is as likely to mean counts as classes.
MOST_CLASSES = 30

# What a search tries unless told: few enough for some dozens of trials, each for a
# reason of its own, and with probabilities. The range of label smoothing is one of a
# logarithm and lacks 0, so there is a choice without.
USUAL = {
    "classification": (
        "cross_entropy:label_smoothing=0.0",
        "cross_entropy",
        "brier",
        "focal",
        "poly",
        "gce",
        "square",
    ),
    "multilabel": ("asymmetric_loss",),
    "ordered": ("cumulative_link", "coral", "corn", "rps", "sord"),
    "regression": (
        "squared_error",
        "absolute_error",
        "huber",
        "log_cosh",
        "gaussian_nll",
        "student_t_nll",
        "crps",
        "poisson",
        "tweedie",
        "gamma",
        "log_normal_nll",
        "negative_binomial",
        "zero_inflated_poisson",
        "fractional",
        "beta_likelihood",
    ),
}


class LossSpace(Params):
    """Losses to choose from, each with the ranges of its own knobs.

    Usually made by :func:`loss_space`; it prints as the code that makes it, to be
    edited.

    Parameters
    ----------
    losses : dict
        From a loss as a string, ``"focal"`` or, with numbers that are not searched,
        ``"hl_gauss:bins=16"``, to a dict from knob to ``(low, high, scale)`` with the
        scale "linear" or "log". Between two ints an int is drawn.
    prefix : str, default="loss"
        Name of the parameter; ``"net__loss"`` for the step "net" of a pipeline.

    Examples
    --------
    >>> from skloss.model_selection import LossSpace
    >>> space = LossSpace({"brier": {}, "focal": {"gamma": (0.25, 4.0, "log")}})
    >>> space.grid(n=3)
    [{'loss': ['brier']}, {'loss': ['focal'], 'loss__gamma': [0.25, 1.0, 4.0]}]

    An Optuna objective, and what a trial holds afterwards:

    >>> from optuna.trial import FixedTrial
    >>> space.suggest(FixedTrial({"loss": "focal", "loss__focal__gamma": 2.0}))
    'focal:gamma=2.0'
    """

    def __init__(self, losses, *, prefix="loss"):
        self.losses = losses
        self.prefix = prefix

    def __repr__(self):
        lines = [f"    {text!r}: {knobs!r},\n" for text, knobs in self.losses.items()]
        prefix = "" if self.prefix == "loss" else f", prefix={self.prefix!r}"
        return f"LossSpace({{\n{''.join(lines)}}}{prefix})"

    def check(self):
        """Raise ValueError or TypeError unless there are losses, and ranges."""
        if not isinstance(self.losses, dict) or not self.losses:
            raise ValueError(
                f"LossSpace: losses={self.losses!r} must be a dict that is not empty, "
                f"such as {{'focal': {{'gamma': (0.25, 5.0, 'log')}}}}."
            )
        for text, knobs in self.losses.items():
            for knob, value in knobs.items():
                check_search_range(f"LossSpace: {text} {knob}", value)

    def renamed(self, prefix):
        """Return the same space for a parameter of another name.

        Parameters
        ----------
        prefix : str

        Returns
        -------
        LossSpace
        """
        return LossSpace(self.losses, prefix=prefix)

    def suggest(self, trial):
        """Return a loss as a string; its own knobs are drawn, and no other's.

        The choice has the name ``prefix`` in the trial, a knob
        ``<prefix>__<loss>__<knob>``. Given a finished trial, such as
        ``study.best_trial``, it returns what that trial drew.

        Parameters
        ----------
        trial : optuna.trial.Trial, FrozenTrial or FixedTrial

        Returns
        -------
        str
            For example ``"focal:gamma=2.0"``, exact to the last digit.
        """
        self.check()
        text = trial.suggest_categorical(self.prefix, list(self.losses))
        name, _ = parse_spec(text)
        drawn = [
            f"{knob}={draw_number(trial, f'{self.prefix}__{name}__{knob}', value)!r}"
            for knob, value in self.losses[text].items()
        ]
        joint = "," if ":" in text else ":"
        return f"{text}{joint}{','.join(drawn)}" if drawn else text

    def grid(self, n=3):
        """Return a list of dicts for a grid search.

        Parameters
        ----------
        n : int, default=3
            Number of values a knob, from the low end of its range to the high one, even
            on its scale; for ``n=1`` the middle.

        Returns
        -------
        list of dict
            Some ``{"loss": ["focal"], "loss__gamma": [...]}`` for each loss.
        """
        self.check()
        check_count("n", n)
        return [
            {
                self.prefix: [text],
                **{
                    f"{self.prefix}__{knob}": spread_numbers(knob, value, n)
                    for knob, value in knobs.items()
                },
            }
            for text, knobs in self.losses.items()
        ]


def loss_space(y, *, include=None, exclude=(), family=None, prefix="loss"):
    """Return the losses that fit a target, with the ranges of their knobs.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, targets)
        The training target.
    include : None, "all" or list of str, default=None
        None: those that are usually worth a try. "all": every loss of the catalogue
        that fits, those for quantiles of any level included. A list: just these;
        numbers given in a string, as in ``"hl_gauss:bins=16"``, are not searched.
        Losses of ordered classes are among the first two where y is an ordered pandas
        categorical.
    exclude : list of str, default=()
        Losses to leave out; with numbers only those that are listed with the same.
    family : {"classification", "regression"}, default=None
        None: regression where y has fractions, several columns of numbers, or more
        than 30 different values as floats; else classification, refused for more than
        30 different integers.
    prefix : str, default="loss"
        Name of the parameter; ``"net__loss"`` for the step "net" of a pipeline.

    Returns
    -------
    LossSpace

    Raises
    ------
    LossTargetError
        If a loss of the list does not fit y.
    ValueError, TypeError
        If a name is unknown, nothing is left, or y could be either.

    Examples
    --------
    >>> from skloss.model_selection import loss_space
    >>> loss_space([0, 1, 1, 0], include=["brier", "focal", "sce:beta=1.0"])
    LossSpace({
        'brier': {},
        'focal': {'gamma': (0.25, 5.0, 'log')},
        'sce:beta=1.0': {'alpha': (0.05, 10.0, 'log')},
    })
    >>> counts = [0, 3, 1, 0, 2]
    >>> sorted(set(loss_space(counts, family="regression").losses)
    ...        - set(loss_space([0.5, -1.5]).losses))
    ['negative_binomial', 'poisson', 'tweedie', 'zero_inflated_poisson']
    """
    check_choice("family", family, (None, "classification", "regression"))
    task, Y, ordered = describe_target(y, family)
    if include is None or (isinstance(include, str) and include == "all"):
        texts = (
            list_usual_losses(task, ordered)
            if include is None
            else list_all_losses(task, ordered)
        )
        fitting = {text: losses.get(text, task.family) for text in texts}
        fitting = {
            t: loss for t, loss in fitting.items() if not explain_misfit(loss, task, Y)
        }
    else:
        fitting = {
            t: get_loss("include", t, task) for t in list_texts("include", include)
        }
        for text, loss in fitting.items():
            refuse_misfit(text, loss, task, Y)
    for text in list_texts("exclude", exclude):
        unwanted = type(get_loss("exclude", text, task)), parse_spec(text)[1]
        fitting = {
            t: loss
            for t, loss in fitting.items()
            if (type(loss), parse_spec(t)[1] if ":" in text else {}) != unwanted
        }
    if not fitting:
        raise ValueError(
            f"include={include!r} and exclude={exclude!r} leave no loss to choose "
            f"from; name fewer to exclude, or more to include."
        )
    return LossSpace(
        {text: find_searched_ranges(text, loss) for text, loss in fitting.items()},
        prefix=prefix,
    )


def describe_target(y, family):
    """Return the task, the target as an array, and whether its classes are ordered."""
    given = y.iloc[:, 0] if hasattr(y, "iloc") and y.ndim == 2 and len(y.T) == 1 else y
    ordered = bool(getattr(getattr(given, "dtype", None), "ordered", False))
    y = check_array(given, accept_sparse=True, ensure_2d=False, dtype=None)
    y = densify_target(y)
    if (family or find_family(y)) == "classification":
        task, _ = derive_task(y)
        return task, y, ordered and task.kind == "multiclass"
    Y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    return losses.Task("regression", Y.shape[1]), Y, False


def find_family(y):
    """Return the family that a target is for, refused where it could be either."""
    if y.dtype.kind not in "iuf":
        return "classification"
    if y.ndim == 2:
        labels = type_of_target(y, input_name="y") == "multilabel-indicator"
        return "classification" if labels else "regression"
    values = np.unique(y)
    many = len(values) > MOST_CLASSES
    if (values != np.floor(values)).any() or (many and y.dtype.kind == "f"):
        return "regression"
    if many:
        raise ValueError(
            f"y has {len(values)} different integers, which may be classes or "
            f"counts; say family='classification' or family='regression'."
        )
    return "classification"


def list_usual_losses(task, ordered):
    """Return the losses that are worth a try unless more is known."""
    kinds = [task.family, task.kind, *(["ordered"] if ordered else [])]
    return [text for kind in dict.fromkeys(kinds) for text in USUAL.get(kind, ())]


def list_all_losses(task, ordered):
    """Return every loss of the catalogue that needs no arguments."""
    classes = by_name(task.family)
    return [
        name
        for name in losses.loss_names(task.family)
        if not needs_arguments(classes[name])
        and (ordered or not getattr(classes[name], "ordered", False))
    ]


def needs_arguments(cls):
    """Tell whether a loss cannot be made by its name alone."""
    return inspect.Parameter.empty in cls._defaults().values()


def list_texts(argument, given):
    """Return ``given`` as a list of strings, one string as a list of one."""
    given = [given] if isinstance(given, str) else list(given)
    for text in given:
        if not isinstance(text, str):
            raise TypeError(
                f"{argument} holds {text!r}; a search space names losses by strings, "
                f"such as 'focal' or 'hl_gauss:bins=16', which any storage can hold."
            )
    return given


def get_loss(argument, text, task):
    """Return the loss that ``text`` names, or say which argument is wrong."""
    try:
        return losses.get(text, task.family)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{argument} holds {text!r}: {error}") from error


def explain_misfit(loss, task, Y):
    """Return why a loss does not fit the target, or an empty string."""
    if task.kind not in loss.kinds:
        return f"It is for {' or '.join(loss.kinds)} targets, and y is {task.kind}."
    if task.family == "regression":
        try:
            loss.check_target(task, Y)
        except LossTargetError as error:
            return str(error)
    return ""


def refuse_misfit(text, loss, task, Y):
    """Raise LossTargetError where a loss does not fit the target."""
    reason = explain_misfit(loss, task, Y)
    if reason:
        raise LossTargetError(
            f"include holds {text!r}, which does not fit y. {reason} Leave it out, or "
            f"let include=None choose."
        )


def find_searched_ranges(text, loss):
    """Return the ranges of the knobs that ``text`` does not set."""
    _, fixed = parse_spec(text)
    return {k: value for k, value in loss.search_space.items() if k not in fixed}
