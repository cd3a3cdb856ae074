"""The networks of a search: one cell for each candidate and fold, made ready."""

import copy
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any

from joblib.hashing import NumpyHasher
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from skloss._engine import Data, Stream
from skloss._sklearn import check_method_params, has_callbacks, safe_indexing
from skloss.estimators._arguments import check_arguments
from skloss.estimators._base import BaseLossAware
from skloss.estimators._fit_network import prepare_fit
from skloss.estimators._prepare import Job
from skloss.estimators._settings import Settings
from skloss.exceptions import NotFusibleError


@dataclass
class Cell:
    """One candidate on one fold.

    Attributes
    ----------
    candidate, fold : int
    estimator : LossAwareClassifier, LossAwareRegressor or Pipeline
        The candidate; once filled, the cell's own, its earlier steps fitted.
    net : LossAwareClassifier or LossAwareRegressor
        A clone of the candidate, or of its last step.
    job : Job
    tables : dict of str to array
        "test" (and "train", if its score is wanted): rows as the net sees them.
    error : str, optional
        Why there is nothing to train, or why training failed.
    """

    candidate: int
    fold: int
    estimator: Any
    net: Any
    job: Job | None = None
    tables: dict = field(default_factory=dict)
    error: str | None = None


def net_of(estimator):
    """Return the net that an estimator is, or ends in.

    Raises
    ------
    NotFusibleError
        If it is neither.
    """
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, BaseLossAware):
        return last
    raise NotFusibleError(
        f"{last!r} cannot be trained in one graph with others: the estimator must be a "
        f"LossAwareClassifier or LossAwareRegressor, or a Pipeline that ends in one. "
        f"Use sklearn.model_selection.GridSearchCV."
    )


def check_candidates(estimator, candidates):
    """Return an estimator for each candidate; refuse what cannot be trained.

    Raises
    ------
    ValueError, TypeError
        For a name or value that cannot be, with the candidate and the remedy.
    """
    estimators = []
    for params in candidates:
        try:
            # values may be estimators: every candidate has its own
            candidate = clone(estimator).set_params(**clone(params, safe=False))
            net = net_of(candidate)
            refuse_callbacks(net)
            Settings.of(net)
        except NotFusibleError:
            raise
        except (TypeError, ValueError) as error:
            raise type(error)(f"Candidate {params}: {error}") from error
        estimators.append(candidate)
    return estimators


def refuse_callbacks(net):
    """Raise NotFusibleError for a net whose callbacks nobody would tell anything."""
    if has_callbacks(net):
        raise NotFusibleError(
            f"{net!r} has callbacks of its own, which are told of one fit at a time. "
            f"Set them on the search, or use sklearn.model_selection.GridSearchCV."
        )


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
        self.train_scores = train_scores
        self.parts = {}
        self.settings, self.fitted = {}, {}
        self.arrays = {}

    def part(self, fold, which):
        """Return X and y of a fold's "train" or "test" rows."""
        if (fold, which) not in self.parts:
            rows = self.splits[fold][which == "test"]
            y = None if self.y is None else safe_indexing(self.y, rows)
            self.parts[fold, which] = safe_indexing(self.X, rows), y
        return self.parts[fold, which]

    def fill(self, cell):
        """Fit the earlier steps, and make the net's job."""
        X, y = self.part(cell.fold, "train")
        train = self.splits[cell.fold][0]
        params = check_method_params(self.X, params=self.fit_params, indices=train)
        if isinstance(cell.estimator, Pipeline) and len(cell.estimator.steps) > 1:
            seen, cell.tables = self.through_steps(cell, X, y, params)
        else:
            # a Pipeline of one step takes parameters by that step's name
            cell.estimator = with_net(cell.estimator, cell.net, [])
            seen = arguments_of_fit(cell.estimator, cell.net, X, y, params)[1]
            cell.tables = {w: self.part(cell.fold, w)[0] for w in self.wanted}
        job = prepare_fit(cell.net, *seen[0], **seen[1])
        if job.trainer is not None:
            raise NotFusibleError(
                f"{job.trainer.why}, so keras.Model.fit must train the network, "
                f"one at a time. Use sklearn.model_selection.GridSearchCV."
            )
        cell.job = replace(job, data=self.held_once(job.data))

    def held_once(self, data):
        """Return data whose arrays are those of an earlier cell where they are equal.

        Thousands of cells have few different targets, weights and sets of rows.
        """

        def known(array):
            key = array.dtype.str, array.shape, array.tobytes()
            return self.arrays.setdefault(key, array)

        streams = [
            Stream(**{name: known(array) for name, array in vars(stream).items()})
            for stream in data.streams
        ]
        return Data(data.X, known(data.Y), streams)

    @property
    def wanted(self):
        """Return which rows are predicted."""
        return ("test", "train") if self.train_scores else ("test",)

    def through_steps(self, cell, X, y, params):
        """Return what the last step is given, and the tables as it sees them."""
        if cell.candidate not in self.settings:
            self.settings[cell.candidate] = settings_of(cell.estimator)
        key = cell.fold, self.settings[cell.candidate]
        if key not in self.fitted:
            steps = clone(cell.estimator.steps[:-1], safe=False)
            pipeline = with_net(cell.estimator, cell.net, steps)
            pipeline, seen = arguments_of_fit(pipeline, cell.net, X, y, params)
            head = pipeline[:-1]
            tables = {
                w: head.transform(self.part(cell.fold, w)[0]) for w in self.wanted
            }
            self.fitted[key] = pipeline.steps[:-1], seen, tables
        steps, seen, tables = self.fitted[key]
        cell.estimator = with_net(cell.estimator, cell.net, steps)
        return seen, tables


