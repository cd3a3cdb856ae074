"""scikit-learn's own conformance suite: whole by kinds of losses, in part for each."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.utils.estimator_checks import estimator_checks_generator

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.estimators._number_target import NumberTarget
from skloss.losses import Loss, Quantile, loss_names


class TargetInDomain(NumberTarget):
    """Maps every target into the loss's domain."""

    def encode(self, y, loss):
        y = np.asarray(y, dtype=float)
        inside = {
            "nonnegative": abs(y),
            "positive": abs(y) + 0.1,
            "count": np.round(abs(y)),
            "unit": expit(y),
            "open_unit": np.clip(expit(y), 1e-6, 1 - 1e-6),
        }
        return super().encode(inside[loss.domain], loss)


class InDomain(LossAwareRegressor):
    """Maps every target into the loss's domain, and shares back out of it.

    ``check_regressor_multioutput`` draws targets of both signs whatever the tag
    ``positive_only`` says, and no tag asks for shares; these are the only reasons for
    the class.
    """

    _target = TargetInDomain

    def predict(self, X):
        y = super().predict(X)
        share = self.loss_.domain in ("unit", "open_unit")
        return logit(np.clip(y, 1e-6, 1 - 1e-6)) if share else y


# One loss for each kind of head and target, that is, of what else than the formula
# differs between fits: for it every check is run, as for both default losses.
KINDS = {
    "hinge": "no probabilities",
    "asymmetric_loss": "a link found from gradients",
    "tversky": "the value of a batch is no sum over rows",
    "qwk": "the same, of ordered classes",
    "coral": "thresholds that all rows share",
    "quantile": "a raw output for each level",
    "gaussian_nll": "a location and a scale",
    "mixture_density": "several of each",
    "hl_gauss": "a histogram over the range of the target",
    "poisson": "amounts, by a logarithm",
    "negative_binomial": "counts, with a number that all rows share",
    "beta_likelihood": "shares",
}
# The checks in which the formula runs: training, weights, dtypes, a single row, and
# whether predictions are the same again. All others are of the estimator alone.
OF_THE_FORMULA = {
    "check_classifiers_train",
    "check_regressors_train",
    "check_sample_weight_equivalence_on_dense_data",
    "check_fit2d_1sample",
    "check_fit2d_1feature",
    "check_methods_subset_invariance",
    "check_fit_idempotent",
    "check_estimators_dtypes",
    "check_estimators_pickle",
}
NET = {"network": (32,), "epochs": 40, "learning_rate": 0.01, "random_state": 0}
# For the others: a batch of one size, so that tables of any length share a program.
SMALL = NET | {"network": (8,), "batch_size": 64}


def estimators():
    """Return the name of each loss that is no default, and an estimator with it."""
    for name in loss_names("classification"):
        if name != "cross_entropy":
            yield name, LossAwareClassifier(name, **NET)
    for name, cls in sorted(Loss.registry["regression"].items()):
        if name != "squared_error":
            loss = Quantile((0.1, 0.5, 0.9)) if name == "quantile" else name
            kind = LossAwareRegressor if cls.domain == "real" else InDomain
            yield name, kind(loss, **NET)


def name_of(check):
    """Return the name of a check and its keywords, as scikit-learn writes them."""
    words = ",".join(f"{k}={v}" for k, v in check.keywords.items())
    return check.func.__name__ + (f"({words})" if words else "")


CHECKS = [
    pytest.param(own, check, id=f"{name}-{name_of(check)}")
    for name, estimator in estimators()
    for own, check in estimator_checks_generator(estimator)
    if name in KINDS or check.func.__name__ in OF_THE_FORMULA
]


def default_checks():
    """Yield each check: of the formula with the network as it comes, others small.

    What both estimators have from one class is quick for the first of them.
    """
    seen = set()
    for cls in (LossAwareClassifier, LossAwareRegressor):
        for whole, net in ((True, cls(random_state=0)), (False, cls(**SMALL))):
            for own, check in estimator_checks_generator(net):
                if (check.func.__name__ in OF_THE_FORMULA) is whole:
                    name = name_of(check)
                    marks = pytest.mark.slow if name in seen and not whole else ()
                    seen.add(name)
                    yield pytest.param(
                        own, check, id=f"{cls.__name__}-{name}", marks=marks
                    )


@pytest.mark.parametrize(("estimator", "check"), list(default_checks()))
def test_default_loss(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_every_other_loss(estimator, check):
    check(estimator)


def test_the_names_above_exist():
    names = {name for name, _ in estimators()}
    assert set(KINDS) <= names
    assert {param.values[1].func.__name__ for param in CHECKS} >= OF_THE_FORMULA
