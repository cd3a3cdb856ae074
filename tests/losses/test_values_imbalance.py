"""Losses that know how frequent each class is: values and claims."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit, softmax
from scipy.stats import ttest_rel
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from sklearn.utils.class_weight import compute_class_weight

from skloss import LossAwareClassifier
from skloss.losses import (
    LDAM,
    ClassBalanced,
    CrossEntropy,
    Focal,
    GeneralizedCrossEntropy,
    LogitAdjusted,
    Task,
    VectorScaling,
)

RNG = np.random.default_rng(3)
COUNTS = np.array([400, 120, 60, 20])
PRIOR = COUNTS / COUNTS.sum()
TARGET = np.repeat(np.eye(4), COUNTS, axis=0)
LABEL = (np.arange(600) < 60)[:, None].astype(float)
ONES = np.ones(600)
N = 50
CODES = RNG.integers(0, 4, N)
ONE_HOT = np.eye(4)[CODES]
SCORES = 2 * RNG.normal(size=(N, 4))
MARGINS = 2 * RNG.normal(size=(N, 1))
LABELS = RNG.integers(0, 2, (N, 1)).astype(float)
ETA = np.array([0.4, 0.3, 0.2, 0.1])
MULTI, BINARY = Task("multiclass", 4), Task("binary", 1)
EVERY = [LogitAdjusted, VectorScaling, LDAM, ClassBalanced]
every_class = pytest.mark.parametrize("cls", EVERY)


def ready(loss, task=MULTI):
    """Return the loss as it is after measuring the table of 600 rows."""
    y = TARGET if task.kind == "multiclass" else np.tile(LABEL, (1, task.size))
    return loss.bind(loss.measure(task, y, ONES))


def rows(loss, task, y, raw):
    """Return the values per row."""
    return loss.rowwise(task, *map(tf.constant, (y, raw))).numpy()


def close(value, expected, rel=1e-10):
    np.testing.assert_allclose(value, expected, rtol=rel, atol=1e-12)


def nll(scores):
    """Return the cross-entropy of each row's own class."""
    return -log_softmax(scores, axis=1)[np.arange(N), CODES]


def optimum(loss, task, eta):
    """Return the raw scores of least risk where labels have probabilities ``eta``."""
    y = np.eye(4) if task.kind == "multiclass" else np.array([[0.0], [1.0]])

    def risk(z):
        return eta @ rows(loss, task, y, np.tile(z, (len(eta), 1)))

    z = minimize(risk, np.zeros(task.size), method="BFGS", options={"gtol": 1e-8}).x
    return tf.constant(z[None])


# -- values --------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.0, 1.0, 1.5])
def test_logit_adjusted(tau):
    loss = ready(LogitAdjusted(tau))
    expected = nll(SCORES + tau * np.log(PRIOR))
    close(rows(loss, MULTI, ONE_HOT, SCORES), expected)
    p = expit(MARGINS[:, 0] + tau * logit(0.1))
    value = rows(ready(LogitAdjusted(tau), BINARY), BINARY, LABELS, MARGINS)
    close(value.mean(), log_loss(LABELS[:, 0], p))


def test_logit_adjusted_labels_each_have_their_own_frequency():
    task = Task("multilabel", 2)
    y = np.stack([LABEL[:, 0], np.arange(600) < 420], axis=1)
    loss = LogitAdjusted().bind(LogitAdjusted().measure(task, y, ONES))
    close(loss.prior_, [[0.9, 0.1], [0.3, 0.7]])
    raw = np.hstack([MARGINS, -MARGINS])
    p = loss.inverse_link(task, tf.constant(raw))
    close(p, expit(raw + logit([0.1, 0.7])))
    scores = loss.scores(task, tf.constant(raw))
    close(scores, raw + logit([0.1, 0.7]))


