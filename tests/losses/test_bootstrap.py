"""Temporal differences: against loops over rows, rlax's numbers, and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import own_classes

from skloss.exceptions import LossTargetError
from skloss.losses import CVaR, Expectile, Huber, Quantile, SquaredError, Task, get
from skloss.losses._bootstrap import (
    ActionValues,
    TemporalDifference,
    check_bootstraps,
    expect,
)

RNG = np.random.default_rng(4)
N, ACTIONS = 9, 3
FIVE = (0.1, 0.3, 0.5, 0.7, 0.9)
LOSSES = [
    SquaredError(),
    Huber(0.4),
    Expectile(0.8),
    Quantile(0.3),
    Quantile(FIVE),
    Quantile((0.05, 0.5, 0.6)),
    Quantile((0.2, 0.7)),
]
WEIGHT = RNG.uniform(0.5, 2.0, N)
BACKUPS = ("max", "double", "expectile")


# -- by hand ---------------------------------------------------------------------------


def levels_of(loss, raw):
    """Return what may come, from the raw outputs of one target."""
    if not isinstance(loss, Quantile) or np.ndim(loss.quantile) == 0:
        return [float(raw[0])]
    middle = len(raw) // 2
    found = {middle: float(raw[middle])}
    for i in range(middle + 1, len(raw)):
        found[i] = found[i - 1] + np.log1p(np.exp(raw[i]))
    for i in range(middle - 1, -1, -1):
        found[i] = found[i + 1] - np.log1p(np.exp(raw[i]))
    return [found[i] for i in range(len(raw))]


def mean_of_lowest(loss, values, share=1.0):
    """Return the mean of the lowest share, on a grid of probabilities.

    The quantile of a probability is that of the nearest level.
    """
    if len(values) == 1:
        return values[0]
    p = (np.arange(100_000) + 0.5) / 100_000 * share
    cuts = np.add(loss.quantile[1:], loss.quantile[:-1]) / 2
    return float(np.mean(np.array(values)[np.searchsorted(cuts, p)]))


def share_of_samples(loss, count):
    """Return how much of all probability is nearest to each level."""
    return [mean_of_lowest(loss, list(np.eye(count)[i])) for i in range(count)]


def price(loss, y, values):
    """Return the loss of one target y for what may come."""
    if isinstance(loss, SquaredError):
        return (y - values[0]) ** 2
    if isinstance(loss, Huber):
        r = abs(y - values[0])
        d = loss.delta
        return r * r / 2 if r <= d else d * (r - d / 2)
    if isinstance(loss, Expectile):
        side = loss.expectile if y > values[0] else 1 - loss.expectile
        return side * (y - values[0]) ** 2
    priced = [
        q * (y - v) if y > v else (1 - q) * (v - y)
        for q, v in zip(np.atleast_1d(loss.quantile), values, strict=True)
    ]
    return sum(priced) / len(priced)


def compare(loss, y, factors, ahead, values):
    """Return the loss of a row, the mean over what may come in the states ahead."""
    share = share_of_samples(loss, len(values))
    total = 0.0
    for j in range(len(share)):
        later = sum(f * own[j] for f, own in zip(factors, ahead, strict=True))
        total += share[j] * price(loss, y + later, values)
    return total


def make_batch(loss, views, targets, n_ahead):
    """Return y, factors, raw outputs of all views, and those by targets."""
    y, factors = RNG.normal(size=N), RNG.uniform(0, 1, (N, n_ahead))
    factors[2] = 0.0  # a terminal row
    raw = RNG.normal(size=(len(views), N, targets, loss.n_outputs))
    return y, factors, raw.reshape(len(views), N, -1), raw


def value_of(loss, task, y_true, raw, weight=WEIGHT):
    return float(loss.batch_value(task, tf.constant(y_true), tf.constant(raw), weight))


# -- values of states ------------------------------------------------------------------


@pytest.mark.parametrize("n_ahead", [1, 3])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_values_of_states(loss, n_ahead):
    whole, task = TemporalDifference(loss, n_ahead), Task("regression", 1)
    y, factors, raw, split = make_batch(loss, whole.views, 1, n_ahead)
    expected = 0.0
    for i in range(N):
        ahead = [levels_of(loss, split[k, i, 0]) for k in range(1, n_ahead + 1)]
        values = levels_of(loss, split[0, i, 0])
        expected += WEIGHT[i] * compare(loss, y[i], factors[i], ahead, values)
    found = value_of(whole, task, np.column_stack([y, factors]), raw)
    assert found == pytest.approx(expected, rel=1e-5)


def test_temporal_differences_of_rlax():
    """Whose values are 1, rewards -1, and next values 0, 1, 2 by each discount."""
    differences = [-2, -2, -2, -2, -1.5, -1, -2, -1, 0]
    discount, after = (a.ravel() for a in np.meshgrid([0, 0.5, 1], [0, 1.0, 2]))
    raw = np.stack([np.ones(9), after])[..., None]
    y = np.column_stack([-np.ones(9), discount])
    loss, task = TemporalDifference(SquaredError()), Task("regression", 1)
    for i, difference in enumerate(differences):
        weight = np.eye(9)[i]
        assert value_of(loss, task, y, raw, weight) == pytest.approx(difference**2)


@pytest.mark.parametrize(("levels", "total"), [((0.2, 0.7), 2.0), ((0.0, 0.4), 2.2)])
def test_quantile_regression_of_rlax(levels, total):
    """Quantiles -1 and 3, targets -3, 4, 2; rlax sums over levels, we take the mean."""
    own = [np.log(np.expm1(4.0)), 3.0]  # a gap of 4 below 3
    after = np.array([-3.0, 4.0, 2.0])
    # what may come there is as good as certain
    ahead = np.column_stack([np.full(3, -50.0), after])
    raw = np.stack([np.tile(own, (3, 1)), ahead])
    y = np.column_stack([np.zeros(3), np.ones(3)])
    loss = TemporalDifference(Quantile(levels))
    found = value_of(loss, Task("regression", 1), y, raw, np.full(3, 1 / 3))
    assert found == pytest.approx(total / 2)


# -- values of actions -----------------------------------------------------------------


def find_target(loss, split, i, k, whole):
    """Return what may come in a state ahead of row i, under a backup."""
    n_ahead, backup = whole.n_ahead, whole.backup
    judged = [levels_of(loss, own) for own in split[k, i]]
    if backup == "expectile":
        return judged[ACTIONS]
    judge = judged
    if backup == "double":
        judge = [levels_of(loss, own) for own in split[n_ahead + k, i]]
    worth = [mean_of_lowest(loss, own, whole.risk_level) for own in judge]
    return judged[int(np.argmax(worth))]


@pytest.mark.parametrize("n_ahead", [1, 2])
@pytest.mark.parametrize("backup", BACKUPS)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_values_of_actions(loss, backup, n_ahead):
    expectile = tf.constant(0.9, tf.float64)  # a tensor, as the engine binds it
    whole = ActionValues(loss, n_ahead, backup, expectile, risk_level=0.35)
    targets = ACTIONS + (backup == "expectile")
    task = Task("regression", targets)
    y, factors, raw, split = make_batch(loss, whole.views, targets, n_ahead)
    action = RNG.integers(0, ACTIONS, N)
    expected = 0.0
    for i in range(N):
        ahead = [find_target(loss, split, i, k + 1, whole) for k in range(n_ahead)]
        values = levels_of(loss, split[0, i, action[i]])
        expected += WEIGHT[i] * compare(loss, y[i], factors[i], ahead, values)
        if backup == "expectile":
            teacher = mean_of_lowest(loss, levels_of(loss, split[-1, i, action[i]]))
            state = mean_of_lowest(loss, levels_of(loss, split[0, i, ACTIONS]))
            expected += WEIGHT[i] * price(Expectile(0.9), teacher, [state])
    columns = [np.tile(y[:, None], targets), factors, np.eye(ACTIONS)[action]]
    found = value_of(whole, task, np.hstack(columns), raw)
    assert found == pytest.approx(expected, rel=1e-4)


def test_double_takes_its_own_best_action_at_the_averaged_value():
    averaged, own = [1.0, 5.0, 3.0], [9.0, 0.0, 2.0]
    raw = np.array([[[0.0] * 3], [averaged], [own]])
    y = np.array([[0.0] * 3 + [1.0] + [1.0, 0, 0]])
    task, one = Task("regression", 3), np.ones(1)
    double = ActionValues(SquaredError(), backup="double")
    assert value_of(double, task, y, raw, one) == 1.0**2
    largest = ActionValues(SquaredError(), backup="max")
    assert value_of(largest, task, y, raw[:2], one) == 5.0**2


def test_of_equally_good_actions_the_mean_counts():
    """By the network two are best, and the averaged weights tell them apart."""
    raw = np.array([[[0.0] * 3], [[1.0, 5.0, 100.0]], [[2.0, 2.0, 0.0]]])
    y = np.array([[0.0] * 3 + [1.0] + [1.0, 0, 0]])
    loss = ActionValues(SquaredError(), backup="double")
    assert value_of(loss, Task("regression", 3), y, raw, np.ones(1)) == 3.0**2


def test_only_the_action_that_was_taken_is_compared():
    loss, task = ActionValues(SquaredError(), backup="max"), Task("regression", 2)
    y = np.array([[2.0, 2.0, 0.0, 0.0, 1.0]])
    raw = np.array([[[7.0, 1.5]], [[0.0, 0.0]]])
    assert value_of(loss, task, y, raw, np.ones(1)) == 0.25
    raw[0, 0, 0] = -100.0
    assert value_of(loss, task, y, raw, np.ones(1)) == 0.25


def test_an_expectile_may_be_a_plain_number_as_all_numbers_of_losses():
    loss, task = (
        ActionValues(SquaredError(), 1, "expectile", 0.8),
        Task("regression", 2),
    )
    y = np.array([[2.0, 2.0, 0.5, 1.0]])  # of one action: reward, factor, taken
    raw = np.array([[[1.0, 3.0]], [[7.0, 4.0]], [[9.0, 0.0]]])
    # 2 + 0.5 * 4 against 1, and 9 against 3
    expected = 3.0**2 + 0.8 * 6.0**2
    assert value_of(loss, task, y, raw, np.ones(1)) == pytest.approx(expected)


# -- what actions are judged by --------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1.0, 3.0), (0.4, 1.5), (0.2, 1.0), (0.01, 1.0), (0.3, (2 * 1 + 2) / 3)],
)
def test_the_mean_of_the_lowest_quantiles(share, expected):
    """Five that stand for a fifth each: 1 to 5."""
    gap = np.log(np.expm1(1.0))
    raw = tf.constant(np.array([[[gap, gap, 3.0, gap, gap]]]))
    found = expect(Quantile(FIVE), raw, share)
    np.testing.assert_allclose(found, [[expected]])


def test_levels_that_are_not_evenly_spread_stand_for_what_is_nearest():
    """Levels 0.1, 0.5 and 0.6 for 0 to 0.3, 0.3 to 0.55, and the rest."""
    gap = np.log(np.expm1(10.0))
    raw = tf.constant(np.array([[[gap, 10.0, gap]]]))  # 0, 10, 20
    loss = Quantile((0.1, 0.5, 0.6))
    found = [float(expect(loss, raw, share)[0, 0]) for share in (1.0, 0.5, 0.3)]
    np.testing.assert_allclose(found, [0.25 * 10 + 0.45 * 20, 0.2 * 10 / 0.5, 0])


def test_without_quantiles_the_risk_is_nobodys():
    raw = tf.constant(RNG.normal(size=(4, 3)))
    assert (expect(Huber(), raw, 0.1) == raw).numpy().all()


# -- slopes ----------------------------------------------------------------------------


def slope_of(loss, task, y, raw):
    with tf.GradientTape() as tape:
        x = tf.constant(raw)
        tape.watch(x)
        value = loss.batch_value(task, tf.constant(y), x, WEIGHT)
    return tf.convert_to_tensor(tape.gradient(value, x)).numpy()


def assert_semi_gradient(loss, task, y, raw):
    """Assert a slope of the values themselves, and none of what targets are made of."""
    slope, step = slope_of(loss, task, y, raw), 1e-6
    assert (slope[1:] == 0).all()
    for place in [(0, 0), (0, -1), (4, 1 % raw.shape[2]), (7, 0), (8, -1)]:
        move = np.zeros_like(raw)
        move[0][place] = step
        ends = [value_of(loss, task, y, raw + sign * move) for sign in (1, -1)]
        expected = (ends[0] - ends[1]) / (2 * step)
        assert slope[0][place] == pytest.approx(expected, abs=1e-7)
    # which a slope that passed through the targets would not have been
    far = value_of(loss, task, y, np.concatenate([raw[:1], raw[1:] + 0.1]))
    assert far != value_of(loss, task, y, raw)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_no_slope_passes_the_targets_of_states(loss):
    whole = TemporalDifference(loss, 2)
    y, factors, raw, _ = make_batch(loss, whole.views, 1, 2)
    assert_semi_gradient(
        whole, Task("regression", 1), np.column_stack([y, factors]), raw
    )


@pytest.mark.parametrize("backup", BACKUPS)
@pytest.mark.parametrize("loss", [LOSSES[0], LOSSES[4]], ids=repr)
def test_no_slope_passes_the_targets_of_actions(loss, backup):
    """The network's own view of the next state under "double" gets none either."""
    expectile = tf.constant(0.8, tf.float64)
    whole = ActionValues(loss, 1, backup, expectile)
    targets = ACTIONS + (backup == "expectile")
    y, factors, raw, _ = make_batch(loss, whole.views, targets, 1)
    taken = np.eye(ACTIONS)[RNG.integers(0, ACTIONS, N)]
    columns = np.hstack([np.tile(y[:, None], targets), factors, taken])
    assert_semi_gradient(whole, Task("regression", targets), columns, raw)


