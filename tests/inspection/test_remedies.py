"""Remedies followed lead somewhere: to health, or to what only the user can do."""

import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from canonical import NET, X, y_number
from keras import layers
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_tweedie_deviance

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss._diagnosis._data_findings import find_other_predictions
from skloss._diagnosis._finding import HEADLINES, Finding, Training
from skloss._diagnosis._findings import (
    RULES,
    find_exploding_gradients,
    find_idle_units,
    find_network_worse_than_constant,
    find_what_cannot_act,
)
from skloss._diagnosis._rate_findings import (
    find_divergence,
    find_high_rate,
    find_low_rate,
    find_penalties_that_hold_down,
    find_stall,
)
from skloss._engine import Outcome
from skloss.estimators._settings import Settings
from skloss.inspection import diagnose

ROUNDS = 3


def dead_body():
    return keras.Sequential(
        [layers.Dense(8, "relu", bias_initializer=keras.initializers.Constant(-10.0))]
    )


def gated_body():
    """Return a network with a gate that starts at zero beside its other units."""
    inputs = layers.Input((4,))
    units = layers.Dense(8, "relu")(inputs)
    gate = layers.Dense(8, kernel_initializer="zeros", use_bias=False)(units)
    both = layers.Concatenate()([layers.Add()([units, gate]), units])
    return keras.Model(inputs, both)


def fitted(y, X=X, **params):
    net = LossAwareRegressor(**(NET | {"epochs": 40} | params))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return net.fit(X, y)


def ends(y, X=X, **params):
    """Return the network and its diagnosis after three rounds of remedies."""
    net = fitted(y, X, **params)
    for _ in range(ROUNDS):
        diagnosis, present = diagnose(net), net.get_params()
        assert not any(present.get(k) == v for k, v in diagnosis.remedy.items())
        if not diagnosis.remedy:
            break
        net = fitted(y, X, **{**NET, "epochs": 40, **params, **diagnosis.remedy})
        params |= diagnosis.remedy
    return net, diagnose(net)


@pytest.mark.parametrize(
    ("X", "y", "params", "name", "words"),
    [
        (X, np.r_[y_number[:-1], 1e7], {}, "target_outlier", "Look at y"),
        (X, np.full(93, 0.1), {}, "nothing_to_learn", "Look at y"),
        (np.full((93, 4), 0.1), y_number, {}, "nothing_to_learn", "Look at X"),
        (
            X,
            np.where(y_number > np.quantile(y_number, 0.95), y_number, 0.0),
            {"loss": "absolute_error"},
            "stalled",
            "Look at y: 95% of it is one value",
        ),
        (X, y_number, {"network": dead_body}, "idle_units", "a network of your own"),
    ],
    ids=["outlier", "constant y", "constant X", "zeros", "dead body"],
)
def test_what_no_parameter_cures_ends_in_words(X, y, params, name, words):
    _, diagnosis = ends(y, X, **params)
    assert diagnosis.findings[0].name == name
    assert words in diagnosis.findings[0].advice
    assert diagnosis.remedy == {}


@pytest.mark.parametrize(
    "params",
    [{"l2": 10.0}, {"learning_rate": 1e-6}, {"l2": 10.0, "learning_rate": 1e-6}],
    ids=repr,
)
def test_what_parameters_cure_ends_in_health(params):
    net, diagnosis = ends(y_number, **params)
    assert not diagnosis
    assert net.score(X, y_number) > 0.8


def test_an_additive_constant_is_no_loss():
    """The best constant of y^1.9 deviances is far from 0, and near the least one."""
    y = np.exp(0.3 * y_number)
    net = fitted(y, loss="tweedie:power=1.9", epochs=60)
    before, after = (
        mean_tweedie_deviance(y, p, power=1.9)
        for p in (np.full(93, y.mean()), net.predict(X))
    )
    assert after < 0.3 * before
    found = diagnose(net)
    assert "stalled" not in [one.name for one in found.findings]
    assert "a model free for every row" in repr(found)
    record = net.training_record_
    scale = np.abs(y).mean()
    gap = 0.5 * mean_tweedie_deviance(y / scale, np.full(93, 1.0), power=1.9)
    assert record.constant_loss - record.saturated_loss == pytest.approx(gap, rel=1e-6)


