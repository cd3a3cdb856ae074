"""Greedy selection: the means of predictions that Caruana et al. 2004 would choose."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error

from skloss.model_selection._greedy import choose_weights

rng = np.random.default_rng(0)
Y = (rng.random(200) < 0.4).astype(int)
# of unequal quality, with errors of their own
LIBRARY = np.stack(
    [
        np.clip(0.4 + 0.5 * (Y - 0.4) * skill + 0.2 * rng.normal(size=200), 0.02, 0.98)
        for skill in (0.3, 0.9, 0.8, 1.0, 0.85)
    ]
)


def by_hand(score, rounds):
    """Return the models of the best of the means that are met on the way."""
    chosen, scores = [], []
    while len(chosen) < rounds:
        tried = [
            score(np.mean([LIBRARY[j] for j in [*chosen, i]], axis=0))
            for i in range(len(LIBRARY))
        ]
        chosen.append(int(np.argmax(tried)))
        scores.append(max(tried))
        if len(scores) - 1 - np.argmax(scores) == 5:
            break
    return chosen[: np.argmax(scores) + 1]


@pytest.mark.parametrize(
    "score",
    [lambda p: -log_loss(Y, p), lambda p: -mean_squared_error(Y, p)],
    ids=["log-loss", "squared error"],
)
@pytest.mark.parametrize("rounds", [1, 3, 25])
def test_weights_are_those_of_the_selection_by_hand(score, rounds):
    weights = choose_weights(score, LIBRARY, rounds)
    chosen = by_hand(score, rounds)
    shares = np.bincount(chosen, minlength=5) / len(chosen)
    np.testing.assert_allclose(weights, shares, rtol=1e-12)
    mean = score(np.tensordot(weights, LIBRARY, axes=1))
    assert mean >= max(map(score, LIBRARY))


def test_a_model_may_be_right_in_a_smaller_share_than_half():
    y = np.array([0.0, 0.0])
    library = np.array([[1.0, -1.0], [-3.0, 3.0]])
    weights = choose_weights(lambda v: -np.square(v - y).mean(), library)
    # halves of the first two would be as wrong as the first alone
    np.testing.assert_allclose(weights, [3 / 4, 1 / 4])


def test_models_without_a_score_are_passed_over():
    library = np.stack([np.full(3, np.nan), np.ones(3), np.zeros(3)])
    weights = choose_weights(lambda values: -np.abs(values - 0.5).mean(), library)
    np.testing.assert_allclose(weights, [0, 0.5, 0.5])
    assert choose_weights(lambda values: np.nan, library).tolist() == [0, 0, 0]
