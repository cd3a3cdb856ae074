"""scikit-learn's own conformance suite, once per registered loss."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.losses import loss_names


class CountRegressor(LossAwareRegressor):
    """Maps a target to its absolute value, for losses that need y >= 0.

    ``check_regressor_multioutput`` draws targets of both signs whatever the tag
    ``positive_only`` says; this is the only reason for the class.
    """

    def _encoded(self, y):
        return super()._encoded(abs(y))


COUNTS = ("poisson",)


def estimators(default):
    """Return both estimators, with their default loss or with every other one."""
    for name in loss_names("classification"):
        if (name == "cross_entropy") is default:
            yield LossAwareClassifier(name, random_state=0)
    for name in loss_names("regression"):
        if (name == "squared_error") is default:
            kind = CountRegressor if name in COUNTS else LossAwareRegressor
            yield kind(name, random_state=0)


@parametrize_with_checks(list(estimators(default=True)))
def test_default_loss(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(list(estimators(default=False)))
def test_every_other_loss(estimator, check):
    check(estimator)
