"""What losses claim of themselves is true: far out, of convexity, of what they find."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import TASKS, instances, marks_of, ready, targets
from scipy import stats

from skloss.losses import (
    ForwardCorrection,
    Hinge,
    HLGauss,
    Huber,
    LeeLinWahba,
    Quantile,
    SmoothQuantile,
    SquaredError,
    Task,
    Tilted,
    Trimmed,
)

CASES = [
    pytest.param(ready(x, TASKS[kind]), TASKS[kind], id=f"{x!r}-{kind}", marks=m)
    for x in instances()
    for kind in x.kinds
    for m in [marks_of(x, TASKS[kind])]
]
every_case = pytest.mark.parametrize(("loss", "task"), CASES)
GAPS = (20.0, 60.0, 80.0, 150.0, 300.0)

# Their formula levels off where a row is far on the wrong side: what they are for.
BOUNDED = (
    "absolute_error gce brier spherical rps nce_rce savage tangent bi_tempered "
    "forward_correction asymmetric_loss"
).split()
# They go on rising, ever more slowly, or stop.
REDESCENDING = "barron cauchy geman_mcclure tukey student_t_nll evidential_nig".split()
# From a scale of their own, that a residual widens: the slope along it is no measure.
SCALED = (
    "gaussian_nll beta_nll laplace_nll log_normal_nll crps crps_laplace crps_logistic "
    "mixture_density negative_binomial zero_inflated_poisson beta_likelihood"
).split()


def slopes(loss, task, y, raw, dtype="float32"):
    """Return the gradient of each row's own value."""
    raw = tf.constant(raw, dtype)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        total = tf.reduce_sum(loss.rowwise(task, tf.constant(y, dtype), raw))
    return tape.gradient(total, raw).numpy().astype(float)


def levels_off(loss):
    """Tell whether the formula has no slope far out."""
    if loss == ForwardCorrection():
        return False  # cross-entropy
    family = loss.family == "classification"
    return loss.name in (BOUNDED if family else [*REDESCENDING, *SCALED])


@pytest.mark.parametrize(
    ("loss", "task"),
    [
        case
        for case in CASES
        if case.values[0].decomposable and not levels_off(case.values[0])
    ],
)
def test_slope_does_not_vanish_far_on_the_wrong_side(loss, task):
    """Each row is taken the steepest way up from the best constant."""
    y = targets(loss, task, 8, np.random.default_rng(5))
    start = np.tile(np.asarray(loss.best_constant(task, y, np.ones(8))), (8, 1))
    first = slopes(loss, task, y, start)
    steepest = np.linalg.norm(first, axis=1)
    rises = steepest > 1e-3
    assert rises.any()
    start, way = start[rises], first[rises] / steepest[rises, None]
    for gap in GAPS:
        along = (slopes(loss, task, y[rises], start + gap * way) * way).sum(1)
        least = 0.999 if loss.convex else 0.03
        assert (along >= least * steepest[rises]).all(), gap


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transition", [0.0, ((1.0, 0.0), (0.0, 1.0))], ids=str)
def test_correcting_nothing_is_cross_entropy_however_far_out(transition, dtype):
    task = Task("multiclass", 2)
    y, gaps = np.tile([[1.0, 0.0]], (5, 1)), np.array(GAPS)
    raw = np.stack([np.zeros(5), gaps], axis=1)
    loss = ForwardCorrection(transition)
    value = loss.rowwise(task, tf.constant(y, dtype), tf.constant(raw, dtype))
    np.testing.assert_allclose(value, np.logaddexp(0, gaps), rtol=1e-6)
    ours = slopes(loss, task, y, raw, dtype)
    np.testing.assert_allclose(ours, np.tile([[-1.0, 1.0]], (5, 1)), rtol=1e-6)


def test_a_rate_levels_off_at_its_logarithm():
    # -log((1 - r) v_y + r / (K - 1) (1 - v_y)) goes to -log(r / (K - 1))
    y, raw = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 300.0, 0.0]])
    value = ForwardCorrection(0.2).rowwise(Task("multiclass", 3), y, raw)
    assert float(value[0]) == pytest.approx(-np.log(0.1), rel=1e-12)


@every_case
def test_convex_losses_lie_below_their_chords(loss, task):
    if loss.convex:
        below_chords(loss, task)


COMPOSITES = [
    Tilted(Huber(), t=1.0),
    0.5 * SquaredError() + 0.5 * Huber(),
    Quantile(),
    SmoothQuantile(0.2),
]


