"""Densities of rows by a variational autoencoder: scores, samples, outliers."""

from dataclasses import replace

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm, qmc
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if

from skloss._params._checks import check_count
from skloss.estimators._available import gives_density, gives_rows_back
from skloss.estimators._split import read_sample_weights
from skloss.losses._core import _ops as ops
from skloss.losses._core._column_likelihoods import (
    draw_values,
    expected_values,
    negative_log_likelihood,
)
from skloss.losses._quantile import weighted_quantile

N_DRAWS = 128  # for the log-density of a row
ROWS_AT_ONCE = 2**16  # decoded together, for memory
MAX_OFFSET_ROWS = 2000


class RowDensities:
    """What a transformer offers whose loss leads from few numbers back to rows."""

    @available_if(gives_rows_back)
    def inverse_transform(self, X):
        """Return what is expected of rows of these representations, in units of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Probabilities for columns of 0 and 1, rates for counts.
        """
        fitted = self._get_fitted()
        Z, size = check_array(X), fitted.target.task.n_components
        if Z.shape[1] != size:
            raise ValueError(
                f"X has {Z.shape[1]} columns, but representations have {size}."
            )
        return from_scaled(fitted, expected_values(*decode(fitted, Z)))

    @available_if(gives_density)
    def sample(self, n_samples=1, random_state=None):
        """Return rows drawn from the density that was learnt.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_count("n_samples", n_samples)
        fitted, rng = self._get_fitted(), check_random_state(random_state)
        Z = rng.standard_normal((n_samples, fitted.target.task.n_components))
        return from_scaled(fitted, draw_values(*decode(fitted, Z), rng))

    @available_if(gives_density)
    def score_samples(self, X):
        """Return the log-density of rows, in the units of X: higher is more normal.

        A lower bound, by 128 weighted draws for each row, which are the same in every
        call (Burda, Grosse and Salakhutdinov 2016, Eq. 8).

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats. Columns of 0 and 1, and counts, add the logarithm of a probability.
        """
        return score_rows(self, self._get_fitted(), X)

    @available_if(gives_density)
    def score(self, X, y=None):
        """Return the mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    @available_if(gives_density)
    def decision_function(self, X):
        """Return ``score_samples`` less ``offset_``: below zero are outliers."""
        fitted = self._get_fitted()
        return score_rows(self, fitted, X) - fitted.target.offset

    @available_if(gives_density)
    def predict(self, X):
        """Return 1 for rows that are like the training rows, -1 for outliers."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    @available_if(gives_density)
    def fit_predict(self, X, y=None, **fit_params):
        """Fit the network, and return ``predict`` of its rows."""
        return self.fit(X, y, **fit_params).predict(X)


def decode(fitted, Z):
    """Return the columns' likelihoods, and the decoder's outputs."""
    decoder = fitted.outputs.decoder
    Z = np.asarray(Z, decoder.weights.dtype)
    return fitted.loss.blocks, decoder.of_table(Z)


def from_scaled(fitted, values):
    """Return values in the units of X."""
    return values * fitted.target.units.scale + fitted.target.units.loc


def score_rows(estimator, fitted, X):
    """Return the log-density of rows.

    Parameters
    ----------
    estimator : LossAwareTransformer
        For the texts of errors.
    fitted : Fitted
    X : array-like of shape (n, features)
    """
    X, values = fitted.target.read_more(estimator, fitted.features, X, None)
    latent, units = fitted.outputs.of_table(X), fitted.target.units
    y = (values - units.loc) / units.scale
    draws = draw_normal(fitted.target.task.n_components, fitted.seed)
    at_once = max(1, ROWS_AT_ONCE // len(draws))
    found = [
        bound_density(fitted, y[i : i + at_once], latent[i : i + at_once], draws)
        for i in range(0, len(y), at_once)
    ]
    return np.concatenate(found) - np.log(units.scale).sum()


def draw_normal(size, seed):
    """Return points that are spread as a standard normal distribution is."""
    points = qmc.Sobol(size, seed=seed).random(N_DRAWS)
    tiny = np.finfo(float).eps
    return norm.ppf(np.clip(points, tiny, 1 - tiny))


def bound_density(fitted, y, latent, draws):
    """Return the importance-weighted bound of the log-density of scaled rows.

    Parameters
    ----------
    fitted : Fitted
    y : ndarray of shape (n, columns)
    latent : ndarray of shape (n, 2 * n_components)
        Means and log-variances.
    draws : ndarray of shape (draws, n_components)
    """
    mean, log_variance = np.split(latent, 2, axis=1)
    log_deviation = 0.5 * np.clip(log_variance, -10, 10)
    Z = mean[:, None] + np.exp(log_deviation)[:, None] * draws
    blocks, raw = decode(fitted, Z.reshape(-1, Z.shape[-1]))
    rows = np.repeat(y, len(draws), axis=0)
    losses = ops.call_on_arrays(negative_log_likelihood, blocks, True, rows, raw)
    log_p = -np.asarray(losses).reshape(len(y), -1)
    # the constants of the two normal distributions are the same
    log_p += 0.5 * (np.square(draws).sum(axis=1) - np.square(Z).sum(axis=2))
    log_p += log_deviation.sum(axis=1)[:, None]
    return logsumexp(log_p, axis=1) - np.log(len(draws))


def find_offset(estimator, fitted, X, sample_weight, contamination):
    """Return the log-density below which so large a share of the rows lies.

    By weight, of at most ``MAX_OFFSET_ROWS`` rows, evenly spaced.
    """
    X, _ = fitted.target.read_more(estimator, fitted.features, X, None)
    unnamed = replace(fitted, features=replace(fitted.features, names=None))
    weight = read_sample_weights(sample_weight, X)
    rows = np.flatnonzero(weight > 0)
    rows = rows[:: -(-len(rows) // MAX_OFFSET_ROWS)]
    scores = score_rows(estimator, unnamed, X[rows])
    return float(weighted_quantile(scores[:, None], contamination, weight[rows])[0])
