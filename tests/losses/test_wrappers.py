"""Losses made of losses: what holds for all, and other means over the batch."""

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from sklearn.base import clone

import skloss.losses
from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.exceptions import LossTargetError
from skloss.losses import (
    AbsoluteError,
    CrossEntropy,
    CustomRegressionLoss,
    CVaR,
    Focal,
    GaussianNLL,
    Hinge,
    Huber,
    NegativeBinomial,
    PerTarget,
    Poisson,
    Quantile,
    SquaredError,
    StudentTNLL,
    Task,
    Tilted,
    Trimmed,
    UncertaintyWeighted,
    get,
)

RNG = np.random.default_rng(7)
TWO = Task("regression", 2)
Y = RNG.normal(size=(40, 2))
RAW = RNG.normal(size=(40, 2))
WEIGHT = RNG.uniform(0.2, 2.0, 40)

WRAPPED = [
    CVaR(CrossEntropy()),
    CVaR(Focal(gamma=3.0), alpha=0.3),
    CVaR(Huber()),
    Trimmed(Hinge()),
    Trimmed(Quantile(quantile=(0.1, 0.9)), fraction=0.25),
    Tilted(GaussianNLL(), t=-0.5),
    Tilted(CrossEntropy(label_smoothing=0.1) + 0.5 * Focal()),
    PerTarget([Huber(delta=0.5), Poisson()]),
    PerTarget([GaussianNLL(), NegativeBinomial(), StudentTNLL(df=3.0)], (1.0, 2, 0.0)),
    PerTarget([CVaR(Huber()), SquaredError() + 0.5 * AbsoluteError()]),
    UncertaintyWeighted(Huber()),
    UncertaintyWeighted(PerTarget([Huber(delta=0.5), SquaredError()])),
    CVaR(UncertaintyWeighted(SquaredError())),
]
every = pytest.mark.parametrize("loss", WRAPPED, ids=repr)


def first_of_each():
    """Return the losses, of which the first of each kind of wrapper is quick."""
    firsts = {type(loss): loss for loss in reversed(WRAPPED)}.values()
    return [
        pytest.param(loss, marks=() if loss in firsts else pytest.mark.slow)
        for loss in WRAPPED
    ]


def batch(loss, y=Y, raw=RAW, weight=WEIGHT, task=TWO):
    arrays = [tf.constant(a, tf.float64) for a in (y, raw, weight)]
    return float(loss.batch_value(task, *arrays))


def numbers_and_task(loss):
    """Return a target of the right kind, raw outputs and the task."""
    if loss.family == "classification":
        y, task = np.eye(3)[np.arange(30) % 3], Task("multiclass", 3)
    else:
        size = len(loss.target_scaling) if isinstance(loss.target_scaling, tuple) else 2
        y, task = RNG.poisson(3.0, (30, size)).astype(float), Task("regression", size)
    return y, 0.4 * RNG.normal(size=(30, loss.n_raw(task))), task


# -- value objects -------------------------------------------------------------------


@every
def test_is_a_value(loss):
    loss.check()
    assert get(loss, loss.family) is loss
    twins = [
        eval(repr(loss), vars(skloss.losses).copy()),
        clone(loss),
        copy.deepcopy(loss),
        pickle.loads(pickle.dumps(loss)),
        type(loss)(**loss.get_params(deep=False)),
    ]
    for twin in twins:
        assert twin is not loss
        assert twin == loss
        assert hash(twin) == hash(loss)
        assert repr(twin) == repr(loss)
        assert twin.structure() == loss.structure()
        assert twin.knobs() == loss.knobs()
    assert all(loss != other for other in WRAPPED if other is not loss)
    for name in loss.knobs():
        assert loss.get_params()[name] == loss.knobs()[name]
    bound = loss.bind(dict.fromkeys(loss.knobs(), 0.2))
    assert set(bound.knobs().values()) <= {0.2}
    for name, (low, high, _) in loss.search_space.items():
        for end in (low, high):
            clone(loss).set_params(**{name: end}).check()
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        clone(loss).set_params(nonsense=1)


