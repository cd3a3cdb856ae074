"""Numbers as the bins that they fill, so that a network can bend at any edge."""

import copy

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array, check_consistent_length, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from skloss._params._checks import check_choice, check_count
from skloss._sklearn import check_feature_names_in, check_sample_weight
from skloss.preprocessing._bin_edges import (
    code_target,
    find_quantile_edges,
    find_target_edges,
    merge_edges,
)

STRATEGIES = ("quantile", "target")
FAMILIES = (None, "classification", "regression")
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
AT_ONCE = 2**20  # numbers computed at once; what is more only takes memory
# A bin that few rows tell apart is not made as large as all others, or it would be
# large where it differs; a standard deviation of 0.1 have 0 and 1 where 1 % differ.
SMALLEST_SCALE = 0.1


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):
    r"""Encode each column of numbers by how far it fills each of its bins.

    With edges :math:`b_0 < b_1 < ... < b_T` the number x becomes T numbers

    .. math:: e_t(x) = \min(\max((x - b_{t-1}) / (b_t - b_{t-1}), 0), 1)

    of which those below x are 1, those above 0, and which are standardised. A linear
    function of them is any continuous function of x that is linear between the edges,
    so that a network can follow steps and bends of a column which in one number it
    would have to build from many units. The encoder belongs directly before the
    network.

    Parameters
    ----------
    n_bins : int, default=16
        Columns that each column with more than two different values becomes, at
        least 2.
    strategy : {"quantile", "target"}, default="quantile"
        "quantile": edges at quantiles, so that bins hold as many rows each. "target":
        edges where a decision tree on this one column splits to predict y, best splits
        first, at most ``n_bins`` leaves.
    family : {"classification", "regression"} or None, default=None
        What y is, for ``strategy="target"``. None: numbers that are not whole, or have
        more than 30 different values, are amounts, all else classes.
    min_samples_leaf : int, default=20
        Fewest training rows in a bin, for ``strategy="target"``.
    standardize : bool, default=True
        Give the encoded columns mean 0 and standard deviation 1 on the training rows.
        False: numbers between 0 and 1, as in the paper.
    dtype : {"float32", "float64"}, default="float32"
        Of what is returned. Single precision is a network's own, and halves a table
        that is ``n_bins`` times as wide as before. It is computed in double precision
        all the same, so that numbers far from zero lose nothing.

    Attributes
    ----------
    bin_edges_ : list of ndarray
        For each column its edges, sorted. One edge where the column is constant.
    widths_ : ndarray of int of shape (n_features_in_,)
        How many columns each column becomes: ``n_bins``, or 1 where it has at most two
        different values.
    mean_, scale_ : ndarray of shape (n_columns,)
        What is taken from each encoded column, and what it is divided by.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X had string column names.

    See Also
    --------
    sklearn.preprocessing.KBinsDiscretizer : Says which bin, not how far within it.
    sklearn.preprocessing.SplineTransformer : Smooth bases; each is zero far away.

    Notes
    -----
    **Width.** A search trains all folds together if their tables are equally wide; if
    each fold had its own width, each would be a program of its own. So a column
    becomes ``n_bins`` columns whatever its rows: bins that it has no use for are
    constant columns of 0. Only columns of two values, which the rows of a fold hardly
    change, stay a single one, which is their whole encoding: those of a
    ``OneHotEncoder`` come out as many as they were. Candidates with another
    ``n_bins`` are another program.

    **Few values.** A column with at most ``n_bins + 1`` values has them as edges, with
    either strategy: the encoding tells each from the others.

    **Repeated values.** A value with more rows than a bin should have is an edge, and
    the other bins share the other rows: a column of nine tenths zeros is not left with
    two bins for the rest.

    **Rounding.** Edges that are one number but for rounding, such as 0.3 and 0.1 + 0.2,
    are one, or a bin between them would tell how a number was computed.

    **Scaling.** The encoding does not change with the unit or the origin of a column,
    and is standardised, so that no scaler is needed before or behind the encoder.
    Centred inputs are what networks train best on, and penalties such as ``l2`` treat
    columns of one size alike. What differs in less than a hundredth of the rows stays
    smaller: nothing is larger than 10.

    **Outside the training rows.** What is below the first or above the last edge is
    encoded as that edge. In the paper the outer bins go on without bound, by which a
    faulty row leaves a narrow bin as a number of any size.

    **Missing values** are refused; put ``SimpleImputer(add_indicator=True)`` before the
    encoder.

    References
    ----------
    Y. Gorishniy, I. Rubachev and A. Babenko (2022). On Embeddings for Numerical
    Features in Tabular Deep Learning. NeurIPS. Eq. 1; Sections 3.2.1 (quantiles) and
    3.2.2 (target-aware bins).

    Examples
    --------
    >>> import numpy as np
    >>> from skloss.preprocessing import PiecewiseLinearEncoder
    >>> X = np.array([[0.0, 7], [1, 7], [2, 9], [3, 7], [8, 7]])
    >>> encoder = PiecewiseLinearEncoder(n_bins=2, standardize=False).fit(X)
    >>> encoder.bin_edges_[0]
    array([0., 2., 8.])
    >>> encoder.transform([[1, 9], [5, 7], [100, 8]])
    array([[0.5, 0. , 1. ],
           [1. , 0.5, 0. ],
           [1. , 1. , 0.5]], dtype=float32)
    >>> encoder.get_feature_names_out(["age", "door"])
    array(['age_bin0', 'age_bin1', 'door'], dtype=object)
    """

    def __init__(
        self,
        n_bins=16,
        *,
        strategy="quantile",
        family=None,
        min_samples_leaf=20,
        standardize=True,
        dtype="float32",
    ):
        self.n_bins = n_bins
        self.strategy = strategy
        self.family = family
        self.min_samples_leaf = min_samples_leaf
        self.standardize = standardize
        self.dtype = dtype

    def fit(self, X, y=None, sample_weight=None):
        """Find the edges of each column's bins.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_targets), default=None
            Needed with ``strategy="target"``, else not looked at.
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as two rows; but ``min_samples_leaf`` counts rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For parameters that cannot be; for missing or infinite numbers, text and
            sparse tables; for ``strategy="target"`` without y. What was fitted before
            stays.
        """
        fitted = copy.copy(self)  # what fails half-way changes the copy alone
        fitted._find_edges(X, y, sample_weight)
        self.__dict__ = vars(fitted)
        return self

    def _find_edges(self, X, y, sample_weight):
        """Set all fitted attributes."""
        self._check_params(y)
        X = read_numbers(self, X, reset=True)
        weight = check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        used = weight > 0
        if not used.any():  # older versions of scikit-learn do not say so
            raise ValueError(
                "Sample weights must contain at least one non-zero number: rows of "
                "weight 0 are left out, and no others are there."
            )
        y = self._read_target(X, y, weight, used)
        precision = np.finfo(X.dtype).eps
        X, weight = X[used].astype(np.float64), weight[used]
        names = getattr(self, "feature_names_in_", range(X.shape[1]))
        self.bin_edges_, widths, moments = [], [], []
        for name, column in zip(names, X.T, strict=True):
            values, codes = np.unique(column, return_inverse=True)
            refuse_too_wide(name, values[0], values[-1])
            edges = self._choose_edges(values, codes, y, weight)
            edges = merge_edges(edges, precision)
            widths.append(self.n_bins if len(values) > 2 else 1)
            moments.append(np.repeat([[0.0], [1.0]], widths[-1], axis=1))
            if self.standardize:
                found = measure_moments(values, np.bincount(codes, weight), edges)
                moments[-1][:, : len(edges) - 1] = found
            self.bin_edges_.append(edges)
        self.widths_ = np.array(widths)
        self.mean_, self.scale_ = np.concatenate(moments, axis=1)

    def _read_target(self, X, y, weight, used):
        """Return the target of the rows that count, coded; None where none is read."""
        if self.strategy == "quantile":
            return None
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_consistent_length(X, y)
        if y.ndim == 2 and y.dtype.kind not in "biuf":
            raise ValueError(
                f"strategy='target' reads several targets as numbers, but y of shape "
                f"{y.shape} holds others, such as '{y[0, 0]}'. Give y as codes, or set "
                f"strategy='quantile', which reads no y."
            )
        return code_target(y[used], weight[used], self.family)

    def _choose_edges(self, values, codes, y, weight):
        """Return the edges of one column."""
        if len(values) <= self.n_bins + 1:
            return values
        if y is None:
            weight = np.bincount(codes, weight)
            return find_quantile_edges(values, weight, self.n_bins)
        return find_target_edges(
            values,
            codes,
            y,
            weight,
            n_bins=self.n_bins,
            min_samples_leaf=self.min_samples_leaf,
        )

    def _check_params(self, y):
        """Raise ValueError or TypeError for what cannot be."""
        check_count("n_bins", self.n_bins, low=2)
        check_choice("strategy", self.strategy, STRATEGIES)
        check_choice("family", self.family, FAMILIES)
        check_count("min_samples_leaf", self.min_samples_leaf)
        if not isinstance(self.standardize, bool | np.bool_):
            raise TypeError(f"standardize={self.standardize!r} must be True or False.")
        if self.dtype not in FLOATS:
            raise ValueError(f"dtype={self.dtype!r} must be 'float32' or 'float64'.")
        if self.strategy == "target" and y is None:
            raise ValueError(
                "strategy='target' requires y to be passed, but the target y is None: "
                "give y to fit, or set strategy='quantile', which needs none."
            )

    def transform(self, X):
        """Encode a table.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_columns)
            Or a frame, as ``set_output`` says.
        """
        check_is_fitted(self)
        X = read_numbers(self, X, reset=False)
        source, place, left, right = self._list_bins()
        mean, scale = self.mean_[place], self.scale_[place]
        encoded = np.zeros((len(X), self.widths_.sum()), dtype=self.dtype)
        for rows in split_rows(len(X), encoded.shape[1]):
            shares = fill_bins(X[rows][:, source], left, right)
            encoded[rows, place] = (shares - mean) / scale
        return encoded

    def _list_bins(self):
        """Return of all bins the column they read, the one they fill, and the edges."""
        edges = self.bin_edges_
        counts = [len(e) - 1 for e in edges]
        starts = np.cumsum(self.widths_) - self.widths_
        source = np.repeat(np.arange(len(edges)), counts)
        place = np.repeat(starts - np.cumsum(counts) + counts, counts)
        place += np.arange(len(place))
        left = np.concatenate([e[:-1] for e in edges])
        right = np.concatenate([e[1:] for e in edges])
        return source, place, left, right

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns of an encoded table.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; None for those of ``fit``, or x0, x1 and so on.

        Returns
        -------
        ndarray of str
            ``<name>_bin0`` and so on; the name alone where a column stays one.
        """
        check_is_fitted(self)
        names = []
        features = check_feature_names_in(self, input_features)
        for name, width in zip(features, self.widths_, strict=True):
            many = [f"{name}_bin{t}" for t in range(width)]
            names += many if width > 1 else [name]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        """Return what scikit-learn should know: y may be needed, dtypes change."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.strategy == "target"
        tags.transformer_tags.preserves_dtype = []
        return tags


