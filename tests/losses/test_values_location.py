"""Losses of location, amounts and shares against other implementations."""

import keras
import numpy as np
import pytest
import sklearn._loss as sk
import tensorflow as tf
from scipy.integrate import quad
from scipy.special import logsumexp, pseudo_huber, softmax
from scipy.stats import norm
from sklearn import metrics
from sklearn.linear_model import _sgd_fast as sgd

from skloss import losses
from skloss.estimators._units import measure_target
from skloss.exceptions import LossTargetError
from skloss.losses import (
    Barron,
    Cauchy,
    EpsilonInsensitive,
    Fair,
    Fractional,
    Gamma,
    GemanMcClure,
    HLGauss,
    Huber,
    LogCosh,
    MeanAbsolutePercentage,
    MeanSquaredLogarithmic,
    Poisson,
    PseudoHuber,
    Quantile,
    SmoothQuantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    Task,
    Tukey,
    Tweedie,
)

RNG = np.random.default_rng(5)
N = 50
Y = RNG.normal(size=(N, 1))
F = RNG.normal(size=(N, 1)) * 1.5 + 0.2
R = (Y - F)[:, 0]
AMOUNT = RNG.gamma(2.0, size=(N, 1)) + 0.01
WEIGHT = RNG.uniform(0.2, 3, N)
ONE, TWO = Task("regression", 1), Task("regression", 2)
# The middles of equally likely slices: mean 1.374, median 1.
LOGNORMAL = np.exp(0.8 * norm.ppf((np.arange(20_000) + 0.5) / 20_000))[:, None]


def rows(loss, y, raw):
    """Return the values per row."""
    task = Task("regression", np.shape(y)[1])
    y, raw = tf.constant(y, tf.float64), tf.constant(raw, tf.float64)
    return np.asarray(loss.rowwise(task, y, raw))


def slopes(loss, y, raw):
    """Return the derivatives in the raw outputs, elementwise."""
    raw = tf.constant(raw, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        total = tf.reduce_sum(loss.pointwise(tf.constant(y, tf.float64), raw))
    return tape.gradient(total, raw).numpy()


def close(value, expected, rel=1e-10):
    np.testing.assert_allclose(value, expected, rtol=rel, atol=1e-12)


def measured(loss, y, weight=None):
    """Return the loss with its knobs measured on y."""
    y = np.asarray(y, dtype=float)
    weight = np.ones(len(y)) if weight is None else weight
    return loss.bind(loss.measure(Task("regression", y.shape[1]), y, weight))


# -- robust losses -----------------------------------------------------------------


@pytest.mark.parametrize("delta", [0.3, 1.0, 2.0])
def test_pseudo_huber(delta):
    close(rows(PseudoHuber(delta), Y, F), pseudo_huber(delta, R))
    close(rows(Barron(1.0, delta), Y, F), pseudo_huber(delta, R) / delta**2)


def test_pseudo_huber_does_not_cancel():
    loss = PseudoHuber(2.0)
    value = loss.pointwise(tf.constant([1e-5], tf.float32), tf.zeros(1))
    close(value, 0.5e-10, 1e-6)


@pytest.mark.parametrize("alpha", [-7.5, -2.0, -1.0, 0.5, 1.5, 1.99])
@pytest.mark.parametrize("c", [0.5, 2.0])
def test_barron(alpha, c):
    b = abs(alpha - 2)
    expected = b / alpha * (((R / c) ** 2 / b + 1) ** (alpha / 2) - 1)
    close(rows(Barron(alpha, c), Y, F), expected)


@pytest.mark.parametrize("c", [0.5, 2.0])
def test_limits_of_barron(c):
    square = 0.5 * (R / c) ** 2
    close(rows(Barron(2.0, c), Y, F), square)
    close(rows(Barron(2 - 1e-9, c), Y, F), square, 1e-5)
    for alpha in (0.0, 1e-12, -1e-12):
        close(rows(Barron(alpha, c), Y, F), np.log1p(square))
    near = [rows(Barron(a, c), Y, F) for a in (-1e-3, -1e-5, 1e-5, 1e-3)]
    assert (np.diff(near, axis=0) > 0).all()  # the loss grows with alpha
    close(rows(Barron(-1e6, c), Y, F), -np.expm1(-square), 1e-4)  # Welsch's
    close(rows(Cauchy(c), Y, F), np.log1p(square))
    close(rows(Cauchy(c), Y, F), rows(Barron(0.0, c), Y, F))
    close(rows(GemanMcClure(c), Y, F), rows(Barron(-2.0, c), Y, F))


def test_cauchy_is_that_of_scipy_but_for_the_half():
    # least_squares: rho(z) = log(1 + z) of the squared scaled residual z
    z = (R / 0.7) ** 2
    close(rows(Cauchy(0.7), Y, F), np.log1p(z / 2))


def test_tukey_by_hand():
    # c = 2: 4 / 6 (1 - (1 - 1 / 4)^3) = 37 / 96, and 2 / 3 beyond 2
    y = np.array([[1.0], [2.0], [5.0], [-1e4]])
    value = rows(Tukey(2.0), y, np.zeros((4, 1)))
    close(value, [37 / 96, 2 / 3, 2 / 3, 2 / 3])
    # the slope is -r (1 - (r / c)^2)^2
    close(slopes(Tukey(2.0), y, np.zeros((4, 1)))[:, 0], [-9 / 16, 0, 0, 0])


def test_fair_is_the_integral_of_the_gradient_of_lightgbm():
    for c in (0.4, 1.0):
        expected = [quad(lambda x, c=c: c * x / (c + x), 0, abs(r))[0] for r in R]
        close(rows(Fair(c), Y, F), expected, 1e-8)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.8])
