"""Evidence on a loss: likelihoods against fits by SciPy, and planted facts."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer

from skloss._advice._class_evidence import measure_classes
from skloss._advice._evidence import find_held
from skloss._advice._likelihoods import compare_likelihoods, fit_likelihoods
from skloss._advice._number_evidence import measure_numbers
from skloss._advice._rules import advise_classes, advise_numbers, put_first


class Known:
    """Stands for a baseline that predicts one number for all rows."""

    def __init__(self, y):
        self.mean = self.positive_mean = np.full(len(y), y.mean())
        self.median = np.full(len(y), np.median(y))
        self.spread = np.ones(len(y))
        self.log_mean = np.full(len(y), np.log(np.maximum(y, 1e-9)).mean())


def test_likelihoods_are_the_largest_that_scipy_finds():
    y = stats.gamma(2.0, scale=3.0).rvs(400, random_state=0)
    found = {name: own.mean() for name, own in fit_likelihoods(y, Known(y)).items()}
    assert found["normal"] == pytest.approx(
        stats.norm.logpdf(y, *stats.norm.fit(y)).mean()
    )
    shape, place, scale = stats.lognorm.fit(y, floc=0)
    expected = stats.lognorm.logpdf(y, shape, place, scale).mean()
    assert found["log_normal"] == pytest.approx(expected, rel=1e-6)
    shape, place, scale = stats.gamma.fit(y, floc=0)
    expected = stats.gamma.logpdf(y, shape, place, scale).mean()
    assert found["gamma"] == pytest.approx(expected, rel=1e-6)
    place, scale = stats.laplace.fit(y)
    expected = stats.laplace.logpdf(y, place, scale).mean()
    assert found["laplace"] == pytest.approx(expected, rel=1e-6)


def test_of_counts_there_are_probabilities():
    y = stats.nbinom(2, 0.3).rvs(500, random_state=0).astype(float)
    found = fit_likelihoods(y, Known(y))
    mean = y.mean()
    assert found["poisson"] == pytest.approx(stats.poisson.logpmf(y, mean))
    sizes = np.geomspace(0.1, 100, 2000)  # of which the best
    best = max(stats.nbinom.logpmf(y, s, s / (s + mean)).mean() for s in sizes)
    assert found["negative_binomial"].mean() == pytest.approx(best, abs=1e-5)
    shares = np.linspace(0, 0.9, 2000)[1:]
    best = max(
        np.log(
            share * (y == 0) + (1 - share) * stats.poisson.pmf(y, mean / (1 - share))
        ).mean()
        for share in shares
    )
    assert found["zero_inflated_poisson"].mean() == pytest.approx(best, abs=1e-5)
    # a normal distribution is asked for the same: what it gives to each integer
    assert (found["normal"] < 0).all()


def test_vuongs_statistic_by_hand():
    gain = compare_likelihoods([1.0, 2.0, 3.0, 2.0], [0.0, 2.0, 1.0, 1.0])
    # differences 1 0 2 1: mean 1, deviation sqrt(1 / 2), error that over 2
    assert (gain.nats, gain.z) == (1.0, pytest.approx(2 * np.sqrt(2)))
    assert compare_likelihoods([1.0, 1.0], [0.0, 0.0]).z == np.inf
    assert compare_likelihoods([1.0, 1.0], [1.0, 1.0]).z == 0


def draw_table(kind, seed, n=1200):
    """Return a table with one thing planted."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    f = X[:, 0] + np.sin(2 * X[:, 1])
    f /= f.std()
    noise = rng.normal(size=n)
    y = {
        "clean": lambda: f + 0.4 * noise,
        "outliers": lambda: (
            f + 0.3 * noise + 8 * (rng.random(n) < 0.08) * np.sign(noise)
        ),
        "heavy tails": lambda: f + 0.5 * rng.standard_t(2, size=n),
        "spread": lambda: f + 0.6 * np.exp(1.2 * X[:, 4]) * noise,
        "counts": lambda: rng.poisson(np.exp(0.5 + 0.6 * f)),
        "over-dispersed": lambda: rng.poisson(np.exp(1 + 0.6 * f) * rng.gamma(1, 1, n)),
        "zeros": lambda: rng.poisson(np.exp(2 + 0.3 * f)) * (rng.random(n) < 0.5),
        "skew": lambda: np.exp(0.8 * f) * rng.gamma(2, 0.5, n),
        "shares": lambda: rng.beta(8 / (1 + np.exp(-f)), 8 / (1 + np.exp(f))),
    }[kind]()
    return X, np.asarray(y, float)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("kind", "first", "held"),
    [
        ("clean", "squared_error", set()),
        ("outliers", "huber", {"outliers", "heavy tails"}),
        ("heavy tails", "huber", {"heavy tails"}),
        ("spread", ("gaussian_nll", "student_t_nll"), {"spread by row"}),
        ("counts", "poisson", {"counts"}),
        ("over-dispersed", "negative_binomial", {"counts", "over-dispersion"}),
        ("zeros", "zero_inflated_poisson", {"counts", "excess zeros"}),
        ("skew", "gamma", {"positive numbers", "skew"}),
        ("shares", "beta_likelihood", {"shares in (0, 1)"}),
    ],
)
def test_what_is_planted_is_found(kind, first, held, seed):
    evidence, likelihoods = measure_numbers(*draw_table(kind, seed))
    assert held <= find_held(evidence)
    assert advise_numbers(evidence, likelihoods)[0].loss in first