# -- which losses ----------------------------------------------------------------------


def find_fine():
    """Return the names of the losses of numbers that are not refused."""
    found = set()
    for cls in own_classes(("regression",)):
        try:
            check_bootstraps(cls())
        except LossTargetError:
            continue
        found.add(cls.name)
    return found


def test_losses_of_one_real_number_are_fine():
    assert find_fine() >= {
        "absolute_error",
        "barron",
        "cauchy",
        "epsilon_insensitive",
        "expectile",
        "huber",
        "log_cosh",
        "pseudo_huber",
        "quantile",
        "smooth_quantile",
        "squared_error",
        "tukey",
    }


# is relative to how far a target is from there, not to the target.
def test_a_loss_of_relative_errors_is_refused():
    assert "mape" not in find_fine()


@pytest.mark.parametrize(
    "name",
    [
        "poisson",
        "gamma",
        "tweedie",
        "gaussian_nll",
        "laplace_nll",
        "crps",
        "hl_gauss",
        "mixture_density",
        "evidential_nig",
        "negative_binomial",
        "msle",
        "fractional",
        "beta_likelihood",
    ],
)
def test_other_losses_are_refused_with_those_that_are_not(name):
    with pytest.raises(LossTargetError, match=r"temporal difference.*'squared_error'"):
        check_bootstraps(get(name, "regression"))


def test_a_loss_in_the_users_units_or_of_a_whole_batch_is_refused():
    def own(y_true, y_pred):
        return (y_true - y_pred) ** 2

    for loss in (get(own, "regression"), CVaR(Huber())):
        with pytest.raises(LossTargetError, match="temporal difference"):
            check_bootstraps(loss)


def test_sums_of_fine_losses_are_fine():
    check_bootstraps(SquaredError() + 0.5 * Huber())


def test_what_shapes_x_is_no_number_of_the_loss():
    """Else networks that see other tables would be trained together."""
    names = set(ActionValues(Huber(), 2, "double").knobs())
    assert names == {"loss__delta", "expectile", "risk_level"}
    assert ActionValues(Huber(), 1).structure() != ActionValues(Huber(), 2).structure()
    assert (
        ActionValues(Huber(1.0), 1).structure()
        == ActionValues(Huber(2.0), 1, expectile=0.9, risk_level=0.1).structure()
    )
    assert TemporalDifference(Huber(), 2).structure() != (
        TemporalDifference(Huber(), 1).structure()
    )
