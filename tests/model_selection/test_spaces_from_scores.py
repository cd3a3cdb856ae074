"""A space for a score: which losses, for which family, with which class weights."""

import copy
import functools
import pickle

import numpy as np
import optuna
import pandas as pd
import pytest
from canonical import NET, X, y_binary, y_number, y_three
from optuna.trial import FixedTrial
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import (
    cohen_kappa_score,
    f1_score,
    get_scorer_names,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
    mean_tweedie_deviance,
    r2_score,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor, losses
from skloss.exceptions import LossTargetError, UnknownNameError
from skloss.model_selection import (
    FusedOptunaSearchCV,
    LossSpace,
    loss_space,
    suggest_from,
    suggest_params,
)
from skloss.model_selection._rewards import find_reward

COUNTS = np.array([0, 3, 1, 0, 1, 0, 12, 3])
AMOUNTS = COUNTS + 0.5
PLAIN = "cross_entropy:label_smoothing=0.0"
SMOOTH = {PLAIN, "cross_entropy"}
ADJUSTED = "logit_adjusted:posterior=balanced"
WEIGHED = {"cross_entropy", "ldam:posterior=balanced"}
BALANCED = {ADJUSTED, "vector_scaling:posterior=balanced", *WEIGHED}
LABELS = np.column_stack([y_binary, X[:, 1] > 0, X[:, 2] > 1]).astype(int)


def worst(metric, **arguments):
    return make_scorer(metric, greater_is_better=False, **arguments)


def names(y, scoring, **params):
    return set(loss_space(y, scoring=scoring, **params).losses)


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.parametrize(
    ("y", "scoring", "offered"),
    [
        (y_binary, "neg_log_loss", {*SMOOTH, "gce"}),
        (y_three, "neg_brier_score", {*SMOOTH, "gce", "brier"}),
        (y_binary, "balanced_accuracy", BALANCED),
        (y_three, "balanced_accuracy", BALANCED),
        (LABELS, "f1_micro", {"tversky:alpha=0.5,beta=0.5", PLAIN, ADJUSTED}),
        (y_binary, "roc_auc", {*SMOOTH, "auc_pairwise", "focal"}),
        (y_three, "roc_auc_ovr", {*SMOOTH, "focal"}),  # which reads probabilities
        (y_number, "neg_root_mean_squared_error", {"squared_error", "huber"}),
        (COUNTS, "r2", {"squared_error", "huber", "poisson"}),
        (y_number, "neg_mean_absolute_error", {"absolute_error", "huber", "log_cosh"}),
        (AMOUNTS, "neg_mean_gamma_deviance", {"gamma"}),
        (AMOUNTS, "neg_mean_poisson_deviance", {"poisson", "tweedie"}),
        (
            COUNTS,
            "neg_mean_poisson_deviance",
            {"poisson", "tweedie", "negative_binomial", "zero_inflated_poisson"},
        ),
        (COUNTS, "neg_root_mean_squared_log_error", {"msle"}),
        (COUNTS, "neg_mean_absolute_percentage_error", {"mape"}),
        (
            COUNTS,
            worst(mean_pinball_loss, alpha=0.9),
            {"quantile:quantile=0.9", "smooth_quantile:quantile=0.9"},
        ),
        (
            COUNTS,
            worst(functools.partial(mean_pinball_loss, alpha=np.float64(0.9))),
            {"quantile:quantile=0.9", "smooth_quantile:quantile=0.9"},
        ),
        (COUNTS, worst(mean_pinball_loss), {"absolute_error", "huber", "log_cosh"}),
        (
            AMOUNTS,
            worst(mean_tweedie_deviance, power=1.5),
            {"tweedie:power=1.5", "tweedie", "poisson", "gamma"},
        ),
        (
            COUNTS,
            worst(mean_tweedie_deviance, power=1.5),
            {"tweedie:power=1.5", "tweedie", "poisson"},
        ),
        (AMOUNTS, worst(mean_tweedie_deviance, power=3), {"gamma"}),
        (
            y_three,
            make_scorer(cohen_kappa_score, weights="quadratic"),
            {"qwk", "cumulative_link", "cumulative_link:decision=median"}
            | {"corn", "rps", "sord", PLAIN},
        ),
    ],
)
def test_losses_for_a_score(y, scoring, offered):
    space = loss_space(y, scoring=scoring)
    assert set(space.losses) == offered
    assert set(space.reasons) == offered
    assert len(set(space.reasons.values())) == len(offered)
    trial = optuna.create_study().ask()
    losses.get(space.suggest(trial), find_reward(scoring).family)


def test_reasons_are_short_sentences():
    scorings = [*get_scorer_names(), worst(mean_pinball_loss, alpha=0.1)]
    rewards = [find_reward(scoring) for scoring in scorings]
    for reward in filter(None, rewards):
        for text, reason in reward.reasons.items():
            losses.get(text, reward.family)
            assert reason[0].isupper()
            assert reason[-1] == "."
            assert len(reason) <= 80
        assert set(reward.knobs) <= set(reward.reasons)


def test_scores_that_nobody_knows_leave_the_usual_losses():
    def own(y_true, y_pred):
        return -np.abs(y_true - y_pred).max()

    for scoring in (make_scorer(own), lambda net, X, y: 0.5, "top_k_accuracy"):
        space = loss_space(y_three, scoring=scoring)
        assert space == loss_space(y_three)
        assert space.reasons is None
    assert names(COUNTS, make_scorer(own), family="regression") == set(
        loss_space(COUNTS, family="regression").losses
    )


def test_a_loss_gives_what_the_score_reads():
    def own(y_true, y_prob):
        return 0.0

    reads = make_scorer(own, response_method="predict_proba")
    without = set(loss_space(y_binary, include="all").losses) - names(
        y_binary, reads, include="all"
    )
    assert without == {
        name
        for name, cls in losses.Loss.registry["classification"].items()
        if not cls().has_probabilities and not cls.ordered
    }
    with pytest.raises(LossTargetError, match=r"'hinge'.*no probabilities.*log_loss"):
        loss_space(y_binary, include=["hinge", "brier"], scoring="neg_log_loss")
    assert "hinge" in names(y_binary, "roc_auc", include=["hinge"])


def test_include_and_exclude_go_before_the_score():
    space = loss_space(y_binary, scoring="roc_auc", include=["focal", "poly"])
    assert set(space.losses) == {"focal", "poly"}
    assert set(space.reasons) == {"focal"}
    less = names(COUNTS, "neg_mean_absolute_error", exclude=["mae"])
    assert less == {"huber", "log_cosh"}
    ranked = pd.Series(pd.Categorical(y_three, ordered=True))
    assert "cumulative_link" in names(ranked, "accuracy")
    assert "cumulative_link" not in names(y_three, "accuracy")


@pytest.mark.parametrize(
    ("y", "scoring", "params", "error", "message"),
    [
        (
            COUNTS,
            "r2",
            {"family": "classification"},
            ValueError,
            "'r2'.*contradicts fa",
        ),
        (
            y_binary,
            "accuracy",
            {"family": "regression"},
            ValueError,
            "'accuracy' is a score of classification.*family='regression'",
        ),
        (["a", "b"], "r2", {}, ValueError, "y does not go with scoring='r2'.*'a'"),
        (y_number, "f1", {}, ValueError, "y does not go with scoring='f1'"),
        (
            COUNTS,
            "neg_mean_gamma_deviance",
            {},
            ValueError,
            "gamma_deviance.*rewards the mean.*fits y.*needs y > 0, got 0",
        ),
        (y_number, "neg_mean_squared_log_error", {}, ValueError, "no loss .*'msle'"),
        (COUNTS, "acuracy", {}, UnknownNameError, "scoring='acuracy'.*'accuracy'"),
        (y_binary, ["accuracy", "roc_auc"], {}, TypeError, "one scorer.*refit names"),
        (y_binary, {"a": "accuracy"}, {}, TypeError, "one scorer.*refit names"),
        (y_number, mean_absolute_error, {}, ValueError, "make_scorer"),
        (
            y_number,
            make_scorer(mean_absolute_error),
            {},
            ValueError,
            "the worse.*greater_is_better=False for mean_absolute_error",
        ),
        (y_number, worst(r2_score), {}, ValueError, "greater_is_better=True for r2"),
        (y_binary, worst(f1_score), {}, ValueError, "greater_is_better=True"),
        (
            y_number,
            worst(mean_pinball_loss, alpha=1.0),
            {},
            ValueError,
            r"quantile=1.0 must be in \(0, 1\)",
        ),
    ],
)
def test_refusals(y, scoring, params, error, message):
    with pytest.raises(error, match=message):
        loss_space(y, scoring=scoring, **params)


# -- the value -----------------------------------------------------------------------


def test_reasons_are_comments_of_the_code_that_makes_the_space():
    space = loss_space(COUNTS, scoring="neg_mean_absolute_error", prefix="net__loss")
    lines = repr(space).splitlines()
    assert lines[1] == f"    # {space.reasons['absolute_error']}"
    assert lines[2] == "    'absolute_error': {},"
    again = eval(repr(space))
    assert again == space
    assert hash(again) == hash(space)
    assert again.reasons is None
    for twin in (copy.deepcopy(space), clone(space), pickle.loads(pickle.dumps(space))):
        assert repr(twin) == repr(space)
    assert space.renamed("loss").reasons == space.reasons
    assert space.renamed("loss") != space
    other = LossSpace({"brier": {}}, reasons={"brier": "Two\nlines."})
    assert eval(repr(other)) == other
    assert other != "brier"


# -- class weights -------------------------------------------------------------------


def test_class_weights_go_with_losses_that_lack_the_frequencies():
    space = loss_space(y_binary, scoring="balanced_accuracy", prefix="net__loss")
    assert "'class_weight': 'balanced'" in repr(space)
    assert space.losses[ADJUSTED] == {"tau": (0.75, 1.5, "linear")}
    assert eval(repr(space)) == space
    expected = dict.fromkeys(BALANCED) | dict.fromkeys(WEIGHED, "balanced")
    grid = {one["net__loss"][0]: one["net__class_weight"] for one in space.grid(n=1)}
    assert grid == {text: [weight] for text, weight in expected.items()}
    for text, weight in expected.items():
        study = optuna.create_study()
        study.enqueue_trial({"net__loss": text})
        params = suggest_from(study.ask(), {"net__loss": space})
        assert params["net__class_weight"] == weight
        assert params["net__loss"].startswith(text)
        losses.get(params["net__loss"], "classification")
    plain = loss_space(y_binary).suggest_params(FixedTrial({"loss": "brier"}))
    assert plain == {"loss": "brier"}


def test_each_loss_that_does_not_balance_itself_has_class_weights():
    given = [
        "log_loss",
        "focal:gamma=2.0",
        "logit_adjusted",
        ADJUSTED,
        "class_balanced",
    ]
    given += ["class_balanced:posterior=balanced", "ldam:posterior=balanced"]
    losses = loss_space(y_three, scoring="balanced_accuracy", include=given).losses
    assert {text for text, knobs in losses.items() if "class_weight" not in knobs} == {
        ADJUSTED,
        "class_balanced:posterior=balanced",
    }
    for scoring in (None, "accuracy", "f1_macro"):
        space = loss_space(y_three, scoring=scoring, include=given)
        assert "class_weight" not in repr(space)


def test_class_weights_of_the_users_own_go_first():
    space = loss_space(y_binary, scoring="balanced_accuracy", include="cross_entropy")
    for given in (
        {"class_weight": [None], "loss": space},
        {"loss": space, "class_weight": [None]},
    ):
        params = suggest_from(optuna.create_study().ask(), given)
        assert list(params) == list(given)
        assert params["class_weight"] is None
    with pytest.raises(ValueError, match="prefix='first' must end in 'loss'"):
        suggest_from(optuna.create_study().ask(), {"first": space})


@pytest.mark.slow
def test_a_plain_objective_gets_class_weights_and_losses_together():
    X, y = load_iris(return_X_y=True)
    net = LossAwareClassifier(network=(4,), epochs=2, random_state=0)
    pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    drawn = []
    for text in [*BALANCED, "cross_entropy"]:
        study.enqueue_trial({"net__loss": text})
        trial = study.ask()
        params = suggest_params(trial, pipe, y, scoring="balanced_accuracy")
        drawn.append((text, params["net__class_weight"]))
        assert "net__class_weight" not in trial.params
        pipe.set_params(**params)
        study.tell(trial, 0.0)
        again = suggest_params(study.trials[-1], pipe, y, scoring="balanced_accuracy")
        assert again == params
    adjusted = {
        "logit_adjusted:posterior=balanced",
        "vector_scaling:posterior=balanced",
    }
    assert all((weight is None) == (text in adjusted) for text, weight in drawn)
    assert cross_val_score(pipe, X, y, cv=2, error_score="raise").min() > 0


def test_suggest_params_takes_the_score():
    trial = optuna.create_study().ask()
    suggest_params(trial, LossAwareRegressor(), COUNTS, scoring="r2", names=["loss"])
    assert set(trial.distributions["loss"].choices) == names(COUNTS, "r2")
    with pytest.raises(ValueError, match=r"'r2'.*contradicts family='class"):
        suggest_params(trial, LossAwareClassifier(), y_binary, scoring="r2")


def test_fused_trials_train_with_the_class_weights_of_their_losses():
    """Each scores as the same parameters do in scikit-learn's cross-validation."""
    net, scoring = LossAwareClassifier(**NET), "balanced_accuracy"
    y = (X[:, 0] > 0.9).astype(int)
    space = loss_space(y, scoring=scoring, include=["cross_entropy", ADJUSTED])
    study = optuna.create_study(direction="maximize")
    for text in space.losses:
        study.enqueue_trial({"loss": text})
    search = FusedOptunaSearchCV(
        net, {"loss": space}, n_trials=2, study=study, scoring=scoring, cv=2
    ).fit(X, y)
    params = search.cv_results_["params"]
    assert [p["class_weight"] for p in params] == ["balanced", None]
    for own, score in zip(params, search.cv_results_["mean_test_score"], strict=True):
        alone = clone(net).set_params(**own)
        expected = cross_val_score(alone, X, y, cv=2, scoring=scoring).mean()
        assert score == pytest.approx(expected, abs=1e-6)
    assert search.best_estimator_.class_weight == search.best_params_["class_weight"]
    grid = GridSearchCV(net, space.grid(n=1), cv=2, scoring=scoring).fit(X, y)
    tried = grid.cv_results_["params"]
    assert [p["class_weight"] for p in tried] == ["balanced", None]


# -- what the losses do --------------------------------------------------------------


@pytest.mark.slow
def test_each_loss_for_balanced_accuracy_moves_it():
    """At 3 % positives, far above plain cross-entropy, on rows of their own."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(4000, 4))
    score = X[:, 0] - 0.5 * X[:, 1] + rng.normal(size=4000)
    y = (score > np.quantile(score, 0.97)).astype(int)
    space = loss_space(y[:2000], scoring="balanced_accuracy")
    assert set(space.losses) == BALANCED
    net = LossAwareClassifier(**NET | {"epochs": 15})

    def gain(**params):
        fitted = clone(net).set_params(**params).fit(X[:2000], y[:2000])
        recall = [np.mean(fitted.predict(X[2000:][own]) == c) for c, own in parts]
        return np.mean(recall)

    parts = [(c, y[2000:] == c) for c in (0, 1)]
    plain = gain(loss="cross_entropy")
    moved = {
        one["loss"][0]: gain(**{name: value[0] for name, value in one.items()})
        for one in space.grid(n=1)
    }
    assert all(score > plain + 0.1 for score in moved.values()), (plain, moved)
