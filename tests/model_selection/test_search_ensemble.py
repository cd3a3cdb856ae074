"""The ensemble in which a search ends: its members, weights and promised score."""

import pickle
from functools import cache

import numpy as np
import pytest
from canonical import NET, X, y_binary, y_number, y_three
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    roc_auc_score,
)
from sklearn.model_selection import (
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
)
from skloss.model_selection import (
    FusedGridSearchCV,
    FusedOptunaSearchCV,
    _search_ensemble,
)

CLASSES, NUMBERS = LossAwareClassifier(**NET), LossAwareRegressor(**NET)
RATES = {"learning_rate": [0.003, 0.01, 0.03], "dropout": [0.0, 0.3]}
CV = StratifiedKFold(3)


@pytest.fixture
def weighed(monkeypatch):
    """Let the greedy selection be trusted with the few rows of the tests."""
    monkeypatch.setattr(_search_ensemble, "FEW_ROWS", 0)


def test_predictions_are_those_of_cross_val_predict():
    pipe = make_pipeline(StandardScaler(), CLASSES)
    grid = {f"lossawareclassifier__{name}": v for name, v in RATES.items()}
    search = FusedGridSearchCV(pipe, grid, cv=CV, ensemble="greedy").fit(X, y_three)
    assert sorted(search.oof_predictions_) == list(range(6))
    for i in (0, 5):
        own = clone(pipe).set_params(**search.cv_results_["params"][i])
        p = cross_val_predict(own, X, y_three, cv=CV, method="predict_proba")
        np.testing.assert_allclose(search.oof_predictions_[i], p, atol=1e-5)


@pytest.mark.slow
def test_few_rows_average_the_best_of_each_structure():
    grid = {**RATES, "network": [(8,), (4,)]}
    search = FusedGridSearchCV(CLASSES, grid, cv=CV, ensemble="greedy").fit(X, y_binary)
    scores, weights = search.cv_results_["mean_test_score"], search.ensemble_weights_
    sizes = np.array([p["network"][0] for p in search.cv_results_["params"]])
    best = [np.flatnonzero(sizes == s)[scores[sizes == s].argmax()] for s in (4, 8)]
    assert np.flatnonzero(weights).tolist() == sorted(best)
    assert weights.sum() == pytest.approx(1.0)
    # its members are the networks of the folds, as scikit-learn fits them
    p = np.zeros((len(X), 2))
    for i in best:
        own = clone(CLASSES).set_params(**search.cv_results_["params"][i])
        found = cross_validate(own, X, y_binary, cv=CV, return_estimator=True)
        p += weights[i] * np.mean(
            [member.predict_proba(X) for member in found["estimator"]], axis=0
        )
    np.testing.assert_allclose(search.ensemble_.predict_proba(X), p, atol=1e-5)
    again = pickle.loads(pickle.dumps(search)).ensemble_
    np.testing.assert_array_equal(
        again.predict_proba(X), search.ensemble_.predict_proba(X)
    )


SCORES = {
    "neg_log_loss": lambda y, p: -log_loss(y, p),
    "roc_auc": lambda y, p: roc_auc_score(y, p[:, 1]),
    "accuracy": lambda y, p: accuracy_score(y, p.argmax(axis=1)),
}


@pytest.mark.parametrize("best", ["hinge", "cross_entropy"])
def test_a_loss_without_probabilities_may_be_the_best_alone(best, weighed):
    grid = [{"loss": [name]} for name in ("hinge", "cross_entropy")]
    for own in grid:
        own["learning_rate"] = [0.1 if own["loss"] == [best] else 1e-6]
    search = FusedGridSearchCV(CLASSES, grid, cv=CV, ensemble="greedy", refit=False)
    search.fit(X, y_binary)
    assert search.ensemble_weights_.tolist() == [best == "hinge", best != "hinge"]
    assert search.ensemble_score_ == pytest.approx(search.best_score_)
    np.testing.assert_array_equal(
        search.ensemble_.predict(X), search.fold_ensemble_.predict(X)
    )


@cache
def search_weighed(scoring):
    """Return a search of six candidates, for tests with ``weighed``."""
    common = {"cv": CV, "ensemble": "greedy", "refit": False}
    search = FusedGridSearchCV(CLASSES, RATES, scoring=scoring, **common)
    return search.fit(X, y_binary)


