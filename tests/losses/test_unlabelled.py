"""Losses of rows without a label: against loops over rows, SciPy, and by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, softmax
from scipy.stats import entropy

from skloss.exceptions import LossTargetError
from skloss.losses import (
    Consistency,
    CrossEntropy,
    Entropy,
    Focal,
    Loss,
    MeanTeacher,
    PseudoLabel,
    Task,
    get,
    loss_names,
)
from skloss.losses._core._view import PLAIN, View
from skloss.losses._unlabelled import WithUnlabelled

RNG = np.random.default_rng(4)
N = 9
P, Q = softmax(RNG.normal(size=(2, N, 3)), axis=2)
ALL = [PseudoLabel(threshold=0.6), Consistency(), MeanTeacher(), Entropy()]
OF_TWO_VIEWS = ALL[:3]
BINARY, THREE = Task("binary", 1), Task("multiclass", 3)


def values_of(loss, *p):
    """Return the value of each row, whose probabilities are those of the views."""
    return np.asarray(loss.of_probabilities([tf.constant(view) for view in p]))


# -- values ----------------------------------------------------------------------------


def test_a_sure_label_is_taught_by_its_cross_entropy():
    expected = []
    for known, taught in zip(P, Q, strict=True):
        sure = max(known) >= 0.6
        expected.append(-np.log(taught[np.argmax(known)]) if sure else 0.0)
    assert 0 < np.count_nonzero(expected) < N
    np.testing.assert_allclose(values_of(PseudoLabel(threshold=0.6), P, Q), expected)


@pytest.mark.parametrize("loss", [Consistency(), MeanTeacher()], ids=repr)
def test_consistency_is_the_squared_distance_of_probabilities(loss):
    expected = [
        sum((p[k] - q[k]) ** 2 for k in range(3)) for p, q in zip(P, Q, strict=True)
    ]
    np.testing.assert_allclose(values_of(loss, P, Q), expected)


def test_entropy_is_scipys():
    np.testing.assert_allclose(values_of(Entropy(), P), entropy(P, axis=1))


def test_two_classes_by_hand():
    p, q = np.array([[0.75, 0.25]]), np.array([[0.5, 0.5]])
    assert values_of(PseudoLabel(threshold=0.7), p, q) == pytest.approx(np.log(2))
    assert values_of(Consistency(), p, q) == pytest.approx(0.125)  # 2 * 0.25^2
    assert values_of(Entropy(), q) == pytest.approx(np.log(2))


def test_a_probability_at_the_threshold_is_sure():
    p = np.array([[0.75, 0.25], [0.7499, 0.2501]])
    found = values_of(PseudoLabel(threshold=0.75), p, p)
    np.testing.assert_allclose(found, [-np.log(0.75), 0.0])


def test_a_threshold_of_zero_teaches_every_row_and_of_one_none_that_doubts():
    expected = -np.log(P.max(axis=1))
    np.testing.assert_allclose(values_of(PseudoLabel(threshold=0.0), P, P), expected)
    assert (values_of(PseudoLabel(threshold=1.0), P, P) == 0).all()


def test_classes_that_tie_share_the_label():
    p = np.array([[0.4, 0.2, 0.4], [0.25, 0.5, 0.25], [1 / 3] * 3])
    q = np.array([[0.1, 0.6, 0.3]] * 3)
    logs = np.log(q[0])
    expected = [-(logs[0] + logs[2]) / 2, -logs[1], -logs.mean()]
    np.testing.assert_allclose(values_of(PseudoLabel(threshold=0.0), p, q), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_certain_probabilities_have_finite_values_and_slopes(loss, dtype):
    views = [np.eye(3)[:2], np.eye(3)[1:]][: len(loss.views)]
    p = [tf.constant(view, dtype) for view in views]
    with tf.GradientTape() as tape:
        tape.watch(p)
        value = tf.reduce_sum(loss.of_probabilities(p))
    assert np.isfinite(value)
    for slope in tape.gradient(value, p):
        assert slope is None or np.isfinite(slope).all()


def test_the_entropy_of_a_certain_row_is_zero():
    np.testing.assert_array_equal(values_of(Entropy(), np.eye(3)), 0.0)


# -- slopes ----------------------------------------------------------------------------


def slopes_of(loss, *p):
    """Return the slopes of the sum of all rows' values by each view's probabilities."""
    views = [tf.constant(view) for view in p]
    with tf.GradientTape() as tape:
        tape.watch(views)
        value = tf.reduce_sum(loss.of_probabilities(views))
    slopes = tape.gradient(value, views, unconnected_gradients="zero")
    return [np.asarray(slope) for slope in slopes]


def find_differences(loss, *p, view):
    """Return the same for one view, by central differences."""
    slope, h = np.empty_like(p[view]), 1e-6
    for place in np.ndindex(slope.shape):
        move = np.zeros_like(slope)
        move[place] = h
        ends = [
            values_of(loss, *(x + sign * move * (i == view) for i, x in enumerate(p)))
            for sign in (1, -1)
        ]
        slope[place] = (ends[0].sum() - ends[1].sum()) / (2 * h)
    return slope


@pytest.mark.parametrize("loss", OF_TWO_VIEWS, ids=repr)
def test_no_gradient_passes_what_stands_for_the_label(loss):
    assert (slopes_of(loss, P, Q)[0] == 0).all()
    assert np.abs(slopes_of(loss, P, Q)[1]).max() > 0.1


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_what_is_taught_has_the_slope_of_finite_differences(loss):
    p = [P, Q][: len(loss.views)]
    taught = len(p) - 1
    expected = find_differences(loss, *p, view=taught)
    np.testing.assert_allclose(slopes_of(loss, *p)[taught], expected, atol=1e-7)


def test_a_row_that_is_not_sure_has_no_slope():
    unsure = P.max(axis=1) < 0.6
    slope = slopes_of(PseudoLabel(threshold=0.6), P, Q)[1]
    assert (slope[unsure] == 0).all()
    assert (np.abs(slope[~unsure]).max(axis=1) > 0).all()


# -- views -----------------------------------------------------------------------------


def test_what_each_loss_is_shown():
    for loss in (PseudoLabel(), Consistency()):
        assert loss.views == (View(), View(corruption="corruption"))
    averaged, corrupted = MeanTeacher().views
    assert averaged.averaged
    assert corrupted == View(corruption="corruption")
    assert Entropy().views == PLAIN


# -- beside a loss of labels -----------------------------------------------------------

LABELLED = np.array([1, 0, 0, 1, 0, 1, 0, 0, 1.0])
WEIGHT = RNG.uniform(0.5, 2.0, N) / N
RAW_OF = {
    "binary": RNG.normal(size=(3, N, 1)),
    "multiclass": RNG.normal(size=(3, N, 3)),
}
CODES = np.array([0, 0, 0, 1, 0, 0, 0, 0, 1])


def columns_of(task):
    """Return the target's columns, any without a label, and that which says so."""
    codes = CODES[:, None] if task.kind == "binary" else np.eye(3)[CODES]
    return np.hstack([codes, LABELLED[:, None]])


