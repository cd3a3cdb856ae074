"""skops carries a fitted estimator, a Pipeline and a search, without a pickle.

skops restores what it is told to trust. Of a network that is described by strings and
numbers these are types of skloss, and nothing else. What the user gave must be trusted
by its name too: a function, a Keras loss or callback. skops carries no lambda, as it
says when it loads, and no optimiser of Keras given as a template, as it says when it
dumps: write ``optimizer="adam:beta_1=0.8"``.
"""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io as skops
from canonical import NET, X, y_binary, y_number, y_three
from fitted_facts import changed, facts_of
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    MLP,
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    losses,
    schedules,
)
from skloss.model_selection import FusedGridSearchCV

SHORT = NET | {"epochs": 2}
HEADS = [("c", ClassificationHead()), ("n", RegressionHead("huber"))]
Y = np.column_stack([y_three, y_number])
words = np.array(["low", "high", "mid"])[y_three]
frame = pd.DataFrame(X, columns=list("abcd"))
frame_of_Y = pd.DataFrame({"n": y_number, "c": words})


def classifier(y=y_three, X=X, **params):
    return LossAwareClassifier(**SHORT | params).fit(X, y)


def regressor(y=y_number, **params):
    return LossAwareRegressor(**SHORT | params).fit(X, y)


def multi_task(X=X, y=Y, **params):
    return LossAwareMultiTask(HEADS, **SHORT | params).fit(X, y)


def own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def through_skops(estimator, foreign=()):
    """Return what skops makes of it, trusting our types and those that are named."""
    data = skops.dumps(estimator)
    names = skops.get_untrusted_types(data=data)
    ours = [name for name in names if name.startswith("skloss.")]
    assert set(names) - set(ours) == set(foreign)
    return skops.loads(data, trusted=[*ours, *foreign])