@pytest.mark.parametrize(("gamma", "tau"), [(0.15, 1.0), (0.3, 2.0)])
def test_vector_scaling(gamma, tau):
    factor, shift = (COUNTS / 400) ** gamma, tau * np.log(PRIOR)
    expected = nll(factor * SCORES + shift)
    close(rows(ready(VectorScaling(gamma, tau)), MULTI, ONE_HOT, SCORES), expected)
    # nine rows in ten are of class 0, whose score is 0
    f = (1 / 9) ** gamma * MARGINS[:, 0] + tau * logit(0.1)
    value = rows(ready(VectorScaling(gamma, tau), BINARY), BINARY, LABELS, MARGINS)
    close(value.mean(), log_loss(LABELS[:, 0], expit(f)))


def test_vector_scaling_contains_logit_adjustment_and_cross_entropy():
    for loss, other in (
        (VectorScaling(0.0, 1.5), LogitAdjusted(1.5)),
        (VectorScaling(0.0, 0.0), CrossEntropy()),
    ):
        expected = rows(ready(other), MULTI, ONE_HOT, SCORES)
        close(rows(ready(loss), MULTI, ONE_HOT, SCORES), expected)


def test_ldam():
    margin = 0.8 * (20 / COUNTS) ** 0.25
    shifted = SCORES - ONE_HOT * margin
    close(rows(ready(LDAM(0.8)), MULTI, ONE_HOT, SCORES), nll(shifted))
    # the true class gives up its margin: 0.8 for the rare one
    gap = np.where(LABELS == 1, MARGINS - 0.8, -MARGINS - 0.8 * (1 / 9) ** 0.25)
    value = rows(ready(LDAM(0.8), BINARY), BINARY, LABELS, MARGINS)
    close(value, np.logaddexp(0, -gap[:, 0]))


def test_ldam_without_margin_is_cross_entropy():
    close(rows(ready(LDAM(1e-9)), MULTI, ONE_HOT, SCORES), nll(SCORES), 1e-7)


@pytest.mark.parametrize("beta", [0.9, 0.999])
def test_class_balanced(beta):
    # 1 + beta + ... + beta^(n - 1) is the effective number
    weight = np.array([1 / np.sum(beta ** np.arange(n)) for n in COUNTS])
    weight /= weight.mean()
    loss = ready(ClassBalanced(beta))
    close(loss.weight_, weight)
    close(rows(loss, MULTI, ONE_HOT, SCORES), weight[CODES] * nll(SCORES))
    p = softmax(SCORES, axis=1)
    value = rows(loss, MULTI, ONE_HOT, SCORES)
    weighted = np.average(value / weight[CODES], weights=weight[CODES])
    close(weighted, log_loss(CODES, p, sample_weight=weight[CODES]))


def test_class_balanced_lies_between_equal_and_balanced_weights():
    close(ready(ClassBalanced(1e-12)).weight_, np.ones(4))
    balanced = compute_class_weight(
        "balanced", classes=np.arange(4), y=TARGET.argmax(axis=1)
    )
    close(ready(ClassBalanced(1 - 1e-10)).weight_, balanced / balanced.mean(), 1e-6)


@every_class
def test_before_measuring_all_classes_are_alike(cls):
    value = rows(cls(), MULTI, ONE_HOT, SCORES)
    alike = nll(SCORES - 0.5 * ONE_HOT) if cls is LDAM else nll(SCORES)
    close(value, alike)
    np.testing.assert_array_equal(
        cls().inverse_link(MULTI, tf.constant(SCORES)).numpy().argmax(axis=1),
        SCORES.argmax(axis=1),
    )


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (LogitAdjusted(tau=-1), "tau=-1 must be in"),
        (LogitAdjusted(posterior="test"), "posterior='test' must be 'train' or 'bal"),
        (VectorScaling(gamma=-1), "gamma=-1 must be in"),
        (VectorScaling(tau=-1), "tau=-1 must be in"),
        (VectorScaling(posterior=1), "posterior=1 must be"),
        (LDAM(max_margin=0), "max_margin=0 must be in"),
        (ClassBalanced(beta=1), "beta=1 must be in"),
    ],
)
def test_wrong_knobs(loss, text):
    with pytest.raises(ValueError, match=text):
        loss.check()


