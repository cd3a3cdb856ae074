"""Averages of fitted estimators: their own rules, missing classes, no fit."""

import pickle

import numpy as np
import pandas as pd
import pytest
from canonical import NET
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer, r2_score
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.losses import CrossEntropy, Quantile, RankedProbability
from skloss.model_selection import FoldEnsembleClassifier, FoldEnsembleRegressor

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
PAIR = Y > 0
WORDS = np.array(["low", "middle", "high"])
ORDERED = pd.Series(pd.Categorical(WORDS[Y], categories=WORDS, ordered=True))
AMOUNT = X[:, 2] ** 2 + 0.1


def net(loss="cross_entropy", **params):
    given = NET | {"epochs": 12, "learning_rate": 0.03}
    return LossAwareClassifier(loss, **{**given, **params})


def numbers(loss="squared_error", **params):
    return LossAwareRegressor(loss, **{**NET, **params})


def folds_of(estimator, y):
    """Return three members, each fitted on its own third of the rows."""
    return [clone(estimator).fit(X[i::3], y[i::3]) for i in range(3)]


@pytest.mark.parametrize("y", [Y, PAIR, WORDS[Y]], ids=["multiclass", "bool", "words"])
@pytest.mark.parametrize("piped", [False, True])
def test_probabilities_are_the_mean(y, piped):
    one = make_pipeline(StandardScaler(), net("focal")) if piped else net("focal")
    members = folds_of(one, y)
    ensemble = FoldEnsembleClassifier(members)
    p = sum(member.predict_proba(X) for member in members) / 3
    np.testing.assert_allclose(ensemble.predict_proba(X), p, rtol=1e-12)
    np.testing.assert_allclose(ensemble.predict_log_proba(X), np.log(p), rtol=1e-12)
    assert ensemble.classes_.tolist() == np.unique(y).tolist()
    predicted = np.unique(y)[p.argmax(axis=1)]
    assert ensemble.predict(X).tolist() == predicted.tolist()
    assert ensemble.score(X, y) == accuracy_score(y, predicted)
    scores = ensemble.decision_function(X)
    expected = np.log(p) if y is not PAIR else np.log(p[:, 1] / p[:, 0])
    np.testing.assert_allclose(scores, expected, rtol=1e-10, atol=1e-12)


def test_means_and_majorities_differ():
    """The members' probabilities count, not their votes."""
    members = folds_of(net(epochs=2), Y)
    votes = np.array([member.predict(X) for member in members])
    majority = np.array([np.bincount(column).argmax() for column in votes.T])
    assert (FoldEnsembleClassifier(members).predict(X) != majority).any()


MORE = [  # each decides by a rule that one of the quick ones has, too
    (net("vector_scaling:posterior=balanced"), Y),
    (net("sord:decision=median", class_weight={0: 1.0, 1: 0.1, 2: 4.0}), Y),
    (net(RankedProbability("mean") + RankedProbability(), learning_rate=1e-3), Y),
    (net(0.5 * CrossEntropy() + CrossEntropy()), Y),
    (net("rps:decision=mean"), ORDERED),
]


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (net(), Y),
        (net("hinge"), Y),
        (net("hinge"), PAIR),
        (net(class_weight={0: 1.0, 1: 8.0, 2: 0.3}), Y),
        (net(class_weight={False: 3.0, True: 0.5}), PAIR),
        (net("logit_adjusted:posterior=balanced"), Y),
        (net("coral:decision=mean"), Y),
        (net("qwk"), Y),
        (net("coral", class_weight={"low": 1.0, "middle": 9.0, "high": 0.1}), ORDERED),
        *(pytest.param(one, y, marks=pytest.mark.slow) for one, y in MORE),
    ],
)
def test_of_one_it_decides_as_that_one(estimator, y):
    member = estimator.fit(X, y)
    assert len(set(member.predict(X))) > 1
    ensemble = FoldEnsembleClassifier([member])
    assert ensemble.predict(X).tolist() == member.predict(X).tolist()
    assert hasattr(ensemble, "predict_proba") == hasattr(member, "predict_proba")


def test_class_weights_are_in_the_decision_only():
    weight = np.array([1.0, 30.0, 1.0])
    members = folds_of(net(class_weight=dict(enumerate(weight)), epochs=2), Y)
    ensemble = FoldEnsembleClassifier(members)
    p = [member.predict_proba(X) for member in members]
    np.testing.assert_allclose(ensemble.predict_proba(X), np.mean(p, axis=0))
    risk = np.mean([q * weight / (q @ weight)[:, None] for q in p], axis=0)
    assert ensemble.predict(X).tolist() == risk.argmax(axis=1).tolist()
    assert (risk.argmax(axis=1) != np.mean(p, axis=0).argmax(axis=1)).any()


