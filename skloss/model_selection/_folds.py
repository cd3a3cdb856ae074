"""The folds of a table, as the net of each candidate sees them."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import clone

from skloss._engine import Data, Stream
from skloss._sklearn import check_method_params, safe_indexing
from skloss.estimators._memory import Digest, Memory
from skloss.model_selection._fit_arguments import capture_fit_arguments, capture_table
from skloss.model_selection._last_step import get_earlier_steps, replace_steps


class NetInput(NamedTuple):
    """What the earlier steps of a Pipeline make of a fold for the net behind them.

    Attributes
    ----------
    steps : list of (str, estimator)
        The earlier steps, fitted.
    arguments : tuple of (tuple, dict)
        What the net's ``fit`` is called with.
    tables : dict of str to array-like
        The rows that are scored, as the net sees them: "test", and perhaps "train".
        None where an earlier step refuses them.
    memory : Memory
        Of the fits on these arguments.
    """

    steps: list
    arguments: tuple
    tables: dict
    memory: Memory


class Folds:
    """The folds of a table, and what the earlier steps of a Pipeline make of them.

    Earlier steps are fitted once for each fold and distinct setting.

    Parameters
    ----------
    X, y : array-like
    splits : list of (train, test)
    fit_params : dict
        As routed to the estimator's ``fit``; those with one entry a row are sliced.
    train_scores : bool
        Whether the training rows must be predicted too.
    """

    def __init__(self, X, y, splits, fit_params, *, train_scores=False):
        self.X, self.y, self.splits = X, y, splits
        self.fit_params = fit_params
        self.scored_parts = ("test", "train") if train_scores else ("test",)
        self.parts = {}
        self.digests, self.inputs, self.memories = {}, {}, {}
        self.tables, self.arrays = {}, {}

    # -- what the net of a candidate is given --------------------------------------

    def make_input(self, candidate, fold, estimator, net):
        """Return what the net is given on a fold, its earlier steps fitted.

        Parameters
        ----------
        candidate, fold : int
        estimator : BaseLossAware or Pipeline
            The candidate's, not changed.
        net : BaseLossAware
            What stands last in it.

        Returns
        -------
        NetInput
        """
        if not get_earlier_steps(estimator):
            # a Pipeline of one step takes parameters by that step's name
            own = self.fit_steps(fold, estimator, net)
            return own._replace(memory=self.memories.setdefault(fold, own.memory))
        if candidate not in self.digests:
            self.digests[candidate] = digest_earlier_steps(estimator)
        key = fold, self.digests[candidate]
        if key not in self.inputs:
            self.inputs[key] = self.fit_steps(fold, estimator, net)
        return self.inputs[key]

    def fit_steps(self, fold, estimator, net):
        """Fit clones of the earlier steps, and return what they give to the net."""
        X, y = self.take_part(fold, "train")
        params = self.slice_params(self.fit_params, fold, "train")
        steps = clone(get_earlier_steps(estimator), safe=False)
        own = replace_steps(estimator, steps, net)
        fitted, arguments = capture_fit_arguments(own, net, X, y, params)
        tables = {
            which: self.try_table(fitted, fold, which) for which in self.scored_parts
        }
        return NetInput(get_earlier_steps(fitted), arguments, tables, Memory())

    def try_table(self, estimator, fold, which):
        """Return the rows as the net sees them; None where an earlier step refuses.

        Then a fit is not to blame: who scores the rows asks again, and hears why.
        """
        X, _ = self.take_part(fold, which)
        try:
            return capture_table(estimator, X)
        except Exception:
            return None

    # -- rows ----------------------------------------------------------------------

    def row_numbers(self, fold, which):
        """Return the numbers of a fold's "train" or "test" rows."""
        return self.splits[fold][which == "test"]

    def take_part(self, fold, which):
        """Return X and y of a fold's "train" or "test" rows, taken once."""
        if (fold, which) not in self.parts:
            rows = self.row_numbers(fold, which)
            y = None if self.y is None else safe_indexing(self.y, rows)
            self.parts[fold, which] = safe_indexing(self.X, rows), y
        return self.parts[fold, which]

    def slice_params(self, params, fold, which):
        """Return parameters, those with one entry a row for these rows only."""
        rows = self.row_numbers(fold, which)
        return check_method_params(self.X, params=params, indices=rows)

    # -- what is held once ---------------------------------------------------------

    def hold_once(self, data, given):
        """Return data whose arrays are those of an earlier cell where they are equal.

        Thousands of cells have few different tables, targets, weights and sets of rows.

        Parameters
        ----------
        data : Data
        given : array-like
            The table that the net's ``fit`` is called with.

        Returns
        -------
        Data
        """
        streams = [
            Stream(**{name: self.hold_array(a) for name, a in vars(stream).items()})
            for stream in data.streams
        ]
        X, Y = self.hold_table(data.X, given), self.hold_array(data.Y)
        facts = None if data.facts is None else self.hold_array(data.facts)
        return Data(X, Y, streams, facts)

    def hold_table(self, table, given):
        """Return the first table that was equal to this one.

        A DataFrame is read into a new table for each cell. Tables are too large to be
        looked up by their bytes, but only those of the same origin can be equal.
        """
        # with the tables goes what was given, so that no other takes its identity
        _, held = self.tables.setdefault(id(given), (given, []))
        for earlier in held:
            if are_equal_tables(earlier, table):
                return earlier
        held.append(table)
        return table

    def hold_array(self, array):
        """Return the first array that was equal to this one, bit for bit."""
        key = array.dtype.str, array.shape, array.tobytes()
        return self.arrays.setdefault(key, array)


def are_equal_tables(a, b):
    """Tell whether two tables, dense or CSR, are the same."""
    if a is b:
        return True
    if sparse.issparse(a) != sparse.issparse(b) or a.shape != b.shape:
        return False
    if sparse.issparse(a):
        parts = "data", "indices", "indptr"
        return all(are_equal_tables(getattr(a, p), getattr(b, p)) for p in parts)
    return a.dtype == b.dtype and np.array_equal(a, b)


def digest_earlier_steps(pipeline):
    """Return a digest of the settings of a Pipeline's earlier steps."""
    return Digest("md5").hash(
        [
            (name, step, {} if isinstance(step, str | None) else step.get_params())
            for name, step in get_earlier_steps(pipeline)
        ]
    )