def below_chords(loss, task):
    rng = np.random.default_rng(1)
    y, weight = targets(loss, task, 4, rng), tf.ones(4, tf.float64)

    def value(raw):
        return float(loss.batch_value(task, tf.constant(y), tf.constant(raw), weight))

    for size in np.repeat([0.1, 0.5, 2.0, 6.0, 20.0], 6):
        a, b = size * rng.normal(size=(2, 4, loss.n_raw(task)))
        middle, chord = value((a + b) / 2), (value(a) + value(b)) / 2
        assert middle <= chord + 1e-9 * (1 + abs(chord))


@pytest.mark.parametrize("loss", COMPOSITES, ids=repr)
def test_convex_losses_of_others(loss):
    assert loss.convex
    below_chords(loss, TASKS["regression"])


@pytest.mark.parametrize("cls", [Quantile, SmoothQuantile])
def test_several_quantiles_are_not_convex_in_their_gaps(cls):
    """Far below the levels the value falls with a gap, and softplus bends upwards."""
    loss, task = cls((0.1, 0.5, 0.9)), Task("regression", 1)
    assert not loss.convex
    ends = np.array([[0.0, 0.0, -3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    low, high, middle = loss.rowwise(task, np.full((3, 1), 50.0), ends).numpy()
    softplus = np.log1p(np.exp([-3.0, 3.0, 0.0]))
    assert middle - (low + high) / 2 == pytest.approx(
        0.9 / 3 * (softplus[:2].mean() - softplus[2]), rel=1e-6
    )
    assert middle > (low + high) / 2


@pytest.mark.parametrize("t", [-1.0, 0.5])
def test_tilting_away_from_rows_and_trimming_are_not_convex(t):
    assert Tilted(SquaredError(), t).convex is (t > 0)
    assert not Trimmed(SquaredError()).convex


# -- what is elicited ----------------------------------------------------------------

NO_MAJORITY = np.array([0.4, 0.35, 0.25])


@pytest.mark.parametrize(
    "loss",
    [x for x in instances() if "most probable class" in x.elicits and x == type(x)()],
    ids=repr,
)
def test_most_probable_class_where_none_has_the_majority(loss):
    best = np.asarray(loss.constant_for(Task("multiclass", 3), NO_MAJORITY))
    alone = (best >= best.max() - 1e-9).sum() == 1 and best.argmax() == 0
    assert alone is np.bool_(loss.elicits == "most probable class")


def test_hinge_ties_all_classes_where_none_has_the_majority():
    # each score by itself: eta_k (1 - f)+ + (1 - eta_k) (1 + f)+ is least at -1
    task, eta = Task("multiclass", 3), tf.constant(NO_MAJORITY)

    def risk(scores, loss):
        rows = tf.tile(tf.constant([scores], tf.float64), (3, 1))
        return float(loss.batch_value(task, tf.eye(3, dtype=tf.float64), rows, eta))

    assert risk([-1.0, -1.0, -1.0], Hinge()) == pytest.approx(2 * (0.4 + 0.35 + 0.25))
    for scores in np.array(np.meshgrid(*[[-1.0, -0.5, 0.0, 1.0]] * 3)).reshape(3, -1).T:
        assert risk(scores, Hinge()) >= 2.0 - 1e-12
    first, tie = [1.0, -0.5, -0.5], [0.0, 0.0, 0.0]
    assert risk(first, LeeLinWahba()) < risk(tie, LeeLinWahba())


@pytest.mark.parametrize("bins", [10, 32, 100])
@pytest.mark.parametrize("sigma", [0.5, 0.75, 1.0, 1.5])
def test_the_mean_of_a_histogram_is_the_target(bins, sigma):
    """The bias of a normal distribution cut into bins, by SciPy's own."""
    width = 4 / (bins - 6 * sigma)
    edges = -2 + width * (np.arange(bins + 1) - 3 * sigma)
    y = np.linspace(-2, 2, 1001)
    mass = np.diff(stats.norm.cdf(edges, y[:, None], sigma * width), axis=1)
    mean = (mass / mass.sum(axis=1, keepdims=True)) @ (edges[1:] + edges[:-1]) / 2
    loss = HLGauss(bins, sigma).bind({"low_": np.array([-2.0]), "high_": np.array([2])})
    loss.check()
    raw = np.log(np.maximum(loss.masses(y[:, None], "float64"), 1e-300))
    np.testing.assert_allclose(np.asarray(loss.point(raw))[:, 0], mean, atol=1e-9)
    assert (abs(mean - y) <= (0.003 + 0.005 * sigma) * width).all()
    inside = abs(y) < 2 - 3 * sigma * width
    assert (abs(mean - y)[inside] <= 0.003 * width).all()


def test_a_histogram_of_single_bins_is_refused():
    with pytest.raises(ValueError, match=r"sigma=0.1 must be at least 0.5.*More bins"):
        HLGauss(sigma=0.1).check()
