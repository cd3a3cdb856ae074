"""Ordered classes: ranks of a categorical y, decisions, and what they are worth."""

import functools

import numpy as np
import pandas as pd
import pytest
from catalogue import mostly_slow
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.losses import Loss

ORDERED = sorted(
    name
    for name, cls in Loss.registry["classification"].items()
    if cls.ordered and cls().has_probabilities
)
WORDS = np.array(["low", "middle", "high"])  # sorted: high, low, middle
COLUMNS = [2, 0, 1]  # the ranks of the sorted words
every = pytest.mark.parametrize("loss", mostly_slow(ORDERED))

RNG = np.random.default_rng(1)
X = RNG.normal(size=(180, 4))
RANKS = np.searchsorted([-0.5, 0.6], X[:, 0] + 0.5 * RNG.normal(size=180))
WEIGHT = RNG.uniform(0.5, 2.0, 180)


def categorical(ranks, categories=WORDS):
    return pd.Series(pd.Categorical(WORDS[ranks], categories=categories, ordered=True))


def net(loss, **params):
    given = {"network": (8,), "epochs": 5, "random_state": 0, **params}
    return LossAwareClassifier(loss, **given)


def test_there_are_ordered_losses():
    assert {"coral", "corn", "cumulative_link", "rps", "sord"} <= set(ORDERED)


@every
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"class_weight": "balanced"},
        {"class_weight": {"low": 2.0, "middle": 0.5, "high": 1.0}},
        {"early_stopping": True, "class_weight": "balanced"},
    ],
    ids=str,
)
def test_an_ordered_categorical_is_its_ranks(loss, params):
    """Words with an order give the very numbers of their ranks 0, 1, 2."""
    of_ranks = dict(params)
    if isinstance(params.get("class_weight"), dict):
        of_ranks["class_weight"] = {0: 2.0, 1: 0.5, 2: 1.0}
    words = net(loss, **params).fit(X, categorical(RANKS), WEIGHT)
    ranks = net(loss, **of_ranks).fit(X, RANKS, WEIGHT)
    assert words.classes_.tolist() == ["high", "low", "middle"]
    assert words.history_ == ranks.history_
    p = ranks.predict_proba(X)[:, COLUMNS]
    np.testing.assert_allclose(words.predict_proba(X), p, rtol=1e-14)
    scores = ranks.decision_function(X)[:, COLUMNS]
    np.testing.assert_array_equal(words.decision_function(X), scores)
    np.testing.assert_array_equal(words.predict(X), WORDS[ranks.predict(X)])
    exported = words.model_.predict(X, verbose=0)
    np.testing.assert_allclose(exported, words.predict_proba(X), atol=1e-6)


@every
def test_validation_data_and_going_on(loss):
    y = categorical(RANKS)
    words = net(loss).fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    ranks = net(loss).fit(X[:120], RANKS[:120], X_val=X[120:], y_val=RANKS[120:])
    assert words.history_ == ranks.history_
    two = RANKS < 2
    words, ranks = net(loss), net(loss)
    words.partial_fit(X[two], y[two], classes=WORDS)
    ranks.partial_fit(X[two], RANKS[two], classes=[0, 1, 2])
    words.partial_fit(X, WORDS[RANKS])  # the order is that of the first call
    ranks.partial_fit(X, RANKS)
    p = ranks.predict_proba(X)[:, COLUMNS]
    np.testing.assert_allclose(words.predict_proba(X), p, rtol=1e-12)


@pytest.mark.slow
def test_the_order_matters_and_only_to_losses_that_ask():
    y = categorical(RANKS)
    for loss, asks in (("coral", True), ("cross_entropy", False)):
        ordered = net(loss, epochs=40).fit(X, y)
        alphabetic = net(loss, epochs=40).fit(X, WORDS[RANKS])
        same = np.array_equal(ordered.predict_proba(X), alphabetic.predict_proba(X))
        assert same is not asks
        if asks:
            assert ordered.score(X, y) > alphabetic.score(X, y) + 0.05


def test_where_the_order_is_read():
    p = net("rps").fit(X, categorical(RANKS)).predict_proba(X)
    bare = pd.Categorical(WORDS[RANKS], categories=WORDS, ordered=True)
    np.testing.assert_array_equal(net("rps").fit(X, bare).predict_proba(X), p)
    more = categorical(RANKS, ["none", *WORDS, "extreme"])
    np.testing.assert_array_equal(net("rps").fit(X, more).predict_proba(X), p)
    column = categorical(RANKS).to_frame()
    with pytest.warns(UserWarning, match="column-vector"):
        fitted = net("rps").fit(X, column)
    np.testing.assert_array_equal(fitted.predict_proba(X), p)
    unordered = categorical(RANKS).cat.as_unordered()
    alphabetic = net("rps").fit(X, WORDS[RANKS]).predict_proba(X)
    fitted = net("rps").fit(X, unordered)
    np.testing.assert_array_equal(fitted.predict_proba(X), alphabetic)
    assert not np.allclose(p, alphabetic)