def probabilities_of(task, raw):
    if task.kind == "multiclass":
        return softmax(raw, axis=1)
    return np.hstack([1 - expit(raw), expit(raw)])


def value_of_two(unlabelled, task, raw, loss=None):
    both = WithUnlabelled(loss or CrossEntropy(), unlabelled)
    y = tf.constant(columns_of(task))
    return both.batch_value(task, y, tf.constant(raw), tf.constant(WEIGHT))


@pytest.mark.parametrize("task", [BINARY, THREE], ids=lambda task: task.kind)
def test_the_value_of_two_is_a_sum_over_rows_with_a_label_and_without(task):
    raw = RAW_OF[task.kind]
    plain, other, corrupted = (probabilities_of(task, one) for one in raw)
    cases = [
        (PseudoLabel(0.7, threshold=0.55), raw[[0, 2]], (plain, corrupted)),
        (Consistency(2.5), raw[[0, 2]], (plain, corrupted)),
        (MeanTeacher(0.4), raw, (other, corrupted)),
        (Entropy(1.5), raw[0], (plain,)),
    ]
    for loss, shown, p in cases:
        expected = 0.0
        for i in range(N):
            if LABELLED[i]:
                expected -= WEIGHT[i] * np.log(plain[i, CODES[i]])
            else:
                (own,) = values_of(loss, *(view[[i]] for view in p))
                expected += loss.weight * WEIGHT[i] * own
        assert float(value_of_two(loss, task, shown)) == pytest.approx(expected)


