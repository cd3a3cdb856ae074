"""What must hold for every registered loss, each at several settings of its knobs."""

import copy
import itertools
import pickle

import numpy as np
import pytest
import tensorflow as tf
from catalogue import (
    MORE_SETTINGS,
    QUICK,
    TASKS,
    instances,
    marks_of,
    own_classes,
    ready,
    settings_of,
    targets,
)
from scipy.optimize import minimize
from sklearn.base import clone

import skloss.losses
from skloss.exceptions import LossTargetError
from skloss.losses import Task

CLASSES, LOSSES = own_classes(), instances()
CASES = [(ready(x, TASKS[kind]), TASKS[kind]) for x in LOSSES for kind in x.kinds]

every_loss = pytest.mark.parametrize(
    "loss", [pytest.param(x, id=repr(x), marks=marks_of(x)) for x in LOSSES]
)


def cases(of=None, chosen=lambda loss: True):
    """Return the mark for one test a case, quick where ``marks_of`` says so."""
    marked = [
        pytest.param(x, t, id=f"{x!r}-{t.kind}", marks=marks_of(x, t, of))
        for x, t in CASES
        if chosen(x)
    ]
    return pytest.mark.parametrize(("loss", "task"), marked)


every_case = cases()


def problem(loss, task, n=6, seed=0):
    """Return y, raw scores away from any symmetry, and weights."""
    rng = np.random.default_rng(seed)
    y = targets(loss, task, n, rng)
    raw = 0.2 + 1.3 * rng.normal(size=(n, loss.n_raw(task)))
    return y, raw, rng.uniform(0.3, 2.0, n)


def value(loss, task, y, raw, weight, dtype="float64"):
    arrays = [tf.constant(a, dtype) for a in (y, raw, weight)]
    return loss.batch_value(task, *arrays)


def slope(loss, task, y, raw, weight, dtype="float64"):
    """Return value and gradient by automatic differentiation."""
    raw = tf.constant(raw, dtype)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        total = loss.batch_value(
            task, tf.constant(y, dtype), raw, tf.constant(weight, dtype)
        )
    assert total.dtype == dtype
    assert total.shape == ()
    return total.numpy(), tape.gradient(total, raw).numpy()


def rises(loss, task, y, raw, weight, directions, h=1e-5):
    """Return the slope along each direction, by central differences."""
    return np.array(
        [
            value(loss, task, y, raw + h * d, weight)
            - value(loss, task, y, raw - h * d, weight)
            for d in directions
        ]
    ) / (2 * h)


def directions(loss, raw):
    """Return each coordinate for a few kinds of losses, three of no symmetry for all.

    What is wrong in any coordinate is wrong along each of the three; the coordinates
    say which.
    """
    found = list(np.random.default_rng(9).normal(size=(3, *raw.shape)))
    if loss.name in QUICK:
        found += list(np.eye(raw.size).reshape(-1, *raw.shape))
    return found


def test_every_knob_has_settings():
    for cls in CLASSES:
        if not cls._defaults():
            continue
        settings = settings_of(cls)
        enough = 2 if cls().knobs() else 1  # a choice may have one other value
        assert len(settings) >= enough, f"add settings for {cls.__name__}"
        touched = set().union(*settings)
        assert touched == set(cls._defaults()), f"{cls.__name__}: {touched}"
        for setting in settings:
            assert cls(**setting) != cls()


def test_every_registered_loss_is_exported():
    assert {cls.__name__ for cls in CLASSES} <= set(skloss.losses.__all__)
    assert set(MORE_SETTINGS) <= {cls.__name__ for cls in CLASSES}


@every_loss
def test_facts(loss):
    assert loss.formula
    assert loss.source
    assert loss.elicits != "nothing known"
    assert loss.proper in ("strict", "link", "order", "none")
    assert loss.gradient_growth in ("bounded", "linear", "exponential")
    for knob, (low, high, scale) in loss.search_space.items():
        assert knob in loss.knobs()
        assert low < high
        assert scale in ("linear", "log")
        type(loss)(**{knob: low}).check()
        type(loss)(**{knob: high}).check()


@cases(chosen=lambda loss: loss.name != "beta_nll")  # it weights its gradient
def test_gradient_is_the_slope(loss, task):
    y, raw, weight = problem(loss, task)
    along = directions(loss, raw)
    numeric = rises(loss, task, y, raw, weight, along)
    size = np.abs(numeric).max()
    for dtype, rtol, atol in (("float64", 1e-6, 1e-7), ("float32", 1e-3, 1e-5)):
        _, gradient = slope(loss, task, y, raw, weight, dtype)
        along_it = [np.sum(gradient.astype(float) * d) for d in along]
        np.testing.assert_allclose(along_it, numeric, rtol=rtol, atol=atol * size)


