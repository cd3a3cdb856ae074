"""How a loss sees a batch: the network's outputs for the rows, once or several times.

A loss that compares outputs with each other declares which it needs: of the rows as
they are, of the same rows with features corrupted or noised, of the other half of a
pair, by the averaged weights in place of the network's own.
"""

from typing import NamedTuple

from skloss.losses._core import _ops as ops


class View(NamedTuple):
    """One way in which a loss sees the rows of a batch.

    Attributes
    ----------
    part : int, default=0
        Which columns: X holds so many tables side by side, of the same columns each,
        as the largest part that a loss names, and one more.
    corruption : str or None, default=None
        The loss's knob that is the share of a row's features to be replaced, each by
        that of another row of the batch (Bahri et al. 2022, Algorithm 1).
    noise : str or None, default=None
        The loss's knob that is the standard deviation of normal noise on the features.
    draws : bool, default=False
        Behind the features come standard normal numbers, one for each dimension of the
        representation: what a variational autoencoder draws with.
    averaged : bool, default=False
        By the averaged weights of ``weight_averaging``, for predictions, and without a
        gradient: as a teacher (Tarvainen and Valpola 2017), or as a target.
    """

    part: int = 0
    corruption: str | None = None
    noise: str | None = None
    draws: bool = False
    averaged: bool = False

    def rename(self, prefix):
        """Return the view whose knobs have the names that they have in a sum."""
        corruption = self.corruption and prefix + self.corruption
        noise = self.noise and prefix + self.noise
        return self._replace(corruption=corruption, noise=noise)


PLAIN = (View(),)


def count_parts(views):
    """Return of how many tables, side by side, X consists."""
    return 1 + max(view.part for view in views)


def count_inputs(n_features, loss, task):
    """Return the number of inputs of a network for a table of so many features."""
    draws = any(view.draws for view in loss.views)
    return n_features // count_parts(loss.views) + draws * task.n_components


def count_own(views):
    """Return how many views are by the network's own weights."""
    return sum(not view.averaged for view in views)


def place_views(views):
    """Return where each view is among those that are made: the averaged come last."""
    order = sorted(range(len(views)), key=lambda i: views[i].averaged)
    return [order.index(i) for i in range(len(views))]


def join_views(losses):
    """Return the views that losses need together, each once, in their order.

    Parameters
    ----------
    losses : dict of str to Loss
        By the names that they have in a sum.
    """
    views = [
        view.rename(f"{name}__") for name, loss in losses.items() for view in loss.views
    ]
    return tuple(dict.fromkeys(views))


def select_views(raw, views, own):
    """Return the raw outputs of some views, as the loss whose views they are sees them.

    Parameters
    ----------
    raw : tensor of shape (views, n, n_raw), or (n, n_raw) of a single view
    views, own : tuple of View
        All, and those of the loss.

    Returns
    -------
    tensor of shape (own views, n, n_raw), or (n, n_raw) of a single one
    """
    if own == views:
        return raw
    places = [views.index(view) for view in own]
    chosen = [raw[place] for place in places]
    return chosen[0] if len(chosen) == 1 else ops.stack(chosen)
