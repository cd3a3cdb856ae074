"""Smooth, multiclass and asymmetric margin losses against other implementations."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import linprog
from scipy.special import expit
from sklearn._loss.loss import ExponentialLoss
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.linear_model import SGDClassifier
from sklearn.linear_model._sgd_fast import ModifiedHuber as SGDModifiedHuber
from sklearn.metrics import brier_score_loss

from skloss import LossAwareClassifier
from skloss.losses import (
    AsymmetricLoss,
    Brier,
    CrossEntropy,
    Exponential,
    LeeLinWahba,
    ModifiedHuber,
    Savage,
    SmoothHinge,
    Tangent,
    Task,
    WestonWatkins,
    get,
)

RNG = np.random.default_rng(21)
N = 60
CODES = RNG.integers(0, 4, N)
ONE_HOT = np.eye(4)[CODES]
SCORES = 1.5 * RNG.normal(size=(N, 4)) + [0.5, 0, -0.3, -1]
LABELS = RNG.integers(0, 2, (N, 1)).astype(float)
MARGINS = 2 * RNG.normal(size=(N, 1)) + 0.3
WEIGHT = RNG.uniform(0.2, 3, N)
FOUR = Task("multiclass", 4)
BINARY = Task("binary", 1)


def rows(loss, kind, y, raw):
    """Return the values per row."""
    task = Task(kind, np.shape(y)[1])
    y, raw = tf.constant(y, tf.float64), tf.constant(raw, tf.float64)
    return np.asarray(loss.rowwise(task, y, raw))


def close(value, expected, rel=1e-10):
    np.testing.assert_allclose(value, expected, rtol=rel, atol=1e-12)


@pytest.mark.parametrize(
    "loss", [SmoothHinge(), ModifiedHuber(), Exponential(), Savage(), Tangent()]
)
def test_several_classes_are_one_vs_rest(loss):
    each = [rows(loss, "binary", ONE_HOT[:, [k]], SCORES[:, [k]]) for k in range(4)]
    close(rows(loss, "multiclass", ONE_HOT, SCORES), np.sum(each, axis=0))


def test_smooth_hinge_is_the_moreau_envelope_of_the_hinge():
    m = np.linspace(-3, 3, 25)
    u = np.linspace(-5, 5, 200_001)
    expected = [np.min(np.maximum(0, 1 - u) + (u - x) ** 2 / 2) for x in m]
    value = rows(SmoothHinge(), "binary", np.ones((25, 1)), m[:, None])
    np.testing.assert_allclose(value, expected, atol=1e-8)


def test_smooth_hinge_by_hand():
    y, f = [[1], [1], [1], [0], [0]], [[-2], [0.5], [1.5], [0.25], [3]]
    close(rows(SmoothHinge(), "binary", y, f), [2.5, 0.125, 0, 0.75, 3.5])
    p = SmoothHinge().eta(tf.constant([-0.5, 0.0, 0.5, 2.0], tf.float64))
    close(p, [1 / 3, 1 / 2, 2 / 3, 1])


def test_modified_huber_is_that_of_sgd():
    theirs = SGDModifiedHuber()
    sign = 2 * LABELS[:, 0] - 1
    expected = [theirs.py_loss(f, y) for f, y in zip(MARGINS[:, 0], sign, strict=True)]
    close(rows(ModifiedHuber(), "binary", LABELS, MARGINS), expected)
    assert (sign * MARGINS[:, 0] < -1).any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_modified_huber_probabilities_are_those_of_sgd(n_classes):
    X, y = make_classification(
        300, n_informative=6, n_classes=n_classes, flip_y=0.2, random_state=0
    )
    sgd = SGDClassifier(loss="modified_huber", alpha=0.3, random_state=0).fit(X, y)
    f = tf.constant(sgd.decision_function(X).reshape(len(X), -1))
    kind = "binary" if n_classes == 2 else "multiclass"
    ours = np.asarray(ModifiedHuber().inverse_link(Task(kind, f.shape[1]), f))
    theirs = sgd.predict_proba(X)
    known = (theirs.max(axis=1) < 1) & (np.ptp(theirs, axis=1) > 0)
    assert known.sum() > 100
    np.testing.assert_allclose(ours[known], theirs[known], atol=1e-5)


def test_exponential_is_scikit_learns():
    theirs = ExponentialLoss()
    close(
        rows(Exponential(), "binary", LABELS, MARGINS),
        theirs.loss(LABELS[:, 0], MARGINS[:, 0]),
    )
    ours = Exponential().inverse_link(BINARY, tf.constant(MARGINS))
    np.testing.assert_allclose(ours, theirs.predict_proba(MARGINS[:, 0]), atol=1e-5)


def test_exponential_continues_linearly():
    value = rows(Exponential(), "binary", [[1]] * 3, [[-30.0], [-31.0], [-40.0]])
    close(value / np.exp(30), [1, 2, 11])


def test_savage_is_the_brier_score_of_a_doubled_score():
    ours = np.average(rows(Savage(), "binary", LABELS, MARGINS), weights=WEIGHT)
    p = expit(2 * MARGINS[:, 0])
    close(ours, brier_score_loss(LABELS[:, 0], p, sample_weight=WEIGHT))
    close(
        rows(Savage(), "binary", LABELS, MARGINS),
        rows(Brier(), "binary", LABELS, 2 * MARGINS) / 2,
    )


def test_tangent_by_hand():
    f = [[0.0], [np.tan(0.5)], [-1.0], [1e12], [-1e12]]
    ends = [(np.pi - 1) ** 2, (np.pi + 1) ** 2]
    expected = [1, 0, (np.pi / 2 + 1) ** 2, *ends]
    close(rows(Tangent(), "binary", [[1]] * 5, f), expected)
    assert ends == pytest.approx([4.6, 17.2], abs=0.06)


def hinge_of_pairs(y, z):
    """Return the Weston-Watkins loss of one row, pair by pair."""
    return sum(max(0.0, 1 - z[y] + z[k]) for k in range(len(z)) if k != y)


def test_weston_watkins_pair_by_pair():
    expected = [hinge_of_pairs(y, z) for y, z in zip(CODES, SCORES, strict=True)]
    close(rows(WestonWatkins(), "multiclass", ONE_HOT, SCORES), expected)
    # the example of torch.nn.MultiMarginLoss: 0.25 x (...) for four classes
    z = [[0.1, 0.2, 0.4, 0.8]]
    value = rows(WestonWatkins(), "multiclass", [[0, 0, 0, 1]], z)
    close(value / 4, 0.25 * ((1 - 0.7) + (1 - 0.6) + (1 - 0.4)))
    assert get("multi_margin", "classification") == WestonWatkins()


@pytest.mark.parametrize("loss", [WestonWatkins(), LeeLinWahba()])
def test_two_classes_have_the_hinge_loss(loss):
    expected = np.maximum(0, 1 - (2 * LABELS - 1) * MARGINS)[:, 0]
    close(rows(loss, "binary", LABELS, MARGINS), expected)
    if isinstance(loss, WestonWatkins):
        pair = np.hstack([np.zeros_like(MARGINS), MARGINS])
    else:  # z_1 - z_0 is twice f where the scores sum to zero
        pair = np.hstack([-MARGINS, MARGINS])
    two = np.hstack([1 - LABELS, LABELS])
    close(rows(loss, "multiclass", two, pair), expected)


def least_risk(loss, p):
    """Return the least conditional risk, by linear programming over z and slacks."""
    n = len(p)
    pairs = [(y, k) for y in range(n) for k in range(n) if k != y]
    cost = np.concatenate([np.zeros(n), [p[y] for y, _ in pairs]])
    upper = np.zeros((len(pairs), n + len(pairs)))
    for i, (y, k) in enumerate(pairs):
        upper[i, k], upper[i, n + i] = 1, -1
        if isinstance(loss, WestonWatkins):
            upper[i, y] = -1
    if isinstance(loss, WestonWatkins):
        bound = -np.ones(len(pairs))
    else:
        bound = np.full(len(pairs), -1 / (n - 1))
    total = np.concatenate([np.ones(n), np.zeros(len(pairs))])[None]
    limits = [(None, None)] * n + [(0, None)] * len(pairs)
    return linprog(cost, upper, bound, total, [0.0], bounds=limits).fun


@pytest.mark.parametrize("loss", [WestonWatkins(), LeeLinWahba()])
@pytest.mark.parametrize("n", [3, 4, 7])
def test_constants_reach_the_least_risk(loss, n):
    rng = np.random.default_rng(n)
    for p in rng.dirichlet(np.full(n, 1.5), size=12):
        z = np.tile(loss.constant_for(Task("multiclass", n), p), (n, 1))
        risk = p @ rows(loss, "multiclass", np.eye(n), z)
        assert risk == pytest.approx(least_risk(loss, p), rel=1e-8)


def test_only_lee_lin_wahba_tells_similar_classes_apart():
    p = np.array([0.35, 0.4, 0.25])
    three = Task("multiclass", 3)
    close(WestonWatkins().constant_for(three, p), [0, 0, -1])
    close(LeeLinWahba().constant_for(three, p), [-0.5, 1, -0.5])
    close(WestonWatkins().constant_for(three, np.array([0.3, 0.19, 0.51]))[2], 0)
    apart = [hinge_of_pairs(y, [0, 1, -1]) for y in range(3)]
    tied = [hinge_of_pairs(y, [0, 0, -1]) for y in range(3)]
    assert p @ apart > p @ tied + 0.1


def test_lee_lin_wahba_by_hand():
    # centred scores (1, 0, -1); the two wrong classes give 1/2 + 0 and 0, or 3/2 + 1/2
    z = [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]
    value = rows(LeeLinWahba(), "multiclass", [[1, 0, 0], [0, 0, 1]], z)
    close(value, [0.5, 2.0])


def asymmetric(y, f, gamma_neg, gamma_pos, clip):
    """Return Ridnik et al. 2021, Eq. 4-7, as printed."""
    p = expit(f)
    r = np.maximum(p - clip, 0)
    present = -((1 - p) ** gamma_pos) * np.log(p)
    return np.where(y == 1, present, -(r**gamma_neg) * np.log(1 - r))


@pytest.mark.parametrize(
    "knobs", [(4.0, 0.0, 0.05), (4.0, 1.0, 0.05), (2.0, 0.5, 0.0), (0.0, 0.0, 0.2)]
)
def test_asymmetric_loss_as_printed(knobs):
    expected = asymmetric(LABELS, MARGINS, *knobs)[:, 0]
    close(rows(AsymmetricLoss(*knobs), "binary", LABELS, MARGINS), expected)
    expected = asymmetric(ONE_HOT, SCORES, *knobs)
    ours = rows(AsymmetricLoss(*knobs), "multilabel", ONE_HOT, SCORES)
    close(ours, expected.mean(axis=1))
    ours = rows(AsymmetricLoss(*knobs), "multiclass", ONE_HOT, SCORES)
    close(ours, expected.sum(axis=1))


def test_asymmetric_loss_without_knobs_is_cross_entropy():
    plain = AsymmetricLoss(0.0, 0.0, 0.0)
    close(
        rows(plain, "multilabel", ONE_HOT, SCORES),
        rows(CrossEntropy(), "multilabel", ONE_HOT, SCORES),
    )
    assert plain.measure(BINARY, LABELS, WEIGHT)["offset_"] == pytest.approx(0)
    close(plain.eta(tf.constant(MARGINS)), expit(MARGINS))


def test_asymmetric_loss_golden_number():
    f = AsymmetricLoss().constant_for(BINARY, np.array([0.02]))
    assert expit(f) == pytest.approx(0.359, abs=1e-4)


def test_asymmetric_loss_bounds_probabilities_by_default():
    far = tf.constant([5.0, 15.0, 29.0, 1e4], tf.float64)
    p = np.asarray(AsymmetricLoss().eta(far))
    slope = 4 * 0.95**3 * -np.log(0.05) + 0.95**4 / 0.05
    assert p[-1] == pytest.approx(slope / (1 + slope)) == pytest.approx(0.964, abs=1e-3)
    assert (np.diff(p) >= 0).all()
    for free in (AsymmetricLoss(gamma_pos=1.0), AsymmetricLoss(clip=0.0)):
        assert np.asarray(free.eta(far))[-1] == pytest.approx(1)


@pytest.mark.parametrize("loss", [AsymmetricLoss(), AsymmetricLoss(6.0, 1.0, 0.2)])
def test_asymmetric_loss_counts_scores_from_one_half(loss):
    measured = loss.bind(loss.measure(BINARY, LABELS, WEIGHT))
    p = np.asarray(measured.binary_link(tf.constant([-1e-3, 0.0, 1e-3], tf.float64)))
    assert p[0] < 0.5 < p[2]
    assert p[1] == pytest.approx(0.5, abs=1e-9)
    assert measured.offset_ > 0.5
    close(
        rows(measured, "binary", LABELS, MARGINS - measured.offset_),
        rows(loss, "binary", LABELS, MARGINS),
    )


@pytest.mark.slow
def test_asymmetric_loss_decides_by_probability():
    X, Y = make_multilabel_classification(300, 10, n_classes=4, random_state=0)
    net = LossAwareClassifier("asymmetric_loss", epochs=60, random_state=0).fit(X, Y)
    p = net.predict_proba(X)
    np.testing.assert_array_equal(net.predict(X), p > 0.5)
    np.testing.assert_array_equal(net.predict(X), net.decision_function(X) > 0)
    np.testing.assert_allclose(p.mean(axis=0), Y.mean(axis=0), atol=0.08)
    blend = CrossEntropy() + AsymmetricLoss()
    net = LossAwareClassifier(blend, epochs=20, random_state=0).fit(X, Y[:, 0])
    best = net.predict_proba(X).argmax(axis=1)
    np.testing.assert_array_equal(net.predict(X), best)
    np.testing.assert_array_equal(net.decision_function(X) > 0, best)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("asl:gamma_neg=-1", "gamma_neg=-1 must be in"),
        ("asl:gamma_pos=-1", "gamma_pos=-1 must be in"),
        ("asl:clip=1", "clip=1 must be in"),
    ],
)
def test_wrong_knobs(spec, text):
    with pytest.raises(ValueError, match=text):
        get(spec, "classification")