@pytest.mark.parametrize("scoring", SCORES)
def test_weights_and_the_promised_score_by_hand(scoring, weighed):
    search = search_weighed(scoring)
    own, score = search.oof_predictions_, SCORES[scoring]
    order = sorted(own, key=lambda i: -search.cv_results_["mean_test_score"][i])

    def select(rows, rounds=25):
        chosen, scores = [], []
        while len(chosen) < rounds:
            tried = [
                SCORES[scoring](
                    y_binary[rows],
                    np.mean([own[j][rows] for j in [*chosen, i]], axis=0),
                )
                for i in order
            ]
            chosen.append(order[int(np.argmax(tried))])
            scores.append(max(tried))
            if len(scores) - 1 - np.argmax(scores) == 5:
                break
        chosen = chosen[: np.argmax(scores) + 1]
        return np.bincount(chosen, minlength=len(own)) / len(chosen)

    def promise(rounds):
        scores = []
        for train, test in CV.split(X, y_binary):
            weights = select(train, rounds)
            p = sum(weights[i] * own[i][test] for i in own)
            scores.append(score(y_binary[test], p))
        return np.mean(scores)

    several, alone = promise(25), promise(1)
    assert search.ensemble_score_ == pytest.approx(max(several, alone), rel=1e-9)
    expected = np.eye(6)[order[0]]
    if several >= alone:
        expected = select(np.arange(len(X)))
    np.testing.assert_allclose(search.ensemble_weights_, expected, rtol=1e-12)


def test_class_weights_decide_as_in_the_networks():
    """Of few rows the best network alone: what is promised is what it scored."""
    rare = (X[:, 0] > 0.9).astype(int)
    grid = {"class_weight": ["balanced", {0: 1, 1: 3}], "learning_rate": [0.01, 0.03]}
    search = FusedGridSearchCV(
        CLASSES, grid, cv=CV, scoring="balanced_accuracy", ensemble="greedy"
    ).fit(X, rare)
    assert search.ensemble_score_ == pytest.approx(search.best_score_, rel=1e-12)
    undecided = [
        balanced_accuracy_score(
            rare[test], search.oof_predictions_[search.best_index_][test].argmax(axis=1)
        )
        for _, test in CV.split(X, rare)
    ]
    assert np.mean(undecided) < search.best_score_ - 0.05


def test_rows_tested_twice_are_averaged_and_others_left_out():
    twice = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    some = ShuffleSplit(2, test_size=0.2, random_state=0)
    grid = {"learning_rate": [0.01, 0.03]}
    for cv in (twice, some):
        search = FusedGridSearchCV(CLASSES, grid, cv=cv, ensemble="greedy")
        search.fit(X, y_binary)
        own = clone(CLASSES).set_params(learning_rate=0.01)
        found = cross_validate(own, X, y_binary, cv=cv, return_estimator=True)
        total, count = np.zeros((len(X), 2)), np.zeros(len(X))
        members = found["estimator"]
        for member, (_, test) in zip(members, cv.split(X, y_binary), strict=True):
            total[test] += member.predict_proba(X[test])
            count[test] += 1
        with np.errstate(invalid="ignore"):
            expected = total / count[:, None]
        np.testing.assert_allclose(search.oof_predictions_[0], expected, atol=1e-5)


@pytest.mark.parametrize("shift", [0.0, 1e8])
def test_numbers_far_from_zero(shift, weighed):
    y = y_number + shift
    grid = {"learning_rate": [0.01, 0.03], "loss": ["squared_error", "absolute_error"]}
    cv = KFold(3)
    search = FusedGridSearchCV(
        NUMBERS, grid, cv=cv, scoring="neg_mean_absolute_error", ensemble="greedy"
    ).fit(X, y)
    own = clone(NUMBERS).set_params(**search.best_params_)
    p = cross_val_predict(own, X, y, cv=cv)
    found = search.oof_predictions_[search.best_index_]
    np.testing.assert_allclose(found - shift, p - shift, atol=1e-4)
    error = mean_absolute_error(y, found)
    assert -error == pytest.approx(search.best_score_, rel=1e-6)
    assert search.ensemble_score_ > search.best_score_ - 0.05


def test_only_the_best_are_kept(weighed):
    common = {"cv": CV, "scoring": "neg_log_loss", "ensemble": "greedy"}
    search = FusedGridSearchCV(CLASSES, RATES, keep=2, **common).fit(X, y_binary)
    best = np.argsort(-search.cv_results_["mean_test_score"], kind="stable")[:2]
    assert sorted(search.oof_predictions_) == sorted(best.tolist())
    assert set(np.flatnonzero(search.ensemble_weights_)) <= set(best.tolist())