def test_two_ordered_classes():
    y = pd.Series(categorical(np.minimum(RANKS, 1)))
    fitted = net("coral").fit(X, y)
    assert fitted.classes_.tolist() == ["low", "middle"]
    assert fitted.decision_function(X).shape == (len(X),)
    reverse = y.cat.reorder_categories(["middle", "low", "high"])
    p = net("coral").fit(X, reverse).predict_proba(X)
    np.testing.assert_array_equal(p, fitted.predict_proba(X))


def test_errors():
    y = categorical(RANKS)
    with pytest.raises(ValueError, match=r"lack the classes \['huge'\].*Add them"):
        net("coral").partial_fit(X, y, classes=[*WORDS, "huge"])
    warm = net("coral", warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="same classes"):
        warm.fit(X, WORDS[RANKS])
    labels = np.eye(3)[RANKS].astype(int)
    with pytest.raises(ValueError, match="for binary or multiclass targets"):
        net("coral").fit(X, labels)


@every
def test_splits_keep_the_order(loss):
    y = categorical(RANKS)
    ours = cross_val_predict(net(loss), X, y, cv=3)
    theirs = cross_val_predict(net(loss), X, RANKS, cv=3)
    np.testing.assert_array_equal(ours, WORDS[theirs])


@every
@pytest.mark.parametrize("decision", ["mode", "median", "mean"])
def test_predict_follows_the_decision(loss, decision):
    fitted = net(f"{loss}:decision={decision}").fit(X, categorical(RANKS))
    scores, p = fitted.decision_function(X), fitted.predict_proba(X)
    assert scores.shape == (len(X), 3)
    chosen = fitted.predict(X)
    np.testing.assert_array_equal(fitted.classes_[scores.argmax(axis=1)], chosen)
    ranked = p[:, np.argsort(COLUMNS)]
    expected = {
        "mode": ranked.argmax(axis=1),
        "median": (np.cumsum(ranked, axis=1) >= 0.5).argmax(axis=1),
        "mean": np.round(ranked @ np.arange(3)).astype(int),
    }
    np.testing.assert_array_equal(chosen, WORDS[expected[decision]])


def test_decision_does_not_change_the_network():
    plain = net("coral").fit(X, RANKS)
    median = clone(plain).set_params(loss="coral:decision=median").fit(X, RANKS)
    np.testing.assert_array_equal(plain.predict_proba(X), median.predict_proba(X))


@pytest.mark.parametrize("loss", ["qwk", "hinge", "rps:decision=mean"])
def test_a_keras_model_has_the_order_of_classes(loss):
    own = net(loss).fit(X, categorical(RANKS))
    assert own.classes_.tolist() == sorted(WORDS)
    probable = hasattr(own, "predict_proba")
    expected = own.predict_proba(X) if probable else own.decision_function(X)
    np.testing.assert_allclose(own.to_keras()(X), expected, rtol=1e-4, atol=1e-6)


@functools.cache
def fifths(name):
    """Return a loss's out-of-fold probabilities and the true ranks, of 20 folds.

    The progression of diabetes in 442 patients, cut into five classes of equal size.
    """
    X, progression = load_diabetes(return_X_y=True)
    ranks = np.searchsorted(np.quantile(progression, [0.2, 0.4, 0.6, 0.8]), progression)
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0)
    found = []
    for seed, (train, test) in enumerate(folds.split(X, ranks)):
        scaler = StandardScaler().fit(X[train])
        fitted = LossAwareClassifier(
            name, early_stopping=True, patience=20, random_state=seed
        ).fit(scaler.transform(X[train]), ranks[train])
        p = fitted.predict_proba(scaler.transform(X[test]))
        found.append((p, ranks[test]))
    return found


def rank_error(folds, decision):
    """Return the mean absolute rank error of each fold."""
    errors = []
    for p, y in folds:
        mode, median = p.argmax(axis=1), (np.cumsum(p, axis=1) >= 0.5).argmax(axis=1)
        chosen = {"mode": mode, "median": median}[decision]
        errors.append(np.mean(abs(chosen - y)))
    return np.array(errors)


def gain(before, after):
    """Return the mean of paired differences over its standard error."""
    difference = before - after
    return difference.mean() / (difference.std(ddof=1) / np.sqrt(len(difference)))


@pytest.mark.slow
@every
def test_median_decision_beats_cross_entropy_in_rank_error(loss):
    # The decision does it: the median of cross-entropy's own probabilities does as
    # well. What the tied heads add is better probabilities, see the next test.
    plain = rank_error(fifths("cross_entropy"), "mode")
    assert gain(plain, rank_error(fifths(loss), "median")) > 3


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["coral", "cumulative_link"])
def test_tied_thresholds_give_better_probabilities(loss):
    def by_fold(name):
        return np.array([log_loss(y, p, labels=range(5)) for p, y in fifths(name)])

    assert gain(by_fold("cross_entropy"), by_fold(loss)) > 2
