"""Predicted distributions, quantiles and intervals, in the user's units."""

import numpy as np
import pytest
from catalogue import mostly_slow
from scipy import stats
from scipy.special import expit

from skloss import LossAwareRegressor
from skloss.losses import (
    BetaLikelihood,
    CRPSGaussian,
    CRPSLaplace,
    CRPSLogistic,
    GaussianNLL,
    LaplaceNLL,
    LogNormalNLL,
    Loss,
    MixtureDensity,
    NegativeBinomial,
    PerTarget,
    Poisson,
    Quantile,
    StudentTNLL,
    ZeroInflatedPoisson,
)
from skloss.losses._core._laws import normal_mixture, zero_inflated_poisson

NAMES = sorted(
    name
    for name, cls in Loss.registry["regression"].items()
    if cls.__module__.startswith("skloss.") and cls().has_distribution
)
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
X = np.random.default_rng(0).normal(size=(120, 3))


def net(loss, **params):
    given = {"network": (8,), "epochs": 3, "random_state": 0, **params}
    return LossAwareRegressor(loss, **given)


def target(name):
    """Return a target in the loss's domain, far from mean 0 and deviation 1."""
    rng = np.random.default_rng(1)
    domain = Loss.registry["regression"][name].domain
    if domain == "real":
        return 500 + 40 * X[:, 0] + rng.normal(size=120)
    if domain == "open_unit":
        return rng.beta(np.exp(1 + 0.5 * X[:, 0]), 2.0)
    return rng.poisson(np.exp(1 + 0.5 * X[:, 0])) + float(domain == "positive")


def both(name):
    y = target(name)
    more = y[::-1] ** 2 if y.max() < 1 else y[::-1] + 1
    return y, np.column_stack([y, more])


@pytest.mark.parametrize("name", mostly_slow(NAMES))
@pytest.mark.parametrize("several", [False, True])
def test_shapes_order_and_agreement(name, several):
    y = both(name)[several]
    # the batch size of all tests of every loss: their networks share a program
    fitted = net(name, batch_size=256).fit(X, y)
    dist, shape = fitted.predict_dist(X), y.shape
    q = fitted.predict_quantiles(X, LEVELS)
    assert q.shape == (*shape, 5)
    assert (np.diff(q, axis=-1) >= 0).all()
    np.testing.assert_allclose(q[..., 1], dist.ppf(0.25))
    turned = fitted.predict_quantiles(X, LEVELS[::-1])
    np.testing.assert_array_equal(turned, q[..., ::-1])
    interval = fitted.predict_interval(X, level=0.5)
    assert interval.shape == (*shape, 2)
    np.testing.assert_allclose(interval, q[..., [1, 3]])
    np.testing.assert_allclose(fitted.predict_interval(X), q[..., [0, 4]])
    assert fitted.predict_quantiles(X[:1], 0.5).shape == (1, *shape[1:], 1)
    assert fitted.predict_interval(X[:1]).shape == (1, *shape[1:], 2)
    assert dist.mean().shape == shape
    discrete = not hasattr(dist.dist, "pdf")
    density = dist.pmf if discrete else dist.pdf
    assert (density(y) > 0).all()
    located = fitted.loss_.inverse == "identity"
    centre = dist.median() if located else dist.mean()
    np.testing.assert_allclose(fitted.predict(X), centre, rtol=1e-5)


@pytest.mark.parametrize("name", mostly_slow(NAMES))
def test_units(name):
    y = target(name)
    scaling = Loss.registry["regression"][name].target_scaling
    factor, shift = {"none": (1, 0), "scale": (8, 0)}.get(scaling, (8, -300))
    make = {"batch_size": 256, "epochs": 5}
    a = net(name, **make).fit(X, y)
    b = net(name, **make).fit(X, factor * y + shift)
    np.testing.assert_allclose(b.predict(X), factor * a.predict(X) + shift, rtol=1e-6)
    one, other = a.predict_dist(X), b.predict_dist(X)
    if hasattr(one.dist, "pdf"):
        np.testing.assert_allclose(
            b.predict_interval(X), factor * a.predict_interval(X) + shift, rtol=1e-6
        )
        np.testing.assert_allclose(
            other.logpdf(factor * y + shift),
            one.logpdf(y) - np.log(factor),
            rtol=1e-5,
            atol=1e-6,
        )
    plain = net(name, **make, target_transform=None).fit(
        X, y / y.max() if factor > 1 else y
    )
    assert np.isfinite(plain.predict_interval(X)).all()


@pytest.mark.parametrize("name", mostly_slow(NAMES))
def test_a_constant_target(name):
    share = Loss.registry["regression"][name].domain == "open_unit"
    constant = np.full(120, 0.4 if share else 4.0)
    fitted = net(name, batch_size=256).fit(X, constant)
    assert np.isfinite(fitted.predict(X)).all()
    assert np.isfinite(fitted.predict_interval(X)).all()


# -- what is said where it does not work ---------------------------------------------