# -- what is decided and predicted ---------------------------------------------------


@pytest.mark.parametrize("task", [MULTI, BINARY], ids=lambda t: t.kind)
@pytest.mark.parametrize("tau", [1.0, 1.5])
def test_balanced_posterior_of_logit_adjustment(task, tau):
    eta = ETA if task.kind == "multiclass" else np.array([0.8, 0.2])
    prior = PRIOR if task.kind == "multiclass" else np.array([0.9, 0.1])
    loss = ready(LogitAdjusted(tau, posterior="balanced"), task)
    z = optimum(loss, task, eta)
    balanced = eta / prior**tau / np.sum(eta / prior**tau)
    np.testing.assert_allclose(loss.inverse_link(task, z)[0], balanced, atol=1e-4)
    np.testing.assert_allclose(loss.observed_probabilities(task, z)[0], eta, atol=1e-4)
    honest = ready(LogitAdjusted(tau), task)
    np.testing.assert_allclose(honest.inverse_link(task, z)[0], eta, atol=1e-4)


def test_balanced_posterior_of_class_balanced_is_that_of_reweighted_data():
    loss = ready(ClassBalanced(0.99, posterior="balanced"))
    z = optimum(loss, MULTI, ETA)
    expected = ETA * loss.weight_ / np.sum(ETA * loss.weight_)
    np.testing.assert_allclose(loss.inverse_link(MULTI, z)[0], expected, atol=1e-4)


@every_class
def test_posterior_chooses_the_decision(cls):
    raw, pair = tf.constant(SCORES), tf.constant(MARGINS)
    balanced = cls(posterior="balanced")
    np.testing.assert_array_equal(ready(balanced).scores(MULTI, raw), SCORES)
    binary = ready(balanced, BINARY)
    np.testing.assert_array_equal(binary.scores(BINARY, pair), MARGINS)
    honest = ready(cls())
    close(
        softmax(honest.scores(MULTI, raw), axis=1),
        honest.inverse_link(MULTI, raw),
        1e-5,
    )
    near = 0.05 * SCORES
    decided = np.argmax(honest.scores(MULTI, tf.constant(near)), axis=1)
    assert np.any(decided != near.argmax(axis=1))
    binary = ready(cls(), BINARY)
    p = binary.inverse_link(BINARY, pair)[:, 1]
    close(expit(binary.scores(BINARY, pair))[:, 0], p, 1e-5)
    assert cls().has_probabilities
    assert balanced.has_probabilities == (cls in (LogitAdjusted, ClassBalanced))


def test_early_stopping_watches_the_data_as_given():
    raw = tf.constant(SCORES)
    scores = [
        ready(LogitAdjusted(posterior=posterior)).monitor(MULTI, ONE_HOT, raw, ONES[:4])
        for posterior in ("train", "balanced")
    ]
    close(scores[0], nll(SCORES + np.log(PRIOR)))
    close(scores[1], scores[0])


