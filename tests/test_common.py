"""scikit-learn's own conformance suite, once per registered loss."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.losses import loss_names


def estimators():
    """Return both estimators with every loss that fits them."""
    for name in loss_names("classification"):
        yield LossAwareClassifier(name, random_state=0)
    for name in loss_names("regression"):
        yield LossAwareRegressor(name, random_state=0)


@parametrize_with_checks(list(estimators()))
def test_estimator_check(estimator, check):
    check(estimator)