@pytest.mark.slow
def test_losses_without_a_distribution_name_those_with():
    fitted = net("huber").fit(X, X[:, 0])
    with pytest.raises(AttributeError) as caught:
        _ = fitted.predict_dist
    text = str(caught.value.__cause__)
    assert text.startswith("loss='huber' predicts no distribution; use one of ")
    assert all(repr(name) in text for name in NAMES)
    for method in ("predict_quantiles", "predict_interval"):
        with pytest.raises(AttributeError) as caught:
            getattr(fitted, method)
        assert (
            "loss='huber' gives no quantiles; use loss=Quantile((0.05, 0.5, 0.95))"
            in (str(caught.value.__cause__))
        )


def test_before_fit():
    assert hasattr(net("gaussian_nll"), "predict_dist")
    assert not hasattr(net("huber"), "predict_dist")
    assert not hasattr(net(Quantile()), "predict_dist")
    assert hasattr(net(Quantile()), "predict_interval")
    for loss in ("no_such_loss", 3, "huber:delta=-1", PerTarget([3])):
        assert not hasattr(net(loss), "predict_quantiles")
        assert not hasattr(net(loss), "predict_dist")
    for method in ("predict_dist", "predict_quantiles", "predict_interval"):
        with pytest.raises(ValueError, match="not fitted"):
            getattr(net("gaussian_nll"), method)(X)


@pytest.mark.parametrize("loss", ["gaussian_nll", Quantile((0.05, 0.5, 0.95))])
def test_wrong_levels(loss):
    fitted = net(loss).fit(X, X[:, 0])
    for level in (0.0, 1.0, 1.5, -0.1, float("nan")):
        with pytest.raises(ValueError, match=rf"quantiles={level} must be in \(0, 1\)"):
            fitted.predict_quantiles(X, (0.5, level))
        with pytest.raises(ValueError, match=rf"level={level} must be in \(0, 1\)"):
            fitted.predict_interval(X, level=level)
    with pytest.raises(TypeError, match=r"quantiles='0\.5' must be a number"):
        fitted.predict_quantiles(X, "0.5")
    with pytest.raises(TypeError, match="level='wide' must be a number"):
        fitted.predict_interval(X, level="wide")


def test_a_distribution_wants_to_know_which_quantiles():
    with pytest.raises(ValueError, match="distribution") as caught:
        net("crps").fit(X, X[:, 0]).predict_quantiles(X)
    assert str(caught.value) == (
        "CRPSGaussian() predicts a distribution, which has all quantiles; say which, "
        "for example quantiles=(0.05, 0.5, 0.95)."
    )


def test_quantiles_that_were_not_trained():
    fitted = net(Quantile((0.05, 0.5, 0.95))).fit(X, X[:, :2])
    with pytest.raises(ValueError, match="trained") as caught:
        fitted.predict_quantiles(X, np.array([0.1, 0.5]))
    assert str(caught.value) == (
        "Quantile(quantile=(0.05, 0.5, 0.95)) was trained for the quantiles "
        "(0.05, 0.5, 0.95), got (0.1, 0.5). Refit with "
        "loss=Quantile((0.05, 0.1, 0.5, 0.95))."
    )
    with pytest.raises(ValueError, match="trained") as caught:
        fitted.predict_interval(X, level=0.8)
    assert str(caught.value) == (
        "level=0.8 needs the quantiles 0.1 and 0.9, but "
        "Quantile(quantile=(0.05, 0.5, 0.95)) was trained for [0.05, 0.5, 0.95]. Refit "
        "with loss=Quantile((0.1, 0.5, 0.9))."
    )


@pytest.mark.parametrize("y", [X[:, 0], X[:, :2]], ids=["one", "two"])
@pytest.mark.slow
def test_trained_quantiles_in_any_order(y):
    fitted = net(Quantile((0.05, 0.3, 0.5, 0.95))).fit(X, y)
    everything = fitted.predict_quantiles(X)
    assert everything.shape == (*y.shape, 4)
    some = fitted.predict_quantiles(X, (0.5, 0.05))
    np.testing.assert_array_equal(some, everything[..., [2, 0]])
    np.testing.assert_array_equal(fitted.predict_interval(X), everything[..., [0, 3]])
    with pytest.raises(
        ValueError, match=r"level=0\.5 needs the quantiles 0.25 and 0.75"
    ):
        fitted.predict_interval(X, level=0.5)


def test_losses_for_each_target_predict_no_distribution():
    fitted = net(PerTarget([GaussianNLL(), StudentTNLL()])).fit(X, X[:, :2])
    assert not hasattr(fitted, "predict_dist")
    assert not hasattr(
        net(GaussianNLL() + CRPSGaussian()).fit(X, X[:, 0]), "predict_dist"
    )


# -- what is learnt ------------------------------------------------------------------


def design(n, seed):
    return np.random.default_rng(seed).uniform(-1, 1, (n, 3))


def location(X):
    return 30 + X @ [8.0, -4.0, 2.0]