def test_validation_scores_have_the_same_constant():
    """Half the Poisson deviance of constant and saturated model, on the rows given."""
    y = np.round(np.exp(y_number))
    net = LossAwareRegressor("poisson", **NET).fit(X[:64], y[:64], X_val=X, y_val=y)
    record, scale = net.training_record_, y[:64].mean()
    gap = 0.5 * mean_tweedie_deviance(y / scale, np.full(93, 1.0), power=1)
    way = record.constant_score - record.saturated_score
    assert way == pytest.approx(gap, rel=1e-6)


@pytest.mark.slow
def test_a_layer_that_starts_at_zero_does_not_leap():
    """A change has no share of nothing; and the network learns well."""
    net = fitted(y_number, network=gated_body)
    assert net.score(X, y_number) > 0.85
    assert diagnose(net).findings == []
    assert net.training_record_.layers["change"][0, 1] > 1e6
    assert Training(net._fitted).change_per_epoch() < 1


def test_a_remedy_never_offers_what_is_set():
    net = LossAwareRegressor(learning_rate=0.01, network=(8,))
    settings = Settings.of(net)
    offered = {"learning_rate": 0.01, "network__activation": "relu", "clip_norm": 1.0}
    found = Finding("stalled", "It is so.", "Set it.", offered, "Look at it.")
    assert found.beside(settings).remedy == {"clip_norm": 1.0}
    assert str(found.beside(settings)) == "It is so. Set it."
    settings = Settings.of(net.set_params(clip_norm=1.0))
    assert found.beside(settings).remedy == {}
    assert str(found.beside(settings)) == "It is so. Look at it."
    assert found.remedy == offered


def trained(change=0.01, steps=10, epochs=20, idle=0.0, loss=None, **params):
    """Return a training as the rules read it, whose weights change evenly."""
    shape = (epochs, 3)
    falling = np.linspace(1.0, 0.5, epochs)
    record = SimpleNamespace(
        layers={
            "change": np.full(shape, change),
            "weight_norm": np.ones(shape),
            "gradient_norm": np.ones(shape),
            "idle": np.full(shape, idle),
        },
        constant_loss=1.0,
        saturated_loss=0.0,
        steps_per_epoch=steps,
        curve=[],
        common_share=np.zeros(0),
        fitted_loss=0.5,
        predicted_loss=0.5,
    )
    losses = falling if loss is None else np.asarray(loss)
    fitted = SimpleNamespace(
        settings=Settings.of(LossAwareRegressor(epochs=epochs, **params)),
        record=record,
        history={"loss": losses, "gradient_norm": np.ones(epochs)},
        outputs=SimpleNamespace(stored=np.zeros(0)),
        transduction=None,
    )
    return Training(fitted)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lion"])
@pytest.mark.parametrize("rate", [0.5, 0.05, 1e-3])
def test_a_rate_does_not_go_to_and_fro(optimizer, rate):
    """Weights that leap at one rate move at a tenth of it; there it is not too low."""
    numbers = {"optimizer": optimizer, "steps": 1000}
    loss = np.linspace(1.0, 3.0, 20)
    high = find_high_rate(trained(0.6, loss=loss, learning_rate=rate, **numbers))
    settings = Settings.of(LossAwareRegressor(learning_rate=rate))
    lower = high.beside(settings).remedy["learning_rate"]
    assert lower < rate
    change = 0.6 * lower / rate
    assert find_high_rate(trained(change, learning_rate=lower, **numbers)) is None
    if change * 20 > 0.5:
        assert find_low_rate(trained(change, learning_rate=lower, **numbers)) is None


def test_a_rate_that_is_usual_is_not_raised():
    """More steps are missing then; and units without a gradient need no steps."""
    slow = find_low_rate(trained(1e-3, learning_rate=1e-4))
    assert slow.remedy == {"learning_rate": 1e-3}
    usual = find_low_rate(trained(1e-3, learning_rate=1e-3))
    assert usual.remedy == {"epochs": 200}
    assert find_low_rate(trained(1e-3, learning_rate=1e-4, idle=0.6)) is None


