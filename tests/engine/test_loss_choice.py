"""Networks of different losses in one program: each trains as if it were alone."""

from dataclasses import replace

import numpy as np
import pytest
from catalogue import QUICK, own_classes, ready

from skloss import losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Outcome,
    Plan,
    Stream,
    TrainingState,
    trace_count,
    train_population,
)
from skloss._engine._optimizers import Optimizer
from skloss.losses._core import _ops as ops
from skloss.losses._core._join_losses import (
    LossGroup,
    group_losses,
    join_losses,
)

N, HELD, EPOCHS, RATE, CUT = 16, 6, 4, 0.05, 0.5
TASKS = {
    "binary": losses.Task("binary", 1),
    "multiclass": losses.Task("multiclass", 3),
    "multilabel": losses.Task("multilabel", 2),
    "regression": losses.Task("regression", 1),
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N + HELD, 3))
OF_KIND = {
    "binary": RNG.permutation(np.arange(N + HELD) % 2)[:, None].astype(float),
    "multiclass": np.eye(3)[RNG.permutation(np.arange(N + HELD) % 3)],
    "multilabel": RNG.integers(0, 2, size=(N + HELD, 2)).astype(float),
    "regression": RNG.uniform(0.1, 0.9, size=(N + HELD, 1)),
}
WEIGHT = RNG.uniform(0.2, 2.0, N)
WEIGHT /= WEIGHT.mean()
UNDO = np.array([0.5, 2.0, 1.5])
STREAM = Stream(np.arange(N), WEIGHT, np.arange(N, N + HELD), np.ones(HELD))
LINEAR = networks.MLP(())
# A few of everything: values of a batch, measured numbers, targets that others refuse.
SOME = {*QUICK, "brier", "tversky", "logit_adjusted", "one_vs_rest", "square"}
SOME |= {"exponential", "gamma", "msle", "fractional", "barron", "crps", "coral"}


def units_of(loss):
    """Return location and scale: numbers of losses for any are negative, too."""
    real = loss.family == "regression" and loss.domain == "real"
    return (np.array([0.5]), np.array([0.2])) if real else (np.zeros(1), np.ones(1))


def start_of(loss, task):
    """Return first weights, a row an input and one of biases, and which may move."""
    n_raw, n_global = loss.n_raw(task), loss.n_global(task)
    free = np.ones((4, n_raw))
    free[:-1, n_raw - n_global :] = 0
    return free * np.random.default_rng(1).normal(scale=0.3, size=(4, n_raw)), free


def member(loss, task, **changes):
    loc, scale = units_of(changes.pop("of", loss))
    first, _ = start_of(loss, task)
    return Member(
        **{
            "loss": loss,
            "schedule": schedules.get(None),
            "optimizer": Optimizer("sgd:momentum=0"),
            "learning_rate": RATE,
            "clip_norm": CUT,
            "head_bias": None,
            "start": TrainingState(first.ravel(), np.zeros(0)),
            "class_weight": UNDO[: max(2, task.size)],
            "loc": loc,
            "scale": scale,
            **changes,
        }
    )


def train(members, task):
    plan = Plan(members, LINEAR, task, N, EPOCHS, "float64", seed=3)
    return train_population(plan, Data(X, OF_KIND[task.kind], [STREAM]))


def by_hand(loss, task, at=lambda loss, epoch: loss):
    """Return the last weights, losses and scores, by gradient descent in NumPy."""
    loc, scale = units_of(loss)
    y, undo = (OF_KIND[task.kind] - loc) / scale, UNDO[: max(2, task.size)]
    x, training, held = np.hstack([X, np.ones((len(X), 1))]), [], []
    w, free = start_of(loss, task)
    n_global = loss.n_global(task)
    pace = np.ones(loss.n_raw(task))
    pace[len(pace) - n_global :] = loss.global_pace(task)
    for epoch in range(EPOCHS):
        now = at(loss, epoch)
        value, slope = ops.value_and_gradient(
            lambda f, now=now: now.batch_value(task, y[:N], f, WEIGHT),
            ops.convert_to_tensor(x[:N] @ w),
        )
        slope = free * (x[:N].T @ np.asarray(slope)) / N
        w = w - RATE * slope * min(1, CUT / np.linalg.norm(slope)) * pace
        training.append(float(value) / N)
        raw = ops.convert_to_tensor(x[N:] @ w)
        held.append(np.mean(loss.monitor(task, y[N:], raw, undo)))
    return w.ravel(), training, held


