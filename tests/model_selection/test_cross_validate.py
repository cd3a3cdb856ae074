"""fused_cross_validate: scikit-learn's results, and reports to a trial of Optuna."""

import warnings

import numpy as np
import optuna
import pytest
import sklearn
from optuna.pruners import BasePruner, MedianPruner
from optuna.trial import FixedTrial, TrialState
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.exceptions import NotFusibleError
from skloss.model_selection import fused_cross_validate

X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
AMOUNTS, AMOUNT = load_diabetes(return_X_y=True)
AMOUNTS, AMOUNT = AMOUNTS[:150], AMOUNT[:150] / 100
GROUPS = np.arange(150) % 7
WEIGHTS = np.random.default_rng(0).uniform(0.1, 3, 150)
NET = LossAwareClassifier(
    network=(8,), epochs=3, batch_size=32, learning_rate=0.03, random_state=0
)
PIPE = Pipeline([("scale", StandardScaler()), ("net", NET)])
NUMBERS = LossAwareRegressor(network=(8,), epochs=3, batch_size=32, random_state=0)


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def study_of(pruner=None):
    pruner = pruner or optuna.pruners.NopPruner()
    return optuna.create_study(direction="maximize", pruner=pruner)


def assert_same(found, expected):
    """Assert equal keys and scores, fold by fold."""
    assert set(found) == set(expected)
    for key, values in expected.items():
        if key.startswith(("test_", "train_")):
            assert found[key].dtype == values.dtype
            np.testing.assert_allclose(found[key], values, rtol=1e-4, err_msg=key)
        elif key.endswith("_time"):
            assert found[key].shape == values.shape
            assert (found[key] > 0).all()


# These options are its own; others it shares with searches, whose scores are compared.
OWN = [
    {"scoring": ["accuracy", "neg_log_loss"], "return_train_score": True, "cv": 3},
    {"return_train_score": True, "return_estimator": True, "cv": 3},
    {"groups": GROUPS, "cv": GroupKFold(3), "return_indices": True},
]
SHARED = [
    {},
    {"scoring": "neg_log_loss", "cv": KFold(4, shuffle=True, random_state=1)},
    {"scoring": {"a": "accuracy", "b": get_scorer("neg_log_loss")}, "cv": 3},
    {"scoring": lambda e, X, y: {"mine": e.score(X, y) / 2}, "cv": 3},
    {"params": {"sample_weight": WEIGHTS}, "scoring": "neg_log_loss"},
]


@pytest.mark.parametrize(
    "options",
    [*OWN, *(pytest.param(one, marks=pytest.mark.slow) for one in SHARED)],
    ids=lambda options: "+".join(options) or "default",
)
def test_equal_to_scikit_learns(options):
    assert_same(
        fused_cross_validate(NET, X, Y, **options), cross_validate(NET, X, Y, **options)
    )


@pytest.mark.parametrize("scoring", [None, ["r2", "neg_mean_absolute_error"]])
@pytest.mark.slow
def test_regression_equals_scikit_learns(scoring):
    assert_same(
        fused_cross_validate(NUMBERS, AMOUNTS, AMOUNT, cv=3, scoring=scoring),
        cross_validate(NUMBERS, AMOUNTS, AMOUNT, cv=3, scoring=scoring),
    )


def test_a_pipeline_with_weights_equals_scikit_learns():
    options = {"params": {"net__sample_weight": WEIGHTS}, "scoring": "neg_log_loss"}
    found = fused_cross_validate(PIPE, X, Y, **options)
    assert_same(found, cross_validate(PIPE, X, Y, **options))
    unweighted = fused_cross_validate(PIPE, X, Y, scoring="neg_log_loss")
    assert np.abs(found["test_score"] - unweighted["test_score"]).min() > 1e-4


