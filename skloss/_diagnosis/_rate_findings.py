"""Findings about the steps: too long, too short, too few, or in vain.

They move a rate towards the usual one, or away from it for a reason that holds on the
way back too, so that no two of them can send it to and fro: what makes the weights leap
in an epoch is not cured by a rate at which they can hardly move in all epochs together.
"""

import numpy as np

from skloss._diagnosis._finding import Finding, get_largest_value
from skloss._engine import Outcome

# Rates at which each optimiser usually works on standardised features.
USUAL_RATES = {"SGD": 0.01, "Adagrad": 0.01, "Adadelta": 1.0, "Lion": 1e-4}
USUAL_EPOCHS = 100  # the estimators' default
LOWEST = 1e-2  # a rate below this share of the usual one is not what is wrong
NO_GAIN = 0.05  # on the best constant, as a share of what can be gained
LEAP = 0.5  # change of the weights in an epoch, as a share of their norm
CREEP = 5e-4  # the same in a step
OF_THE_DATA = "Scale the features, and look at y for values far from all others."


def get_usual_rate(settings):
    """Return the learning rate at which the optimiser usually works."""
    return USUAL_RATES.get(settings.optimizer.cls.__name__, 1e-3)


def lower_learning_rate(settings):
    """Return the remedy that lowers the learning rate, unless it is low already."""
    rate, usual = settings.learning_rate, get_usual_rate(settings)
    return {"learning_rate": min(rate / 10, usual)} if rate > LOWEST * usual else {}


def clip_gradients(settings):
    """Return the remedy that clips gradients to norm one, unless they are already."""
    return {} if get_largest_value(settings, "clip_norm") <= 1 else {"clip_norm": 1.0}


def get_first_idle_shares(t):
    """Return the share of each hidden layer's units idle in the first epoch."""
    return t.layers["idle"][0, :-1]


def find_divergence(fitted) -> Finding | None:
    """Return the finding for a training that met a value that is not finite."""
    if fitted.outcome is not Outcome.DIVERGED:
        return None
    settings = fitted.settings
    remedy, present = clip_gradients(settings), settings.learning_rate
    if remedy or present > get_usual_rate(settings):
        remedy |= lower_learning_rate(
            settings
        )  # else steps are small whatever the gradient
    rate = remedy.get("learning_rate", present)
    return Finding(
        "diverged",
        f"Training of {fitted.loss!r} diverged in epoch {fitted.n_epochs}: a loss or "
        f"gradient was not finite.",
        f"Lower learning_rate={present!r} to, say, {rate:g}, set clip_norm, "
        f"for example to 1.0, and scale the features.",
        remedy,
        f"{OF_THE_DATA} In a loss function of your own keep logarithms, roots and "
        f"divisions away from zero.",
    )


