"""What can be wrong with a training, and the parameters that cure it.

Each rule reads what a fit left (its history, its record, its parameters) and returns a
:class:`Finding` or None. Rules stand in the order in which a finding explains others: a
network that diverged has not "not converged" as well.
"""

import numpy as np

from skloss import schedules
from skloss._diagnosis._data_findings import (
    find_lost_precision,
    find_nothing_to_learn,
    find_other_predictions,
    find_target_outlier,
    find_unscaled_features,
)
from skloss._diagnosis._finding import Finding, Training
from skloss._diagnosis._rate_findings import (
    LEAP,
    clip_gradients,
    find_divergence,
    find_fall_at_the_end,
    find_high_rate,
    find_low_rate,
    find_penalties_that_hold_down,
    find_stall,
    get_first_idle_shares,
    get_usual_rate,
)

SATURATING = ("sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh")


def find_target_far_from_unit_scale(t):
    """Find a target in units for which the network's weights and rate are not made."""
    mean, std = t.record.seen_mean, t.record.seen_std
    kind = getattr(t.fitted.loss, "target_scaling", None)
    as_it_is = kind == "none" or t.settings.target_transform is None
    if not as_it_is or getattr(t.fitted.loss, "inverse", "identity") == "exp":
        return None
    step = np.finfo(t.fitted.outputs.weights.dtype).eps * np.abs(mean)
    far = (std < 0.1) | (std > 10) | (step > 0.1 * std)
    advice = "Set target_transform='auto': predictions come back in your units."
    remedy = {"target_transform": "auto"}
    if kind == "none":  # of a large y it is the logarithm that the network sees
        far, remedy = std < 1e-3, {}
        loss = t.settings.given["loss"]
        advice = f"Give y in another unit: {loss!r} is not for numbers near 0."
    far &= std > 0
    if not far.any():
        return None
    worst = int(np.argmax(far))
    return Finding(
        "target_scale",
        f"The network sees a target of mean {mean[worst]:.3g} and standard deviation "
        f"{std[worst]:.3g}. Its predictions start at the best constant, and spread "
        f"from there in steps made for a standard deviation of about 1.",
        advice,
        remedy,
    )


def find_exploding_gradients(t):
    """Find gradients far beyond the size of the loss, while steps are small."""
    # a gradient is large beside the loss that it could take away, not by itself
    norm = np.nanmax(t.gradient_norm(), initial=0.0)
    limit = 100 * max(t.span, 1.0)
    if not norm > limit or t.change_per_epoch() > LEAP:
        return None
    remedy = clip_gradients(t.settings)
    if t.is_mlp():
        remedy["network__kernel_initializer"] = "he_normal"
        remedy |= t.normalise_layers("layer")
    return Finding(
        "exploding_gradients",
        f"The gradient's norm reached {norm:.3g}, at a loss of "
        f"{t.constant:.3g} for the best constant: each layer multiplies it.",
        "Normalise the layers, start from smaller weights, and set clip_norm.",
        remedy,
        "Scale the features, look at y for values far from all others, start from "
        "smaller weights, or take fewer layers.",
    )


def find_vanishing_gradients(t):
    """Find a first layer whose gradient is a thousandth of the head's, or less."""
    gradient = t.layers["gradient_norm"][:3]
    if gradient.shape[1] < 3:
        return None
    with np.errstate(all="ignore"):
        ratio = np.median(gradient[:, 0] / gradient[:, -1])
    if not ratio < 1e-3:
        return None
    remedy = {}
    if t.is_mlp():
        remedy = {"network__activation": "leaky_relu"}
        if t.settings.network.activation not in SATURATING:
            remedy = {"network__kernel_initializer": "he_normal"}
            remedy |= t.normalise_layers("batch")
    return Finding(
        "vanishing_gradients",
        f"In the first epochs the gradient of the first layer is {ratio:.1g} of the "
        f"output layer's: the early layers hardly learn.",
        "Use an activation that does not saturate, such as 'leaky_relu', and normalise "
        "the layers, or take fewer of them.",
        remedy,
        "Take fewer layers, scale the features, and in a network of your own use an "
        "activation that does not saturate, such as 'leaky_relu'.",
    )