def test_losses_without_probabilities_take_no_part(weighed):
    grid = {"loss": ["cross_entropy", "hinge"]}
    search = FusedGridSearchCV(CLASSES, grid, cv=CV, ensemble="greedy", refit=False)
    search.fit(X, y_binary)
    assert sorted(search.oof_predictions_) == [0]
    assert search.ensemble_weights_.tolist() == [1.0, 0.0]


def test_seeds_are_refits_of_the_winner():
    grid = {"learning_rate": [0.01, 0.03]}
    search = FusedGridSearchCV(NUMBERS, grid, cv=3, ensemble="seeds").fit(X, y_number)
    members = search.ensemble_.estimators
    assert len(members) == 8
    assert members[0] is search.best_estimator_
    seeds = [member.random_state for member in members]
    assert len(set(seeds)) == 8
    predictions = [
        clone(NUMBERS)
        .set_params(**search.best_params_, random_state=seed)
        .fit(X, y_number)
        .predict(X)
        for seed in seeds
    ]
    np.testing.assert_array_equal(
        search.ensemble_.predict(X), np.mean(predictions, axis=0)
    )


def test_a_study_ends_in_an_ensemble(weighed):
    space = {"learning_rate": (1e-3, 3e-2, "log")}
    search = FusedOptunaSearchCV(
        CLASSES,
        space,
        n_trials=4,
        cv=CV,
        scoring="neg_log_loss",
        ensemble="greedy",
        random_state=0,
    ).fit(X, y_binary)
    assert search.ensemble_weights_.sum() == pytest.approx(1.0)
    assert search.ensemble_.predict_proba(X).shape == (93, 2)
    assert isinstance(search.ensemble_score_, float)


def mean_of_scores(estimator, X, y):
    return estimator.predict(X).mean()


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"ensemble": "best"}, ValueError, "ensemble='best' must be one of None"),
        ({"ensemble": "greedy", "keep": 0}, ValueError, "keep=0 must be an integer"),
        ({"ensemble": "seeds", "refit": False}, ValueError, "made of refits"),
        (
            {"ensemble": "greedy", "scoring": mean_of_scores},
            TypeError,
            "made by make_scorer",
        ),
        (
            {
                "ensemble": "greedy",
                "scoring": ["accuracy", "neg_log_loss"],
                "refit": False,
            },
            ValueError,
            "let refit name it",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_training(changes, error, text):
    search = FusedGridSearchCV(CLASSES, RATES, cv=CV, **changes)
    with pytest.raises(error, match=text):
        search.fit(X, y_binary)
    assert not hasattr(search, "cv_results_")


def test_without_an_ensemble_there_is_none():
    search = FusedGridSearchCV(CLASSES, {"l2": [0.0]}, cv=CV).fit(X, y_binary)
    assert not hasattr(search, "ensemble_")
    assert not hasattr(search, "oof_predictions_")
    with pytest.raises(AttributeError, match="ensemble='greedy' or 'seeds'"):
        _ = search.ensemble_


@pytest.mark.parametrize(
    ("kind", "scoring"), [(np.asarray, "roc_auc"), (csr_array, "accuracy")]
)
def test_several_labels(kind, scoring, weighed):
    labels = np.stack([y_binary, X[:, 2] > 0.3], axis=1).astype(int)
    grid = {"learning_rate": [0.01, 0.03]}
    cv = KFold(3)
    search = FusedGridSearchCV(
        CLASSES, grid, cv=cv, scoring=scoring, ensemble="greedy", refit=False
    ).fit(X, kind(labels))
    p = cross_val_predict(
        clone(CLASSES).set_params(learning_rate=0.01),
        X,
        labels,
        cv=cv,
        method="predict_proba",
    )
    np.testing.assert_allclose(search.oof_predictions_[0], p, atol=1e-5)
    assert search.ensemble_.predict(X).shape == (93, 2)


def test_several_metrics_and_a_scorer_with_arguments(weighed):
    scoring = {
        "acc": "accuracy",
        "auc": make_scorer(roc_auc_score, response_method="predict_proba"),
    }
    common = {"cv": CV, "ensemble": "greedy", "refit": "auc"}
    both = FusedGridSearchCV(CLASSES, RATES, scoring=scoring, **common)
    both.fit(X, y_binary)
    one = search_weighed("roc_auc")
    np.testing.assert_array_equal(both.ensemble_weights_, one.ensemble_weights_)


def test_several_tasks_have_no_mean():
    net = LossAwareMultiTask([("a", ClassificationHead())], epochs=1)
    search = FusedGridSearchCV(net, {"l2": [0.0]}, cv=3, ensemble="greedy")
    with pytest.raises(ValueError, match="an estimator of one task"):
        search.fit(X, y_binary[:, None])
