"""A fitted estimator holds its parameters, one value for its fit, and nothing else."""

import copy
import io
import pickle
import warnings
from functools import cache

import keras
import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_binary, y_number, y_three
from fitted_facts import changed, facts_of
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    losses,
)
from skloss.inspection import diagnose
from skloss.model_selection import FusedGridSearchCV, fused_cross_validate

SHORT = NET | {"epochs": 2}
OURS = {"_fitted", "n_features_in_", "feature_names_in_"}
OF_SKLEARN = {"_metadata_request", "_skl_callbacks", "_sklearn_output_config"}
HEADS = [("c", ClassificationHead()), ("n", RegressionHead())]
Y = np.column_stack([y_three, y_number])
frame = pd.DataFrame(X, columns=list("abcd"))
STOP = {"early_stopping": True, "validation_scoring": "accuracy"}


class Steps(keras.callbacks.Callback):
    """Acts inside an epoch, so that ``Model.fit`` trains."""

    def on_train_batch_end(self, batch, logs=None):
        """Do nothing."""


def classifier(**params):
    return LossAwareClassifier(**SHORT | params)


def regressor(**params):
    return LossAwareRegressor(**SHORT | params)


def multi_task(**params):
    return LossAwareMultiTask(HEADS, **SHORT | params)


def own(net):
    """Return the names of an estimator's attributes that are no parameters."""
    return set(vars(net)) - set(net.get_params(deep=False)) - OF_SKLEARN


def use(net, X, y):
    """Ask a fitted estimator for all that it can give."""
    net.predict(X)
    net.score(X, y)
    for name in ("predict_proba", "decision_function", "predict_dist"):
        if hasattr(net, name):
            getattr(net, name)(X)
    diagnose(net)
    names = ("model_", "named_estimators_", "loss_parameters_", "training_record_")
    for name in (*names, "loss_", "history_", "callbacks_", "outcome_"):
        getattr(net, name, None)
    return net


def again(net, X, y):
    """Return the net after a second fit."""
    return net.fit(X, y).fit(-X, y)


def in_parts(net, X, y):
    """Return the net after two calls of ``partial_fit``."""
    return net.partial_fit(X, y).partial_fit(X[:40], y[:40])


def failed(net, X, y):
    """Return the fitted net after a fit that fails."""
    net.fit(X, y)
    with pytest.raises(ValueError, match="inconsistent"):
        net.fit(X, y[:9])
    return net


STATES = {
    "classes": lambda: classifier().fit(X, y_three),
    "labels": lambda: classifier().fit(X, np.column_stack([y_binary, y_binary])),
    "frame": lambda: classifier().fit(frame, y_three),
    "classes again": lambda: again(classifier(), X, y_three),
    "classes, warm": lambda: again(classifier(warm_start=True), X, y_three),
    "classes in parts": lambda: in_parts(classifier(), X, y_three),
    "fit, partial_fit": lambda: in_parts(classifier().fit(X, y_three), X, y_three),
    "classes failed": lambda: failed(classifier(), X, y_three),
    "classes used": lambda: use(classifier().fit(X, y_three), X, y_three),
    "coral": lambda: classifier(loss="coral").fit(X, y_three),
    "temperature": lambda: classifier(calibration="temperature").fit(X, y_three),
    "scored": lambda: classifier(**STOP).fit(X, y_three),
    "callbacks": lambda: classifier(callbacks=[keras.callbacks.History()]).fit(
        X, y_three
    ),
    "Model.fit": lambda: classifier(callbacks=[Steps()]).fit(X, y_three),
    "no record": lambda: classifier(record=False).fit(X, y_three),
    "numbers": lambda: regressor().fit(X, y_number),
    "numbers again": lambda: again(regressor(), X, y_number),
    "numbers in parts": lambda: in_parts(regressor(), X, y_number),
    "numbers used": lambda: use(regressor().fit(X, y_number), X, y_number),
    "gaussian used": lambda: use(
        regressor(loss="gaussian_nll").fit(X, y_number), X, y_number
    ),
    "targets": lambda: regressor().fit(X, np.column_stack([y_number, y_number])),
    "heads": lambda: multi_task().fit(X, Y),
    "heads again": lambda: again(multi_task(), X, Y),
    "heads failed": lambda: failed(multi_task(), X, Y),
    "heads used": lambda: use(multi_task().fit(X, Y), X, Y),
    "heads of a frame": lambda: multi_task().fit(
        frame, pd.DataFrame({"n": y_number, "c": y_three})
    ),
    "a head": lambda: multi_task().fit(X, Y).named_estimators_["c"],
}


