"""Bad input is refused before training, with the value and the remedy."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from skloss import MLP, LossAwareClassifier, LossAwareRegressor, losses, schedules
from skloss._engine import Outcome, trace_count
from skloss.exceptions import DivergenceWarning, LossTargetError
from skloss.inspection import diagnose

X, y = make_classification(40, 4, n_informative=3, n_redundant=0, random_state=0)
yr = X @ np.array([1.0, -2.0, 0.5, 0.0])
frame = pd.DataFrame(X, columns=list("abcd"))


def put(array, value):
    array = array.astype(float)
    array.flat[5] = value
    return array


def body():
    return keras.Sequential([keras.layers.Dense(4, activation="relu")])


def classifier(**params):
    given = {"network": (4,), "epochs": 2, "random_state": 0, **params}
    return LossAwareClassifier(**given)


def regressor(**params):
    given = {"network": (4,), "epochs": 2, "random_state": 0, **params}
    return LossAwareRegressor(**given)


def refused(net, match, X, y, fit=None, error=ValueError):
    """Assert that ``fit`` raises, with every text in ``match``, before training."""
    before = trace_count()
    with pytest.raises(error) as caught:
        net.fit(X, y, **(fit or {}))
    message = str(caught.value)
    for text in match:
        assert text in message, message
    assert not hasattr(net, "_fitted")
    assert not hasattr(net, "history_")
    assert trace_count() == before


NUMBERS = [
    ("network", (0,), ValueError, ">= 1"),
    ("network", (8, -3), ValueError, ">= 1"),
    ("network", (2.5,), ValueError, ">= 1"),
    ("network", "mlp", TypeError, "(64, 64)"),
    ("network", None, TypeError, "(64, 64)"),
    ("network", MLP((4,), activation="reluu"), ValueError, "Keras knows"),
    ("learning_rate", 0, ValueError, "(0, inf)"),
    ("learning_rate", -0.1, ValueError, "(0, inf)"),
    ("learning_rate", float("nan"), ValueError, "(0, inf)"),
    ("learning_rate", float("inf"), ValueError, "(0, inf)"),
    ("learning_rate", "fast", TypeError, "must be a number"),
    ("l1", -1e-3, ValueError, "[0, inf)"),
    ("l2", -1e-3, ValueError, "[0, inf)"),
    ("weight_decay", -1e-3, ValueError, "[0, inf)"),
    ("dropout", 1.0, ValueError, "[0, 1)"),
    ("dropout", -0.1, ValueError, "[0, 1)"),
    ("clip_norm", 0, ValueError, "(0, inf]"),
    ("batch_size", 0, ValueError, ">= 1"),
    ("batch_size", -8, ValueError, ">= 1"),
    ("batch_size", "large", TypeError, ">= 1"),
    ("epochs", 0, ValueError, ">= 1"),
    ("epochs", 1.5, TypeError, ">= 1"),
    ("patience", 0, ValueError, ">= 1"),
    ("validation_fraction", 0.0, ValueError, "(0, 1)"),
    ("validation_fraction", 1.0, ValueError, "(0, 1)"),
    ("dtype", "float16", ValueError, "'float32'"),
    ("early_stopping", "yes", TypeError, "True or False"),
    ("warm_start", 1, TypeError, "True or False"),
    ("verbose", -1, ValueError, ">= 0"),
]


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize(("name", "value", "error", "remedy"), NUMBERS)
def test_parameters(make, name, value, error, remedy):
    target = y if make is classifier else yr
    shown = "activation='reluu'"
    if isinstance(value, tuple):
        shown = f"hidden_layer_sizes={value!r}"
    elif not isinstance(value, MLP):
        shown = f"{name}={value!r}"
    refused(make(**{name: value}), [shown, remedy], X, target, error=error)


NAMES = [
    ({"loss": "focl"}, ["'focl'", "Did you mean 'focal'", "'cross_entropy'"]),
    ({"loss": "focal:gama=2"}, ["'gama'", "'gamma'"]),
    ({"loss": "focal:gamma"}, ["focal:gamma", "knob=value"]),
    ({"loss": "focal:gamma=-1"}, ["gamma=-1", "[0, inf)"]),
    ({"loss": "huber"}, ["Huber()", "regression", "'hinge'"]),
    ({"loss": losses.Poisson()}, ["Poisson()", "regression", "'hinge'"]),
    ({"lr_schedule": "cosin"}, ["'cosin'", "Did you mean 'cosine'"]),
    ({"lr_schedule": "reduce_on_plateau"}, ["early_stopping=True", "X_val"]),
    ({"lr_schedule": "step:every=0"}, ["every=0"]),
    ({"optimizer": "adamm"}, ["'adamm'", "Did you mean 'adam'"]),
    ({"optimizer": "nadam"}, ["'nadam'", "'adam'"]),
    ({"optimizer": "adam:beta_1=-1"}, ["beta_1=-1", ">= 0"]),
    ({"optimizer": keras.optimizers.Adam(1e-2)}, ["learning_rate", "instead"]),
    ({"optimizer": keras.optimizers.SGD(clipnorm=1.0)}, ["clip_norm=1.0", "instead"]),
    ({"optimizer": keras.optimizers.SGD(clipvalue=1.0)}, ["clip_value=1.0", "instead"]),
    (
        {"optimizer": keras.optimizers.SGD(use_ema=True, ema_momentum=0.9)},
        ["weight_averaging=0.9", "instead"],
    ),
    (
        {"optimizer": keras.optimizers.AdamW(weight_decay=0.1)},
        ["weight_decay=0.1", "instead"],
    ),
    ({"dropout": 0.2, "network": body}, ["dropout=0.2", "networks.make_dropout()"]),
    ({"class_weight": "even"}, ["'even'", "'balanced'"]),
    ({"class_weight": [1, 2]}, ["[1, 2]", "dict"]),
    ({"class_weight": {7: 2.0}}, ["{7: 2.0}", "[0, 1]"]),
    ({"class_weight": {0: -1.0}}, ["{0: -1.0}", "> 0"]),
    ({"class_weight": {0: float("inf")}}, ["inf", "finite"]),
    ({"class_weight": {0: "much"}}, ["much", "> 0"]),
    (
        {"early_stopping": True, "validation_fraction": 0.001},
        ["0.001", "40 rows", "early_stopping=False"],
    ),
]


@pytest.mark.parametrize(("params", "match"), NAMES, ids=lambda v: str(v)[:40])
def test_names_and_combinations(params, match):
    refused(classifier(**params), match, X, y)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"loss": 3}, ["3", "function"]),
        ({"loss": None}, ["None", "function"]),
        ({"optimizer": None}, ["None", "'adam'"]),
        ({"network": lambda: 3}, ["int", "Keras model"]),
    ],
)
def test_wrong_types(params, match):
    refused(classifier(**params), match, X, y, error=TypeError)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"loss": "hinge"}, ["Hinge()", "classification", "'huber'"]),
        ({"loss": "squared_eror"}, ["Did you mean 'squared_error'"]),
        ({"loss": losses.Quantile((0.9, 0.1))}, ["(0.9, 0.1)", "sort"]),
        ({"target_transform": "log"}, ["'log'", "'auto'"]),
    ],
)
def test_regressor_names(params, match):
    refused(regressor(**params), match, X, yr)


DATA = [
    ("X with NaN", put(X, np.nan), y, ["Input X", "NaN"]),
    ("X with inf", put(X, np.inf), y, ["Input X", "infinity"]),
    ("y with NaN", X, put(y, np.nan), ["Input y", "NaN"]),
    ("one class", X, np.zeros(40, int), ["got 1 class", "0", "how it was split"]),
    ("continuous", X, yr, ["continuous", "discrete"]),
    ("no rows", X[:0], y[:0], ["0 sample(s)", "minimum of 1"]),
    ("no columns", X[:, :0], y, ["0 feature(s)", "minimum of 1"]),
    ("lengths", X, y[:7], ["[40, 7]", "inconsistent"]),
    ("one row", X[:1], y[:1], ["1 class"]),
    ("words", np.array([["a"] * 4] * 40), y, ["'a'"]),
    (
        "several multiclass columns",
        X,
        np.arange(80).reshape(40, 2) % 3,
        ["MultiOutputClassifier"],
    ),
]


@pytest.mark.parametrize(
    ("X", "y", "match"), [d[1:] for d in DATA], ids=[d[0] for d in DATA]
)
def test_data_of_the_classifier(X, y, match):
    refused(classifier(), match, X, y)


@pytest.mark.parametrize(
    ("params", "X", "y", "match"),
    [
        ({}, X, put(yr, np.nan), ["Input y", "NaN"]),
        ({}, X, put(yr, -np.inf), ["Input y", "infinity"]),
        ({}, put(X, np.nan), yr, ["Input X", "NaN"]),
        ({}, X[:0], yr[:0], ["0 sample(s)"]),
        ({}, X, yr[:7], ["[40, 7]"]),
        ({}, X, np.array(["a"] * 40), ["'a'"]),
        ({"loss": "poisson"}, X, put(abs(yr), -1.0), ["y >= 0", "-1", "shift y"]),
        (
            {"loss": "poisson"},
            X,
            np.column_stack([abs(yr), put(abs(yr), -2.0)]),
            ["y >= 0", "-2", "'huber'"],
        ),
    ],
)
def test_data_of_the_regressor(params, X, y, match):
    refused(regressor(**params), match, X, y)


def test_domain_errors_have_a_class_of_their_own():
    refused(regressor(loss="poisson"), [], X, -abs(yr), error=LossTargetError)
    refused(classifier(loss="huber"), [], X, y, error=LossTargetError)
    assert issubclass(LossTargetError, ValueError)


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (-np.ones(40), ["Negative", "sample_weight"]),
        (np.zeros(40), ["eight", "zero"]),
        (put(np.ones(40), np.nan), ["sample_weight", "NaN"]),
        (put(np.ones(40), np.inf), ["sample_weight", "infinity"]),
        (np.ones(3), ["(3,)", "(40,)"]),
    ],
)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_sample_weight(make, weight, match):
    target = y if make is classifier else yr
    refused(make(), match, X, target, {"sample_weight": weight})
    own = {"X_val": X, "y_val": target, "sample_weight_val": weight}
    refused(make(), match, X, target, own)


VALIDATION = [
    ({"X_val": X[:, :3], "y_val": y}, ["3 features", "4 features"]),
    ({"X_val": X, "y_val": y + 1}, ["[2]", "[0, 1]"]),
    ({"X_val": X}, ["y_val", "together"]),
    ({"y_val": y}, ["X_val", "together"]),
    ({"X_val": X, "y_val": y[:3]}, ["[40, 3]"]),
    ({"X_val": put(X, np.nan), "y_val": y}, ["NaN"]),
    ({"sample_weight_val": np.ones(40)}, ["sample_weight_val", "X_val"]),
]


@pytest.mark.parametrize(("fit", "match"), VALIDATION)
def test_validation_data(fit, match):
    refused(classifier(), match, X, y, fit)


def test_validation_data_with_other_column_names():
    fit = {"X_val": frame[["b", "a", "c", "d"]], "y_val": y}
    refused(classifier(), ["feature names", "same order"], frame, y, fit)


def test_validation_targets_of_the_regressor():
    fit = {"X_val": X, "y_val": -np.ones(40)}
    refused(regressor(loss="poisson"), ["y >= 0", "-1"], X, abs(yr), fit)
    fit = {"X_val": X, "y_val": np.ones((40, 2))}
    refused(regressor(), ["2 targets", "1"], X, yr, fit)


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(frame, y)


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (frame[["b", "a", "c", "d"]], "same order"),
        (frame.rename(columns={"a": "z"}), "unseen at fit time"),
        (frame[["a", "b"]], "missing"),
        (frame.replace(frame.iloc[0, 0], np.nan), "NaN"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_columns_at_predict(fitted, table, match, method):
    with pytest.raises(ValueError, match=match):
        getattr(fitted, method)(table)


def test_number_of_columns_and_dimensions_at_predict():
    net = classifier().fit(X, y)
    with pytest.raises(ValueError, match=r"3 features.*4 features"):
        net.predict(X[:, :3])
    with pytest.raises(ValueError, match="reshape"):
        net.predict(X[0])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"lss": "focal"}, "'lss'.*'loss'"),
        ({"loss__gama": 2}, "'gama'.*'label_smoothing'"),
        ({"loss": "focal", "loss__gama": 2}, "'gama'.*'gamma'"),
        ({"network__activaton": "tanh"}, "'activaton'.*'activation'"),
        ({"optimizer__beta1": 0.8}, "'beta1'.*'beta_1'"),
        ({"optimizer__learning_rate": 0.8}, "'learning_rate'.*'beta_1'"),
        ({"lr_schedule": "cosine", "lr_schedule__end": 0.1}, "'end'.*'final'"),
        ({"epochs__x": 3}, "'epochs__x'.*'epochs'"),
        ({"network": body, "network__activation": "tanh"}, "'activation'.*'build_fn'"),
    ],
)
def test_unknown_parameters(params, match):
    with pytest.raises(ValueError, match=match):
        classifier().set_params(**params)


def test_probabilities_where_there_are_none():
    net = classifier(loss="hinge")
    with pytest.raises(AttributeError, match="predict_proba") as caught:
        net.predict_proba(X)
    reason = str(caught.value.__cause__ or caught.value)
    assert "CalibratedClassifierCV" in reason
    assert "'cross_entropy'" in reason


def test_quantiles_where_there_are_none():
    net = regressor().fit(X, yr)
    with pytest.raises(AttributeError, match="predict_quantiles") as caught:
        net.predict_quantiles(X)
    assert "gaussian_nll" in str(caught.value.__cause__ or caught.value)


def test_other_quantiles_than_those_trained():
    net = regressor(loss=losses.Quantile((0.1, 0.5, 0.9))).fit(X, yr)
    with pytest.raises(ValueError, match="Refit with loss=Quantile"):
        net.predict_quantiles(X, (0.2, 0.8))


def test_partial_fit_refuses_another_problem():
    net = classifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"seen before: \[2\]"):
        net.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="differ from those of the first call"):
        net.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="3 features"):
        net.partial_fit(X[:, :3], y)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"network": (3,)}, "network"),
        ({"optimizer": "rmsprop"}, "optimizer"),
        ({"network": body}, "network"),
    ],
)
def test_going_on_with_another_network_is_refused(params, name):
    net = classifier().fit(X, y).set_params(**params)
    with pytest.raises(ValueError, match=f"{name}=.*differs.*Set {name} back"):
        net.partial_fit(X, y)
    net.set_params(warm_start=True)
    if name == "network":
        with pytest.raises(ValueError, match=r"differs.*warm_start=False"):
            net.fit(X, y)
    else:
        net.fit(X, y)  # a warm start takes over weights, not the optimiser's state


def test_warm_start_refuses_another_problem():
    net = classifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"same classes.*\[0, 1\]"):
        net.fit(X, y + 1)
    net = classifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="4 features"):
        net.fit(X[:, :3], y)


def test_a_loss_that_reduces_the_rows_is_refused():
    net = regressor(loss=lambda t, p: keras.ops.mean(keras.ops.abs(t - p)))
    with pytest.raises(LossTargetError, match="one value per row"):
        net.fit(X, yr)
    assert not hasattr(net, "_fitted")


@pytest.mark.parametrize("make", [classifier, regressor])
def test_divergence_warns_with_the_cure_and_tells_the_epoch(make):
    net = make(learning_rate=1e30, epochs=5, dtype="float32")
    with pytest.warns(DivergenceWarning, match="learning_rate.*clip_norm.*diagnose"):
        net.fit(X, y if make is classifier else yr)
    assert net.outcome_ is Outcome.DIVERGED
    assert net.n_epochs_ < 5
    (found,) = diagnose(net).findings
    assert f"epoch {net.n_epochs_}" in found.evidence
    assert np.isfinite(net._fitted.outputs.weights).all()


def test_a_schedule_object_is_judged_at_fit():
    net = classifier(lr_schedule=schedules.Step(every=0))
    refused(net, ["every=0"], X, y)
