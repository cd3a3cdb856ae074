"""Autoencoding losses: rows described by a few numbers, from which they come back."""

from typing import ClassVar

import numpy as np

from skloss._params._checks import check_range
from skloss.losses._core import _ops as ops
from skloss.losses._core._column_likelihoods import (
    KINDS,
    Block,
    best_outputs,
    check_blocks,
    count_gaussian,
    find_blocks,
    negative_log_likelihood,
    place_outputs,
)
from skloss.losses._core._representation_loss import RepresentationLoss
from skloss.losses._core._view import View


class AutoencodingLoss(RepresentationLoss):
    """Base class: the negative log-likelihood of rows as a decoder describes them.

    ``y_true`` is X itself, Gaussian columns standardised; raw outputs are those of the
    decoder, the log-variances of Gaussian columns last among them, and then the latent
    numbers.

    Attributes
    ----------
    variational : bool
        The encoder gives a mean and a log-variance for each dimension, and the variance
        of each Gaussian column is trained; else it is one, and the error squared.
    """

    target = "features"
    variational = False
    nonnegative = False
    gradient_growth = "exponential"
    blocks = None  # what ``likelihood`` comes to in the rows of a fit

    def check(self):
        """Raise for a likelihood that is none, and numbers out of range."""
        check_range(self, "noise", 0, float("inf"), "[)")
        check_range(self, "corruption", 0, 1, "[)")
        if self.likelihood == "auto" or self.likelihood in KINDS:
            return
        if not isinstance(self.likelihood, tuple | list) or not all(
            isinstance(own, tuple | list)
            and len(own) == 2
            and own[0] in KINDS
            and isinstance(own[1], tuple | list)
            for own in self.likelihood
        ):
            raise ValueError(
                f"likelihood={self.likelihood!r} must be 'auto', one of "
                f"{', '.join(map(repr, KINDS))}, or pairs of one of these and column "
                f"numbers: (('gaussian', (0, 1)), ('categorical', (2, 3, 4)))."
            )

    def settle(self, X):
        """Return the loss with the likelihoods of the columns of X.

        Parameters
        ----------
        X : ndarray of shape (n, columns)
            The rows that train.
        """
        settled = self.detached()
        settled.blocks = self.find_blocks(X)
        check_blocks(settled.blocks, X)
        return settled

    def find_blocks(self, X):
        """Return the likelihoods, as named or as the values suggest."""
        if self.likelihood == "auto":
            return find_blocks(X)
        if isinstance(self.likelihood, str):
            return (Block(self.likelihood, tuple(range(X.shape[1]))),)
        return tuple(
            Block(kind, tuple(int(j) for j in columns))
            for kind, columns in self.likelihood
        )

    def structure(self):
        """Return all that is no number, the columns' likelihoods too."""
        return (*super().structure(), self.blocks, self.views)

    @property
    def views(self):
        """Return the one view: rows noised or corrupted, and numbers to draw with."""
        names = {
            name: name if changes(getattr(self, name)) else None
            for name in ("noise", "corruption")
        }
        return (View(**names, draws=self.variational),)

    @property
    def target_scaling(self):
        """Return how each column is scaled: Gaussian ones are standardised."""
        kinds = {j: block.kind for block in self.blocks for j in block.columns}
        gaussian = [kinds[j] == "gaussian" for j in range(len(kinds))]
        return tuple("standard" if own else "none" for own in gaussian)

    def n_decoded(self, task):
        """Return the number of the decoder's outputs."""
        return place_outputs(self.blocks, self.variational).scales.stop

    def n_raw(self, task):
        """Return the number of raw outputs: the decoder's, and the latent ones."""
        return self.n_decoded(task) + task.n_components * (1 + self.variational)

    def n_global(self, task):
        """Return how many of the decoder's outputs are log-variances of columns."""
        return self.variational * count_gaussian(self.blocks)

    def global_pace(self, task):
        """Return 10 for each log-variance, which has no layer behind it."""
        return np.full(self.n_global(task), 10.0)

    def trained(self, task, last):
        """Return the log-variances of Gaussian columns, in scaled units."""
        return {"log_variance": last} if self.variational else {}

    def best_constant(self, task, y_true, sample_weight):
        """Return the outputs that fit best without a latent number, and zeros."""
        latent = np.zeros(task.n_components * (1 + self.variational))
        settings = self.blocks, self.variational
        return np.concatenate([best_outputs(*settings, y_true, sample_weight), latent])

    def inverse_link(self, task, raw):
        """Return the representation: the first latent outputs, which are the last.

        Given all raw outputs, or those of the encoder alone.
        """
        k = task.n_components
        first = raw.shape[-1] - k * (1 + self.variational)
        return raw[..., first : first + k]

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the rows' negative log-likelihoods."""
        settings = self.blocks, self.variational
        return ops.sum(weight * negative_log_likelihood(*settings, y_true, raw))


