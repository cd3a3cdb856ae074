"""Sums and wrappers hand on what a loss says of itself, or say otherwise."""

import inspect

import numpy as np
import pytest
import tensorflow as tf
from canonical import NET, X, y_binary, y_three
from sklearn.model_selection import GridSearchCV

from skloss import LossAwareClassifier
from skloss.losses import (
    AbsoluteError,
    AbsoluteErrorOnProbabilities,
    Brier,
    Coral,
    CrossEntropy,
    CVaR,
    Exponential,
    GaussianNLL,
    Hinge,
    Huber,
    Loss,
    PerTarget,
    Poisson,
    Quantile,
    RankedProbability,
    RegressionLoss,
    Spherical,
    Square,
    SquaredError,
    Task,
    Tilted,
    Trimmed,
    UncertaintyWeighted,
)
from skloss.losses._core._multi_task_loss import (
    InUserUnits,
    MultiTaskLoss,
    UncertaintyWeightedTasks,
)
from skloss.losses._core._view import PLAIN, View
from skloss.model_selection import FusedGridSearchCV
from skloss.schedules import WarmUp

# What a class is called and cited by, and what it measures itself.
IDENTITY = {"name", "aliases", "from_keras", "formula", "source", "measured"}
# They reach all losses inside by way of the parameters.
PLUMBING = {"registry", "knobs", "structure", "measure", "batch_value", "pointwise"}
PUBLIC = {name for name in vars(Loss) if not name.startswith("_")}
METHODS = {n for n in PUBLIC if inspect.isfunction(vars(Loss)[n])} - PLUMBING
FACTS = PUBLIC - METHODS - IDENTITY - PLUMBING


class Probe(RegressionLoss):
    """A loss that says of itself nothing that is the default."""

    elicits = "what a probe finds"
    proper = "strict"
    robust = True
    convex = True
    gradient_growth = "exponential"
    decomposable = False
    in_user_units = True
    head_scale = 0.25
    views = (View(), View(averaged=True))
    pairs_rows = True
    monitors_itself = True
    search_space = {"size": (0.5, 2.0, "log")}  # noqa: RUF012

    def __init__(self, size=1.0):
        self.size = size

    def n_global(self, task):
        return 1

    def n_raw(self, task):
        return 2

    def global_pace(self, task):
        return np.array([7.0])


class OfRows(Probe):
    """A probe with a value for each row."""

    decomposable = True


ONE = Task("regression", 1)
UNPROVEN = {"elicits": "nothing known", "proper": "none", "decomposable": False}
TRAINED = {"convex": False, "gradient_growth": "exponential"}
ELICITS = {"elicits": "what each target's loss elicits", "views": PLAIN}
HEADS = {"elicits": "what each head's loss elicits", "views": PLAIN}
# A loss made of a probe, and what it says otherwise than the probe.
MADE = [
    (lambda probe: 2.0 * probe, {}),
    (lambda probe: probe + 0.5 * probe, {}),
    (lambda probe: InUserUnits(probe, 0.0, 2.0), {"in_user_units": False}),
    (UncertaintyWeighted, TRAINED),
    (lambda probe: PerTarget([probe, probe]), ELICITS),
    (lambda probe: MultiTaskLoss((("a", 1.0, probe),), (ONE,)), HEADS),
    (
        lambda probe: UncertaintyWeightedTasks((("a", 1.0, probe),), (ONE,)),
        {**HEADS, **TRAINED},
    ),
    (CVaR, {**UNPROVEN, "robust": False}),
    (Trimmed, {**UNPROVEN, "convex": False}),
    (Tilted, {**UNPROVEN, "robust": False}),
    (lambda probe: Tilted(probe, -1.0), {**UNPROVEN, "robust": False, "convex": False}),
]


def test_the_probe_is_unlike_the_default():
    for fact in FACTS - {"family"}:
        assert getattr(Probe(), fact) != getattr(Loss, fact), fact