ESTIMATORS = {
    "classes": classifier,
    "words": lambda: classifier(words),
    "objects": lambda: classifier(words.astype(object)),
    "frame": lambda: classifier(X=frame),
    "ordered": lambda: classifier(pd.Series(pd.Categorical(words)), loss="coral"),
    "temperature": lambda: classifier(calibration="temperature"),
    "class_weight": lambda: classifier(class_weight={0: 1.0, 1: 2.0, 2: 1.0}),
    "sum": lambda: classifier(
        loss=losses.CrossEntropy() + schedules.WarmUp(epochs=2) * losses.Brier()
    ),
    "wrapped": lambda: classifier(loss=losses.CVaR(losses.Focal(gamma=1.0))),
    "early stopping": lambda: classifier(
        early_stopping=True, validation_scoring="accuracy"
    ),
    "network": lambda: classifier(network=MLP((8,), normalization="batch")),
    "embedding": lambda: classifier(
        network=MLP((8,), skip=True, embedding="periodic", n_frequencies=3)
    ),
    "optimizer": lambda: classifier(optimizer="adam:beta_1=0.8", lr_schedule="cosine"),
    "numbers": regressor,
    "targets": lambda: regressor(np.column_stack([y_number, y_number])),
    "quantiles": lambda: regressor(loss=losses.Quantile((0.1, 0.5, 0.9))),
    "gaussian": lambda: regressor(loss="gaussian_nll"),
    "heads": multi_task,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fitted_estimator(name):
    net = ESTIMATORS[name]()
    table = frame if name == "frame" else X
    loaded = through_skops(net)
    assert not changed(facts_of(net, table), facts_of(loaded, table))
    assert repr(clone(loaded)) == repr(clone(net))
    assert loaded.outcome_ is net.outcome_


def test_training_goes_on_where_it_stood():
    net = classifier()
    loaded = through_skops(net)
    net.partial_fit(X, y_three)
    loaded.partial_fit(X, y_three)
    assert not changed(facts_of(net, X), facts_of(loaded, X))


def test_what_was_made_of_a_fit_is_left_out():
    net, several = classifier(), multi_task()
    small = len(skops.dumps(net)), len(skops.dumps(several))
    # read once, each is remembered with the fit; what was remembered must not travel
    net.model_, several.model_, several.named_estimators_  # noqa: B018
    assert len(skops.dumps(net)) == pytest.approx(small[0], rel=0.01)
    through_skops(several)
    model = through_skops(net).model_
    assert np.array_equal(model.predict(X, verbose=0), net.model_.predict(X, verbose=0))


def test_an_estimator_that_is_not_fitted():
    net = LossAwareMultiTask(HEADS, **SHORT)
    assert repr(through_skops(net)) == repr(net)


def test_a_pipeline():
    model = make_pipeline(StandardScaler(), LossAwareClassifier(**SHORT))
    model.fit(X, y_binary)
    loaded = through_skops(model)
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


OF_SKLEARN = ["sklearn.metrics._scorer._PassthroughScorer"]  # in its own searches too


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_search(in_pipeline):
    net, name = LossAwareClassifier(**SHORT), "loss"
    if in_pipeline:
        net, name = make_pipeline(StandardScaler(), net), f"lossawareclassifier__{name}"
    space = {name: ["cross_entropy", losses.Focal(gamma=1.0)]}
    search = FusedGridSearchCV(net, space, cv=2).fit(X, y_binary)
    loaded = through_skops(search, OF_SKLEARN)
    assert np.array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert repr(loaded.cv_results_) == repr(search.cv_results_)
    ensemble = loaded.fold_ensemble_.predict_proba(X)
    assert np.array_equal(ensemble, search.fold_ensemble_.predict_proba(X))


def test_what_a_search_of_scikit_learn_asks_for():
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(X, y_binary)
    asked = skops.get_untrusted_types(data=skops.dumps(search))
    assert set(OF_SKLEARN) <= set(asked)


# -- what is the user's --------------------------------------------------------------
def test_a_function():
    name = f"{__name__}.{own_loss.__name__}"
    net = regressor(loss=own_loss)
    assert np.array_equal(through_skops(net, [name]).predict(X), net.predict(X))


def test_what_skops_refuses():
    """It says so: of a lambda when it loads, of an optimiser when it writes."""
    data = skops.dumps(LossAwareRegressor(lambda y, p: (y - p) ** 2))
    with pytest.raises(AttributeError, match="lambda"):
        skops.loads(data, trusted=skops.get_untrusted_types(data=data))
    with pytest.raises(TypeError, match="__getstate__"):
        skops.dumps(LossAwareRegressor(optimizer=keras.optimizers.Adam()))


def test_callbacks():
    name = f"{keras.callbacks.History.__module__}.History"
    net = regressor(callbacks=[keras.callbacks.History()])
    loaded = through_skops(net, [name])
    assert loaded.callbacks_[0].history == net.callbacks_[0].history


DTYPES = {
    "words": "str",
    "objects": object,
    "strings": "string",
    "category": "category",
    "ordered": pd.CategoricalDtype(["mid", "low", "high"], ordered=True),
}


@pytest.mark.parametrize("name", DTYPES)
def test_a_frame_of_targets(name):
    y = frame_of_Y.astype({"c": DTYPES[name]})
    net = multi_task(frame, y)
    loaded = through_skops(net)
    predicted = loaded.predict(frame)
    pd.testing.assert_frame_equal(predicted, net.predict(frame))
    assert predicted["c"].dtype == y["c"].dtype


@pytest.mark.parametrize("dtype", [pl.String, pl.Enum(["mid", "low", "high"])])
def test_a_polars_frame_of_targets(dtype):
    y = pl.DataFrame({"n": y_number, "c": pl.Series(words.tolist(), dtype=dtype)})
    net = multi_task(y=y)
    predicted = through_skops(net).predict(X)
    assert predicted.equals(net.predict(X))
    assert predicted["c"].dtype == dtype


def test_a_frame_whose_columns_are_numbered():
    net = multi_task(y=pd.DataFrame({0: y_three, 1: y_number}))
    pd.testing.assert_frame_equal(through_skops(net).predict(X), net.predict(X))
