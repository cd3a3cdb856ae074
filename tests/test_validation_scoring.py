"""A scikit-learn scorer decides early stopping, kept weights and plateau schedules."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.stats import spearmanr
from sklearn import metrics
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import trace_count
from skloss.estimators._fit_network import prepare_fit
from skloss.exceptions import IneffectiveParameterWarning

X, y = load_breast_cancer(return_X_y=True)
X, y = StandardScaler().fit_transform(X)[:240, :6], np.array(["no", "yes"])[y[:240]]
X_num, y_num = load_diabetes(return_X_y=True)
RNG = np.random.default_rng(0)
WEIGHT = RNG.uniform(0.2, 2, 80)


def classifier(**params):
    given = {"network": (5,), "learning_rate": 0.01, "random_state": 0, **params}
    return LossAwareClassifier(**given)


def regressor(**params):
    given = {"network": (5,), "learning_rate": 0.01, "random_state": 0, **params}
    return LossAwareRegressor(**given)


def of_women(estimator, X, y):
    """Look at a column by its name, as a user's scorer may."""
    assert list(X.columns) == list("abcdef")
    hit = estimator.predict(X) == y
    return hit[(X["a"] > 0).to_numpy()].mean()


def sharpness(estimator, X, y):
    low, high = estimator.predict_interval(X).T
    return -np.mean(high - low)


CASES = [
    (classifier(), "roc_auc", {}),
    (classifier(loss="hinge"), "roc_auc", {}),
    (classifier(loss="hinge"), "balanced_accuracy", {}),
    (classifier(class_weight={"no": 3, "yes": 1}), "neg_log_loss", {}),
    (classifier(), "neg_log_loss", {"sample_weight_val": WEIGHT}),
    (classifier(), of_women, {"sample_weight_val": WEIGHT}),
    (classifier(), metrics.make_scorer(metrics.f1_score, pos_label="no"), {}),
    (regressor(), "r2", {"sample_weight_val": WEIGHT}),
    (regressor(loss="huber"), "neg_mean_absolute_error", {}),
    (regressor(), "neg_max_error", {"sample_weight_val": WEIGHT}),
    (regressor(loss="gaussian_nll"), sharpness, {}),
]
NAMES = ("of_women", "f1_score", "sharpness")


def name_of(scoring):
    return scoring if isinstance(scoring, str) else NAMES[SCORERS.index(scoring)]


SCORERS = [scoring for _, scoring, _ in CASES if not isinstance(scoring, str)]


def data(net, table=np.asarray):
    rows, target = (X, y) if isinstance(net, LossAwareClassifier) else (X_num, y_num)
    rows = table(rows[:, :6])
    return (rows[:160], target[:160]), {
        "X_val": rows[160:240],
        "y_val": target[160:240],
    }


def frame(rows):
    return pd.DataFrame(rows, columns=list("abcdef"))


@pytest.mark.parametrize(
    ("net", "scoring", "more"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] * (i not in (4, 5, 9)))
        for i, case in enumerate(CASES)
    ],
)
def test_history_holds_the_score_of_each_epoch(net, scoring, more):
    """Against scikit-learn's scorer on networks trained for so many epochs."""
    rows, val = data(net, frame)
    net = clone(net)
    net.set_params(epochs=4, validation_scoring=scoring).fit(*rows, **val, **more)
    own = net.history_[f"val_{name_of(scoring)}"]
    monitor = net.loss_.monitor_name()
    assert f"val_{monitor}" not in set(net.history_) - {f"val_{name_of(scoring)}"}
    scorer, weights = metrics.check_scoring(net, scoring), {}
    if more and scoring not in (of_women, "neg_max_error"):  # take no weights
        weights = {"sample_weight": WEIGHT}
    for epochs in (1, 4):
        # dtype and schedule do not depend on the number of epochs
        shorter = clone(net).set_params(epochs=epochs)
        shorter.set_params(validation_scoring=None).fit(*rows, **val, **more)
        expected = scorer(shorter, val["X_val"], val["y_val"], **weights)
        np.testing.assert_allclose(own[epochs - 1], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "table", [np.asarray, pytest.param(csr_array, marks=pytest.mark.slow)]
)
def test_the_score_stops_and_chooses_the_weights(table):
    rows, val = data(classifier(), table)
    make = {"epochs": 60, "patience": 4, "learning_rate": 0.03}
    net = classifier(early_stopping=True, validation_scoring="accuracy", **make)
    net.fit(*rows, **val)
    scores = net.history_["val_accuracy"]
    best = int(np.argmax(scores)) + 1
    assert len(scores) == net.n_epochs_ == best + 4 < 60
    assert net._fitted.best_epoch == best
    assert net._fitted.record.curve == [-score for score in scores]
    assert net.score(*val.values()) == pytest.approx(max(scores), abs=1e-6)
    plain = classifier(early_stopping=True, **make).fit(*rows, **val)
    assert plain._fitted.best_epoch != best  # the loss-neutral score chose another
    shorter = classifier(**{**make, "epochs": best}).fit(*rows, **val)
    np.testing.assert_allclose(
        net.decision_function(rows[0]), shorter.decision_function(rows[0]), rtol=1e-4
    )


class Script:
    """A scorer that says what it is told to, first at its rehearsal."""

    def __init__(self, scores):
        self.scores = iter([0.0, *scores])

    def __call__(self, estimator, X, y):
        score = next(self.scores)
        if isinstance(score, Exception):
            raise score
        return score


