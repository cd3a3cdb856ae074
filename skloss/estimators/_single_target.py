"""What targets of classes and of numbers do alike: they have one loss, no heads."""

from dataclasses import replace

import numpy as np

from skloss.estimators._automatic_loss import is_automatic
from skloss.estimators._varying import settle_loss


class BaseTarget:
    """Base class of all targets: most know no more of a row than y."""

    needs_y = True  # validation rows come with it, too
    facts = None  # what the loss knows of each row besides, (n, facts)

    def wrap(self, loss):
        """Return the loss as the network is trained on it."""
        return loss

    def list_averages(self, settings):
        """Return the numbers by which weights are averaged, where the target asks."""
        return {}


class SingleTarget(BaseTarget):
    """Base class of the targets that one loss sees, whatever they stand for."""

    @staticmethod
    def read_loss(estimator):
        """Return the loss, no heads, and what of the loss changes by epoch."""
        loss, curves = settle_loss(estimator)
        return loss, {}, curves

    def complete_loss(self, settings):
        """Return the loss; one that a fit found is kept by its later parts."""
        return self.loss if is_automatic(settings.given["loss"]) else settings.loss

    def choose_network(self, network):
        """Return the network that is trained: by most losses the one that is given."""
        return network

    def choose_stratum(self, Y, loss):
        """Return the encoded target, and its kind: classes are stratified."""
        return Y, self.task.kind

    def with_units(self, units):
        """Return the target with its units."""
        return replace(self, units=units)

    def find_columns_in_user_units(self, loss):
        """Return which columns the loss sees in the user's units."""
        return np.full(self.task.size, loss.in_user_units)

    def find_margins(self, settings, loss):
        """Return how far each raw output may leave its range; infinite: as it likes."""
        margin = np.full(loss.n_raw(self.task), np.inf)
        if settings.output_margin is not None:
            margin[loss.exponential_outputs(self.task)] = settings.output_margin
        return margin

    def in_one_scale(self, loss):
        """Return the loss: of one target it sees one scale anyway."""
        return loss
