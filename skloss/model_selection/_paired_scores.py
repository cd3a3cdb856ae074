"""Whether two losses differ, judged by their scores on the same folds.

Folds share training rows, so their scores are correlated, and the usual t test takes
chance for a difference (Nadeau and Bengio 2003, Section 3). Their correction, and the
Bayesian reading of the same Student t (Corani and Benavoli 2015, Section 4), are here.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Difference:
    """How far the mean of paired scores is from none, and how sure that is.

    The mean difference, if it were measured on other rows, is a Student t: around
    ``mean``, of scale ``error``, with ``freedom`` degrees of freedom. ``p_value`` asks
    how probable such a mean is without a difference; ``probabilities`` how probable
    differences are, given the mean and no other knowledge.

    Attributes
    ----------
    mean : float
        Of the first scores minus the second.
    error : float
        The corrected standard error; 0 where all folds differ alike.
    freedom : int
        Number of folds less one.
    """

    mean: float
    error: float
    freedom: int

    @property
    def p_value(self):
        """Probability of so large a mean, of either sign, without a difference."""
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.freedom))

    def interval(self, level=0.95):
        """Return the ends of the interval that has the difference with a probability.

        Parameters
        ----------
        level : float, default=0.95
        """
        half = stats.t.ppf((1 + level) / 2, self.freedom) * self.error
        return self.mean - half, self.mean + half

    def probabilities(self, margin=0.0):
        """Return how probable it is that the first is worse, as good, and better.

        Parameters
        ----------
        margin : float, default=0
            Differences up to it are practically none (Benavoli et al. 2017, Section 3).

        Returns
        -------
        worse, equal, better : float
            With sum 1.
        """
        ends = np.array([-margin, margin])
        if self.error == 0:
            below = (ends > self.mean) + 0.5 * (ends == self.mean)
        else:
            below = stats.t.cdf((ends - self.mean) / self.error, self.freedom)
        worse, better = float(below[0]), float(1 - below[1])
        return worse, 1 - worse - better, better


def compare_paired(first, second, test_share):
    """Compare scores of two losses, fold by fold.

    Parameters
    ----------
    first, second : array-like of shape (folds,)
    test_share : float
        Rows of a fold that test over rows that train, 1 / (k - 1) of k folds.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        If there is only one fold.

    Examples
    --------
    Ten folds, of which each trains on nine tenths:

    >>> first = [0.91, 0.88, 0.93, 0.90, 0.87, 0.92, 0.90, 0.89, 0.94, 0.91]
    >>> second = [0.89, 0.88, 0.90, 0.89, 0.86, 0.90, 0.91, 0.87, 0.92, 0.90]
    >>> found = compare_paired(first, second, test_share=1 / 9)
    >>> round(found.mean, 4), round(found.p_value, 3)
    (0.013, 0.037)
    """
    differences = np.subtract(first, second, dtype=float)
    n_folds = len(differences)
    if n_folds < 2:
        raise ValueError(
            f"{n_folds} fold(s) say nothing of chance: compare on two folds at least, "
            f"better RepeatedKFold(n_splits=10, n_repeats=3)."
        )
    variance = (1 / n_folds + test_share) * differences.var(ddof=1)
    return Difference(float(differences.mean()), float(np.sqrt(variance)), n_folds - 1)


def correct_holm(p_values):
    """Return p values of several tests, corrected for their number (Holm 1979).

    Parameters
    ----------
    p_values : array-like of shape (tests,)

    Returns
    -------
    ndarray of shape (tests,)
        A test holds at 5 % where its own is below .05: of all that hold by chance there
        is then one with a probability of at most 5 %.

    Examples
    --------
    >>> correct_holm([0.01, 0.04, 0.03]).round(2)
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    raised = p[order] * np.arange(len(p), 0, -1)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected
