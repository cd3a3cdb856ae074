"""The losses offered for a score elicit what it rewards: the best constants agree.

The best constant of a score is found by scikit-learn's scorer and SciPy, that of a loss
by SciPy on its formula.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize, minimize_scalar
from scipy.special import softmax
from sklearn.dummy import DummyRegressor
from sklearn.metrics import (
    cohen_kappa_score,
    d2_pinball_score,
    d2_tweedie_score,
    fbeta_score,
    get_scorer,
    get_scorer_names,
    jaccard_score,
    log_loss,
    make_scorer,
    mean_pinball_loss,
    mean_tweedie_deviance,
)

from skloss import losses
from skloss.losses import Task
from skloss.losses._core import _ops as ops
from skloss.model_selection import loss_space
from skloss.model_selection._rewards import find_reward

RNG = np.random.default_rng(3)
AMOUNTS = RNG.gamma(0.8, size=151) + 0.01  # skewed, above 0
REAL = AMOUNTS - 0.7
SHARES = AMOUNTS / (1 + AMOUNTS)
COUNTS = np.where(RNG.random(151) < 0.3, 0.0, RNG.poisson(2 * AMOUNTS + 0.5))
SYMMETRIC = 3 + stats.norm.ppf((np.arange(151) + 0.5) / 151) / 2
PINBALL = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
POWER = {"power": 1.3, "greater_is_better": False}
NUMBERS = {  # name: scorer, skewed targets for which losses of all domains fit
    "r2": ("r2", [REAL, AMOUNTS, SHARES]),
    "mse": ("neg_mean_squared_error", [REAL, SHARES]),
    "rmse": ("neg_root_mean_squared_error", [SHARES]),
    "mae": ("neg_mean_absolute_error", [REAL]),
    "d2 of mae": ("d2_absolute_error_score", [AMOUNTS]),
    "pinball": (PINBALL, [REAL]),
    "d2 of pinball": (make_scorer(d2_pinball_score, alpha=0.2), [REAL]),
    "poisson": ("neg_mean_poisson_deviance", [COUNTS, AMOUNTS]),
    "gamma": ("neg_mean_gamma_deviance", [AMOUNTS]),
    "tweedie": (make_scorer(mean_tweedie_deviance, **POWER), [AMOUNTS]),
    "d2 of tweedie": (make_scorer(d2_tweedie_score, power=1.0), [COUNTS]),
    "msle": ("neg_mean_squared_log_error", [AMOUNTS]),
    "rmsle": ("neg_root_mean_squared_log_error", [AMOUNTS]),
    "mape": ("neg_mean_absolute_percentage_error", [AMOUNTS + 0.3]),
}
UNKNOWN = {  # of clustering, of one class, or with no best prediction
    *("adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score"),
    *("fowlkes_mallows_score", "homogeneity_score", "mutual_info_score"),
    *("normalized_mutual_info_score", "rand_score", "v_measure_score"),
    *("positive_likelihood_ratio", "neg_negative_likelihood_ratio", "top_k_accuracy"),
    *(f"precision{of}" for of in ("", "_macro", "_micro", "_samples", "_weighted")),
    *(f"recall{of}" for of in ("", "_macro", "_micro", "_samples", "_weighted")),
}


def best_for_score(scoring, y):
    """Return the constant prediction that scores best."""
    scorer, X = get_scorer(scoring), np.zeros((len(y), 1))

    def cost(constant):
        net = DummyRegressor(strategy="constant", constant=constant).fit(X, y)
        return -scorer(net, X, y)

    bounds = max(y.min(), 1e-3) if y.min() >= 0 else y.min(), y.max()
    return minimize_scalar(cost, bounds=bounds, options={"xatol": 1e-7}).x


def best_for_loss(text, y):
    """Return the prediction of the constant raw outputs with the lowest loss."""
    loss, task, Y = losses.get(text, "regression"), Task("regression", 1), y[:, None]
    loss = loss.bind(loss.measure(task, Y, np.ones(len(y))))

    def cost(raw):
        values = ops.call_on_arrays(
            lambda y, raw: loss.rowwise(task, y, raw), Y, np.tile(raw, (len(y), 1))
        )
        return np.asarray(values).mean()

    start = np.full(loss.n_raw(task), 0.2)
    raw = minimize(
        cost, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-11}
    ).x
    return float(
        np.asarray(ops.call_on_arrays(loss.inverse_link, task, raw[None])).item()
    )


def offered(scoring, y):
    """Return the names of the losses for a score, whether they are proper or not."""
    space = loss_space(y, scoring=scoring)
    return {text: losses.get(text, "regression").proper for text in space.losses}


@pytest.mark.parametrize("name", NUMBERS)
def test_proper_losses_have_the_best_constant_of_the_score(name):
    scoring, targets = NUMBERS[name]
    for y in targets:
        best = best_for_score(scoring, y)
        proper = [text for text, kind in offered(scoring, y).items() if kind != "none"]
        assert proper
        for text in proper:
            found = best_for_loss(text, y)
            assert found == pytest.approx(best, rel=2e-3, abs=2e-3), text


def test_a_skewed_sample_tells_what_scores_reward():
    """So that the agreement above says something."""
    names = "mse", "mae", "pinball", "mape", "msle"
    best = [best_for_score(NUMBERS[name][0], AMOUNTS) for name in names]
    assert np.abs(np.subtract.outer(best, best) + np.eye(5)).min() > 0.05


@pytest.mark.parametrize(
    "scoring",
    ["r2", "neg_mean_absolute_error", "neg_median_absolute_error", "neg_max_error"],
)
def test_robust_losses_agree_where_the_sample_is_symmetric(scoring):
    best = best_for_score(scoring, SYMMETRIC)
    assert best == pytest.approx(3, abs=0.05)
    for text in offered(scoring, SYMMETRIC):
        assert best_for_loss(text, SYMMETRIC) == pytest.approx(3, abs=0.01), text


def test_a_rounded_corner_moves_a_quantile_little():
    texts = list(offered(PINBALL, REAL))
    assert texts == [f"{x}:quantile=0.9" for x in ("quantile", "smooth_quantile")]
    assert best_for_loss(texts[1], REAL) == pytest.approx(
        best_for_score(PINBALL, REAL), abs=0.1
    )


def test_explained_variance_does_not_see_a_shift():
    """So that the mean is as good as any constant, and the losses are those of r2."""
    assert find_reward("explained_variance") is find_reward("r2")


# -- classes -------------------------------------------------------------------------

SHARE = np.array([0.6, 0.3, 0.1])
CLASSES = np.repeat([0, 1, 2], [6, 3, 1])
RANKED = pd.Series(pd.Categorical(CLASSES, ordered=True))


def brier(y, p):
    return np.square(p - np.eye(3)[y]).sum(axis=1).mean()


@pytest.mark.parametrize(
    ("scoring", "metric"), [("neg_log_loss", log_loss), ("neg_brier_score", brier)]
)
def test_losses_for_scores_of_probabilities_are_lowest_at_the_frequencies(
    scoring, metric
):
    start, task = np.zeros(3), Task("multiclass", 3)
    way = {"method": "Nelder-Mead", "options": {"xatol": 1e-6, "fatol": 1e-12}}
    best = minimize(
        lambda z: metric(CLASSES, np.tile(softmax(z), (10, 1))), start, **way
    )
    np.testing.assert_allclose(softmax(best.x), SHARE, atol=1e-4)
    space = loss_space(RANKED, scoring=scoring)
    assert {"cross_entropy", "gce"} < set(space.losses)
    assert {"cumulative_link", "rps"} & set(space.losses)
    assert not {"cumulative_link", "rps"} & set(
        loss_space(CLASSES, scoring=scoring).losses
    )
    for text in space.losses:
        loss = losses.get(text, "classification")

        def cost(raw, loss=loss):
            rows = ops.call_on_arrays(
                lambda y, raw: loss.rowwise(task, y, raw),
                np.eye(3),
                np.tile(raw, (3, 1)),
            )
            return SHARE @ np.asarray(rows)

        raw = minimize(cost, np.linspace(0.1, -0.1, loss.n_raw(task)), **way).x
        p = np.asarray(ops.call_on_arrays(loss.inverse_link, task, raw[None]))
        np.testing.assert_allclose(p[0], SHARE, atol=2e-3, err_msg=text)


@pytest.mark.parametrize(
    ("scoring", "score"),
    [
        ("f1", lambda y, p: fbeta_score(y, p, beta=1)),
        (make_scorer(fbeta_score, beta=2), lambda y, p: fbeta_score(y, p, beta=2)),
        ("jaccard", jaccard_score),
    ],
)
def test_the_overlap_of_certain_predictions_is_the_score(scoring, score):
    y, decided = RNG.integers(2, size=(2, 50))
    text = next(iter(loss_space(y, scoring=scoring).losses))
    loss, raw = losses.get(text, "classification"), 100.0 * decided[:, None] - 50
    value = loss.batch_value(
        Task("binary", 1),
        *map(ops.convert_to_tensor, (y[:, None].astype(float), raw, np.ones(50))),
    )
    assert 1 - float(value) / 50 == pytest.approx(score(y, decided))


@pytest.mark.parametrize("weights", ["quadratic", "linear"])
def test_the_mean_rank_does_not_decide_for_a_kappa(weights):
    """The mode is better by scikit-learn's kappa, or the median where y is skewed."""
    scorer = make_scorer(cohen_kappa_score, weights=weights)
    texts = set(loss_space(CLASSES, scoring=scorer).losses)
    assert ("qwk" in texts) == (weights == "quadratic")
    assert {"cumulative_link", "cumulative_link:decision=median"} < texts
    assert not [text for text in texts if "mean" in text]
    score, noise = RNG.normal(size=(2, 4000))
    for cuts, best in ([-1.1, -0.4, 0.4, 1.1], "mode"), ([0.3, 1.0, 1.6], "median"):
        y = np.digitize(0.7 * score + noise, cuts)
        below = stats.norm.cdf(np.array(cuts) - 0.7 * score[:, None])
        p = np.diff(below, axis=1, prepend=0, append=1)
        kappa = {}
        for decision in ("mode", "median", "mean"):
            decide = losses.get(f"rps:decision={decision}", "classification").decide
            found = np.asarray(ops.call_on_arrays(decide, p)).argmax(axis=1)
            kappa[decision] = cohen_kappa_score(y, found, weights=weights)
        assert max(kappa, key=kappa.get) == best
        assert kappa[best] > kappa["mean"] + 0.003


def test_every_scorer_of_scikit_learn_is_known_or_has_a_reason_not_to_be():
    found = {name: find_reward(name) for name in get_scorer_names()}
    unknown = {name for name, reward in found.items() if reward is None}
    assert unknown == UNKNOWN & set(found)
    regression = {
        name for name, reward in found.items() if reward and reward.family[0] == "r"
    }
    numbers = {*("r2", "explained_variance", "d2_absolute_error_score")}
    assert regression == numbers & set(found) | {
        name
        for name in found
        if name.startswith("neg_") and name.endswith(("_error", "_deviance"))
    }
