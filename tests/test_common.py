"""scikit-learn's own conformance suite, once per registered loss."""

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


def estimators():
    """Return both estimators with every loss that fits them."""
    for name in loss_names("classification"):
        yield LossAwareClassifier(name, random_state=0)
    for name in loss_names("regression"):
        kind = CountRegressor if name in COUNTS else LossAwareRegressor
        yield kind(name, random_state=0)


@parametrize_with_checks(list(estimators()))
def test_estimator_check(estimator, check):
    check(estimator)
