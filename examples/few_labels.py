"""Few labels, many rows: what the rows without a label add, label by label.

1,797 handwritten digits, of which 3, 5, 10, 20 or 50 of each kind have a label. Three
classifiers learn from them: one from these alone; one whose ``unlabeled_loss`` is a
mean teacher: a digit with some pixels replaced is to be what the averaged network says
of it as it is; and scikit-learn's ``SelfTrainingClassifier``, which labels the rest by
and by, and trains about ten networks one after the other for that. Each draw of labels
is the same for all three, and 600 digits that took no part tell them apart.

Which of the four losses of rows without a label is the best one, a search says that
scores labelled rows alone, by ``LabelledSplit``.
"""

from functools import cache
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.semi_supervised import SelfTrainingClassifier

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV, LabelledSplit

PLOT = Path(__file__).with_name("output") / "few_labels.png"
COUNTS = (3, 5, 10, 20, 50)  # labels of each digit
REPETITIONS = 3
NAMES = ("labelled rows alone", "mean teacher", "self-training")


@cache
def load():
    """Return digits to learn from, digits to test, and their kinds."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=600, stratify=y, random_state=0)


def draw_labels(count, seed):
    """Return kinds of which all but ``count`` of each are -1: not known."""
    _, _, y, _ = load()
    rng, given = np.random.default_rng(seed), np.full(len(y), -1)
    for digit in range(10):
        rows = rng.choice(np.flatnonzero(y == digit), count, replace=False)
        given[rows] = digit
    return given


def make_net(seed, unlabeled_loss=None):
    """Return the network that all three have in common."""
    return LossAwareClassifier(
        l2=1e-3, unlabeled_loss=unlabeled_loss, random_state=seed, record=False
    )


def compare(count, seed):
    """Return the shares of test digits that the three classifiers get right."""
    X, test, _, truth = load()
    given = draw_labels(count, seed)
    known = given >= 0
    fitted = (
        make_net(seed).fit(X[known], given[known]),
        make_net(seed, "mean_teacher").fit(X, given),
        SelfTrainingClassifier(make_net(seed)).fit(X, given),
    )
    return [own.score(test, truth) for own in fitted]


def draw_curve(scores):
    """Draw the share of right answers over the number of labels."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for i, name in enumerate(NAMES):
        mean, spread = scores[..., i].mean(axis=1), scores[..., i].std(axis=1)
        axes.errorbar(COUNTS, mean, spread, marker="o", capsize=3, label=name)
    axes.set_xscale("log")
    axes.set_xticks(COUNTS, COUNTS)
    axes.minorticks_off()
    axes.set(xlabel="labels of each digit", ylabel="share of test digits right")
    axes.legend()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)
    print(f"\nDrawn in {PLOT}.")


def choose_term(count=10):
    """Print which loss of rows without a label a search chooses, and its worth."""
    X, test, y, truth = load()
    given = draw_labels(count, seed=0)
    grid = {
        "unlabeled_loss": ["pseudo_label", "consistency", "mean_teacher", "entropy"],
        "l2": [1e-3, 1e-2],
    }
    found = FusedGridSearchCV(
        make_net(0), grid, cv=LabelledSplit(5), scoring="neg_log_loss"
    ).fit(X, given)
    net = found.best_estimator_
    right = net.transduction_[given < 0] == y[given < 0]
    print(
        f"\nWith {count} labels of each digit the search chooses {found.best_params_}:"
    )
    print(f"{net.score(test, truth):.1%} of test digits right,")
    print(f"{right.mean():.1%} of the training digits that had no label.")
    assert net.score(test, truth) > make_net(0).fit(
        X[given >= 0], given[given >= 0]
    ).score(test, truth)


def main():
    scores = np.array(
        [[compare(count, seed) for seed in range(REPETITIONS)] for count in COUNTS]
    )
    print("Share of test digits right, by the number of labels of each:\n")
    print(f"{'':22}", *(f"{count:>6}" for count in COUNTS))
    for i, name in enumerate(NAMES):
        shares = (f"{share:6.1%}" for share in scores[..., i].mean(axis=1))
        print(f"{name:22}", *shares)
    draw_curve(scores)
    alone, teacher, _ = np.moveaxis(scores.mean(axis=1), -1, 0)
    assert (teacher[:4] > alone[:4]).all()  # with 50 labels there is less to add
    choose_term()


if __name__ == "__main__":
    main()
