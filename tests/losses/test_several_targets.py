"""Several targets: a loss for each, quantiles for each, a trained weight for each."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from sklearn.model_selection import GridSearchCV

from skloss import LossAwareRegressor
from skloss.estimators._fitted import KnownOutputs
from skloss.exceptions import LossTargetError
from skloss.losses import (
    CRPSGaussian,
    CustomRegressionLoss,
    CVaR,
    Expectile,
    GaussianNLL,
    Hinge,
    Huber,
    LogNormalNLL,
    NegativeBinomial,
    PerTarget,
    Poisson,
    Quantile,
    SmoothQuantile,
    SquaredError,
    StudentTNLL,
    Task,
    Tilted,
    UncertaintyWeighted,
)

RNG = np.random.default_rng(7)
TWO = Task("regression", 2)
Y = RNG.normal(size=(40, 2))
RAW = RNG.normal(size=(40, 2))
WEIGHT = RNG.uniform(0.2, 2.0, 40)


def batch(loss, y=Y, raw=RAW, weight=WEIGHT, task=TWO):
    arrays = [tf.constant(a, tf.float64) for a in (y, raw, weight)]
    return float(loss.batch_value(task, *arrays))


# -- a loss for each target ----------------------------------------------------------


def test_per_target_is_the_weighted_mean_of_columns():
    losses = [Huber(0.5), Expectile(0.8)]
    one = Task("regression", 1)
    each = [
        batch(loss, Y[:, [j]], RAW[:, [j]], task=one) for j, loss in enumerate(losses)
    ]
    assert batch(PerTarget(losses)) == pytest.approx(np.mean(each), rel=1e-12)
    for weights in [(1.0, 3.0), (0.25, 0.75)]:
        assert batch(PerTarget(losses, weights)) == pytest.approx(
            (each[0] + 3 * each[1]) / 4, rel=1e-12
        )
    assert batch(PerTarget([Huber(), Huber()])) == pytest.approx(batch(Huber()))


def test_per_target_puts_what_no_row_changes_last():
    loss = PerTarget([NegativeBinomial(), GaussianNLL(), NegativeBinomial()])
    task, one = Task("regression", 3), Task("regression", 1)
    assert (loss.n_raw(task), loss.n_global(task)) == (6, 2)
    y = RNG.poisson(2.0, (40, 3)).astype(float)
    raw = RNG.normal(size=(40, 6))
    # log mean 0; mean 1, log-variance 1; log mean 2; dispersions 0 and 2
    places = [[0, 4], [1, 2], [3, 5]]
    each = [
        batch(loss.losses[j], y[:, [j]], raw[:, place], task=one)
        for j, place in enumerate(places)
    ]
    assert batch(loss, y, raw, task=task) == pytest.approx(np.mean(each), rel=1e-12)
    best = loss.best_constant(task, y, WEIGHT)
    for j, place in enumerate(places):
        np.testing.assert_allclose(
            best[place], loss.losses[j].best_constant(one, y[:, [j]], WEIGHT)
        )
    point = np.asarray(loss.inverse_link(task, tf.constant(raw)))
    np.testing.assert_allclose(
        point, np.stack([np.exp(raw[:, 0]), raw[:, 1], np.exp(raw[:, 3])], 1)
    )
    trained = loss.trained(task, np.array([0.0, 1.0]))
    assert list(trained) == ["target_0__dispersion", "target_2__dispersion"]
    assert trained["target_2__dispersion"] == pytest.approx(np.log1p(np.e))


def simulated(n=1500):
    rng = np.random.default_rng(4)
    X = rng.uniform(-1, 1, (n, 2))
    y = 1000 + 50 * X[:, 0] + rng.normal(size=n)
    counts = rng.poisson(np.exp(1 + X[:, 1]))
    positive = 7 * np.exp(X[:, 0] + 0.3 * rng.normal(size=n))
    return X, np.column_stack([y, counts, positive])


def test_every_target_has_its_own_scaling_link_and_domain():
    X, Z = simulated()
    loss = PerTarget([SquaredError(), Poisson(), LogNormalNLL()])
    net = LossAwareRegressor(
        loss, network=(16,), epochs=60, learning_rate=0.01, random_state=0
    ).fit(X, Z)
    mean, scale = Z.mean(axis=0), Z.std(axis=0)
    np.testing.assert_allclose(net._fitted.target.units.loc, [mean[0], 0, 0])
    np.testing.assert_allclose(
        net._fitted.target.units.scale, [scale[0], mean[1], mean[2]]
    )
    truth = [1000 + 50 * X[:, 0], np.exp(1 + X[:, 1]), 7 * np.exp(X[:, 0] + 0.045)]
    for j, expected in enumerate(truth):
        off = net.predict(X)[:, j] - expected
        assert np.sqrt((off**2).mean()) < 0.15 * expected.std(), j
    assert (net.predict(X)[:, 1:] > 0).all()
    np.testing.assert_allclose(
        net.model_.predict(X, verbose=0), net.predict(X), rtol=1e-3
    )


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (PerTarget([SquaredError()]), "has 1 losses, but y has 3 targets; give one"),
        (
            PerTarget([SquaredError(), SquaredError(), NegativeBinomial()]),
            r"Target 2 of y: NegativeBinomial\(\) needs integers y >= 0",
        ),
        (PerTarget([SquaredError(), Hinge()]), r"Hinge\(\) is for classification"),
        (
            PerTarget([SquaredError(), CustomRegressionLoss(abs)]),
            "mixes functions, which see y in its own units",
        ),
    ],
)
def test_targets_that_do_not_fit(loss, text):
    X, Z = simulated(40)
    with pytest.raises(LossTargetError, match=text):
        LossAwareRegressor(loss, epochs=1).fit(X, Z)


@pytest.mark.slow
def test_terms_of_a_sum_must_share_a_head():
    with pytest.raises(LossTargetError, match="must agree in head"):
        GaussianNLL() + StudentTNLL()
    with pytest.raises(LossTargetError, match="must agree in head"):
        PerTarget([Huber(), SquaredError()]) + SquaredError()
    both = GaussianNLL() + CRPSGaussian()
    X, Z = simulated(100)
    net = LossAwareRegressor(both, epochs=2, random_state=0).fit(X, Z)
    assert net.predict(X).shape == Z.shape
    assert not both.has_distribution
    half = 0.5 * PerTarget([Huber(), Poisson(), SquaredError()])
    net = LossAwareRegressor(half, epochs=2, random_state=0).fit(X, Z)
    assert net.predict(X).shape == Z.shape
    counts = 0.5 * NegativeBinomial() + NegativeBinomial()
    net = LossAwareRegressor(counts, epochs=2, random_state=0).fit(X, Z[:, 1])
    assert list(net.loss_parameters_) == ["dispersion"]


@pytest.mark.slow
def test_grid_search_reaches_every_part():
    X, Z = simulated(60)
    loss = PerTarget([Huber(), Tilted(Huber()), SquaredError()])
    search = GridSearchCV(
        LossAwareRegressor(loss, network=(4,), epochs=2, random_state=0),
        {"loss__target_0__delta": [0.5, 2.0], "loss__target_1__t": [-1.0]},
        cv=2,
    ).fit(X, Z)
    assert search.best_estimator_.loss_.losses[1].t == -1.0
    assert loss == PerTarget([Huber(), Tilted(Huber()), SquaredError()])


# -- quantiles of each target --------------------------------------------------------


def fitted(loss, Z, **params):
    X, _ = simulated(len(Z))
    given = {"network": (8,), "epochs": 3, "random_state": 0, **params}
    return LossAwareRegressor(loss, **given).fit(X, Z)


@pytest.mark.slow
def test_quantiles_are_those_of_each_targets_own_loss():
    X, Z = simulated(200)
    levels = (0.05, 0.5, 0.95)
    inner = [Quantile(levels), NegativeBinomial(), LogNormalNLL()]
    net = fitted(PerTarget(inner), Z)
    raw = net._fitted.raw_outputs(net, X)
    # three levels; log mean, last the dispersion; mean and log-deviation of logarithms
    places = [[0, 1, 2], [3, 6], [4, 5]]
    q = net.predict_quantiles(X, levels)
    assert q.shape == (200, 3, 3)
    for j, (loss, place) in enumerate(zip(inner, places, strict=True)):
        alone = fitted(loss, Z[:, j])
        alone._fitted = replace(
            alone._fitted,
            loss=loss,
            outputs=KnownOutputs(X, raw[:, place]),
            bounds=None,  # these are within those of the net
            target=alone._fitted.target.with_units(net._fitted.target.units.of([j])),
        )
        np.testing.assert_allclose(alone.predict_quantiles(X, levels), q[:, j])
    np.testing.assert_array_equal(net.predict_quantiles(X), q)
    np.testing.assert_array_equal(net.predict_interval(X), q[..., [0, 2]])
    np.testing.assert_array_equal(net.predict_quantiles(X, 0.5), q[..., [1]])
    np.testing.assert_allclose(q[:, 0, 1], net.predict(X)[:, 0])


def test_intervals_of_each_target_cover():
    X, Z = simulated()
    Z[:, 1] += np.random.default_rng(0).uniform(size=len(Z))  # no ties
    loss = PerTarget([GaussianNLL(), Quantile((0.05, 0.5, 0.95)), LogNormalNLL()])
    net = fitted(loss, Z, network=(16,), epochs=80, learning_rate=0.01)
    low, high = np.moveaxis(net.predict_interval(X), -1, 0)
    covered = ((low <= Z) & (high >= Z)).mean(axis=0)
    np.testing.assert_allclose(covered, 0.9, atol=0.04)


@pytest.mark.slow
def test_quantiles_of_one_target_and_of_weighted_ones():
    X, Z = simulated(100)
    one = fitted(PerTarget([GaussianNLL()]), Z[:, 0])
    assert one.predict_quantiles(X, (0.1, 0.9)).shape == (100, 2)
    weighted = UncertaintyWeighted(PerTarget([Quantile((0.1, 0.9))] * 3))
    assert fitted(weighted, Z).predict_interval(X, 0.8).shape == (100, 3, 2)


def test_levels_that_every_target_has():
    X, Z = simulated(60)
    loss = PerTarget([Quantile((0.1, 0.5, 0.9)), SmoothQuantile((0.5, 0.9, 0.99))])
    net = fitted(loss, Z[:, ::2])
    q = net.predict_quantiles(X)
    assert q.shape == (60, 2, 2)
    np.testing.assert_array_equal(q, net.predict_quantiles(X, (0.5, 0.9)))
    with pytest.raises(ValueError, match=r"SmoothQuantile\(.* was trained for"):
        net.predict_quantiles(X, 0.1)
    with pytest.raises(ValueError, match=r"PerTarget\(.* was trained for \[0.5, 0.9\]"):
        net.predict_interval(X, 0.8)


def test_quantiles_that_the_targets_do_not_share():
    X, Z = simulated(60)
    apart = fitted(PerTarget([Quantile(0.1), Quantile(0.9)]), Z[:, ::2])
    with pytest.raises(ValueError, match="no quantile that all targets share"):
        apart.predict_quantiles(X)
    dists = fitted(PerTarget([GaussianNLL(), GaussianNLL()]), Z[:, ::2])
    with pytest.raises(ValueError, match="distribution, which has all quantiles"):
        dists.predict_quantiles(X)


@pytest.mark.parametrize("other", [Huber(), CVaR(GaussianNLL())], ids=repr)
def test_no_quantiles_where_one_target_has_none(other):
    net = LossAwareRegressor(PerTarget([GaussianNLL(), other]))
    for method in ("predict_quantiles", "predict_interval"):
        with pytest.raises(AttributeError) as caught:
            getattr(net, method)
        assert "gives no quantiles" in str(caught.value.__cause__)


def test_no_distribution_of_all_targets():
    net = LossAwareRegressor(PerTarget([GaussianNLL(), StudentTNLL()]))
    with pytest.raises(AttributeError) as caught:
        _ = net.predict_dist
    assert "no distribution; use predict_quantiles, or" in str(caught.value.__cause__)


# -- weights that are trained --------------------------------------------------------


def test_uncertainty_weights_are_kendalls():
    s = RNG.normal(size=2)
    raw = np.hstack([RAW, np.tile(s, (40, 1))])
    loss = UncertaintyWeighted(SquaredError())
    value = loss.rowwise(TWO, tf.constant(Y), tf.constant(raw)).numpy()
    # a normal density of standard deviation exp(s / 2), without log(2 pi) / 2
    expected = -norm.logpdf(Y, RAW, np.exp(s / 2)) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(value, expected.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(loss.inverse_link(TWO, tf.constant(raw)), RAW)
    assert (loss.n_raw(TWO), loss.n_global(TWO)) == (4, 2)
    best = loss.best_constant(TWO, Y, WEIGHT)
    spread = np.average((Y - best[:2]) ** 2, axis=0, weights=WEIGHT)
    np.testing.assert_allclose(
        best, [*np.average(Y, axis=0, weights=WEIGHT), *np.log(spread)]
    )


def test_the_variances_are_learnt_and_shown():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    noise = np.array([0.1, 1.0])
    Z = X[:, :2] + noise * rng.normal(size=(2000, 2))
    net = LossAwareRegressor(
        UncertaintyWeighted(SquaredError()),
        network=(),
        epochs=60,
        learning_rate=0.03,
        lr_schedule="cosine",
        random_state=0,
    ).fit(X, Z)
    shown = net.loss_parameters_["log_variance"]
    np.testing.assert_allclose(shown, np.log(noise**2 / Z.var(axis=0)), atol=0.1)
    np.testing.assert_allclose(
        shown, net._fitted.raw_outputs(net, X[:5])[:, 2:].mean(axis=0), rtol=1e-6
    )
    assert np.ptp(net._fitted.raw_outputs(net, X)[:, 2:], axis=0).max() == 0
    assert net.predict(X).shape == (2000, 2)
    assert LossAwareRegressor(epochs=1).fit(X, Z).loss_parameters_ == {}


def test_uncertainty_weights_keep_quantiles_and_distributions():
    X, Z = simulated(200)
    for loss in (Quantile((0.05, 0.5, 0.95)), CRPSGaussian()):
        net = LossAwareRegressor(UncertaintyWeighted(loss), epochs=2, random_state=0)
        interval = net.fit(X, Z).predict_interval(X)
        assert interval.shape == (200, 3, 2)
        assert (interval[..., 0] < interval[..., 1]).all()
    assert not hasattr(
        LossAwareRegressor(UncertaintyWeighted(Huber())), "predict_quantiles"
    )
