"""What a finding is, and a fitted net as the rules read it."""

from dataclasses import dataclass, field

import numpy as np

from skloss import networks

# What a fit warns of: the same for all fits with a finding, so that a log has it once.
HEADLINES = {
    "diverged": "Training diverged: a loss or gradient was not finite. Lower "
    "learning_rate, set clip_norm, and scale the features.",
    "feature_precision": "A column of X varies less than the network's dtype can hold. "
    "Put StandardScaler() before the network.",
    "unscaled_features": "The features are not scaled, and training suffered. Put "
    "StandardScaler() before the network, in a Pipeline.",
    "predicts_otherwise": "The network predicts its training rows much worse than it "
    "fitted them: its layers do not compute the same in training.",
    "target_scale": "The target is far from the numbers at which a network starts. Set "
    "target_transform='auto'.",
    "exploding_gradients": "The gradients explode. Normalise the layers, start from "
    "smaller weights, and set clip_norm.",
    "learning_rate_too_high": "The learning rate is too high. Lower learning_rate.",
    "learning_rate_too_low": "The learning rate is too low. Raise learning_rate.",
    "idle_units": "At least half of the units of a hidden layer learn nothing. Use "
    "another activation, and scale the features.",
    "vanishing_gradients": "The early layers hardly learn. Use activation='relu' and "
    "normalise the layers.",
    "stalled": "The training loss stays at that of the best constant. Change "
    "learning_rate, the penalties, the network or the features.",
    "worse_than_constant": "On the validation rows a constant predicts better. Set "
    "early_stopping=True.",
    "not_converged": "Training has not converged: the loss is still falling. Raise "
    "epochs.",
    "overfitting": "The network overfits. Set early_stopping=True.",
    "imbalance_ignored": "A rare class is hardly ever predicted. Set "
    "class_weight='balanced' if missing it costs more.",
    "cannot_act": "A schedule or stopping rule can never act.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a training.

    Attributes
    ----------
    name : str
        One of ``HEADLINES``.
    severity : {"error", "warning"}
        An "error" makes the network useless; a "warning" makes it worse than it could
        be.
    evidence : str
        The numbers, in a sentence.
    advice : str
        What to do, in a sentence.
    remedy : dict
        Parameters for ``set_params``; empty where no parameter cures it.
    """

    name: str
    severity: str
    evidence: str
    advice: str
    remedy: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.evidence} {self.advice}"

    @property
    def headline(self):
        """What is wrong and what helps, without numbers."""
        return HEADLINES[self.name]


class Training:
    """A fitted net as the rules read it."""

    def __init__(self, net):
        self.net, self.record = net, net.training_record_
        self.loss = np.array(net.history_["loss"], dtype=float)
        self.norm = np.array(net.history_["gradient_norm"], dtype=float)
        self.constant = self.record.constant_loss
        self.epochs = len(self.loss)
        self.layers = self.record.layers
        self.curve = np.array(self.record.curve)

    def change_per_epoch(self):
        """Return the largest change of a layer in the first epochs, as a share."""
        return float(np.nanmax(self.layers["change"][:5], initial=0.0))

    def fall(self, share):
        """Return the fall of the loss in the last ``share`` of the epochs.

        As a share of the fall in all epochs; 0 where there was one epoch only.
        """
        since = max(0, min(self.epochs - 2, int(self.epochs * (1 - share))))
        whole = self.loss[0] - self.loss.min()
        return (self.loss[since] - self.loss[-1]) / max(whole, 1e-12)

    def gain(self):
        """Return how far the loss fell below that of the best constant, as a share."""
        return (self.constant - self.loss[-1]) / max(abs(self.constant), 1e-12)

    def is_mlp(self):
        """Tell whether the network's parameters are known."""
        return isinstance(networks.get(self.net.network), networks.MLP)