def test_metadata_is_routed_as_scikit_learn_does():
    with sklearn.config_context(enable_metadata_routing=True):
        net = clone(NET).set_fit_request(sample_weight=True, groups=False)
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        params = {"sample_weight": WEIGHTS, "groups": GROUPS}
        options = {"scoring": scorer, "cv": GroupKFold(3), "params": params}
        found = fused_cross_validate(net, X, Y, **options)
        assert_same(found, cross_validate(net, X, Y, **options))
        with pytest.raises(ValueError, match="`groups` can only be passed if"):
            fused_cross_validate(net, X, Y, groups=GROUPS)
    unweighted = cross_validate(
        NET, X, Y, groups=GROUPS, scoring="neg_log_loss", cv=GroupKFold(3)
    )
    assert np.abs(found["test_score"] - unweighted["test_score"]).min() > 1e-4


def test_returned_estimators_and_indices_belong_together():
    found = fused_cross_validate(
        PIPE, X, Y, cv=3, return_estimator=True, return_indices=True
    )
    indices = found["indices"]
    for i, estimator in enumerate(found["estimator"]):
        rows = indices["test"][i]
        assert estimator.score(X[rows], Y[rows]) == found["test_score"][i]
        assert len(indices["train"][i]) + len(rows) == len(X)
        assert estimator is not PIPE


@pytest.mark.parametrize("error_score", [np.nan, -7.0])
@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (None, "score"),
        (["accuracy"], "accuracy"),
        (lambda e, X, y: {"mine": e.score(X, y)}, "mine"),
    ],
    ids=["score", "list", "callable"],
)
def test_a_fold_that_fails_scores_error_score(error_score, scoring, name):
    """A fold of one class is refused, as scikit-learn would report it."""
    rows = np.arange(150)
    options = {"cv": [(rows[:50], rows[50:]), (rows[::2], rows[1::2])]}
    options |= {"error_score": error_score, "scoring": scoring}
    scores = []
    for validate in (fused_cross_validate, cross_validate):
        with pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 2"):
            scores.append(validate(NET, X, Y, **options)[f"test_{name}"])
    np.testing.assert_array_equal(*scores)
    assert np.array_equal(scores[0][:1], [error_score], equal_nan=True)


def test_error_score_raise_raises_what_fit_raises():
    rows = np.arange(150)
    cv = [(rows[::2], rows[1::2]), (rows[:50], rows[50:])]
    with pytest.raises(ValueError, match="class"):
        fused_cross_validate(NET, X, Y, cv=cv, error_score="raise")


def test_others_are_refused_with_the_remedy():
    with pytest.raises(NotFusibleError, match="GridSearchCV"):
        fused_cross_validate(LogisticRegression(), X, Y)


# -- with a trial of Optuna --------------------------------------------------------


@pytest.mark.parametrize("estimator", [NET, PIPE], ids=["net", "pipeline"])
def test_one_report_an_epoch_of_the_mean_over_folds(estimator):
    trial = study_of().ask()
    found = fused_cross_validate(
        estimator, X, Y, cv=3, scoring="neg_log_loss", trial=trial
    )
    reported = trial.storage.get_trial(trial._trial_id).intermediate_values
    assert list(reported) == [1, 2, 3]
    # the learning rate is constant, so that fits of fewer epochs see the same
    own = "epochs" if estimator is NET else "net__epochs"
    for epoch, value in reported.items():
        shorter = clone(estimator).set_params(**{own: epoch})
        alone = cross_val_score(shorter, X, Y, cv=3, scoring="neg_log_loss")
        assert value == pytest.approx(alone.mean(), rel=1e-4)
    assert found["test_score"].mean() == pytest.approx(reported[3])


def test_reports_are_on_the_schedule_of_all_epochs():
    """At epoch 2 of 3 the cosine is that of 3 epochs, as if stopped there."""
    net = clone(NET).set_params(lr_schedule="cosine")
    trial = study_of().ask()
    fused_cross_validate(net, X, Y, cv=3, scoring="neg_log_loss", trial=trial)
    reported = trial.storage.get_trial(trial._trial_id).intermediate_values
    short = clone(net).set_params(epochs=2)
    alone = cross_val_score(short, X, Y, cv=3, scoring="neg_log_loss").mean()
    assert abs(reported[2] - alone) > 1e-3
    whole = cross_val_score(net, X, Y, cv=3, scoring="neg_log_loss").mean()
    assert reported[3] == pytest.approx(whole, rel=1e-4)


