"""What a finding is, and a fitted net as the rules read it."""

from dataclasses import dataclass, field

import numpy as np

from skloss import networks

NOTHING = np.finfo(np.float64).tiny  # losses may be in any unit


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a training.

    Attributes
    ----------
    name : str
    severity : {"error", "warning"}
        An "error" makes the network useless; a "warning" makes it worse than it could
        be.
    evidence : str
        The numbers, in a sentence.
    advice : str
        What to do, in a sentence.
    remedy : dict
        Parameters for ``set_params``.
    """

    name: str
    severity: str
    evidence: str
    advice: str
    remedy: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.evidence} {self.advice}"


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
        return (self.loss[since] - self.loss[-1]) / max(whole, NOTHING)

    def gain(self):
        """Return how far the loss fell below that of the best constant, as a share."""
        return (self.constant - self.loss[-1]) / max(abs(self.constant), NOTHING)

    def is_mlp(self):
        """Tell whether the network's parameters are known."""
        return isinstance(networks.get(self.net.network), networks.MLP)