def find_idle_units(t):
    """Find a hidden layer half of whose units learn nothing any more.

    One that does without them, as a wide or deep network may, is not ill.
    """
    if t.gain() > 0.9:
        return None
    idle = t.layers["idle"][-10:, :-1]
    share = idle.min(axis=0) if idle.size else np.zeros(1)
    worst = int(np.argmax(share))
    if not share[worst] >= 0.5:
        return None
    remedy, born_dead = {}, get_first_idle_shares(t)[worst] >= 0.5
    if t.is_mlp():  # with a slope everywhere no unit dies, whatever the rate
        remedy["network__activation"] = "leaky_relu"
        remedy["network__kernel_initializer"] = "he_normal"
        remedy |= t.normalise_layers("batch")
    elif not born_dead:  # steps killed them, so smaller ones may not
        usual = get_usual_rate(t.settings)
        remedy["learning_rate"] = min(t.settings.learning_rate, usual)
    return Finding(
        "idle_units",
        f"Of the units of {t.name_layer(worst)}, {share[worst]:.0%} had no gradient "
        f"on any row{', from the first epoch on' * bool(born_dead)}: they are dead or "
        f"saturated.",
        "Use an activation with a slope everywhere, such as 'leaky_relu', normalise "
        "the layers, and scale the features.",
        remedy,
        "Scale the features, and in a network of your own use an activation with a "
        "slope everywhere, such as 'leaky_relu', biases that start at zero, and "
        "weights that do not leave every row on one side.",
    )


def find_network_worse_than_constant(t):
    """Find validation rows that a constant predicts better, and always did."""
    score = t.record.constant_score
    if not len(t.curve) or t.settings.early_stopping or not t.curve[-1] > score:
        return None
    way = score - t.record.saturated_score
    if score - t.curve.min() > 0.1 * way:  # it has learned, then overfitted
        return None
    return Finding(
        "worse_than_constant",
        f"On the validation rows the network scores {t.curve[-1]:.3g}, the best "
        f"constant {score:.3g} (lower is better).",
        "Set early_stopping=True: there is little in the features, or they differ "
        "between training and validation.",
        {"early_stopping": True},
    )


def find_overfitting(t):
    """Find a validation score that has turned while the loss went on falling."""
    if not len(t.curve) or t.settings.early_stopping:
        return None
    best = int(np.argmin(t.curve))
    gap = t.curve[-1] - t.curve[best]
    worst = t.record.constant_score
    worst = t.curve[0] if np.isnan(worst) else worst
    if best > 0.7 * t.epochs or not gap > 0.1 * (worst - t.curve[best]):
        return None
    return Finding(
        "overfitting",
        f"The validation score was best, {t.curve[best]:.3g}, after epoch {best + 1}, "
        f"and is {t.curve[-1]:.3g} now, while the training loss fell from "
        f"{t.loss[best]:.3g} to {t.loss[-1]:.3g}.",
        "Set early_stopping=True, or add l2, dropout or rows.",
        {"early_stopping": True},
    )


def find_ignored_class(t):
    """Find a rare class that is hardly ever predicted."""
    shares, recalls = t.record.class_shares, t.record.recalls
    if not len(shares) or t.settings.class_weight is not None:
        return None
    rare = (shares < 0.25 / len(shares)) & (recalls < 0.5)
    if not rare.any():
        return None
    k = int(np.argmax(rare))
    name = t.fitted.target.ranked.tolist()[k]
    return Finding(
        "imbalance_ignored",
        f"Class {name!r} is {shares[k]:.1%} of the training rows, and "
        f"{recalls[k]:.0%} of its rows are predicted right.",
        "Set class_weight='balanced' if missing it costs more, or choose a threshold.",
        {"class_weight": "balanced"},
    )


