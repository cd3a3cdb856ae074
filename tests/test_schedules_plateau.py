"""The plateau schedule: Keras' behaviour, by hand, in a graph, and its warnings."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from skloss.schedules import (
    ReduceLROnPlateau,
    warnings_for,
)


def keras_rates(schedule, scores, learning_rate):
    """Drive Keras' own callback with a fake model; return the rate after each epoch."""
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", mode="min", **schedule.get_params()
    )
    optimizer = SimpleNamespace(learning_rate=np.float64(learning_rate))
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    callback.on_train_begin()
    rates = []
    for epoch, score in enumerate(scores):
        callback.on_epoch_end(epoch, {"val_loss": float(score)})
        rates.append(float(optimizer.learning_rate))
    return rates


def our_rates(schedule, scores, learning_rate, step=None):
    """Return the rates after each epoch, one column per column of ``scores``."""
    step = step or schedule.plateau
    state = schedule.initial_state(scores.shape[1], scores.dtype)
    rates = []
    for score in scores:
        state = step(state, score, learning_rate)
        rates.append(ops.convert_to_numpy(state["scale"]) * learning_rate)
    return np.array(rates)


def score_curves(epochs=120, k=6, seed=0):
    """Falling, noisy curves in multiples of 1/64: no comparison hangs on rounding."""
    rng = np.random.default_rng(seed)
    trend = 3 * np.exp(-np.linspace(0, 3, epochs))[:, None]
    return np.round((trend + rng.normal(0, 0.15, (epochs, k))) * 64) / 64


PLATEAUS = [
    ReduceLROnPlateau(),
    ReduceLROnPlateau(patience=0, factor=0.9),
    ReduceLROnPlateau(patience=1, factor=0.9),
    ReduceLROnPlateau(patience=1, factor=0.9, cooldown=2),
    ReduceLROnPlateau(patience=3, factor=0.5),
    ReduceLROnPlateau(patience=3, factor=0.5, cooldown=1),
    ReduceLROnPlateau(patience=3, factor=0.5, cooldown=4),
    ReduceLROnPlateau(patience=2, factor=0.5, cooldown=7, min_lr=0.0007),
    ReduceLROnPlateau(patience=4, factor=0.5, min_delta=0.35),
    ReduceLROnPlateau(patience=4, factor=0.5, min_delta=0.0),
    ReduceLROnPlateau(patience=2, factor=0.7, min_delta=0.1, cooldown=2, min_lr=1e-3),
    ReduceLROnPlateau(patience=2, factor=0.2, min_lr=0.01),
    ReduceLROnPlateau(patience=2, factor=0.2, min_lr=0.02),
]


@pytest.mark.parametrize("schedule", PLATEAUS, ids=repr)
def test_plateau_is_keras(schedule):
    scores = score_curves()
    ours = our_rates(schedule, scores, 0.01)
    for j in range(scores.shape[1]):
        np.testing.assert_allclose(
            ours[:, j], keras_rates(schedule, scores[:, j], 0.01), rtol=1e-9
        )
    if schedule.min_lr < 0.01:
        assert (ours[-1] < 0.01).all()


def test_plateau_settings_differ_on_these_curves():
    # Otherwise the comparison above could not see one of the numbers.
    scores = score_curves()
    reference = ReduceLROnPlateau(patience=3, factor=0.5, cooldown=2, min_lr=1e-3)
    base = our_rates(reference, scores, 0.01)
    changed = {
        "factor": 0.6,
        "patience": 4,
        "min_delta": 0.3,
        "cooldown": 5,
        "min_lr": 2e-3,
    }
    for name, value in changed.items():
        other = our_rates(reference.bind({name: value}), scores, 0.01)
        assert not np.allclose(base, other), name


def test_plateau_by_hand():
    schedule = ReduceLROnPlateau(factor=0.5, patience=2, min_delta=0.1, cooldown=1)
    scores = np.array([[1.0], [0.95], [0.92], [0.9], [0.9], [0.5], [0.5]])
    state, seen = schedule.initial_state(1), []
    for score in scores:
        state = schedule.plateau(state, score, 0.1)
        seen.append([float(state[key][0]) for key in ("scale", "wait", "cooldown")])
    assert seen == [
        [1.0, 0, 0],
        [1.0, 1, 0],
        [0.5, 0, 1],  # second epoch without improvement by 0.1
        [0.5, 1, 0],  # cooldown over at the end of this epoch, which counts
        [0.25, 0, 1],
        [0.25, 0, 0],  # improved
        [0.25, 1, 0],
    ]
    assert float(state["best"][0]) == 0.5


