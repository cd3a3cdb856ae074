"""Where the bins of a column begin and end, found from its training rows.

All of it is done on ranks: a column's unit and origin do not matter, nor how little
its values differ.
"""

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROUNDING = 1e-12  # by which a sum of weights may miss the end of a bin
SAME = 4  # rounding errors between two ways to compute a number
# Of more different whole numbers than these, most targets are amounts.
MOST_CLASSES = 30


def find_quantile_edges(values, weight, n_bins):
    """Return the edges of bins that hold as many rows each, as far as can be.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        The different values of the column, sorted.
    weight : ndarray of shape (n_values,)
        How many rows have each.
    n_bins : int

    Returns
    -------
    ndarray of shape (n_edges,)
        Sorted, different values of the column, the least and the largest among them.
    """
    share = np.cumsum(level_weights(weight, n_bins))
    share *= (1 + ROUNDING) / share[-1]
    inner = np.searchsorted(share, np.arange(1, n_bins) / n_bins)
    return np.unique(values[[0, *inner, -1]])


def level_weights(weight, n_bins):
    """Return the weights, none larger than a bin's, so that no two edges fall on one.

    The first and the last value are edges anyway: heavy ones weigh nothing. What is cut
    off makes all bins smaller, which may make further values heavy.
    """
    heavy = np.zeros(len(weight), dtype=bool)
    while True:
        most = weight[~heavy].sum() / (n_bins - heavy[1:-1].sum())
        above = weight > most
        if above.sum() == heavy.sum():
            break
        heavy = above
    levelled = np.minimum(weight, most)
    levelled[[0, -1]] *= ~heavy[[0, -1]]
    return levelled


def find_target_edges(values, codes, y, weight, *, n_bins, min_samples_leaf):
    """Return the edges at which a decision tree on this one column splits.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        The different values of the column, sorted.
    codes : ndarray of shape (n,)
        Which of them each row has. The tree sees these: it computes in single
        precision, which values far from zero would not survive.
    y : ndarray of shape (n,) or (n, targets)
        Floats for regression, integers for classes.
    weight : ndarray of shape (n,)
    n_bins, min_samples_leaf : int

    Returns
    -------
    ndarray of shape (n_edges,)
        Sorted; the ends of the column, and the middles between values that the tree
        separates.
    """
    kind = DecisionTreeRegressor if y.dtype.kind == "f" else DecisionTreeClassifier
    # the seed decides between columns only, but without one it were the global state
    tree = kind(
        max_leaf_nodes=n_bins, min_samples_leaf=min_samples_leaf, random_state=0
    )
    tree = tree.fit(codes[:, None], y, sample_weight=weight).tree_
    below = np.floor(tree.threshold[tree.children_left >= 0]).astype(int)
    middle = values[below] + (values[below + 1] - values[below]) / 2
    return np.unique([values[0], *middle, values[-1]])


def merge_edges(edges, precision):
    """Return the edges without those that only rounding tells from the one before.

    Parameters
    ----------
    edges : ndarray of shape (n_edges,)
        Sorted.
    precision : float
        Relative, of the numbers of the table.
    """
    kept = [edges[0]]
    for edge in edges[1:]:
        if edge - kept[-1] > SAME * precision * max(abs(edge), abs(kept[-1])):
            kept.append(edge)
    return np.array(kept)


def code_target(y, weight, family):
    """Return the target as a tree is best given it: classes as integers, else floats.

    Numbers are standardised: a tree sums squares, which of numbers far from zero are
    all alike, and of several targets the widest would decide alone.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, targets)
    weight : ndarray of shape (n,)
    family : {"classification", "regression"} or None
        None to find it.

    Returns
    -------
    ndarray of the shape of y

    Raises
    ------
    TypeError
        For classes of several kinds, such as None among text.
    """
    if (family or find_family(y)) == "classification":
        try:
            return np.unique(y, return_inverse=True)[1].reshape(y.shape)
        except TypeError as error:
            raise TypeError(
                f"The classes of y cannot be sorted: {error}. Leave out rows without a "
                f"class, and give all classes as text, or all as numbers."
            ) from error
    y = y.astype(np.float64)
    y = y - np.average(y, axis=0, weights=weight)
    spread = np.sqrt(np.average(np.square(y), axis=0, weights=weight))
    return y / np.where(spread > 0, spread, 1.0)


def find_family(y):
    """Return whether a target looks like classes or like amounts."""
    if y.dtype.kind not in "iuf":
        return "classification"
    few = len(np.unique(y)) <= MOST_CLASSES and (y == np.floor(y)).all()
    return "classification" if few else "regression"
