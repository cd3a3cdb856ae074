"""Rows without a label in the engine: what they do in one network and in many."""

from dataclasses import replace

import numpy as np
import pytest
from canonical import NET, X, y_three
from catalogue import some_slow
from scipy.stats import entropy
from searches import assert_same, both
from unlabelled_rows import OTHERS, ROWS, SOME

from skloss import LossAwareClassifier
from skloss._engine import _population, train_population
from skloss.estimators._fit_network import prepare_fit
from skloss.losses import Consistency, Entropy, MeanTeacher, PseudoLabel
from skloss.model_selection import LabelledSplit
from skloss.schedules import WarmUp

pytestmark = pytest.mark.slow

FULL = {"optimizer": "sgd", "batch_size": 500, "dtype": "float64"}
QUICK = {**NET, "epochs": 3, "dtype": "float64"}


def make(unlabeled_loss, **changes):
    return LossAwareClassifier(
        unlabeled_loss=unlabeled_loss, **{**QUICK, "record": False, **changes}
    )


def train(nets, y=SOME, **fit):
    """Train networks together, as a search does; return their results."""
    jobs = [prepare_fit(net, X, y, **fit) for net in nets]
    members = [job.plan.members[0] for job in jobs]
    return train_population(replace(jobs[0].plan, members=members), jobs[0].data)


def weights_of(net):
    return net._fitted.outputs.weights


# -- what is minimised -----------------------------------------------------------------


def first_loss(unlabeled_loss, y=SOME, **fit):
    """Return the loss of the first, full batch, and the probabilities before it."""
    net = make(unlabeled_loss, **FULL, learning_rate=1e-12, epochs=1)
    net.fit(X, y, **fit)
    return net.history_["loss"][0], net.predict_proba(X)


def mean_of(value, rows, weight=None):
    return np.average(value[rows], weights=None if weight is None else weight[rows])


def cross_entropy(p, y, weight=None):
    rows = np.flatnonzero(y >= 0)
    return mean_of(-np.log(p[np.arange(93), y]), rows, weight)


def test_a_full_batch_by_hand():
    found, p = first_loss("entropy:weight=0.7")
    expected = cross_entropy(p, SOME) + 0.7 * mean_of(entropy(p, axis=1), OTHERS)
    assert found == pytest.approx(expected, rel=1e-9)
    found, p = first_loss("pseudo_label:threshold=0.6, corruption=0, weight=2")
    values = np.where(p.max(axis=1) >= 0.6, -np.log(p.max(axis=1)), 0.0)
    assert 0 < np.count_nonzero(values) < 93
    expected = cross_entropy(p, SOME) + 2 * mean_of(values, OTHERS)
    assert found == pytest.approx(expected, rel=1e-9)


def test_rows_weigh_by_sample_weights_among_their_kind():
    weight = np.random.default_rng(1).uniform(0, 2, 93) * np.where(SOME < 0, 100, 1)
    found, p = first_loss("entropy:weight=0.7", sample_weight=weight)
    own = cross_entropy(p, SOME, weight)
    others = mean_of(entropy(p, axis=1), OTHERS, weight)
    assert found == pytest.approx(own + 0.7 * others, rel=1e-9)


def test_six_rows_without_a_label_among_many_with_one():
    y = np.where(np.arange(93) % 17 == 0, -1, y_three)
    found, p = first_loss("entropy:weight=0.7", y)
    rest = mean_of(entropy(p, axis=1), np.flatnonzero(y < 0)) * 6 / 87
    assert found == pytest.approx(cross_entropy(p, y) + 0.7 * rest, rel=1e-9)


def test_a_teacher_that_is_the_network_itself_has_nothing_to_say():
    """At first the averaged weights are the network's."""
    found, p = first_loss("mean_teacher:corruption=0")
    assert found == pytest.approx(cross_entropy(p, SOME), rel=1e-9)


@pytest.mark.parametrize("kind", [PseudoLabel, Consistency, MeanTeacher, Entropy])
def test_a_weight_of_zero_is_a_fit_on_the_rows_with_a_label(kind):
    """Full batches of gradient descent; those of the average start at the same."""
    average = 0.9 if kind is MeanTeacher else 0.0
    own = {**FULL, "learning_rate": 0.1, "weight_averaging": average}
    together = make(kind(weight=0.0), **own).fit(X, SOME)
    alone = make(None, **own).fit(X[ROWS], y_three[ROWS])
    np.testing.assert_allclose(weights_of(together), weights_of(alone), atol=1e-12)
    np.testing.assert_allclose(
        together.history_["loss"], alone.history_["loss"], rtol=1e-12
    )


