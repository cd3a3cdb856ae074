"""Losses of pairs of rows: against loops over rows, worked examples, other libraries.

The numbers of ``OTHERS`` are those of ``reference_pairs.py``.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from skloss.exceptions import LossTargetError
from skloss.losses import (
    Contrastive,
    CrossEntropy,
    InfoNCE,
    SupervisedContrastive,
    TargetDistance,
    Task,
    Triplet,
    get,
    loss_names,
)

RNG = np.random.default_rng(8)
N = 12
TASK = Task("representation", 1, 3)
RAW = RNG.normal(size=(N, 3))
OTHER = RNG.normal(size=(N, 3))
CODES = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 3, 1.0])
WEIGHT = RNG.uniform(0.5, 2.0, N)
OTHERS = json.loads(Path(__file__).with_name("reference_pairs.json").read_text())


def value_of(loss, raw=RAW, codes=CODES, weight=WEIGHT):
    """Return the value of a batch, of weights that sum to one."""
    y, weight = np.asarray(codes, float).reshape(len(codes), -1), np.asarray(weight)
    return float(loss.batch_value(TASK, y, tf.constant(raw), weight / weight.sum()))


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def distances(raw):
    return np.linalg.norm(raw[:, None] - raw[None], axis=2)


def mean_over_pairs(value, weight=WEIGHT, pairs=None):
    """Return the weighted mean of ``value(i, j)`` over pairs, by a loop."""
    pairs = pairs or [(i, j) for i in range(N) for j in range(N)]
    mass = [weight[i] * weight[j] for i, j in pairs]
    return np.average([value(i, j) for i, j in pairs], weights=mass)


def test_the_articles_example():
    similar, distance = np.array([0.0, 1, 1, 0]), np.array([0.2, 0.9, 0.6, 0.3])
    values = np.asarray(Contrastive().pair_value(similar, distance))
    # 0.8^2, 0.9^2, 0.6^2, 0.7^2
    np.testing.assert_allclose(values, [0.64, 0.81, 0.36, 0.49])
    assert values.mean() == pytest.approx(0.575)


def test_contrastive():
    d = distances(RAW)

    def value(i, j):
        alike = CODES[i] == CODES[j]
        return d[i, j] ** 2 if alike else max(1.5 - d[i, j], 0) ** 2

    assert value_of(Contrastive(1.5)) == pytest.approx(mean_over_pairs(value))


def test_target_distance_of_several_targets():
    Y = RNG.normal(size=(N, 2))
    d, wanted = distances(RAW), distances(Y)

    def value(i, j):
        return (d[i, j] - wanted[i, j]) ** 2

    assert value_of(TargetDistance(), codes=Y) == pytest.approx(mean_over_pairs(value))


def test_triplet():
    d, margin = distances(unit(RAW)) ** 2, 0.4
    pairs, values = [], {}
    for a in range(N):
        negatives = d[a][CODES != CODES[a]]
        for p in range(N):
            if p == a or CODES[p] != CODES[a]:
                continue
            beyond = negatives[negatives > d[a, p]]
            apart = beyond.min() if len(beyond) else negatives.max()
            values[a, p] = max(d[a, p] - apart + margin, 0)
            pairs.append((a, p))
    expected = mean_over_pairs(lambda a, p: values[a, p], pairs=pairs)
    assert value_of(Triplet(margin)) == pytest.approx(expected)


def test_triplets_need_a_negative():
    assert value_of(Triplet(), codes=np.zeros(N)) == 0


def test_supervised_contrastive():
    scores, total, mass = unit(RAW) @ unit(RAW).T / 0.3, 0.0, 0.0
    for i in range(N):
        others = [a for a in range(N) if a != i]
        alike = [p for p in others if CODES[p] == CODES[i]]
        if not alike:
            continue
        scale = WEIGHT[others].mean()
        whole = sum(WEIGHT[a] / scale * np.exp(scores[i, a]) for a in others)
        log_p = [scores[i, p] - np.log(whole) for p in alike]
        total -= WEIGHT[i] * np.average(log_p, weights=WEIGHT[alike])
        mass += WEIGHT[i]
    assert value_of(SupervisedContrastive(0.3)) == pytest.approx(total / mass)


def test_info_nce_is_cross_entropy_of_similarities():
    scores = unit(RAW) @ unit(OTHER).T / 0.7
    loss, raw = InfoNCE(0.7), np.stack([RAW, OTHER])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = -np.log(np.diag(p)).mean()
    assert value_of(loss, raw, weight=np.ones(N)) == pytest.approx(expected)
    classes = np.eye(N)
    other = CrossEntropy().pointwise(tf.constant(classes), tf.constant(scores))
    assert value_of(loss, raw, weight=np.ones(N)) == pytest.approx(np.mean(other))


@pytest.mark.parametrize("name", sorted(OTHERS["values"]))
def test_what_other_libraries_say(name):
    raw, codes = np.array(OTHERS["raw"]), np.array(OTHERS["codes"], float)
    loss = eval(OTHERS["losses"][name])
    if isinstance(loss, InfoNCE):
        raw = np.stack([raw, np.array(OTHERS["other"])])
    found = value_of(loss, raw, codes, np.ones(len(codes)))
    # optax computes in single precision
    assert found == pytest.approx(OTHERS["values"][name], rel=1e-5)


ALL = [Contrastive(), TargetDistance(), Triplet(), SupervisedContrastive(), InfoNCE()]


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e6])
def test_slopes_are_finite_differences(loss, size):
    raw = size * (np.stack([RAW, OTHER]) if isinstance(loss, InfoNCE) else RAW)
    with tf.GradientTape() as tape:
        x = tf.constant(raw)
        tape.watch(x)
        y = CODES[:, None]
        value = loss.batch_value(TASK, y, x, WEIGHT / WEIGHT.sum())
    slope, h = tape.gradient(value, x).numpy(), 1e-6 * size
    for place in [(0, 0), (3, 1), (7, 2)]:
        place = (1, *place) if isinstance(loss, InfoNCE) else place
        move = np.zeros_like(raw)
        move[place] = h
        ends = value_of(loss, raw + move), value_of(loss, raw - move)
        expected = (ends[0] - ends[1]) / (2 * h)
        tolerance = 1e-4 * np.abs(slope).max() + 1e-7 * abs(ends[0]) / size
        assert slope[place] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_at_one_point_have_a_slope(loss, dtype):
    """Two equal rows, all equal rows, rows at the origin, and far from it."""
    for raw in (np.zeros((N, 3)), np.ones((N, 3)), 1e15 * RAW, RAW[[0] * 6 + [1] * 6]):
        raw = np.stack([raw, raw]) if isinstance(loss, InfoNCE) else raw
        x = tf.Variable(raw.astype(dtype))
        with tf.GradientTape() as tape:
            y, weight = CODES[:, None].astype(dtype), np.full(N, 1 / N, dtype)
            value = loss.batch_value(TASK, tf.constant(y), x + 0, tf.constant(weight))
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, x).numpy()).all()


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_rows_of_no_weight_are_not_there(loss):
    weight = np.where(np.arange(N) < 8, WEIGHT, 0.0)
    both = np.stack([RAW, OTHER])
    raw = both if isinstance(loss, InfoNCE) else RAW
    fewer = raw[..., :8, :]
    assert value_of(loss, raw, weight=weight) == pytest.approx(
        value_of(loss, fewer, CODES[:8], WEIGHT[:8])
    )


@pytest.mark.parametrize("loss", [Contrastive(), TargetDistance()], ids=repr)
def test_a_weight_of_two_is_a_row_given_twice(loss):
    weight = 1.0 + (np.arange(N) % 2)
    twice = np.repeat(np.arange(N), weight.astype(int))
    assert value_of(loss, weight=weight) == pytest.approx(
        value_of(loss, RAW[twice], CODES[twice], np.ones(len(twice)))
    )


@pytest.mark.parametrize(
    "loss", [Contrastive(), Triplet(), SupervisedContrastive()], ids=repr
)
def test_rows_without_a_label_take_no_part_in_pairs(loss):
    codes = np.where(np.arange(N) < 8, CODES, -1.0)
    if isinstance(loss, SupervisedContrastive):  # they are nobody's rivals
        assert value_of(loss, codes=codes) == pytest.approx(
            value_of(loss, RAW[:8], CODES[:8], WEIGHT[:8])
        )
    else:
        expected = value_of(loss, RAW[:8], CODES[:8], WEIGHT[:8])
        assert value_of(loss, codes=codes) == pytest.approx(expected)


def test_no_pair_is_no_loss():
    for loss in (Contrastive(), Triplet(), SupervisedContrastive()):
        assert value_of(loss, codes=np.full(N, -1.0)) == 0


def test_names():
    assert loss_names("representation") == [
        "contrastive",
        "elbo",
        "info_nce",
        "reconstruction",
        "supervised_contrastive",
        "target_distance",
        "triplet",
    ]
    assert get("supcon:temperature=0.2", "representation").temperature == 0.2
    for loss in ALL:
        assert eval(repr(loss)) == loss
        assert get(loss.name, "representation") == loss
    with pytest.raises(LossTargetError, match="is for regression"):
        get("huber", "representation")
    with pytest.raises(LossTargetError, match="is for representation"):
        get("triplet", "classification")
    with pytest.raises(LossTargetError, match="compares predictions with a target"):
        get(lambda y, p: p, "representation")
    with pytest.raises(ValueError, match="Unknown representation loss 'tripel'"):
        get("tripel", "representation")


@pytest.mark.parametrize(
    "wrong",
    [
        Contrastive(0),
        Triplet(-1),
        SupervisedContrastive(0),
        InfoNCE(0.0),
        InfoNCE(1, 1),
    ],
    ids=repr,
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be in [\[(]0, "):
        wrong.check()


def test_sums_and_multiples():
    whole = SupervisedContrastive() + 0.5 * InfoNCE()
    both = np.stack([RAW, OTHER])
    expected = value_of(SupervisedContrastive()) + 0.5 * value_of(InfoNCE(), both)
    assert value_of(whole, both) == pytest.approx(expected)
    assert whole.target == "classes"
    assert whole.pairs_rows
    assert value_of(2.0 * Triplet()) == pytest.approx(2 * value_of(Triplet()))
    with pytest.raises(LossTargetError, match="agree in"):
        Contrastive() + InfoNCE()  # coordinates, and unit vectors
    with pytest.raises(LossTargetError, match="agree in"):
        Contrastive() + TargetDistance()  # classes, and numbers
