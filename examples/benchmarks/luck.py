"""How often networks that differ by luck alone are declared different.

On each of a hundred tables that are drawn anew, the same loss is trained with two
seeds on five folds, twice, and its scores are compared as ``compare_losses`` compares
those of two losses: by the corrected t of Nadeau and Bengio (2003). At 5 % about five
may differ; eleven or more have a probability of one in a hundred. The usual t test of
the same scores stands beside it.

    python examples/benchmarks/luck.py

It takes about three minutes on two cores.
"""

import numpy as np
from command_line import make_parser
from planted_tables import PLANTED
from scipy.stats import ttest_rel
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV
from skloss.model_selection._paired_scores import compare_paired

ROWS = 300


def score_two_seeds(number, scoring):
    """Return the scores of ten folds with two seeds, on a table of its own."""
    table = next(table for table in PLANTED if table.name == "clean")
    X, y = table.make(number)
    net = LossAwareClassifier(network=(32,), epochs=30)
    search = FusedGridSearchCV(
        make_pipeline(StandardScaler(), net),
        {"lossawareclassifier__random_state": [2 * number, 2 * number + 1]},
        scoring=scoring,
        cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=number),
        **{"refit": False, "n_jobs": 2},
    ).fit(X[:ROWS], y[:ROWS])
    results = search.cv_results_
    return np.array([results[f"split{k}_test_score"] for k in range(10)]).T


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--comparisons", type=int, default=100)
    parser.add_argument("--scoring", default="neg_log_loss")
    given = parser.parse_args()
    corrected = usual = 0
    for number in range(given.comparisons):
        one, two = score_two_seeds(number, given.scoring)
        corrected += compare_paired(one, two, test_share=1 / 4).p_value < 0.05
        usual += ttest_rel(one, two).pvalue < 0.05
    print(
        f"Of {given.comparisons} comparisons of a loss with itself {corrected} differ "
        f"by the corrected test, {usual} by the usual one, at 5 %."
    )


if __name__ == "__main__":
    main()