def test_nested_names():
    loss = CVaR(Focal(), alpha=0.2).set_params(loss__gamma=4.0, alpha=0.5)
    assert loss == CVaR(Focal(gamma=4.0), alpha=0.5)
    assert loss.get_params()["loss__gamma"] == 4.0
    assert loss.set_params(loss=Hinge()) == CVaR(Hinge(), alpha=0.5)
    assert repr(loss) == "CVaR(loss=Hinge(), alpha=0.5)"
    several = PerTarget([Huber(), Quantile(), Huber()])
    several.set_params(target_2__delta=0.3, target_1=SquaredError(), weights=(1, 2, 3))
    assert several == PerTarget([Huber(), SquaredError(), Huber(0.3)], (1, 2, 3))
    with pytest.raises(ValueError, match="Did you mean 'delta'"):
        several.set_params(target_2__delt=3)
    with pytest.raises(ValueError, match="target_3"):
        several.set_params(target_3__delta=3)
    deep = UncertaintyWeighted(several).set_params(loss__target_0__delta=9.0)
    assert deep.loss.losses[0] == Huber(delta=9.0)
    net = LossAwareRegressor(deep).set_params(loss__loss__target_0__delta=2.0)
    assert net.get_params()["loss__loss__target_0__delta"] == 2.0


def test_set_params_leaves_a_shared_loss_of_a_target_alone():
    shared = Huber()
    loss = PerTarget([shared, shared]).set_params(target_0__delta=0.1)
    assert shared.delta == 1.345
    assert [x.delta for x in loss.losses] == [0.1, 1.345]


@pytest.mark.parametrize("loss", first_of_each(), ids=repr)
def test_population_equals_one_by_one(loss):
    y, raw, task = numbers_and_task(loss)
    raws = np.stack([raw, raw[::-1], 0.5 * raw])
    factors = np.array([1.0, 0.9, 0.8])
    knobs = {
        name: tf.constant(np.multiply.outer(factors, np.asarray(value, float)))
        for name, value in loss.knobs().items()
    }
    weight = RNG.uniform(0.5, 1.5, 30)

    def one(arguments):
        z, own = arguments
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = loss.bind(own).batch_value(
                task, tf.constant(y), z, tf.constant(weight)
            )
        return value, tape.gradient(value, z)

    mapped = tf.function(lambda z, k: tf.vectorized_map(one, (z, k)))
    totals, gradients = mapped(tf.constant(raws), knobs)
    for i, factor in enumerate(factors):
        own = {k: factor * np.asarray(v) for k, v in loss.knobs().items()}
        total, gradient = one((tf.constant(raws[i]), own))
        assert float(totals[i]) == pytest.approx(float(total), rel=1e-12)
        np.testing.assert_allclose(gradients[i], gradient, rtol=1e-10, atol=1e-12)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_is_finite_far_out_and_the_slope_near(loss, dtype):
    y, raw, task = numbers_and_task(loss)
    weight = np.where(np.arange(30) == 4, 0.0, 1.0)

    def slope(raw):
        raw = tf.constant(raw, dtype)
        with tf.GradientTape() as tape:
            tape.watch(raw)
            value = loss.batch_value(
                task, tf.constant(y, dtype), raw, tf.constant(weight, dtype)
            )
        return value.numpy(), tape.gradient(value, raw).numpy()

    for scale in (1e4, -1e4, 100.0, 0.0):
        value, gradient = slope(scale * np.sign(raw))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    if dtype == "float64":
        _, gradient = slope(raw)
        for index in [(0, 0), (7, -1), (29, 1)]:
            up, down = raw.copy(), raw.copy()
            up[index] += 1e-6
            down[index] -= 1e-6
            numeric = (slope(up)[0] - slope(down)[0]) / 2e-6
            assert gradient[index] == pytest.approx(numeric, rel=1e-5, abs=1e-7)