def cases():
    for kind, task in TASKS.items():
        classes = [cls for cls in own_classes() if kind in cls.kinds]
        some = [ready(cls(), task) for cls in classes if cls.name in SOME]
        yield pytest.param(task, some, id=kind)
        every = [ready(cls(), task) for cls in classes]
        yield pytest.param(task, every, id=f"{kind}-all", marks=pytest.mark.slow)


@pytest.mark.parametrize(("task", "of"), cases())
def test_each_loss_trains_as_by_hand(task, of):
    joined = join_losses(of, task)
    before = trace_count()
    together = train(
        [member(loss, task, of=own) for loss, own in zip(joined, of, strict=True)], task
    )
    assert trace_count() - before <= len(group_losses(of, task))
    for loss, result in zip(of, together, strict=True):
        weights, training, held = by_hand(loss, task)
        np.testing.assert_allclose(
            result.weights, weights, 1e-7, 1e-9, err_msg=repr(loss)
        )
        np.testing.assert_allclose(result.history["loss"], training, 1e-7, 1e-9)
        np.testing.assert_allclose(result.curve, held, 1e-6, 1e-8, err_msg=repr(loss))


class Scaled(losses.ClassificationLoss):
    """Cross-entropy times a number, which may be NaN."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def binary(self, y_true, raw):
        return self.factor * (ops.softplus(raw) - y_true * raw)


def train_each(populations):
    """Train one population after another."""
    task = TASKS["binary"]
    return [train([member(x, task) for x in joined], task) for joined in populations]


def same_bits(a, b):
    return np.array_equal(a.weights, b.weights) and a.history == b.history


def test_a_nan_stays_in_the_loss_that_has_it():
    task = TASKS["binary"]
    fine = [losses.CrossEntropy(), Scaled(), losses.Focal()]
    ill = [losses.CrossEntropy(), Scaled(np.nan), losses.Focal()]
    (group,) = group_losses(fine, task)
    hidden = LossGroup([0, 1, 2], group_losses(ill, task)[0].losses, "")
    well, chosen, there = train_each(
        [
            [group.choose(loss) for loss in fine],
            [group.choose(loss) for loss in ill],
            [hidden.choose(loss) for loss in fine],
        ]
    )
    assert chosen[1].outcome is Outcome.DIVERGED
    assert same_bits(well[0], chosen[0])
    assert same_bits(well[2], chosen[2])
    assert all(map(same_bits, well, there))


@pytest.mark.slow
def test_which_loss_a_network_has_and_its_numbers_change_its_own_network_only():
    task = TASKS["binary"]
    of = [losses.CrossEntropy(), Scaled(), losses.Focal()]
    (group,) = group_losses(of, task)
    other = [of[0], losses.Focal(gamma=4.0), of[2]]
    numbers = [of[0], Scaled(3.0), of[2]]
    before = trace_count()
    base, *changed = train_each(
        [[group.choose(loss) for loss in x] for x in (of, other, numbers)]
    )
    assert trace_count() - before <= 1
    for population in changed:
        assert same_bits(base[0], population[0])
        assert same_bits(base[2], population[2])
        assert not np.array_equal(base[1].weights, population[1].weights)


@pytest.mark.slow
def test_a_number_of_the_chosen_loss_varies():
    task = TASKS["binary"]
    of = [losses.CrossEntropy(), losses.Focal(), Scaled()]
    gamma = np.array([0.5, 3.0, 1.0, 2.0])
    members = [member(loss, task) for loss in join_losses(of, task)]
    name = members[1].loss.name_knob("gamma")
    members[1] = replace(members[1], varying={f"loss__{name}": gamma})
    together = train(members, task)
    at = [lambda loss, _: loss, lambda _, epoch: losses.Focal(gamma=gamma[epoch])]
    for loss, result, now in zip(of, together, [*at, at[0]], strict=True):
        weights, training, held = by_hand(loss, task, now)
        np.testing.assert_allclose(result.weights, weights, 1e-7, 1e-9)
        np.testing.assert_allclose(result.history["loss"], training, 1e-7)
        np.testing.assert_allclose(result.curve, held, 1e-6)
