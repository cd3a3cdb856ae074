"""What a score rewards, and the losses that elicit it.

A score of scikit-learn is recognised by its function and the arguments that
``make_scorer`` was given. Which losses are worth a trial, and which are not although
they elicit the same, was measured: for scores that have a loss of their own (log-loss,
squared error) others add nothing on clean data.
"""

import functools
from dataclasses import dataclass, field
from typing import Any

from sklearn.metrics import check_scoring, get_scorer_names

from skloss._params import nearest
from skloss._sklearn import (
    response_methods,
    score_arguments,
    score_function,
    score_sign,
)
from skloss.exceptions import UnknownNameError


@dataclass(frozen=True)
class Reward:
    """What the best prediction for a score is, and which losses aim at it.

    Attributes
    ----------
    family : {"classification", "regression"}
    functional : str
        The property of the distribution of y that scores best.
    reasons : dict of str to str
        From a loss as a string to a short sentence; the score's own loss first.
    knobs : dict of str to dict
        Ranges that some losses have in place of the catalogue's.
    ordered : bool
        The score knows an order of the classes.
    balanced : bool
        The score counts all classes alike, however frequent they are.
    """

    family: str
    functional: str
    reasons: dict[str, str]
    knobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ordered: bool = False
    balanced: bool = False


SMOOTHED = "Smoothed labels: less certain, where rows are few or labels wrong."
TOLERANT = "Class probabilities; wrong labels pull less."
PLAIN = "cross_entropy:label_smoothing=0.0"

MEAN = Reward(
    "regression",
    "mean",
    {
        "squared_error": "The score itself: squares elicit the mean.",
        "huber": "Near the mean; rows far off pull less, where some y are wrong.",
        "poisson": "The mean too, above 0; the scatter grows with it.",
        "fractional": "The mean too, between 0 and 1.",
    },
)
MEDIAN = Reward(
    "regression",
    "median",
    {
        "absolute_error": "The score itself: it elicits the median.",
        "huber": "Near the median, and smooth where errors are small.",
        "log_cosh": "A smooth relative of the absolute error, without a knob.",
    },
)
SHORTEST_HALF = Reward(
    "regression",
    "middle of the shortest half",
    {
        "absolute_error": "Large errors pull no more than small ones.",
        "cauchy": "Large errors pull less and less, as half of them do not count.",
        "tukey": "Large errors pull nothing, as half of them do not count.",
    },
)
MIDRANGE = Reward(
    "regression",
    "middle between the smallest and the largest",
    {
        "squared_error": "Large errors pull more than small ones.",
        "squared_epsilon_insensitive": "Small errors pull nothing at all.",
    },
)
LOG_MEAN = Reward(
    "regression",
    "exp(mean of log(1 + y)) - 1",
    {"msle": "The score itself: squared errors of log(1 + y)."},
)
RELATIVE_MEDIAN = Reward(
    "regression",
    "median, weighted by 1 / y",
    {"mape": "The score itself: it elicits a median that favours small y."},
)
POISSON_MEAN = Reward(
    "regression",
    "mean, predicted above 0",
    {
        "poisson": "The score itself: the mean, above 0.",
        "negative_binomial": "The mean of counts that scatter more than Poisson's.",
        "zero_inflated_poisson": "The mean of counts with more zeros than Poisson's.",
        "tweedie": "The mean, above 0; the scatter grows faster with it.",
    },
)
GAMMA_MEAN = Reward(
    "regression",
    "mean, predicted above 0",
    {"gamma": "The score itself: the mean; errors count in relation to it."},
)