class EndsAt(BasePruner):
    def __init__(self, epoch):
        self.epoch = epoch

    def prune(self, study, trial):
        return trial.last_step == self.epoch


@pytest.mark.parametrize("estimator", [NET, PIPE], ids=["net", "pipeline"])
@pytest.mark.parametrize("error_score", [np.nan, "raise"])
def test_a_pruned_trial_is_pruned_and_nothing_else(estimator, error_score):
    """A stopped trial is neither a failed fit nor complete."""

    def objective(trial):
        found = fused_cross_validate(
            estimator, X, Y, cv=3, trial=trial, error_score=error_score
        )
        return found["test_score"].mean()

    study = study_of(EndsAt(2))
    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert trial.state is TrialState.PRUNED
    assert list(trial.intermediate_values) == [1, 2]
    assert trial.value == trial.intermediate_values[2]


def test_at_the_last_epoch_nothing_is_left_to_prune():
    trial = study_of(EndsAt(3)).ask()
    assert len(fused_cross_validate(NET, X, Y, cv=3, trial=trial)["test_score"]) == 3


def test_a_median_pruner_keeps_the_good_and_ends_the_bad():
    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-6, 1, log=True)
        net = clone(NET).set_params(learning_rate=rate)
        found = fused_cross_validate(net, X, Y, cv=3, trial=trial)
        return found["test_score"].mean()

    study = study_of(MedianPruner(n_startup_trials=2, n_warmup_steps=1))
    for rate in (0.03, 0.02, 1e-6, 0.02):
        study.enqueue_trial({"learning_rate": rate})
    study.optimize(objective, n_trials=4)
    states = [trial.state for trial in study.trials]
    assert states[:3] == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED]
    assert states[3] is TrialState.COMPLETE


def test_the_trial_leaves_no_trace_in_the_estimator():
    given = repr(NET)
    trial = study_of().ask()
    found = fused_cross_validate(NET, X, Y, cv=3, trial=trial, return_estimator=True)
    assert repr(NET) == given
    assert not hasattr(NET, "classes_")
    for fitted in found["estimator"]:
        assert repr(clone(fitted)) == given
        assert cross_validate(fitted, X, Y, cv=2)["test_score"].shape == (2,)


def test_scores_do_not_depend_on_the_trial():
    options = {"cv": StratifiedKFold(3), "scoring": "neg_log_loss"}
    with_trial = fused_cross_validate(NET, X, Y, trial=study_of().ask(), **options)
    assert_same(with_trial, fused_cross_validate(NET, X, Y, **options))


def test_objectives_can_be_called_with_trials_of_no_study():
    trial = FixedTrial({})
    assert len(fused_cross_validate(NET, X, Y, cv=2, trial=trial)["test_score"]) == 2
    study = study_of()
    study.optimize(lambda trial: 0.5, n_trials=1)
    found = fused_cross_validate(NET, X, Y, cv=2, trial=study.best_trial)
    assert len(found["test_score"]) == 2


def test_a_trial_reports_one_metric():
    with pytest.raises(ValueError, match=r"scoring=\['accuracy', 'r2'\] has several"):
        fused_cross_validate(
            NET, X, Y, scoring=["accuracy", "r2"], trial=study_of().ask()
        )


def test_a_diverged_trial_fails_with_its_reason():
    net = LossAwareRegressor(
        network=(4,), epochs=3, learning_rate=1e30, optimizer="sgd"
    )
    study = study_of()

    def objective(trial):
        return fused_cross_validate(
            net, AMOUNTS, AMOUNT, cv=2, trial=trial, error_score="raise"
        )["test_score"].mean()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        study.optimize(objective, n_trials=1, catch=ValueError)
    assert study.trials[0].state is TrialState.FAIL