@pytest.mark.parametrize(
    "loss",
    [
        0.5 * LogitAdjusted() + 0.5 * Focal(),
        LDAM() + ClassBalanced() + GeneralizedCrossEntropy(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("task", [MULTI, BINARY], ids=lambda t: t.kind)
def test_sums_give_and_decide_by_the_posterior(loss, task):
    eta = ETA if task.kind == "multiclass" else np.array([0.6, 0.4])
    loss = ready(loss, task)
    z = optimum(loss, task, eta)
    np.testing.assert_allclose(loss.inverse_link(task, z)[0], eta, atol=1e-4)
    raw = tf.constant(SCORES if task.kind == "multiclass" else MARGINS)
    scores, p = loss.scores(task, raw).numpy(), loss.inverse_link(task, raw).numpy()
    if task.kind == "multiclass":
        np.testing.assert_array_equal(scores.argmax(axis=1), p.argmax(axis=1))
    else:
        np.testing.assert_array_equal(scores[:, 0] > 0, p.argmax(axis=1) == 1)


# -- fits ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rare():
    """Return a table of two classes, one in eight rows of class 1."""
    X, y = load_breast_cancer(return_X_y=True)
    keep = np.concatenate([np.flatnonzero(y == 1)[:280], np.flatnonzero(y == 0)[:40]])
    return scale(X)[keep], 1 - y[keep]


def fitted(loss, X, y, **fit):
    net = LossAwareClassifier(loss, network=(8,), epochs=5, random_state=0)
    return net.set_params(learning_rate=0.01).fit(X, y, **fit)


@pytest.mark.slow
def test_with_the_posterior_of_the_data_it_is_cross_entropy(rare):
    plain, adjusted = fitted("cross_entropy", *rare), fitted("logit_adjusted", *rare)
    X = rare[0]
    np.testing.assert_allclose(
        adjusted.predict_proba(X), plain.predict_proba(X), atol=1e-6
    )
    np.testing.assert_array_equal(adjusted.predict(X), plain.predict(X))


@pytest.mark.slow
def test_frequencies_are_weighted(rare):
    X, y = rare
    weight = np.where(y == 1, 7.0, 1.0)
    net = fitted("logit_adjusted", X, y, sample_weight=weight)
    close(net.loss_.prior_, [0.5, 0.5])
    close(fitted("logit_adjusted", X, y).loss_.prior_, [7 / 8, 1 / 8])
    assert LogitAdjusted().prior_ is None


@every_class
def test_weights_are_repeated_rows(cls, rare):
    X, y = rare
    times = np.where(np.arange(len(y)) % 3 == 0, 2, 1)
    weighted = fitted(cls(), X, y, sample_weight=times)
    repeated = fitted(cls(), np.repeat(X, times, axis=0), np.repeat(y, times))
    for name in cls.measured:
        close(getattr(weighted.loss_, name), getattr(repeated.loss_, name))


@every_class
def test_a_class_that_is_yet_to_come(cls, rare):
    X, y = rare
    net = LossAwareClassifier(cls(), random_state=0)
    net.partial_fit(X[:99], y[:99], classes=[0, 1, 2]).partial_fit(X, y)
    assert np.isfinite(net.predict_proba(X)).all()


@every_class
def test_predictions_follow_probabilities(cls, rare):
    net = fitted(cls(), *rare)
    p = net.predict_proba(rare[0])
    np.testing.assert_array_equal(p.argmax(axis=1), net.predict(rare[0]))
    assert p[:, 1].mean() == pytest.approx(1 / 8, abs=0.05)


def balanced_accuracies(loss):
    """Return them over five splits of digits, 100 training rows of 0, two of 9."""
    X, y = load_digits(return_X_y=True)
    counts = np.round(100 * 50 ** (-np.arange(10) / 9)).astype(int)
    scores = []
    for seed in range(5):
        X_train, X_test, y_train, y_test = train_test_split(
            X / 16, y, test_size=0.4, stratify=y, random_state=seed
        )
        keep = [np.flatnonzero(y_train == k)[:n] for k, n in enumerate(counts)]
        keep = np.concatenate(keep)
        net = LossAwareClassifier(loss, random_state=seed)
        net.fit(X_train[keep], y_train[keep])
        scores.append(balanced_accuracy_score(y_test, net.predict(X_test)))
    return np.array(scores)


@pytest.fixture(scope="module")
def plain():
    return balanced_accuracies("cross_entropy")


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    [
        LogitAdjusted(posterior="balanced"),
        VectorScaling(posterior="balanced"),
        ClassBalanced(posterior="balanced"),
    ],
    ids=repr,
)
def test_balanced_decisions_raise_balanced_accuracy(loss, plain):
    found = balanced_accuracies(loss)
    assert ttest_rel(found, plain, alternative="greater").pvalue < 0.01
    if not isinstance(loss, ClassBalanced):
        assert found.mean() > plain.mean() + 0.03