@cache
def net_of(state):
    """Return an estimator in a state, for tests that only look at it."""
    return STATES[state]()


@pytest.mark.parametrize("state", STATES)
def test_a_fitted_estimator_holds_one_value(state):
    net = net_of(state)
    assert own(net) - OURS == set()
    assert "_fitted" in vars(net)


def test_what_an_estimator_holds_before_it_is_fitted():
    for net in (classifier(), regressor(), multi_task(), clone(multi_task())):
        assert own(net) == set()


@pytest.mark.parametrize("state", ["classes", "numbers", "heads"])
def test_use_adds_nothing(state):
    net = STATES[state]()
    y = {"classes": y_three, "numbers": y_number, "heads": Y}[state]
    before, facts = set(vars(net)), facts_of(net, X)
    use(net, X, y)
    assert set(vars(net)) == before
    assert not changed(facts, facts_of(net, X))


# -- after a search ------------------------------------------------------------------
RATES = [0.003, 0.03]


def search(estimator, y, name="learning_rate", **params):
    return FusedGridSearchCV(estimator, {name: RATES}, cv=2, **params).fit(X, y)


@cache
def search_classes():
    """Return a search, for tests that only look at it."""
    return search(classifier(), y_three)


def from_pipeline(estimator, y):
    name = type(estimator).__name__.lower()
    pipeline = make_pipeline(StandardScaler(), estimator)
    return search(pipeline, y, f"{name}__learning_rate").best_estimator_[-1]


AFTER_A_SEARCH = {
    "classes": lambda: [search_classes().best_estimator_],
    "numbers": lambda: [search(regressor(), y_number).best_estimator_],
    "heads": lambda: [search(multi_task(), Y).best_estimator_],
    "classes in a Pipeline": lambda: [from_pipeline(classifier(), y_three)],
    "numbers in a Pipeline": lambda: [from_pipeline(regressor(), y_number)],
    "early stopping": lambda: [search(classifier(**STOP), y_three).best_estimator_],
    "scored": lambda: [
        search(
            classifier(), y_three, scoring=["accuracy"], refit="accuracy"
        ).best_estimator_
    ],
    "folds": lambda: search_classes().fold_ensemble_.estimators,
    "cross-validation": lambda: fused_cross_validate(
        classifier(), X, y_three, cv=2, return_estimator=True
    )["estimator"],
}


@pytest.mark.parametrize("state", AFTER_A_SEARCH)
def test_an_estimator_of_a_search_holds_one_value(state):
    for net in AFTER_A_SEARCH[state]():
        assert own(net) - OURS == set()
        assert "_fitted" in vars(net)


# -- copies and pickles --------------------------------------------------------------
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("state", ["temperature", "gaussian used", "heads used"])
def test_copies_say_the_same(state, how):
    net = net_of(state)
    copied = COPIES[how](net)
    assert own(copied) <= OURS
    assert not changed(facts_of(net, X), facts_of(copied, X))


class Modules(pickle.Unpickler):
    """Notes whose names a pickle asks for."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))
        self.asked = set()

    def find_class(self, module, name):
        """Note the package, and return what is asked for."""
        self.asked.add(module.partition(".")[0])
        return super().find_class(module, name)


def packages_in(estimator):
    """Return the packages that the pickle of an estimator names."""
    unpickler = Modules(pickle.dumps(estimator))
    unpickler.load()
    return unpickler.asked


PLAIN = {"skloss", "numpy", "sklearn", "builtins", "copyreg"}


@pytest.mark.parametrize(
    "state",
    ["classes used", "numbers used", "heads used", "classes in parts", "Model.fit"],
)
def test_a_pickle_holds_nothing_compiled(state):
    net = net_of(state)
    assert packages_in(net) - {__name__} <= PLAIN  # here is the user's callback
    assert b"tensorflow" not in pickle.dumps(net)


def test_a_pickle_of_a_search_holds_nothing_compiled():
    found = search_classes()
    found.predict(X)
    assert packages_in(found) <= PLAIN


def test_a_pickle_holds_the_keras_objects_of_the_user():
    net = regressor(loss=keras.losses.Huber()).fit(X, y_number)
    # scikeras, once imported, pickles objects of Keras in a way of its own
    assert packages_in(net) & {"keras", "scikeras"}
    assert "tensorflow" not in packages_in(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copied = pickle.loads(pickle.dumps(net))
    assert copied.predict(X).tobytes() == net.predict(X).tobytes()
    assert isinstance(net.loss_, losses.Loss)
