"""scikit-learn's own conformance suite, once per registered loss."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.utils.estimator_checks import parametrize_with_checks

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.losses import Loss, loss_names


class InDomain(LossAwareRegressor):
    """Maps every target into the loss's domain, and shares back out of it.

    ``check_regressor_multioutput`` draws targets of both signs whatever the tag
    ``positive_only`` says, and no tag asks for shares; these are the only reasons for
    the class.
    """

    def _encoded(self, y):
        y = np.asarray(y, dtype=float)
        inside = {
            "nonnegative": abs(y),
            "positive": abs(y) + 0.1,
            "count": np.round(abs(y)),
            "unit": expit(y),
            "open_unit": np.clip(expit(y), 1e-6, 1 - 1e-6),
        }
        return super()._encoded(inside[self.loss_.domain])

    def predict(self, X):
        y = super().predict(X)
        share = self.loss_.domain in ("unit", "open_unit")
        return logit(np.clip(y, 1e-6, 1 - 1e-6)) if share else y


def estimators(default):
    """Return both estimators, with their default loss or with every other one."""
    for name in loss_names("classification"):
        if (name == "cross_entropy") is default:
            yield LossAwareClassifier(name, random_state=0)
    for name, cls in sorted(Loss.registry["regression"].items()):
        if (name == "squared_error") is default:
            kind = LossAwareRegressor if cls.domain == "real" else InDomain
            yield kind(name, random_state=0)


@parametrize_with_checks(list(estimators(default=True)))
def test_default_loss(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(list(estimators(default=False)))
def test_every_other_loss(estimator, check):
    check(estimator)