@every
def test_value_is_proportional_to_the_weight_and_no_weight_is_no_row(loss):
    y, raw, task = numbers_and_task(loss)
    weight = RNG.uniform(0.5, 1.5, 30)
    value = batch(loss, y, raw, weight, task)
    assert batch(loss, y, raw, 7 * weight, task) == pytest.approx(7 * value)
    weight[3] = 0
    rest = np.arange(30) != 3
    assert batch(loss, y, raw, weight, task) == pytest.approx(
        batch(loss, y[rest], raw[rest], weight[rest], task)
    )


# -- other means over the batch ------------------------------------------------------


def values():
    return SquaredError().rowwise(TWO, tf.constant(Y), tf.constant(RAW)).numpy()


def mean_of(loss, weight=WEIGHT):
    return batch(loss, weight=weight) / weight.sum()


@pytest.mark.parametrize("alpha", [0.03, 0.1, 0.37, 1.0])
def test_cvar_is_the_minimum_of_rockafellar_and_uryasev(alpha):
    v = values()
    # min over c of c + E[max(v - c, 0)] / alpha is reached at one of the values
    expected = min(
        c + np.average(np.maximum(v - c, 0), weights=WEIGHT) / alpha for c in v
    )
    assert mean_of(CVaR(SquaredError(), alpha)) == pytest.approx(expected, rel=1e-12)


def test_equal_weights_are_a_mean_over_sorted_rows():
    v, ones = np.sort(values()), np.ones(40)
    assert mean_of(CVaR(SquaredError(), 0.1), ones) == pytest.approx(v[-4:].mean())
    assert mean_of(Trimmed(SquaredError(), 0.1), ones) == pytest.approx(v[:-4].mean())
    assert mean_of(Trimmed(SquaredError(), 0.0)) == pytest.approx(
        np.average(values(), weights=WEIGHT)
    )


def test_the_worst_and_the_best_share_are_the_whole():
    whole = np.average(values(), weights=WEIGHT)
    worst, best = (
        mean_of(CVaR(SquaredError(), 0.3)),
        mean_of(Trimmed(SquaredError(), 0.3)),
    )
    assert 0.3 * worst + 0.7 * best == pytest.approx(whole)


@pytest.mark.parametrize(
    "loss", [CVaR(Huber(), 0.3), Trimmed(Huber(), 0.3), Tilted(Huber())]
)
def test_weights_are_repeated_rows(loss):
    times = RNG.integers(1, 4, 40)
    again = np.repeat(np.arange(40), times)
    assert batch(loss, weight=times.astype(float)) == pytest.approx(
        batch(loss, Y[again], RAW[again], np.ones(len(again)))
    )


@pytest.mark.parametrize("t", [-3.0, -0.1, 1e-3, 0.5, 4.0])
def test_tilted_is_a_log_of_a_mean_of_exponentials(t):
    share = WEIGHT / WEIGHT.sum()
    expected = logsumexp(t * values(), b=share) / t
    assert mean_of(Tilted(SquaredError(), t)) == pytest.approx(expected, rel=1e-10)


def test_limits_of_tilting():
    v = values()
    mean = np.average(v, weights=WEIGHT)
    assert mean_of(Tilted(SquaredError(), 0.0)) == pytest.approx(mean, rel=1e-5)
    assert mean_of(Tilted(SquaredError(), 1e3)) == pytest.approx(v.max(), rel=1e-2)
    assert mean_of(Tilted(SquaredError(), -1e3)) == pytest.approx(v.min(), abs=1e-2)
    small = [tf.constant(a, tf.float32) for a in (Y, RAW, WEIGHT)]
    for t in (1e-6, 1e-4, 1e-2):
        single = Tilted(SquaredError(), t).batch_value(TWO, *small)
        assert float(single) == pytest.approx(
            batch(Tilted(SquaredError(), t)), rel=1e-5
        )


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [CVaR, Trimmed, Tilted])
def test_reductions_claim_nothing(wrap):
    X = RNG.normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    net = LossAwareClassifier(wrap(CrossEntropy()), epochs=30, random_state=0)
    net.fit(X, y)
    assert not wrap(CrossEntropy()).has_probabilities
    assert not hasattr(net, "predict_proba")
    assert net.score(X, y) > 0.8
    for loss in (GaussianNLL(), Quantile((0.05, 0.5, 0.95))):
        net = LossAwareRegressor(wrap(loss), epochs=2, random_state=0).fit(X, X[:, 0])
        assert net.predict(X).shape == (60,)
        for method in ("predict_dist", "predict_quantiles", "predict_interval"):
            assert not hasattr(net, method)
    both = 0.5 * wrap(CrossEntropy()) + CrossEntropy()
    assert not both.has_probabilities
    assert not both.decomposable