def test_epsilon_insensitive_is_that_of_scikit_learn(epsilon):
    for ours, theirs in (
        (EpsilonInsensitive, sgd.EpsilonInsensitive),
        (SquaredEpsilonInsensitive, sgd.SquaredEpsilonInsensitive),
    ):
        expected = [
            theirs(epsilon).py_loss(f, y) for y, f in zip(Y[:, 0], F[:, 0], strict=True)
        ]
        close(rows(ours(epsilon), Y, F), expected)


def test_smooth_quantile():
    q, h = 0.3, 0.5
    expected = q * R + h * np.log1p(np.exp(-R / h))
    close(rows(SmoothQuantile(q, h), Y, F), expected)
    sharp = rows(SmoothQuantile(q, 1e-4), Y, F)
    close(sharp, sk.PinballLoss(quantile=q).loss(Y[:, 0], F[:, 0]), 1e-6)
    close(rows(SmoothQuantile(q, h), [[1.0]], [[1.0]]), h * np.log(2))
    many = SmoothQuantile((0.1, 0.5, 0.9), 1e-5), Quantile((0.1, 0.5, 0.9))
    raw = RNG.normal(size=(N, 3))
    close(rows(many[0], Y, raw), rows(many[1], Y, raw), 1e-4)


def test_smooth_quantile_elicits_the_quantile_of_a_blurred_target():
    y = np.random.default_rng(0).normal(size=(200_000, 1))
    noise = np.random.default_rng(1).logistic(scale=0.4, size=y.shape)
    for q in (0.1, 0.5, 0.8):
        best = SmoothQuantile(q, 0.4).best_constant(ONE, y, None)
        assert best[0] == pytest.approx(np.quantile(y + noise, q), abs=0.01)
    message = "SmoothQuantile: quantile=.* must increase"
    with pytest.raises(ValueError, match=message):
        SmoothQuantile((0.9, 0.1)).check()
    with pytest.raises(ValueError, match=r"loss=SmoothQuantile\(\(0.1, 0.2\)\)"):
        SmoothQuantile(0.1).predict_quantiles(np.zeros((2, 1)), 0.2)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (Huber(1.0), 1.135),
        (LogCosh(), 1.149),
        (Cauchy(1.0), 1.075),
        (MeanSquaredLogarithmic(), 1.153),
        (MeanAbsolutePercentage(), np.exp(-(0.8**2))),
        (Gamma(), np.exp(0.32)),
        (Tweedie(), np.exp(0.32)),
        (Tukey(500.0), np.exp(0.32)),
        (EpsilonInsensitive(0.0), 1.0),
    ],
    ids=repr,
)
def test_what_is_elicited_from_a_lognormal(loss, expected):
    """The density of the weight 1 / y is that of a lognormal with mean -s^2."""
    loss = measured(loss, LOGNORMAL)
    best = loss.best_constant(ONE, LOGNORMAL, None)
    assert float(loss.point(best)[0]) == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("loss", [Cauchy(0.3), GemanMcClure(0.3), Tukey(1.5)], ids=repr)
def test_the_deepest_of_two_minima(loss):
    y = np.concatenate([np.linspace(9.9, 10.1, 40), np.linspace(-0.1, 0.1, 60)])
    both = np.stack([y, -y[::-1]], axis=1)
    best = loss.best_constant(TWO, both, None)
    np.testing.assert_allclose(best, [0, 0], atol=0.02)
    other = np.where(np.arange(100) < 40, 3.0, 1.0)
    best = loss.best_constant(ONE, y[:, None], other)
    np.testing.assert_allclose(best, [10], atol=0.02)
    np.testing.assert_allclose(loss.best_constant(ONE, np.ones((9, 1)), None), [1])