def find_what_cannot_act(t):
    """Find a schedule or stopping rule that can never change anything."""
    settings = t.settings
    schedule, rate = settings.schedule, settings.learning_rate
    patience = settings.patience if settings.early_stopping else None
    texts = schedules.warnings_for(schedule, rate, patience, settings.epochs)
    remedy = {}
    if (
        isinstance(schedule, schedules.Sequential)
        and schedule.epochs >= settings.epochs
    ):
        remedy["epochs"] = 4 * int(np.ceil(schedule.epochs))
    for name, plateau in settings.plateaus:
        texts += plateau.idle(rate, patience) if name != "lr_schedule" else []
        if plateau.min_lr >= rate:
            remedy[f"{name}__min_lr"] = rate / 100
    if patience is not None and patience >= settings.epochs:
        texts.append(
            f"early_stopping can never act: patience={patience!r} is not below "
            f"epochs={settings.epochs!r}."
        )
    if patience is not None:
        waits = [max(plateau.patience, 1) for _, plateau in settings.plateaus]
        remedy = order_patience_and_epochs(settings, max(waits, default=0)) | remedy
    if not texts:
        return None
    cure = ", ".join(f"{name}={value!r}" for name, value in remedy.items())
    advice = f"Set {cure}." if remedy else "Change lr_schedule."
    return Finding("cannot_act", texts[0], advice, remedy)


def order_patience_and_epochs(settings, longest: int) -> dict[str, int]:
    """Return what puts a plateau's patience, the net's and ``epochs`` in this order.

    To lower the net's patience below its plateau's would only turn the tables.

    Parameters
    ----------
    settings : Settings
        With early stopping.
    longest : int
        The longest patience of its plateaus, 0 without.
    """
    patience, epochs = settings.patience, settings.epochs
    patience = patience if patience > longest else 2 * longest
    short = max(1, epochs // 10)
    if patience >= epochs:
        if longest < short < epochs:
            patience = short
        else:
            epochs = 10 * patience
    remedy = {"patience": patience, "epochs": epochs}
    return {name: v for name, v in remedy.items() if v != getattr(settings, name)}


# They compare training losses of epochs, which are not of one kind if the loss changes.
OF_ONE_LOSS = (
    find_high_rate,
    find_low_rate,
    find_other_predictions,
    find_penalties_that_hold_down,
    find_stall,
    find_fall_at_the_end,
)
RULES = (
    find_lost_precision,
    find_target_far_from_unit_scale,
    find_target_outlier,
    find_penalties_that_hold_down,
    find_exploding_gradients,
    find_high_rate,
    find_low_rate,
    find_other_predictions,
    find_idle_units,
    find_vanishing_gradients,
    find_stall,
    find_network_worse_than_constant,
    find_fall_at_the_end,
    find_overfitting,
    find_ignored_class,
    find_what_cannot_act,
)


def collect_findings(fitted) -> list[Finding]:
    """Return what is wrong with a training, the gravest first.

    Parameters
    ----------
    fitted : Fitted
        What the fit left; without a record only divergence is seen.

    Returns
    -------
    list of Finding
    """
    first, settings = find_divergence(fitted), fitted.settings
    if fitted.record is None:
        return [] if first is None else [first.beside(settings)]
    training = Training(fitted)
    nothing = find_nothing_to_learn(training)
    if nothing is not None:
        return [nothing]
    if first is not None:
        findings = [find_lost_precision(training), first]
    else:
        changes = any(name.startswith("loss__") for name in settings.curves)
        changes |= np.isnan(training.constant)  # targets move
        rules = [rule for rule in RULES if not (changes and rule in OF_ONE_LOSS)]
        findings = [rule(training) for rule in rules]
    findings = [one.beside(settings) for one in findings if one is not None]
    unscaled = find_unscaled_features(training, findings)
    return findings if unscaled is None else [unscaled, *findings]