def test_plateau_population_equals_each_alone():
    knobs = {
        "factor": [0.5, 0.2, 0.9],
        "patience": [2.0, 3.0, 1.0],
        "min_delta": [0.0, 0.2, 0.01],
        "cooldown": [0.0, 2.0, 5.0],
        "min_lr": [0.0, 0.001, 0.02],
    }
    rates = np.array([0.01, 0.1, 0.03])
    scores = score_curves(k=3)
    together = ReduceLROnPlateau().bind({n: np.array(v) for n, v in knobs.items()})
    ours = our_rates(together, scores, rates)
    for j in range(3):
        alone = ReduceLROnPlateau(**{name: v[j] for name, v in knobs.items()})
        expected = our_rates(alone, scores[:, j : j + 1], rates[j])
        np.testing.assert_allclose(ours[:, j], expected[:, 0], rtol=1e-12)
        assert expected[-1, 0] < rates[j]


def test_plateau_in_a_graph_in_single_precision():
    schedule = ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=1e-3)
    scores = score_curves().astype("float32")
    step = tf.function(schedule.plateau)
    ours = our_rates(schedule, scores, np.float32(0.01), step)
    assert ours.dtype == "float32"
    np.testing.assert_allclose(
        ours, our_rates(schedule, scores.astype("float64"), 0.01), rtol=1e-5
    )


def test_plateau_survives_a_score_that_is_not_a_number():
    schedule = ReduceLROnPlateau(factor=0.5, patience=2)
    scores = np.array([[np.nan, 1], [np.nan, np.nan], [1.0, 0.5], [1.0, 0.4]])
    rates = our_rates(schedule, scores, 1.0)
    np.testing.assert_array_equal(rates, [[1, 1], [0.5, 1], [0.5, 1], [0.5, 1]])


# Warnings


def test_warns_of_the_articles_plateau_that_can_never_act():
    rate = float(np.float32(keras.optimizers.RMSprop().learning_rate))
    schedule = ReduceLROnPlateau(factor=0.2, patience=5, min_lr=0.001)
    (message,) = warnings_for(schedule, 0.001)
    assert message.startswith(
        "ReduceLROnPlateau can never act: min_lr=0.001 is not below "
        "learning_rate=0.001; "
    )
    assert "set min_lr to, say, 1e-05" in message
    assert rate == pytest.approx(0.001)
    # and Keras and we do leave the rate alone, however bad the scores
    scores = np.arange(50.0)[:, None]
    np.testing.assert_array_equal(our_rates(schedule, scores, 0.001), 0.001)
    assert set(keras_rates(schedule, scores[:, 0], np.float32(0.001))) == {
        float(np.float32(0.001))
    }


def test_warns_of_a_patience_that_early_stopping_never_reaches():
    (message,) = warnings_for("reduce_on_plateau:patience=10", 0.001, patience=8)
    assert "patience=10 is not below early stopping's patience=8" in message
    assert "to, say, 4, or raise the latter above 10" in message
    assert len(warnings_for(ReduceLROnPlateau(patience=8), 0.001, 8)) == 1
    (message,) = warnings_for(ReduceLROnPlateau(patience=0), 0.001, 1)
    assert message.endswith("raise the latter above 1.")
    assert "lower" not in message


def test_warns_of_both():
    assert len(warnings_for(ReduceLROnPlateau(min_lr=0.1), 0.01, 10)) == 2


def test_no_warning_without_cause():
    plateau = ReduceLROnPlateau(patience=5, min_lr=1e-5)
    assert warnings_for(plateau, 0.001) == []
    assert warnings_for(plateau, 0.001, patience=6) == []
    assert warnings_for(None, 0.001, patience=1) == []
    assert warnings_for("cosine", 0.001, patience=1) == []
