"""How the columns of X are scaled, as the network is given them."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis

# Standardised digits, multiplied by one number, lose 11 points of accuracy in 20 epochs
# at 0.01, 3 at 0.05 and at 10, and 8 at 30. With noise beside them that is 10 or 30
# times as wide, they lose 40 or 75: what is far wider than the rest hides it.
NARROWEST, WIDEST, MOST_UNEQUAL = 0.03, 10.0, 30.0
BYTE = 255  # the largest number of a pixel
HELD = 0.01  # largest rounding error of a column, as a share of its spread
RARE = 0.1  # where fewer entries are not zero, the spread tells how rare they are
N_COLUMNS, ROWS_A_COLUMN = 200, 5  # where least squares is cheap, and not a memory


@dataclass(frozen=True, eq=False)
class FeatureScale:
    """Location and scale of the columns of X, on at most 2,000 training rows.

    Attributes
    ----------
    mean, spread : ndarray of shape (n_features,)
        Mean and standard deviation.
    lost : ndarray of shape (n_features,)
        Root mean square of what the network's dtype rounds off, as a share of the
        spread; infinite where it overflows.
    exempt : ndarray of bool of shape (n_features,)
        Whether the column is constant or holds whole numbers from 0 to 255 only: 0/1,
        one-hot, pixels, small counts.
    filled : ndarray of shape (n_features,)
        Share of entries that are not zero.
    furthest : ndarray of shape (n_features,)
        Largest distance from the mean, in standard deviations.
    """

    mean: np.ndarray
    spread: np.ndarray
    lost: np.ndarray
    exempt: np.ndarray
    filled: np.ndarray
    furthest: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """Root mean square of each column: what enters the sums of the first layer."""
        return np.hypot(self.mean, self.spread)

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns too narrow and too wide, each the most extreme first."""
        judged, common = ~self.exempt, self.filled >= RARE
        narrow = judged & common & (self.spread < NARROWEST)
        wide = judged & (self.size > WIDEST)
        kept = judged & common
        # none is far from 1, but one may be far from all others, and hide or be hidden
        if not (narrow | wide).any() and kept.any():
            spread = np.where(kept, self.spread, np.nan)
            least, most = np.nanmin(spread), np.nanmax(spread)
            if most > MOST_UNEQUAL * least:
                narrow, wide = spread == least, spread == most
        by_spread, by_size = np.argsort(self.spread), np.argsort(-self.size)
        return by_spread[narrow[by_spread]], by_size[wide[by_size]]


def measure_feature_scale(X, dtype: str) -> FeatureScale:
    """Return the scale of the columns of some rows.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, features)
        Before it is cast.
    dtype : {"float32", "float64"}
        That the network computes in.
    """
    with np.errstate(all="ignore"):
        cast = X.astype(dtype)
        if issparse(X):
            mean, variance = mean_variance_axis(X.astype(np.float64), axis=0)
            low, high = min_max_axis(X, axis=0)
            filled = np.bincount(X.indices, X.data != 0, minlength=X.shape[1])
            whole = sum_by_column(X, X.data != np.floor(X.data)) == 0
            error = np.square(cast.data.astype(np.float64) - X.data)
            error = sum_by_column(X, error)
        else:
            mean, variance = (
                X.mean(axis=0, dtype=np.float64),
                X.var(axis=0, dtype=float),
            )
            low, high = X.min(axis=0), X.max(axis=0)
            filled = np.count_nonzero(X, axis=0)
            whole = (X == np.floor(X)).all(axis=0)
            error = np.square(cast.astype(np.float64) - X).sum(axis=0)
        spread = np.sqrt(variance)
        lost = np.sqrt(error / X.shape[0]) / spread
        furthest = np.maximum(high - mean, mean - low) / spread
    constant = low == high
    exempt = constant | (whole & (low >= 0) & (high <= BYTE))
    lost = np.where(constant, 0.0, np.where(np.isnan(lost), np.inf, lost))
    filled = np.asarray(filled) / X.shape[0]
    return FeatureScale(mean, spread, lost, exempt, filled, furthest)


def sum_by_column(X, values):
    """Return the sum of the values at a CSR matrix's entries, by column."""
    return np.bincount(X.indices, values, minlength=X.shape[1])


def compute_explained_share(table, Y: np.ndarray) -> float:
    """Return the share of the variance of Y that least squares on a table explains.

    Parameters
    ----------
    table : ndarray of shape (n, columns)
    Y : ndarray of shape (n, targets)

    Returns
    -------
    float
        NaN where there are too many columns for the rows, or Y is constant.
    """
    n_rows, n_columns = table.shape
    if n_columns > N_COLUMNS or n_rows < ROWS_A_COLUMN * n_columns:
        return np.nan
    table = table.toarray() if issparse(table) else table
    with np.errstate(all="ignore"):
        table, Y = standardise(table), standardise(Y)
    if not Y.shape[1]:
        return np.nan
    rest = Y - table @ np.linalg.lstsq(table, Y, rcond=None)[0]
    return float(1 - np.square(rest).mean())


def standardise(columns):
    """Return the columns that are not constant, of mean 0 and standard deviation 1."""
    columns = np.asarray(columns, dtype=np.float64)
    columns = columns - columns.mean(axis=0)
    spread = columns.std(axis=0)
    kept = (spread > 0) & np.isfinite(spread)
    return columns[:, kept] / spread[kept]
