"""FusedOptunaSearchCV: scikit-learn's results from a study of Optuna."""

import logging
import warnings

import numpy as np
import optuna
import pytest
from catalogue import some_slow
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner
from scipy import stats
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, RandomizedSearchCV, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor, losses
from skloss.model_selection import (
    FusedOptunaSearchCV,
    LossSpace,
    SuccessiveHalving,
    loss_space,
)

X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
AMOUNTS, AMOUNT = load_diabetes(return_X_y=True)
AMOUNTS, AMOUNT = AMOUNTS[:150], AMOUNT[:150] / 100
WEIGHTS = np.random.default_rng(0).uniform(0.1, 3, 150)
NET = LossAwareClassifier(
    network=(8,), epochs=3, batch_size=32, learning_rate=0.03, random_state=0
)
PIPE = Pipeline([("scale", StandardScaler()), ("net", NET)])
NUMBERS = LossAwareRegressor(network=(8,), epochs=3, batch_size=32, random_state=0)
SPACE = {"loss": ["cross_entropy", "brier"], "l2": (1e-5, 1e-2, "log")}
LOSSES = LossSpace({"brier": {}, "focal": {"gamma": (0.5, 4.0, "log")}})


def search(space=SPACE, estimator=NET, **options):
    given = {"n_trials": 4, "batch_size": 4, "cv": 3, "random_state": 0}
    return FusedOptunaSearchCV(estimator, space, **{**given, **options})


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def states(study):
    return [trial.state.name for trial in study.get_trials()]


def by_function(trial):
    loss = trial.suggest_categorical("loss", ["brier", "focal:gamma=2.0"])
    return {"loss": loss, "learning_rate": trial.suggest_float("rate", 0.01, 0.1)}


class CountingFolds(KFold):
    """Other folds at each call: those of the first must serve for all."""

    calls = 0

    def split(self, X, y=None, groups=None):
        CountingFolds.calls += 1
        yield from super().split(X, y, groups)


# -- spaces and results ----------------------------------------------------------


SPACES = {
    "dict": SPACE,
    "LossSpace": {
        "loss": LOSSES,
        "learning_rate": FloatDistribution(0.01, 0.1, log=True),
    },
    "scipy": {"loss": ["brier", "focal:gamma=2.0"], "l2": stats.uniform(0, 1)},
    "callable": by_function,
}


# What is drawn from the other spaces is seen without the fits beside.
@pytest.mark.parametrize("kind", some_slow(SPACES, SPACES.keys() - {"LossSpace"}))
def test_scores_equal_scikit_learns(kind):
    space = SPACES[kind]
    found = search(space, scoring="neg_log_loss", refit=False).fit(X, Y)
    results = found.cv_results_
    assert len(results["params"]) == 4
    for row, params in enumerate(results["params"]):
        net = clone(NET).set_params(**params)
        alone = cross_validate(net, X, Y, cv=3, scoring="neg_log_loss")["test_score"]
        own = [results[f"split{i}_test_score"][row] for i in range(3)]
        np.testing.assert_allclose(own, alone, rtol=1e-4)
        assert found.study_.trials[row].value == pytest.approx(alone.mean(), rel=1e-4)


@pytest.mark.parametrize("space", [{"loss": LOSSES}, by_function])
def test_losses_are_strings_in_the_study_and_come_back(space):
    found = search(space, n_trials=6, random_state=1).fit(X, Y)
    results = found.cv_results_
    for row, trial in enumerate(found.study_.trials):
        text = results["params"][row]["loss"]
        assert type(trial.params["loss"]) is type(text) is str
        assert text.startswith(trial.params["loss"])
        assert repr(losses.get(text, "classification")) == results["resolved_loss"][row]
        if "loss__focal__gamma" in trial.params:
            assert f"gamma={trial.params['loss__focal__gamma']!r}" in text
    names = {text.split("(")[0] for text in results["resolved_loss"]}
    assert names == {"Brier", "Focal"}


@pytest.mark.parametrize("scoring", [None, ["accuracy", "neg_log_loss"]])
def test_keys_and_dtypes_are_scikit_learns(scoring):
    options = {"scoring": scoring, "cv": 3, "return_train_score": True}
    options["refit"] = "accuracy" if scoring else True
    ours = search(**options).fit(X, Y)
    lists = {"loss": SPACE["loss"], "l2": stats.loguniform(1e-5, 1e-2)}
    theirs = RandomizedSearchCV(NET, lists, n_iter=4, random_state=0, **options)
    theirs.fit(X, Y)
    more = {"resolved_loss", "epochs_run", "outcome"}
    assert set(ours.cv_results_) == set(theirs.cv_results_) | more
    for key, values in theirs.cv_results_.items():
        own = ours.cv_results_[key]
        assert type(own) is type(values), key
        assert getattr(own, "dtype", None) == getattr(values, "dtype", None), key
        assert len(own) == len(values) == 4
    assert {key for key in vars(theirs) if key.endswith("_")} <= set(vars(ours))


