"""Views: what a loss is handed, made in the graph, by hand with NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from catalogue import some_slow

from skloss import networks, schedules
from skloss._engine import Data, Member, Plan, Stream, _population, train_population
from skloss._engine._hash import draw_uniform
from skloss._engine._optimizers import Optimizer
from skloss._engine._row_order import pair_draws
from skloss._engine._step import order_outputs
from skloss._engine._views import FIRST_SOURCE, SOURCES, make_normal, take_from_others
from skloss.losses import (
    Contrastive,
    InfoNCE,
    RepresentationLoss,
    SupervisedContrastive,
    TargetDistance,
    Task,
    Triplet,
)
from skloss.losses._core import _ops as ops
from skloss.losses._core._view import View, count_own, join_views, place_views
from skloss.losses._pairs import SimilarPairs

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 6))
CODES = (np.arange(60) % 3)[:, None].astype(float)
TASK = Task("representation", 1, 2)
FOLDS = [
    Stream(np.setdiff1d(np.arange(60), held), np.ones(48), held, np.ones(12))
    for held in np.arange(60).reshape(5, 12)
]


class Consistency(RepresentationLoss):
    """Distance of a noised view and the teacher, and the size of the plain one."""

    views = (View(averaged=True), View(noise="noise"), View())

    def __init__(self, noise=0.5):
        self.noise = noise

    def batch_value(self, task, y_true, raw, weight):
        teacher, noised, plain = raw[0], raw[1], raw[2]
        apart = ops.sum(ops.square(noised - teacher), axis=-1)
        return ops.sum(weight * (apart + ops.square(1 - plain[:, 0])))


LOSSES = {
    "contrastive": [Contrastive(m) for m in (0.5, 1.0, 2.0)],
    "triplet": [Triplet(m) for m in (0.1, 0.2, 0.6)],
    "supcon": [SupervisedContrastive(t) for t in (0.1, 0.3, 0.9)],
    "info_nce": [InfoNCE(0.3, 0.2), InfoNCE(0.5, 0.6), InfoNCE(1.0, 0.4)],
    "target_distance": [TargetDistance()] * 3,
    "sum": [
        SupervisedContrastive(t) + w * InfoNCE(0.5, c)
        for t, w, c in ((0.1, 0.3, 0.6), (0.3, 1.0, 0.2), (0.2, 0.0, 0.4))
    ],
    "pairs": [SimilarPairs(Contrastive(m)) for m in (0.5, 1.0, 2.0)],
    "teacher": [Consistency(n) for n in (0.1, 0.5, 1.0)],
}


def make_plan(losses, *, streams=(0,), **changes):
    """Return a plan of a network for each loss and fold, and the data."""
    own = {
        "schedule": schedules.get(None),
        "optimizer": Optimizer("adam"),
        "learning_rate": 0.01,
        "head_bias": np.zeros(2),
        "weight_averaging": 0.9,
        "dropout": 0.2,
        **changes,
    }
    members = [Member(loss=x, stream=i, **own) for x in losses for i in streams]
    plan = Plan(
        members=members,
        network=networks.get((5,)),
        task=TASK,
        batch_size=16,
        epochs=3,
        dtype="float64",
        seed=3,
    )
    code = CODES
    if isinstance(losses[0], SimilarPairs):
        code = (CODES == 1).astype(float)
    return plan, Data(X, code, FOLDS)


@pytest.mark.parametrize("name", some_slow(LOSSES, {*LOSSES} - {"info_nce", "teacher"}))
def test_fused_is_alone_over_five_folds_and_three_numbers(name):
    plan, data = make_plan(LOSSES[name], streams=range(5), patience=2.0)
    together = train_population(plan, data)
    for member, result in zip(plan.members[::4], together[::4], strict=True):
        (alone,) = train_population(replace(plan, members=[member]), data)
        apart = np.linalg.norm(result.weights - alone.weights)
        assert apart < 1e-10 * np.linalg.norm(alone.weights)
        np.testing.assert_allclose(
            result.history["val_loss"], alone.history["val_loss"], rtol=1e-9
        )
    if name != "target_distance":  # which has no number
        first = [r.weights for r in together[::5]]
        assert np.linalg.norm(first[0] - first[1]) > 1e-4


@pytest.mark.parametrize("name", some_slow(LOSSES, {*LOSSES}))
def test_compiled_steps_are_the_graphs(name, monkeypatch):
    found = []
    for least in (1e9, 0):
        monkeypatch.setattr(_population, "MIN_COMPILED", least)
        plan, data = make_plan(LOSSES[name][:2])
        # rectified units leave rows at one point, and rounding then says which of
        # equally far ones is a triplet's negative
        plan = replace(plan, network=networks.MLP((5,), activation="tanh"))
        found.append(train_population(plan, data))
    for graph, compiled in zip(*found, strict=True):
        apart = np.linalg.norm(graph.weights - compiled.weights)
        assert apart < 1e-9 * np.linalg.norm(graph.weights)


def test_a_number_of_one_network_is_no_other_ones():
    losses = LOSSES["info_nce"]
    plan, data = make_plan(losses)
    before = train_population(plan, data)
    plan, data = make_plan([losses[0], InfoNCE(0.5, 0.7), losses[2]])
    after = train_population(plan, data)
    for i, same in enumerate((True, False, True)):
        assert (before[i].weights == after[i].weights).all() == same


def forward(weights, x):
    """Return the raw outputs of the network of ``make_plan``, by hand."""
    w1, b1, w2, b2 = np.split(weights, np.cumsum([30, 5, 10]))
    return np.maximum(x @ w1.reshape(6, 5) + b1, 0) @ w2.reshape(5, 2) + b2


def test_what_a_loss_with_a_teacher_is_handed():
    """One step of gradient descent, its loss and slope by NumPy."""
    momentum, rate, noise = 0.5, 0.1, 0.5
    plan, data = make_plan(
        [Consistency(noise)],
        optimizer=Optimizer("sgd"),
        learning_rate=rate,
        weight_averaging=momentum,
        dropout=0.0,
    )
    plan = replace(plan, batch_size=48)

    def train(epochs):
        return train_population(replace(plan, epochs=epochs), data)[0]

    states = [train(epochs).state for epochs in (1, 2, 3)]
    rows = data.streams[0].rows
    drawn = tf.random.stateless_uniform([48], seed=[3, 2])
    rows = rows[np.argsort(drawn, kind="stable")]

    def draw(shift):
        number = tf.constant([2], tf.int32)  # one step an epoch
        source = FIRST_SOURCE + SOURCES + shift  # of the second view
        return draw_uniform(tf.constant(3), number, [48, 6], source, tf.float64)[0]

    x = X[rows]
    noised = x + noise * make_normal(draw(2), draw(3)).numpy()
    before, after = states[1], states[2]

    def value(weights):
        teacher = forward(before.average, x)
        apart = np.square(forward(weights, noised) - teacher).sum(axis=1)
        return (apart + np.square(1 - forward(weights, x)[:, 0])).mean()

    moves = 1e-6 * np.eye(len(before.weights))
    slope = [
        (value(before.weights + m) - value(before.weights - m)) / 2e-6 for m in moves
    ]
    np.testing.assert_allclose(
        after.weights, before.weights - rate * np.array(slope), atol=1e-8
    )
    assert train(3).history["loss"][2] == pytest.approx(value(before.weights))


def test_validation_sees_the_same_views_in_every_epoch():
    plan, data = make_plan([InfoNCE()], learning_rate=0.0, weight_averaging=0.0)
    (result,) = train_population(plan, data)
    assert len(set(result.history["val_loss"])) == 1
    assert len(set(result.history["loss"])) == 3


def test_corrupted_features_are_those_of_other_rows():
    x = tf.constant(RNG.normal(size=(2, 50, 4)))
    uniform = draw_uniform(tf.constant(1), tf.constant([4, 4]), [50, 4], 7, x.dtype)
    taken = take_from_others(x, uniform).numpy()
    for k in range(2):
        for j in range(4):
            assert np.isin(taken[k, :, j], x.numpy()[k, :, j]).all()
            assert len(np.unique(taken[k, :, j])) > 25  # of 50 draws from 50
    # each feature from a row of its own
    where = [
        [np.flatnonzero(x[0, :, j] == taken[0, i, j])[0] for j in range(4)]
        for i in range(50)
    ]
    assert np.mean([len(set(row)) for row in where]) > 3.5


def test_the_share_that_is_corrupted():
    class Corrupted(RepresentationLoss):
        """What of the features a corrupted view has changed."""

        views = (View(), View(corruption="share"))

        def __init__(self, share):
            self.share = share

        def batch_value(self, task, y_true, raw, weight):
            changed = ops.cast(ops.abs(raw[0] - raw[1]) > 0, raw.dtype)
            return ops.sum(weight * ops.mean(changed, axis=-1)) + 0 * ops.sum(raw)

    identity = networks.get(lambda: tf.keras.Sequential([tf.keras.layers.Identity()]))
    plan, data = make_plan([Corrupted(s) for s in (0.0, 0.3, 0.9)], dropout=0.0)
    plan = replace(plan, network=identity, task=Task("representation", 1, 6))
    still = {"head_bias": np.zeros(6), "learning_rate": 0.0}
    members = [replace(member, **still) for member in plan.members]
    plan = replace(plan, members=members, epochs=40)
    found = [r.history["loss"] for r in train_population(plan, data)]
    # the head mixes features: a row changes where any of the six does
    expected = 1 - (1 - np.array([0.0, 0.3, 0.9]) * 15 / 16) ** 6
    np.testing.assert_allclose(np.mean(found, axis=1), expected, atol=0.02)


def test_normal_numbers_are_normal():
    first, second = tf.random.stateless_uniform([2, 100_000], seed=[1, 2])
    drawn = make_normal(first, second).numpy()
    np.testing.assert_allclose([drawn.mean(), drawn.std()], [0, 1], atol=0.01)
    assert np.isfinite(make_normal(tf.constant([0.0, 0.99999994]), second[:2])).all()


def test_outputs_come_in_the_order_that_the_loss_declares():
    views = (View(averaged=True), View(), View(averaged=True, noise="n"), View(part=1))
    assert place_views(views) == [2, 0, 3, 1]
    assert count_own(views) == 2
    made = np.repeat([10, 30, 0, 20], 2)[:, None]  # as they are made: own views first
    ordered = order_outputs(views, tf.constant(made)).numpy()
    assert ordered[:, 0, 0].tolist() == [0, 10, 20, 30]


def test_views_that_terms_share_are_made_once():
    whole = InfoNCE() + 2.0 * SupervisedContrastive()
    assert join_views(whole.named()) == (
        View(),
        View(corruption="info_nce__corruption"),
    )


def test_rows_of_a_class_come_in_pairs():
    classes = RNG.integers(0, 7, (3, 101)).astype(float)
    draws = RNG.random((3, 101)).astype(np.float32)
    draws[2, 80:] = 2  # padding
    paired = pair_draws(tf.constant(draws), tf.constant(classes)).numpy()
    for own, code, drawn in zip(paired, classes, draws, strict=True):
        count = (drawn < 2).sum()
        order = np.argsort(own, kind="stable")
        assert (drawn[order[:count]] < 2).all()
        in_order = code[order[:count]]
        cuts = np.flatnonzero(np.diff(in_order)) + 1
        lengths = [len(run) for run in np.split(in_order, cuts)]
        assert sum(length % 2 for length in lengths) <= 7  # a class has one alone
        assert (own[order[:count]] < 1).all()


class Alike(RepresentationLoss):
    """The share of rows that another row of the batch is alike to."""

    pairs_rows = True

    def batch_value(self, task, y_true, raw, weight):
        alike = ops.cast(y_true == ops.transpose(y_true), raw.dtype)
        alike = alike * ops.cast(weight > 0, raw.dtype)[None, :]
        some = ops.cast(ops.sum(alike, axis=1) > 1.5, raw.dtype)
        return ops.sum(weight * some) + 0 * ops.sum(raw)


class AsTheyCome(Alike):
    """The same, of rows in any order."""

    pairs_rows = False


def test_of_thirty_classes_with_two_rows_all_are_together():
    plan, _ = make_plan([Alike(), AsTheyCome()])
    rows = np.arange(60)
    stream = Stream(rows, np.ones(60), rows[:0], np.ones(0))
    data = Data(X, (rows // 2)[:, None].astype(float), [stream])
    paired, unpaired = train_population(plan, data)
    assert paired.history["loss"] == [1.0] * 3
    assert max(unpaired.history["loss"]) < 0.6
