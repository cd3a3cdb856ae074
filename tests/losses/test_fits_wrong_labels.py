"""Fits on real data with wrong labels: what the losses for them are for."""

import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skloss import LossAwareClassifier
from skloss.losses import (
    AbsoluteErrorOnProbabilities,
    BiTempered,
    Focal,
    GeneralizedCrossEntropy,
    NormalizedCrossEntropyReverse,
    SymmetricCrossEntropy,
)

ROBUST = [
    GeneralizedCrossEntropy(),
    SymmetricCrossEntropy(),
    NormalizedCrossEntropyReverse(),
    AbsoluteErrorOnProbabilities(),
    BiTempered(0.5, 2.0),
]


def noisy_scores(loss):
    """Return test accuracies over five splits with 40 % of training labels wrong."""
    X, y = load_digits(return_X_y=True)
    scores = []
    for seed in range(5):
        X_train, X_test, y_train, y_test = train_test_split(
            X / 16, y, test_size=0.4, stratify=y, random_state=seed
        )
        rng = np.random.default_rng(seed)
        wrong = rng.random(len(y_train)) < 0.4
        y_train = np.where(wrong, y_train + rng.integers(1, 10, len(wrong)), y_train)
        net = LossAwareClassifier(
            loss, lr_schedule="cosine", learning_rate=3e-3, batch_size=64
        )
        net.set_params(random_state=seed).fit(X_train, y_train % 10)
        scores.append(net.score(X_test, y_test))
    return np.array(scores)


@pytest.fixture(scope="module")
def plain():
    return noisy_scores("cross_entropy")


@pytest.mark.slow
@pytest.mark.parametrize("loss", ROBUST, ids=repr)
def test_robust_losses_bear_wrong_labels(loss, plain):
    robust = noisy_scores(loss)
    assert (robust > plain).all()
    assert ttest_rel(robust, plain, alternative="greater").pvalue < 0.01


@pytest.mark.slow
def test_sums_with_a_robust_term_fit():
    X, y = load_wine(return_X_y=True)
    loss = 0.5 * GeneralizedCrossEntropy() + 0.5 * Focal() + 0.1 * BiTempered()
    net = LossAwareClassifier(loss, epochs=30, random_state=0).fit(scale(X), y)
    assert net.score(scale(X), y) > 0.95
    p = net.predict_proba(scale(X))
    np.testing.assert_array_equal(p.argmax(axis=1), net.predict(scale(X)))
