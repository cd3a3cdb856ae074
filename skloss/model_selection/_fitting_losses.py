"""The losses that fit a target and a score, each with its own knobs, as a space."""

import inspect

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import type_of_target

from skloss import losses
from skloss._params import parse_spec
from skloss._params._checks import check_choice
from skloss.estimators._class_codes import densify_target, derive_task, is_ordered
from skloss.exceptions import LossTargetError
from skloss.losses._core._get_loss import by_name
from skloss.model_selection._rewards import (
    find_reward,
    needs_weights,
    reads_probabilities,
)
from skloss.model_selection._spaces import WEIGHT, LossSpace

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


def loss_space(
    y, *, scoring=None, include=None, exclude=(), family=None, prefix="loss"
):
    """Return the losses that fit a target and a score, with the ranges of their knobs.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, targets)
        The training target.
    scoring : str or callable, default=None
        What candidates are compared by: the name of a scorer of scikit-learn, or one
        that :func:`sklearn.metrics.make_scorer` made. The losses are then those that
        elicit what it rewards, each with its reason; a score that nobody knows leaves
        all that are usual. Losses that do not give the probabilities that it reads are
        left out. Where it counts all classes alike ("balanced_accuracy"), losses come
        with ``class_weight="balanced"``, but for those that leave the frequencies out
        by themselves.
    include : None, "all" or list of str, default=None
        None: those of the score, or else those that are usually worth a try. "all":
        every loss of the catalogue that fits, those for quantiles of any level
        included. A list: just these; numbers given in a string, as in
        ``"hl_gauss:bins=16"``, are not searched. Losses of ordered classes are among
        the first two where y is an ordered pandas categorical, or the score knows an
        order.
    exclude : list of str, default=()
        Losses to leave out; with numbers only those that are listed with the same.
    family : {"classification", "regression"}, default=None
        None: that of the score; else regression where y has fractions, several columns
        of numbers, or more than 30 different values as floats; else classification,
        refused for more than 30 different integers.
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
        If a name is unknown, nothing is left, the score is for the other family or
        rewards what is worse, or y could be either.

    Examples
    --------
    >>> from skloss.model_selection import loss_space
    >>> loss_space([0, 1, 1, 0], include=["brier", "focal", "sce:beta=1.0"])
    LossSpace({
        'brier': {},
        'focal': {'gamma': (0.25, 5.0, 'log')},
        'sce:beta=1.0': {'alpha': (0.05, 10.0, 'log')},
    })

    From the score:

    >>> from sklearn.metrics import make_scorer, mean_pinball_loss
    >>> counts = [0, 3, 1, 0, 2]
    >>> loss_space(counts, scoring="neg_mean_absolute_error")
    LossSpace({
        # The score itself: it elicits the median.
        'absolute_error': {},
        # Near the median, and smooth where errors are small.
        'huber': {'delta': (0.1, 3.0, 'log')},
        # A smooth relative of the absolute error, without a knob.
        'log_cosh': {},
    })
    >>> scorer = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
    >>> space = loss_space(counts, scoring=scorer)
    >>> space.reasons["quantile:quantile=0.9"]
    'The score itself: it elicits this quantile.'
    """
    check_choice("family", family, (None, "classification", "regression"))
    reward = find_reward(scoring)
    task, Y, ordered = describe_target_of(y, family, scoring, reward)
    if include is None or (isinstance(include, str) and include == "all"):
        fitting = find_fitting(include, task, Y, ordered, scoring, reward)
    else:
        fitting = {
            t: get_loss("include", t, task) for t in list_texts("include", include)
        }
        for text, loss in fitting.items():
            refuse_misfit(text, loss, task, Y, scoring)
    fitting = leave_out(exclude, fitting, task)
    if not fitting:
        raise ValueError(
            f"include={include!r} and exclude={exclude!r} leave no loss to choose "
            f"from; name fewer to exclude, or more to include."
        )
    ranges = {text: find_knobs(text, loss, reward) for text, loss in fitting.items()}
    known = {} if reward is None else reward.reasons
    reasons = {text: known[text] for text in fitting if text in known}
    return LossSpace(ranges, prefix=prefix, reasons=reasons or None)