def test_units_dead_from_the_start_ask_for_no_other_rate():
    ill = {"idle": 0.6, "learning_rate": 0.01, "loss": np.ones(20)}
    born, killed = (trained(**ill, network=dead_body) for _ in range(2))
    killed.layers["idle"][0] = 0.0
    assert find_idle_units(born).remedy == {}
    assert find_idle_units(killed).remedy == {"learning_rate": 1e-3}
    assert "learning_rate" not in find_idle_units(trained(**ill)).remedy
    well = trained(idle=0.6, loss=np.linspace(1.0, 0.05, 20))
    assert find_idle_units(well) is None


def test_penalties_are_lifted_before_units_are_called_dead():
    t = trained(idle=0.6, loss=np.ones(20), l2=10.0)
    assert find_penalties_that_hold_down(t).remedy == {"l2": 0.0}
    assert RULES.index(find_penalties_that_hold_down) < RULES.index(find_idle_units)
    assert find_stall(t) is None
    t.layers["gradient_norm"][:] = 1e-3
    t.fitted.history["gradient_norm"][:] = 1e6  # of penalties
    assert find_exploding_gradients(t) is None


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_one_normalisation_does_not_take_the_place_of_another(normalization):
    network = MLP((8, 8), normalization=normalization)
    ill = trained(idle=0.6, loss=np.ones(20), network=network)
    exploding = trained(loss=np.ones(20), network=network)
    exploding.layers["gradient_norm"][0] = 1e6
    for found, kind in (
        (find_idle_units(ill), "batch"),
        (find_exploding_gradients(exploding), "layer"),
    ):
        offered = found.remedy.get("network__normalization")
        assert offered == (None if normalization else kind)


def test_divergence_at_small_steps_is_not_for_smaller_ones():
    net = LossAwareRegressor(learning_rate=1.0, clip_norm=0.5)
    ended = {"outcome": Outcome.DIVERGED, "n_epochs": 1, "loss": "own"}
    for _ in range(2):
        settings = Settings.of(net)
        fitted = SimpleNamespace(settings=settings, **ended)
        found = find_divergence(fitted).beside(settings)
        net.set_params(**found.remedy)
    assert net.get_params()["clip_norm"] == 0.5
    assert found.remedy == {}
    assert "In a loss function of your own" in found.advice


@pytest.mark.parametrize("wait", [3, 30, 80])
@pytest.mark.parametrize("patience", [2, 10, 100])
@pytest.mark.parametrize("epochs", [1, 20, 100])
def test_patience_and_epochs_do_not_go_round(wait, patience, epochs):
    net = LossAwareRegressor(
        early_stopping=True,
        patience=patience,
        epochs=epochs,
        lr_schedule=f"reduce_on_plateau:patience={wait}",
    )
    settings = Settings.of(net)
    found = find_what_cannot_act(SimpleNamespace(settings=settings))
    if found is not None:
        net.set_params(**found.beside(settings).remedy)
    assert find_what_cannot_act(SimpleNamespace(settings=Settings.of(net))) is None
    assert wait < net.patience < net.epochs


def test_a_likelihood_below_zero_is_judged_by_its_way():
    """Losses of -3 and -2.9 between a constant's -2 and a least of -4 are near."""
    t = trained(loss=np.linspace(-2.0, -3.0, 20))
    t.constant, t.least, t.span = -2.0, -4.0, 2.0
    assert t.gain() == pytest.approx(0.5)
    t.record.fitted_loss, t.record.predicted_loss = -3.0, -2.9
    t.record.reference_loss = -2.0
    assert find_other_predictions(t) is None
    t.record.predicted_loss = -2.4
    assert find_other_predictions(t) is not None
    t.curve = np.linspace(5.2, 5.1, 20)
    t.record.constant_score, t.record.saturated_score = 5.0, 4.9
    assert find_network_worse_than_constant(t) is not None
    t.curve[5] = 4.95  # half of the way: it had learned
    assert find_network_worse_than_constant(t) is None


def test_every_name_has_a_headline():
    for name in ("nothing_to_learn", "target_outlier", "stalled"):
        assert Finding(name, "", "").headline == HEADLINES[name]


def test_a_rare_class_alone_is_something_to_learn():
    """Classes have no common value that a constant predicts, nor an outlier."""
    y = (np.arange(93) < 3).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net = LossAwareClassifier(**NET).fit(X, y)
    names = [one.name for one in diagnose(net).findings]
    assert not {"nothing_to_learn", "target_outlier"} & set(names)
