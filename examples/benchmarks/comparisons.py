"""How often a comparison of losses is wrong, or blind, and how long it takes.

``luck``: on each of a hundred tables that are drawn anew, one loss is trained with two
seeds a fold, on five folds, twice, and compared as ``compare_losses`` compares two
losses: by the corrected t of Nadeau and Bengio (2003). At 5 % about five may differ;
eleven or more have a probability of one in a hundred. The usual t test of the same
scores stands beside it. (With one seed for all folds 40 of a hundred differed: the luck
of initial weights is then a difference that all folds share.)

``power``: the same with two losses that differ on the table: squared and absolute error
by MAE where one row in ten is an outlier, and where the noise has heavy tails.

``time``: eight losses, five folds twice, twelve settings each, on the real table
``hmda`` (2,380 rows).

    python examples/benchmarks/comparisons.py
    python examples/benchmarks/comparisons.py --part time

It takes about five minutes on two cores.
"""

import numpy as np
from command_line import make_parser
from planted_tables import MAE, PLANTED
from scipy.stats import ttest_rel
from sklearn.model_selection import RepeatedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import TABLES, prepare

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import FusedGridSearchCV, compare_losses
from skloss.model_selection._paired_scores import compare_paired

ROWS = 300
LOSSES = [
    *("cross_entropy", "brier", "focal", "hinge", "square", "exponential", "gce"),
    "logit_adjusted",
]


def score_two(net, grid, table, number, scoring):
    """Return the scores of ten folds of two settings, on a table of its own.

    Each fold has a seed of its own; what seeds are in the grid belongs to a fold.
    """
    X, y = next(own for own in PLANTED if own.name == table).make(number)
    X, y = X[:ROWS], y[:ROWS]
    pipe = make_pipeline(StandardScaler(), net.set_params(network=(32,), epochs=30))
    name, scores = pipe.steps[-1][0], []
    cv = RepeatedKFold(n_splits=5, n_repeats=2, random_state=number)
    for k, fold in enumerate(cv.split(X, y)):
        own = grid(1000 * number + 2 * k)
        search = FusedGridSearchCV(
            pipe,
            {f"{name}__{param}": values for param, values in own.items()},
            **{"scoring": scoring, "cv": [fold], "refit": False, "n_jobs": 2},
        ).fit(X, y)
        scores.append(search.cv_results_["split0_test_score"])
    return np.array(scores).T


def count_differences(pairs):
    """Return how often the corrected test, and the usual one, see a difference."""
    pairs = list(pairs)
    corrected = [compare_paired(*own, test_share=1 / 4).p_value for own in pairs]
    usual = [ttest_rel(*own).pvalue for own in pairs]
    return sum(p < 0.05 for p in corrected), sum(p < 0.05 for p in usual)


def measure_luck(count):
    corrected, usual = count_differences(
        score_two(
            LossAwareClassifier(),
            lambda seed: {"random_state": [seed, seed + 1]},
            *("clean", number, "neg_log_loss"),
        )
        for number in range(count)
    )
    print(
        f"Of {count} comparisons of a loss with itself {corrected} differ by the "
        f"corrected test, {usual} by the usual one, at 5 %."
    )


def measure_power(count):
    for table in ("outliers", "heavy tails"):
        corrected, usual = count_differences(
            score_two(
                LossAwareRegressor(),
                lambda seed: {
                    "loss": ["squared_error", "absolute_error"],
                    "random_state": [seed],
                },
                *(table, number, MAE),
            )
            for number in range(count)
        )
        print(
            f"Of {count} comparisons of squared with absolute error on {table!r} "
            f"{corrected} differ by the corrected test, {usual} by the usual one."
        )


def measure_time(_):
    X, y = TABLES["hmda"].load()
    net = LossAwareClassifier(random_state=0)
    found = compare_losses(
        make_pipeline(prepare(X), StandardScaler(), net),
        *(X, y, LOSSES),
        **{"n_settings": 12, "n_jobs": 2, "random_state": 0},
    )
    print(found)


PARTS = {"luck": measure_luck, "power": measure_power, "time": measure_time}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--comparisons", type=int, default=100)
    given = parser.parse_args()
    for part in given.part:
        PARTS[part](given.comparisons)


if __name__ == "__main__":
    main()