def with_net(estimator, net, steps):
    """Return the net, or the Pipeline that comes to it by ``steps``."""
    if not isinstance(estimator, Pipeline):
        return net
    pipeline = copy.copy(estimator)
    pipeline.steps = [*steps, (estimator.steps[-1][0], net)]
    return pipeline


def settings_of(pipeline):
    """Return a digest of the settings of a Pipeline's earlier steps."""
    return Digest("md5").hash(
        [
            (name, step, {} if isinstance(step, str | None) else step.get_params())
            for name, step in pipeline.steps[:-1]
        ]
    )


class Digest(NumpyHasher):
    """A digest by value, but of functions and classes by identity.

    Those without a name in a module cannot be pickled, and clones share them. Fitted
    steps keep them alive, so that no other takes their identity.
    """

    def save(self, obj):
        """Write an object, or what stands for it."""
        shared = isinstance(obj, FunctionType | type)
        super().save(("shared", id(obj)) if shared else obj)


class Recorder(BaseEstimator):
    """Stands for a net where a Pipeline fits it, and notes what it is given.

    Parameters
    ----------
    net : BaseLossAware
    """

    def __init__(self, net):
        self.net = net

    def fit(self, X, y=None, **params):
        """Note the arguments, refused as the net's own ``fit`` would."""
        check_arguments(self.net, type(self.net).fit, (X, y), params)
        self.arguments_ = (X, y), params
        return self

    def get_metadata_routing(self):
        """Return what the net asks for."""
        return self.net.get_metadata_routing()

    def __sklearn_tags__(self):
        """Return the net's tags."""
        return self.net.__sklearn_tags__()


def arguments_of_fit(estimator, net, X, y, params):
    """Return what ``estimator.fit`` hands to ``net.fit``; the net is not trained.

    Parameters
    ----------
    estimator : BaseLossAware or Pipeline
        The net, or what ends in it.
    net : BaseLossAware
    X, y : array-like
    params : dict
        Of the estimator's ``fit``.

    Returns
    -------
    estimator
        The Pipeline, its earlier steps fitted, or the net.
    arguments : tuple of (tuple, dict)
    """
    recorder = Recorder(net)
    stand_in = with_net(estimator, recorder, steps_before(estimator))
    stand_in.fit(X, y, **params)
    return with_net(estimator, net, steps_before(stand_in)), recorder.arguments_


def steps_before(estimator):
    """Return the steps of a Pipeline before its last; none of a net."""
    return estimator.steps[:-1] if isinstance(estimator, Pipeline) else []
