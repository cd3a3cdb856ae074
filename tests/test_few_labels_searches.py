"""Few labels among scikit-learn's own: pipelines, splitters, searches, and checks."""

import numpy as np
import pandas as pd
import pytest
from canonical import X, y_three
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator
from unlabelled_rows import OTHERS, ROWS, SOME, TWO, WORDS, make, words

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, LabelledSplit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def net():
    return make().fit(X, SOME)


def test_a_pipeline_scales_by_all_rows():
    table = 5 * X + 3
    pipe = make_pipeline(StandardScaler(), make()).fit(table, SOME)
    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    alone = make().fit(scaled, SOME)
    np.testing.assert_allclose(
        pipe.predict_proba(table), alone.predict_proba(scaled), rtol=1e-5
    )
    assert pipe.score(table, SOME) == alone.score(scaled, SOME)


def test_a_splitter_of_texts():
    cv = LabelledSplit(3, unlabeled_label="?")
    assert repr(cv) == "LabelledSplit(3, unlabeled_label='?')"
    own = StratifiedKFold(3).split(X[ROWS], WORDS[ROWS])
    for (train, test), (a, b) in zip(cv.split(X, words()), own, strict=True):
        assert (test == ROWS[b]).all()
        assert (train == np.sort(np.r_[ROWS[a], OTHERS])).all()


@pytest.mark.parametrize("y", [SOME[:, None], pd.DataFrame({"y": SOME})])
def test_a_splitter_reads_a_column(y):
    found = [test for _, test in LabelledSplit(3).split(X, y)]
    assert np.sort(np.concatenate(found)).tolist() == ROWS.tolist()


def test_cross_validation_scores_labelled_rows():
    cv = LabelledSplit(3)
    scores = cross_val_score(make(), X, SOME, cv=cv, error_score="raise")
    by_hand = []
    for train, test in cv.split(X, SOME):
        fitted = make().fit(X[train], SOME[train])
        by_hand.append(accuracy_score(y_three[test], fitted.predict(X[test])))
    assert scores.tolist() == by_hand
    texts = cross_val_score(
        make(unlabeled_label="?"),
        X,
        words(),
        cv=LabelledSplit(3, unlabeled_label="?"),
        scoring="balanced_accuracy",
        error_score="raise",
    )
    assert np.isfinite(texts).all()


GRID = {
    "lossawareclassifier__unlabeled_loss__threshold": [0.4, 0.7],
    "lossawareclassifier__l2": [0.0, 0.1],
}


def search_both(y, scoring, **changes):
    pipe = make_pipeline(StandardScaler(), make(**changes))
    cv = LabelledSplit(3, unlabeled_label=changes.get("unlabeled_label", -1))
    options = {"cv": cv, "scoring": scoring, "error_score": "raise"}
    pair = [
        search(pipe, GRID, **options) for search in (GridSearchCV, FusedGridSearchCV)
    ]
    return [search.fit(X, y) for search in pair]


def assert_same_scores(theirs, ours):
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            ours.cv_results_[name], theirs.cv_results_[name], atol=1e-7, err_msg=name
        )


@pytest.mark.parametrize("scoring", [None, "accuracy", "balanced_accuracy", "f1_macro"])
def test_searches_of_labels(scoring):
    theirs, ours = search_both(SOME, scoring)
    assert_same_scores(theirs, ours)
    assert ours.best_params_ == theirs.best_params_
    assert ours.classes_.tolist() == theirs.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5
    )
    assert ours.score(X[ROWS], y_three[ROWS]) == pytest.approx(
        theirs.score(X[ROWS], y_three[ROWS])
    )


@pytest.mark.parametrize(
    "scoring", ["roc_auc", "neg_brier_score", "neg_log_loss", "d2_log_loss_score"]
)
def test_searches_of_probabilities_of_two_classes(scoring):
    assert_same_scores(*search_both(TWO, scoring))


@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "neg_log_loss"])
def test_searches_of_probabilities_of_several_classes(scoring):
    assert_same_scores(*search_both(SOME, scoring))


def test_searches_of_texts():
    theirs, ours = search_both(words(), "accuracy", unlabeled_label="?")
    assert_same_scores(theirs, ours)
    assert set(ours.predict(X)) <= set(WORDS)


def test_several_scores_at_once():
    cv = LabelledSplit(3)
    scoring = ["accuracy", "balanced_accuracy"]
    found = cross_validate(make(), X, SOME, cv=cv, scoring=scoring, error_score="raise")
    ours = FusedGridSearchCV(
        make(), {"l2": [0.0]}, cv=cv, scoring=scoring, refit="accuracy"
    ).fit(X, SOME)
    for name in scoring:
        expected = found[f"test_{name}"].mean()
        assert ours.cv_results_[f"mean_test_{name}"][0] == pytest.approx(expected)


def test_the_ensemble_of_the_folds_is_scored_as_its_networks_are():
    found = FusedGridSearchCV(make(), {"l2": [0.0]}, cv=LabelledSplit(3)).fit(X, SOME)
    ensemble = found.fold_ensemble_
    expected = accuracy_score(y_three[ROWS], ensemble.predict(X[ROWS]))
    assert ensemble.score(X, SOME) == expected


def test_calibration_and_self_training_around_it(net):
    calibrated = CalibratedClassifierCV(FrozenEstimator(net)).fit(
        X[ROWS], y_three[ROWS]
    )
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    # it gives its estimator the rows with labels, and those that it labels
    taught = SelfTrainingClassifier(make(None), threshold=0.6).fit(X, SOME)
    assert taught.classes_.tolist() == [0, 1, 2]
    assert (taught.transduction_[ROWS] == y_three[ROWS]).all()


CHECKED = {
    "network": (8,),
    "batch_size": 64,
    "epochs": 40,
    "learning_rate": 0.01,
    "random_state": 0,
}


@pytest.mark.filterwarnings("ignore::skloss.exceptions.IneffectiveParameterWarning")
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(own, check, id=check.func.__name__)
        for own, check in estimator_checks_generator(
            LossAwareClassifier(unlabeled_loss="pseudo_label", **CHECKED)
        )
    ],
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