@pytest.mark.parametrize(("decision", "power"), [("median", 1), ("mean", 2)])
@pytest.mark.slow
def test_ordered_classes_are_decided_on_by_the_rank_error(decision, power):
    """Ranks are those of the categories: low, middle, high; sorted: high first."""
    loss = f"cumulative_link:decision={decision}"
    shuffled = np.random.default_rng(0).permutation(150) < 90  # less sure of itself
    y = ORDERED.where(~shuffled, ORDERED.iloc[::-1].array)
    members = folds_of(net(loss), y)
    ensemble = FoldEnsembleClassifier(members)
    assert ensemble.classes_.tolist() == ["high", "low", "middle"]
    p = ensemble.predict_proba(X)[:, [1, 2, 0]]
    rank = np.arange(3)
    error = p @ np.abs(rank[:, None] - rank) ** power
    assert ensemble.predict(X).tolist() == WORDS[error.argmin(axis=1)].tolist()
    assert (error.argmin(axis=1) != p.argmax(axis=1)).any()


def test_ranks_are_pieced_together_from_members_that_lack_a_class():
    sizes = ["XS", "S", "M", "L"]
    y = pd.Series(pd.Categorical(np.resize(sizes, 150), sizes, ordered=True))
    loss = "rps:decision=mean"
    members = [net(loss).fit(X[y != size], y[y != size]) for size in ("L", "XS")]
    ensemble = FoldEnsembleClassifier(members)
    p = np.zeros((150, 4))  # in rank order
    p[:, [0, 1, 2]] += members[0].predict_proba(X)[:, [2, 1, 0]] / 2  # sorted: M S XS
    p[:, [1, 2, 3]] += members[1].predict_proba(X)[:, [2, 1, 0]] / 2  # sorted: L M S
    error = p @ (np.arange(4)[:, None] - np.arange(4)) ** 2
    expected = np.array(sizes)[error.argmin(axis=1)]
    assert ensemble.predict(X).tolist() == expected.tolist()