@every_case
def test_float32_agrees_with_float64(loss, task):
    y, raw, weight = problem(loss, task, n=40, seed=1)
    y, raw, weight = (np.float32(a).astype(float) for a in (y, raw, weight))
    double, gradient = slope(loss, task, y, raw, weight)
    single, gradient32 = slope(loss, task, y, raw, weight, "float32")
    assert single == pytest.approx(double, rel=1e-5)
    size = np.abs(gradient).max()
    np.testing.assert_allclose(gradient32, gradient, rtol=1e-5, atol=1e-6 * size)


@every_case
def test_finite_far_out(loss, task):
    width = loss.n_raw(task)
    signs = np.array(list(itertools.product([-1e4, 1e4, 0.0], repeat=min(width, 4))))
    signs = np.concatenate([signs, -signs], axis=1)
    raw = np.tile(signs, -(-width // signs.shape[1]))[:, :width]
    rng = np.random.default_rng(0)
    # +-1e4, 100, 20 and next to 0, each with every class
    raw = np.concatenate([scale * raw for scale in (1.0, 1e-2, 2e-3, 1e-8)])
    y = targets(loss, task, len(raw), rng)
    turns = range(task.size if task.kind == "multiclass" else 2)
    y = np.concatenate([np.roll(y, turn, axis=0) for turn in turns])
    raw = np.tile(raw, (len(turns), 1))
    for dtype in ("float32", "float64"):
        total, gradient = slope(loss, task, y, raw, np.ones(len(raw)), dtype)
        assert np.isfinite(total), dtype
        assert np.isfinite(gradient).all(), dtype


@cases(chosen=lambda loss: loss.decomposable)
def test_weights_multiply(loss, task):
    y, raw, weight = problem(loss, task)
    rows = [
        float(value(loss, task, y[i : i + 1], raw[i : i + 1], [1.0]))
        for i in range(len(y))
    ]
    assert float(value(loss, task, y, raw, weight)) == pytest.approx(
        np.dot(weight, rows), rel=1e-12
    )
    without = np.where(np.arange(len(y)) == 2, 0.0, weight)
    assert float(value(loss, task, y, raw, without)) == pytest.approx(
        np.dot(without, rows), rel=1e-12
    )


def constant_objective(loss, task, y, weight):
    """Return the total value as a function of constant raw outputs, compiled."""
    y, weight = tf.constant(y), tf.constant(weight / weight.sum())

    signature = [tf.TensorSpec([loss.n_raw(task)], tf.float64)]

    @tf.function(input_signature=signature, autograph=False)
    def total(z):
        return loss.batch_value(task, y, tf.tile(z[None], (len(y), 1)), weight)

    return lambda z: float(total(tf.constant(z)))


def attains_its_minimum(loss):
    """Tell whether a loss has a best constant, and starts from it."""
    if loss.name in ("mixture_density", "evidential_nig"):
        return False  # the minimum is degenerate: it starts from elsewhere
    endless = loss.name in ("absolute_error", "nce_rce", "tversky")
    return loss.family == "regression" or not endless


@cases(QUICK, attains_its_minimum)
def test_best_constant_is_the_minimiser(loss, task):
    assert_best_constant(loss, task, majority=True)


@cases(QUICK, lambda loss: attains_its_minimum(loss) and loss.proper == "order")
def test_best_constant_without_a_majority(loss, task):
    """Only losses for the most probable class depend on one."""
    assert_best_constant(loss, task, majority=False)


def assert_best_constant(loss, task, majority):
    if task.kind == "multiclass":
        task = Task("multiclass", 3)
        loss = ready(loss, task)
    y, _, weight = problem(loss, task, n=8, seed=3)
    if majority and loss.family == "classification":  # hinge losses go by it
        weight = np.where(np.arange(len(y)) == 1, 6.0, weight)
    best = np.asarray(loss.best_constant(task, y, weight))
    assert best.shape == (loss.n_raw(task),)
    total = constant_objective(loss, task, y, weight)
    reached = total(best)
    for start in (best, np.full(len(best), 0.1)):
        simplex = np.vstack([start, start + 0.3 * np.eye(len(start))])
        found = minimize(
            total,
            start,
            method="Nelder-Mead",
            options={
                "initial_simplex": simplex,
                "xatol": 1e-6,
                "fatol": 1e-11,
                "maxfev": 80 * len(start),
            },
        )
        assert reached <= found.fun + 1e-7 * max(1.0, abs(found.fun))
        if len(best) == 1:
            assert reached == pytest.approx(found.fun, rel=1e-6, abs=1e-6)


@cases(QUICK)
def test_weights_are_repeated_rows(loss, task):
    y, _, _ = problem(loss, task, n=8, seed=4)
    times = np.array([1, 3, 2, 1, 1, 9, 1, 2])
    weighted = loss.best_constant(task, y, times.astype(float))
    repeated = loss.best_constant(
        task, np.repeat(y, times, axis=0), np.ones(times.sum())
    )
    np.testing.assert_allclose(weighted, repeated, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        loss.best_constant(task, y, None),
        loss.best_constant(task, y, np.ones(len(y))),
        rtol=1e-5,
        atol=1e-5,
    )
    unlike = loss.best_constant(task, y, np.ones(len(y)))
    if loss.proper == "strict" and loss == type(loss)():
        assert not np.allclose(weighted, unlike)


@every_loss
def test_is_a_value(loss):
    others = [x for x in LOSSES if x is not loss]
    assert all(loss != other for other in others)
    copies = [
        eval(repr(loss), vars(skloss.losses).copy()),
        clone(loss),
        copy.deepcopy(loss),
        pickle.loads(pickle.dumps(loss)),
        type(loss)(**loss.get_params()),
        type(loss)().set_params(**loss.get_params()),
    ]
    for twin in copies:
        assert twin is not loss
        assert twin == loss
        assert hash(twin) == hash(loss)
        assert repr(twin) == repr(loss)
        assert twin.structure() == loss.structure()
        assert hash(twin.structure()) == hash(loss.structure())
    loss.check()
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        clone(loss).set_params(nonsense=1)


def populations():
    """Return parameters: lists of at least three settings of one structure."""
    groups = {}
    for loss in LOSSES:
        if loss.knobs():
            groups.setdefault(loss.structure(), []).append(loss)
    return [
        pytest.param(
            group, id=repr(group[0]), marks=marks_of(group[0], of=(*QUICK, "huber"))
        )
        for group in groups.values()
    ]


@pytest.mark.parametrize("group", populations())
def test_population_equals_one_by_one(group):
    assert len(group) >= 3, f"add settings that share the structure of {group}"
    for kind in group[0].kinds:
        task = TASKS[kind]
        group = [ready(loss, task) for loss in group]
        y, raw, weight = problem(group[0], task)
        raws = np.stack([raw, raw[::-1] - 0.1, 0.5 * raw])
        knobs = {
            name: tf.constant([x.knobs()[name] for x in group[:3]], tf.float64)
            for name in group[0].knobs()
        }

        def one(arguments, task=task, y=y, weight=weight, loss=group[0]):
            z, numbers = arguments
            with tf.GradientTape() as tape:
                tape.watch(z)
                bound = loss.bind(numbers)
                total = bound.batch_value(task, tf.constant(y), z, tf.constant(weight))
            return total, tape.gradient(total, z)

        mapped = tf.function(
            lambda z, k, one=one: tf.vectorized_map(one, (z, k)), autograph=False
        )
        totals, gradients = mapped(tf.constant(raws), knobs)
        for i, loss in enumerate(group[:3]):
            alone, gradient = slope(loss, task, y, raws[i], weight)
            assert float(totals[i]) == pytest.approx(alone, rel=1e-12)
            np.testing.assert_allclose(
                gradients[i].numpy(), gradient, rtol=1e-10, atol=1e-12
            )


@every_loss
def test_bind_leaves_the_original_alone(loss):
    before = repr(loss)
    bound = loss.bind(dict.fromkeys(loss.knobs(), 0.123))
    assert repr(loss) == before
    assert all(v == 0.123 for v in bound.knobs().values())


@pytest.mark.parametrize(
    "loss", [x for x in LOSSES if x.family == "regression"], ids=repr
)
def test_domain_errors_name_value_and_remedy(loss):
    task = TASKS["regression"]
    loss.check_target(task, targets(loss, task, 6, np.random.default_rng(0)))
    bad = np.array([[0.5, 2.0], [-3.5, 1.0]])
    if loss.domain == "real":
        loss.check_target(task, bad)
        return
    with pytest.raises(LossTargetError) as caught:
        loss.check_target(task, bad)
    text = str(caught.value)
    assert repr(loss) in text
    assert "-3.5" in text
    assert "Use a loss for real targets" in text
    assert "'squared_error'" in text


@pytest.mark.parametrize(
    "loss", [x for x in LOSSES if x.family == "regression" and x.nonnegative], ids=repr
)
def test_never_below_zero(loss):
    task = TASKS["regression"]
    loss = ready(loss, task)
    y, raw, _ = problem(loss, task, n=300, seed=8)
    for scale in (0.0, 0.1, 1.0, 10.0):
        z = scale * raw
        if loss.n_outputs == 1 and loss.inverse == "identity":
            z[::3] = y[::3]  # right predictions
        rows = np.asarray(loss.rowwise(task, tf.constant(y), tf.constant(z)))
        assert (rows >= -1e-12).all()


def test_poisson_accepts_zero_and_refuses_negative():
    loss = skloss.losses.Poisson()
    loss.check_target(TASKS["regression"], np.array([[0.0, 2.0]]))
    with pytest.raises(LossTargetError, match=r"y >= 0.*-0\.25"):
        loss.check_target(TASKS["regression"], np.array([[-0.25, 2.0]]))
