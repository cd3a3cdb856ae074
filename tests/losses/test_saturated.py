"""The saturated model: no raw outputs have a lower loss than its own."""

import numpy as np
import pytest
import tensorflow as tf
from catalogue import TASKS, own_classes, ready, targets
from scipy import stats
from scipy.optimize import minimize_scalar
from sklearn.metrics import mean_tweedie_deviance

from skloss import losses
from skloss.losses import Task
from skloss.losses._core._custom import CustomRegressionLoss
from skloss.losses._core._multi_task_loss import MultiTaskLoss, UncertaintyWeightedTasks
from skloss.losses._core._saturated import saturated_outputs

ONE, TWO = Task("regression", 1), TASKS["regression"]
N = 12
SMOOTHED = losses.CrossEntropy(label_smoothing=0.1)
OWN = CustomRegressionLoss(lambda y, p: tf.square(p - 2 * y) + 3.0)
MORE = [
    SMOOTHED,
    SMOOTHED + 0.3 * losses.Focal(),
    losses.ForwardCorrection(transition=0.2),
    losses.Square(kappa=15.0, scale=30.0),
    losses.CVaR(SMOOTHED),
    losses.SquaredError() + losses.Huber(),
    losses.CRPSGaussian() + losses.GaussianNLL(),
    losses.NegativeBinomial(dispersion="row"),
    losses.SmoothQuantile((0.1, 0.5, 0.9)),
    losses.Trimmed(losses.Tweedie(power=1.9)),
    losses.UncertaintyWeighted(losses.Huber()),
    losses.PerTarget([losses.Quantile((0.1, 0.9)), losses.NegativeBinomial()]),
    OWN,
]
CASES = [
    pytest.param(loss, TASKS[kind], id=f"{'own' if loss is OWN else loss!r}-{kind}")
    for loss in [*(cls() for cls in own_classes()), *MORE]
    for kind in loss.kinds
]


def both(loss, task, y, weight):
    """Return the raw outputs of the best constant and of the saturated model."""
    constant = np.asarray(loss.best_constant(task, y, weight))
    return np.tile(constant, (len(y), 1)), saturated_outputs(loss, task, y, constant)


def least(loss, task, y):
    """Return the mean loss of the saturated model."""
    weight = np.full(len(y), 1 / len(y))
    raw = both(loss, task, y, weight)[1]
    return float(loss.batch_value(task, y, raw, weight))


@pytest.mark.parametrize(("loss", "task"), CASES)
def test_nothing_is_below_it(loss, task):
    """Where a loss may fall without end, what the best constant says of it is held."""
    loss, rng = ready(loss, task), np.random.default_rng(0)
    if isinstance(loss, losses.PerTarget):
        y = np.floor(rng.gamma(2.0, size=(N, 2)))
    else:
        y = targets(loss, task, N, rng)
    weight = rng.uniform(0.3, 2.0, N)
    weight /= weight.sum()
    constant, raw = both(loss, task, y, weight)
    assert np.isfinite(raw).all()
    free = np.ones(raw.shape[1], bool)
    if task.kind == "regression" and not loss.nonnegative:
        free = np.ptp(raw, axis=0) > 0
        assert free.any()
    others = [constant]
    for scale in (0.01, 0.3, 3.0):
        others.append(raw + free * scale * rng.normal(size=raw.shape))
    lowest = float(loss.batch_value(task, y, raw, weight))
    values = [float(loss.batch_value(task, y, z, weight)) for z in others]
    assert lowest <= min(values) + 1e-3 * abs(values[0])
    assert lowest < values[0] - 1e-3 * abs(values[0])


@pytest.mark.parametrize("power", [1, 1.05, 1.5, 1.9, 2])
def test_the_distance_is_half_the_deviance(power):
    rng = np.random.default_rng(1)
    y = rng.gamma(1.5, size=(50, 1)) * (1 if power == 2 else rng.random((50, 1)) < 0.7)
    f = rng.normal(size=(50, 1))
    loss = {1: losses.Poisson(), 2: losses.Gamma()}.get(power)
    loss = losses.Tweedie(power=power) if loss is None else loss
    value = float(loss.batch_value(ONE, y, f, np.full(50, 0.02)))
    deviance = mean_tweedie_deviance(y[:, 0], np.exp(f[:, 0]), power=power)
    assert 2 * (value - least(loss, ONE, y)) == pytest.approx(deviance, rel=1e-9)


def test_likelihoods_keep_the_dispersion_of_the_best_constant():
    """Compared with scipy.stats, and with the normal law's half for each target."""
    rng = np.random.default_rng(2)
    y = rng.normal(size=(40, 2))
    weight = np.full(40, 1 / 40)
    loss = losses.GaussianNLL()
    constant, raw = both(loss, TWO, y, weight)
    gap = loss.batch_value(TWO, y, constant, weight)
    gap = gap - loss.batch_value(TWO, y, raw, weight)
    assert float(gap) == pytest.approx(0.5)

    counts = rng.negative_binomial(2, 0.3, size=(40, 1)).astype(float)
    loss = losses.NegativeBinomial()
    constant = loss.best_constant(ONE, counts, weight)
    k = 1 / loss.trained(ONE, constant[-1:])["dispersion"]
    expected = -stats.nbinom.logpmf(counts, k, k / (k + counts)).mean()
    assert least(loss, ONE, counts) == pytest.approx(expected, rel=1e-6)

    share = rng.beta(0.6, 0.9, size=(40, 1))
    loss = losses.BetaLikelihood()
    k = np.exp(loss.best_constant(ONE, share, weight)[1])

    def lowest(y):
        def value(m):
            return -stats.beta.logpdf(y, m * k, (1 - m) * k)

        return minimize_scalar(value, bounds=(1e-6, 1 - 1e-6)).fun

    expected = np.mean([lowest(y) for y in share[:, 0]])
    assert least(loss, ONE, share) == pytest.approx(expected, abs=1e-4)


def test_what_cannot_be_zero():
    """The entropy of smoothed labels and of a level, and a constant that is added."""
    task = TASKS["multiclass"]
    label = np.full(task.size, 0.1 / task.size)
    label[0] += 0.9
    expected = stats.entropy(label)
    assert least(SMOOTHED, task, np.eye(task.size)) == pytest.approx(expected, rel=1e-5)
    y = np.linspace(-1, 1, 7)[:, None]
    expected = 0.05 * stats.entropy([0.2, 0.8])
    assert least(losses.SmoothQuantile(0.2), ONE, y) == pytest.approx(expected)
    assert least(OWN, ONE, y) == pytest.approx(3.0, abs=1e-9)


@pytest.mark.parametrize("kind", [MultiTaskLoss, UncertaintyWeightedTasks])
def test_tasks_side_by_side_have_their_own(kind):
    terms = ("a", 1.0, SMOOTHED), ("b", 1.0, losses.Huber())
    loss, joint = kind(terms, (Task("binary", 1), ONE)), TWO
    rng = np.random.default_rng(3)
    y = np.column_stack([np.arange(10) % 2, rng.normal(size=10)])
    entropy = stats.entropy([0.95, 0.05])
    weight = np.full(10, 0.1)
    constant, raw = both(loss, joint, y, weight)
    np.testing.assert_allclose(raw[:, 1], y[:, 1])
    expected = entropy
    if kind is UncertaintyWeightedTasks:
        s = constant[0, -2:]
        expected = np.exp(-s[0]) * entropy + s.sum() / 2
    value = float(loss.batch_value(joint, y, raw, weight))
    assert value == pytest.approx(expected, rel=1e-5)