@pytest.mark.parametrize("probe", [Probe(), OfRows()], ids=repr)
@pytest.mark.parametrize(("make", "otherwise"), MADE)
def test_every_fact_is_handed_on(make, otherwise, probe):
    whole = make(probe)
    family = None if isinstance(whole, MultiTaskLoss) else "regression"
    expected = {"family": family, **otherwise}
    for fact in FACTS - {"search_space", "head_scale"}:
        wanted = expected.get(fact, getattr(probe, fact))
        assert getattr(whole, fact) == wanted, fact
    # one an output for heads, of which those that are trained alone have 1
    assert set(np.ravel(whole.head_scale)) - {1.0} == {0.25}
    assert set(probe.search_space.values()) <= set(whole.search_space.values())
    assert set(whole.search_space) <= set(whole.get_params())
    paces = whole.global_pace(ONE)
    assert paces.shape == (whole.n_global(ONE),)
    assert paces[0] == 7.0
    for method in METHODS:
        assert getattr(type(whole), method) is not getattr(Loss, method), method


def test_tied_thresholds_keep_their_pace():
    task = Task("multiclass", 4)
    for loss in (Coral(), CVaR(Coral()), 0.7 * Coral() + 0.3 * Coral("median")):
        np.testing.assert_array_equal(loss.global_pace(task), [10.0, 10.0, 10.0])
    assert SquaredError().global_pace(ONE).shape == (0,)


# -- terms of weight 0 ---------------------------------------------------------------

FACTS_OF_SUMS = "proper elicits robust convex gradient_growth nonnegative".split()


@pytest.mark.parametrize(
    ("sum_", "as_"),
    [
        (0.0 * CrossEntropy() + AbsoluteErrorOnProbabilities(), "its terms"),
        (CrossEntropy() + 0.0 * Hinge(), "link"),
        (CrossEntropy() + 0.0 * Exponential() + 0.0 * Spherical(), "link"),
        (0.0 * SquaredError() + AbsoluteError(), "its terms"),
        (Poisson() + 0 * Poisson(), "its terms"),
        (0.0 * GaussianNLL() + 2.0 * GaussianNLL(), "its terms"),
    ],
)
def test_a_term_of_weight_zero_claims_nothing(sum_, as_):
    (alone,) = [loss for _, weight, loss in sum_.terms if weight]
    for fact in FACTS_OF_SUMS:
        wanted = getattr(alone, fact)
        if fact == "proper" and as_ == "link":  # a sum has its own link
            wanted = "link"
        assert getattr(sum_, fact) == wanted, fact
    if sum_.family == "classification":
        assert sum_.has_probabilities is alone.has_probabilities


def test_what_is_asked_of_target_and_graph_does_not_depend_on_weights():
    some, none = SquaredError() + AbsoluteError(), SquaredError() + 0 * AbsoluteError()
    assert none.target_scaling == some.target_scaling == "robust"
    assert none.structure() == some.structure()
    ordered = CrossEntropy() + 0.0 * RankedProbability(decision="median")
    assert ordered.ordered
    assert ordered.kinds == ("binary", "multiclass")


def test_sums_of_all_weights_zero_claim_nothing():
    nothing = 0.0 * CrossEntropy() + 0.0 * Brier()
    assert nothing.proper == "none"
    assert not nothing.has_probabilities


def test_a_schedule_counts_until_its_last_epoch_is_known():
    loss = WarmUp(epochs=2) * CrossEntropy() + AbsoluteErrorOnProbabilities()
    assert loss.has_probabilities
    net = LossAwareClassifier(loss, **NET).fit(X, y_binary)
    assert net.loss_.has_probabilities
    away = (1.0 + -1.0 * WarmUp(epochs=2)) * CrossEntropy()
    net = LossAwareClassifier(away + AbsoluteErrorOnProbabilities(), **NET)
    assert not hasattr(net.fit(X, y_binary), "predict_proba")