def test_a_plateau_schedule_watches_the_score():
    rows, val = data(classifier())
    scores = [0.1, 0.2, 0.2, 0.2, 0.3, 0.4, 0.4, 0.4]
    net = classifier(
        epochs=8,
        lr_schedule="reduce_on_plateau:patience=2,factor=0.5",
        validation_scoring=Script(scores),
    ).fit(*rows, **val)
    np.testing.assert_allclose(net.history_["val_score"], scores, rtol=1e-6)
    rates = [0.01] * 4 + [0.005] * 4
    np.testing.assert_allclose(net.history_["learning_rate"], rates, rtol=1e-6)


def test_a_scorer_that_fails_in_an_epoch():
    rows, val = data(classifier())
    scores = [0.1, 0.2, RuntimeError("no such thing"), np.nan, 0.1]
    net = classifier(
        epochs=5, patience=3, early_stopping=True, validation_scoring=Script(scores)
    )
    with pytest.warns(UserWarning, match="no such thing"):
        net.fit(*rows, **val)
    expected = [0.1, 0.2, np.nan, np.nan, 0.1]
    np.testing.assert_allclose(net.history_["val_score"], expected, rtol=1e-6)
    assert net._fitted.best_epoch == 2


def test_rows_set_aside_are_scored():
    net = classifier(epochs=3, early_stopping=True, validation_scoring="roc_auc")
    net.fit(X, y.tolist())
    assert len(net.history_["val_roc_auc"]) == 3
    seen = []

    def scorer(estimator, X, y):
        seen.append((X, y))
        return 0.0

    net.set_params(validation_scoring=scorer, validation_fraction=0.25).fit(frame(X), y)
    rows, target = seen[-1]
    assert isinstance(rows, pd.DataFrame)
    assert len(rows) == 60
    assert (target == y[rows.index]).all()
    assert (target == "no").sum() == round(0.25 * (y == "no").sum())


def test_several_labels_and_targets():
    labels = np.stack([y == "yes", X[:, 0] > 0], axis=1).astype(int)
    net = classifier(epochs=2, early_stopping=True, validation_scoring="f1_macro")
    for given in (labels, csr_array(labels)):
        assert len(net.fit(X, given).history_["val_f1_macro"]) == 2
    two = np.stack([y_num, -y_num], axis=1)
    net = regressor(epochs=2, early_stopping=True, validation_scoring="r2")
    assert len(net.fit(X_num, two).history_["val_r2"]) == 2


def other_rows(estimator, X, y):
    return estimator.score(X[:5], y[:5])


def several(estimator, X, y):
    return {"accuracy": 1.0}


ALONE = np.array(["no"] * 80)
REFUSED = [
    (classifier(), "roc_aux", ["'roc_aux'", "Did you mean 'roc_auc'"], {}),
    (classifier(), metrics.accuracy_score, ["make_scorer"], {}),
    (classifier(), several, ["cross_entropy", "{'accuracy': 1.0}", "a number"], {}),
    (classifier(), other_rows, ["cross_entropy", "other rows", "Choose another"], {}),
    (classifier(loss="hinge"), "neg_log_loss", ["hinge", "predict_proba"], {}),
    (classifier(), "neg_mean_poisson_deviance", ["cross_entropy", "Choose"], {}),
    (regressor(loss="huber"), "roc_auc", ["huber", "'roc_auc'", "Choose"], {}),
    (classifier(), "roc_auc", ["'roc_auc'", "single class"], {"y_val": ALONE}),
]


@pytest.mark.filterwarnings("ignore:Only one class is present")
@pytest.mark.parametrize(("net", "scoring", "match", "more"), REFUSED)
def test_refused_before_training(net, scoring, match, more):
    rows, val = data(net)
    before = trace_count()
    net = clone(net).set_params(validation_scoring=scoring)
    with pytest.raises(ValueError, match=re.escape("validation_scoring=")) as caught:
        net.fit(*rows, **{**val, **more})
    for text in match:
        assert text in str(caught.value)
    assert trace_count() == before
    assert not hasattr(net, "_fitted")


def test_no_scorer_at_all():
    with pytest.raises(TypeError, match="validation_scoring=3 must be the name"):
        classifier(validation_scoring=3).fit(X, y)
    with pytest.raises(TypeError, match="or None"):
        classifier(validation_scoring=["accuracy"]).fit(X, y)


def test_an_earlier_fit_does_not_answer_for_other_rows():
    net = classifier(epochs=2, early_stopping=True, warm_start=True).fit(X, y)
    net.set_params(validation_scoring=other_rows)
    with pytest.raises(ValueError, match="other rows"):
        net.fit(X, y)


def test_a_correlation_of_equal_predictions_is_no_reason():
    def correlation(estimator, X, y):
        return spearmanr(estimator.predict(X), y).statistic

    net = regressor(epochs=2, early_stopping=True, validation_scoring=correlation)
    assert np.isfinite(net.fit(X_num, y_num).history_["val_correlation"]).all()


def test_without_validation_data_it_has_no_effect():
    net = classifier(epochs=1, validation_scoring="accuracy")
    with pytest.warns(IneffectiveParameterWarning, match="early_stopping=True"):
        net.fit(X, y)
    with pytest.warns(IneffectiveParameterWarning, match="validation_scoring='acc"):
        net.partial_fit(X, y)


def test_a_validation_scorer_can_be_pickled():
    net = classifier(early_stopping=True, validation_scoring="roc_auc")
    scorer = prepare_fit(net, X, y).plan.members[0].scorer
    raw = RNG.normal(size=(24, 1))
    assert pickle.loads(pickle.dumps(scorer))(raw) == scorer(raw)
    assert scorer.name == "roc_auc"


def test_in_a_pipeline():
    net = classifier(epochs=2, early_stopping=True, validation_scoring="accuracy")
    pipe = make_pipeline(StandardScaler(), net).fit(frame(X), y)
    assert len(pipe[-1].history_["val_accuracy"]) == 2
