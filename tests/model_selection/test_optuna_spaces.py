"""A study goes on with another space: its trials keep their parameters."""

import json

import numpy as np
import optuna
import pytest
from canonical import NET, X, y_binary
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from skloss import LossAwareClassifier
from skloss.losses import Focal
from skloss.model_selection import FusedOptunaSearchCV
from skloss.model_selection._scored import Scored
from skloss.model_selection._stored_params import PARAMS, read_params, store_params
from skloss.model_selection._trials import FOLDS, store_fold

RATE = {"learning_rate": (1e-3, 1e-1, "log")}
BOTH = {**RATE, "l2": (1e-5, 1e-2, "log")}


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def new_study():
    return optuna.create_study(direction="maximize")


def fit(space, study, n_trials):
    options = {"cv": 2, "batch_size": 2, "n_trials": n_trials}
    net = LossAwareClassifier(**NET)
    return FusedOptunaSearchCV(net, space, study=study, **options).fit(X, y_binary)


def as_trial(params, drawn=None, distributions=None):
    """Return a finished trial of these parameters, as a study has it."""
    return create_trial(
        params=drawn,
        distributions=distributions,
        value=0.5,
        user_attrs={PARAMS: json.loads(json.dumps(store_params(params)))},
    )


@pytest.mark.parametrize(("first", "second"), [(BOTH, RATE), (RATE, BOTH)])
def test_a_parameter_less_or_more_leaves_earlier_trials_as_they_are(first, second):
    study = new_study()
    before = fit(first, study, 2)
    # what the new space tries is worse than any that was trained
    study.enqueue_trial({"learning_rate": 1e-3, "l2": 1e-2})
    after = fit(second, study, 3)
    params = after.cv_results_["params"]
    assert params[:2] == before.cv_results_["params"]
    assert [set(one) for one in params] == [set(first), set(first), set(second)]
    assert [t.params for t in study.trials] == params
    assert after.best_params_ == before.best_params_
    assert set(after.best_params_) == set(first)


def test_constants_of_a_function_are_those_of_the_trial():
    """Epochs are none of Optuna's parameters; the best was trained for five."""

    def space(epochs):
        return lambda trial: {
            "learning_rate": trial.suggest_float("rate", 0.01, 0.02),
            "epochs": epochs,
        }

    study = new_study()
    fit(space(5), study, 2)
    found = fit(space(1), study, 3)
    epochs = [params["epochs"] for params in found.cv_results_["params"]]
    assert epochs == found.cv_results_["epochs_run"].tolist() == [5, 5, 1]
    assert found.best_params_["epochs"] == 5
    assert found.best_estimator_.epochs == 5


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (["brier", "focal"], ["brier", "gce"], r"loss: .*'focal'.*'gce'"),
        ([0.1, 0.2], (0.1, 0.2, "linear"), r"l2: .*Categorical.*FloatDistribution"),
        ((1, 9, "log"), (1, 9, "linear"), r"l2: .*log=True.*log=False"),
    ],
    ids=["choices", "kind", "scale"],
)
def test_what_optuna_refuses_is_refused_before_training(first, second, message):
    """Even where it is drawn late: Optuna itself names no parameter."""
    name = message.split(":")[0]
    distribution = {
        list: lambda: CategoricalDistribution(first),
        tuple: lambda: FloatDistribution(1, 9, log=True),
    }[type(first)]()
    study = new_study()
    drawn = first[0] if isinstance(first, list) else 2
    study.add_trial(
        create_trial(params={name: drawn}, distributions={name: distribution}, value=1)
    )
    if isinstance(first, tuple):
        second = (1.0, 9.0, "linear")
    with pytest.raises(ValueError, match=message):
        fit({**RATE, name: second}, study, 5)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (BOTH, "l2: trial 0 was trained without it"),
        ({"l2": (0.0, 1.0, "linear")}, "l2: trial 0 was trained without it"),
        ({}, "learning_rate: trial 0 drew it, and the space lacks it"),
    ],
    ids=["more", "another", "less"],
)
def test_a_trial_that_does_not_say_its_parameters_needs_its_space(space, message):
    """It is of an earlier version, which stored none."""
    scored = [store_fold(Scored(0.5, epochs=5, outcome="finished"))] * 2
    study = new_study()
    study.add_trial(
        create_trial(
            params={"learning_rate": 0.02},
            distributions={"learning_rate": FloatDistribution(1e-3, 1e-1, log=True)},
            value=0.5,
            user_attrs={FOLDS: scored},
        )
    )
    with pytest.raises(ValueError, match=message):
        fit(space, study, 2)
    with pytest.warns(UserWarning, match="does not say which data"):
        found = fit(RATE, study, 1)
    assert found.best_params_ == {"learning_rate": 0.02}
    assert len(study.trials) == 1


# -- values --------------------------------------------------------------------------


def scale_by_two(x):
    return 2 * x


PLAIN = {
    "network": (64, (32, 16)),
    "loss": "focal:gamma=2.0",
    "learning_rate": 0.1 + 0.2,
    "epochs": 20,
    "early_stopping": True,
    "clip_norm": None,
    "class_weight": {0: 1.0, "b": 2.5},
}


def test_plain_values_come_back_without_the_space():
    trial = as_trial({**PLAIN, "l2": np.float64(0.1), "patience": np.int32(3)})
    params = read_params(new_study(), trial, {})
    assert params == {**PLAIN, "l2": 0.1, "patience": 3}
    assert type(params["l2"]) is float
    assert type(params["network"]) is tuple


VALUES = [Focal(gamma=2.0), scale_by_two, np.arange(3), float("inf")]


@pytest.mark.parametrize("value", VALUES, ids=["object", "function", "array", "inf"])
def test_other_values_come_from_the_space(value):
    trial = as_trial({"loss": value})
    assert (
        read_params(new_study(), trial, lambda trial: {"loss": value})["loss"] is value
    )
    for other in (lambda trial: {"loss": Focal(gamma=3.0)}, {}):
        with pytest.raises(ValueError, match=r"loss: trial -1 was trained with "):
            read_params(new_study(), trial, other)


def test_a_condition_that_is_new_does_not_prune_what_was_trained():
    def space(trial):
        raise optuna.TrialPruned

    assert read_params(new_study(), as_trial(PLAIN), space) == PLAIN
