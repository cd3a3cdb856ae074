"""What a finding is, and a finished training as the rules read it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skloss.networks import MLP

TINY = np.finfo(float).tiny

# What a fit warns of: the same for all fits with a finding, so that a log has it once.
HEADLINES = {
    "diverged": "Training diverged: a loss or gradient was not finite. Lower "
    "learning_rate, set clip_norm, and scale the features.",
    "nothing_to_learn": "y, or every column of X, has one value only: there is nothing "
    "to learn. Look at them.",
    "feature_precision": "A column of X varies less than the network's dtype can hold. "
    "Put StandardScaler() before the network.",
    "unscaled_features": "The features are not scaled, and training suffered. Put "
    "StandardScaler() before the network, in a Pipeline.",
    "predicts_otherwise": "The network predicts its training rows much worse than it "
    "fitted them: its layers do not compute the same in training.",
    "target_scale": "The target is far from the numbers at which a network starts. Set "
    "target_transform='auto'.",
    "target_outlier": "One row holds most of the variance of y. Look at it, or take a "
    "robust loss, such as 'huber'.",
    "exploding_gradients": "The gradients explode. Normalise the layers, start from "
    "smaller weights, and set clip_norm.",
    "learning_rate_too_high": "The learning rate is too high. Lower learning_rate.",
    "learning_rate_too_low": "The learning rate is too low. Raise learning_rate, "
    "or epochs.",
    "idle_units": "At least half of the units of a hidden layer learn nothing. Use "
    "another activation, and scale the features.",
    "vanishing_gradients": "The early layers hardly learn. Use "
    "activation='leaky_relu' and normalise the layers.",
    "stalled": "The training loss stays at that of the best constant. Look at y and "
    "at the features, or change learning_rate or the penalties.",
    "worse_than_constant": "On the validation rows a constant predicts better. Set "
    "early_stopping=True.",
    "not_converged": "Training has not converged: the loss is still falling. Raise "
    "epochs.",
    "overfitting": "The network overfits. Set early_stopping=True.",
    "imbalance_ignored": "A rare class is hardly ever predicted. Set "
    "class_weight='balanced' if missing it costs more.",
    "cannot_act": "A schedule or stopping rule can never act.",
}
WARNINGS = {
    *("nothing_to_learn", "not_converged", "overfitting", "imbalance_ignored"),
    "cannot_act",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a training.

    Attributes
    ----------
    name : str
        One of ``HEADLINES``.
    evidence : str
        The numbers, in a sentence.
    advice : str
        What to do, in a sentence.
    remedy : dict
        Parameters for ``set_params``; empty where no parameter cures it.
    by_hand : str
        What only the user can do, in a sentence: the advice where nothing is left to
        set.
    """

    name: str
    evidence: str
    advice: str
    remedy: dict[str, Any] = field(default_factory=dict)
    by_hand: str = ""

    def beside(self, settings) -> Finding:
        """Return the finding as it stands beside the parameters of the fit.

        A remedy never offers what is set. Where nothing is left of it, the advice is
        what only the user can do.
        """
        remedy = {
            name: value
            for name, value in self.remedy.items()
            if not is_set_already(settings.get_parameter(name), value)
        }
        advice = self.advice if remedy else self.by_hand or self.advice
        return replace(self, remedy=remedy, advice=advice)

    def __str__(self):
        return f"{self.evidence} {self.advice}"

    @property
    def severity(self) -> str:
        """An "error" makes the network useless, a "warning" worse than it could be."""
        return "warning" if self.name in WARNINGS else "error"

    @property
    def headline(self) -> str:
        """What is wrong and what helps, without numbers."""
        return HEADLINES[self.name]


def is_set_already(present: object, offered: object) -> bool:
    """Tell whether a parameter, a word or a number, is what a remedy offers."""
    return isinstance(present, str | int | float) and present == offered


class Training:
    """A finished training as the rules read it.

    Losses are compared by how far they lie above the saturated model's, whose raw
    outputs are free for every row: many losses have an additive constant.

    Parameters
    ----------
    fitted : Fitted
        With a record.
    """

    def __init__(self, fitted):
        self.fitted, self.settings = fitted, fitted.settings
        self.record = fitted.record
        self.loss = np.array(fitted.history["loss"], dtype=float)
        # of rows without a label the loss says something else: not of them
        has_others = fitted.transduction is not None
        self.last = self.record.predicted_loss if has_others else self.loss[-1]
        self.constant = self.record.constant_loss
        self.least = self.record.saturated_loss
        if not self.least < self.constant:  # nothing to gain, or it is not known
            self.least = min(0.0, self.constant)
        self.span = max(self.constant - self.least, TINY)
        self.epochs = len(self.loss)
        self.layers = self.record.layers
        self.curve = np.array(self.record.curve)

    def gradient_norm(self) -> np.ndarray:
        """Return the norm of the loss's gradient, without penalties, in each epoch."""
        return np.sqrt(np.square(self.layers["gradient_norm"]).sum(axis=1))

    def change_per_epoch(self) -> float:
        """Return the largest change of a layer in the first epochs, as a share.

        A layer that starts at zero has no norm yet that its changes were a share of.
        """
        change, first = self.layers["change"][:5], self.layers["weight_norm"][0]
        begun = first > 1e-3 * first.max()
        return float(np.nanmax(change[:, begun], initial=0.0))

    def movement(self) -> float:
        """Return by how much of their norm the weights could have changed in all."""
        return self.change_per_epoch() * self.epochs

    def shrinks(self) -> bool:
        """Tell whether a layer has lost a tenth of its norm."""
        norm = self.layers["weight_norm"]
        return bool((norm[-1] < 0.9 * norm[0]).any())

    def fall(self, share: float) -> float:
        """Return the fall of the loss in the last ``share`` of the epochs.

        As a share of the fall in all epochs; 0 where there was none.
        """
        since = max(0, min(self.epochs - 2, int(self.epochs * (1 - share))))
        whole = self.loss[0] - self.loss.min()
        if not whole > 0:
            return 0.0
        with np.errstate(over="ignore"):  # a fall of rounding errors only
            return (self.loss[since] - self.loss[-1]) / whole

    def gain(self) -> float:
        """Return how far the loss fell from the best constant's to the saturated one's.

        As a share of the way between them; infinite where nobody knows the ends.
        """
        if np.isnan(self.constant):
            return np.inf
        with np.errstate(over="ignore"):  # where there is nothing to gain
            return (self.constant - self.last) / self.span

    def is_mlp(self) -> bool:
        """Tell whether the network's parameters are known."""
        return isinstance(self.settings.network, MLP)

    def name_layer(self, number: int) -> str:
        """Return what a recorded layer before the head is called."""
        embeds = self.is_mlp() and self.settings.network.embedding is not None
        if embeds and number == 0:
            return "the embedding"
        return f"hidden layer {number + 1 - embeds}"

    def normalise_layers(self, kind: str) -> dict[str, str]:
        """Return the remedy that normalises the layers, unless they are already."""
        already = self.settings.network.normalization is not None
        return {} if already else {"network__normalization": kind}


def get_largest_value(settings, name: str) -> float:
    """Return the largest value that a number had during training."""
    return float(np.max(settings.get_values(name)))
