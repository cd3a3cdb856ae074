"""One of several losses by a number: who can be joined, and what is computed once."""

import pickle

import numpy as np
import pytest
import tensorflow as tf
from catalogue import TASKS, own_classes, ready

from skloss.losses import (
    AbsoluteErrorOnProbabilities,
    Brier,
    ClassificationLoss,
    Coral,
    Corn,
    CrossEntropy,
    CumulativeLink,
    CustomLoss,
    CustomRegressionLoss,
    CVaR,
    Focal,
    Hinge,
    Huber,
    SquaredError,
    Task,
    UncertaintyWeighted,
)
from skloss.losses._core._equal_tensors import group_equal
from skloss.losses._core._join_losses import group_losses, join_losses

BINARY, SEVERAL = TASKS["binary"], TASKS["multiclass"]


def shortfall(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


def through_text(y_true, y_pred):
    text = tf.strings.as_string(tf.square(y_true - y_pred)[..., 0])
    return tf.cast(tf.strings.to_number(text), y_pred.dtype)


@pytest.mark.parametrize("kind", TASKS)
def test_the_catalogue_is_apart_by_its_outputs(kind):
    task = TASKS[kind]
    of = [ready(cls(), task) for cls in own_classes() if kind in cls.kinds]
    widths = {(loss.n_raw(task), loss.n_global(task)) for loss in of}
    costly = [loss for loss in of if loss.name in ("auc_pairwise", "bi_tempered")]
    groups = group_losses(of, task)
    assert len(groups) == len(widths) + len(costly)
    alone = [group.losses[0] for group in groups if "alone" in group.reason]
    assert alone == costly


def test_a_loss_alone_is_itself():
    loss = Focal(gamma=3.0)
    assert join_losses([loss, loss], BINARY) == [loss, loss]


def test_a_choice_has_the_facts_and_the_numbers_of_its_own_loss():
    of = [CrossEntropy(), Focal(gamma=3.0), Focal(), 0.5 * Brier() + Focal(), Hinge()]
    joined = join_losses(of, BINARY)
    (structure,) = {choice.structure() for choice in joined}
    names = {tuple(choice.knobs()) for choice in joined}
    assert len(names) == 1
    for loss, choice in zip(of, joined, strict=True):
        assert choice.loss == loss == pickle.loads(pickle.dumps(choice)).loss
        assert choice.monitor_name() == loss.monitor_name()
        assert np.all(choice.head_scale == loss.head_scale)
        for name, value in loss.knobs().items():
            assert choice.knobs()[choice.name_knob(name)] == value
    again = join_losses(of[::-1], BINARY)[0]
    assert again.structure() == structure


def reasons(of, task):
    return [group.reason for group in group_losses(of, task)]


def test_who_stays_apart_and_why():
    mixed = 0.5 * Brier() + 0.5 * Focal()
    assert reasons([mixed, Focal(), CVaR(Focal())], BINARY) == ["1 raw output a row"]
    assert reasons([Focal(), mixed, CVaR(Focal()), CVaR(mixed)], SEVERAL) == [
        "4 raw outputs a row",
        "0.5 * Brier() + 0.5 * Focal() is alone: "
        "its probabilities are the solution of equations for each row",
        "CVaR(loss=0.5 * Brier() + 0.5 * Focal()) is alone: "
        "its probabilities are the solution of equations for each row",
    ]
    # softmax losses of any weights, and proper scores, have a form
    assert reasons([Focal(), CrossEntropy() + Focal(), 2 * mixed], SEVERAL)[1:] == [
        f"{2 * mixed!r} is alone: "
        "its probabilities are the solution of equations for each row"
    ]
    assert reasons([Focal(), Coral(), CumulativeLink(), Corn()], SEVERAL) == [
        "4 raw outputs a row",
        "4 raw outputs a row, 3 of them trained numbers that are the same for all rows",
        "3 raw outputs a row",
    ]
    weighted = [UncertaintyWeighted(Huber()), UncertaintyWeighted(SquaredError())]
    assert len(group_losses([Huber(), *weighted], Task("regression", 1))) == 2


@pytest.mark.parametrize("cls", [CustomLoss, CustomRegressionLoss])
def test_a_function_is_joined_if_it_can_be_compiled_beside_others(cls):
    task, plain = Task("regression", 2), Huber()
    if issubclass(cls, ClassificationLoss):
        task, plain = BINARY, Focal()
    joined, alone = group_losses([plain, cls(shortfall), cls(through_text)], task)
    assert joined.numbers == [0, 1]
    assert "No pfor vectorization defined for AsString" in alone.reason
    assert repr(cls(through_text)) in alone.reason


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_a_choice_scores_as_the_chosen_loss(kind):
    task, rng = TASKS[kind], np.random.default_rng(0)
    of = [ready(cls(), task) for cls in own_classes() if kind in cls.kinds]
    of = max((group.losses for group in group_losses(of, task)), key=len)
    of = [*of, CVaR(Focal()), Focal() + 0.5 * AbsoluteErrorOnProbabilities()]
    # in a graph a weight decides whether there are probabilities to score
    of += [CrossEntropy() + 0.0 * Hinge()] if kind != "multiclass" else []
    y = np.eye(4)[np.arange(8) % 4][:, : task.size]
    raw, undo = (
        2 * rng.normal(size=(8, task.size)),
        rng.uniform(1, 2, max(task.size, 2)),
    )
    joined = join_losses(of, task)
    arrays = [tf.constant(part) for part in (y, raw, undo)]

    @tf.function(autograph=False)
    def score(knobs):
        return joined[0].bind(knobs).monitor(task, *arrays)

    for loss, choice in zip(of, joined, strict=True):
        knobs = {k: tf.constant(v, tf.float64) for k, v in choice.knobs().items()}
        own = loss.monitor(task, *arrays)
        np.testing.assert_allclose(score(knobs), own, 1e-12, err_msg=repr(loss))


def test_equal_formulas_are_found_in_a_graph():
    a, b = tf.ones(200), tf.ones(200)  # equal, but given from outside

    @tf.function(autograph=False)
    def scores(x):
        two = tf.nn.softmax(x)
        values = [
            tf.reduce_sum(tf.nn.softmax(x) * 2.0),
            tf.reduce_sum(two * 2.0),
            tf.reduce_sum(two * 3.0),
            tf.reduce_sum(a),
            tf.reduce_sum(b),
            tf.reduce_max(a),
            tf.random.uniform([]),
            tf.random.uniform([]),
            tf.unstack(x)[0],
            tf.unstack(x)[1],
            tf.unstack(x)[1],
        ]
        found.extend(group_equal(values))
        return values[0]

    found = []
    scores(tf.constant([1.0, 2.0]))
    assert found == [[0, 1], [2], [3], [4], [5], [6], [7], [8], [9, 10]]
    assert group_equal([tf.constant(1.0), tf.constant(1.0)]) == [[0], [1]]
