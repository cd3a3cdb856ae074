"""Classes that folds lack: what takes labels gets all, what does not is as ever."""

import numpy as np
import pytest
from canonical import NET, X, y_three
from searches import assert_same, both
from sklearn import metrics
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, fused_cross_validate

SHORT = NET | {"epochs": 2}
CV = KFold(3)
FOLD_0 = [next(CV.split(X))]
rare = np.array(["high", "low", "mid"])[y_three]
rare[4] = "zz"  # a class of one row, which fold 0 does not train on
CLASSES = ["high", "low", "mid", "zz"]
GRID = {"l2": [0.0, 0.1]}


def probabilities(net, table, test):
    """Return those of all classes by hand, at least 1e-6 and of sum 1."""
    full = np.zeros((len(test), 4))
    for column, name in zip(
        net.predict_proba(table[test]).T, net.classes_, strict=True
    ):
        full[:, CLASSES.index(name)] = column
    full = np.maximum(full, 1e-6)
    return full / full.sum(axis=1, keepdims=True)


def test_scores_that_take_labels_are_those_of_all_classes():
    pipe = make_pipeline(StandardScaler(), LossAwareClassifier(**SHORT))
    scoring = ["neg_log_loss", "roc_auc_ovo", "accuracy", "f1_macro"]
    says = r"training rows of folds \[0\] lack the classes \['zz'\].*\['neg_log_loss', "
    search = FusedGridSearchCV(pipe, {}, cv=CV, scoring=scoring, refit=False)
    with pytest.warns(UserWarning, match=says) as caught:
        results = search.fit(X, rare).cv_results_
    assert {warning.filename for warning in caught} == {__file__}
    with pytest.warns(UserWarning, match=says):
        found = fused_cross_validate(pipe, X, rare, cv=CV, scoring=scoring)
    for fold, (train, test) in enumerate(CV.split(X)):
        net = clone(pipe).fit(X[train], rare[train])
        p, y = probabilities(net, X, test), rare[test]
        expected = {
            "neg_log_loss": -metrics.log_loss(y, p, labels=CLASSES),
            "roc_auc_ovo": metrics.roc_auc_score(
                y, p, labels=CLASSES, multi_class="ovo"
            ),
            "accuracy": metrics.accuracy_score(y, net.predict(X[test])),
            "f1_macro": metrics.f1_score(y, net.predict(X[test]), average="macro"),
        }
        for name, value in expected.items():
            searched = results[f"split{fold}_test_{name}"][0]
            assert searched == pytest.approx(value, rel=1e-4), name
            assert found[f"test_{name}"][fold] == searched


def test_a_binary_network_where_only_two_of_three_classes_are_seen():
    y = np.where(np.arange(93) == 4, 5, X[:, 0] > 0)
    net = LossAwareClassifier(**SHORT)
    search = FusedGridSearchCV(net, {}, cv=FOLD_0, scoring="neg_log_loss", refit=False)
    with pytest.warns(UserWarning, match=r"\[5\].*\['log_loss'\]"):
        found = search.fit(X, y).cv_results_["split0_test_score"][0]
    train, test = next(CV.split(X))
    p = clone(net).fit(X[train], y[train]).predict_proba(X[test])
    p = np.maximum(np.c_[p, np.zeros(31)], 1e-6)
    p /= p.sum(axis=1, keepdims=True)
    expected = -metrics.log_loss(y[test], p, labels=[0, 1, 5])
    assert found == pytest.approx(expected, rel=1e-5)


def test_other_scores_are_those_of_scikit_learn():
    net = LossAwareClassifier(**SHORT)
    options = {"cv": CV, "scoring": ["accuracy", "f1_macro"], "refit": False}
    fused, plain = both(net, {}, X, rare, **options)
    assert_same(fused, plain, within=0.1)


def test_scores_of_raw_outputs_and_of_nets_without_probabilities():
    scoring = {
        "top": metrics.make_scorer(
            metrics.top_k_accuracy_score,
            response_method=("decision_function", "predict_proba"),
            k=3,
        ),
        "neg_log_loss": "neg_log_loss",
    }
    search = FusedGridSearchCV(
        LossAwareClassifier(**SHORT | {"loss": "hinge"}),
        {},
        cv=FOLD_0,
        scoring=scoring,
        refit=False,
    )
    with (
        pytest.warns(UserWarning, match="lack the classes"),
        pytest.warns(UserWarning, match="(?s)Scoring failed.*loss='hinge'"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        results = search.fit(X, rare).cv_results_
    train, test = next(CV.split(X))
    alone = LossAwareClassifier(**SHORT | {"loss": "hinge"}).fit(X[train], rare[train])
    scores = alone.decision_function(X[test])
    scores = np.c_[scores, scores.min(axis=1) - 1.0]  # below what it knows
    expected = metrics.top_k_accuracy_score(rare[test], scores, k=3, labels=CLASSES)
    assert results["split0_test_top"][0] == pytest.approx(expected)
    assert np.isnan(results["mean_test_neg_log_loss"][0])


def test_a_fold_of_one_class_has_a_log_loss():
    y = np.where(np.arange(93) < 31, 0, X[:, 0] > 0)  # both classes are trained on
    net = LossAwareClassifier(**SHORT)
    search = FusedGridSearchCV(net, {}, cv=FOLD_0, scoring="neg_log_loss", refit=False)
    found = search.fit(X, y).cv_results_["split0_test_score"][0]
    (train, test), *_ = FOLD_0
    p = clone(net).fit(X[train], y[train]).predict_proba(X[test])
    expected = -metrics.log_loss(y[test], p, labels=[0, 1])
    assert found == pytest.approx(expected, rel=1e-5)


def test_where_all_scores_are_nan_it_says_why_as_scikit_learn_does():
    y = (np.arange(93) == 4).astype(int)  # fold 0 has one class to train on
    options = {"cv": CV, "scoring": "neg_log_loss", "refit": False}
    searches = []
    for cls in (FusedGridSearchCV, GridSearchCV):
        search = cls(LossAwareClassifier(**SHORT), GRID, **options)
        with (
            pytest.warns(RuntimeWarning, match="(?s)2 fits failed.*greater than one"),
            pytest.warns(UserWarning, match=r"non-finite: \[nan nan\]"),
            pytest.warns(UserWarning, match="lack the classes|Scoring failed"),
        ):
            searches.append(search.fit(X, y))
    fused, plain = searches
    assert fused.best_params_ == plain.best_params_
    assert np.isnan(fused.best_score_)
    assert fused.cv_results_["rank_test_score"].tolist() == [1, 1]
    assert not hasattr(fused, "fold_ensemble_")
    says = "fold_ensemble_ needs a network of every.*fold 0: not trained: .*classes"
    with pytest.raises(AttributeError, match=says):
        fused.fold_ensemble_  # noqa: B018