def test_facts_of_sums():
    both = SquaredError() + Huber()
    assert (both.proper, both.elicits, both.robust) == ("none", "a mixture", False)
    assert (both.convex, both.gradient_growth) == (True, "linear")
    # half of each: the pinball loss of the mean of the levels
    quantiles = 0.5 * Quantile(0.1) + 0.5 * Quantile(0.4)
    assert (quantiles.proper, quantiles.elicits) == ("strict", "quantile")
    assert not (CrossEntropy() + Brier()).convex
    assert (CrossEntropy() + Square()).gradient_growth == "linear"
    assert PerTarget([SquaredError(), Huber()]).proper == "none"
    assert PerTarget([SquaredError(), AbsoluteError()]).proper == "strict"


WEIGHTS = [(0.0, 1.0), (1.0, 0.0), (0.4, 0.6), (1.0, 1.0)]


@pytest.mark.parametrize("other", [AbsoluteErrorOnProbabilities(), Hinge()], ids=repr)
def test_in_one_graph_each_network_is_watched_by_its_own_weights(other):
    task, rng = Task("multiclass", 3), np.random.default_rng(0)
    y, raw = tf.constant(np.eye(3)[[0, 1, 2, 0]]), tf.constant(rng.normal(size=(4, 3)))
    losses = [a * CrossEntropy() + b * other for a, b in WEIGHTS]
    assert len({loss.structure() for loss in losses}) == 1
    cost = tf.ones(3, tf.float64)
    names = list(losses[0].knobs())
    knobs = {n: tf.constant([x.knobs()[n] for x in losses], tf.float64) for n in names}

    def one(numbers):
        bound = losses[0].bind(numbers)
        return bound.monitor(task, y, raw, cost), bound.scores(task, 1.0 * raw)

    mapped = tf.function(lambda k: tf.vectorized_map(one, k), autograph=False)
    monitors, scores = mapped(knobs)
    for i, loss in enumerate(losses):
        alone = loss.monitor(task, y, raw, cost)
        np.testing.assert_allclose(monitors[i], alone, rtol=1e-12)
        np.testing.assert_allclose(scores[i], loss.scores(task, raw), rtol=1e-9)
    zero_one = np.argmax(raw, axis=1) != np.array([0, 1, 2, 0])
    np.testing.assert_array_equal(monitors[0], zero_one.astype(float))
    log_p = raw - tf.reduce_logsumexp(raw, axis=1, keepdims=True)
    expected = -tf.reduce_sum(y * log_p, axis=1)
    np.testing.assert_allclose(monitors[1], expected, rtol=1e-5)


@pytest.mark.slow
def test_a_term_of_weight_zero_trains_as_if_it_were_not_there():
    early = {**NET, "early_stopping": True, "epochs": 8}
    blend = 0.0 * CrossEntropy() + 1.0 * AbsoluteErrorOnProbabilities()
    ours = LossAwareClassifier(blend, **early).fit(X, y_three)
    alone = LossAwareClassifier("absolute_error", **early).fit(X, y_three)
    assert "val_zero_one_loss" in ours.history_
    assert not hasattr(ours, "predict_proba")
    for name, values in alone.history_.items():
        np.testing.assert_allclose(ours.history_[name], values, rtol=1e-5)
    np.testing.assert_array_equal(ours.predict(X), alone.predict(X))


@pytest.mark.slow
def test_a_search_over_weights_from_zero_is_the_sequential_one():
    blend = CrossEntropy() + AbsoluteErrorOnProbabilities()
    net = LossAwareClassifier(blend, **NET, early_stopping=True)
    grid = {"loss__cross_entropy__weight": [0.0, 0.5]}
    fused = FusedGridSearchCV(net, grid, cv=2, refit=False).fit(X, y_three)
    plain = GridSearchCV(net, grid, cv=2, refit=False).fit(X, y_three)
    for split in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(fused.cv_results_[split], plain.cv_results_[split])