def test_it_sees_the_probabilities_that_follow_from_the_loss_of_labels():
    """Those of the focal loss are no softmax (Charoenphakdee et al. 2021, Eq. 13)."""
    raw = RAW_OF["multiclass"][0]
    v, known = softmax(raw, axis=1), LABELLED > 0
    right = v[np.arange(N), CODES]
    focal = WEIGHT[known] @ ((1 - right) ** 3 * -np.log(right))[known]
    p = v / ((1 - v) ** 3 - 3 * (1 - v) ** 2 * v * np.log(v))
    rest = WEIGHT[~known] @ entropy(p[~known], axis=1)  # which divides by the sum
    found = value_of_two(Entropy(0.5), THREE, raw, Focal(gamma=3.0))
    assert float(found) == pytest.approx(focal + 0.5 * rest)


@pytest.mark.parametrize("task", [BINARY, THREE], ids=lambda task: task.kind)
def test_which_rows_of_which_views_have_a_slope(task):
    raw = tf.constant(RAW_OF[task.kind][[0, 2]])
    with tf.GradientTape() as tape:
        tape.watch(raw)
        value = value_of_two(Consistency(), task, raw)
    plain, corrupted = np.abs(tape.gradient(value, raw)).sum(axis=2) > 0
    assert (plain == (LABELLED > 0)).all()
    assert (corrupted == (LABELLED == 0)).all()


def test_what_stands_in_the_target_of_a_row_without_a_label_does_not_matter():
    both, raw = WithUnlabelled(CrossEntropy(), Entropy()), RAW_OF["multiclass"][0]
    other = columns_of(THREE)
    other[LABELLED == 0, :3] = [0, 1, 0]
    values = [
        float(both.batch_value(THREE, tf.constant(y), tf.constant(raw), WEIGHT))
        for y in (columns_of(THREE), other)
    ]
    assert values[0] == values[1]


def test_validation_is_by_the_rows_as_they_are_and_the_loss_of_labels():
    raw = RAW_OF["multiclass"]
    both = WithUnlabelled(CrossEntropy(), MeanTeacher())
    found = both.monitor(THREE, columns_of(THREE), tf.constant(raw), np.ones(3))
    p = softmax(raw[0], axis=1)
    known = LABELLED > 0
    expected = -np.log(p[np.arange(N), CODES])
    np.testing.assert_allclose(np.asarray(found)[known], expected[known])
    assert both.supervised == CrossEntropy()


# -- names -----------------------------------------------------------------------------


def test_names():
    names = ["consistency", "entropy", "mean_teacher", "pseudo_label"]
    assert loss_names("unlabelled") == names
    for loss in [PseudoLabel(), Consistency(), MeanTeacher(), Entropy()]:
        assert get(loss.name, "unlabelled") == loss
        assert eval(repr(loss)) == loss
        assert get(type(loss), "unlabelled") == loss
    assert get("fixmatch", "unlabelled") == PseudoLabel()
    assert get("pi_model", "unlabelled") == Consistency()