def test_the_best_is_refitted_and_its_folds_are_kept():
    found = search(estimator=PIPE, space={"net__loss": LOSSES}).fit(X, Y)
    assert found.best_score_ == found.study_.best_value
    assert found.best_params_ == found.cv_results_["params"][found.best_index_]
    assert is_classifier(found)
    again = clone(PIPE).set_params(**found.best_params_).fit(X, Y)
    np.testing.assert_allclose(
        found.predict_proba(X), again.predict_proba(X), atol=1e-5
    )
    assert len(found.fold_ensemble_.estimators) == 3
    assert found.fold_ensemble_.score(X, Y) > 0.5


def test_the_study_maximises_the_metric_named_by_refit():
    scoring = {"accuracy": "accuracy", "loss": get_scorer("neg_log_loss")}
    found = search(scoring=scoring, refit="loss").fit(X, Y)
    values = [trial.value for trial in found.study_.trials]
    np.testing.assert_array_equal(found.cv_results_["mean_test_loss"], values)
    assert found.best_index_ == np.argmax(values)
    with pytest.raises(ValueError, match=r"refit=False must name.*'accuracy', 'loss'"):
        search(scoring=scoring, refit=False).fit(X, Y)


def test_regression():
    space = {"loss": loss_space(AMOUNT, include=["huber", "squared_error"])}
    found = search(space, NUMBERS).fit(AMOUNTS, AMOUNT)
    assert is_regressor(found)
    assert found.best_score_ == found.cv_results_["mean_test_score"].max()
    assert found.predict(AMOUNTS).shape == AMOUNT.shape


def test_weights_are_sliced():
    options = {"scoring": "neg_log_loss", "refit": False}
    weighted = search(**options).fit(X, Y, sample_weight=WEIGHTS)
    plain = search(**options).fit(X, Y)
    theirs = RandomizedSearchCV(NET, {"l2": [0.0]}, n_iter=1, cv=3, **options)
    for row in range(2):
        params = weighted.cv_results_["params"][row]
        theirs.param_distributions = {key: [v] for key, v in params.items()}
        theirs.fit(X, Y, sample_weight=WEIGHTS)
        expected = theirs.cv_results_["mean_test_score"][0]
        own = weighted.cv_results_["mean_test_score"][row]
        assert own == pytest.approx(expected, rel=1e-4)
        assert abs(own - plain.cv_results_["mean_test_score"][row]) > 1e-4


def test_a_seed_makes_the_same_search():
    first, second = (search(batch_size=2).fit(X, Y) for _ in range(2))
    other = search(batch_size=2, random_state=1).fit(X, Y)
    assert first.cv_results_["params"] == second.cv_results_["params"]
    np.testing.assert_array_equal(
        first.cv_results_["mean_test_score"], second.cv_results_["mean_test_score"]
    )
    assert first.cv_results_["params"] != other.cv_results_["params"]


def test_splits_are_drawn_once():
    CountingFolds.calls = 0
    search(cv=CountingFolds(3, shuffle=True), batch_size=1).fit(X, Y)
    assert CountingFolds.calls == 1


# -- pruning ---------------------------------------------------------------------------


def test_one_report_an_epoch_whatever_the_folds():
    found = search(
        scoring="neg_log_loss", pruner=MedianPruner(n_startup_trials=99)
    ).fit(X, Y)
    for trial, mean in zip(
        found.study_.trials, found.cv_results_["mean_test_score"], strict=True
    ):
        assert list(trial.intermediate_values) == [1, 2, 3]
        assert trial.intermediate_values[3] == pytest.approx(mean)


@pytest.mark.parametrize(
    ("pruner", "epoch"),
    [
        (MedianPruner(n_startup_trials=2, n_warmup_steps=2), 2),
        (SuccessiveHalving(min_epochs=2, factor=2), 2),
    ],
    ids=["optuna", "halving"],
)
def test_a_pruned_trial_is_pruned(pruner, epoch):
    study = optuna.create_study(direction="maximize", pruner=pruner_of(pruner))
    for rate in (0.05, 0.04, 1e-7, 1e-6):
        study.enqueue_trial({"learning_rate": rate})
    space = {"learning_rate": (1e-7, 0.1, "log")}
    ours = None if isinstance(pruner, MedianPruner) else pruner
    found = search(space, study=study, pruner=ours, batch_size=4 if ours else 2)
    found.fit(X, Y)
    assert states(study) == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    outcomes = found.cv_results_["outcome"].tolist()
    assert outcomes == ["finished"] * 2 + [f"pruned at epoch {epoch}"] * 2
    assert found.cv_results_["epochs_run"].tolist() == [3, 3, epoch, epoch]
    assert found.best_index_ < 2
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


def pruner_of(pruner):
    """Return what the study is made with: halving is the search's own."""
    ours = isinstance(pruner, SuccessiveHalving)
    return optuna.pruners.NopPruner() if ours else pruner


# -- how many --------------------------------------------------------------------------