def scale(X):
    return np.exp(1 + X @ [0.5, 0.0, -0.7])


def log_mean(X):
    return 1.5 + X @ [0.8, -0.5, 0.2]


def two_peaks(X):
    share = expit(X @ [1.0, 0.0, 0.5])
    return normal_mixture(
        np.stack([share, 1 - share], axis=-1),
        np.stack([location(X) - 12, location(X) + 12], axis=-1),
        np.stack([scale(X), np.full(len(X), 5.0)], axis=-1),
    )


def shares(X):
    mean, precision = expit(X @ [1.0, -0.5, 0.2]), np.exp(2 + X @ [0.0, 0.5, 1.0])
    return stats.beta(mean * precision, (1 - mean) * precision)


TRUTHS = {
    "gaussian_nll": (GaussianNLL(), lambda X: stats.norm(location(X), scale(X))),
    "laplace_nll": (LaplaceNLL(), lambda X: stats.laplace(location(X), scale(X))),
    "student_t_nll": (StudentTNLL(5.0), lambda X: stats.t(5, location(X), scale(X))),
    "crps": (CRPSGaussian(), lambda X: stats.norm(location(X), scale(X))),
    "crps_laplace": (CRPSLaplace(), lambda X: stats.laplace(location(X), scale(X))),
    "crps_logistic": (CRPSLogistic(), lambda X: stats.logistic(location(X), scale(X))),
    "log_normal_nll": (
        LogNormalNLL(),
        lambda X: stats.lognorm(0.3 * scale(X), scale=np.exp(log_mean(X))),
    ),
    "negative_binomial": (
        NegativeBinomial(),
        lambda X: stats.nbinom(2.0, 2 / (2 + np.exp(log_mean(X)))),
    ),
    "poisson": (Poisson(), lambda X: stats.poisson(np.exp(log_mean(X)))),
    "mixture_density": (MixtureDensity(components=2), two_peaks),
    "beta_likelihood": (BetaLikelihood(), shares),
    "zero_inflated_poisson": (
        ZeroInflatedPoisson(),
        lambda X: zero_inflated_poisson(
            np.exp(log_mean(X)), expit(X @ [0.0, 1.0, -1.0])
        ),
    ),
}


def test_every_proper_distributional_loss_has_a_truth():
    others = {"beta_nll", "evidential_nig"}
    assert set(TRUTHS) | others == set(NAMES)


def draws(law, X, seed):
    return law(X).rvs(random_state=np.random.default_rng(seed)).astype(float)


def log_density(dist, y):
    return (dist.logpdf if hasattr(dist.dist, "pdf") else dist.logpmf)(y).mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTHS)
def test_the_true_distribution_is_recovered(name):
    """A linear network on 20,000 rows comes within 0.01 of the true likelihood."""
    loss, law = TRUTHS[name]
    X, new = design(20_000, 1), design(20_000, 2)
    fitted = net(
        loss, network=(), epochs=25, learning_rate=0.03, lr_schedule="cosine"
    ).fit(X, draws(law, X, 3))
    y = draws(law, new, 4)
    dist = fitted.predict_dist(new)
    gap = log_density(law(new), y) - log_density(dist, y)
    assert -0.005 < gap < 0.01
    for level in (0.5, 0.9):
        low, high = fitted.predict_interval(new, level=level).T
        covered = ((low <= y) & (y <= high)).mean()
        true_low, true_high = law(new).interval(level)
        expected = ((true_low <= y) & (y <= true_high)).mean()
        assert covered == pytest.approx(expected, abs=0.02)
    if name == "negative_binomial":
        np.testing.assert_allclose(
            fitted.loss_parameters_["dispersion"], 0.5, rtol=0.05
        )


@pytest.mark.parametrize(
    ("loss", "network"),
    [
        ("gaussian_nll", ()),
        ("beta_nll", (16,)),
        ("student_t_nll:df=30", ()),
        ("crps", (16,)),
        (Quantile((0.05, 0.5, 0.95)), (16,)),
    ],
)
def test_intervals_cover(loss, network):
    X, new = design(3000, 1), design(3000, 2)
    law = TRUTHS["gaussian_nll"][1]
    make = {"epochs": 40, "learning_rate": 0.02, "lr_schedule": "cosine"}
    fitted = net(loss, network=network, **make).fit(X, draws(law, X, 3))
    y = draws(law, new, 4)
    low, high = fitted.predict_interval(new, level=0.9).T
    assert ((low <= y) & (y <= high)).mean() == pytest.approx(0.9, abs=0.03)
    wide = scale(new) > np.quantile(scale(new), 0.9)
    narrow = scale(new) < np.quantile(scale(new), 0.1)
    assert (high - low)[wide].mean() > 2 * (high - low)[narrow].mean()
    for part in (wide, narrow):  # not only on the average
        covered = ((low <= y) & (y <= high))[part].mean()
        assert covered == pytest.approx(0.9, abs=0.07)