def test_names_with_knobs():
    found = get("pseudo_label:threshold=0.8, corruption=0.1", "unlabelled")
    assert found == PseudoLabel(threshold=0.8, corruption=0.1)
    assert get("entropy:weight=2", "unlabelled").weight == 2
    mine = MeanTeacher(1.0, 0.2)
    assert get(mine, "unlabelled") == mine


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_spaces_hold_what_is_allowed(loss):
    for knob, (low, high, _) in loss.search_space.items():
        for value in (low, high):
            type(loss)(**{knob: value}).check()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'pseudo_label'"):
        get("pseudo_labels", "unlabelled")
    with pytest.raises(ValueError, match="Valid names: 'corruption', 'weight'"):
        get("consistency:threshold=0.9", "unlabelled")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("entropy:weight=-1", "weight=-1 must be in"),
        (Consistency(weight=np.nan), "weight=nan must be in"),
        (MeanTeacher(np.inf), "weight=inf must be in"),
        (PseudoLabel(threshold=1.1), "threshold=1.1 must be in"),
        ("pseudo_label:threshold=-0.1", "threshold=-0.1 must be in"),
        ("consistency:corruption=1.5", "corruption=1.5 must be in"),
        (MeanTeacher(corruption=-1), "corruption=-1 must be in"),
    ],
)
def test_numbers_out_of_range_are_refused(spec, words):
    with pytest.raises(ValueError, match=words):
        get(spec, "unlabelled")


@pytest.mark.parametrize(
    "spec",
    [
        keras.losses.CategoricalCrossentropy(),
        keras.losses.CategoricalCrossentropy,
        keras.losses.mean_squared_error,
        lambda y, p: p,
    ],
)
def test_functions_and_losses_of_keras_are_refused(spec):
    with pytest.raises(TypeError, match=r"unlabeled_loss=.*'mean_teacher'"):
        get(spec, "unlabelled")


@pytest.mark.parametrize("spec", ["cross_entropy", CrossEntropy(), "huber", "supcon"])
def test_losses_of_labels_are_refused(spec):
    with pytest.raises(LossTargetError, match="'consistency', 'entropy'"):
        get(spec, "unlabelled")


def test_they_are_no_losses_of_labels():
    with pytest.raises(LossTargetError, match="'cross_entropy'"):
        get("consistency", "classification")
    with pytest.raises(LossTargetError, match="agree in family"):
        CrossEntropy() + Entropy()


def test_a_sum_says_at_once_that_it_cannot_be_or_is_one_of_these_losses():
    try:
        both = Consistency() + Entropy()
    except LossTargetError:
        return
    assert both.family == "unlabelled"


ALL_KINDS = [
    pytest.param(cls(), task, id=f"{name}-{task.kind}")
    for name, cls in sorted(Loss.registry["classification"].items())
    for task in (BINARY, THREE)
    if cls().has_probabilities and task.kind in cls.kinds
]


@pytest.mark.parametrize(("loss", "task"), ALL_KINDS)
def test_every_loss_sees_its_own_rows_alone(loss, task):
    known, y = LABELLED > 0, columns_of(task)
    own, weight = y[known, : task.size], WEIGHT[known]
    loss = loss.bind(loss.measure(task, own, weight))
    raw = RNG.normal(size=(N, loss.n_raw(task)))
    whole = tf.Variable(raw)
    with tf.GradientTape() as tape:
        both = WithUnlabelled(loss, Entropy(weight=0.0))
        value = both.batch_value(task, tf.constant(y), whole + 0, tf.constant(WEIGHT))
    slope = tf.convert_to_tensor(tape.gradient(value, whole)).numpy()
    part = tf.Variable(raw[known])
    with tf.GradientTape() as tape:
        alone = loss.batch_value(task, tf.constant(own), part + 0, tf.constant(weight))
    assert float(value) == pytest.approx(float(alone), rel=1e-9)
    np.testing.assert_allclose(slope[known], tape.gradient(alone, part), atol=1e-12)
    assert (slope[~known] == 0).all()