@pytest.mark.parametrize(
    "change", [lambda y: y * 1e-9, lambda y: y * 1e-3 + 1e6, lambda y: -5 * y + 3]
)
@pytest.mark.parametrize("kind", ["clean", "outliers"])
@pytest.mark.slow
def test_units_change_nothing(kind, change):
    X, y = draw_table(kind, 0)
    names = [
        [own.loss for own in advise_numbers(*measure_numbers(X, values))]
        for values in (y, change(y))
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    "y", [np.zeros(200), np.arange(200) % 2, np.arange(10.0), np.full(200, 1e300)]
)
def test_what_says_nothing_leaves_the_default(y):
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    evidence, likelihoods = measure_numbers(X, np.asarray(y, float))
    assert [own.loss for own in advise_numbers(evidence, likelihoods)] == [
        "squared_error"
    ]


def test_wrong_labels_and_rare_classes():
    X, y = load_breast_cancer(return_X_y=True)
    assert find_held(measure_classes(X, y, ordered=False)) == set()
    flipped = np.where(np.random.default_rng(0).random(len(y)) < 0.25, 1 - y, y)
    evidence = measure_classes(X, flipped, ordered=False)
    assert find_held(evidence) == {"wrong labels"}
    assert [own.loss for own in advise_classes(evidence, ordered=False)] == [
        *("cross_entropy", "gce")
    ]
    rare = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:20]]
    evidence = measure_classes(X[rare], y[rare], ordered=False)
    assert find_held(evidence) == {"imbalance", "few rows"}


def test_a_class_of_one_row_is_no_error():
    X, y = load_breast_cancer(return_X_y=True)
    evidence = measure_classes(X, np.where(np.arange(len(y)) == 0, 2, y), ordered=False)
    assert "imbalance" in find_held(evidence)


def test_the_own_loss_of_a_score_stays_first_unless_evidence_speaks():
    evidence, _ = measure_numbers(*draw_table("outliers", 0))
    losses = ["squared_error", "huber", "poisson"]
    found = put_first(losses, "mean", evidence, [])
    assert found == ["huber", "squared_error", "poisson"]
    assert put_first(losses, "median", evidence, []) == losses
    assert put_first(losses, "mean", [], []) == losses


@pytest.mark.parametrize(
    ("kind", "first"),
    [("over-dispersed", "negative_binomial"), ("zeros", "zero_inflated_poisson")],
)
def test_of_several_that_the_evidence_speaks_for_the_best_fit_comes_first(kind, first):
    evidence, likelihoods = measure_numbers(*draw_table(kind, 0))
    assert {"over-dispersion", "excess zeros"} <= find_held(evidence)
    advice = advise_numbers(evidence, likelihoods)
    losses = ["poisson", "negative_binomial", "zero_inflated_poisson", "tweedie"]
    found = put_first(losses, "mean, predicted above 0", evidence, advice)
    assert found[0] == first
    assert set(found) == set(losses)
