"""What can be wrong with a training, and the parameters that cure it.

Each rule reads what a fit left (its history, its record, its parameters) and returns a
:class:`Finding` or None. Rules stand in the order in which a finding explains others: a
network that diverged has not "not converged" as well.
"""

import numpy as np

from skloss import networks, schedules
from skloss._annealing import strongest
from skloss._callbacks import plateaus
from skloss._data_findings import (
    feature_precision,
    predicts_otherwise,
    unscaled_features,
)
from skloss._engine import Outcome
from skloss._engine._optimizers import Optimizer
from skloss._finding import Finding, Training

# Rates at which each optimiser usually works on standardised features.
USUAL_RATES = {"SGD": 0.01, "Adagrad": 0.01, "Adadelta": 1.0, "Lion": 1e-4}
LEAP = 0.5  # change of the weights in an epoch, as a share of their norm
CREEP = 5e-4  # the same in a step
SATURATING = ("sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh")


def usual_rate(net):
    """Return the learning rate at which the net's optimiser usually works."""
    return USUAL_RATES.get(Optimizer(net.optimizer).cls.__name__, 1e-3)


def lower_rate(net):
    """Return a learning rate that is low enough."""
    return min(net.learning_rate / 10, usual_rate(net))


def diverged(net, result):
    """Return the finding for a training that met a value that is not finite."""
    if result.outcome is not Outcome.DIVERGED:
        return None
    remedy = {"learning_rate": lower_rate(net), "clip_norm": 1.0}
    return Finding(
        "diverged",
        "error",
        f"Training of {net.loss_!r} diverged in epoch {result.n_epochs}: a loss or "
        f"gradient was not finite.",
        f"Lower learning_rate={net.learning_rate!r} to, say, "
        f"{remedy['learning_rate']:g}, set clip_norm, for example to 1.0, and scale "
        f"the features.",
        remedy,
    )


def target_scale(t):
    """Find a target in units for which the network's weights and rate are not made."""
    mean, std = t.record.seen_mean, t.record.seen_std
    kind = getattr(t.net.loss_, "target_scaling", None)
    as_it_is = kind == "none" or getattr(t.net, "target_transform", "auto") is None
    if not as_it_is or getattr(t.net.loss_, "inverse", "identity") == "exp":
        return None
    step = np.finfo(t.net._result.weights.dtype).eps * np.abs(mean)
    far = (std < 0.1) | (std > 10) | (step > 0.1 * std)
    advice = "Set target_transform='auto': predictions come back in your units."
    remedy = {"target_transform": "auto"}
    if kind == "none":  # of a large y it is the logarithm that the network sees
        far, remedy = std < 1e-3, {}
        advice = f"Give y in another unit: {t.net.loss!r} is not for numbers near 0."
    far &= std > 0
    if not far.any():
        return None
    worst = int(np.argmax(far))
    return Finding(
        "target_scale",
        "error",
        f"The network sees a target of mean {mean[worst]:.3g} and standard deviation "
        f"{std[worst]:.3g}. Its predictions start at the best constant, and spread "
        f"from there in steps made for a standard deviation of about 1.",
        advice,
        remedy,
    )


def exploding_gradients(t):
    """Find gradients far beyond the size of the loss, while steps are small."""
    norm = np.nanmax(t.norm, initial=0.0)
    limit = 100 * max(abs(t.constant), 1.0)
    if not norm > limit or t.change_per_epoch() > LEAP:
        return None
    remedy = {"clip_norm": 1.0}
    if t.is_mlp():
        remedy |= {
            "network__kernel_initializer": "he_normal",
            "network__normalization": "layer",
        }
    return Finding(
        "exploding_gradients",
        "error",
        f"The gradient's norm reached {norm:.3g}, at a loss of "
        f"{t.constant:.3g} for the best constant: each layer multiplies it.",
        "Normalise the layers, start from smaller weights, and set clip_norm.",
        remedy,
    )


def vanishing_gradients(t):
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
        remedy = {"network__activation": "relu"}
        if networks.get(t.net.network).activation not in SATURATING:
            remedy = {
                "network__kernel_initializer": "he_normal",
                "network__normalization": "batch",
            }
    return Finding(
        "vanishing_gradients",
        "error",
        f"In the first epochs the gradient of the first layer is {ratio:.1g} of the "
        f"output layer's: the early layers hardly learn.",
        "Use an activation that does not saturate, such as 'relu', and normalise the "
        "layers, or take fewer of them.",
        remedy,
    )