def find_high_rate(t):
    """Find steps that throw the weights about."""
    change = t.change_per_epoch()
    if not change > LEAP:
        return None
    worst, best = np.nanmax(t.loss), np.nanmin(t.loss)
    # large steps alone are no illness: the loss must suffer from them, early or late
    above = worst - t.least > 1.1 * t.span
    late = np.nanmax(t.loss[t.epochs // 2 :]) - best
    whole = np.nanmax([t.span, t.loss[0] - best])
    rises = late > max(best - t.least, 0.0) + 0.05 * whole
    if not (above or rises):
        return None
    remedy = lower_learning_rate(t.settings)
    rate = remedy.get("learning_rate", t.settings.learning_rate)
    return Finding(
        "learning_rate_too_high",
        f"In one of the first epochs the weights changed by {change:.0%} of their "
        f"norm, and the loss rose to {worst:.3g}, where the best constant has "
        f"{t.constant:.3g}.",
        f"Lower learning_rate={t.settings.learning_rate!r} to, say, {rate:g}.",
        remedy,
        OF_THE_DATA,
    )


def find_low_rate(t):
    """Find steps too small to arrive, where most units take them.

    At the usual rate or above, what is missing is steps.
    """
    per_step = t.change_per_epoch() / t.record.steps_per_epoch
    if not per_step < CREEP or t.movement() > LEAP or t.fall(0.5) < 0.2:
        return None
    if np.max(get_first_idle_shares(t), initial=0.0) >= 0.5:  # see ``find_idle_units``
        return None
    settings, usual = t.settings, get_usual_rate(t.settings)
    remedy = {"learning_rate": max(10 * settings.learning_rate, usual)}
    cause = f"Raise learning_rate={settings.learning_rate!r} to, say, "
    if settings.learning_rate >= usual:
        remedy = {"epochs": 10 * settings.epochs}
        cause = f"Raise epochs={settings.epochs!r} to, say, "
    return Finding(
        "learning_rate_too_low",
        f"In a step the weights change by {per_step:.1g} of their norm, and the loss "
        f"is still falling evenly.",
        f"{cause}{next(iter(remedy.values())):g}.",
        remedy,
    )


def find_penalties_that_hold_down(t):
    """Find a loss that stays at the best constant's, held there by penalties.

    They are lifted before anything else is changed: what they hold down looks dead. The
    loss may fall, where they take the weights: towards the constant's.
    """
    held = find_strong_penalties(t.settings)
    if not held or t.gain() > NO_GAIN or (t.fall(0.5) > 0.2 and not t.shrinks()):
        return None
    causes = ", ".join(f"{name}={value!r}" for name, value in held.items())
    return report_stall(t, f"Lower {causes}.", dict.fromkeys(held, 0.0))


def find_stall(t):
    """Find a loss that stays at the best constant's, though gradients are there."""
    if find_strong_penalties(t.settings) or t.gain() > NO_GAIN or t.fall(0.5) > 0.2:
        return None
    common, rate = (
        np.max(t.record.common_share, initial=0.0),
        get_usual_rate(t.settings),
    )
    if common > 0.5:
        return report_stall(
            t,
            f"Look at y: {common:.0%} of it is one value, which the best constant "
            f"predicts. Learn first whether a row has it, or take a loss for amounts "
            f"of which many are zero, such as 'tweedie'.",
        )
    return report_stall(
        t,
        f"Try another learning_rate, such as {rate:g}.",
        {"learning_rate": rate},
        "Look at the features: whether they vary, whether they are scaled, and whether "
        "they tell anything about y.",
    )


def report_stall(t, *what_to_do):
    """Return the finding for a loss that stays at the best constant's."""
    evidence = (
        f"The loss stays at {t.last:.3g}; the best constant has {t.constant:.3g}"
        f"{describe_saturated_loss(t.record)}."
    )
    return Finding("stalled", evidence, *what_to_do)


def find_strong_penalties(settings):
    """Return the penalties, by name, that can keep weights from growing."""
    limits = {"l1": 0, "l2": 0, "weight_decay": 0, "dropout": 0.5}
    return {
        name: settings.given[name]
        for name, low in limits.items()
        if get_largest_value(settings, name) > low
    }


def describe_saturated_loss(record) -> str:
    """Return what to say of the saturated model, if its loss is not next to 0."""
    least, constant = record.saturated_loss, record.constant_loss
    if not abs(least) > 1e-3 * abs(constant):
        return ""
    return f", a model free for every row {least:.3g}"


def find_fall_at_the_end(t):
    """Find a loss that is still falling at the last epoch."""
    early = t.fitted.outcome is not Outcome.FINISHED
    rising = len(t.curve) and t.curve.argmin() < 0.8 * t.epochs - 1
    no_gain_yet = t.gain() <= NO_GAIN and t.fall(0.5) > 0.2
    if early or rising or t.epochs < 2 or not (t.fall(0.2) > 0.1 or no_gain_yet):
        return None
    now = t.settings.epochs
    epochs = max(10 * now, USUAL_EPOCHS)
    return Finding(
        "not_converged",
        f"The loss is still falling: by {t.fall(0.2):.0%} of its whole fall in the "
        f"last fifth of the epochs.",
        f"Raise epochs={now!r} to, say, {epochs}, with early_stopping=True.",
        {"epochs": epochs},
    )