def test_minima_of_equal_depth():
    best = Tukey(0.1).best_constant(ONE, np.arange(9.0)[:, None], None)
    assert best[0] in range(9)


# -- amounts and shares ------------------------------------------------------------


def test_gamma():
    close(rows(Gamma(), AMOUNT, F), sk.HalfGammaLoss().loss(AMOUNT[:, 0], F[:, 0]))
    deviance = metrics.mean_gamma_deviance(AMOUNT, np.exp(F), sample_weight=WEIGHT)
    ours = rows(Gamma(), AMOUNT, F) - rows(Gamma(), AMOUNT, np.log(AMOUNT))
    close(2 * np.average(ours, weights=WEIGHT), deviance)


@pytest.mark.parametrize("power", [1.1, 1.5, 1.9])
def test_tweedie(power):
    y = np.where(AMOUNT < 1, 0.0, AMOUNT)
    loss = Tweedie(power)
    close(rows(loss, y, F), sk.HalfTweedieLoss(power=power).loss(y[:, 0], F[:, 0]))
    deviance = metrics.mean_tweedie_deviance(y, np.exp(F), power=power)
    best = np.log(np.maximum(y, 1e-300))
    least = np.where(y[:, 0] > 0, rows(loss, y, np.where(y > 0, best, 0)), 0)
    close(2 * np.mean(rows(loss, y, F) - least), deviance)


def test_tweedie_between_poisson_and_gamma():
    for power, ends in ((1 + 1e-6, Poisson()), (2 - 1e-6, Gamma())):
        close(slopes(Tweedie(power), AMOUNT, F), slopes(ends, AMOUNT, F), 1e-5)


def test_log_links_continue_linearly():
    steps = np.array([[0.0], [1.0], [10.0]])
    value = rows(Gamma(), np.ones((3, 1)), -30 - steps)
    close(value + 30 + steps[:, 0], np.exp(30) * np.array([1, 2, 11]))
    value = rows(Tweedie(1.5), np.zeros((3, 1)), 30 + steps)
    close(value, 2 * np.exp(15) * np.array([1, 1.5, 6]))
    value = rows(Tweedie(1.5), np.ones((3, 1)), -30 - steps)
    close(value, 2 * np.exp(15) * np.array([1, 1.5, 6]), 1e-6)


def test_fractional():
    y = RNG.uniform(size=(N, 1))
    y[:2] = [[0], [1]]
    close(rows(Fractional(), y, F), sk.HalfBinomialLoss().loss(y[:, 0], F[:, 0]))
    theirs = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)
    close(rows(Fractional(), y, F), theirs(y, F), 1e-5)
    close(Fractional().inverse_link(ONE, F), 1 / (1 + np.exp(-F)))
    with pytest.raises(LossTargetError, match=r"0 <= y <= 1, got 1\.2"):
        Fractional().check_target(ONE, np.array([[1.2]]))


def test_mean_squared_logarithmic():
    loss = MeanSquaredLogarithmic()
    f = np.abs(F)
    predicted = loss.inverse_link(ONE, f)
    close(predicted, np.expm1(f))
    ours = np.average(rows(loss, AMOUNT, f), weights=WEIGHT)
    close(
        ours,
        metrics.mean_squared_log_error(AMOUNT, predicted, sample_weight=WEIGHT),
    )
    theirs = keras.losses.MeanSquaredLogarithmicError(reduction=None)
    close(rows(loss, AMOUNT, f), theirs(AMOUNT, np.expm1(f)), 1e-5)
    # a negative raw output predicts zero and still learns
    close(loss.inverse_link(ONE, np.array([[-3.0]])), [[0]])
    close(slopes(loss, [[1.0]], [[-3.0]]), 2 * (-3 - np.log(2)))


def test_mean_absolute_percentage():
    loss = MeanAbsolutePercentage()
    y = Y * 3
    expected = metrics.mean_absolute_percentage_error(y, F, sample_weight=WEIGHT)
    close(np.average(rows(loss, y, F), weights=WEIGHT), expected)
    theirs = keras.losses.MeanAbsolutePercentageError(reduction=None)
    close(100 * rows(loss, y, F), theirs(y, F), 1e-4)