def test_a_sum_with_a_reduction_adds_batch_values():
    loss = 0.5 * CVaR(SquaredError(), 0.2) + 2.0 * Huber()
    expected = 0.5 * batch(CVaR(SquaredError(), 0.2)) + 2 * batch(Huber())
    assert batch(loss) == pytest.approx(expected, rel=1e-12)
    assert loss.set_params(cvar__alpha=0.4, cvar__loss=Huber()).knobs() == {
        "cvar__weight": 0.5,
        "cvar__alpha": 0.4,
        "cvar__loss__delta": 1.345,
        "huber__weight": 2.0,
        "huber__delta": 1.345,
    }


@pytest.mark.slow
def test_trimming_resists_outliers_and_cvar_does_not():
    X = np.linspace(-1, 1, 400)[:, None]
    y = 3 * X[:, 0] + 0.1 * RNG.normal(size=400)
    spoilt = np.where(np.arange(400) % 10 == 0, 60.0, y)
    make = {"network": (), "epochs": 150, "learning_rate": 0.05, "random_state": 0}
    error = {
        loss: abs(LossAwareRegressor(loss, **make).fit(X, spoilt).predict(X) - y).mean()
        for loss in (
            SquaredError(),
            Trimmed(SquaredError(), 0.15),
            CVaR(SquaredError()),
        )
    }
    plain, trimmed, worst = error.values()
    assert trimmed < 0.2 * plain
    assert plain < worst


# -- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "error", "text"),
    [
        (PerTarget([]), ValueError, r"losses=\[\] is empty"),
        (PerTarget(["huber"]), TypeError, "must hold objects such as Huber"),
        (PerTarget([Huber()], (1.0, 2.0)), ValueError, "must be 1 finite numbers >= 0"),
        (PerTarget([Huber()], (-1.0,)), ValueError, "finite numbers >= 0, one for"),
        (PerTarget([Huber()], (0.0,)), ValueError, "not all zero"),
        (PerTarget([Huber(delta=-1)]), ValueError, "delta=-1"),
        (CVaR("focal"), TypeError, "loss='focal' must be an object such as Huber"),
        (CVaR(Huber(), alpha=0), ValueError, r"CVaR: alpha=0 must be in \(0, 1\]"),
        (Trimmed(Huber(), 1.0), ValueError, r"fraction=1.0 must be in \[0, 1\)"),
        (Tilted(Huber(), float("inf")), ValueError, "t=inf must be a finite number"),
        (Tilted(Huber(delta=-1)), ValueError, "delta=-1"),
        (CVaR(Trimmed(Huber())), LossTargetError, "has no value for each row"),
        (UncertaintyWeighted("mse"), TypeError, "must be an object"),
        (UncertaintyWeighted(Hinge()), LossTargetError, "is for classification"),
        (UncertaintyWeighted(GaussianNLL()), LossTargetError, "can be negative"),
        (UncertaintyWeighted(PerTarget([Poisson()])), LossTargetError, "be negative"),
        (UncertaintyWeighted(CVaR(Huber())), LossTargetError, "no value for each"),
        (UncertaintyWeighted(CustomRegressionLoss(abs)), LossTargetError, "subclass"),
    ],
)
def test_wrong_parts(loss, error, text):
    with pytest.raises(error, match=text):
        get(loss, "regression")


def test_wrong_task():
    with pytest.raises(LossTargetError, match="is for classification, this estimator"):
        get(CVaR(CrossEntropy()), "regression")
    with pytest.raises(LossTargetError, match="is for regression, this estimator"):
        get(PerTarget([Huber()]), "classification")