def test_finished_trials_of_the_study_count():
    study = optuna.create_study(direction="maximize")
    first = search(study=study).fit(X, Y)
    params = first.cv_results_["params"]
    again = search(study=study).fit(X, Y)
    assert len(study.trials) == 4
    assert again.cv_results_["params"] == params
    more = search(study=study, n_trials=6).fit(X, Y)
    assert len(study.trials) == 6
    assert more.cv_results_["params"][:4] == params
    for key in ("split0_test_score", "mean_fit_time", "outcome"):
        np.testing.assert_array_equal(more.cv_results_[key][:4], first.cv_results_[key])


def test_batches_are_of_batch_size():
    asked = []

    study = optuna.create_study(direction="maximize")

    def space(trial):
        asked.append(states(study).count("RUNNING"))
        return by_function(trial)

    search(space, study=study, n_trials=5, batch_size=2, refit=False).fit(X, Y)
    assert asked == [1, 2, 1, 2, 1]  # each draws before the next is asked


@pytest.mark.slow
def test_a_diverged_trial_counts_and_is_not_asked_for_ever():
    study = optuna.create_study(direction="maximize")
    for rate in (1e30, 0.1, 0.01):
        study.enqueue_trial({"learning_rate": rate})
    net = clone(NUMBERS).set_params(optimizer="sgd")
    space = {"learning_rate": (1e-3, 1e30, "log")}
    found = search(space, net, study=study, n_trials=3, batch_size=1)
    with (
        pytest.warns(FitFailedWarning, match="diverged"),
        pytest.warns(UserWarning, match="scores are non-finite"),
    ):
        found.fit(AMOUNTS, AMOUNT)
    assert states(study) == ["FAIL", "COMPLETE", "COMPLETE"]
    results = found.cv_results_
    assert results["outcome"][0].startswith("diverged in epoch")
    assert np.isnan(results["mean_test_score"][0])
    assert found.best_index_ > 0


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"study": optuna.create_study()}, "does not maximise.*direction='maximize'"),
        ({"n_trials": 0}, "n_trials=0 must be an integer >= 1 or None"),
        ({"batch_size": 2.5}, "batch_size=2.5 must be an integer >= 1"),
        ({"space": {"loss": ["brier", "huber"]}}, "Candidate .*huber"),
        ({"space": {"loss": ["no such"]}}, "Candidate .*no such"),
        ({"space": {"loss": []}}, r"loss=\[\] has no choices"),
        ({"pruner": "median"}, "pruner='median' must be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        search(**options).fit(X, Y)


@pytest.mark.parametrize(
    "option",
    [
        {"sampler": optuna.samplers.RandomSampler()},
        {"storage": optuna.storages.InMemoryStorage()},
        {"study_name": "mine"},
    ],
    ids="".join,
)
def test_a_study_brings_its_own(option):
    study = optuna.create_study(direction="maximize")
    with pytest.raises(ValueError, match=f"{''.join(option)}=.* is for a new study"):
        search(study=study, **option).fit(X, Y)


def test_what_was_refused_does_not_come_back():
    """Once the space is mended, the same study goes on."""
    study = optuna.create_study(direction="maximize")
    with pytest.raises(ValueError, match="huber"):
        search({"loss": ["huber"]}, study=study).fit(X, Y)
    assert set(states(study)) == {"FAIL"}
    found = search({"loss": ["brier", "focal"]}, study=study)
    with pytest.raises(ValueError, match=r"loss: .*'huber'.*'brier', 'focal'"):
        found.fit(X, Y)


def test_a_study_of_other_folds_is_refused_before_training():
    study = optuna.create_study(direction="maximize")
    search(study=study, n_trials=2).fit(X, Y)
    with pytest.raises(ValueError, match="trials with 3 folds, but cv=2 makes 2"):
        search(study=study, n_trials=4, cv=2).fit(X, Y)
    assert len(study.trials) == 2


# -- with Optuna -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished():
    pruner = MedianPruner(n_startup_trials=2, n_warmup_steps=1)
    space = {**SPACE, "learning_rate": (0.01, 0.1, "log")}
    return search(space, n_trials=8, pruner=pruner, batch_size=2).fit(X, Y).study_


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "plot_optimization_history",
        "plot_intermediate_values",
        "plot_parallel_coordinate",
        "plot_slice",
        "plot_contour",
        "plot_edf",
        "plot_rank",
        "plot_timeline",
        "plot_param_importances",
    ],
)
def test_optunas_pictures_can_be_drawn(finished, name):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    options = {}
    if name == "plot_contour":
        options["params"] = ["l2", "learning_rate"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these functions are experimental
        if name == "plot_param_importances":  # others take long
            options["evaluator"] = optuna.importance.PedAnovaImportanceEvaluator()
        plot = getattr(optuna.visualization.matplotlib, name)
        axes = np.ravel(plot(finished, **options))[0]
    assert axes.has_data()
    pyplot.close("all")


def test_nothing_is_said_at_verbose_0(capfd, monkeypatch):
    said, logger = logging.Handler(), logging.getLogger("optuna")
    records = []
    said.emit = records.append
    monkeypatch.setattr(logger, "handlers", [said])
    optuna.logging.set_verbosity(optuna.logging.INFO)
    search(pruner=MedianPruner()).fit(X, Y)
    assert capfd.readouterr() == ("", "")
    assert records == []
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
