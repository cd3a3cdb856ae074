"""What can be wrong with a table, or with a network that it is fitted to.

Their cures are mostly no parameters: the remedy is empty, and the advice holds the code
to write.
"""

import numpy as np

from skloss._diagnosis._features import HELD, MOST_UNEQUAL, NARROWEST, WIDEST
from skloss._diagnosis._finding import Finding, get_largest_value

SCALER = "make_pipeline(StandardScaler(), {})"
# Findings that say that training went badly, as unscaled features make it.
SUFFERING = {
    "diverged",
    "predicts_otherwise",
    "exploding_gradients",
    "learning_rate_too_high",
    "learning_rate_too_low",
    "idle_units",
    "vanishing_gradients",
    "stalled",
    "not_converged",
}
BETTER = 0.05  # of the variance that least squares explains, and the network does not
FAR = 10  # standard deviations
N_NAMED = 3
ROUNDING = 1e-12  # of a column's size: the spread of equal numbers, as computed
LOST, WORSE = 0.1, 0.5  # of what training has gained on a constant, and of its loss


def find_nothing_to_learn(t):
    """Find a target, or a table, that does not vary."""
    spread, size = t.record.features.spread, t.record.features.size
    if len(t.record.common_share) and (t.record.common_share == 1).all():
        what, look = "y has one value only", "y"
    elif (spread <= ROUNDING * size).all():
        what, look = "Every column of X has one value only", "X"
    else:
        return None
    return Finding(
        "nothing_to_learn",
        f"{what}.",
        f"Look at {look}: no parameter helps where there is nothing to learn.",
    )


def find_target_outlier(t):
    """Find a row whose target is most of what a loss of squares sees of all."""
    share = t.record.extreme_share
    scaling = getattr(t.fitted.loss, "target_scaling", None)  # several tasks have none
    if scaling != "standard" or not np.max(share, initial=0.0) > 0.5:
        return None
    return Finding(
        "target_outlier",
        f"One of the training rows holds {share.max():.0%} of the variance of y.",
        "Look at y, and clean it, or take its logarithm; a robust loss, such as "
        "'huber', is hardly moved by one row.",
    )


def find_lost_precision(t):
    """Find columns whose differences the network's dtype rounds off."""
    scale = t.record.features
    lost = np.flatnonzero((scale.lost > HELD) & ~scale.exempt)
    if not len(lost):
        return None
    dtype = t.fitted.outputs.weights.dtype.name
    k = lost[np.argmax(scale.lost[lost])]
    return Finding(
        "feature_precision",
        f"In {dtype}, in which the network computes, {name_columns(t, lost)} "
        f"{'loses its' if len(lost) == 1 else 'lose their'} differences: "
        f"{name_columns(t, [k])} is {format_number(scale.mean[k])} with a standard "
        f"deviation of {format_number(scale.spread[k])}.",
        f"Subtract the mean before the network: {write_scaling_code(t)}, on an X of "
        f"float64.",
    )


def find_unscaled_features(t, others):
    """Find columns far from the scale of the first weights, where training suffered.

    Parameters
    ----------
    t : Training
    others : list of Finding
        What else was found.
    """
    scale = t.record.features
    narrow, wide = scale.extremes()
    suffered = SUFFERING & {one.name for one in others}
    worse = t.record.features_explain - t.record.outputs_explain
    if not len([*narrow, *wide]) or not (suffered or worse > BETTER):
        return None
    parts = []
    if len(wide):
        size = format_number(scale.size[wide[0]])
        parts.append(f"{name_columns(t, wide)} of size up to {size}")
    if len(narrow):
        spread = format_number(scale.spread[narrow[0]])
        parts.append(
            f"{name_columns(t, narrow)} with standard deviations from {spread}"
        )
    look = advise_on_outlier(t, [*wide, *narrow][0])
    effect = "training suffered: see the next finding"
    if not suffered:
        effect = (
            f"the network explains {t.record.outputs_explain:.0%} of the target's "
            f"variance on the training rows, a linear model of scaled features "
            f"{t.record.features_explain:.0%}"
        )
    return Finding(
        "unscaled_features",
        f"X has {' and '.join(parts)}, and {effect}. Networks start with weights for "
        f"features of mean 0 and standard deviation 1, and learn well from "
        f"{NARROWEST:g} to {WIDEST:g} if no two differ by more than a factor of "
        f"{MOST_UNEQUAL:g}.",
        f"Scale the features: {write_scaling_code(t)}.{look}",
    )


def advise_on_outlier(t, k):
    """Return the advice on a column whose furthest value scaling leaves far off.

    It is empty where there is no such value.
    """
    furthest = t.record.features.furthest[k]
    if not furthest > FAR:
        return ""
    return (
        f" The furthest value of {name_columns(t, [k])} is {format_number(furthest)} "
        f"standard deviations from the mean: look at it, and clip such values before."
    )


def find_other_predictions(t):
    """Find a network whose training rows have a far higher loss when predicted.

    Noise, dropped units and mixed rows make the loss of training higher, and that is
    all right; only a loss that is higher when predicted is found: by half, and by a
    tenth of what training has gained on the best constant.
    """
    averages = get_largest_value(t.settings, "weight_averaging") > 0
    if averages and not t.fitted.outputs.stored.size:
        return None  # averaged weights may lag behind
    trained, predicted = t.record.fitted_loss, t.record.predicted_loss
    gained = np.nan_to_num(t.record.reference_loss - trained)
    limit = max(LOST * gained, WORSE * abs(trained - t.least))
    if not (np.isfinite(trained) and predicted - trained > limit):
        return None
    remedy = {}
    advice = (
        "Where it normalises batches, leave out biases before the normalisation, train "
        "for more steps, lower its momentum, or use LayerNormalization; other layers "
        "must compute the same in training and prediction."
    )
    if t.is_mlp() and t.settings.network.normalization == "batch":
        remedy = {"network__normalization": "layer"}
        advice = (
            "The moving means and variances by which it predicts are not those of its "
            "batches: normalise over the units of a row, or train for more steps."
        )
    return Finding(
        "predicts_otherwise",
        f"On its training rows the network has a loss of {trained:.3g} while it is "
        f"trained, and of {predicted:.3g} when it predicts the same rows.",
        advice,
        remedy,
    )


def name_columns(t, columns):
    """Return some columns by name where the names are known, else by number."""
    names = t.fitted.features.names
    shown = [int(k) if names is None else str(names[k]) for k in columns[:N_NAMED]]
    more = len(columns) - len(shown)
    text = ", ".join(map(repr, shown)) + (f" and {more} more" if more else "")
    return f"{'column' if len(columns) == 1 else 'columns'} {text}"


def format_number(value):
    """Return a number with three digits, as a reader writes it."""
    return f"{value:.3g}"


def write_scaling_code(t):
    """Return the code that scales the features of an estimator."""
    return SCALER.format(f"{t.settings.estimator}(...)")
