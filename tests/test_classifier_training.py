"""``LossAwareClassifier``: costs, weights, going on, stopping early."""

import numpy as np
import pytest
from catalogue import mostly_slow
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skloss import MLP, LossAwareClassifier
from skloss._engine import Outcome
from skloss.losses import loss_names

ALL = loss_names("classification")

X2, y2 = make_classification(150, 6, n_informative=4, random_state=0)
X3, y3 = make_classification(
    150, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, random_state=0
)


def net(**params):
    given = {"network": (8,), "epochs": 3, "random_state": 0, **params}
    return LossAwareClassifier(**given)


# -- costs ---------------------------------------------------------------------------


def imbalanced():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 2))
    return X, (rng.random(1500) < 1 / (1 + np.exp(2.0 - 1.5 * X[:, 0]))).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cross_entropy", "brier", "focal", "square"])
@pytest.mark.parametrize("weight", ["balanced", {1: 4.0}])
def test_class_weight_moves_decisions_and_not_probabilities(name, weight):
    X, y = imbalanced()
    make = {"loss": name, "epochs": 20, "learning_rate": 0.01}
    plain = net(**make).fit(X, y)
    heavy = net(class_weight=weight, **make).fit(X, y)
    base = y.mean()
    assert 0.1 < base < 0.3
    assert heavy.predict(X).mean() > plain.predict(X).mean() + 0.1
    for fitted in (plain, heavy):
        p = fitted.predict_proba(X)[:, 1]
        assert abs(p.mean() - base) < 0.03
        assert log_loss(y, p) < 0.9 * log_loss(y, np.full(len(y), base))
    ratio = heavy._fitted.target.class_weight[1] / heavy._fitted.target.class_weight[0]
    threshold = 1 / (1 + ratio)  # where the weighted risks of both classes are equal
    p = heavy.predict_proba(X)[:, 1]
    clear = abs(p - threshold) > 1e-6
    assert np.array_equal(heavy.predict(X)[clear], (p > threshold)[clear])


def test_class_weight_is_the_weight_of_the_rows():
    costs = {"a": 1.0, "b": 2.0, "c": 0.5}
    y = np.array(list(costs))[y3]
    rows = np.array(list(costs.values()))[y3]
    by_class = net(class_weight=costs).fit(X3, y)
    by_row = net().fit(X3, y, sample_weight=rows)
    np.testing.assert_allclose(
        by_class.decision_function(X3), by_row.decision_function(X3), rtol=1e-5
    )
    part = net(class_weight={"b": 2.0, "c": 0.5}).fit(X3, y)  # others weigh one
    assert np.array_equal(part.predict_proba(X3), by_class.predict_proba(X3))


def test_balanced_counts_the_sample_weights():
    w = np.where(y3 == 0, 3.0, 1.0)
    fitted = net(class_weight="balanced").fit(X3, y3, sample_weight=w)
    total = np.bincount(y3, w)
    np.testing.assert_allclose(
        fitted._fitted.target.class_weight, w.sum() / (3 * total)
    )


def test_costs_do_not_enter_the_monitored_score():
    """The held-out rows of early stopping are scored as an X_val of the same rows."""
    make = {"class_weight": {0: 1.0, 1: 10.0}, "early_stopping": True, "epochs": 4}
    split = net(**make).fit(X2, y2)
    rng = np.random.RandomState(0)
    rng.randint(2**31 - 1)
    train, held = train_test_split(
        np.arange(150), test_size=0.1, stratify=y2, random_state=rng
    )
    train, held = np.sort(train), np.sort(held)
    given = net(**make).fit(X2[train], y2[train], X_val=X2[held], y_val=y2[held])
    assert split.history_ == given.history_
    best = min(split.history_["val_log_loss"])
    assert log_loss(y2[held], split.predict_proba(X2[held])) == pytest.approx(
        best, 1e-5
    )


# -- sample weights ------------------------------------------------------------------


@pytest.mark.parametrize("name", mostly_slow(ALL))
def test_weights_are_repetitions(name):
    w = np.resize([1, 2, 0, 1, 3], len(y2))
    rows = np.repeat(np.arange(len(y2)), w)
    make = {"loss": name, "batch_size": 512, "epochs": 10}
    weighted = net(**make).fit(X2, y2, sample_weight=w)
    repeated = net(**make).fit(X2[rows], y2[rows])
    assert weighted._fitted.outputs.weights.dtype == np.float64
    np.testing.assert_allclose(
        weighted.decision_function(X2), repeated.decision_function(X2), atol=1e-6
    )


# -- going on ------------------------------------------------------------------------


def test_epochs_of_partial_fit_are_the_epochs_of_fit():
    whole = net(epochs=4, lr_schedule="cosine").fit(X2, y2)
    pieces = net(epochs=4, lr_schedule="cosine")
    for done in range(1, 5):
        assert pieces.partial_fit(X2, y2) is pieces
        assert pieces.n_epochs_ == len(pieces.history_["loss"]) == done
    assert np.array_equal(pieces._fitted.outputs.weights, whole._fitted.outputs.weights)
    assert pieces.history_ == whole.history_
    assert pieces.history_["loss"][-1] < pieces.history_["loss"][0]


def test_fit_then_partial_fit_keeps_the_optimisers_state():
    longer = net(epochs=4).fit(X2, y2)
    went_on = net(epochs=3).fit(X2, y2).partial_fit(X2, y2)
    assert np.array_equal(
        went_on._fitted.outputs.weights, longer._fitted.outputs.weights
    )
    assert went_on.history_ == longer.history_