def test_floor_of_percentages():
    y = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [-3.0, 8.0]])
    loss = measured(MeanAbsolutePercentage(), y)
    close(loss.floor_, [0.015, 0.02])  # of the median 1.5, and of the mean 2
    value = rows(loss, [[0.0, 0.01], [2.0, -4.0]], [[0.3, 0.03], [1.0, 4.0]])
    close(value, [(0.3 / 0.015 + 0.02 / 0.02) / 2, (0.5 + 2) / 2])
    weight = np.array([1.0, 1.0, 9.0, 1.0])
    close(measured(MeanAbsolutePercentage(), y, weight).floor_[0], 0.02)
    close(measured(MeanAbsolutePercentage(), np.zeros((3, 1))).floor_, 0.01)


def test_percentages_and_logarithms_see_the_zero_of_y():
    y = np.array([[1.0], [-2.0], [6.0]])
    loc, size = measure_target(y, MeanAbsolutePercentage(), np.ones(3))
    assert (loc[0], size[0]) == (0, 3)
    assert (Huber() + 2 * MeanAbsolutePercentage()).target_scaling == "scale"
    assert (SquaredError() + MeanAbsolutePercentage()).target_scaling == "scale"
    assert (SquaredError() + Huber()).target_scaling == "robust"
    assert (SquaredError() + LogCosh()).target_scaling == "standard"


def test_sums_predict_as_their_terms():
    for loss, raw in (
        (Fractional(), F),
        (MeanSquaredLogarithmic(), F),
        (Gamma() + Poisson(), F),
        (measured(HLGauss(10), Y), RNG.normal(size=(N, 10))),
    ):
        one = Gamma() if isinstance(loss, losses.LossSum) else loss
        close((loss + 2 * loss).inverse_link(ONE, raw), one.inverse_link(ONE, raw))
    for a, b in ((Gamma(), MeanSquaredLogarithmic()), (Fractional(), SquaredError())):
        with pytest.raises(LossTargetError, match="inverse"):
            _ = a + b


# -- histograms --------------------------------------------------------------------


def test_hl_gauss_by_scipy():
    y = np.array([[0.0], [0.4], [1.0], [7.0]])
    loss = measured(HLGauss(bins=10, sigma=0.75), y[:3])
    # ten bins, 3 * 0.75 of them on either side of [0, 1]
    width = 1 / (10 - 4.5)
    edges = -2.25 * width + width * np.arange(11)
    raw = RNG.normal(size=(4, 10))
    for i, centre in enumerate([0.0, 0.4, 1.0, 1.0]):  # 7 counts as 1
        mass = np.diff(norm.cdf(edges, centre, 0.75 * width))
        mass /= mass.sum()
        expected = logsumexp(raw[i]) - mass @ raw[i]
        close(rows(loss, y[i : i + 1], raw[i : i + 1]), expected)
    predicted = loss.inverse_link(ONE, tf.constant(raw))
    close(predicted[:, 0], softmax(raw, axis=1) @ (edges[:-1] + width / 2))


@pytest.mark.parametrize("sigma", [0.5, 0.75, 1.0])
def test_the_mean_of_the_smoothed_target_is_the_target(sigma):
    y = np.stack([np.linspace(-1, 3, 101), np.linspace(5, 6, 101)], axis=1)
    loss = measured(HLGauss(bins=32, sigma=sigma), y)
    mass = np.asarray(loss.masses(y, "float64"))
    close(mass.sum(axis=-1), 1)
    back = np.asarray(loss.point(np.log(np.maximum(mass, 1e-300))))
    width = np.array([4, 1]) / (32 - 6 * sigma)
    error = np.abs(back - y) / width
    assert error.max() < 0.02
    assert error[10:-10].max() < 0.004


def test_hl_gauss_elicits_the_mean():
    y = np.random.default_rng(0).gamma(1.5, size=(5000, 1))
    loss = measured(HLGauss(bins=64), y)
    best = loss.best_constant(ONE, y, None)
    assert float(loss.point(best[None])[0]) == pytest.approx(y.mean(), rel=1e-3)


def test_hl_gauss_checks_its_bins():
    for wrong in (HLGauss(5), HLGauss(10, sigma=1.6), HLGauss(12.0)):
        with pytest.raises(ValueError, match=r"bins=.* must be an integer"):
            wrong.check()
    with pytest.raises(LossTargetError, match="n_outputs"):
        _ = HLGauss(10) + HLGauss(20)
    assert HLGauss(10).structure() != HLGauss(20).structure()
    assert "bins" not in HLGauss(10).knobs()
    assert np.isfinite(
        rows(measured(HLGauss(8), np.ones((3, 1))), [[1.0]], [[0.0] * 8])
    )