def rate_too_high(t):
    """Find steps that throw the weights about."""
    change = t.change_per_epoch()
    if not change > LEAP:
        return None
    worst = np.nanmax(t.loss)
    above = worst > 1.1 * t.constant + 1e-12
    rises = np.nanmax(t.loss[t.epochs // 2 :]) > 2 * np.nanmin(t.loss) + 0.05
    if not (above or rises):
        return None
    rate = lower_rate(t.net)
    return Finding(
        "learning_rate_too_high",
        "error",
        f"In one of the first epochs the weights changed by {change:.0%} of their "
        f"norm, and the loss rose to {worst:.3g}, where the best constant has "
        f"{t.constant:.3g}.",
        f"Lower learning_rate={t.net.learning_rate!r} to, say, {rate:g}.",
        {"learning_rate": rate},
    )


def rate_too_low(t):
    """Find steps too small to arrive."""
    per_step = t.change_per_epoch() / t.record.steps_per_epoch
    if not per_step < CREEP or t.fall(0.5) < 0.2:
        return None
    rate = max(10 * t.net.learning_rate, usual_rate(t.net))
    return Finding(
        "learning_rate_too_low",
        "error",
        f"In a step the weights change by {per_step:.1g} of their norm, and the loss "
        f"is still falling evenly.",
        f"Raise learning_rate={t.net.learning_rate!r} to, say, {rate:g}.",
        {"learning_rate": rate},
    )


def idle_units(t):
    """Find a hidden layer half of whose units learn nothing any more."""
    idle = t.layers["idle"][-10:, :-1]
    share = idle.min(axis=0) if idle.size else np.zeros(1)
    worst = int(np.argmax(share))
    if not share[worst] >= 0.5:
        return None
    weight = t.layers["weight_norm"][:, worst]
    if weight[-1] < 0.1 * weight[0]:  # a penalty took the weights: see ``stalled``
        return None
    remedy = {"learning_rate": min(t.net.learning_rate, usual_rate(t.net))}
    if t.is_mlp():
        remedy |= {
            "network__activation": "leaky_relu",
            "network__kernel_initializer": "he_normal",
            "network__normalization": "batch",
        }
    return Finding(
        "idle_units",
        "error",
        f"Of the units of hidden layer {worst + 1}, {share[worst]:.0%} had no gradient "
        f"on any row: they are dead or saturated.",
        "Use an activation with a slope everywhere, such as 'leaky_relu', normalise "
        "the layers, and scale the features.",
        remedy,
    )


def stalled(t):
    """Find a loss that stays at the best constant's, though gradients are there."""
    if t.gain() > 0.05 or t.fall(0.5) > 0.2:
        return None
    net, remedy = t.net, {"learning_rate": usual_rate(t.net)}
    limits = {"l1": 0, "l2": 0, "weight_decay": 0, "dropout": 0.5}
    held = {k: getattr(net, k) for k, low in limits.items() if strongest(net, k) > low}
    cause = "Try another learning_rate, network or features."
    if held:
        remedy = dict.fromkeys(held, 0.0)
        cause = f"Lower {', '.join(f'{k}={v!r}' for k, v in held.items())}."
    return Finding(
        "stalled",
        "error",
        f"The loss stays at {t.loss[-1]:.3g}; the best constant has {t.constant:.3g}.",
        cause,
        remedy,
    )


def worse_than_constant(t):
    """Find validation rows that a constant predicts better, and always did."""
    score = t.record.constant_score
    if not len(t.curve) or t.net.early_stopping or not t.curve[-1] > score:
        return None
    if score - t.curve.min() > 0.1 * abs(score):  # it has learned, then overfitted
        return None
    return Finding(
        "worse_than_constant",
        "error",
        f"On the validation rows the network scores {t.curve[-1]:.3g}, the best "
        f"constant {score:.3g} (lower is better).",
        "Set early_stopping=True: there is little in the features, or they differ "
        "between training and validation.",
        {"early_stopping": True},
    )


def not_converged(t):
    """Find a loss that is still falling at the last epoch."""
    early = t.net._result.outcome is not Outcome.FINISHED
    rising = len(t.curve) and t.curve.argmin() < 0.8 * t.epochs - 1
    if early or rising or t.epochs < 2 or not t.fall(0.2) > 0.1:
        return None
    epochs = 10 * t.net.epochs
    return Finding(
        "not_converged",
        "warning",
        f"The loss is still falling: by {t.fall(0.2):.0%} of its whole fall in the "
        f"last fifth of the epochs.",
        f"Raise epochs={t.net.epochs!r} to, say, {epochs}, with early_stopping=True.",
        {"epochs": epochs},
    )


def overfitting(t):
    """Find a validation score that has turned while the loss went on falling."""
    if not len(t.curve) or t.net.early_stopping:
        return None
    best = int(np.argmin(t.curve))
    gap = t.curve[-1] - t.curve[best]
    worst = t.record.constant_score
    worst = t.curve[0] if np.isnan(worst) else worst
    if best > 0.7 * t.epochs or not gap > 0.1 * (worst - t.curve[best]):
        return None
    return Finding(
        "overfitting",
        "warning",
        f"The validation score was best, {t.curve[best]:.3g}, after epoch {best + 1}, "
        f"and is {t.curve[-1]:.3g} now, while the training loss fell from "
        f"{t.loss[best]:.3g} to {t.loss[-1]:.3g}.",
        "Set early_stopping=True, or add l2, dropout or rows.",
        {"early_stopping": True},
    )


def imbalance_ignored(t):
    """Find a rare class that is hardly ever predicted."""
    shares, recalls = t.record.class_shares, t.record.recalls
    if not len(shares) or t.net.class_weight is not None:
        return None
    rare = (shares < 0.25 / len(shares)) & (recalls < 0.5)
    if not rare.any():
        return None
    k = int(np.argmax(rare))
    name = t.net._ranked.tolist()[k]
    return Finding(
        "imbalance_ignored",
        "warning",
        f"Class {name!r} is {shares[k]:.1%} of the training rows, and "
        f"{recalls[k]:.0%} of its rows are predicted right.",
        "Set class_weight='balanced' if missing it costs more, or choose a threshold.",
        {"class_weight": "balanced"},
    )


def cannot_act(t):
    """Find a schedule or stopping rule that can never change anything."""
    net = t.net
    schedule, rate = schedules.get(net.lr_schedule), net.learning_rate
    patience = net.patience if net.early_stopping else None
    texts = schedules.warnings_for(schedule, rate, patience, net.epochs)
    remedy = {}
    if isinstance(schedule, schedules.Sequential) and schedule.epochs >= net.epochs:
        remedy["epochs"] = 4 * int(np.ceil(schedule.epochs))
    for name, plateau in plateaus(net):
        texts += plateau.idle(rate, patience) if plateau is not schedule else []
        if plateau.min_lr >= rate:
            remedy[f"{name}__min_lr"] = rate / 100
        if patience is not None and plateau.patience >= patience:
            remedy["patience"] = 2 * max(plateau.patience, 1)
    if patience is not None and patience >= net.epochs:
        texts.append(
            f"early_stopping can never act: patience={patience!r} is not below "
            f"epochs={net.epochs!r}."
        )
        remedy["patience"] = max(1, net.epochs // 10)
    if not texts:
        return None
    settings = ", ".join(f"{name}={value!r}" for name, value in remedy.items())
    advice = f"Set {settings}." if remedy else "Change lr_schedule."
    return Finding("cannot_act", "warning", texts[0], advice, remedy)


# They compare training losses of epochs, which are not of one kind if the loss changes.
OF_ONE_LOSS = (
    rate_too_high,
    rate_too_low,
    predicts_otherwise,
    stalled,
    not_converged,
)
RULES = (
    feature_precision,
    target_scale,
    exploding_gradients,
    rate_too_high,
    rate_too_low,
    predicts_otherwise,
    idle_units,
    vanishing_gradients,
    stalled,
    worse_than_constant,
    not_converged,
    overfitting,
    imbalance_ignored,
    cannot_act,
)


def findings(net):
    """Return what is wrong with a fitted net's training, the gravest first.

    Parameters
    ----------
    net : LossAwareClassifier or LossAwareRegressor
        Fitted; without a ``training_record_`` only divergence is seen.

    Returns
    -------
    list of Finding
    """
    first = diverged(net, net._result)
    if not hasattr(net, "training_record_"):
        return [] if first is None else [first]
    training = Training(net)
    if first is not None:
        found = [feature_precision(training), first]
    else:
        changes = any(name.startswith("loss__") for name in net._curves)
        rules = [rule for rule in RULES if not (changes and rule in OF_ONE_LOSS)]
        found = [rule(training) for rule in rules]
    found = [one for one in found if one is not None]
    unscaled = unscaled_features(training, found)
    return found if unscaled is None else [unscaled, *found]
