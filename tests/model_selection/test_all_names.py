"""Fused searches over all names that fit a target: each learns what it can."""

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
)
from sklearn.metrics import (
    make_scorer,
    mean_absolute_error,
    mean_gamma_deviance,
    mean_poisson_deviance,
    mean_squared_log_error,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.losses import Loss, Task
from skloss.model_selection import FusedGridSearchCV

pytestmark = pytest.mark.slow
# The second shares the programs of the first, whose network has every default.
BUDGETS = {}, {"net__epochs": [20], "net__learning_rate": [0.01]}


def named(X, y):
    return X, np.array([f"digit {label}" for label in y])


TABLES = {
    "breast_cancer": lambda: load_breast_cancer(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "digits": lambda: named(*load_digits(return_X_y=True)),
}


def names(family, fits):
    """Return the names of the package's own losses that fit."""
    return [
        name
        for name, cls in sorted(Loss.registry[family].items())
        if cls.__module__.startswith("skloss.") and fits(cls)
    ]


def searched(net, grid, X, y, **options):
    """Return the fused search of a standardised table."""
    pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
    return FusedGridSearchCV(pipe, grid, cv=3, error_score="raise", **options).fit(X, y)


def far_from_cross_entropy(accuracy):
    """Return the losses more than 0.1 away, some for ordered classes apart.

    Where all classes share one score, no network of this size separates ten classes
    that have no order; and kappa counts how far off a class is, not whether.
    """
    registry, three = Loss.registry["classification"], Task("multiclass", 3)
    free = {
        name: value
        for name, value in accuracy.items()
        if not registry[name]().n_global(three) and name != "qwk"
    }
    return {k: v for k, v in free.items() if abs(v - free["cross_entropy"]) > 0.1}


@pytest.mark.parametrize("table", TABLES)
def test_all_classification_names(table):
    X, y = TABLES[table]()
    kind = "binary" if table == "breast_cancer" else "multiclass"
    proper = names("classification", lambda cls: cls.proper in ("strict", "link"))
    others = names("classification", lambda cls: kind in cls.kinds)
    others = [name for name in others if name not in proper]
    accuracy = {}, {}
    for group, metrics in (
        (proper, ["accuracy", "roc_auc_ovr", "neg_log_loss"]),
        (others, ["accuracy", "roc_auc"] if kind == "binary" else ["accuracy"]),
    ):
        grid = [{"net__loss": group, **budget} for budget in BUDGETS]
        net = LossAwareClassifier(random_state=0)
        search = searched(net, grid, X, y, scoring=metrics, refit="accuracy")
        means = {name: search.cv_results_[f"mean_test_{name}"] for name in metrics}
        assert all(np.isfinite(values).all() for values in means.values())
        for found, values in zip(accuracy, np.split(means["accuracy"], 2), strict=True):
            found.update(zip(group, values, strict=True))
        assert set(search.predict(X)) <= set(y)
        if group is proper and table != "digits":  # ten classes have no order
            share = np.unique(y, return_counts=True)[1] / len(y)
            assert means["neg_log_loss"].min() > np.sum(share * np.log(share)) / 2
    for found in accuracy:
        assert not far_from_cross_entropy(found), found
        assert found["cross_entropy"] > 0.85


def test_all_names_for_several_labels():
    X, y = load_breast_cancer(return_X_y=True)
    y = np.column_stack([y, X[:, 0] > X[:, 0].mean()]).astype(int)
    group = names("classification", lambda cls: "multilabel" in cls.kinds)
    net = LossAwareClassifier(network=(8,), epochs=30, learning_rate=0.01)
    search = searched(net.set_params(random_state=0), {"net__loss": group}, X, y)
    assert (search.cv_results_["mean_test_score"] > 0.8).all()


def table_of(domain):
    """Return X and a y in the domain: real ones, or amounts with a log-linear mean."""
    if domain == "real":
        return load_diabetes(return_X_y=True)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 4))
    mean = np.exp(0.8 + X @ [0.7, -0.5, 0.4, 0.0])
    y = {"positive": rng.gamma(4.0, mean / 4), "unit": rng.beta(4 * mean, 4.0)}
    y["open_unit"] = y["unit"]
    return X, y.get(domain, rng.poisson(mean).astype(float))


ERRORS = {
    "real": mean_absolute_error,
    "positive": mean_gamma_deviance,
    "unit": mean_absolute_error,
    "open_unit": mean_absolute_error,
    "nonnegative": mean_poisson_deviance,
    "count": mean_poisson_deviance,
}


def assert_better_than_a_constant(group, domain, metric, constant):
    """Assert that the error of each loss is at most 80 % of the constant's."""
    X, y = table_of(domain)
    net = LossAwareRegressor(network=(16,), learning_rate=0.01, epochs=25, l2=1e-3)
    scoring = make_scorer(metric, greater_is_better=False)
    net.set_params(random_state=0)
    search = searched(net, {"net__loss": group}, X, y, scoring=scoring, refit=False)
    errors = dict(zip(group, -search.cv_results_["mean_test_score"], strict=True))
    limit = 0.8 * metric(y, np.full(len(y), constant(y)))
    assert {name: error for name, error in errors.items() if error > limit} == {}


@pytest.mark.parametrize("domain", ERRORS)
def test_all_regression_names(domain):
    """The error for amounts is their deviance."""
    group = names("regression", lambda cls: cls.domain == domain and cls.name != "msle")
    constant = np.median if domain == "real" else np.mean
    assert_better_than_a_constant(group, domain, ERRORS[domain], constant)


def test_the_loss_that_elicits_no_mean():
    def constant(y):
        return np.expm1(np.log1p(y).mean())

    metric = mean_squared_log_error
    assert_better_than_a_constant(["msle"], "nonnegative", metric, constant)