PROBABILITIES = Reward(
    "classification",
    "class probabilities",
    {
        PLAIN: "The score itself.",
        "cross_entropy": SMOOTHED,
        "gce": TOLERANT,
        "cumulative_link": "Probabilities of ordered classes by one score.",
        "corn": "Probabilities of ordered classes, one threshold at a time.",
    },
)
SQUARED_PROBABILITIES = Reward(
    "classification",
    "class probabilities",
    {
        "brier": "The score itself.",
        PLAIN: "Class probabilities too; it learns faster from gross errors.",
        "cross_entropy": SMOOTHED,
        "gce": TOLERANT,
        "rps": "Squared errors of the shares below each of the ordered classes.",
    },
)
BEST_CLASS = Reward(
    "classification",
    "most probable class",
    {
        PLAIN: "Class probabilities, of which the largest decides.",
        "cross_entropy": SMOOTHED,
        "brier": "Class probabilities; gross errors pull less.",
        "gce": TOLERANT,
        "square": "Squared errors of the scores, often as accurate.",
        "squared_hinge": "Rows that are right by a margin pull nothing.",
        "cumulative_link": "Probabilities of ordered classes by one score.",
    },
)
ADJUSTED = "logit_adjusted:posterior=balanced"
SCALED = "vector_scaling:posterior=balanced"
LDAM = "ldam:posterior=balanced"
# Right is 1; long training, which is too sure of the frequent class, wants a bit more.
NEAR_ONE = {"tau": (0.75, 1.5, "linear")}
BALANCED_CLASS = Reward(
    "classification",
    "most probable class, if all were equally frequent",
    {
        ADJUSTED: "Scores without the frequencies: the least balanced error.",
        SCALED: "Scores shifted and stretched by the class frequencies.",
        "cross_entropy": "All classes weigh the same, by class_weight.",
        LDAM: "Margins, and classes that weigh the same by class_weight.",
    },
    {ADJUSTED: NEAR_ONE, SCALED: NEAR_ONE},
    balanced=True,
)
# With posterior="balanced". The margins of LDAM alone hardly move a decision: those who
# found them weigh the classes too.
BALANCE_THEMSELVES = ("logit_adjusted", "vector_scaling", "class_balanced")

RANKING = Reward(
    "classification",
    "order of the rows by probability",
    {
        "auc_pairwise": "Pairs of rows in the wrong order, as the score has them.",
        PLAIN: "Class probabilities: their order is the best.",
        "cross_entropy": SMOOTHED,
        "focal": "Class probabilities; rows that are hard to tell count more.",
    },
)
THRESHOLD = "Its tau moves the threshold towards rare classes."
THRESHOLD_KNOBS = {ADJUSTED: {"tau": (0.0, 1.0, "linear")}}
AGREEMENT = Reward(
    "classification",
    "class above a threshold that depends on the frequencies",
    {
        PLAIN: "Class probabilities, of which the largest decides.",
        "cross_entropy": SMOOTHED,
        ADJUSTED: THRESHOLD,
    },
    THRESHOLD_KNOBS,
)


def reward_quantile(arguments):
    """Return the reward of the pinball loss at a level."""
    level = float(arguments.get("alpha", 0.5))
    if level == 0.5:
        return MEDIAN
    reasons = {
        "quantile": "The score itself: it elicits this quantile.",
        "smooth_quantile": "The same, smooth where errors are small.",
    }
    reasons = {f"{name}:quantile={level!r}": why for name, why in reasons.items()}
    return Reward("regression", f"quantile at {level!r}", reasons)


def reward_tweedie(arguments):
    """Return the reward of the Tweedie deviance at a power."""
    power = float(arguments.get("power", 0.0))
    if power <= 0:
        return MEAN
    if power == 1:
        return POISSON_MEAN
    if power >= 2:
        return GAMMA_MEAN
    reasons = {
        f"tweedie:power={power!r}": "The score itself: the mean, above 0.",
        "tweedie": "The mean too, with the power that suits y.",
        "poisson": "The mean too; the scatter grows slower with it.",
        "gamma": "The mean too; the scatter grows faster with it.",
    }
    return Reward("regression", "mean, predicted above 0", reasons)


def reward_f(arguments):
    """Return the reward of an F score.

    It is TP / (TP + alpha FP + beta FN) with alpha = 1 / (1 + b^2), beta = 1 - alpha.
    """
    alpha = 1 / (1 + float(arguments.get("beta", 1.0)) ** 2)
    return reward_overlap(alpha, 1 - alpha)


def reward_jaccard(arguments):
    """Return the reward of Jaccard's index, TP / (TP + FP + FN)."""
    return reward_overlap(1.0, 1.0)


def reward_overlap(alpha, beta):
    """Return what TP / (TP + alpha FP + beta FN) rewards: it is best by a threshold.

    That depends on the best score itself, so the losses are the score made smooth,
    probabilities, and those that move their threshold.
    """
    reasons = {
        f"tversky:alpha={alpha!r},beta={beta!r}": "The score itself, made smooth.",
        PLAIN: "Class probabilities; TunedThresholdClassifierCV moves the threshold.",
        ADJUSTED: THRESHOLD,
    }
    functional = "class above a threshold that depends on the best score"
    return Reward("classification", functional, reasons, THRESHOLD_KNOBS)