def changes(number):
    """Tell whether a knob does anything: it is a schedule, a tensor, or not zero."""
    return not (isinstance(number, int | float) and number == 0)


class Reconstruction(AutoencodingLoss):
    """Reconstruction by an autoencoder, denoising if rows are noised or corrupted.

    The negative log-likelihood of a row, given its latent numbers: of Gaussian columns,
    standardised, half the squared error and a constant.

    Parameters
    ----------
    noise : float >= 0, default=0.0
        Standard deviation, in units of X, of normal noise on what the encoder sees.
    corruption : float in [0, 1), default=0.0
        Share of the features that the encoder sees from another row of the batch.
    likelihood : str or tuple of (str, tuple of int), default="auto"
        "gaussian", "bernoulli", "categorical" (one-hot columns) or "poisson", or pairs
        of one of these and column numbers. "auto" finds it in the values of the columns
        and ``loss_.blocks`` shows it: 0 and 1 are Bernoulli, neighbouring columns of
        which one is 1 in every row categorical, whole numbers with zeros and a mean of
        at most 20 counts, all others Gaussian.
    """

    name = "reconstruction"
    aliases = ("autoencoder", "denoising")
    formula = "-sum_j log p(x_j | z)"
    source = "Vincent et al. 2010, Eqs. 2 and 6"
    elicits = "a representation from which rows come back"
    search_space: ClassVar = {
        "noise": (0.01, 1.0, "log"),
        "corruption": (0.05, 0.5, "linear"),
    }

    def __init__(self, noise=0.0, corruption=0.0, likelihood="auto"):
        self.noise = noise
        self.corruption = corruption
        self.likelihood = likelihood


class ELBO(AutoencodingLoss):
    """The negative evidence lower bound of a variational autoencoder.

    The Kullback-Leibler divergence of the latent normal distribution of a row from the
    standard one, and the negative log-likelihood of the row given a draw from it.

    Parameters
    ----------
    beta : float >= 0, default=1.0
        Weight of the divergence (Higgins et al. 2017, Eq. 4); 1 is the bound. A
        schedule, such as ``WarmUp(epochs=50)``, keeps dimensions from being given up
        early.
    free_bits : float >= 0, default=0.0
        Nats a dimension below which its divergence, on the mean of a batch, costs
        nothing more (Kingma et al. 2016, Eq. 15).
    noise, corruption, likelihood : as in :class:`Reconstruction`
    """

    name = "elbo"
    aliases = ("vae",)
    formula = "-sum_j log p(x_j | z) + beta sum_k (m_k^2 + e^v_k - 1 - v_k) / 2"
    source = "Kingma and Welling 2014, Eq. 10"
    elicits = "a density, by a few hidden numbers"
    variational = True
    has_density = True
    search_space: ClassVar = {"beta": (0.1, 10.0, "log")}

    def __init__(
        self, beta=1.0, free_bits=0.0, noise=0.0, corruption=0.0, likelihood="auto"
    ):
        self.beta = beta
        self.free_bits = free_bits
        self.noise = noise
        self.corruption = corruption
        self.likelihood = likelihood

    def check(self):
        """Raise ValueError for numbers out of range."""
        super().check()
        check_range(self, "beta", 0, float("inf"), "[)")
        check_range(self, "free_bits", 0, float("inf"), "[)")

    def batch_value(self, task, y_true, raw, weight):
        """Return the weighted sum of the rows' negative bounds."""
        likelihood = super().batch_value(task, y_true, raw, weight)
        mean, log_variance = split_latent(task, raw)
        v, outside = ops.bound(log_variance)
        parts = 0.5 * (ops.square(mean) + ops.exp(v) - 1 - v) + outside
        total = ops.sum(weight)
        share = weight / ops.where(total > 0, total, 1.0)
        divergence = ops.sum(share[:, None] * parts, axis=0)
        divergence = ops.sum(ops.maximum(divergence, self.free_bits))
        return likelihood + self.beta * total * divergence


def split_latent(task, raw):
    """Return mean and log-variance of each dimension: the last raw outputs."""
    k = task.n_components
    return raw[..., -2 * k : -k], raw[..., -k:]