def describe_target_of(y, family, scoring, reward):
    """Return what ``describe_target`` does, for the family that the score is for."""
    if reward is None:
        return describe_target(y, family)
    if family not in (None, reward.family):
        raise ValueError(
            f"scoring={scoring!r} is a score of {reward.family}, which contradicts "
            f"family={family!r}; change one of them."
        )
    try:
        return describe_target(y, reward.family)
    except ValueError as error:
        raise ValueError(
            f"y does not go with scoring={scoring!r}, a score of {reward.family}: "
            f"{error}"
        ) from error


def find_fitting(include, task, Y, ordered, scoring, reward):
    """Return the losses of a list of ours that fit, by their strings.

    Raises
    ------
    ValueError
        If none that the score rewards does.
    """
    if reward is not None:
        ordered = ordered or reward.ordered
    if include == "all":
        texts = list_all_losses(task, ordered)
    elif reward is None:
        texts = list_usual_losses(task, ordered)
    else:
        texts = list(reward.reasons)
    found = {text: losses.get(text, task.family) for text in texts}
    misfits = {
        text: explain_misfit(loss, task, Y, scoring) for text, loss in found.items()
    }
    fitting = {
        text: loss
        for text, loss in found.items()
        if not misfits[text] and (ordered or not getattr(loss, "ordered", False))
    }
    if not fitting and reward is not None:
        first = next(iter(misfits))
        raise ValueError(
            f"scoring={scoring!r} rewards the {reward.functional}, and no loss for it "
            f"fits y. {first!r}: {misfits[first]} Choose another score, or the losses "
            f"by include=."
        )
    return fitting


def leave_out(exclude, fitting, task):
    """Return the losses without those to leave out."""
    for text in list_texts("exclude", exclude):
        unwanted = type(get_loss("exclude", text, task)), parse_spec(text)[1]
        fitting = {
            t: loss
            for t, loss in fitting.items()
            if (type(loss), parse_spec(t)[1] if ":" in text else {}) != unwanted
        }
    return fitting


def describe_target(y, family):
    """Return the task, the target as an array, and whether its classes are ordered."""
    given = y.iloc[:, 0] if hasattr(y, "iloc") and y.ndim == 2 and len(y.T) == 1 else y
    ordered = is_ordered(y)
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


def explain_misfit(loss, task, Y, scoring):
    """Return why a loss does not fit the target or the score, or an empty string."""
    if task.kind not in loss.kinds:
        return f"It is for {' or '.join(loss.kinds)} targets, and y is {task.kind}."
    if task.family == "regression":
        try:
            loss.check_target(task, Y)
        except LossTargetError as error:
            return str(error)
        return ""
    if reads_probabilities(scoring) and not loss.has_probabilities:
        return f"It gives no probabilities, which scoring={scoring!r} reads."
    return ""


def refuse_misfit(text, loss, task, Y, scoring):
    """Raise LossTargetError where a loss does not fit the target or the score."""
    reason = explain_misfit(loss, task, Y, scoring)
    if reason:
        raise LossTargetError(
            f"include holds {text!r}, which does not fit. {reason} Leave it out, or "
            f"let include=None choose."
        )


def find_knobs(text, loss, reward):
    """Return the ranges of the knobs that ``text`` does not set, and class weights."""
    _, fixed = parse_spec(text)
    knobs = {k: value for k, value in loss.search_space.items() if k not in fixed}
    if reward is None:
        return knobs
    weights = {WEIGHT: "balanced"} if needs_weights(reward, loss) else {}
    return knobs | reward.knobs.get(text, {}) | weights