def reward_kappa(arguments):
    """Return the reward of Cohen's kappa, by how it counts ranks that are off.

    It is relative to chance, so predictions must vary as much as y does: that the mean
    rank decides, which has the least squared error, draws them together and is worse
    than the most probable class, and than the median where most classes are low.
    """
    weights = arguments.get("weights")
    if weights is None:
        return AGREEMENT
    own = {"qwk": "The score itself, made smooth."} if weights == "quadratic" else {}
    median = "The same; the median rank decides, where one class is very frequent."
    reasons = {
        "cumulative_link": "Probabilities of ordered classes by one score.",
        "cumulative_link:decision=median": median,
        "corn": "Probabilities of ordered classes, one threshold at a time.",
        "rps": "Squared errors of the shares below each of the ordered classes.",
        "sord": "Labels that are smoothed over the ranks beside them.",
        PLAIN: "Class probabilities without any order.",
    }
    functional = "ranks that agree beyond chance"
    return Reward("classification", functional, own | reasons, ordered=True)


#: From a function of ``sklearn.metrics`` to what it rewards, or to what finds that.
REWARDS = {
    "mean_squared_error": MEAN,
    "root_mean_squared_error": MEAN,
    "r2_score": MEAN,
    "explained_variance_score": MEAN,
    "mean_absolute_error": MEDIAN,
    "d2_absolute_error_score": MEDIAN,
    "median_absolute_error": SHORTEST_HALF,
    "max_error": MIDRANGE,
    "mean_pinball_loss": reward_quantile,
    "d2_pinball_score": reward_quantile,
    "mean_poisson_deviance": POISSON_MEAN,
    "mean_gamma_deviance": GAMMA_MEAN,
    "mean_tweedie_deviance": reward_tweedie,
    "d2_tweedie_score": reward_tweedie,
    "mean_squared_log_error": LOG_MEAN,
    "root_mean_squared_log_error": LOG_MEAN,
    "mean_absolute_percentage_error": RELATIVE_MEDIAN,
    "log_loss": PROBABILITIES,
    "d2_log_loss_score": PROBABILITIES,
    "brier_score_loss": SQUARED_PROBABILITIES,
    "d2_brier_score": SQUARED_PROBABILITIES,
    "accuracy_score": BEST_CLASS,
    "zero_one_loss": BEST_CLASS,
    "hamming_loss": BEST_CLASS,
    "balanced_accuracy_score": BALANCED_CLASS,
    "roc_auc_score": RANKING,
    "average_precision_score": RANKING,
    "f1_score": reward_f,
    "fbeta_score": reward_f,
    "jaccard_score": reward_jaccard,
    "matthews_corrcoef": AGREEMENT,
    "cohen_kappa_score": reward_kappa,
}


def find_scorer(scoring):
    """Return the scorer that ``scoring`` names, or is; raise if it is none."""
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise UnknownNameError(
            f"scoring={scoring!r} is no scorer of scikit-learn. "
            f"{nearest(scoring, get_scorer_names())}"
        )
    if not (isinstance(scoring, str) or callable(scoring)):
        raise TypeError(
            f"scoring={scoring!r} must be the name of one scorer, or a scorer as "
            f"make_scorer makes it. Of several give the one that refit names: "
            f"different scores want different losses."
        )
    return check_scoring(scoring=scoring)


def reads_probabilities(scoring):
    """Tell whether a score asks for probabilities, and takes nothing else."""
    if scoring is None:
        return False
    return response_methods(find_scorer(scoring)) == ["predict_proba"]


def needs_weights(reward, loss):
    """Tell whether ``class_weight`` has to make the classes of a loss count alike."""
    if not reward.balanced:
        return False
    return loss.name not in BALANCE_THEMSELVES or loss.posterior != "balanced"


def find_reward(scoring):
    """Return the Reward of a score, None where nobody knows it, or there is none.

    Parameters
    ----------
    scoring : str, callable or None

    Raises
    ------
    ValueError, TypeError
        If it is no scorer, or rewards what its metric punishes.
    """
    if scoring is None:
        return None
    scorer = find_scorer(scoring)
    function, arguments = score_function(scorer), score_arguments(scorer)
    if isinstance(function, functools.partial):
        function, arguments = function.func, {**function.keywords, **arguments}
    name = getattr(function, "__name__", "")
    if not getattr(function, "__module__", "").startswith("sklearn."):
        return None
    reward = REWARDS.get(name)
    if callable(reward):
        reward = reward(arguments)
    if reward is not None:
        higher_is_better = not name.endswith(("_error", "_loss", "_deviance"))
        if higher_is_better != (score_sign(scorer) > 0):
            raise ValueError(
                f"scoring={scoring!r} is the higher, the worse the predictions are; "
                f"make_scorer needs greater_is_better={higher_is_better} for {name}."
            )
    return reward