@pytest.mark.slow
def test_partial_fit_takes_all_classes():
    first = np.flatnonzero(y3 < 2)
    part = net().partial_fit(X3[first], y3[first], classes=[0, 1, 2])
    assert part.classes_.tolist() == [0, 1, 2]
    assert part.predict_proba(X3).shape == (150, 3)
    part.partial_fit(X3, y3).partial_fit(X3, y3, classes=[2, 1, 0])
    assert part.n_epochs_ == 3
    one = net().partial_fit(X2[:1], y2[:1], classes=[0, 1])
    assert one.predict(X2).shape == (150,)


def test_fit_starts_anew():
    fitted = net().fit(X2, y2)
    first = fitted._fitted.outputs.weights
    assert np.array_equal(
        fitted.partial_fit(X2, y2).fit(X2, y2)._fitted.outputs.weights, first
    )
    assert fitted.n_epochs_ == len(fitted.history_["loss"]) == 3


def test_warm_start_starts_from_the_previous_weights():
    warm = net(warm_start=True, learning_rate=0.01).fit(X2, y2)
    first = warm.history_["loss"]
    warm.fit(X2, y2)
    assert warm.history_["loss"][0] < first[-1]
    assert warm.n_epochs_ == len(warm.history_["loss"]) == 3
    cold = net(learning_rate=0.01).fit(X2, y2).fit(X2, y2)
    assert cold.history_["loss"] == first


def test_warm_start_takes_the_statistics_of_the_best_epoch():
    body = MLP((8,), normalization="batch")
    make = {"network": body, "early_stopping": True, "learning_rate": 0.5}
    warm = net(warm_start=True, patience=1, epochs=20, **make).fit(X2, y2)
    assert warm.n_epochs_ > warm._fitted.best_epoch
    before = warm.decision_function(X2)
    warm.set_params(learning_rate=1e-30, early_stopping=False, epochs=1)
    start = warm._fitted.kept_weights
    assert start.stored.tolist() == warm._fitted.outputs.stored.tolist()
    warm.fit(X2, y2)
    kernel = warm._fitted.outputs.weights - start.weights
    assert abs(kernel).max() < 1e-6
    assert before.shape == warm.decision_function(X2).shape


def test_early_stopping_restores_the_best_weights():
    fit = {"X_val": X2[100:], "y_val": y2[100:]}
    stopped = net(early_stopping=True, patience=2, learning_rate=0.1, epochs=60)
    stopped.fit(X2[:100], y2[:100], **fit)
    scores = stopped.history_["val_log_loss"]
    best = int(np.argmin(scores))
    assert stopped.outcome_ is Outcome.STOPPED_EARLY
    assert stopped.n_epochs_ == len(scores) == best + 1 + 2
    assert log_loss(y2[100:], stopped.predict_proba(X2[100:])) == pytest.approx(
        min(scores), rel=1e-5
    )


def test_warm_start_goes_on_from_the_best_weights():
    fit = {"X_val": X2[100:], "y_val": y2[100:]}
    make = {"early_stopping": True, "patience": 2, "learning_rate": 0.1, "epochs": 60}
    warm = net(warm_start=True, **make).fit(X2[:100], y2[:100], **fit)
    assert warm.n_epochs_ > warm._fitted.best_epoch
    best = warm.decision_function(X2)
    warm.set_params(early_stopping=False, learning_rate=1e-30, epochs=1)
    warm.fit(X2[:100], y2[:100], **fit)
    assert np.array_equal(warm.decision_function(X2), best)


@pytest.mark.slow
def test_early_stopping_without_probabilities_watches_errors():
    fit = {"X_val": X2[100:], "y_val": y2[100:]}
    stopped = net(loss="hinge", early_stopping=True, patience=3, epochs=40)
    stopped.fit(X2[:100], y2[:100], **fit)
    scores = stopped.history_["val_zero_one_loss"]
    assert 1 - stopped.score(X2[100:], y2[100:]) == pytest.approx(min(scores))


def test_validation_data_alone_is_only_recorded():
    fit = {"X_val": X2[100:], "y_val": y2[100:]}
    plain = net(epochs=8, learning_rate=0.1).fit(X2[:100], y2[:100])
    watched = net(epochs=8, learning_rate=0.1).fit(X2[:100], y2[:100], **fit)
    assert np.array_equal(
        plain._fitted.outputs.weights, watched._fitted.outputs.weights
    )
    assert "val_loss" not in plain.history_
    assert len(watched.history_["val_log_loss"]) == watched.n_epochs_ == 8
    last = log_loss(y2[100:], watched.predict_proba(X2[100:]))
    assert watched.history_["val_log_loss"][-1] == pytest.approx(last, rel=1e-5)


def test_weights_of_the_validation_rows():
    w = np.resize([1, 2, 0], 50)
    rows = np.repeat(np.arange(100, 150), w)
    a = net().fit(
        X2[:100], y2[:100], X_val=X2[100:], y_val=y2[100:], sample_weight_val=w
    )
    b = net().fit(X2[:100], y2[:100], X_val=X2[rows], y_val=y2[rows])
    np.testing.assert_allclose(
        a.history_["val_log_loss"], b.history_["val_log_loss"], rtol=1e-5
    )