def read_numbers(encoder, X, reset):
    """Return the table as scikit-learn's ``validate_data`` does, text refused in words.

    ``reset`` tells whether its columns are to be remembered.
    """
    try:
        return validate_data(encoder, X, dtype=list(FLOATS), reset=reset)
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"X has text where PiecewiseLinearEncoder needs numbers: {error}. Give it "
            f"the columns of numbers only, make_column_transformer(("
            f"PiecewiseLinearEncoder(), numbers), (OneHotEncoder("
            f"handle_unknown='ignore'), others))."
        ) from error


def fill_bins(numbers, left, right):
    """Return how far numbers fill the bins between edges, from 0 to 1."""
    shares = np.clip(numbers, left, right)  # first, or a difference may overflow
    shares -= left
    shares /= right - left
    return shares


def measure_moments(values, weight, edges):
    """Return the means of a column's filled bins, and what to divide them by."""
    sums = np.zeros((2, len(edges) - 1))
    for part in split_rows(len(values), len(edges)):
        shares = fill_bins(values[part, None], edges[:-1], edges[1:])
        sums += weight[part] @ shares, weight[part] @ np.square(shares)
    mean, square = sums / weight.sum()
    return mean, np.sqrt(np.maximum(square - mean**2, SMALLEST_SCALE**2))


def split_rows(n_rows, n_columns):
    """Return slices of rows of which so many columns may be computed at once."""
    return gen_batches(n_rows, 1 + AT_ONCE // n_columns)


def refuse_too_wide(name, low, high):
    """Raise ValueError for a column whose ends are too far apart for a number."""
    with np.errstate(over="ignore"):
        if np.isfinite(high - low):
            return
    raise ValueError(
        f"Column {name!r} reaches from {low} to {high}, and the distance is more than "
        f"double precision holds. If these stand for missing values, make NaN of them "
        f"and put SimpleImputer() before the encoder."
    )