def test_a_step_by_hand():
    """One step of gradient descent; its slope by differences in the output's bias."""
    own = {**FULL, "epochs": 1}
    start = make("entropy:weight=0.7", **own, learning_rate=1e-12).fit(X, SOME)
    stepped = make("entropy:weight=0.7", **own, learning_rate=0.1).fit(X, SOME)
    before = weights_of(start)
    scores = np.log(start.predict_proba(X))  # the raw outputs but for a shift

    def value(shift):
        z = scores + shift
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return cross_entropy(p, SOME) + 0.7 * mean_of(entropy(p, axis=1), OTHERS)

    moves = 1e-6 * np.eye(3)
    slope = np.array([(value(m) - value(-m)) / 2e-6 for m in moves])
    np.testing.assert_allclose(
        weights_of(stepped)[-3:], before[-3:] - 0.1 * slope, atol=1e-9
    )


def test_same_random_state_same_bits():
    one, two = (make("mean_teacher").fit(X, SOME) for _ in range(2))
    assert (weights_of(one) == weights_of(two)).all()
    assert one.history_ == two.history_
    other = make("mean_teacher", random_state=1).fit(X, SOME)
    assert (weights_of(one) != weights_of(other)).any()


# -- many networks ---------------------------------------------------------------------

MANY = {
    "pseudo_label": [
        PseudoLabel(1.0, 0.4, 0.3),
        PseudoLabel(1.0, 0.6, 0.3),
        PseudoLabel(2.0, 0.4, 0.3),
        PseudoLabel(1.0, 0.4, 0.6),
        PseudoLabel(WarmUp(epochs=3), 0.4, 0.3),
    ],
    "consistency": [
        Consistency(1.0, 0.3),
        Consistency(9.0, 0.3),
        Consistency(1.0, 0.6),
        Consistency(1.0, 0.0),
        Consistency(WarmUp(epochs=3), 0.3),
    ],
    "mean_teacher": [
        MeanTeacher(3.0, 0.3),
        MeanTeacher(1.0, 0.3),
        MeanTeacher(3.0, 0.6),
        MeanTeacher(0.0, 0.0),
        MeanTeacher(WarmUp(epochs=3), 0.3),
    ],
    "entropy": [Entropy(w) for w in (0.1, 0.0, 1.0, WarmUp(epochs=3))],
}


@pytest.mark.parametrize("name", some_slow(MANY, {*MANY} - {"mean_teacher"}))
def test_networks_together_are_those_alone(name):
    nets = [make(loss) for loss in MANY[name]]
    together = train(nets)
    for net, result in zip(nets, together, strict=True):
        (alone,) = train([net])
        apart = np.linalg.norm(result.weights - alone.weights)
        assert apart < 1e-10 * np.linalg.norm(alone.weights)
        np.testing.assert_allclose(
            result.history["loss"], alone.history["loss"], rtol=1e-9
        )
    found = [result.weights for result in together]
    for i, one in enumerate(found):
        for other in found[:i]:
            assert np.linalg.norm(one - other) > 1e-6


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("pseudo_label", PseudoLabel(1.1, 0.6, 0.3)),
        ("pseudo_label", PseudoLabel(1.0, 0.5, 0.3)),
        ("consistency", Consistency(9.0, 0.5)),
        ("consistency", Consistency(2.0 * WarmUp(epochs=2), 0.3)),
        ("mean_teacher", MeanTeacher(1.0, 0.5)),
        ("entropy", Entropy(0.3)),
    ],
)
def test_a_knob_is_of_one_network_and_of_no_other(name, changed):
    losses = MANY[name][:3]
    if isinstance(changed.weight, float) is False:
        losses[1] = Consistency(WarmUp(epochs=2), 0.3)
    before = train([make(loss) for loss in losses])
    losses[1] = changed
    after = train([make(loss) for loss in losses])
    same = [(a.weights == b.weights).all() for a, b in zip(before, after, strict=True)]
    assert same == [True, False, True]


def test_the_momentum_of_a_teacher_is_of_one_network_and_of_no_other():
    momenta = [[0.5, 0.9, 0.99], [0.5, 0.7, 0.99]]
    before, after = (
        train([make("mean_teacher:weight=9", weight_averaging=m) for m in own])
        for own in momenta
    )
    # what the teacher says shows in the latest weights, not in the average alone
    same = [
        (a.state.weights == b.state.weights).all()
        for a, b in zip(before, after, strict=True)
    ]
    assert same == [True, False, True]


