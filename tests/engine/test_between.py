"""Between epochs: scores that Python gives, and callbacks of single networks."""

from dataclasses import replace

import numpy as np
from scipy.special import expit
from sklearn.metrics import log_loss
from test_population import member, plan, table

from skloss import schedules
from skloss._engine import Outcome, train_population


class LogLoss:
    """What the graph would monitor, from scikit-learn."""

    name = "neg_log_loss"

    def __init__(self, data, stream):
        rows = data.streams[stream]
        self.y, self.weight = data.Y[rows.val_rows, 0], rows.val_weight

    def __call__(self, raw):
        p = expit(raw[:, 0])
        return -log_loss(self.y, p, sample_weight=self.weight, labels=[0, 1])


def test_scores_from_python_stop_and_reduce_as_those_of_the_graph():
    data = table()
    plateau = schedules.get("reduce_on_plateau:patience=2")
    changes = {"patience": 4, "learning_rate": 0.01, "schedule": plateau}
    members = [member(0, stream=k, **changes) for k in range(3)]
    inside = train_population(plan(members), data)
    members = [replace(one, scorer=LogLoss(data, k)) for k, one in enumerate(members)]
    outside = train_population(plan(members), data)
    for a, b in zip(inside, outside, strict=True):
        assert a.n_epochs == b.n_epochs < 50
        assert a.best_epoch == b.best_epoch
        np.testing.assert_allclose(a.weights, b.weights, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(a.curve, b.curve, rtol=1e-4)
        assert b.history["val_neg_log_loss"] == [-value for value in b.curve]
        assert "val_log_loss" not in b.history
        assert len(set(a.history["learning_rate"])) > 1
        np.testing.assert_allclose(
            a.history["learning_rate"], b.history["learning_rate"], rtol=1e-6
        )


class Callback:
    """Does one thing at one epoch."""

    def __init__(self, when, epoch, act):
        self.when, self.epoch, self.act, self.seen = when, epoch, act, []

    def epoch_begin(self, network):
        self.happens("begin", network)

    def epoch_end(self, network):
        self.seen.append((network.epoch, network.history["loss"]))
        self.happens("end", network)

    def happens(self, when, network):
        if (when, network.epoch) == (self.when, self.epoch):
            self.act(network)


def halve(network):
    network.learning_rate = network.learning_rate / 2


def test_a_callback_sets_the_rate_from_the_next_epoch_on():
    data = table()
    stepped = member(0, schedule=schedules.get("step:factor=0.5,every=4"))
    expected = train_population(plan([stepped], epochs=7), data)[0]
    callback = Callback("begin", 4, halve)
    own = train_population(plan([member(0, callback=callback)], epochs=7), data)[0]
    np.testing.assert_allclose(own.weights, expected.weights, rtol=1e-6, atol=1e-8)
    assert callback.seen == list(enumerate(own.history["loss"], 1))


def test_a_callback_stops_its_network_and_no_other():
    data = table()
    alone = train_population(plan([member(0)], epochs=8), data)[0]
    short = train_population(plan([member(0)], epochs=3), data)[0]
    callback = Callback("end", 3, lambda network: network.stop())
    members = [member(0, callback=callback), member(0)]
    stopped, other = train_population(plan(members, epochs=8), data)
    assert stopped.outcome is Outcome.STOPPED_EARLY
    assert stopped.n_epochs == stopped.best_epoch == len(callback.seen) == 3
    np.testing.assert_allclose(stopped.weights, short.weights, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.weights, alone.weights, rtol=1e-5, atol=1e-7)
    assert other.n_epochs == 8


def test_training_ends_when_all_networks_are_stopped():
    callback = Callback("end", 1, lambda network: network.stop())
    members = [member(0, callback=callback) for _ in range(5)]  # and a copy fills up
    reported = []
    train_population(plan(members), table(), lambda *row: reported.append(row[:2]))
    assert reported == [(number, 1) for number in range(5)]


def test_a_callback_replaces_weights():
    def zero(network):
        network.weights = np.zeros_like(network.weights)

    callback = Callback("end", 2, zero)
    last = train_population(plan([member(0, callback=callback)], epochs=2), table())[0]
    assert not last.weights.any()


def test_a_callback_sees_the_end_and_what_is_left():
    """Early stopping leaves its best weights, which a callback may still replace."""
    seen = []

    def note(network):
        seen.append((network.ended, *network.final_weights, network.slots))

    def halve_weights(network):
        if network.ended:
            weights, stored = network.final_weights
            network.final_weights = weights / 2, stored

    data, changes = table(), {"patience": 3, "learning_rate": 0.05}
    plain = train_population(plan([member(0, **changes)]), data)[0]
    callback = Callback("end", plain.n_epochs, note)
    own = train_population(plan([member(0, callback=callback, **changes)]), data)[0]
    assert plain.best_epoch < plain.n_epochs == own.n_epochs == len(callback.seen) < 50
    ((ended, weights, stored, slots),) = seen
    assert ended
    np.testing.assert_array_equal(weights, own.weights)
    np.testing.assert_array_equal(stored, own.stored)
    np.testing.assert_array_equal(slots.count, own.state.slots.count)
    for moment, expected in zip(slots.moments, own.state.slots.moments, strict=True):
        np.testing.assert_array_equal(moment, expected)
    callback = Callback("end", plain.n_epochs, halve_weights)
    half = train_population(plan([member(0, callback=callback, **changes)]), data)[0]
    np.testing.assert_array_equal(half.weights, own.weights / 2)


def test_the_last_epoch_is_the_end():
    ends = []
    callback = Callback("end", 2, lambda network: ends.append(network.ended))
    train_population(plan([member(0, callback=callback)], epochs=2), table())
    callback = Callback("end", 2, lambda network: ends.append(network.ended))
    train_population(plan([member(0, callback=callback)], epochs=3), table())
    assert ends == [True, False]