def test_a_class_that_a_member_has_not_seen_has_probability_zero_there():
    members = [net().fit(X, Y), net().fit(X[Y != 1], Y[Y != 1])]
    ensemble = FoldEnsembleClassifier(members)
    assert ensemble.classes_.tolist() == [0, 1, 2]
    full, lacking = (member.predict_proba(X) for member in members)
    p = ensemble.predict_proba(X)
    np.testing.assert_allclose(p[:, 1], full[:, 1] / 2)
    np.testing.assert_allclose(p[:, 2], (full[:, 2] + lacking[:, 1]) / 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert np.isfinite(FoldEnsembleClassifier(members[1:]).decision_function(X)).all()
    apart = [net().fit(X[Y != k], Y[Y != k]) for k in range(3)]
    p = FoldEnsembleClassifier(apart).predict_proba(X)
    np.testing.assert_allclose(
        p[:, 0], (apart[1].predict_proba(X) + apart[2].predict_proba(X))[:, 0] / 3
    )


def test_scores_are_the_mean_where_there_are_no_probabilities():
    members = folds_of(net("hinge"), Y)
    ensemble = FoldEnsembleClassifier(members)
    mean = np.mean([member.decision_function(X) for member in members], axis=0)
    np.testing.assert_allclose(ensemble.decision_function(X), mean)
    assert ensemble.predict(X).tolist() == mean.argmax(axis=1).tolist()
    with pytest.raises(AttributeError, match="predict_proba") as caught:
        _ = ensemble.predict_proba
    assert "'hinge' gives no honest prob" in str(caught.value.__cause__)


def test_an_unseen_class_scores_as_low_as_the_lowest():
    full = net("hinge").fit(X, Y)
    pair = net("hinge").fit(X[Y != 1], Y[Y != 1])
    f, g = full.decision_function(X), pair.decision_function(X)
    f = f - f.mean(axis=1, keepdims=True)
    g = np.stack([-g / 2, -np.abs(g) / 2, g / 2], axis=1)
    ensemble = FoldEnsembleClassifier([full, pair])
    np.testing.assert_allclose(ensemble.decision_function(X), (f + g) / 2, atol=1e-12)


@pytest.mark.parametrize(
    "loss",
    ["cross_entropy", pytest.param("hinge", marks=pytest.mark.slow), "asymmetric_loss"],
)
def test_labels(loss):
    y = (X[:, :3] > [0.5, -0.2, 0]).astype(int)
    members = folds_of(net(loss), y)
    ensemble = FoldEnsembleClassifier(members)
    if loss == "hinge":
        expected = np.mean([m.decision_function(X) for m in members], axis=0) > 0
    else:
        p = np.mean([m.predict_proba(X) for m in members], axis=0)
        np.testing.assert_allclose(ensemble.predict_proba(X), p)
        expected = p > 0.5
    np.testing.assert_array_equal(ensemble.predict(X), expected)
    assert 0.05 < expected.mean() < 0.95
    alone = FoldEnsembleClassifier(members[:1])
    np.testing.assert_array_equal(alone.predict(X), members[0].predict(X))


@pytest.mark.parametrize("piped", [False, True])
def test_numbers_are_averaged(piped):
    one = numbers("gaussian_nll")
    one = make_pipeline(StandardScaler(), one) if piped else one
    members = folds_of(one, AMOUNT)
    ensemble = FoldEnsembleRegressor(members)
    mean = sum(member.predict(X) for member in members) / 3
    np.testing.assert_allclose(ensemble.predict(X), mean, rtol=1e-12)
    assert ensemble.score(X, AMOUNT) == pytest.approx(r2_score(AMOUNT, mean))
    finals = [m[-1] if piped else m for m in members]
    seen = [m[0].transform(X) if piped else X for m in members]
    each = [f.predict_dist(own).ppf(0.1) for f, own in zip(finals, seen, strict=True)]
    low = np.mean(each, axis=0)
    np.testing.assert_allclose(ensemble.predict_quantiles(X, 0.1)[:, 0], low)
    np.testing.assert_allclose(ensemble.predict_interval(X, 0.8)[:, 0], low)


@pytest.mark.slow
def test_trained_quantiles_and_several_targets():
    y = np.column_stack([AMOUNT, X[:, 0]])
    members = folds_of(numbers(Quantile((0.1, 0.9))), y)
    ensemble = FoldEnsembleRegressor(members)
    q = ensemble.predict_quantiles(X)
    assert q.shape == (150, 2, 2)
    np.testing.assert_allclose(
        q, np.mean([member.predict_quantiles(X) for member in members], axis=0)
    )
    with pytest.raises(ValueError, match="trained for"):
        ensemble.predict_interval(X, 0.5)


def test_no_quantiles_without_the_members():
    ensemble = FoldEnsembleRegressor(folds_of(numbers(), AMOUNT))
    for method in ("predict_quantiles", "predict_interval"):
        assert not hasattr(ensemble, method)


def test_scikit_learn_knows_what_they_are():
    classifier = FoldEnsembleClassifier(folds_of(net(), Y))
    regressor = FoldEnsembleRegressor(folds_of(numbers(), AMOUNT))
    assert is_classifier(classifier)
    assert is_regressor(regressor)
    for ensemble in (classifier, regressor):
        check_is_fitted(ensemble)
        assert ensemble.n_features_in_ == 4
        assert get_tags(ensemble).input_tags.sparse
        assert not hasattr(ensemble, "feature_names_in_")
    assert get_tags(regressor).target_tags.multi_output
    assert get_tags(classifier).classifier_tags.multi_label
    for scorer in ("roc_auc_ovr", "neg_log_loss", "balanced_accuracy"):
        assert np.isfinite(get_scorer(scorer)(classifier, X, Y))
    table = pd.DataFrame(X, columns=list("abcd"))
    named = FoldEnsembleClassifier([net().fit(table, Y)])
    assert named.feature_names_in_.tolist() == list("abcd")


def test_from_the_folds_of_a_pipeline_through_pickle():
    pipe = Pipeline([("net", net())])
    folds = cross_validate(pipe, X, Y, cv=2, return_estimator=True)
    ensemble = FoldEnsembleClassifier(folds["estimator"])
    again = pickle.loads(pickle.dumps(ensemble))
    np.testing.assert_array_equal(again.predict_proba(X), ensemble.predict_proba(X))


def test_there_is_no_fit_and_a_clone_says_so():
    ensemble = FoldEnsembleRegressor(folds_of(numbers(), AMOUNT))
    with pytest.raises(NotImplementedError, match=r"fitted already.*FrozenEstimator"):
        ensemble.fit(X, AMOUNT)
    copy = clone(ensemble)
    with pytest.raises(NotFittedError, match="a clone never is"):
        copy.predict(X)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    with pytest.raises(NotImplementedError):
        copy.fit(X, AMOUNT)
    frozen = clone(FrozenEstimator(ensemble)).fit(X, AMOUNT)
    np.testing.assert_array_equal(frozen.predict(X), ensemble.predict(X))


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ([], ValueError, r"estimators=\[\] must be a list.*return_estimator"),
        (None, ValueError, "estimators=None must be a list"),
        ([numbers()], TypeError, "(?s)LossAwareRegressor.*VotingClassifier"),
        ([LogisticRegression()], TypeError, "LogisticRegression.*VotingClassifier"),
    ],
)
def test_wrong_members_are_refused(members, error, message):
    with pytest.raises(error, match=message):
        FoldEnsembleClassifier(members).predict(X)


def test_members_that_differ_are_refused():
    mixed = [net("rps:decision=mean").fit(X, Y), net("rps").fit(X, Y)]
    with pytest.raises(ValueError, match=r"decide differently.*decision='mean'"):
        FoldEnsembleClassifier(mixed).predict(X)
    labels = np.column_stack([PAIR, Y == 1]).astype(int)
    with pytest.raises(ValueError, match=r"different targets.*multilabel"):
        _ = FoldEnsembleClassifier([net().fit(X, labels), net().fit(X, Y)]).classes_