def test_a_teacher_has_a_momentum_of_its_own_where_none_is_given():
    (none,) = train([make("mean_teacher")])
    (given,) = train([make("mean_teacher", weight_averaging=0.99)])
    (other,) = train([make("mean_teacher", weight_averaging=0.9)])
    assert (none.weights == given.weights).all()
    assert (none.weights != other.weights).any()


def test_a_schedule_of_the_weight_is_recorded_and_used():
    ramp = make(Entropy(WarmUp(epochs=3)), **FULL).fit(X, SOME)
    np.testing.assert_allclose(
        ramp.history_["unlabeled_loss__weight"], [1 / 3, 2 / 3, 1]
    )
    flat = [make(Entropy(w), **FULL).fit(X, SOME) for w in (1 / 3, 1.0)]
    losses = [net.history_["loss"] for net in (ramp, *flat)]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-12)
    assert losses[0][1] > losses[1][1] + 0.1
    assert losses[0][1] < losses[2][1] - 0.1


def test_rows_without_a_label_teach():
    """What a network learns from them depends on where they lie."""
    far = X.copy()
    far[OTHERS] = np.roll(X[OTHERS], 1, axis=1)
    for spec in (
        "pseudo_label:threshold=0.3",
        "consistency",
        "mean_teacher",
        "entropy",
    ):
        weights = [weights_of(make(spec).fit(table, SOME)) for table in (X, far)]
        assert np.linalg.norm(weights[0] - weights[1]) > 1e-3


@pytest.mark.parametrize("name", MANY)
def test_compiled_steps_are_the_graphs(name, monkeypatch):
    found = []
    for least in (1e9, 0):
        monkeypatch.setattr(_population, "MIN_COMPILED", least)
        found.append(train([make(loss) for loss in MANY[name][:2]]))
    for graph, compiled in zip(*found, strict=True):
        apart = np.linalg.norm(graph.weights - compiled.weights)
        assert apart < 1e-9 * np.linalg.norm(graph.weights)


# -- searches --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "grid"),
    [
        ("pseudo_label", {"threshold": [0.4, 0.6], "weight": [1.0, 3.0]}),
        ("consistency", {"corruption": [0.1, 0.6], "weight": [1.0, WarmUp(epochs=3)]}),
        ("mean_teacher", {"corruption": [0.1, 0.6], "weight": [0.0, 3.0]}),
        ("entropy", {"weight": [0.0, 0.1, 1.0]}),
    ],
)
def test_a_fused_search_is_scikit_learns(spec, grid):
    grid = {f"unlabeled_loss__{name}": values for name, values in grid.items()}
    pair = both(
        make(spec),
        grid,
        X,
        SOME,
        cv=LabelledSplit(3),
        scoring="neg_log_loss",
        error_score="raise",
    )
    assert_same(*pair, within=1e-9)
    np.testing.assert_allclose(*(s.predict_proba(X) for s in pair), atol=1e-9)


def test_losses_of_several_kinds_beside_momenta_and_early_stopping():
    grid = {
        "unlabeled_loss": ["pseudo_label:threshold=0.5", "mean_teacher", "entropy"],
        "weight_averaging": [0.0, 0.9],
    }
    pair = both(
        make(None, early_stopping=True, patience=1, validation_fraction=0.3),
        grid,
        X,
        SOME,
        cv=LabelledSplit(2),
        scoring="neg_log_loss",
        error_score="raise",
    )
    assert_same(*pair, within=1e-9)


def test_networks_of_folds_share_one_table():
    """With one label missing in one fold and three in another."""
    y = y_three.copy()
    y[[1, 5, 9, 80]] = -1
    jobs = [
        prepare_fit(make("consistency"), X[rows], y[rows])
        for rows in (np.arange(60), np.arange(33, 93))
    ]
    counts = [len(job.data.streams[0].others) for job in jobs]
    assert counts == [3, 1]
    pair = both(
        make("consistency"),
        {"unlabeled_loss__weight": [1.0, 5.0]},
        X,
        y,
        cv=[(np.arange(60), np.arange(81, 93)), (np.arange(33, 93), np.arange(10, 33))],
        scoring="neg_log_loss",
        error_score="raise",
    )
    assert_same(*pair, within=1e-9)
